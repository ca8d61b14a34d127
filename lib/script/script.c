/* SPDX-License-Identifier: ISC */
/*
 * A Lua state with a cap on its memory and a count of its instructions. Whatever may raise a Lua error runs
 * under lua_pcall and holds no C resource.
 */
#include "script/script.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "script/state.h"

/* instructions between two looks: fine enough for any limit, too rare to cost time */
#define HOOK_STEP 1000

static const char result_key; /* its address is the registry key of what the last source returned */

static void *allocate(void *ctx, void *block, size_t old, size_t new)
{
    struct cw_script *script = ctx;
    void *moved;

    if (block == NULL)
        old = 0; /* it then says what kind of object is made */
    if (new == 0) {
        free(block);
        script->used -= old;
        return NULL;
    }
    if (new > old &&new - old > script->limits.memory - script->used)
        return NULL;
    moved = realloc(block, new);
    if (moved != NULL)
        script->used += new - old;
    return moved;
}

static struct cw_script *script_of(lua_State *lua)
{
    void *script;

    lua_getallocf(lua, &script);
    return script;
}

/* Once the limit is reached every further instruction raises again, so that a loop of pcall ends too. */
static void count(lua_State *lua, lua_Debug *activation)
{
    struct cw_script *script = script_of(lua);

    (void)activation;
    if (script->left > HOOK_STEP) {
        script->left -= HOOK_STEP;
        return;
    }
    script->left = 0;
    lua_sethook(lua, count, LUA_MASKCOUNT, 1);
    luaL_error(lua, "exceeded its %I instructions", (LUAI_UACINT)script->limits.instructions);
}

/* Turns what lua_pcall left on the stack into an error and takes it away. */
static int fail(struct cw_script *script, int status, struct cw_err *err)
{
    lua_State *lua = script->lua;
    int rc;

    if (status == LUA_ERRMEM)
        rc = cw_err_set(err, CW_E_FAIL, "%s: exceeded its memory (%zu KiB)", script->name,
                        script->limits.memory >> 10);
    else if (lua_type(lua, -1) != LUA_TSTRING)
        rc = cw_err_set(err, CW_E_FAIL, "%s: raised a %s as its error", script->name, luaL_typename(lua, -1));
    else if (strncmp(lua_tostring(lua, -1), script->name, strlen(script->name)) == 0)
        rc = cw_err_set(err, CW_E_FAIL, "%s", lua_tostring(lua, -1));
    else
        rc = cw_err_set(err, CW_E_FAIL, "%s: %s", script->name, lua_tostring(lua, -1));
    lua_settop(lua, 0);
    return rc;
}

static int open_protected(lua_State *lua)
{
    cw_script_open_library(lua);
    return 0;
}

static int load_protected(lua_State *lua)
{
    const struct cw_script_source *source = lua_touserdata(lua, 1);
    char name[CW_SCRIPT_NAME_MAX + 1];

    snprintf(name, sizeof(name), "=%s", source->name);
    if (luaL_loadbufferx(lua, source->text, source->len, name, "t") != LUA_OK)
        return lua_error(lua);
    lua_call(lua, 0, 1);
    lua_rawsetp(lua, LUA_REGISTRYINDEX, &result_key);
    return 0;
}

static int load(struct cw_script *script, const struct cw_script_source *source, struct cw_err *err)
{
    int status;

    snprintf(script->name, sizeof(script->name), "%s", source->name);
    lua_pushcfunction(script->lua, load_protected);
    lua_pushlightuserdata(script->lua, (void *)source);
    status = lua_pcall(script->lua, 1, 0, 0);
    return status == LUA_OK ? CW_OK : fail(script, status, err);
}

static int lend_protected(lua_State *lua)
{
    cw_script_lend(lua, lua_touserdata(lua, 1));
    return 0;
}

static int lend(struct cw_script *script, const struct cw_script_function *functions, struct cw_err *err)
{
    int status;

    lua_pushcfunction(script->lua, lend_protected);
    lua_pushlightuserdata(script->lua, (void *)functions);
    status = lua_pcall(script->lua, 1, 0, 0);
    return status == LUA_OK ? CW_OK : fail(script, status, err);
}

