/* SPDX-License-Identifier: ISC */
/*
 * Foreign Lua, run where it can do no harm: one state in a child of its own (lib/jail), asked one thing. The
 * child says its answer as JSON text, which the parent reads as strictly as any other, since the child may
 * have been taken over.
 */
#ifndef CW_SCRIPT_CONFINED_H
#define CW_SCRIPT_CONFINED_H

#include "jail/jail.h"
#include "script/script.h"

struct cw_confined_script {
    const char *name;                       /* for messages of the child's end: "policy.lua" */
    const struct cw_script_source *sources; /* script.h: loaded in order */
    size_t count;
    const struct cw_script_function *lent; /* NULL: none */
    struct cw_script_limits script;
    struct cw_jail_limits jail;
};

/* What `function` gives for args (an array; NULL: none), or with function NULL what the last source returned.
 * The caller owns *value. CW_E_FAIL for whatever the script did wrong, limits too; CW_E_NOTFOUND when it has
 * no such function; CW_E_NOMEM and the like only for what the machine lacks. */
int cw_confined_script_ask(json_t **value, const struct cw_confined_script *script, const char *function,
                           const json_t *args, struct cw_err *err);

#endif
