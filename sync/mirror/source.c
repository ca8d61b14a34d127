/* SPDX-License-Identifier: ISC */
/*
 * The three kinds of source behind one get(): a web server by lib/http, a folder, a folder with a bundle's
 * list.
 */
#include "sync/mirror/source.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "http/ahead.h"
#include "sync/mirror/medium.h"

#define BLOCK ((size_t)256 * 1024) /* large enough for slow sticks to read ahead */
#define URL_BYTES_MAX ((size_t)8192)
#define MISSING_SHOWN 3 /* names in a message; the count says how many more */

struct cw_source {
    enum cw_source_kind kind;
    char *where;
    char shown[CW_HTTP_SHOWN_MAX]; /* where, without a password */
    bool answered;
    struct cw_http *http; /* HTTP */
    struct cw_http_options http_options;
    struct cw_ahead *ahead; /* NULL: nothing is expected */
    int dir;                /* the others */
    bool is_bundle;
    struct cw_medium medium;
    int pack; /* of the bundle, open; -1: none is */
    size_t pack_index;
    char *block; /* BLOCK bytes for reading folders */
};

static int open_folder(struct cw_source *source, int64_t volume, struct cw_err *err)
{
    int rc = cw_dir_open(&source->dir, source->where, err);

    if (rc != CW_OK)
        return rc;
    source->answered = true;
    source->block = malloc(BLOCK);
    if (source->block == NULL)
        return cw_err_nomem(err);
    rc = cw_medium_open(&source->medium, source->dir, volume, err);
    if (rc == CW_E_NOTFOUND)
        return CW_OK;
    source->is_bundle = true;
    source->kind = CW_SOURCE_REMOVABLE;
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "bundle in '%s'", source->where);
}

enum cw_source_kind cw_source_kind_of(const char *where)
{
    return cw_str_starts(where, "http://") || cw_str_starts(where, "https://") ? CW_SOURCE_HTTP
                                                                               : CW_SOURCE_FOLDER;
}

int cw_source_open(struct cw_source **source, enum cw_source_kind kind, const char *where,
                   const struct cw_http_options *http, struct cw_err *err)
{
    return cw_source_open_volume(source, kind, where, 0, http, err);
}

int cw_source_open_volume(struct cw_source **source, enum cw_source_kind kind, const char *where,
                          int64_t volume, const struct cw_http_options *http, struct cw_err *err)
{
    struct cw_source *s = calloc(1, sizeof *s);
    int rc;

    *source = NULL;
    if (s == NULL)
        return cw_err_nomem(err);
    s->kind = kind;
    if (http != NULL)
        s->http_options = *http;
    s->dir = -1;
    s->pack = -1;
    s->where = strdup(where);
    if (kind == CW_SOURCE_HTTP)
        cw_http_shown(s->shown, where);
    else
        snprintf(s->shown, sizeof s->shown, "%s", where);
    if (s->where == NULL)
        rc = cw_err_nomem(err);
    else if (kind == CW_SOURCE_HTTP)
        rc = cw_http_new(&s->http, &s->http_options, err);
    else
        rc = open_folder(s, volume, err);
    if (rc != CW_OK) {
        cw_source_free(s);
        return rc;
    }
    *source = s;
    return CW_OK;
}

void cw_source_free(struct cw_source *source)
{
    if (source == NULL)
        return;
    cw_ahead_free(source->ahead);
    if (source->http != NULL)
        cw_http_free(source->http);
    if (source->dir >= 0)
        close(source->dir);
    if (source->pack >= 0)
        close(source->pack);
    cw_medium_clear(&source->medium);
    free(source->block);
    free(source->where);
    free(source);
}

const char *cw_source_where(const struct cw_source *source)
{
    return source->shown;
}

enum cw_source_kind cw_source_kind(const struct cw_source *source)
{
    return source->kind;
}

bool cw_source_answered(const struct cw_source *source)
{
    return source->answered;
}

const struct cw_volume *cw_source_volume(const struct cw_source *source)
{
    return source->is_bundle ? &source->medium.volume : NULL;
}

uint64_t cw_source_rest(const struct cw_source *source)
{
    return source->is_bundle ? source->medium.rest : 0;
}

