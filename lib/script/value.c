/* SPDX-License-Identifier: ISC */
/*
 * Values on their way between JSON and Lua. Toward Lua may raise (and holds nothing then); toward JSON uses
 * only what never raises, so that jansson's trees cannot leak, and is bounded in depth, count and bytes.
 */
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "codec/json.h"
#include "script/state.h"

static const char
    object_mark; /* its address is the registry key of the metatable of objects that came from JSON */

static void push_object_metatable(lua_State *lua)
{
    if (lua_rawgetp(lua, LUA_REGISTRYINDEX, &object_mark) == LUA_TTABLE)
        return;
    lua_pop(lua, 1);
    lua_createtable(lua, 0, 1);
    lua_pushboolean(lua, 0);
    lua_setfield(lua, -2, "__metatable");
    lua_pushvalue(lua, -1);
    lua_rawsetp(lua, LUA_REGISTRYINDEX, &object_mark);
}

void cw_script_push(lua_State *lua, const json_t *value)
{
    const char *key;
    json_t *item;
    size_t i;

    luaL_checkstack(lua, 4, "JSON is nested too deep");
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        lua_createtable(lua, 0, (int)json_object_size(value));
        json_object_foreach ((json_t *)value, key, item) {
            cw_script_push(lua, item);
            lua_setfield(lua, -2, key);
        }
        if (json_object_size(value) == 0) {
            push_object_metatable(lua);
            lua_setmetatable(lua, -2);
        }
        break;
    case JSON_ARRAY:
        lua_createtable(lua, (int)json_array_size(value), 0);
        json_array_foreach (value, i, item) {
            cw_script_push(lua, item);
            lua_rawseti(lua, -2, (lua_Integer)i + 1);
        }
        break;
    case JSON_STRING:
        lua_pushlstring(lua, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        lua_pushinteger(lua, (lua_Integer)json_integer_value(value));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        lua_pushboolean(lua, json_is_true(value));
        break;
    default:
        lua_pushnil(lua);
        break;
    }
}

struct reader {
    lua_State *lua;
    const char *name;
    struct cw_err *err;
    size_t values, text; /* so far */
    int depth;
    char path[256]; /* "upstreams.acme.sources[2]", cut where longer */
    size_t path_len;
};

static int to_json(json_t **value, struct reader *r);

static int wrong(const struct reader *r, const char *problem)
{
    if (r->path_len == 0)
        return cw_err_set(r->err, CW_E_FAIL, "%s: the result %s", r->name, problem);
    return cw_err_set(r->err, CW_E_FAIL, "%s: field '%s' %s", r->name, r->path, problem);
}

/* Converts the value at the top as the member `key` (NULL: the index) of where the path is. */
static int member(json_t **value, struct reader *r, const char *key, lua_Integer index)
{
    size_t before = r->path_len, room = sizeof(r->path) - before;
    int n, rc;

    if (key != NULL)
        n = snprintf(r->path + before, room, "%s%s", before > 0 ? "." : "", key);
    else
        n = snprintf(r->path + before, room, "[%lld]", (long long)index);
    r->path_len = (size_t)n < room ? before + (size_t)n : sizeof(r->path) - 1;
    rc = to_json(value, r);
    r->path_len = before;
    r->path[before] = '\0';
    return rc;
}

static int read_string(json_t **value, struct reader *r, int at)
{
    size_t len;
    const char *text = lua_tolstring(r->lua, at, &len); /* a string already: no conversion, no error */

    r->text += len;
    if (r->text > CW_SCRIPT_TEXT_MAX)
        return wrong(r, "makes the result too large");
    if (memchr(text, '\0', len) != NULL)
        return wrong(r, "holds a NUL byte");
    *value = json_stringn(text, len);
    return *value == NULL ? wrong(r, "is not UTF-8") : CW_OK;
}

static int read_number(json_t **value, struct reader *r)
{
    int whole;
    lua_Integer n = lua_tointegerx(r->lua, -1, &whole);

    if (!whole)
        return wrong(r, "is not a whole number");
    *value = json_integer(n);
    return *value == NULL ? cw_err_nomem(r->err) : CW_OK;
}

