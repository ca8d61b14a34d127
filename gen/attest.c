/* SPDX-License-Identifier: ISC */
/*
 * Reading and keeping attestations; see gen/attest.h.
 */
#include "gen/attest.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "codec/hex.h"
#include "codec/json.h"
#include "fs/commit.h"
#include "fs/walk.h"
#include "release/channel.h"

_Static_assert(CW_ENVELOPE_MAX == CW_ATTESTATION_MAX, "what is kept can be pinned");
_Static_assert(CW_PREDICATE_MAX <= CW_PREDICATE_TEXT_MAX, "its predicate too");

/* Tools also write the statement alone. */
static bool is_bare_statement(const struct cw_buf *bytes)
{
    json_auto_t *doc = NULL;
    struct cw_err ignored;

    return cw_json_parse(&doc, bytes->data, bytes->len, &ignored) == CW_OK &&
           json_object_get(doc, "predicateType") != NULL && json_object_get(doc, "payload") == NULL;
}

int cw_attested_read(struct cw_attested *attested, struct cw_err *err)
{
    int rc = cw_sha256(attested->sha256, attested->bytes.data, attested->bytes.len, err);

    if (rc == CW_OK)
        rc = cw_envelope_parse(&attested->envelope, attested->bytes.data, attested->bytes.len, err);
    if (rc == CW_E_VERIFY && is_bare_statement(&attested->bytes))
        return cw_err_set(err, CW_E_VERIFY,
                          "is a statement that nobody signed: give the DSSE envelope around it, as 'cosign "
                          "attest-blob' writes it");
    return rc == CW_OK ? cw_statement_parse(&attested->statement, &attested->envelope, err) : rc;
}

void cw_attested_clear(struct cw_attested *attested)
{
    cw_buf_clear(&attested->bytes);
    cw_envelope_clear(&attested->envelope);
    cw_statement_clear(&attested->statement);
}

void cw_attest_release_clear(struct cw_attest_release *release)
{
    cw_manifest_clear(&release->manifest);
}

int cw_attest_release_set(struct cw_attest_release *release, const json_t *doc, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_MANIFEST_MAX);
    int rc = cw_json_format(&text, doc, err);

    if (rc == CW_OK)
        rc = cw_sha256(release->sha256, text.data, text.len, err);
    return rc == CW_OK ? cw_manifest_parse(&release->manifest, text.data, text.len, err) : rc;
}

bool cw_attest_covers(const struct cw_attested *attested, const struct cw_attest_release *release,
                      size_t artifact)
{
    return cw_statement_covers(&attested->statement, release->manifest.artifacts[artifact].sha256) ||
           cw_statement_covers(&attested->statement, release->sha256);
}

size_t cw_attest_count(const struct cw_attested *attested, const struct cw_attest_release *release)
{
    size_t i, count = 0;

    for (i = 0; i < release->manifest.artifact_count; i++)
        count += cw_attest_covers(attested, release, i);
    return count;
}

int cw_attest_path(char path[CW_PATH_MAX], const char *product, const char *version, const char *sha256,
                   struct cw_err *err)
{
    int len =
        snprintf(path, CW_PATH_MAX, "%s/%s@%s%s%s%s", CW_ATTEST_FOLDER, product, version,
                 sha256 != NULL ? "/" : "", sha256 != NULL ? sha256 : "", sha256 != NULL ? ".json" : "");

    if (len < 0 || len >= CW_PATH_MAX || !cw_path_is_relative(path))
        return cw_err_set(err, CW_E_VERIFY, "'%s' %s cannot be the name of a folder", product, version);
    return CW_OK;
}

/* ---- those that are kept ---- */

struct visiting {
    int dir;
    const char *folder;
    size_t count;
    cw_attest_fn *fn; /* NULL: they are only counted */
    void *ctx;
};

/* "<sha256>.json"; anything else in the folder is not ours. */
static bool is_kept(const char *name, char sha256[CW_SHA256_TEXT])
{
    snprintf(sha256, CW_SHA256_TEXT, "%s", name);
    return cw_hex_is_sha256(sha256) && strcmp(name + CW_SHA256_TEXT - 1, ".json") == 0;
}

static int read_kept(struct cw_attested *attested, const struct visiting *v, const char *sha256,
                     struct cw_err *err)
{
    int rc = cw_at_read_file(&attested->bytes, v->dir, attested->path, err);

    if (rc == CW_OK)
        rc = cw_attested_read(attested, err);
    if (rc == CW_OK && strcmp(attested->sha256, sha256) != 0)
        rc = cw_err_set(err, CW_E_VERIFY, "was changed since it was given");
    if (rc == CW_E_VERIFY)
        cw_err_prefix(err, "'%s' (remove it, and give it again)", attested->path);
    return rc;
}

static int visit(void *ctx, const char *path, const struct stat *st, struct cw_err *err)
{
    struct visiting *v = ctx;
    CW_AUTO_ATTESTED attested = CW_ATTESTED_INIT;
    char sha256[CW_SHA256_TEXT];
    int rc;

    if (!S_ISREG(st->st_mode) || !is_kept(path, sha256))
        return CW_OK;
    v->count++;
    if (v->fn == NULL)
        return CW_OK;
    if (v->count > CW_ATTESTATIONS_MAX)
        return cw_err_set(err, CW_E_FAIL, "'%s' has more than %d attestations: remove what is void",
                          v->folder, CW_ATTESTATIONS_MAX);
    snprintf(attested.path, sizeof attested.path, "%s/%s.json", v->folder, sha256);
    rc = read_kept(&attested, v, sha256, err);
    return rc == CW_OK ? v->fn(v->ctx, &attested, err) : rc;
}

static int walk(struct visiting *v, struct cw_err *err)
{
    bool there;
    int rc = cw_at_has(&there, v->dir, v->folder, err);

    return rc == CW_OK && there ? cw_walk(v->dir, v->folder, visit, v, err) : rc;
}

int cw_attest_each(int dir, const char *product, const char *version, cw_attest_fn *fn, void *ctx,
                   struct cw_err *err)
{
    char folder[CW_PATH_MAX];
    struct visiting v = {.dir = dir, .folder = folder, .fn = fn, .ctx = ctx};
    int rc = cw_attest_path(folder, product, version, NULL, err);

    return rc == CW_OK ? walk(&v, err) : rc;
}

int cw_attest_keep(bool *is_new, int dir, const char *product, const char *version,
                   const struct cw_attested *attested, bool dry_run, struct cw_err *err)
{
    char folder[CW_PATH_MAX], path[CW_PATH_MAX];
    struct visiting v = {.dir = dir, .folder = folder};
    bool there = false;
    int rc = cw_attest_path(folder, product, version, NULL, err);

    if (rc == CW_OK)
        rc = cw_attest_path(path, product, version, attested->sha256, err);
    if (rc == CW_OK)
        rc = cw_at_has(&there, dir, path, err);
    if (rc == CW_OK && !there)
        rc = walk(&v, err);
    *is_new = !there;
    if (rc != CW_OK || there)
        return rc;
    if (v.count >= CW_ATTESTATIONS_MAX)
        return cw_err_set(err, CW_E_FAIL, "'%s' has %d attestations already: remove what is void", folder,
                          CW_ATTESTATIONS_MAX);
    if (dry_run)
        return CW_OK;
    rc = cw_sweep(dir, folder, err);
    return rc == CW_OK ? cw_file_replace(dir, path, attested->bytes.data, attested->bytes.len, 0644, err)
                       : rc;
}
