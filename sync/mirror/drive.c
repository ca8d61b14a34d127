/* SPDX-License-Identifier: ISC */
/*
 * Answers what the TUF client's state machine wants during a pull. Roots are stored as they are verified;
 * everything else is kept in the machine until the whole set is in (enter.c).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "crypt/hash.h"
#include "sync/mirror/pull.h"
#include "sync/mirror/trust.h"
#include "tree/layout.h"

/* A damaged copy is as good as none: what is fetched then takes its place. */
static int read_mirrored_role(struct cw_buf *bytes, const struct cw_pull *pull,
                              const struct cw_tuf_meta *snapshot, const char *role, struct cw_err *err)
{
    struct cw_tuf_file file;
    char path[CW_PATH_MAX];
    int rc = cw_tuf_meta_file(&file, snapshot, role, err);

    if (rc == CW_OK)
        rc = cw_tree_metadata_path(path, file.version, role, err);
    if (rc == CW_OK)
        rc = cw_at_read_file(bytes, pull->mirror, path, err);
    return rc == CW_OK || rc == CW_E_NOMEM ? rc : CW_E_NOTFOUND;
}

/* Delegated roles, of which there may be thousands, are in the mirror alone. */
static int read_trusted(struct cw_buf *bytes, const struct cw_pull *pull, const struct cw_tuf_update *update,
                        const struct cw_tuf_want *want, struct cw_err *err)
{
    const struct cw_tuf_meta *snapshot = cw_tuf_update_meta(update, cw_tuf_type_name(CW_TUF_SNAPSHOT));

    if (snapshot == NULL || strcmp(want->role, cw_tuf_type_name(CW_TUF_TARGETS)) == 0)
        return cw_at_read_file(bytes, pull->trust, want->name, err);
    return read_mirrored_role(bytes, pull, snapshot, want->role, err);
}

static int answer_load(struct cw_pull *pull, struct cw_tuf_update *update, const struct cw_tuf_want *want,
                       struct cw_err *err)
{
    CW_AUTO_BUF bytes = CW_BUF_INIT(want->max);
    int rc = read_trusted(&bytes, pull, update, want, err);

    if (rc == CW_E_NOTFOUND)
        return cw_tuf_update_absent(update, err);
    return rc == CW_OK ? cw_tuf_update_give(update, cw_buf_text(&bytes), bytes.len, err) : rc;
}

static int answer_fetch(struct cw_pull *pull, struct cw_tuf_update *update, const struct cw_tuf_want *want,
                        struct cw_err *err)
{
    CW_AUTO_BUF bytes = CW_BUF_INIT(want->max);
    struct cw_foreseen *foreseen;
    char path[CW_PATH_MAX];
    int rc, n = snprintf(path, sizeof path, CW_TREE_METADATA "/%s", want->name);

    if (n < 0 || (size_t)n >= sizeof path)
        return cw_err_set(err, CW_E_VERIFY, "role name '%.64s…' is too long", want->name);
    foreseen = pull->foresight != NULL ? cw_foresight_take(pull->foresight, path) : NULL;
    if (foreseen != NULL)
        return cw_tuf_update_give_ahead(update, &foreseen->ahead, cw_buf_text(&foreseen->bytes),
                                        foreseen->bytes.len, err);
    rc = cw_source_get_buf(pull->source, path, &bytes, err);
    if (rc == CW_E_NOTFOUND && want->optional)
        return cw_tuf_update_absent(update, err);
    if (rc == CW_E_NOTFOUND)
        return cw_err_set(err, CW_E_INCOMPLETE,
                          "'%s' is not there; is this the right place, and was it copied whole?", path);
    return rc == CW_OK ? cw_tuf_update_give(update, cw_buf_text(&bytes), bytes.len, err) : rc;
}

static int answer_store(struct cw_pull *pull, struct cw_tuf_update *update, const struct cw_tuf_want *want,
                        struct cw_err *err)
{
    int rc = CW_OK;

    if (strcmp(want->role, cw_tuf_type_name(CW_TUF_ROOT)) == 0) {
        rc = cw_trust_store_root(pull->site, pull->upstream, want->version, want->bytes, want->len, err);
        pull->rooted = true;
    }
    return rc == CW_OK ? cw_tuf_update_stored(update, err) : rc;
}

/* What came with an earlier set is in the mirror; targets may be there, too, from a pull that failed. */
static bool is_mirrored(const struct cw_pull *pull, const char *tree_path)
{
    bool there = false;

    if (pull->memory.timestamp != NULL || !cw_str_starts(tree_path, CW_TREE_METADATA "/"))
        (void)cw_at_has(&there, pull->mirror, tree_path, NULL);
    return there;
}

void cw_pull_expect_file(void *ctx, const char *tree_path, size_t max)
{
    struct cw_pull *pull = ctx;

    if (cw_source_kind(pull->source) == CW_SOURCE_HTTP && !is_mirrored(pull, tree_path))
        cw_source_expect(pull->source, tree_path, max);
}

void cw_pull_expect_first(struct cw_pull *pull, const struct cw_tuf_update *update)
{
    const struct cw_tuf_meta *root = cw_tuf_update_meta(update, cw_tuf_type_name(CW_TUF_ROOT));
    char path[CW_PATH_MAX];

    if (cw_tree_metadata_path(path, root->version + 1, cw_tuf_type_name(CW_TUF_ROOT), NULL) == CW_OK)
        cw_source_expect(pull->source, path, CW_TUF_ROOT_MAX);
    cw_source_expect(pull->source, CW_TREE_TIMESTAMP, CW_TUF_TIMESTAMP_MAX);
}

