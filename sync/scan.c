/* SPDX-License-Identifier: ISC */
/*
 * Showing artifacts to the scanner: see sync/scan.h.
 */
#include "sync/scan.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "codec/canon.h"
#include "codec/json.h"
#include "codec/json_file.h"
#include "crypt/hash.h"
#include "sync/deploy/action.h"
#include "sync/deploy/command.h"
#include "sync/deploy/decision.h"
#include "sync/history.h"
#include "sync/mirror/mirror.h"
#include "tree/layout.h"

#define SCANS_TYPE "causeway-scans"
#define FILE_WORD "{file}"
#define SAVE_EVERY 64 /* files: what a kill may cost */
#define SHOWN_MAX 16  /* files that a history entry names */
#define SAID_MAX 200  /* bytes kept of a scanner's first line */

/* One scan under way. */
struct scan {
    const struct cw_site *site;
    const struct cw_cli *cli;
    struct cw_scan_result *result;
    json_t *before, *scans; /* what was known; what will be: without files that no set has any more */
    json_t *found;          /* what is not clean: for the history */
    char scanner[CW_ACTION_DESCRIBED_MAX];
    char config[CW_SHA256_TEXT];
    bool all;
    uint64_t unsaved;
    int64_t now;
    struct cw_progress progress;
};

static int load(json_t **scans, int site, struct cw_err *err)
{
    json_auto_t *doc = NULL;
    json_t *map = NULL;
    int rc = cw_json_file_read(&doc, site, CW_SCANS_FILE, CW_SCANS_MAX, err);

    *scans = NULL;
    if (rc == CW_E_NOTFOUND) {
        cw_err_clear(err);
        *scans = json_object();
        return *scans != NULL ? CW_OK : cw_err_nomem(err);
    }
    if (rc == CW_OK)
        rc = cw_json_check_format(doc, SCANS_TYPE, err);
    if (rc == CW_OK)
        rc = cw_json_get_obj(&map, doc, "scans", err);
    if (rc != CW_OK)
        return cw_err_prefix(err, "%s", CW_SCANS_FILE);
    *scans = json_incref(map);
    return CW_OK;
}

/* All that site.lua says of the scanner: what is clean depends on more than its command. */
static int hash_config(char sha256[CW_SHA256_TEXT], const struct cw_site *site, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_JSON_TEXT_MAX);
    int rc = cw_canon_format(&text, site->scan, err);

    return rc == CW_OK ? cw_sha256(sha256, text.data, text.len, err) : rc;
}

int cw_scans_load(json_t **scans, const struct cw_site *site, struct cw_err *err)
{
    char config[CW_SHA256_TEXT];
    json_t *entry;
    const char *sha256;
    void *next;
    int rc;

    *scans = NULL;
    if (site->scan == NULL)
        return CW_OK;
    rc = hash_config(config, site, err);
    if (rc == CW_OK)
        rc = load(scans, site->fd, err);
    json_object_foreach_safe (*scans, next, sha256, entry) {
        if (strcmp(cw_json_text(entry, "config"), config) != 0)
            json_object_del(*scans, sha256);
    }
    return rc;
}

static int save(struct scan *scan, struct cw_err *err)
{
    json_auto_t *doc =
        json_pack("{s:s, s:s, s:O}", "_type", SCANS_TYPE, "format", "1.0", "scans", scan->scans);

    scan->unsaved = 0;
    return cw_json_file_replace(scan->site->fd, CW_SCANS_FILE, doc, CW_SCANS_MAX, err);
}

/* text with each {file} in it replaced. */
static json_t *with_file(const char *text, const char *path)
{
    CW_AUTO_BUF made = CW_BUF_INIT(4 * CW_ACTION_BYTES_MAX);
    const char *at;

    while ((at = strstr(text, FILE_WORD)) != NULL) {
        cw_buf_add(&made, text, (size_t)(at - text));
        cw_buf_adds(&made, path);
        text = at + strlen(FILE_WORD);
    }
    cw_buf_adds(&made, text);
    return made.failed == CW_OK ? json_string(cw_buf_text(&made)) : NULL;
}

static json_t *action_on(const json_t *scan, const char *path)
{
    json_auto_t *action = cw_json_deep_copy(json_object_get(scan, "action"));
    json_t *argv = json_object_get(action, "run"), *word;
    size_t i;

    json_array_foreach (argv, i, word) {
        if (json_array_set_new(argv, i, with_file(json_string_value(word), path)) != 0)
            return NULL;
    }
    return json_incref(action);
}

