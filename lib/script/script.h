/* SPDX-License-Identifier: ISC */
/*
 * Lua as a pure function: source text and JSON in, JSON out. The state is fresh for each run, holds an
 * allow-list of functions (no files, processes, time, randomness, loading or bytecode), and is bounded in
 * memory and instructions. The same input gives the same output: pairs() goes in the order of the keys, and
 * no address of a table shows. Meant to be called inside lib/jail, which bounds what Lua's own limits cannot
 * (a pattern that backtracks for ever). Whoever forks for it calls json_object_seed(0) before: jansson would
 * open /dev/urandom at its first object, and cannot any more.
 *
 * JSON to Lua: null is absent; an empty object keeps being one. Lua to JSON: a table is a list (keys 1..n) or
 * an object (all keys strings), an empty one a list; numbers are integers; strings are UTF-8; anything else
 * is an error that names the field.
 */
#ifndef CW_SCRIPT_SCRIPT_H
#define CW_SCRIPT_SCRIPT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* values in one result: no decision or configuration is a hundredth of it */
#define CW_SCRIPT_VALUES_MAX 100000
/* bytes of all strings in one result, so that it fits CW_JSON_TEXT_MAX as a rule */
#define CW_SCRIPT_TEXT_MAX ((size_t)1 << 20)

struct cw_script_limits {
    size_t memory;         /* bytes Lua may hold */
    uint64_t instructions; /* virtual machine instructions, over all entries of one run */
};

struct cw_script_source {
    const char *name; /* for messages: "policy.lua" */
    const char *text; /* Lua source; bytecode is refused */
    size_t len;
};

struct cw_script; /* one loaded state */

/* Loads the sources in order into one environment (later ones see earlier ones' globals). CW_E_FAIL
 * "policy.lua:12: …". */
int cw_script_new(struct cw_script **script, const struct cw_script_source *sources, size_t count,
                  const struct cw_script_limits *limits, struct cw_err *err);

/* What C lends to the sources but the last, as fields of their global table `host`: two texts in, a number
 * out. A code that is not CW_OK raises its text as an error. */
struct cw_script_function {
    const char *name; /* NULL ends a list */
    int (*call)(int *result, const char *a, const char *b, struct cw_err *err);
};
/* The same, lending functions. Besides them `host` has located(f): a function that calls f with the place in
 * the source that it is called from ("policy.lua:12: ", or "") and its arguments; unlike error()'s level it
 * knows the place in `return accept ...` too. And it has defined(f): the place where f begins, in the same form, ""
 * for one of C. */
int cw_script_new_lending(struct cw_script **script, const struct cw_script_source *sources, size_t count,
                          const struct cw_script_function *functions, const struct cw_script_limits *limits,
                          struct cw_err *err);
void cw_script_free(struct cw_script *script);

/* What the last source returned, as JSON (site.lua). The caller owns *value; JSON null when it returned
 * nothing. CW_E_FAIL. */
int cw_script_result(json_t **value, struct cw_script *script, struct cw_err *err);
/* Is there a global function of that name? */
int cw_script_has(struct cw_script *script, const char *function);
/* Calls a global function with JSON arguments (an array; NULL: none); its first result as JSON. The caller
 * owns *value. CW_E_NOTFOUND when there is no such function. */
int cw_script_call(json_t **value, struct cw_script *script, const char *function, const json_t *args,
                   struct cw_err *err);

#endif
