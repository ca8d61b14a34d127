/* SPDX-License-Identifier: ISC */
/*
 * causeway-sync verify: every file of the mirrors, or of a tree or bundle in a folder, against what the site
 * trusts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "sync/commands.h"
#include "sync/identity.h"
#include "sync/mirror/memory.h"
#include "sync/mirror/mirror.h"
#include "sync/mirror/repair.h"
#include "sync/mirror/trust.h"
#include "sync/report.h"
#include "tree/check.h"
#include "tree/volume.h"

static const char *upstream_name, *repair_from, *report_file, *check_file, *key_file;

const struct cw_option cmd_verify_options[] = {
    {CW_OPTION_STRING, "upstream", &upstream_name, "NAME",
     "what this upstream sent only; whose root DIR is checked by"},
    {CW_OPTION_STRING, "repair-from", &repair_from, "URL|DIR",
     "fetch what is bad or missing from another place that has it"},
    {CW_OPTION_STRING, "report", &report_file, "FILE",
     "write what was checked and found to FILE.json or FILE.html, signed by the site"},
    {CW_OPTION_STRING, "check-report", &check_file, "FILE", "check a report's signature and list instead"},
    {CW_OPTION_STRING, "key", &key_file, "FILE",
     "with --check-report: the identity.pub of the site that wrote it (default: this site's)"},
    {.kind = CW_OPTION_END},
};

struct verify { /* one folder */
    const struct cw_cli *cli;
    const struct cw_site *site;
    const struct cw_upstream *upstream;
    const char *where;
    bool mirror;              /* it is the upstream's mirror */
    struct cw_report *report; /* NULL: none was asked for */
    json_t *findings;         /* array */
    json_t *files;            /* what cw_mirror_repair() takes */
    uint64_t bad, missing;    /* findings told; a bundle's list and its tree may name the same file */
    uint64_t mended;          /* of them, and of what mending brought to light */
    bool lost;                /* a finding could not be kept for want of memory */
    struct cw_volume volume;  /* the list of the bundle; doc NULL: it is none */
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

static void note_held(void *ctx, const struct cw_held_file *file)
{
    struct verify *verify = ctx;

    cw_report_held(verify->report, file);
}

static void note_read(void *ctx, uint64_t bytes)
{
    struct verify *verify = ctx;

    cw_progress_add(&verify->progress, bytes);
}

/* The mirror's root is the one its set entered under; a folder from outside is judged by the newest. */
static int read_root(struct cw_buf *root, int64_t *version, const struct verify *verify, struct cw_err *err)
{
    CW_AUTO_MEMORY memory = {.root = 0};
    struct cw_tuf_meta meta = {.doc = NULL};
    int rc = cw_mirror_memory_load(&memory, verify->site, verify->upstream, err);

    if (rc == CW_OK)
        rc = cw_trust_read_root(root, verify->site, verify->upstream, verify->mirror ? memory.root : 0, err);
    if (rc == CW_OK)
        rc = cw_tuf_meta_parse(&meta, CW_TUF_ROOT, cw_buf_text(root), root->len, err);
    *version = meta.version;
    cw_tuf_meta_clear(&meta);
    return rc;
}

static int report(const struct verify *verify, const struct cw_tree_check *check, int64_t root_version,
                  json_t *list, struct cw_err *err)
{
    char bytes[16], mended[64] = "", root_sha256[CW_SHA256_TEXT];

    if (cw_sha256(root_sha256, check->root, check->root_len, err) != CW_OK)
        return err->code;

    cw_str_bytes(check->bytes, bytes);
    if (repair_from != NULL)
        snprintf(mended, sizeof mended, ", %llu mended", (unsigned long long)verify->mended);
    cw_cli_say(verify->cli, "%s: %llu file%s (%s) checked, %llu bad, %llu missing%s", verify->where,
               (unsigned long long)check->files, cw_str_plural(check->files), bytes,
               (unsigned long long)verify->bad, (unsigned long long)verify->missing, mended);
    if (verify->lost ||
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:O}", "upstream",
                            verify->upstream->name, "folder", verify->where, "channel",
                            verify->upstream->channel, "root_version", (json_int_t)root_version,
                            "root_sha256", root_sha256, "files", (json_int_t)check->files, "bytes",
                            (json_int_t)check->bytes, "bad", (json_int_t)verify->bad, "missing",
                            (json_int_t)verify->missing, "mended", (json_int_t)verify->mended, "orphans",
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
                                         .volume = check->volume,
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

/* One volume of several, or what some sites lack: then the set need not be whole in this folder. */
static bool is_part_of_set(const struct cw_volume *volume)
{
    return volume->of > 1 || json_object_get(volume->doc, "for") != NULL ||
           json_object_get(volume->doc, "since") != NULL;
}

/* What the list says of the tree; if it is none, cw_bundle_check() tells. */
static int read_list(struct verify *verify, struct cw_tree_check *check, int dir, int64_t index,
                     struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_VOLUME_MAX);
    char name[CW_VOLUME_NAME_MAX];
    int rc;

    cw_volume_name(name, index);
    rc = cw_at_read_file(&text, dir, name, err);
    if (rc == CW_OK)
        rc = cw_volume_parse(&verify->volume, cw_buf_text(&text), text.len, err);
    if (rc != CW_OK)
        return rc == CW_E_NOMEM ? rc : CW_OK;
    check->volume = &verify->volume;
    if (is_part_of_set(&verify->volume))
        check->channel = NULL;
    return CW_OK;
}