bool cw_source_web(const struct cw_source *source, struct cw_intake_source *web)
{
    *web = (struct cw_intake_source){
        .base = source->where, .name = source->shown, .options = &source->http_options};
    return source->kind == CW_SOURCE_HTTP;
}

static void note_answer(struct cw_source *source, int rc)
{
    if (rc == CW_OK || rc == CW_E_NOTFOUND || rc == CW_E_VERIFY)
        source->answered = true;
}

static int get_http(struct cw_source *source, const char *path, uint64_t max, cw_http_sink *sink, void *ctx,
                    struct cw_err *err)
{
    CW_AUTO_BUF url = CW_BUF_INIT(URL_BYTES_MAX);
    int rc = cw_http_join(&url, source->where, path, err);

    if (rc == CW_OK)
        rc = cw_http_get(source->http, cw_buf_text(&url), max, sink, ctx, err);
    note_answer(source, rc);
    return rc;
}

/* By the thread that fetches ahead, while there is one: its connections are open. False: it has no answer. */
static bool get_ahead(struct cw_source *source, const char *url, struct cw_buf *buf, int *rc,
                      struct cw_err *err)
{
    if (source->ahead == NULL)
        return false;
    cw_ahead_expect(source->ahead, url, buf->max - buf->len);
    return cw_ahead_take(source->ahead, url, buf, rc, err);
}

/* A try after the first may begin anew, which a sink could not. */
static int get_http_buf(struct cw_source *source, const char *path, struct cw_buf *buf, struct cw_err *err)
{
    CW_AUTO_BUF url = CW_BUF_INIT(URL_BYTES_MAX);
    int rc = cw_http_join(&url, source->where, path, err);

    if (rc == CW_OK && !get_ahead(source, cw_buf_text(&url), buf, &rc, err))
        rc = cw_http_get_buf(source->http, cw_buf_text(&url), buf, err);
    note_answer(source, rc);
    return rc;
}

/* Hands a regular file of the folder to sink and, where asked, hashes what it hands on. */
static int read_file(struct cw_source *source, const char *path, uint64_t max, cw_http_sink *sink, void *ctx,
                     struct cw_hash *hash, uint64_t *length, struct cw_err *err)
{
    CW_AUTO_FD int fd = -1;
    ssize_t n;
    int rc = cw_at_open_file(&fd, source->dir, path, err);

    *length = 0;
    while (rc == CW_OK && (n = cw_fd_read(fd, source->block, BLOCK)) != 0) {
        if (n < 0)
            return cw_err_errno(err, errno, "unable to read '%s' in '%s'", path, source->where);
        *length += (uint64_t)n;
        if (*length > max)
            return cw_err_set(err, CW_E_VERIFY, "'%s' is longer than %llu bytes", path,
                              (unsigned long long)max);
        if (hash != NULL)
            rc = cw_hash_update(hash, source->block, (size_t)n, err);
        if (rc == CW_OK)
            rc = sink(ctx, source->block, (size_t)n, err);
    }
    return rc;
}

/* A scanner "cleans", a stick wears out: the person in front of it wants to go on. */
static int add_remedy(struct cw_err *err)
{
    struct cw_err what = {.code = CW_E_VERIFY};

    if (err == NULL)
        return CW_E_VERIFY;
    what = *err;
    return cw_err_set(
        err, CW_E_VERIFY,
        "%.*s; the medium was changed or is damaged: exporting to it again mends just that file",
        CW_ERR_TEXT_MAX - 128, what.text);
}

static int get_listed(struct cw_source *source, size_t index, uint64_t max, cw_http_sink *sink, void *ctx,
                      struct cw_err *err)
{
    const char *path = source->medium.volume.files[index].path;
    CW_AUTO_HASH *hash = NULL;
    char sha256[CW_HASH_TEXT_MAX];
    uint64_t length;
    int rc = cw_hash_new(&hash, CW_SHA256, err);

    if (rc == CW_OK)
        rc = read_file(source, path, max, sink, ctx, hash, &length, err);
    if (rc == CW_E_NOTFOUND)
        return cw_err_set(err, CW_E_INCOMPLETE, "'%s' is missing from volume %lld of %lld in '%s'", path,
                          (long long)source->medium.volume.index, (long long)source->medium.volume.of,
                          source->where);
    if (rc == CW_OK)
        rc = cw_hash_final(hash, sha256, err);
    if (rc == CW_OK)
        rc = cw_medium_judge(&source->medium, index, sha256, length, err);
    return rc == CW_E_VERIFY ? add_remedy(err) : rc;
}

