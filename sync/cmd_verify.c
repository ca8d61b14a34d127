/* SPDX-License-Identifier: ISC */
/*
 * causeway-sync verify: every file of the mirrors, or of a tree or bundle in a folder, against what the site
 * trusts.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "sync/commands.h"
#include "sync/mirror/memory.h"
#include "sync/mirror/mirror.h"
#include "sync/mirror/repair.h"
#include "sync/mirror/trust.h"
#include "tree/check.h"
#include "tree/volume.h"

static const char *upstream_name, *repair_from;

const struct cw_option cmd_verify_options[] = {
    {CW_OPTION_STRING, "upstream", &upstream_name, "NAME",
     "what this upstream sent only; whose root DIR is checked by"},
    {CW_OPTION_STRING, "repair-from", &repair_from, "URL|DIR",
     "fetch what is bad or missing from another place that has it"},
    {.kind = CW_OPTION_END},
};

struct verify { /* one folder */
    const struct cw_cli *cli;
    const struct cw_site *site;
    const struct cw_upstream *upstream;
    const char *where;
    bool mirror;           /* it is the upstream's mirror */
    json_t *findings;      /* array */
    json_t *files;         /* what cw_mirror_repair() takes */
    uint64_t bad, missing; /* findings told; a bundle's list and its tree may name the same file */
    uint64_t mended;       /* of them, and of what mending brought to light */
    bool lost;             /* a finding could not be kept for want of memory */
    struct cw_progress progress;
};

static void tell_finding(void *ctx, enum cw_finding kind, const char *path, const char *what)
{
    struct verify *verify = ctx;
    const char *word = kind == CW_FINDING_BAD ? "bad" : "missing";

    if (kind == CW_FINDING_ORPHAN)
        return; /* a mirror keeps what it served: only their number is told */
    if (json_object_get(verify->files, path) != NULL)
        return;
    *(kind == CW_FINDING_BAD ? &verify->bad : &verify->missing) += 1;
    cw_cli_say(verify->cli, "%s: %s: %s", word, path, what);
    if (json_array_append_new(verify->findings,
                              json_pack("{s:s, s:s, s:s}", "kind", word, "path", path, "what", what)) != 0 ||
        json_object_set_new(verify->files, path, json_pack("{s:s}", "what", what)) != 0)
        verify->lost = true;
}

static void note_lack(void *ctx, const char *path, const char *sha256, int64_t length)
{
    struct verify *verify = ctx;
    json_t *file = json_object_get(verify->files, path);

    if (file == NULL || json_object_set_new(file, "sha256", json_string(sha256)) != 0 ||
        (length >= 0 && json_object_set_new(file, "length", json_integer(length)) != 0))
        verify->lost = true;
}

static void note_read(void *ctx, uint64_t bytes)
{
    struct verify *verify = ctx;

    cw_progress_add(&verify->progress, bytes);
}

/* The mirror's root is the one its set entered under; a folder from outside is judged by the newest. */
static int read_root(struct cw_buf *root, const struct verify *verify, struct cw_err *err)
{
    CW_AUTO_MEMORY memory = {.root = 0};
    int rc = cw_mirror_memory_load(&memory, verify->site, verify->upstream, err);

    return rc == CW_OK ? cw_trust_read_root(root, verify->site, verify->upstream,
                                            verify->mirror ? memory.root : 0, err)
                       : rc;
}

static int report(const struct verify *verify, const struct cw_tree_check *check, json_t *list,
                  struct cw_err *err)
{
    char bytes[16], mended[64] = "";

    cw_str_bytes(check->bytes, bytes);
    if (repair_from != NULL)
        snprintf(mended, sizeof mended, ", %llu mended", (unsigned long long)verify->mended);
    cw_cli_say(verify->cli, "%s: %llu file%s (%s) checked, %llu bad, %llu missing%s", verify->where,
               (unsigned long long)check->files, cw_str_plural(check->files), bytes,
               (unsigned long long)verify->bad, (unsigned long long)verify->missing, mended);
    if (verify->lost ||
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:O}", "upstream",
                                        verify->upstream->name, "folder", verify->where, "files",
                                        (json_int_t)check->files, "bytes", (json_int_t)check->bytes, "bad",
                                        (json_int_t)verify->bad, "missing", (json_int_t)verify->missing,
                                        "mended", (json_int_t)verify->mended, "orphans",
                                        (json_int_t)check->orphans, "findings", verify->findings)) != 0)
        return cw_err_nomem(err);
    return CW_OK;
}

