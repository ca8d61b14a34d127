-- SPDX-License-Identifier: ISC
-- What luacheck knows about the project's Lua: the language is 5.4, and lines end at 110 columns.
std = "lua54"
max_line_length = 110