static int read_list(json_t **value, struct reader *r, lua_Integer count)
{
    json_auto_t *list = json_array();
    lua_Integer i;

    if (list == NULL)
        return cw_err_nomem(r->err);
    for (i = 1; i <= count; i++) {
        json_t *item = NULL;
        int rc;

        lua_rawgeti(r->lua, -1, i);
        rc = member(&item, r, NULL, i);
        lua_pop(r->lua, 1);
        if (rc != CW_OK)
            return rc;
        if (json_array_append_new(list, item) != 0)
            return cw_err_nomem(r->err);
    }
    *value = json_incref(list);
    return CW_OK;
}

static int read_object(json_t **value, struct reader *r)
{
    json_auto_t *object = json_object();

    if (object == NULL)
        return cw_err_nomem(r->err);
    lua_pushnil(r->lua);
    while (lua_next(r->lua, -2) != 0) {
        json_auto_t *key = NULL;
        json_t *item = NULL;
        int rc = read_string(&key, r, -2);

        if (rc == CW_OK)
            rc = member(&item, r, json_string_value(key), 0);
        if (rc != CW_OK)
            return rc;
        if (json_object_set_new(object, json_string_value(key), item) != 0)
            return cw_err_nomem(r->err);
        lua_pop(r->lua, 1);
    }
    *value = json_incref(object);
    return CW_OK;
}

/* Did this table come from an empty JSON object? */
static bool is_marked(lua_State *lua)
{
    bool marked;

    if (!lua_getmetatable(lua, -1))
        return false;
    lua_rawgetp(lua, LUA_REGISTRYINDEX, &object_mark);
    marked = lua_rawequal(lua, -1, -2);
    lua_pop(lua, 2);
    return marked;
}

static int read_table(json_t **value, struct reader *r)
{
    lua_Integer count = 0, numbers = 0, highest = 0;

    lua_pushnil(r->lua);
    while (lua_next(r->lua, -2) != 0) {
        lua_pop(r->lua, 1);
        count++;
        if (lua_type(r->lua, -1) == LUA_TSTRING)
            continue;
        if (!lua_isinteger(r->lua, -1) || lua_tointeger(r->lua, -1) < 1)
            return wrong(r, "has a key that is neither a text nor a place in a list");
        numbers++;
        if (lua_tointeger(r->lua, -1) > highest)
            highest = lua_tointeger(r->lua, -1);
    }
    if (numbers != 0 && numbers != count)
        return wrong(r, "mixes a list with named fields");
    if (highest != numbers)
        return wrong(r, "is a list with gaps (a nil among its items)");
    if (count == numbers && !(count == 0 && is_marked(r->lua)))
        return read_list(value, r, count);
    return read_object(value, r);
}

/* On failure the stack may be left higher; cw_script_to_json() puts it right. */
static int to_json(json_t **value, struct reader *r)
{
    char problem[64];
    int rc;

    if (++r->values > CW_SCRIPT_VALUES_MAX)
        return wrong(r, "makes the result too large");
    if (r->depth >= CW_JSON_DEPTH_MAX - 4 ||
        !lua_checkstack(r->lua, 8)) /* room for what callers wrap around it */
        return wrong(r, "is nested too deep, or contains itself");
    switch (lua_type(r->lua, -1)) {
    case LUA_TNIL:
        *value = json_null();
        return CW_OK;
    case LUA_TBOOLEAN:
        *value = json_boolean(lua_toboolean(r->lua, -1));
        return CW_OK;
    case LUA_TNUMBER:
        return read_number(value, r);
    case LUA_TSTRING:
        return read_string(value, r, -1);
    case LUA_TTABLE:
        r->depth++;
        rc = read_table(value, r);
        r->depth--;
        return rc;
    default:
        snprintf(problem, sizeof(problem), "is a %s, which is not data",
                 lua_typename(r->lua, lua_type(r->lua, -1)));
        return wrong(r, problem);
    }
}

int cw_script_to_json(json_t **value, lua_State *lua, const char *name, struct cw_err *err)
{
    struct reader r = {.lua = lua, .name = name, .err = err};
    int top = lua_gettop(lua), rc;

    *value = NULL;
    rc = to_json(value, &r);
    lua_settop(lua, top);
    return rc;
}
