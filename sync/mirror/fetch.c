/* SPDX-License-Identifier: ISC */
/*
 * Brings a set's files into the mirror by lib/intake, each by the cheapest way: nothing at all for what was read to be
 * verified, a delta where the source has one, else the whole file. What is under a final name is whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "closure/closure.h"
#include "fs/commit.h"
#include "intake/intake.h"
#include "sync/mirror/pull.h"

#define BATCH_FILES 64                    /* made by deltas: each holds a descriptor of its folder */
#define BATCH_BYTES (UINT64_C(256) << 20) /* what a power cut may cost */
#define SPARE_BYTES (UINT64_C(16) << 20)  /* for metadata and the filesystem's own needs */
#define MISSING_SHOWN 3

struct fetch {
    struct cw_pull *pull;
    const struct cw_tuf_update *update;
    struct cw_intake *intake;
    struct cw_intake_source web[CW_INTAKE_SOURCES_MAX];
    size_t web_count;
    char shown[CW_INTAKE_SOURCES_MAX][CW_HTTP_SHOWN_MAX]; /* the servers' names */
    struct cw_batch batch;                                /* of files made by deltas */
    uint64_t batch_bytes;
    uint64_t missing; /* files that the source does not have */
    struct cw_buf names;
};

struct wanted { /* what is given to the intake */
    struct cw_pull *pull;
    const struct cw_closure_file *file;
};

static int flush(struct fetch *fetch, struct cw_err *err)
{
    fetch->batch_bytes = 0;
    return cw_batch_commit(&fetch->batch, err);
}

static void note_missing(struct fetch *fetch, const char *path)
{
    if (fetch->missing++ < MISSING_SHOWN)
        cw_buf_addf(&fetch->names, "%s'%s'", fetch->missing > 1 ? ", " : "", path);
}

static void lacks(void *ctx, const struct cw_intake_file *file)
{
    note_missing(ctx, file->path);
}

static void came(void *ctx, uint64_t bytes, uint64_t files)
{
    struct fetch *fetch = ctx;

    cw_progress_files(&fetch->pull->progress, files);
    cw_progress_add(&fetch->pull->progress, bytes);
}

static int give(void *ctx, cw_http_sink *sink, void *sink_ctx, struct cw_err *err)
{
    struct wanted *wanted = ctx;
    const struct cw_pull_kept *kept = cw_pull_find_kept(wanted->pull, wanted->file->path);

    if (kept != NULL)
        return sink(sink_ctx, kept->bytes, kept->len, err);
    return cw_source_get(wanted->pull->source, wanted->file->path, wanted->file->length, sink, sink_ctx, err);
}

static int take_whole(struct fetch *fetch, const struct cw_closure_file *file, struct cw_err *err)
{
    struct wanted wanted = {.pull = fetch->pull, .file = file};
    struct cw_intake_file entry = {
        .path = file->path, .length = file->length, .hashes = {{.kind = CW_SHA256, .text = file->sha256}}};
    int rc;

    if (fetch->web_count > 0 && cw_pull_find_kept(fetch->pull, file->path) == NULL)
        return cw_intake_add(fetch->intake, &entry, err);
    rc = cw_intake_feed(fetch->intake, &entry, give, &wanted, err);
    if (rc != CW_E_NOTFOUND && rc != CW_E_INCOMPLETE)
        return rc;
    note_missing(fetch, file->path);
    return CW_OK;
}

/* Makes a file from what the mirror holds; *made tells whether it could be. */
static int make_file(bool *made, struct fetch *fetch, const struct cw_closure_file *file, struct cw_err *err)
{
    struct cw_pull *pull = fetch->pull;
    CW_AUTO_OUT out = CW_OUT_INIT;
    uint64_t carried = 0;
    int rc = CW_OK;

    if (cw_pull_find_kept(pull, file->path) == NULL)
        rc = cw_pull_delta(&out, &carried, pull, file, err);
    *made = rc == CW_OK && carried > 0;
    if (!*made)
        return rc;
    pull->result->carried += carried;
    pull->result->files++;
    pull->result->bytes += file->length;
    fetch->batch_bytes += file->length;
    came(fetch, file->length, 1);
    rc = cw_batch_add(&fetch->batch, &out, err);
    return rc == CW_OK && (fetch->batch.count >= BATCH_FILES || fetch->batch_bytes >= BATCH_BYTES)
               ? flush(fetch, err)
               : rc;
}

struct look {
    const struct cw_pull *pull;
    struct cw_looks looks;
};

/* A whole file has its length; what was read to be verified although it is in the mirror was read because the
 * mirror's copy is damaged. */
