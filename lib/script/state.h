/* SPDX-License-Identifier: ISC */
/*
 * Inside lib/script: what a state is made of, and the way of values between Lua and JSON.
 */
#ifndef CW_SCRIPT_STATE_H
#define CW_SCRIPT_STATE_H

#include <lua.h>
#include <stdbool.h>

#include "script/script.h"

#define CW_SCRIPT_NAME_MAX 64

struct cw_script {
    lua_State *lua;
    size_t used;   /* bytes that Lua holds */
    uint64_t left; /* instructions, counted down in steps */
    struct cw_script_limits limits;
    char name[CW_SCRIPT_NAME_MAX]; /* of the last source, for messages */
};

/* Fills a fresh state's environment with the allow-list. May raise a Lua error. */
void cw_script_open_library(lua_State *lua);

/* Makes the global `host` of script.h; NULL: takes it away. May raise a Lua error. */
void cw_script_lend(lua_State *lua, const struct cw_script_function *functions);

/* Pushes a JSON value. May raise a Lua error (no memory); holds nothing when it does. */
void cw_script_push(lua_State *lua, const json_t *value);
/* The value at the top of the stack as JSON; never raises. Leaves the stack as it was. */
int cw_script_to_json(json_t **value, lua_State *lua, const char *name, struct cw_err *err);

#endif
