/* SPDX-License-Identifier: ISC */
/*
 * One question to a script in the jail; see script/confined.h.
 */
#include "script/confined.h"

#include "codec/json.h"
#include "fs/root.h"

/* every byte escaped, and the punctuation */
#define ANSWER_MAX (6 * CW_SCRIPT_TEXT_MAX + 64 * (size_t)CW_SCRIPT_VALUES_MAX)

struct question {
    const struct cw_confined_script *script;
    const char *function;
    const json_t *args;
};

static int ask(json_t **value, const struct question *q, struct cw_err *err)
{
    struct cw_script *script;
    int rc = cw_script_new_lending(&script, q->script->sources, q->script->count, q->script->lent,
                                   &q->script->script, err);

    if (rc != CW_OK)
        return rc;
    if (q->function == NULL)
        rc = cw_script_result(value, script, err);
    else
        rc = cw_script_call(value, script, q->function, q->args, err);
    cw_script_free(script);
    return rc;
}

static int answer(void *ctx, int in_fd, int out_fd, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(ANSWER_MAX);
    json_auto_t *doc = json_object();
    json_t *value = NULL;
    int rc;

    (void)in_fd;
    if (doc == NULL)
        return cw_err_nomem(err);
    rc = ask(&value, ctx, err);
    if (rc != CW_OK)
        return rc;
    if (json_object_set_new(doc, "value", value) != 0)
        return cw_err_nomem(err);
    rc = cw_json_format_line(&text, doc, err);
    return rc != CW_OK ? rc : cw_fd_write_all(out_fd, text.data, text.len, "the answer of a script", err);
}

static int parse(json_t **value, const struct cw_buf *text, const char *name, struct cw_err *err)
{
    json_auto_t *doc = NULL;
    int rc = cw_json_parse(&doc, cw_buf_text(text), text->len, err);

    if (rc == CW_OK && json_object_get(doc, "value") == NULL)
        rc = cw_err_set(err, CW_E_FAIL, "the confined process gave no value");
    if (rc != CW_OK)
        return cw_err_prefix(err, "%s", name);
    *value = json_incref(json_object_get(doc, "value"));
    return CW_OK;
}

int cw_confined_script_ask(json_t **value, const struct cw_confined_script *script, const char *function,
                           const json_t *args, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(ANSWER_MAX);
    struct question q = {.script = script, .function = function, .args = args};
    struct cw_err local; /* its code is judged, so there must be one */
    int rc;

    *value = NULL;
    cw_err_clear(&local);
    json_object_seed(0); /* reads /dev/urandom, which the child cannot */
    rc = cw_jail_run(&text, script->name, &script->jail, answer, &q, &local);
    if (rc == CW_OK)
        rc = parse(value, &text, script->name, &local);
    if (rc == CW_E_VERIFY) /* a limit, or an answer that is none: the script's own doing */
        rc = CW_E_FAIL;
    return rc == CW_OK ? CW_OK : cw_err_set(err, rc, "%s", local.text);
}
