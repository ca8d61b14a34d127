/* SPDX-License-Identifier: ISC */
/*
 * causeway-sync log: the site's history, oldest first, its chain checked on the way; or only checked, to its signed
 * end.
 */
#include <string.h>

#include "base/buf.h"
#include "sync/commands.h"
#include "sync/deploy/hold.h"
#include "sync/history.h"
#include "sync/site.h"

#define LINE_MAX_SHOWN 512 /* bytes of one entry's data in the readable form */

static bool verify;

const struct cw_option cmd_log_options[] = {
    {CW_OPTION_FLAG, "verify", &verify, NULL, "check every line, and the end by the site's signature"},
    {.kind = CW_OPTION_END},
};

struct reader {
    const struct cw_cli *cli;
    json_t *entries; /* for --json */
    uint64_t count;
};

static void add_value(struct cw_buf *text, const json_t *value);

static void add_list(struct cw_buf *text, const json_t *list)
{
    json_t *item;
    size_t i;

    json_array_foreach (list, i, item) {
        cw_buf_adds(text, i > 0 ? (json_is_object(item) ? "; " : " ") : "");
        add_value(text, item);
    }
}

static void add_fields(struct cw_buf *text, const json_t *obj, const char *joint)
{
    const char *key, *gap = "";
    json_t *value;

    json_object_foreach ((json_t *)obj, key, value) {
        if (strcmp(key, "output") == 0 || strcmp(key, "envelope") == 0)
            continue; /* --json has them */
        cw_buf_addf(text, "%s%s=", gap, key);
        add_value(text, value);
        gap = joint;
    }
}

/* One product of an apply, which is most of what people look for here. */
static bool add_change(struct cw_buf *text, const json_t *obj)
{
    const char *product = json_string_value(json_object_get(obj, "product"));
    const char *from = json_string_value(json_object_get(obj, "from"));
    const char *to = json_string_value(json_object_get(obj, "to"));

    if (product == NULL || (from == NULL && to == NULL))
        return false;
    cw_buf_addf(text, "%s %s -> %s", product, from != NULL ? from : "(new)", to != NULL ? to : "(gone)");
    return true;
}

/* A hold, with the words that status has for it. */
static bool add_hold(struct cw_buf *text, const json_t *obj)
{
    const char *by = json_string_value(json_object_get(obj, "by"));
    const char *reason = json_string_value(json_object_get(obj, "reason"));
    char what[512];

    if (by == NULL || reason == NULL || json_object_get(obj, "id") == NULL)
        return false;
    cw_hold_describe(what, obj);
    cw_buf_addf(text, "%lld on %s by %s: %s", (long long)json_integer_value(json_object_get(obj, "id")), what,
                by, reason);
    return true;
}

static void add_value(struct cw_buf *text, const json_t *value)
{
    const char *word = json_string_value(value);

    if (word != NULL && strlen(word) == 64 && strspn(word, "0123456789abcdef") == 64)
        cw_buf_addf(text, "%.12s", word);
    else if (word != NULL)
        cw_buf_adds(text, word);
    else if (json_is_integer(value))
        cw_buf_addf(text, "%lld", (long long)json_integer_value(value));
    else if (json_is_array(value))
        add_list(text, value);
    else if (json_is_object(value) && !add_change(text, value) && !add_hold(text, value))
        add_fields(text, value, " ");
    else if (!json_is_object(value))
        cw_buf_adds(text, json_is_true(value) ? "yes" : json_is_false(value) ? "no" : "-");
}

static int show(void *ctx, const json_t *entry, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_HISTORY_LINE_MAX * 2);
    struct reader *reader = ctx;

    reader->count++;
    if (reader->entries != NULL)
        return json_array_append(reader->entries, (json_t *)entry) != 0 ? cw_err_nomem(err) : CW_OK;
    add_fields(&text, json_object_get(entry, "data"), ", ");
    cw_cli_say(
        reader->cli, "%6lld  %s  %-8s  %.*s%s", (long long)json_integer_value(json_object_get(entry, "seq")),
        json_string_value(json_object_get(entry, "time")), json_string_value(json_object_get(entry, "event")),
        LINE_MAX_SHOWN, cw_buf_text(&text), text.len > LINE_MAX_SHOWN ? "…" : "");
    return CW_OK;
}

static int check(const struct cw_cli *cli, const struct cw_site *site, struct cw_err *err)
{
    struct cw_history_proof proof;
    json_auto_t *doc = NULL;
    int rc = cw_history_verify(&proof, site->fd, err);

    if (rc != CW_OK)
        return rc;
    if (proof.entries == 0)
        cw_cli_say(cli, "the history is empty");
    else
        cw_cli_say(cli, "%lld entries, unchanged; the site signed the end at %s", (long long)proof.entries,
                   proof.signed_at);
    doc = json_pack("{s:I, s:I, s:s}", "entries", (json_int_t)proof.entries, "signed_entries",
                    (json_int_t)proof.signed_entries, "signed_at", proof.signed_at);
    return doc != NULL ? cw_cli_json(cli, doc, err) : cw_err_nomem(err);
}

int cmd_log(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    CW_AUTO_SITE site = CW_SITE_INIT;
    json_auto_t *doc = cli->json ? json_pack("{s:[]}", "entries") : NULL;
    struct reader reader = {.cli = cli, .entries = json_object_get(doc, "entries")};
    int rc = cw_site_open(&site, cli, false, err);

    (void)argc;
    (void)argv;
    if (rc == CW_OK && verify)
        return check(cli, &site, err);
    if (rc == CW_OK)
        rc = cw_history_each(site.fd, show, &reader, err);
    if (rc != CW_OK || !cli->json)
        return rc;
    return doc != NULL ? cw_cli_json(cli, doc, err) : cw_err_nomem(err);
}