static const char *judge(const json_t *scan, const struct cw_command_result *result)
{
    json_t *code;
    size_t i;

    if (result->passed)
        return "clean";
    json_array_foreach (json_object_get(scan, "bad"), i, code) {
        if (result->exit == json_integer_value(code))
            return "bad";
    }
    return "failed";
}

/* What it printed, its first line that is none of clean files; or how it ended. */
static void first_line(char said[SAID_MAX], const char *verdict, const struct cw_command_result *result)
{
    const char *output = json_string_value(result->output);
    char line[4 * SAID_MAX];

    while (*output == '\n' || *output == ' ')
        output++;
    if (strcmp(verdict, "failed") == 0)
        snprintf(line, sizeof line, "the scanner %s%s%.*s", result->reason, *output != '\0' ? ": " : "",
                 (int)strcspn(output, "\n"), output);
    else if (*output == '\0' && strcmp(verdict, "bad") == 0)
        snprintf(line, sizeof line, "it exited with %d and said nothing", result->exit);
    else
        snprintf(line, sizeof line, "%.*s", (int)strcspn(output, "\n"), output);
    cw_reason_set(said, SAID_MAX, line);
}

static int note(struct scan *scan, const struct cw_set_file *file, const char *verdict, const char *said,
                struct cw_err *err)
{
    char time[CW_TIME_TEXT];

    cw_time_format(scan->now, time);
    if (json_object_set_new(scan->scans, file->sha256,
                            json_pack("{s:s, s:s, s:s, s:s, s:s}", "verdict", verdict, "time", time,
                                      "scanner", scan->scanner, "config", scan->config, "said", said)) != 0)
        return cw_err_nomem(err);
    return CW_OK;
}

static int show_to_scanner(struct scan *scan, const struct cw_set_file *file, const char *path,
                           struct cw_err *err)
{
    const struct cw_command_context context = {.stage = NULL};
    json_auto_t *action = action_on(scan->site->scan, path);
    struct cw_command_result result = {.exit = -1};
    char said[SAID_MAX];
    int rc = action != NULL ? cw_command_run(&result, &context, action, err) : cw_err_nomem(err);

    if (rc == CW_OK && result.interrupted)
        rc = cw_err_set(err, CW_E_TEMP, "interrupted while '%s' was being scanned", file->target);
    if (rc == CW_OK) {
        const char *verdict = judge(scan->site->scan, &result);

        first_line(said, verdict, &result);
        rc = note(scan, file, verdict, said, err);
        scan->result->scanned++;
        scan->unsaved++;
    }
    cw_command_clear(&result);
    if (rc == CW_OK && scan->unsaved >= SAVE_EVERY)
        rc = save(scan, err);
    return rc;
}

/* A verdict counts if the same scanner gave it, set up the same; one that it could not give is asked for again. */
static bool is_known(const struct scan *scan, const json_t *entry)
{
    return entry != NULL && !scan->all && strcmp(cw_json_text(entry, "config"), scan->config) == 0 &&
           strcmp(cw_json_text(entry, "verdict"), "failed") != 0;
}

/* Counts what is not clean, and says it. */
static int tell(struct scan *scan, const struct cw_set_file *file, struct cw_err *err)
{
    const json_t *entry = json_object_get(scan->scans, file->sha256);
    const char *verdict = cw_json_text(entry, "verdict"), *said = cw_json_text(entry, "said");

    if (strcmp(verdict, "clean") == 0)
        return CW_OK;
    scan->result->bad += strcmp(verdict, "bad") == 0;
    scan->result->failed += strcmp(verdict, "bad") != 0;
    if (json_array_size(scan->found) >= SHOWN_MAX)
        return CW_OK;
    cw_cli_warn(scan->cli, "'%s' %s: %s", file->target,
                strcmp(verdict, "bad") == 0 ? "was found bad by the scanner" : "could not be scanned", said);
    if (json_array_append_new(scan->found, json_pack("{s:s, s:s, s:s, s:s}", "path", file->target, "sha256",
                                                     file->sha256, "verdict", verdict, "said", said)) != 0)
        return cw_err_nomem(err);
    return CW_OK;
}

static int scan_file(struct scan *scan, const struct cw_upstream *upstream, const struct cw_set_file *file,
                     struct cw_err *err)
{
    json_t *known = json_object_get(scan->before, file->sha256);
    char tree[CW_PATH_MAX], mirror[CW_PATH_MAX];
    CW_AUTO_FREE char *path = NULL;
    int rc = CW_OK;