/* The list of a bundle, where the folder has one. *rc is its verdict; anything else comes back. */
static int check_list(int *rc, struct verify *verify, struct cw_tree_check *check, int dir,
                      struct cw_err *err)
{
    CW_AUTO_FREE int64_t *indices = calloc(CW_VOLUMES_MAX, sizeof *indices);
    struct cw_tree_check listed = {.found = tell_finding, .read = note_read, .ctx = verify};
    struct cw_err verdict;
    size_t count;
    int got = indices != NULL ? cw_volume_look(indices, &count, dir, "", err) : cw_err_nomem(err);

    *rc = CW_OK;
    if (got != CW_OK || verify->mirror || count == 0)
        return got;
    got = read_list(verify, check, dir, indices[0], err);
    if (got != CW_OK)
        return got;
    *rc = cw_bundle_check(&listed, dir, &verdict);
    check->volume_holds = *rc == CW_OK && check->volume != NULL;
    if (*rc == CW_OK || *rc == CW_E_VERIFY || *rc == CW_E_INCOMPLETE)
        return CW_OK;
    *err = verdict;
    return *rc;
}

static int check_all(int *rc, struct verify *verify, struct cw_tree_check *check, int dir, struct cw_err *err)
{
    int listed, got;

    cw_progress_start(&verify->progress, verify->cli, "verifying", cw_tree_size(dir));
    got = check_list(&listed, verify, check, dir, err);
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
    int64_t root_version;
    int verdict_rc, rc = check_tree_is_there(verify, dir, err);

    if (verify->report != NULL)
        check.held = note_held;
    if (rc == CW_OK)
        rc = read_root(&root, &root_version, verify, err);
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
        rc = report(verify, &check, root_version, list, err);
    if (rc != CW_OK || verdict_rc == CW_OK)
        return rc;
    *err = verdict;
    return cw_err_prefix(err, "%s", verify->where);
}

static int verify_one(struct verify *verify, int dir, json_t *list, struct cw_err *err)
{
    json_auto_t *findings = json_array(), *files = json_object();
    int rc;

    if (findings == NULL || files == NULL)
        return cw_err_nomem(err);
    verify->findings = findings;
    verify->files = files;
    rc = check_folder(verify, dir, list, err);
    cw_volume_clear(&verify->volume);
    return rc;
}

static int verify_mirror(struct verify *verify, json_t *list, struct cw_err *err)
{
    CW_AUTO_FD int dir = -1;
    char prefix[CW_PATH_MAX];
    int rc = cw_mirror_open(&dir, verify->site, verify->upstream, err);

    verify->where = verify->upstream->name;
    verify->mirror = true;
    if (rc == CW_OK && verify->report != NULL)
        rc = cw_site_upstream_path(prefix, verify->upstream, "mirror/", err);
    if (rc == CW_OK && verify->report != NULL)
        rc = cw_report_folder(verify->report, prefix, err);
    return rc == CW_OK ? verify_one(verify, dir, list, err) : rc;
}

static int verify_folder(struct verify *verify, const char *where, json_t *list, struct cw_err *err)
{
    CW_AUTO_FD int dir = -1;
    int rc = cw_dir_open(&dir, where, err);

    verify->where = where;
    return rc == CW_OK ? verify_one(verify, dir, list, err) : rc;
}