static int ignore(void *ctx, const void *data, size_t len, struct cw_err *err)
{
    (void)ctx;
    (void)data;
    (void)len;
    (void)err;
    return CW_OK;
}

/* A pack is read through and judged before the first file is taken out of it: slow media like to be read in order, and
 * the files then come from the cache. */
static int open_pack(struct cw_source *source, size_t index, struct cw_err *err)
{
    const struct cw_volume_file *pack = &source->medium.volume.files[index];
    int rc = CW_OK;

    if (source->pack >= 0 && source->pack_index == index)
        return CW_OK;
    if (!source->medium.read[index])
        rc = get_listed(source, index, pack->length, ignore, NULL, err);
    if (rc != CW_OK)
        return rc;
    if (source->pack >= 0)
        close(source->pack);
    source->pack = -1;
    source->pack_index = index;
    return cw_at_open_file(&source->pack, source->dir, pack->path, err);
}

static int read_packed(struct cw_source *source, const struct cw_volume_packed *packed, cw_http_sink *sink,
                       void *ctx, struct cw_hash *hash, uint64_t *length, struct cw_err *err)
{
    const char *pack = source->medium.volume.files[packed->pack].path;
    int rc = CW_OK;

    *length = 0;
    while (rc == CW_OK && *length < packed->file.length) {
        uint64_t left = packed->file.length - *length;
        ssize_t n = pread(source->pack, source->block, left < BLOCK ? (size_t)left : BLOCK,
                          (off_t)(packed->offset + *length));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return cw_err_errno(err, errno, "unable to read '%s' in '%s'", pack, source->where);
        if (n == 0)
            break;
        *length += (uint64_t)n;
        rc = cw_hash_update(hash, source->block, (size_t)n, err);
        if (rc == CW_OK)
            rc = sink(ctx, source->block, (size_t)n, err);
    }
    return rc;
}

static int get_packed(struct cw_source *source, const struct cw_volume_packed *packed, uint64_t max,
                      cw_http_sink *sink, void *ctx, struct cw_err *err)
{
    CW_AUTO_HASH *hash = NULL;
    char sha256[CW_HASH_TEXT_MAX];
    uint64_t length;
    int rc = open_pack(source, packed->pack, err);

    if (rc == CW_OK && packed->file.length > max)
        rc = cw_err_set(err, CW_E_VERIFY, "'%s' is longer than %llu bytes", packed->file.path,
                        (unsigned long long)max);
    if (rc == CW_OK)
        rc = cw_hash_new(&hash, CW_SHA256, err);
    if (rc == CW_OK)
        rc = read_packed(source, packed, sink, ctx, hash, &length, err);
    if (rc == CW_OK)
        rc = cw_hash_final(hash, sha256, err);
    if (rc != CW_OK)
        return rc;
    rc = cw_medium_judge_packed(&source->medium, packed, sha256, length, err);
    return rc == CW_E_VERIFY ? add_remedy(err) : rc;
}

static int get_bundled(struct cw_source *source, const char *path, uint64_t max, cw_http_sink *sink,
                       void *ctx, struct cw_err *err)
{
    const struct cw_volume_packed *packed = cw_volume_find_packed(&source->medium.volume, path);
    size_t index;
    int rc;

    if (packed != NULL)
        return get_packed(source, packed, max, sink, ctx, err);
    rc = cw_medium_find(&index, &source->medium, path, err);
    return rc == CW_OK ? get_listed(source, index, max, sink, ctx, err) : rc;
}

int cw_source_get(struct cw_source *source, const char *path, uint64_t max, cw_http_sink *sink, void *ctx,
                  struct cw_err *err)
{
    uint64_t length;

    if (source->kind == CW_SOURCE_HTTP)
        return get_http(source, path, max, sink, ctx, err);
    if (source->is_bundle)
        return get_bundled(source, path, max, sink, ctx, err);
    return read_file(source, path, max, sink, ctx, NULL, &length, err);
}

static int add_to_buf(void *ctx, const void *data, size_t len, struct cw_err *err)
{
    struct cw_buf *buf = ctx;

    cw_buf_add(buf, data, len);
    return cw_buf_check(buf, "a file", err);
}

