-- SPDX-License-Identifier: ISC
-- What luacheck knows about the project's Lua: the language is 5.4, and lines end at 110 columns.
std = "lua54"
max_line_length = 110

-- A site's policy: what it may define, and the words of lua/policy.lua and lua/site.lua.
local policy = {
    globals = { "after", "before", "check", "decide", "deliver", "stage", "undo" },
    read_globals = {
        "accept", "compare", "delivery", "get", "hold", "post", "put", "reject", "removable", "rule", "run",
        "satisfies", "store",
    },
}
files["demo/*.lua"] = policy
files["lua/examples/*.lua"] = policy
-- The libraries define those words.
files["lua/policy.lua"] = {
    globals = {
        "accept", "compare", "delivery", "get", "hold", "post", "put", "reject", "rule", "run", "satisfies", "store",
    },
    read_globals = { "decide", "deliver", "host" },
}
files["lua/mustache.lua"] = { globals = { "render" } }
files["lua/site.lua"] = { globals = { "removable" } }
files["lua/spec.lua"] = { globals = { "policy", "case" }, read_globals = { "host" } }
files["**/*_spec.lua"] = { read_globals = { "policy", "case" } }
