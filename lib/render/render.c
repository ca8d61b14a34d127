/* SPDX-License-Identifier: ISC */
/*
 * Rendering in a confined child, which answers with the page as a JSON text; see render/render.h.
 */
#include "render/render.h"

#include <string.h>

#include "codec/json.h"
#include "fs/root.h"
#include "jail/jail.h"
#include "render/templates.h"
#include "script/script.h"

/* A page of a thousand rows takes some million instructions. */
static const struct cw_jail_limits jail_limits = {
    .cpu_seconds = 10, .wall_seconds = 60, .memory = (size_t)160 << 20};
static const struct cw_script_limits script_limits = {.memory = (size_t)96 << 20, .instructions = 200000000};

#define ANSWER_MAX (6 * CW_RENDER_MAX + 64) /* every byte escaped */

struct job {
    const json_t *args;
};

static int render(json_t **value, const json_t *args, struct cw_err *err)
{
    const struct cw_script_source source = {
        .name = "mustache.lua", .text = cw_template_mustache, .len = strlen(cw_template_mustache)};
    struct cw_script *script;
    int rc = cw_script_new(&script, &source, 1, &script_limits, err);

    if (rc != CW_OK)
        return rc;
    rc = cw_script_call(value, script, "render", args, err);
    cw_script_free(script);
    return rc;
}

static int answer(void *ctx, int in_fd, int out_fd, struct cw_err *err)
{
    const struct job *job = ctx;
    CW_AUTO_BUF text = CW_BUF_INIT(ANSWER_MAX);
    json_auto_t *doc = json_object();
    json_t *value = NULL;
    int rc;

    (void)in_fd;
    if (doc == NULL)
        return cw_err_nomem(err);
    rc = render(&value, job->args, err);
    if (rc != CW_OK)
        return rc;
    if (json_object_set_new(doc, "page", value) != 0)
        return cw_err_nomem(err);
    rc = cw_json_format_line(&text, doc, err);
    return rc != CW_OK ? rc : cw_fd_write_all(out_fd, text.data, text.len, "a page", err);
}

int cw_render_text(struct cw_buf *page, const char *name, const char *text, const json_t *data,
                   const json_t *partials, struct cw_err *err)
{
    CW_AUTO_BUF answered = CW_BUF_INIT(ANSWER_MAX);
    json_auto_t *args = json_pack("[s, O]", text, data);
    json_auto_t *doc = NULL;
    struct job job = {.args = args};
    const char *rendered;
    struct cw_err own; /* its code is judged, so there must be one */
    int rc;

    if (args == NULL || (partials != NULL && json_array_append(args, (json_t *)partials) != 0))
        return cw_err_nomem(err);
    json_object_seed(0); /* reads /dev/urandom, which the child cannot */
    rc = cw_jail_run(&answered, name, &jail_limits, answer, &job, &own);
    if (rc == CW_OK)
        rc = cw_json_parse(&doc, cw_buf_text(&answered), answered.len, &own);
    if (rc == CW_OK)
        rc = cw_json_get_str(&rendered, doc, "page", &own);
    if (rc == CW_E_VERIFY) /* a limit, or an answer that is none: the template's own doing */
        rc = CW_E_FAIL;
    if (rc != CW_OK)
        return cw_err_set(err, rc, "unable to render '%s': %s", name, own.text);
    cw_buf_adds(page, rendered);
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
