/* SPDX-License-Identifier: ISC */
/*
 * Mending in rounds: fetch what is wrong, then check the metadata again, since each role that is whole again
 * tells what else there must be. See sync/mirror/repair.h.
 */
#include "sync/mirror/repair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "fs/commit.h"
#include "sync/mirror/memory.h"
#include "sync/mirror/source.h"
#include "sync/mirror/web.h"
#include "sync/mirror/trust.h"
#include "tree/layout.h"

#define TURN_LAST 3
#define ROUNDS_MAX 12 /* timestamp, snapshot, targets, role, bin, each from two places, and a target */

/* A metadata file on trial. */
struct trial {
    char *path;
    struct cw_buf bytes; /* what stands for it now ... */
    bool stands;         /* ... if anything does */
    unsigned tried;      /* how many candidates */
};

struct mending {
    const struct cw_repair *repair;
    struct cw_source *source;
    json_t *files; /* borrowed */
    struct trial *trials;
    size_t trial_count;
    size_t kept_bytes;
    struct cw_progress progress;
    bool nomem; /* a finding could not be kept */
};

static json_t *file_at(const struct mending *mending, const char *path)
{
    return json_object_get(mending->files, path);
}

static bool is_mended(const json_t *file)
{
    return json_is_true(json_object_get(file, "mended"));
}

static int set_mended(json_t *file, struct cw_err *err)
{
    json_object_del(file, "why");
    return json_object_set_new(file, "mended", json_true()) == 0 ? CW_OK : cw_err_nomem(err);
}

/* A file that cannot be mended is not the end; want of memory or space is. */
static int set_why(json_t *file, struct cw_err *err)
{
    if (err->code == CW_E_NOMEM || err->code == CW_E_SPACE)
        return err->code;
    if (json_object_set_new(file, "why", json_string(err->text)) != 0)
        return cw_err_nomem(err);
    cw_err_clear(err);
    return CW_OK;
}

/* ---- targets ---- */

struct receive {
    struct cw_out out;
    struct cw_hash *hash;
    uint64_t length;
    struct cw_progress *progress;
};

static int take(void *ctx, const void *data, size_t len, struct cw_err *err)
{
    struct receive *receive = ctx;
    int rc = cw_hash_update(receive->hash, data, len, err);

    receive->length += len;
    cw_progress_add(receive->progress, len);
    return rc == CW_OK ? cw_out_write(&receive->out, data, len, err) : rc;
}

/* Most bytes that a target may have: as signed, or what attestations and manifests may have at most, which are
 * all that may lie in a tree after nothing signs them any more. */
static uint64_t most_bytes(const json_t *file)
{
    const json_t *length = json_object_get(file, "length");

    return length != NULL ? (uint64_t)json_integer_value(length) : (uint64_t)16 << 20;
}

static int fetch_target(struct receive *receive, struct mending *mending, const char *path,
                        const json_t *file, struct cw_err *err)
{
    const char *wanted = json_string_value(json_object_get(file, "sha256"));
    char sha256[CW_HASH_TEXT_MAX];
    int rc = cw_hash_new(&receive->hash, CW_SHA256, err);

    if (rc == CW_OK)
        rc = cw_out_open(&receive->out, mending->repair->dir, path, 0644, err);
    if (rc == CW_OK)
        rc = cw_source_get(mending->source, path, most_bytes(file), take, receive, err);
    if (rc == CW_OK)
        rc = cw_hash_final(receive->hash, sha256, err);
    if (rc == CW_OK && strcmp(sha256, wanted) != 0)
        rc = cw_err_set(err, CW_E_VERIFY, "%s has it, but with other bytes: sha256 %s",
                        cw_source_where(mending->source), sha256);
    return rc == CW_OK ? cw_out_commit(&receive->out, err) : rc;
}

static int mend_target(struct mending *mending, const char *path, json_t *file, struct cw_err *err)
{
    struct receive receive = {.out = CW_OUT_INIT, .progress = &mending->progress};
    int rc = fetch_target(&receive, mending, path, file, err);

    cw_out_discard(&receive.out);
    cw_hash_free(receive.hash);
    return rc == CW_OK ? set_mended(file, err) : set_why(file, err);
}

/* ---- metadata ---- */

static struct trial *find_trial(const struct mending *mending, const char *path)
{
    size_t i;

    for (i = 0; i < mending->trial_count; i++) {
        if (strcmp(mending->trials[i].path, path) == 0)
            return &mending->trials[i];
    }
    return NULL;
}

static int begin_trial(struct trial **trial, struct mending *mending, const char *path, struct cw_err *err)
{
    struct trial *more;

    *trial = find_trial(mending, path);
    if (*trial != NULL)
        return CW_OK;
    more = reallocarray(mending->trials, mending->trial_count + 1, sizeof *more);
    if (more == NULL)
        return cw_err_nomem(err);
    mending->trials = more;
    *trial = &more[mending->trial_count];
    **trial = (struct trial){.path = strdup(path), .bytes = CW_BUF_INIT(CW_TUF_SNAPSHOT_MAX)};
    if ((*trial)->path == NULL)
        return cw_err_nomem(err);
    mending->trial_count++;
    return CW_OK;
}

