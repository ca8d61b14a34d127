# Turns a Lua file into the lines of a C string literal; see the rule for sync/library.inc in Makefile.am.
s/\\/\\\\/g
s/"/\\"/g
s/^/    "/
s/$/\\n"/