int cw_source_get_buf(struct cw_source *source, const char *path, struct cw_buf *buf, struct cw_err *err)
{
    if (source->kind == CW_SOURCE_HTTP)
        return get_http_buf(source, path, buf, err);
    return cw_source_get(source, path, buf->max - buf->len, add_to_buf, buf, err);
}

/* What cannot be done ahead is done in its time. */
void cw_source_expect(struct cw_source *source, const char *path, size_t max)
{
    CW_AUTO_BUF url = CW_BUF_INIT(URL_BYTES_MAX);

    if (source->kind != CW_SOURCE_HTTP || cw_http_join(&url, source->where, path, NULL) != CW_OK)
        return;
    if (source->ahead != NULL || cw_ahead_new(&source->ahead, &source->http_options, NULL) == CW_OK)
        cw_ahead_expect(source->ahead, cw_buf_text(&url), max);
}

bool cw_source_take_ahead(struct cw_source *source, const char *path, struct cw_buf *buf)
{
    CW_AUTO_BUF url = CW_BUF_INIT(URL_BYTES_MAX);
    struct cw_err unused;
    bool took;

    if (source->kind == CW_SOURCE_HTTP)
        took = source->ahead != NULL && cw_http_join(&url, source->where, path, NULL) == CW_OK &&
               cw_ahead_take_if_here(source->ahead, cw_buf_text(&url), buf);
    else
        took = cw_source_get_buf(source, path, buf, &unused) == CW_OK;
    if (!took)
        cw_buf_reset(buf);
    return took;
}

void cw_source_expect_end(struct cw_source *source)
{
    cw_ahead_free(source->ahead);
    source->ahead = NULL;
}

static int count_progress(void *ctx, const void *data, size_t len, struct cw_err *err)
{
    (void)data;
    (void)err;
    cw_progress_add(ctx, len);
    return CW_OK;
}

int cw_source_check_rest(struct cw_source *source, struct cw_progress *progress, struct cw_err *err)
{
    CW_AUTO_BUF names = CW_BUF_INIT(MISSING_SHOWN * CW_PATH_MAX);
    uint64_t missing = 0;
    size_t i;

    for (i = 0; source->is_bundle && i < source->medium.volume.file_count; i++) {
        const struct cw_volume_file *file = &source->medium.volume.files[i];
        int rc;

        if (source->medium.read[i])
            continue;
        rc = get_listed(source, i, file->length, count_progress, progress, err);
        if (rc != CW_OK && rc != CW_E_INCOMPLETE)
            return rc;
        if (rc == CW_E_INCOMPLETE && missing++ < MISSING_SHOWN)
            cw_buf_addf(&names, "%s'%s'", missing > 1 ? ", " : "", file->path);
    }
    if (missing == 0)
        return CW_OK;
    return cw_err_set(err, CW_E_INCOMPLETE, "%llu file%s missing from volume %lld of %lld in '%s': %s%s",
                      (unsigned long long)missing, cw_str_plural(missing),
                      (long long)source->medium.volume.index, (long long)source->medium.volume.of,
                      source->where, cw_buf_text(&names), missing > MISSING_SHOWN ? ", …" : "");
}

int cw_source_match(char ***matches, const char *pattern, struct cw_err *err)
{
    glob_t found;
    size_t i, count;
    int got = glob(pattern, GLOB_ONLYDIR, NULL, &found);

    *matches = NULL;
    if (got == GLOB_NOSPACE)
        return cw_err_nomem(err);
    count = got == 0 ? found.gl_pathc : 0;
    if (count > CW_SOURCE_MATCHES_MAX)
        count = CW_SOURCE_MATCHES_MAX;
    *matches = calloc(count + 1, sizeof **matches);
    for (i = 0; *matches != NULL && i < count; i++) {
        (*matches)[i] = strdup(found.gl_pathv[i]);
        if ((*matches)[i] == NULL) {
            cw_source_matches_free(*matches);
            *matches = NULL;
        }
    }
    globfree(&found);
    return *matches == NULL ? cw_err_nomem(err) : CW_OK;
}

void cw_source_matches_free(char **matches)
{
    size_t i;

    for (i = 0; matches != NULL && matches[i] != NULL; i++)
        free(matches[i]);
    free(matches);
}