/* The check sees the tree with what is on trial in it. */
static int read_trial(void *ctx, const char *path, struct cw_buf *buf, struct cw_err *err)
{
    const struct trial *trial = find_trial(ctx, path);

    if (trial == NULL || !trial->stands)
        return CW_E_NOTFOUND;
    cw_buf_add(buf, trial->bytes.data, trial->bytes.len);
    return cw_buf_check(buf, path, err);
}

static int each_trial(void *ctx, int (*fn)(void *fn_ctx, const char *path, struct cw_err *err), void *fn_ctx,
                      struct cw_err *err)
{
    const struct mending *mending = ctx;
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < mending->trial_count && rc == CW_OK; i++) {
        if (mending->trials[i].stands)
            rc = fn(fn_ctx, mending->trials[i].path, err);
    }
    return rc;
}

/* What the site itself trusts under that name and version. CW_E_NOTFOUND: nothing. */
static int read_trusted(struct cw_buf *bytes, const struct cw_repair *repair, const char *path,
                        struct cw_err *err)
{
    CW_AUTO_MEMORY memory = {.root = 0};
    CW_AUTO_BUF name = CW_BUF_INIT(CW_PATH_MAX);
    char role[CW_TUF_NAME_MAX];
    int64_t version;
    int rc;

    if (!repair->mirror || !cw_tree_split_metadata(cw_str_basename(path), &version, role))
        return cw_err_set(err, CW_E_NOTFOUND, "nothing is trusted under this name");
    if (strcmp(role, cw_tuf_type_name(CW_TUF_ROOT)) == 0)
        return cw_trust_read_root(bytes, repair->site, repair->upstream, version, err);
    if (strcmp(role, cw_tuf_type_name(CW_TUF_TIMESTAMP)) != 0) {
        /* Of whatever version it is: the check that follows tells a wrong one. */
        cw_buf_addf(&name, "%s.json", role);
        return cw_trust_read(bytes, repair->site, repair->upstream, cw_buf_text(&name), err);
    }
    rc = cw_mirror_memory_load(&memory, repair->site, repair->upstream, err);
    if (rc == CW_OK && memory.timestamp == NULL)
        rc = cw_err_set(err, CW_E_NOTFOUND, "nothing was pulled");
    if (rc == CW_OK)
        cw_buf_add(bytes, memory.timestamp, memory.timestamp_len);
    return rc == CW_OK ? cw_buf_check(bytes, path, err) : rc;
}

/* The next candidate's bytes: the site's own trusted copy, then the source's. */
static int next_candidate(struct trial *trial, struct mending *mending, struct cw_err *err)
{
    int rc = CW_E_NOTFOUND;

    trial->stands = false;
    cw_buf_reset(&trial->bytes);
    if (trial->tried++ == 0)
        rc = read_trusted(&trial->bytes, mending->repair, trial->path, err);
    if (rc == CW_OK || rc == CW_E_NOMEM)
        return rc;
    if (trial->tried > 2)
        return cw_err_set(err, rc, "%s has no better one", cw_source_where(mending->source));
    trial->tried = 2;
    cw_buf_reset(&trial->bytes);
    return cw_source_get_buf(mending->source, trial->path, &trial->bytes, err);
}

/* Where there is no candidate left, `why` says so. */
static int try_metadata(struct mending *mending, const char *path, json_t *file, struct cw_err *err)
{
    struct trial *trial = NULL;
    int rc = begin_trial(&trial, mending, path, err);

    if (rc != CW_OK)
        return rc;
    mending->kept_bytes -= trial->bytes.len;
    rc = next_candidate(trial, mending, err);
    trial->stands = rc == CW_OK;
    if (rc != CW_OK)
        cw_buf_reset(&trial->bytes);
    mending->kept_bytes += trial->bytes.len;
    if (rc != CW_OK)
        return set_why(file, err);
    if (mending->kept_bytes > CW_REPAIR_KEPT_MAX)
        return cw_err_set(err, CW_E_FAIL,
                          "too many metadata files are bad to be mended at once; 'pull' from %s instead",
                          mending->repair->from);
    return CW_OK;
}

/* The order of publishing: roles, snapshot, roots, timestamp. */
static int turn_of(const char *path)
{
    static const enum cw_tuf_type order[] = {CW_TUF_SNAPSHOT, CW_TUF_ROOT, CW_TUF_TIMESTAMP};
    char role[CW_TUF_NAME_MAX];
    int64_t version;
    size_t i;

    for (i = 0; cw_tree_split_metadata(cw_str_basename(path), &version, role) && i < CW_COUNT(order); i++) {
        if (strcmp(role, cw_tuf_type_name(order[i])) == 0)
            return 1 + (int)i;
    }
    return 0;
}

