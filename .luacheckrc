-- SPDX-License-Identifier: ISC
-- What luacheck knows about the project's Lua: the language is 5.4, and lines end at 110 columns.
std = "lua54"
max_line_length = 110

-- A site's policy: what it may define, and the words of lua/policy.lua and lua/site.lua.
local policy = {
    globals = { "decide", "check" },
    read_globals = { "accept", "compare", "hold", "reject", "removable", "rule", "run", "satisfies" },
}
files["demo/*.lua"] = policy
files["lua/examples/*.lua"] = policy
-- The libraries define those words.
files["lua/policy.lua"] = {
    globals = { "accept", "compare", "hold", "reject", "rule", "run", "satisfies" }, read_globals = { "decide", "host" },
}
files["lua/site.lua"] = { globals = { "removable" } }
files["lua/spec.lua"] = { globals = { "policy", "case" }, read_globals = { "host" } }
files["**/*_spec.lua"] = { read_globals = { "policy", "case" } }