/* The channel's role will be wanted, whatever the targets role says of it: they may come at once. */
static void expect_channel(struct cw_pull *pull, const struct cw_tuf_update *update)
{
    const struct cw_tuf_meta *snapshot = cw_tuf_update_meta(update, cw_tuf_type_name(CW_TUF_SNAPSHOT));
    const char *role = pull->upstream->channel;
    struct cw_tuf_file file;
    char path[CW_PATH_MAX];

    if (snapshot != NULL && cw_tuf_meta_file(&file, snapshot, role, NULL) == CW_OK &&
        cw_tree_metadata_path(path, file.version, role, NULL) == CW_OK)
        cw_pull_expect_file(pull, path, file.length >= 0 ? (size_t)file.length : CW_TUF_TARGETS_MAX);
}

int cw_pull_drive(void *ctx, struct cw_tuf_update *update, struct cw_err *err)
{
    struct cw_pull *pull = ctx;
    struct cw_tuf_want want;
    int rc;

    while ((rc = cw_tuf_update_next(update, &want, err)) == CW_OK && want.kind != CW_TUF_DONE) {
        if (strcmp(want.role, cw_tuf_type_name(CW_TUF_TARGETS)) == 0)
            expect_channel(pull, update);
        if (want.kind == CW_TUF_LOAD)
            rc = answer_load(pull, update, &want, err);
        else if (want.kind == CW_TUF_FETCH)
            rc = answer_fetch(pull, update, &want, err);
        else
            rc = answer_store(pull, update, &want, err);
        if (rc != CW_OK)
            break;
    }
    return rc;
}

void cw_pull_expect(void *ctx, struct cw_tuf_update *update, const char *target)
{
    struct cw_pull *pull = ctx;
    char path[CW_PATH_MAX];
    struct cw_tuf_role role;
    const char *name;
    size_t max;
    int n;

    if (!cw_tuf_update_foresee(update, target, &name, &max, &role))
        return;
    n = snprintf(path, sizeof path, CW_TREE_METADATA "/%s", name);
    if (n < 0 || (size_t)n >= sizeof path || is_mirrored(pull, path))
        return;
    if (pull->foresight != NULL || cw_foresight_new(&pull->foresight, pull->source, NULL) == CW_OK)
        cw_foresight_expect(pull->foresight, path, max, &role);
}

/* The mirror's own copy, if its bytes have the hash that its name says; a damaged one is taken anew. */
static int read_mirrored(struct cw_pull *pull, const char *tree_path, struct cw_buf *buf, bool *good,
                         struct cw_err *err)
{
    char sha256[CW_SHA256_TEXT];
    int rc = cw_at_read_file(buf, pull->mirror, tree_path, err);

    *good = false;
    if (rc == CW_E_NOTFOUND)
        return CW_OK;
    if (rc == CW_OK)
        rc = cw_sha256(sha256, cw_buf_text(buf), buf->len, err);
    if (rc == CW_OK)
        *good = strncmp(cw_str_basename(tree_path), sha256, CW_SHA256_TEXT - 1) == 0;
    return rc;
}

static int keep(struct cw_pull *pull, const char *tree_path, const struct cw_buf *buf, struct cw_err *err)
{
    struct cw_pull_kept *kept;

    if (pull->kept_bytes + buf->len > CW_PULL_CACHE_MAX)
        return CW_OK; /* it will be read again */
    kept = reallocarray(pull->kept, pull->kept_count + 1, sizeof *kept);
    if (kept == NULL)
        return cw_err_nomem(err);
    pull->kept = kept;
    kept += pull->kept_count;
    kept->path = strdup(tree_path);
    kept->bytes = malloc(buf->len + 1);
    if (kept->path == NULL || kept->bytes == NULL) {
        free(kept->path);
        free(kept->bytes);
        return cw_err_nomem(err);
    }
    memcpy(kept->bytes, cw_buf_text(buf), buf->len + 1);
    kept->len = buf->len;
    pull->kept_bytes += buf->len;
    pull->kept_count++;
    return CW_OK;
}

int cw_pull_read(void *ctx, const char *tree_path, struct cw_buf *buf, struct cw_err *err)
{
    struct cw_pull *pull = ctx;
    bool good;
    int rc = read_mirrored(pull, tree_path, buf, &good, err);

    if (rc != CW_OK || good)
        return rc;
    cw_buf_reset(buf);
    rc = cw_source_get_buf(pull->source, tree_path, buf, err);
    if (rc == CW_E_NOTFOUND)
        return cw_err_set(err, CW_E_INCOMPLETE, "'%s' is missing at '%s'", tree_path,
                          cw_source_where(pull->source));
    return rc == CW_OK ? keep(pull, tree_path, buf, err) : rc;
}

bool cw_pull_has_file(void *ctx, const struct cw_closure_file *file)
{
    const struct cw_pull *pull = ctx;
    struct stat st;

    return cw_at_stat(&st, pull->mirror, file->path, NULL) == CW_OK && S_ISREG(st.st_mode) &&
           (uint64_t)st.st_size == file->length;
}

const struct cw_pull_kept *cw_pull_find_kept(const struct cw_pull *pull, const char *tree_path)
{
    size_t i;

    for (i = 0; i < pull->kept_count; i++) {
        if (strcmp(pull->kept[i].path, tree_path) == 0)
            return &pull->kept[i];
    }
    return NULL;
}

void cw_pull_forget_kept(struct cw_pull *pull)
{
    size_t i;

    for (i = 0; i < pull->kept_count; i++) {
        free(pull->kept[i].path);
        free(pull->kept[i].bytes);
    }
    free(pull->kept);
    pull->kept = NULL;
    pull->kept_count = 0;
    pull->kept_bytes = 0;
}
