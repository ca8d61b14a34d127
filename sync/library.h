/* SPDX-License-Identifier: ISC */
/*
 * Running a site's Lua files in the jail: site.lua, which returns its configuration, and policy.lua, which is
 * asked questions. Neutral ground between mirror/ and deploy/. The libraries that such a file may use
 * (lua/site.lua, lua/policy.lua) are compiled in, so that nothing but the site's own file is ever looked up.
 */
#ifndef CW_SYNC_LIBRARY_H
#define CW_SYNC_LIBRARY_H

#include <jansson.h>

#include "base/err.h"
#include "script/script.h"

enum cw_library {
    CW_LIBRARY_SITE,   /* removable */
    CW_LIBRARY_POLICY, /* accept, hold, reject, rule, run, satisfies, compare */
    CW_LIBRARY_SPEC,   /* policy, case */
};

#define CW_SITE_LUA_MAX ((size_t)256 * 1024) /* bytes of site.lua: it is written by hand */

/* Loads `source` behind its library in a fresh jail. function NULL: *value is what the file returned (null
 * when nothing); else the file's global function is called with args (an array). The caller owns *value. An
 * empty table comes out as an empty array. CW_E_FAIL "site.lua:12: …" for whatever the script did wrong,
 * limits too; CW_E_NOTFOUND when it has no such function; CW_E_NOMEM and the like only for what the machine
 * lacks. */
int cw_library_run(json_t **value, enum cw_library library, const struct cw_script_source *source,
                   const char *function, const json_t *args, struct cw_err *err);

#endif
