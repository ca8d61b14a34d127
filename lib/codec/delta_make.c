/* SPDX-License-Identifier: ISC */
/*
 * Making a delta: maps both files, has the new one divided into pieces, has threads compare them, the largest
 * first, and has the delta written when all is known. What a thread finds depends on its piece alone, so the
 * delta is the same however many there are.
 */
#include "codec/delta.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "codec/delta_parts.h"

/* Each thread may need memory for a piece; more than a few files at once no disk can use. */
#define THREADS_MAX 16

/* --- comparing, in threads --------------------------------------------------------------------- */

struct work {
    const struct cw_delta_files *files;
    const struct cw_delta_taste *taste;
    struct cw_delta_piece **order; /* the largest first */
    size_t count;
    pthread_mutex_t mutex; /* for what follows */
    size_t next;
    struct cw_err first; /* error; code CW_OK: none yet */
};

static struct cw_delta_piece *next_piece(struct work *w)
{
    struct cw_delta_piece *piece = NULL;

    pthread_mutex_lock(&w->mutex);
    if (w->first.code == CW_OK && w->next < w->count)
        piece = w->order[w->next++];
    pthread_mutex_unlock(&w->mutex);
    return piece;
}

static void note_error(struct work *w, const struct cw_err *err)
{
    pthread_mutex_lock(&w->mutex);
    if (w->first.code == CW_OK)
        w->first = *err;
    pthread_mutex_unlock(&w->mutex);
}

static void *compare(void *ctx)
{
    struct work *w = ctx;
    struct cw_delta_sorter sorter = {.suffixes = NULL};
    struct cw_delta_piece *piece;
    struct cw_err err;

    while ((piece = next_piece(w)) != NULL) {
        if (cw_delta_match(piece, &sorter, w->taste, w->files, &err) != CW_OK)
            note_error(w, &err);
    }
    cw_delta_sorter_clear(&sorter);
    return NULL;
}

/* This thread works too; where no other can be started, alone. */
static int compare_all(struct work *w, unsigned threads, struct cw_err *err)
{
    pthread_t others[THREADS_MAX];
    unsigned started = 0;

    while (started + 1 < threads && pthread_create(&others[started], NULL, compare, w) == 0)
        started++;
    compare(w);
    while (started > 0)
        pthread_join(others[--started], NULL);
    return w->first.code == CW_OK ? CW_OK : cw_err_set(err, w->first.code, "%s", w->first.text);
}

static int by_size(const void *a, const void *b)
{
    const struct cw_delta_piece *x = *(struct cw_delta_piece *const *)a,
                                *y = *(struct cw_delta_piece *const *)b;
    uint64_t m = (uint64_t)x->old_len + x->new_len, n = (uint64_t)y->old_len + y->new_len;

    if (m != n)
        return m > n ? -1 : 1;
    return x->new_at < y->new_at ? -1 : 1;
}

static int find_steps(struct cw_delta_plan *plan, const struct cw_delta_files *files, unsigned threads,
                      struct cw_err *err)
{
    CW_AUTO_FREE struct cw_delta_piece **order = calloc(plan->count + 1, sizeof(struct cw_delta_piece *));
    struct work w = {
        .files = files, .order = order, .count = plan->count, .mutex = PTHREAD_MUTEX_INITIALIZER};
    size_t i;
    int rc = order == NULL ? cw_err_nomem(err) : cw_delta_tune(&w.taste, plan, files, err);

    if (rc != CW_OK)
        return rc;
    for (i = 0; i < plan->count; i++)
        order[i] = &plan->list[i];
    qsort(order, plan->count, sizeof(struct cw_delta_piece *), by_size);
    return compare_all(&w, threads, err);
}

/* --- the files --------------------------------------------------------------------------------- */

/* Maps a whole file; an empty one as no bytes at all. */
static int map(const uint8_t **data, uint64_t *len, int fd, const char *what, struct cw_err *err)
{
    struct stat st;
    void *place;

    if (fstat(fd, &st) != 0)
        return cw_err_errno(err, errno, "unable to look at the %s file of a delta", what);
    if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > CW_DELTA_FILE_MAX || (uint64_t)st.st_size > SIZE_MAX)
        return cw_err_set(err, CW_E_FAIL, "the %s file of a delta is no regular file, or too large", what);
    *len = (uint64_t)st.st_size;
    *data = (const uint8_t *)"";
    if (*len == 0)
        return CW_OK;
    place = mmap(NULL, (size_t)*len, PROT_READ, MAP_PRIVATE, fd, 0);
    if (place == MAP_FAILED)
        return cw_err_errno(err, errno, "unable to map the %s file of a delta", what);
    *data = place;
    return CW_OK;
}