/* ---- mending ---- */

static void tell_mended(struct verify *verify)
{
    const char *path;
    json_t *file, *row;
    size_t i;

    json_object_foreach (verify->files, path, file) {
        const char *why = json_string_value(json_object_get(file, "why"));

        if (json_is_true(json_object_get(file, "mended"))) {
            verify->mended++;
            cw_cli_say(verify->cli, "mended: %s", path);
        } else {
            cw_cli_say(verify->cli, "not mended: %s: %s", path,
                       why != NULL ? why : json_string_value(json_object_get(file, "what")));
        }
    }
    json_array_foreach (verify->findings, i, row) {
        file = json_object_get(verify->files, json_string_value(json_object_get(row, "path")));
        if (json_object_set(row, "mended", json_boolean(json_is_true(json_object_get(file, "mended")))) != 0)
            verify->lost = true;
    }
}

/* *rc is the verdict before, and becomes the one after. */
static int repair(int *rc, struct verify *verify, const struct cw_tree_check *check, int dir,
                  struct cw_err *err)
{
    struct cw_repair repair = {.site = verify->site,
                               .upstream = verify->upstream,
                               .mirror = verify->mirror,
                               .dir = dir,
                               .from = repair_from,
                               .check = {.root = check->root,
                                         .root_len = check->root_len,
                                         .now = check->now,
                                         .partial = check->partial,
                                         .channel = check->channel,
                                         .wanted = check->wanted},
                               .cli = verify->cli};
    uint64_t left;
    int got = cw_mirror_repair(&left, &repair, verify->files, err);

    if (got != CW_OK)
        return cw_err_prefix(err, "unable to mend from %s", repair_from);
    tell_mended(verify);
    if (left == 0)
        *rc = CW_OK;
    return CW_OK;
}

static int check_tree_is_there(const struct verify *verify, int dir, struct cw_err *err)
{
    bool there;
    int rc = cw_at_has(&there, dir, "metadata", err);

    if (rc != CW_OK || there)
        return rc;
    if (verify->mirror)
        return cw_err_set(err, CW_E_NOTFOUND,
                          "nothing was pulled from upstream '%s' yet; run 'causeway-sync pull'",
                          verify->where);
    return cw_err_set(err, CW_E_INCOMPLETE,
                      "'%s' has no 'metadata'; is this the right place, and was it copied whole?",
                      verify->where);
}

/* The list of a bundle, where the folder has one. *rc is its verdict; anything else comes back. */
static int check_list(int *rc, struct verify *verify, int dir, struct cw_err *err)
{
    struct cw_tree_check listed = {.found = tell_finding, .read = note_read, .ctx = verify};
    struct cw_err verdict;
    bool bundle;
    int got = cw_at_has(&bundle, dir, CW_VOLUME_FILE, err);

    *rc = CW_OK;
    if (got != CW_OK || verify->mirror || !bundle)
        return got;
    *rc = cw_bundle_check(&listed, dir, &verdict);
    if (*rc == CW_OK || *rc == CW_E_VERIFY || *rc == CW_E_INCOMPLETE)
        return CW_OK;
    *err = verdict;
    return *rc;
}

static int check_all(int *rc, struct verify *verify, struct cw_tree_check *check, int dir, struct cw_err *err)
{
    int listed, got;

    cw_progress_start(&verify->progress, verify->cli, "verifying", cw_tree_size(dir));
    got = check_list(&listed, verify, dir, err);
    *rc = got == CW_OK ? cw_tree_check(check, dir, err) : got;
    cw_progress_end(&verify->progress);
    if (*rc != CW_OK && *rc != CW_E_VERIFY && *rc != CW_E_INCOMPLETE)
        return *rc;
    if (*rc != CW_E_VERIFY && listed != CW_OK)
        *rc = cw_err_set(err, listed, "the bundle is not as its list says");
    return CW_OK;
}