    if (json_object_get(scan->scans, file->sha256) != NULL) /* in another release, or another upstream */
        return CW_OK;
    if (is_known(scan, known)) {
        scan->result->known++;
        rc = json_object_set(scan->scans, file->sha256, known) == 0 ? CW_OK : cw_err_nomem(err);
    } else {
        rc = cw_tree_target_path(tree, file->target, file->sha256, err);
        if (rc == CW_OK)
            rc = cw_site_upstream_path(mirror, upstream, "mirror", err);
        path = rc == CW_OK ? cw_str_format("%s/%s/%s", scan->site->path, mirror, tree) : NULL;
        if (rc == CW_OK)
            rc = path != NULL ? show_to_scanner(scan, file, path, err) : cw_err_nomem(err);
    }
    cw_progress_add(&scan->progress, file->length);
    return rc == CW_OK ? tell(scan, file, err) : rc;
}

static int scan_upstream(struct scan *scan, const struct cw_upstream *upstream, struct cw_err *err)
{
    CW_AUTO_SET set = {.files = NULL};
    int64_t root_version;
    uint64_t bytes = 0;
    int rc = cw_mirror_load(&set, &root_version, scan->site, upstream, err);

    if (rc == CW_E_NOTFOUND) { /* nothing was pulled yet */
        cw_err_clear(err);
        return CW_OK;
    }
    for (size_t i = 0; i < set.file_count && rc == CW_OK; i++)
        bytes += set.files[i].artifact != NULL ? set.files[i].length : 0;
    cw_progress_start(&scan->progress, scan->cli, "scanning", bytes);
    for (size_t i = 0; i < set.file_count && rc == CW_OK; i++) {
        if (set.files[i].artifact != NULL)
            rc = scan_file(scan, upstream, &set.files[i], err);
    }
    cw_progress_end(&scan->progress);
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "upstream '%s'", upstream->name);
}

/* What it would be after this run; files that no set has any more are forgotten, unless it did not come to its end. */
static int finish(struct scan *scan, int rc, struct cw_err *err)
{
    struct cw_err second = {0};
    bool changed = !json_equal(scan->before, scan->scans);
    int saved;

    if (rc != CW_OK && json_object_update_missing(scan->scans, scan->before) != 0)
        return rc;
    saved = changed ? save(scan, rc == CW_OK ? err : &second) : CW_OK;
    return rc == CW_OK ? saved : rc;
}

static int write_history(const struct scan *scan, struct cw_err *err)
{
    const struct cw_scan_result *result = scan->result;
    json_auto_t *data = json_pack("{s:s, s:I, s:I, s:I, s:O}", "scanner", scan->scanner, "scanned",
                                  (json_int_t)result->scanned, "bad", (json_int_t)result->bad, "failed",
                                  (json_int_t)result->failed, "found", scan->found);

    return data != NULL ? cw_history_append(scan->site->fd, scan->now, "scan", data, err) : cw_err_nomem(err);
}

static int run(struct scan *scan, struct cw_err *err)
{
    const struct cw_site *site = scan->site;
    int rc = cw_command_check(json_object_get(site->scan, "action"), err);

    if (rc != CW_OK)
        return cw_err_prefix(err, "scan");
    for (size_t i = 0; i < site->upstream_count && rc == CW_OK; i++)
        rc = scan_upstream(scan, &site->upstreams[i], err);
    rc = finish(scan, rc, err);
    if (rc != CW_OK || scan->result->scanned == 0)
        return rc;
    cw_cli_say(scan->cli, "scanned %llu file%s: %s", (unsigned long long)scan->result->scanned,
               cw_str_plural(scan->result->scanned),
               scan->result->bad + scan->result->failed == 0 ? "all clean" : "what is not clean is held");
    return write_history(scan, err);
}

int cw_scan_run(struct cw_scan_result *result, const struct cw_site *site, bool all, int64_t now,
                const struct cw_cli *cli, struct cw_err *err)
{
    struct scan scan = {.site = site, .cli = cli, .result = result, .all = all, .now = now};
    int rc;

    *result = (struct cw_scan_result){0};
    cw_action_describe(scan.scanner, json_object_get(site->scan, "action"));
    scan.scans = json_object();
    scan.found = json_array();
    rc = scan.scans != NULL && scan.found != NULL ? hash_config(scan.config, site, err) : cw_err_nomem(err);
    if (rc == CW_OK)
        rc = load(&scan.before, site->fd, err);
    if (rc == CW_OK)
        rc = run(&scan, err);
    json_decref(scan.before);
    json_decref(scan.scans);
    json_decref(scan.found);
    return rc;
}