/* What was found right goes into the tree. */
static int place_mended(struct mending *mending, struct cw_err *err)
{
    size_t i;
    int turn, rc = CW_OK;

    for (turn = 0; turn <= TURN_LAST; turn++) {
        for (i = 0; i < mending->trial_count && rc == CW_OK; i++) {
            const struct trial *trial = &mending->trials[i];

            if (trial->stands && turn_of(trial->path) == turn && is_mended(file_at(mending, trial->path)))
                rc = cw_file_replace(mending->repair->dir, trial->path, cw_buf_text(&trial->bytes),
                                     trial->bytes.len, 0644, err);
        }
    }
    return rc;
}

/* ---- rounds ---- */

/* A file that is still not right, or that was not named before. */
static void note_again(void *ctx, enum cw_finding kind, const char *path, const char *what)
{
    struct mending *mending = ctx;
    json_t *file = file_at(mending, path);

    if (kind == CW_FINDING_ORPHAN)
        return;
    if (file != NULL)
        json_object_del(file, "mended");
    else if (json_object_set_new(mending->files, path, json_pack("{s:s}", "what", what)) != 0)
        mending->nomem = true;
}

static void note_lack(void *ctx, const char *path, const char *sha256, int64_t length)
{
    struct mending *mending = ctx;
    json_t *file = file_at(mending, path);

    if (file == NULL || json_object_set_new(file, "sha256", json_string(sha256)) != 0 ||
        (length >= 0 && json_object_set_new(file, "length", json_integer(length)) != 0))
        mending->nomem = true;
}

static bool is_target(const json_t *file)
{
    return json_object_get(file, "sha256") != NULL;
}

/* Looks at all metadata again, and at the names of the targets. What it does not complain of is right. */
static int check_again(struct mending *mending, struct cw_err *err)
{
    const struct cw_tree_overlay overlay = {.read = read_trial, .each = each_trial, .ctx = mending};
    struct cw_tree_check check = mending->repair->check;
    const char *path;
    json_t *file;
    int rc = CW_OK;

    json_object_foreach (mending->files, path, file) {
        if (!is_target(file) && json_object_get(file, "why") == NULL)
            rc = set_mended(file, err);
        if (rc != CW_OK)
            return rc;
    }
    check.names_only = true;
    check.overlay = &overlay;
    check.found = note_again;
    check.lacks = note_lack;
    check.held = NULL;
    check.read = NULL;
    check.ctx = mending;
    rc = cw_tree_check(&check, mending->repair->dir, err);
    if (rc == CW_E_VERIFY || rc == CW_E_INCOMPLETE) {
        cw_err_clear(err);
        rc = CW_OK;
    }
    return rc == CW_OK && mending->nomem ? cw_err_nomem(err) : rc;
}

/* *tried: for how many files there was something left to try. */
static int mend_round(uint64_t *tried, struct mending *mending, struct cw_err *err)
{
    const char *path;
    json_t *file;
    void *next;
    int rc = CW_OK;

    *tried = 0;
    json_object_foreach_safe (mending->files, next, path, file) {
        if (is_mended(file) || json_object_get(file, "why") != NULL)
            continue;
        if (is_target(file)) {
            *tried += 1;
            rc = mend_target(mending, path, file, err);
        } else if (cw_str_starts(path, CW_TREE_METADATA "/")) {
            *tried += 1;
            rc = try_metadata(mending, path, file, err);
        }
        if (rc != CW_OK)
            return rc;
    }
    return CW_OK;
}

static int mend(struct mending *mending, struct cw_err *err)
{
    uint64_t tried = 1;
    unsigned round;
    size_t i;
    int rc = CW_OK;

    for (round = 0; round < ROUNDS_MAX && tried > 0 && rc == CW_OK; round++) {
        rc = mend_round(&tried, mending, err);
        if (rc == CW_OK && tried > 0)
            rc = check_again(mending, err);
    }
    if (rc == CW_OK)
        rc = place_mended(mending, err);
    for (i = 0; rc != CW_OK && i < mending->trial_count; i++)
        json_object_del(file_at(mending, mending->trials[i].path), "mended");
    return rc;
}

static uint64_t count_left(json_t *files)
{
    uint64_t left = 0;
    const char *path;
    json_t *file;

    json_object_foreach (files, path, file)
        left += !is_mended(file);
    return left;
}

int cw_mirror_repair(uint64_t *left, const struct cw_repair *repair, json_t *files, struct cw_err *err)
{
    struct mending mending = {.repair = repair, .files = files};
    struct cw_http_options http = cw_web_options(repair->upstream, repair->from);
    size_t i;
    int rc = cw_source_open(&mending.source, cw_source_kind_of(repair->from), repair->from, &http, err);

    if (rc == CW_OK) {
        cw_progress_start(&mending.progress, repair->cli, "mending", 0);
        rc = mend(&mending, err);
        cw_progress_end(&mending.progress);
    }
    *left = count_left(files);
    for (i = 0; i < mending.trial_count; i++) {
        free(mending.trials[i].path);
        cw_buf_clear(&mending.trials[i].bytes);
    }
    free(mending.trials);
    cw_source_free(mending.source);
    return rc;
}