static int check_folder(struct verify *verify, int dir, json_t *list, struct cw_err *err)
{
    CW_AUTO_BUF root = CW_BUF_INIT(CW_TUF_ROOT_MAX);
    struct cw_tree_check check = {.partial = true,
                                  .channel = verify->upstream->channel,
                                  .wanted = &verify->upstream->wanted,
                                  .found = tell_finding,
                                  .lacks = note_lack,
                                  .read = note_read,
                                  .ctx = verify};
    struct cw_err verdict = {0};
    int verdict_rc, rc = check_tree_is_there(verify, dir, err);

    if (rc == CW_OK)
        rc = read_root(&root, verify, err);
    if (rc != CW_OK)
        return rc;
    check.root = cw_buf_text(&root);
    check.root_len = root.len;
    rc = check_all(&verdict_rc, verify, &check, dir, &verdict);
    if (rc != CW_OK) {
        *err = verdict;
        return rc;
    }
    if (verdict_rc != CW_OK && repair_from != NULL)
        rc = repair(&verdict_rc, verify, &check, dir, err);
    if (rc == CW_OK)
        rc = report(verify, &check, list, err);
    if (rc != CW_OK || verdict_rc == CW_OK)
        return rc;
    *err = verdict;
    return cw_err_prefix(err, "%s", verify->where);
}

static int verify_one(struct verify *verify, int dir, json_t *list, struct cw_err *err)
{
    json_auto_t *findings = json_array(), *files = json_object();

    if (findings == NULL || files == NULL)
        return cw_err_nomem(err);
    verify->findings = findings;
    verify->files = files;
    return check_folder(verify, dir, list, err);
}

static int verify_mirror(const struct cw_cli *cli, const struct cw_site *site,
                         const struct cw_upstream *upstream, json_t *list, struct cw_err *err)
{
    struct verify verify = {
        .cli = cli, .site = site, .upstream = upstream, .where = upstream->name, .mirror = true};
    CW_AUTO_FD int dir = -1;
    int rc = cw_mirror_open(&dir, site, upstream, err);

    return rc == CW_OK ? verify_one(&verify, dir, list, err) : rc;
}

static int verify_folder(const struct cw_cli *cli, const struct cw_site *site,
                         const struct cw_upstream *upstream, const char *where, json_t *list,
                         struct cw_err *err)
{
    struct verify verify = {.cli = cli, .site = site, .upstream = upstream, .where = where};
    CW_AUTO_FD int dir = -1;
    int rc = cw_dir_open(&dir, where, err);

    return rc == CW_OK ? verify_one(&verify, dir, list, err) : rc;
}

int cmd_verify(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    json_auto_t *doc = json_pack("{s:[]}", "checked");
    json_t *list = json_object_get(doc, "checked");
    CW_AUTO_SITE site = CW_SITE_INIT;
    const struct cw_upstream *chosen = NULL;
    size_t i;
    int rc = doc == NULL ? cw_err_nomem(err) : cw_site_open(&site, cli, repair_from != NULL, err);

    if (rc == CW_OK && (argc > 1 || upstream_name != NULL || site.upstream_count == 0))
        rc = cw_site_upstream(&chosen, &site, upstream_name, err);
    if (rc != CW_OK)
        return rc;
    if (argc > 1)
        rc = verify_folder(cli, &site, chosen, argv[1], list, err);
    for (i = 0; i < site.upstream_count && argc == 1; i++) {
        struct cw_err one;
        int got;

        if (chosen != NULL && chosen != &site.upstreams[i])
            continue;
        got = verify_mirror(cli, &site, &site.upstreams[i], list, &one);
        if (got != CW_OK && rc == CW_OK)
            *err = one;
        rc = rc == CW_OK ? got : rc;
    }
    if (cw_cli_json(cli, doc, rc == CW_OK ? err : NULL) != CW_OK && rc == CW_OK)
        return err->code;
    return rc;
}