int cw_script_new_lending(struct cw_script **script, const struct cw_script_source *sources,
                          size_t source_count, const struct cw_script_function *functions,
                          const struct cw_script_limits *limits, struct cw_err *err)
{
    struct cw_script *made = calloc(1, sizeof(*made));
    size_t i;
    int status, rc = CW_OK;

    *script = NULL;
    if (made == NULL)
        return cw_err_nomem(err);
    made->limits = *limits;
    made->left = limits->instructions;
    snprintf(made->name, sizeof(made->name), "%s",
             source_count > 0 ? sources[source_count - 1].name : "script");
    made->lua = lua_newstate(allocate, made);
    if (made->lua == NULL) {
        free(made);
        return cw_err_nomem(err);
    }
    lua_pushcfunction(made->lua, open_protected);
    status = lua_pcall(made->lua, 0, 0, 0);
    if (status != LUA_OK)
        rc = fail(made, status, err);
    lua_sethook(made->lua, count, LUA_MASKCOUNT, HOOK_STEP);
    if (rc == CW_OK && functions != NULL)
        rc = lend(made, functions, err);
    for (i = 0; rc == CW_OK && i < source_count; i++) {
        if (functions != NULL && i + 1 == source_count)
            rc = lend(made, NULL, err);
        if (rc == CW_OK)
            rc = load(made, &sources[i], err);
    }
    if (rc != CW_OK)
        cw_script_free(made);
    else
        *script = made;
    return rc;
}

int cw_script_new(struct cw_script **script, const struct cw_script_source *sources, size_t source_count,
                  const struct cw_script_limits *limits, struct cw_err *err)
{
    return cw_script_new_lending(script, sources, source_count, NULL, limits, err);
}

void cw_script_free(struct cw_script *script)
{
    if (script == NULL)
        return;
    lua_close(script->lua);
    free(script);
}

int cw_script_result(json_t **value, struct cw_script *script, struct cw_err *err)
{
    int rc;

    lua_rawgetp(script->lua, LUA_REGISTRYINDEX, &result_key);
    rc = cw_script_to_json(value, script->lua, script->name, err);
    lua_settop(script->lua, 0);
    return rc;
}

struct call {
    const char *function;
    const json_t *args;
};

static void push_global(lua_State *lua, const char *name)
{
    lua_rawgeti(lua, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    lua_pushstring(lua, name);
    lua_rawget(lua, -2);
    lua_remove(lua, -2);
}

static int has_protected(lua_State *lua)
{
    push_global(lua, lua_touserdata(lua, 1));
    lua_pushboolean(lua, lua_isfunction(lua, -1));
    return 1;
}

int cw_script_has(struct cw_script *script, const char *function)
{
    int has;

    lua_pushcfunction(script->lua, has_protected);
    lua_pushlightuserdata(script->lua, (void *)function);
    has = lua_pcall(script->lua, 1, 1, 0) == LUA_OK && lua_toboolean(script->lua, -1);
    lua_settop(script->lua, 0);
    return has;
}

static int call_protected(lua_State *lua)
{
    const struct call *call = lua_touserdata(lua, 1);
    size_t i, n = json_array_size(call->args);

    luaL_checkstack(lua, (int)n + 4, "too many arguments");
    push_global(lua, call->function);
    for (i = 0; i < n; i++)
        cw_script_push(lua, json_array_get(call->args, i));
    lua_call(lua, (int)n, 1);
    return 1;
}

int cw_script_call(json_t **value, struct cw_script *script, const char *function, const json_t *args,
                   struct cw_err *err)
{
    struct call call = {.function = function, .args = args};
    int status, rc;

    *value = NULL;
    if (!cw_script_has(script, function))
        return cw_err_set(err, CW_E_NOTFOUND, "%s: has no function '%s'", script->name, function);
    lua_pushcfunction(script->lua, call_protected);
    lua_pushlightuserdata(script->lua, &call);
    status = lua_pcall(script->lua, 1, 1, 0);
    if (status != LUA_OK)
        return fail(script, status, err);
    rc = cw_script_to_json(value, script->lua, script->name, err);
    lua_settop(script->lua, 0);
    return rc;
}
