/* SPDX-License-Identifier: ISC */
/*
 * A mirror's targets on their way, by lib/intake: many at a time, from several servers where there are, each under its final name only when
 * it is complete, right and durable. Roles may be forgotten meanwhile, so what is wanted is noted with texts of its own.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "fs/root.h"
#include "intake/intake.h"
#include "sync/tuf/mirror_parts.h"

#define FILES_MAX 4096 /* wanted at a time: more than an intake may have on its way, and some MiB of notes */
#define BLOCK ((size_t)256 * 1024)

struct wanted {
    struct wanted *next;
    struct cw_intake_file file;
    const char *from; /* NULL: from the servers; else the same bytes under another name in the mirror */
    char text[];      /* what file and from point to */
};

struct cw_mirror_intake {
    struct cw_mirroring *mirroring;
    struct cw_intake_source sources[CW_REMOTE_MIRRORS_MAX];
    char shown[CW_REMOTE_MIRRORS_MAX][CW_HTTP_SHOWN_MAX];
    struct cw_intake *intake; /* NULL: not open */
    struct wanted *list, *copies;
    size_t count;
    uint64_t missing;
    char first_missing[CW_PATH_MAX];
};

int cw_mirror_intake_new(struct cw_mirror_intake **intake, struct cw_mirroring *mirroring, struct cw_err *err)
{
    const struct cw_remote *remote = mirroring->remote;
    struct cw_mirror_intake *in = calloc(1, sizeof *in);

    *intake = in;
    if (in == NULL)
        return cw_err_nomem(err);
    in->mirroring = mirroring;
    for (size_t i = 0; i < remote->options.target_url_count; i++) {
        cw_http_shown(in->shown[i], remote->options.target_urls[i]);
        in->sources[i] = (struct cw_intake_source){
            .base = remote->options.target_urls[i], .name = in->shown[i], .options = &remote->target_http};
    }
    return CW_OK;
}

static void forget(struct wanted **list)
{
    while (*list != NULL) {
        struct wanted *wanted = *list;

        *list = wanted->next;
        free(wanted);
    }
}

void cw_mirror_intake_free(struct cw_mirror_intake *in)
{
    if (in == NULL)
        return;
    cw_intake_close(in->intake); /* before what it borrows */
    forget(&in->list);
    forget(&in->copies);
    free(in);
}

static void came(void *ctx, uint64_t bytes, uint64_t files)
{
    struct cw_mirror_intake *in = ctx;

    cw_progress_files(&in->mirroring->progress, files);
    cw_progress_add(&in->mirroring->progress, bytes);
}

static void lacks(void *ctx, const struct cw_intake_file *file)
{
    struct cw_mirror_intake *in = ctx;

    if (in->missing++ == 0)
        snprintf(in->first_missing, sizeof in->first_missing, "%s", file->path);
}

static int open_intake(struct cw_mirror_intake *in, bool is_local, struct cw_err *err)
{
    const struct cw_intake_options options = {
        .dir = in->mirroring->dir,
        .sources = in->sources,
        .source_count = is_local ? 0 : in->mirroring->remote->options.target_url_count,
        .progress = is_local ? NULL : came,
        .missing = lacks,
        .ctx = in};

    return cw_intake_open(&in->intake, &options, err);
}

static const char *keep(char **to, const char *text)
{
    size_t size = text != NULL ? strlen(text) + 1 : 0;
    char *kept = *to;

    if (text == NULL)
        return NULL;
    memcpy(kept, text, size);
    *to += size;
    return kept;
}

/* from: see struct wanted. The place below a server's base is the path in the mirror below "targets/". */
static struct wanted *note(const struct cw_target *target, const char *path, const char *from)
{
    const char *base = path + strlen(CW_MIRROR_TARGETS "/");
    size_t size = strlen(path) + 1 + (from != NULL ? strlen(from) + 1 : 0);
    struct wanted *wanted;
    char *text;

    for (size_t i = 0; i < target->hash_count; i++)
        size += strlen(target->hashes[i]) + 1;
    wanted = calloc(1, sizeof *wanted + size);
    if (wanted == NULL)
        return NULL;
    text = wanted->text;
    wanted->file.path = keep(&text, path);
    wanted->file.place = wanted->file.path + (base - path);
    wanted->file.length = (uint64_t)target->file.length;
    for (size_t i = 0; i < target->hash_count; i++) {
        wanted->file.hashes[i].text = keep(&text, target->hashes[i]);
        wanted->file.hashes[i].kind = strlen(target->hashes[i]) == CW_SHA256_TEXT - 1 ? CW_SHA256 : CW_SHA512;
    }
    wanted->from = keep(&text, from);
    return wanted;
}

