/* SPDX-License-Identifier: ISC */
/*
 * Rendering in a confined child; see render/render.h.
 */
#include "render/render.h"

#include <string.h>

#include "render/templates.h"
#include "script/confined.h"

/* A page of a thousand rows takes some million instructions. */
static const struct cw_jail_limits jail_limits = {
    .cpu_seconds = 10, .wall_seconds = 60, .memory = (size_t)160 << 20};
static const struct cw_script_limits script_limits = {.memory = (size_t)96 << 20, .instructions = 200000000};

int cw_render_text(struct cw_buf *page, const char *name, const char *text, const json_t *data,
                   const json_t *partials, struct cw_err *err)
{
    const struct cw_script_source source = {
        .name = "mustache.lua", .text = cw_template_mustache, .len = strlen(cw_template_mustache)};
    const struct cw_confined_script script = {
        .name = name, .sources = &source, .count = 1, .script = script_limits, .jail = jail_limits};
    json_auto_t *args = json_pack("[s, O]", text, data);
    json_auto_t *rendered = NULL;
    int rc;

    if (args == NULL || (partials != NULL && json_array_append(args, (json_t *)partials) != 0))
        return cw_err_nomem(err);
    rc = cw_confined_script_ask(&rendered, &script, "render", args, err);
    if (rc == CW_OK && !json_is_string(rendered))
        rc = cw_err_set(err, CW_E_FAIL, "the page is no text");
    if (rc != CW_OK)
        return cw_err_prefix(err, "unable to render '%s'", name);
    cw_buf_adds(page, json_string_value(rendered));
    return cw_buf_check(page, name, err);
}

int cw_render(struct cw_buf *page, enum cw_template which, const json_t *data, struct cw_err *err)
{
    static const struct {
        const char *name, *text;
    } templates[] = {
        [CW_TEMPLATE_BUNDLE] = {"bundle.html", cw_template_bundle},
        [CW_TEMPLATE_CARRY] = {"carry.html", cw_template_carry},
        [CW_TEMPLATE_REPORT] = {"report.html", cw_template_report},
    };
    json_auto_t *partials = json_pack("{s:s, s:s}", "style", cw_template_style, "check", cw_template_check);

    if (partials == NULL)
        return cw_err_nomem(err);
    return cw_render_text(page, templates[which].name, templates[which].text, data, partials, err);
}
