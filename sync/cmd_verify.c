/* SPDX-License-Identifier: ISC */
/*
 * causeway-sync verify: every file of the mirrors, or of a tree or bundle in a folder, against what the site
 * trusts.
 */
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "sync/commands.h"
#include "sync/mirror/memory.h"
#include "sync/mirror/mirror.h"
#include "sync/mirror/trust.h"
#include "tree/check.h"
#include "tree/volume.h"

static const char *upstream_name;

const struct cw_option cmd_verify_options[] = {
    {CW_OPTION_STRING, "upstream", &upstream_name, "NAME",
     "what this upstream sent only; whose root DIR is checked by"},
    {.kind = CW_OPTION_END},
};

struct verify { /* one folder */
    const struct cw_cli *cli;
    const struct cw_site *site;
    const struct cw_upstream *upstream;
    const char *where;
    json_t *findings;      /* array */
    uint64_t bad, missing; /* findings told; a bundle's list and its tree may name the same file */
    bool lost;             /* a finding could not be kept for want of memory */
};

static bool is_told(const json_t *findings, const char *path)
{
    const json_t *row;
    size_t i;

    json_array_foreach (findings, i, row) {
        if (strcmp(json_string_value(json_object_get(row, "path")), path) == 0)
            return true;
    }
    return false;
}

static void tell_finding(void *ctx, enum cw_finding kind, const char *path, const char *what)
{
    struct verify *verify = ctx;
    const char *word = kind == CW_FINDING_BAD ? "bad" : "missing";

    if (kind == CW_FINDING_ORPHAN)
        return; /* a mirror keeps what it served: only their number is told */
    if (is_told(verify->findings, path))
        return;
    *(kind == CW_FINDING_BAD ? &verify->bad : &verify->missing) += 1;
    cw_cli_say(verify->cli, "%s: %s: %s", word, path, what);
    if (json_array_append_new(verify->findings,
                              json_pack("{s:s, s:s, s:s}", "kind", word, "path", path, "what", what)) != 0)
        verify->lost = true;
}

/* The mirror's root is the one its set entered under; a folder from outside is judged by the newest. */
static int read_root(struct cw_buf *root, const struct verify *verify, bool mirror, struct cw_err *err)
{
    CW_AUTO_MEMORY memory = {.root = 0};
    int rc = cw_mirror_memory_load(&memory, verify->site, verify->upstream, err);

    return rc == CW_OK
               ? cw_trust_read_root(root, verify->site, verify->upstream, mirror ? memory.root : 0, err)
               : rc;
}

static int report(const struct verify *verify, const struct cw_tree_check *check, json_t *list,
                  struct cw_err *err)
{
    char bytes[16];

    cw_str_bytes(check->bytes, bytes);
    cw_cli_say(verify->cli, "%s: %llu file%s (%s) checked, %llu bad, %llu missing", verify->where,
               (unsigned long long)check->files, cw_str_plural(check->files), bytes,
               (unsigned long long)verify->bad, (unsigned long long)verify->missing);
    if (verify->lost ||
        json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:O}", "upstream",
                                              verify->upstream->name, "folder", verify->where, "files",
                                              (json_int_t)check->files, "bytes", (json_int_t)check->bytes,
                                              "bad", (json_int_t)verify->bad, "missing",
                                              (json_int_t)verify->missing, "orphans",
                                              (json_int_t)check->orphans, "findings", verify->findings)) != 0)
        return cw_err_nomem(err);
    return CW_OK;
}

static int check_tree_is_there(const struct verify *verify, int dir, bool mirror, struct cw_err *err)
{
    bool there;
    int rc = cw_at_has(&there, dir, "metadata", err);

    if (rc != CW_OK || there)
        return rc;
    if (mirror)
        return cw_err_set(err, CW_E_NOTFOUND,
                          "nothing was pulled from upstream '%s' yet; run 'causeway-sync pull'",
                          verify->where);
    return cw_err_set(err, CW_E_INCOMPLETE,
                      "'%s' has no 'metadata'; is this the right place, and was it copied whole?",
                      verify->where);
}

static int check_folder(struct verify *verify, int dir, bool mirror, json_t *list, struct cw_err *err)
{
    CW_AUTO_BUF root = CW_BUF_INIT(CW_TUF_ROOT_MAX);
    struct cw_tree_check check = {.partial = true,
                                  .channel = verify->upstream->channel,
                                  .wanted = &verify->upstream->wanted,
                                  .found = tell_finding,
                                  .ctx = verify};
    bool bundle;
    int bundle_rc = CW_OK, rc = check_tree_is_there(verify, dir, mirror, err);

    if (rc == CW_OK)
        rc = read_root(&root, verify, mirror, err);
    if (rc == CW_OK)
        rc = cw_at_has(&bundle, dir, CW_VOLUME_FILE, err);
    if (rc != CW_OK)
        return rc;
    check.root = cw_buf_text(&root);
    check.root_len = root.len;
    if (!mirror && bundle) {
        struct cw_tree_check listed = {.found = tell_finding, .ctx = verify};
        struct cw_err bundle_err;

        bundle_rc = cw_bundle_check(&listed, dir, &bundle_err);
        if (bundle_rc != CW_OK && bundle_rc != CW_E_VERIFY && bundle_rc != CW_E_INCOMPLETE) {
            *err = bundle_err;
            return bundle_rc;
        }
    }
    rc = cw_tree_check(&check, dir, err);
    if (rc != CW_OK && rc != CW_E_VERIFY && rc != CW_E_INCOMPLETE)
        return rc;
    if (report(verify, &check, list, NULL) != CW_OK)
        return cw_err_nomem(err);
    if (rc != CW_E_VERIFY && bundle_rc != CW_OK)
        rc = cw_err_set(err, bundle_rc, "the bundle is not as its list says");
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "%s", verify->where);
}

static int verify_mirror(const struct cw_cli *cli, const struct cw_site *site,
                         const struct cw_upstream *upstream, json_t *list, struct cw_err *err)
{
    json_auto_t *findings = json_array();
    struct verify verify = {
        .cli = cli, .site = site, .upstream = upstream, .where = upstream->name, .findings = findings};
    CW_AUTO_FD int dir = -1;
    int rc = findings == NULL ? cw_err_nomem(err) : cw_mirror_open(&dir, site, upstream, err);

    return rc == CW_OK ? check_folder(&verify, dir, true, list, err) : rc;
}

static int verify_folder(const struct cw_cli *cli, const struct cw_site *site,
                         const struct cw_upstream *upstream, const char *where, json_t *list,
                         struct cw_err *err)
{
    json_auto_t *findings = json_array();
    struct verify verify = {
        .cli = cli, .site = site, .upstream = upstream, .where = where, .findings = findings};
    CW_AUTO_FD int dir = -1;
    int rc = findings == NULL ? cw_err_nomem(err) : cw_dir_open(&dir, where, err);

    return rc == CW_OK ? check_folder(&verify, dir, false, list, err) : rc;
}

int cmd_verify(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    json_auto_t *doc = json_pack("{s:[]}", "checked");
    json_t *list = json_object_get(doc, "checked");
    CW_AUTO_SITE site = CW_SITE_INIT;
    const struct cw_upstream *chosen = NULL;
    size_t i;
    int rc = doc == NULL ? cw_err_nomem(err) : cw_site_open(&site, cli, false, err);

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