static bool is_present(void *ctx, const struct cw_closure_file *file)
{
    struct look *look = ctx;
    struct stat st;

    return cw_looks_stat(&st, &look->looks, file->path, NULL) == CW_OK && S_ISREG(st.st_mode) &&
           (uint64_t)st.st_size == file->length && cw_pull_find_kept(look->pull, file->path) == NULL;
}

static int list_missing(struct cw_closure *missing, const struct cw_pull *pull, const struct cw_closure *all,
                        struct cw_err *err)
{
    struct look look = {.pull = pull, .looks = CW_LOOKS_INIT(pull->mirror)};
    int rc = cw_closure_missing(missing, all, is_present, &look, err);

    cw_looks_clear(&look.looks);
    return rc;
}

/* True when the file lies in another folder than the one before it in the list. */
static bool starts_folder(const struct cw_closure *all, size_t i)
{
    const char *here = all->files[i].path, *before = i > 0 ? all->files[i - 1].path : "";
    size_t len = (size_t)(cw_str_basename(here) - here);

    return i == 0 || strncmp(here, before, len) != 0 || strchr(before + len, '/') != NULL;
}

/* The site's lock is held, so whatever has a temporary name is of a run that is dead. */
static int clear_leftovers(struct fetch *fetch, const struct cw_closure *all, struct cw_err *err)
{
    char path[CW_PATH_MAX];
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < all->count && rc == CW_OK; i++) {
        if (!starts_folder(all, i))
            continue;
        snprintf(path, sizeof path, "%s", all->files[i].path);
        *strrchr(path, '/') = '\0'; /* a target's path always has a folder: targets/ */
        rc = cw_sweep(fetch->pull->mirror, path, err);
    }
    return rc;
}

/* Better to say it now than after an hour. */
static int check_space(const struct cw_pull *pull, uint64_t bytes, struct cw_err *err)
{
    struct statvfs fs;
    char need[16], have[16];
    uint64_t left;

    if (bytes == 0)
        return CW_OK;
    if (fstatvfs(pull->mirror, &fs) != 0)
        return cw_err_errno(err, errno, "unable to ask how much space is left");
    left = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (left >= bytes + SPARE_BYTES)
        return CW_OK;
    cw_str_bytes(bytes + SPARE_BYTES, need);
    cw_str_bytes(left, have);
    return cw_err_set(err, CW_E_SPACE, "the mirror needs %s more, and its disk has %s left", need, have);
}

/* The server that gave the metadata is asked first, then the others: what a file must be is known by now. */
static void list_servers(struct fetch *fetch)
{
    struct cw_pull *pull = fetch->pull;
    const struct cw_upstream *upstream = pull->upstream;
    size_t i;

    if (!cw_source_web(pull->source, &fetch->web[0]))
        return;
    fetch->web_count = 1;
    for (i = 0; pull->configured && i < upstream->source_count && fetch->web_count < CW_INTAKE_SOURCES_MAX;
         i++) {
        size_t index = pull->web.order[i];
        const struct cw_source_spec *spec = &upstream->sources[index];
        char *shown = fetch->shown[fetch->web_count];

        if (spec->kind != CW_SOURCE_HTTP || strcmp(spec->where, fetch->web[0].base) == 0)
            continue;
        cw_http_shown(shown, spec->where);
        fetch->web[fetch->web_count++] = (struct cw_intake_source){
            .base = spec->where, .name = shown, .options = &pull->web.options[index]};
    }
}

/* Those that failed are named, unless that is what the pull fails with, and are asked last the next time. */
static int note_servers(struct fetch *fetch, int rc, struct cw_err *err)
{
    struct cw_pull *pull = fetch->pull;
    struct cw_err own = {.code = CW_OK};
    size_t i;

    for (i = 0; i < fetch->web_count; i++) {
        const struct cw_intake_source *web = &fetch->web[i];

        if (web->failed == CW_OK && web->files == 0)
            continue;
        if (web->failed != CW_OK && (rc == CW_OK || strcmp(web->why, err->text) != 0))
            cw_cli_warn(pull->cli, "%s: %s%s", web->name, web->why,
                        rc != CW_OK    ? ""
                        : web->skipped ? "; its other files were taken elsewhere"
                                       : "; it was taken elsewhere");
        if (cw_web_note(&pull->web, web->name, pull->now, web->failed != CW_OK ? web->why : NULL, &own) !=
            CW_OK) {
            if (rc == CW_OK)
                *err = own;
            return rc == CW_OK ? own.code : rc;
        }
    }
    return rc;
}

