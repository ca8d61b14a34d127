/* SPDX-License-Identifier: ISC */
/*
 * Pages for people: a Mustache template (lua/mustache.lua says which Mustache) and JSON in, text out, rendered in
 * the jail. What a template is given is escaped for HTML unless it asks for it raw. The templates of templates/
 * are compiled in, so that a program needs no file of its own when it runs.
 */
#ifndef CW_RENDER_RENDER_H
#define CW_RENDER_RENDER_H

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"

#define CW_RENDER_MAX ((size_t)1 << 20) /* bytes of a page: what a script may say (script/script.h) */

enum cw_template {
    CW_TEMPLATE_BUNDLE, /* the page to open from a medium */
    CW_TEMPLATE_CARRY,  /* the sheet to print that goes with it */
    CW_TEMPLATE_REPORT, /* what a verification found */
};

/* Appends the page. CW_E_FAIL names the template and says what is wrong with it, or that it would be too long. */
int cw_render(struct cw_buf *page, enum cw_template which, const json_t *data, struct cw_err *err);
/* The same with a template's text; name is for messages. partials: object, name → text; NULL: none. */
int cw_render_text(struct cw_buf *page, const char *name, const char *text, const json_t *data,
                   const json_t *partials, struct cw_err *err);

#endif
