/* SPDX-License-Identifier: ISC */
/*
 * What a script finds in its environment: an allow-list taken from Lua's own libraries, and in front of a few
 * of them a version without what would make a script impure (order of pairs, addresses) or unbounded (__gc,
 * string.rep).
 */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <string.h>

#include "script/state.h"

/* No coroutines: the count hook belongs to one thread. */
static const char *const base_names[] = {
    "assert", "error",  "getmetatable", "ipairs",       "next",     "pairs",    "pcall", "rawequal", "rawget",
    "rawlen", "rawset", "select",       "setmetatable", "tonumber", "tostring", "type",  "xpcall",   NULL};
static const char *const string_names[] = {"byte",    "char",  "find",   "format", "gmatch",   "gsub",
                                           "len",     "lower", "match",  "pack",   "packsize", "rep",
                                           "reverse", "sub",   "unpack", "upper",  NULL};
static const char *const table_names[] = {"concat", "insert", "move",   "pack",
                                          "remove", "sort",   "unpack", NULL};
static const char *const math_names[] = {"abs",        "ceil", "floor",      "fmod", "huge", "max",
                                         "maxinteger", "min",  "mininteger", "modf", "pi",   "sqrt",
                                         "tointeger",  "type", "ult",        NULL};
static const char *const utf8_names[] = {"char", "charpattern", "codepoint", "codes", "len", "offset", NULL};

/* Lua seeds the hashes of its tables with addresses and the time, so its own pairs() goes another way each
 * run. */
static const char prelude[] =
    "local rawnext, rawtostring, rawformat, rawrep, rawsetmeta = next, tostring, string.format, string.rep, "
    "setmetatable\n"
    "local select, rawipairs = select, ipairs\n"
    "local type, error, rawget, sort, getmeta, find = type, error, rawget, table.sort, getmetatable, "
    "string.find\n"
    "local pack, unpack, pcall = table.pack, table.unpack, pcall\n"
    "local rank = {number = 1, string = 2, boolean = 3}\n"
    "local function before(a, b)\n"
    "  local ra, rb = rank[type(a)], rank[type(b)]\n"
    "  if ra ~= rb then return ra < rb end\n"
    "  if ra == 3 then return not a and b end\n"
    "  return a < b\n"
    "end\n"
    "local function check(what, t, k)\n"
    "  if type(t) ~= 'table' then error(what .. ': expected a table, got ' .. type(t), 3) end\n"
    "  if k ~= nil and not rank[type(k)] then error(what .. ': a ' .. type(k) .. ' as a key has no order', "
    "3) end\n"
    "end\n"
    "function pairs(t)\n"
    "  check('pairs', t)\n"
    "  local list, n, i = {}, 0, 0\n"
    "  for k in rawnext, t do check('pairs', t, k) n = n + 1 list[n] = k end\n"
    "  sort(list, before)\n"
    "  return function()\n"
    "    while i < n do\n"
    "      i = i + 1\n"
    "      local v = rawget(t, list[i])\n"
    "      if v ~= nil then return list[i], v end\n"
    "    end\n"
    "  end, t, nil\n"
    "end\n"
    "function ipairs(t)\n" /* Lua's own fails later, and says no line */
    "  check('ipairs', t)\n"
    "  return rawipairs(t)\n"
    "end\n"
    "function next(t, last)\n"
    "  local best\n"
    "  check('next', t, last)\n"
    "  for k in rawnext, t do\n"
    "    check('next', t, k)\n"
    "    if (last == nil or before(last, k)) and (best == nil or before(k, best)) then best = k end\n"
    "  end\n"
    "  if best ~= nil then return best, rawget(t, best) end\n"
    "end\n"
    "function tostring(...)\n"
    "  local v = ...\n"
    "  if type(v) ~= 'table' and type(v) ~= 'function' then return rawtostring(...) end\n"
    "  local meta = getmeta(v)\n"
    "  if type(meta) == 'table' and rawget(meta, '__tostring') ~= nil then return rawtostring(v) end\n"
    "  return type(v)\n"
    "end\n"
    "local tostring = tostring\n"
    "function string.format(form, ...)\n"
    "  if type(form) == 'string' and find(form, '%%[-+ #0-9.]*p') then error(\"format: '%p' is not "
    "available\", 2) end\n"
    "  local args = pack(...)\n"
    "  for i = 1, args.n do\n"
    "    if type(args[i]) == 'table' or type(args[i]) == 'function' then args[i] = tostring(args[i]) end\n"
    "  end\n"
    "  return rawformat(form, unpack(args, 1, args.n))\n"
    "end\n"
    "function string.rep(s, n, sep)\n"
    "  if type(n) == 'number' and n > 1000000 then error('rep: more than 1000000 repetitions', 2) end\n"
    "  return rawrep(s, n, sep)\n"
    "end\n"
    "function xpcall(f, handler, ...)\n" /* Lua's own runs the handler where no hook counts */
    "  local result = pack(pcall(f, ...))\n"
    "  if result[1] then return unpack(result, 1, result.n) end\n"
    "  return false, select(2, pcall(handler, result[2]))\n"
    "end\n"
    "function setmetatable(t, meta)\n"
    "  if type(meta) == 'table' and rawget(meta, '__gc') ~= nil then error(\"setmetatable: '__gc' is not "
    "available\", 2) end\n"
    "  return rawsetmeta(t, meta)\n"
    "end\n";

/* Copies the named fields of the table at the top of the stack into a new one, which takes its place. */
static void keep(lua_State *lua, const char *const *names)
{
    lua_newtable(lua);
    for (; *names != NULL; names++) {
        lua_getfield(lua, -2, *names);
        lua_setfield(lua, -2, *names);
    }
    lua_remove(lua, -2);
}

static void add(lua_State *lua, int env, const char *name, lua_CFunction open, const char *const *names)
{
    lua_pushcfunction(lua, open);
    lua_call(lua, 0, 1);
    keep(lua, names);
    lua_setfield(lua, env, name);
}

/* Methods of strings come from the table that was kept; the metatable itself cannot be had. */
static void protect_strings(lua_State *lua, int env)
{
    lua_pushliteral(lua, "");
    lua_createtable(lua, 0, 2);
    lua_getfield(lua, env, "string");
    lua_setfield(lua, -2, "__index");
    lua_pushboolean(lua, 0);
    lua_setfield(lua, -2, "__metatable");
    lua_setmetatable(lua, -2);
    lua_pop(lua, 1);
}

void cw_script_open_library(lua_State *lua)
{
    int env;

    lua_pushcfunction(lua, luaopen_base);
    lua_call(lua, 0, 1);
    keep(lua, base_names);
    env = lua_gettop(lua);
    add(lua, env, "string", luaopen_string, string_names);
    add(lua, env, "table", luaopen_table, table_names);
    add(lua, env, "math", luaopen_math, math_names);
    add(lua, env, "utf8", luaopen_utf8, utf8_names);
    protect_strings(lua, env);
    lua_pushnil(lua);
    lua_setfield(lua, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_rawseti(lua, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    if (luaL_loadbufferx(lua, prelude, strlen(prelude), "=prelude", "t") != LUA_OK)
        lua_error(lua);
    lua_call(lua, 0, 0);
}
