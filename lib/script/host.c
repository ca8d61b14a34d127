/* SPDX-License-Identifier: ISC */
/*
 * What C lends to libraries written in Lua: functions of two texts, and the place a word is called from. Kept
 * from the last source, which is the one that is not ours.
 */
#include <lauxlib.h>
#include <string.h>

#include "script/state.h"

/* Called with what the caller gave; the function is the upvalue. */
static int call_lent(lua_State *lua)
{
    const struct cw_script_function *lent = lua_touserdata(lua, lua_upvalueindex(1));
    size_t a_len, b_len;
    const char *a = luaL_checklstring(lua, 1, &a_len), *b = luaL_optlstring(lua, 2, "", &b_len);
    struct cw_err err;
    int result = 0;

    cw_err_clear(&err);
    if (strlen(a) != a_len || strlen(b) != b_len)
        return luaL_error(lua, "a text holds a NUL byte");
    if (lent->call(&result, a, b, &err) != CW_OK) {
        lua_pushstring(lua, err.text);
        return lua_error(lua);
    }
    lua_pushinteger(lua, result);
    return 1;
}

/* A C function called in a tail position keeps its caller's frame, and so its line; a Lua function does not. */
static int call_located(lua_State *lua)
{
    int count = lua_gettop(lua);

    lua_pushvalue(lua, lua_upvalueindex(1));
    lua_insert(lua, 1);
    luaL_where(lua, 1);
    lua_insert(lua, 2);
    lua_call(lua, count + 1, LUA_MULTRET);
    return lua_gettop(lua);
}

static int located(lua_State *lua)
{
    luaL_checktype(lua, 1, LUA_TFUNCTION);
    lua_settop(lua, 1);
    lua_pushcclosure(lua, call_located, 1);
    return 1;
}

/* Where a function begins. */
static int defined(lua_State *lua)
{
    lua_Debug about;

    luaL_checktype(lua, 1, LUA_TFUNCTION);
    lua_settop(lua, 1);
    lua_getinfo(lua, ">S", &about);
    if (about.linedefined > 0)
        lua_pushfstring(lua, "%s:%d: ", about.short_src, about.linedefined);
    else
        lua_pushliteral(lua, "");
    return 1;
}

void cw_script_lend(lua_State *lua, const struct cw_script_function *functions)
{
    lua_rawgeti(lua, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    if (functions == NULL) {
        lua_pushnil(lua);
    } else {
        lua_newtable(lua);
        lua_pushcfunction(lua, located);
        lua_setfield(lua, -2, "located");
        lua_pushcfunction(lua, defined);
        lua_setfield(lua, -2, "defined");
        for (; functions->name != NULL; functions++) {
            lua_pushlightuserdata(lua, (void *)functions);
            lua_pushcclosure(lua, call_lent, 1);
            lua_setfield(lua, -2, functions->name);
        }
    }
    lua_setfield(lua, -2, "host");
    lua_pop(lua, 1);
}