/* One finish for success and failure: finished files stay for the next try, the first failure is the one to tell. */
static int finish(struct fetch *fetch, int rc, struct cw_err *err)
{
    struct cw_pull_result *result = fetch->pull->result;
    struct cw_intake_result taken;
    struct cw_err own = {.code = CW_OK};
    int finished = cw_intake_finish(fetch->intake, &taken, &own);

    result->files += taken.files;
    result->bytes += taken.bytes;
    result->carried += taken.carried;
    if (rc == CW_OK && finished != CW_OK) {
        *err = own;
        rc = finished;
    }
    return rc;
}

/* Deltas are read in forked children, which threads must not be around for: what one of them does at that moment,
 * with a lock in hand, is never ended in the child. So they come before the intake is opened. */
static int make_files(bool *made, struct fetch *fetch, const struct cw_closure *missing, struct cw_err *err)
{
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < missing->count && rc == CW_OK; i++)
        rc = make_file(&made[i], fetch, &missing->files[i], err);
    if (rc == CW_OK)
        return flush(fetch, err);
    (void)flush(fetch, NULL);
    return rc;
}

static int fetch_missing(struct fetch *fetch, const struct cw_closure *missing, struct cw_err *err)
{
    struct cw_pull *pull = fetch->pull;
    const struct cw_intake_options options = {.dir = pull->mirror,
                                              .sources = fetch->web,
                                              .source_count = fetch->web_count,
                                              .progress = came,
                                              .missing = lacks,
                                              .ctx = fetch};
    CW_AUTO_FREE bool *made = calloc(missing->count + 1, sizeof *made);
    size_t i;
    int rc;

    if (made == NULL)
        return cw_err_nomem(err);
    if (missing->count == 0)
        return CW_OK;
    pull->fetching = true;
    rc = make_files(made, fetch, missing, err);
    if (rc == CW_OK)
        rc = cw_intake_open(&fetch->intake, &options, err);
    if (rc != CW_OK)
        return rc;
    for (i = 0; i < missing->count && rc == CW_OK; i++) {
        if (!made[i])
            rc = take_whole(fetch, &missing->files[i], err);
    }
    if (rc == CW_OK && fetch->web_count > 0)
        rc = cw_pull_stage(pull, fetch->update, err); /* while the others receive */
    rc = note_servers(fetch, finish(fetch, rc, err), err);
    cw_intake_close(fetch->intake);
    if (rc == CW_OK && fetch->missing > 0)
        rc = cw_err_set(err, CW_E_INCOMPLETE, "%llu file%s of the set %s missing: %s%s",
                        (unsigned long long)fetch->missing, cw_str_plural(fetch->missing),
                        fetch->missing == 1 ? "is" : "are", cw_buf_text(&fetch->names),
                        fetch->missing > MISSING_SHOWN ? ", …" : "");
    return rc;
}

static int fetch_set(struct fetch *fetch, const struct cw_set *set, struct cw_err *err)
{
    struct cw_pull *pull = fetch->pull;
    CW_AUTO_CLOSURE all = CW_CLOSURE_INIT;
    CW_AUTO_CLOSURE missing = CW_CLOSURE_INIT;
    uint64_t bytes, rest = cw_source_rest(pull->source);
    int rc = cw_closure_add_set(&all, set, err);

    if (rc == CW_OK)
        rc = cw_closure_sort(&all, err);
    if (rc == CW_OK)
        rc = clear_leftovers(fetch, &all, err);
    if (rc == CW_OK)
        rc = list_missing(&missing, pull, &all, err);
    cw_closure_clear(&all);
    bytes = cw_closure_bytes(&missing);
    if (rc == CW_OK)
        rc = check_space(pull, bytes, err);
    if (rc != CW_OK)
        return rc;
    cw_progress_start(&pull->progress, pull->cli, "pulling", rest > bytes ? rest : bytes);
    pull->progress.files_total = missing.count;
    rc = fetch_missing(fetch, &missing, err);
    if (rc == CW_OK)
        rc = cw_source_check_rest(pull->source, &pull->progress, err);
    cw_progress_end(&pull->progress);
    return rc;
}

int cw_pull_fetch(struct cw_pull *pull, const struct cw_tuf_update *update, const struct cw_set *set,
                  struct cw_err *err)
{
    struct fetch *fetch = calloc(1, sizeof *fetch); /* too large for a stack */
    int rc;

    if (fetch == NULL)
        return cw_err_nomem(err);
    fetch->pull = pull;
    fetch->update = update;
    cw_buf_init(&fetch->names, MISSING_SHOWN * (CW_PATH_MAX + 4));
    cw_batch_init(&fetch->batch, pull->mirror);
    list_servers(fetch);
    rc = fetch_set(fetch, set, err);
    cw_batch_clear(&fetch->batch);
    cw_buf_clear(&fetch->names);
    free(fetch);
    return rc;
}