/* Once, all but what the run ends with; a server that was given up is not asked again. */
static void tell_failures(struct cw_mirror_intake *in, int rc, const struct cw_err *err)
{
    for (size_t i = 0; i < in->mirroring->remote->options.target_url_count; i++) {
        struct cw_intake_source *source = &in->sources[i];

        if (source->failed != CW_OK && (rc == CW_OK || strcmp(source->why, err->text) != 0))
            cw_cli_warn(in->mirroring->cli, "%s: %s%s", source->name, source->why,
                        rc != CW_OK       ? ""
                        : source->skipped ? "; its other targets were taken elsewhere"
                                          : "; it was taken elsewhere");
        source->failed = CW_OK;
    }
}

static int finish(struct cw_mirror_intake *in, struct cw_intake_result *result, struct cw_err *err)
{
    int rc = cw_intake_finish(in->intake, result, err);

    cw_intake_close(in->intake);
    in->intake = NULL;
    tell_failures(in, rc, err);
    if (rc == CW_OK && in->missing > 0)
        rc = cw_err_set(err, CW_E_NOTFOUND, "%llu target%s %s missing at the server: '%s'%s",
                        (unsigned long long)in->missing, cw_str_plural(in->missing),
                        in->missing == 1 ? "is" : "are", in->first_missing, in->missing > 1 ? ", …" : "");
    return rc;
}

int cw_mirror_intake_add(struct cw_mirror_intake *in, const struct cw_target *target, const char *path,
                         struct cw_err *err)
{
    struct wanted *wanted;
    int rc = in->count >= FILES_MAX ? cw_mirror_intake_flush(in, err) : CW_OK;

    if (rc == CW_OK && in->intake == NULL)
        rc = open_intake(in, false, err);
    if (rc != CW_OK)
        return rc;
    wanted = note(target, path, NULL);
    if (wanted == NULL)
        return cw_err_nomem(err);
    wanted->next = in->list;
    in->list = wanted;
    in->count++;
    in->mirroring->progress.files_total++;
    in->mirroring->progress.total += wanted->file.length;
    rc = cw_intake_add(in->intake, &wanted->file, err);
    if (rc != CW_OK) /* another one failed: what is complete is kept, and who failed is told */
        (void)finish(in, &(struct cw_intake_result){.files = 0}, err);
    return rc;
}

int cw_mirror_intake_copy(struct cw_mirror_intake *in, const struct cw_target *target, const char *path,
                          const char *from, struct cw_err *err)
{
    struct wanted *wanted = note(target, path, from);

    if (wanted == NULL)
        return cw_err_nomem(err);
    wanted->next = in->copies;
    in->copies = wanted;
    in->count++;
    return CW_OK;
}

struct copying {
    int dir;
    const char *from;
};

static int give(void *ctx, cw_http_sink *sink, void *sink_ctx, struct cw_err *err)
{
    const struct copying *copying = ctx;
    CW_AUTO_FREE char *block = malloc(BLOCK);
    CW_AUTO_FD int fd = -1;
    ssize_t n = 0;
    int rc = block != NULL ? cw_at_open_file(&fd, copying->dir, copying->from, err) : cw_err_nomem(err);

    while (rc == CW_OK && (n = cw_fd_read(fd, block, BLOCK)) > 0)
        rc = sink(sink_ctx, block, (size_t)n, err);
    return rc == CW_OK && n < 0 ? cw_err_errno(err, errno, "unable to read '%s'", copying->from) : rc;
}

/* What is wanted under a second name is by now there under the first. */
static int copy_all(struct cw_mirror_intake *in, struct cw_err *err)
{
    struct cw_intake_result result;
    int rc = open_intake(in, true, err);

    for (struct wanted *wanted = in->copies; wanted != NULL && rc == CW_OK; wanted = wanted->next) {
        struct copying copying = {.dir = in->mirroring->dir, .from = wanted->from};

        rc = cw_intake_feed(in->intake, &wanted->file, give, &copying, err);
    }
    return rc == CW_OK ? finish(in, &result, err) : rc;
}

int cw_mirror_intake_flush(struct cw_mirror_intake *in, struct cw_err *err)
{
    struct cw_intake_result result = {.files = 0};
    int rc = CW_OK;

    if (in->intake != NULL) {
        rc = finish(in, &result, err);
        in->mirroring->result->fetched_targets += result.files;
        in->mirroring->result->bytes += result.bytes;
    }
    if (rc == CW_OK && in->copies != NULL)
        rc = copy_all(in, err);
    if (rc != CW_OK)
        return rc;
    forget(&in->list);
    forget(&in->copies);
    in->count = 0;
    return CW_OK;
}