static void unmap(const uint8_t *data, uint64_t len)
{
    if (data != NULL && len > 0)
        munmap((void *)(uintptr_t)data, (size_t)len);
}

static unsigned thread_count(unsigned wanted)
{
    long there = wanted > 0 ? (long)wanted : sysconf(_SC_NPROCESSORS_ONLN);

    return there < 1 ? 1 : there > THREADS_MAX ? THREADS_MAX : (unsigned)there;
}

static int make(int out, const struct cw_delta_files *files, const struct cw_delta_effort *effort,
                struct cw_err *err)
{
    struct cw_delta_plan plan = {.list = NULL};
    unsigned threads = thread_count(effort->threads);
    int rc = cw_delta_pair(&plan, files, err);

    if (rc == CW_OK)
        rc = find_steps(&plan, files, threads, err);
    if (rc == CW_OK)
        rc = cw_delta_write(out, &plan, files, threads, effort, err);
    cw_delta_plan_clear(&plan);
    return rc;
}

/* --- from inside ------------------------------------------------------------------------------- */

/* What a gzip file holds, in place of the file. */
static int open_inside(uint8_t **content, uint64_t *content_len, const uint8_t *data, uint64_t len,
                       struct cw_err *err)
{
    void *place;
    int rc;

    *content_len = cw_gzip_length(data, len);
    if (*content_len == 0 || *content_len > CW_DELTA_INSIDE_MAX)
        return cw_err_set(err, CW_E_NOTFOUND,
                          "it is compressed with gzip, and too large or too small to look into");
    place = mmap(NULL, (size_t)*content_len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (place == MAP_FAILED)
        return cw_err_nomem(err);
    *content = place;
    rc = cw_gzip_inflate(*content, *content_len, data, len, err);
    if (rc == CW_OK)
        return CW_OK;
    munmap(place, (size_t)*content_len);
    *content = NULL;
    if (rc == CW_E_VERIFY)
        return cw_err_set(err, CW_E_NOTFOUND, "it is compressed with gzip, and not of one part");
    return rc;
}

static int open_inside_new(struct cw_delta_files *files, struct cw_err *err)
{
    struct cw_delta_info *info = &files->info;
    uint8_t *content;
    int rc = open_inside(&content, &info->to_inside, files->new, files->new_len, err);

    if (rc != CW_OK)
        return rc;
    rc = cw_gzip_find(&info->how, files->new, files->new_len, content, info->to_inside, err);
    if (rc != CW_OK) {
        munmap(content, (size_t)info->to_inside);
        return rc;
    }
    unmap(files->new, files->new_len);
    files->new = content;
    files->new_len = info->to_inside;
    info->inside_to = true;
    return CW_OK;
}

/* An old file that cannot be looked into is taken as it is. */
static int open_inside_old(struct cw_delta_files *files, struct cw_err *err)
{
    struct cw_delta_info *info = &files->info;
    uint8_t *content;
    int rc = open_inside(&content, &info->from_inside, files->old, files->old_len, err);

    if (rc != CW_OK) {
        info->from_inside = 0;
        return rc == CW_E_NOTFOUND ? CW_OK : rc;
    }
    unmap(files->old, files->old_len);
    files->old = content;
    files->old_len = info->from_inside;
    info->inside_from = true;
    return CW_OK;
}

static int look_inside(struct cw_delta_files *files, struct cw_err *err)
{
    int rc = cw_delta_check_seen(files->new, files->new_len, err);

    if (rc == CW_OK && cw_gzip_is(files->new, files->new_len))
        rc = open_inside_new(files, err);
    if (rc == CW_OK && cw_gzip_is(files->old, files->old_len))
        rc = open_inside_old(files, err);
    return rc;
}

int cw_delta_look(int fd, struct cw_err *err)
{
    struct cw_delta_files files = {.old = NULL};
    int rc = map(&files.new, &files.new_len, fd, "new", err);

    if (rc == CW_OK)
        rc = look_inside(&files, err);
    unmap(files.new, files.new_len);
    return rc;
}

int cw_delta_make(int out, int from, int to, const struct cw_delta_effort *effort, struct cw_err *err)
{
    struct cw_delta_files files = {.old = NULL};
    int rc = map(&files.old, &files.old_len, from, "old", err);

    if (rc == CW_OK)
        rc = map(&files.new, &files.new_len, to, "new", err);
    files.info.from = files.old_len;
    files.info.to = files.new_len;
    if (rc == CW_OK && effort->inside)
        rc = look_inside(&files, err);
    if (rc == CW_OK)
        rc = make(out, &files, effort, err);
    unmap(files.old, files.old_len);
    unmap(files.new, files.new_len);
    return rc;
}
