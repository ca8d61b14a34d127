/* SPDX-License-Identifier: ISC */
/*
 * Running a site's Lua files in the jail. The child parses and runs, and says its answer as JSON text; the
 * parent reads that text as strictly as any other, since the child may have been taken over.
 */
#include "sync/library.h"

#include <string.h>

#include "base/mem.h"
#include "codec/json.h"
#include "fs/root.h"
#include "jail/jail.h"
#include "release/semver.h"
#include "sync/library_text.h"

/* A policy looks at some hundred small tables: a second is plenty, and no site waits longer for a broken
 * one. */
static const struct cw_jail_limits jail_limits = {
    .cpu_seconds = 2, .wall_seconds = 20, .memory = (size_t)96 << 20};
static const struct cw_script_limits script_limits = {.memory = (size_t)32 << 20, .instructions = 20000000};

/* every byte escaped, and the punctuation */
#define ANSWER_MAX (6 * CW_SCRIPT_TEXT_MAX + 64 * (size_t)CW_SCRIPT_VALUES_MAX)

static int in_range(int *result, const char *version, const char *range, struct cw_err *err)
{
    int rc = cw_semver_check(version, err);

    if (rc == CW_OK)
        rc = cw_semver_range_check(range, err);
    *result = rc == CW_OK && cw_semver_in_range(version, range);
    return rc;
}

static int compare(int *result, const char *a, const char *b, struct cw_err *err)
{
    int rc = cw_semver_check(a, err);

    if (rc == CW_OK)
        rc = cw_semver_check(b, err);
    *result = rc == CW_OK ? cw_semver_compare(a, b) : 0;
    return rc;
}

/* So that a range means in a policy what it means in a release's "requires". */
static const struct cw_script_function lent[] = {
    {"in_range", in_range},
    {"compare", compare},
    {.name = NULL},
};

struct question {
    struct cw_script_source sources[2]; /* the library, the site's file */
    const char *function;               /* NULL: the file's own result */
    const json_t *args;
};

static int ask(json_t **value, const struct question *q, struct cw_err *err)
{
    struct cw_script *script;
    int rc = cw_script_new_lending(&script, q->sources, CW_COUNT(q->sources), lent, &script_limits, err);

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

int cw_library_run(json_t **value, enum cw_library library, const struct cw_script_source *source,
                   const char *function, const json_t *args, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(ANSWER_MAX);
    const char *const texts[] = {[CW_LIBRARY_SITE] = cw_library_site,
                                 [CW_LIBRARY_POLICY] = cw_library_policy,
                                 [CW_LIBRARY_SPEC] = cw_library_spec};
    const char *words = texts[library];
    struct question q = {
        .sources = {{.name = "causeway", .text = words, .len = strlen(words)}, *source},
        .function = function,
        .args = args,
    };
    struct cw_err local; /* its code is judged, so there must be one */
    int rc;

    *value = NULL;
    cw_err_clear(&local);
    json_object_seed(0); /* reads /dev/urandom, which the child cannot */
    rc = cw_jail_run(&text, source->name, &jail_limits, answer, &q, &local);
    if (rc == CW_OK)
        rc = parse(value, &text, source->name, &local);
    if (rc == CW_E_VERIFY) /* a limit, or an answer that is none: the script's own doing */
        rc = local.code = CW_E_FAIL;
    if (rc != CW_OK)
        return cw_err_set(err, rc, "%s", local.text);
    return CW_OK;
}