/* All that was asked for, also behind something bad: one run names all that must be mended. */
static int verify_all(const struct verify *asked, const struct cw_upstream *chosen, const char *where,
                      json_t *list, struct cw_err *err)
{
    const struct cw_site *site = asked->site;
    struct verify verify = *asked;
    size_t i;
    int rc = CW_OK;

    verify.upstream = chosen;
    if (where != NULL)
        return verify_folder(&verify, where, list, err);
    for (i = 0; i < site->upstream_count; i++) {
        struct cw_err one;
        int got;

        if (chosen != NULL && chosen != &site->upstreams[i])
            continue;
        verify = *asked;
        verify.upstream = &site->upstreams[i];
        got = verify_mirror(&verify, list, &one);
        if (got != CW_OK && rc == CW_OK)
            *err = one;
        rc = rc == CW_OK ? got : rc;
    }
    return rc;
}

/* ---- reports ---- */

static int check_report(const struct cw_cli *cli, struct cw_err *err)
{
    CW_AUTO_SITE site = CW_SITE_INIT;
    struct cw_identity identity;
    json_auto_t *payload = NULL;
    int rc = CW_OK;

    if (key_file != NULL) {
        rc = cw_identity_read_file(&identity, key_file, err);
    } else {
        rc = cw_site_open(&site, cli, false, err);
        if (rc == CW_OK)
            rc = cw_identity_read(&identity, site.fd, err);
    }
    if (rc == CW_OK)
        rc = cw_report_check(&payload, check_file, identity.public_key, err);
    if (rc != CW_OK)
        return rc;
    cw_cli_say(cli, "%s: signed by site '%s' at %s, identity %s; its list of files is the signed one",
               check_file, json_string_value(json_object_get(payload, "site")),
               json_string_value(json_object_get(payload, "time")), identity.id);
    return cw_cli_json(cli, payload, err);
}

static int check_usage(int argc, struct cw_err *err)
{
    if (check_file != NULL &&
        (argc > 1 || repair_from != NULL || report_file != NULL || upstream_name != NULL))
        return cw_err_set(err, CW_E_USAGE, "--check-report looks at a report alone; leave the rest out");
    if (key_file != NULL && check_file == NULL)
        return cw_err_set(err, CW_E_USAGE, "--key goes with --check-report");
    if (report_file != NULL && repair_from != NULL)
        return cw_err_set(err, CW_E_USAGE,
                          "a report tells what is there: mend first, then 'verify --report'");
    return report_file != NULL ? cw_report_check_name(report_file, err) : CW_OK;
}

/* A report tells of what is bad, too; the exit code is that of the check. */
static int write_report(struct cw_report *evidence, const json_t *list, int checked, struct cw_err *err)
{
    struct cw_err own;
    int rc;

    if (evidence == NULL || (checked != CW_OK && checked != CW_E_VERIFY && checked != CW_E_INCOMPLETE))
        return checked;
    rc = cw_report_write(evidence, report_file, list, cw_clock_now(), &own);
    if (rc == CW_OK)
        return checked;
    *err = own;
    return cw_err_prefix(err, "unable to write the report '%s'", report_file);
}

int cmd_verify(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    json_auto_t *doc = json_pack("{s:[]}", "checked");
    json_t *list = json_object_get(doc, "checked");
    CW_AUTO_SITE site = CW_SITE_INIT;
    CW_AUTO_REPORT *evidence = NULL;
    const struct cw_upstream *chosen = NULL;
    struct verify verify = {.cli = cli, .site = &site};
    int rc = doc == NULL ? cw_err_nomem(err) : check_usage(argc, err);

    if (rc == CW_OK && check_file != NULL)
        return check_report(cli, err);
    if (rc == CW_OK)
        rc = cw_site_open(&site, cli, repair_from != NULL || report_file != NULL, err);
    if (rc == CW_OK && (argc > 1 || upstream_name != NULL || site.upstream_count == 0))
        rc = cw_site_upstream(&chosen, &site, upstream_name, err);
    if (rc == CW_OK && report_file != NULL)
        rc = cw_report_new(&evidence, &site, err);
    if (rc != CW_OK)
        return rc;
    verify.report = evidence;
    rc = verify_all(&verify, chosen, argc > 1 ? argv[1] : NULL, list, err);
    rc = write_report(evidence, list, rc, err);
    if (cw_cli_json(cli, doc, rc == CW_OK ? err : NULL) != CW_OK && rc == CW_OK)
        return err->code;
    return rc;
}
