/* SPDX-License-Identifier: ISC */
/*
 * Which deltas are made for a tree, and what is written down of it; see tree/deltas.h.
 */
#include "tree/deltas.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "codec/json.h"
#include "tree/deltas_job.h"
#include "tree/hint.h"
#include "tree/layout.h"

/* Of the whole file: what a site takes. */
#define FULL_TENTHS 9
/* Of the compressed file: what is "well under" it, and worth its place on the disk of everybody who mirrors. */
#define DELTA_QUARTERS 3

struct deltas {
    int tree;
    const struct cw_deltas_options *options;
    struct cw_deltas_job *jobs; /* sorted by the new file; the one from the empty file is the first of each */
    size_t count;
    struct cw_deltas_job **order; /* for cw_deltas_run() */
};

/* --- the list of jobs ---------------------------------------------------------------------------------- */

/* The empty file before all others. */
static int compare_jobs(const void *a, const void *b)
{
    const struct cw_deltas_job *x = a, *y = b;
    int by_to = strcmp(x->to_sha256, y->to_sha256);

    if (by_to != 0)
        return by_to;
    if ((x->from == NULL) != (y->from == NULL))
        return x->from == NULL ? -1 : 1;
    return strcmp(x->from_sha256, y->from_sha256);
}

static int name_job(struct cw_deltas_job *job, const char *from, const char *to, struct cw_err *err)
{
    char target[CW_PATH_MAX];

    *job = (struct cw_deltas_job){
        .from = from, .to = to, .from_fd = -1, .to_fd = -1, .jail = CW_JAIL_INIT, .out = CW_OUT_INIT};
    memcpy(job->from_sha256, CW_HINT_EMPTY, sizeof CW_HINT_EMPTY);
    if (!cw_tree_split_target(to, target, job->to_sha256))
        return cw_err_set(err, CW_E_FAIL, "'%s' is no target of a tree", to);
    if (from != NULL && !cw_tree_split_target(from, target, job->from_sha256))
        return cw_err_set(err, CW_E_FAIL, "'%s' is no target of a tree", from);
    if (strcmp(job->from_sha256, CW_HINT_EMPTY) == 0)
        job->from = NULL;
    return CW_OK;
}

static int list_jobs(struct deltas *d, const struct cw_deltas_pair *pairs, size_t count, struct cw_err *err)
{
    size_t i, n = 0;
    int rc = CW_OK;

    d->jobs = calloc(2 * count + 1, sizeof *d->jobs);
    d->order = calloc(2 * count + 1, sizeof(struct cw_deltas_job *));
    if (d->jobs == NULL || d->order == NULL)
        return cw_err_nomem(err);
    for (i = 0; i < count && rc == CW_OK; i++) {
        rc = name_job(&d->jobs[n++], NULL, pairs[i].to, err);
        if (rc == CW_OK && pairs[i].from != NULL)
            rc = name_job(&d->jobs[n++], pairs[i].from, pairs[i].to, err);
    }
    if (rc != CW_OK)
        return rc;
    qsort(d->jobs, n, sizeof *d->jobs, compare_jobs);
    for (i = 0; i < n; i++) {
        if (d->count == 0 || compare_jobs(&d->jobs[d->count - 1], &d->jobs[i]) != 0)
            d->jobs[d->count++] = d->jobs[i];
    }
    for (i = 0; i < d->count; i++)
        d->order[i] = &d->jobs[i];
    return CW_OK;
}

/* The jobs from `first` on that are about the same new file. */
static size_t group_end(const struct deltas *d, size_t first)
{
    size_t end = first;

    while (end < d->count && strcmp(d->jobs[end].to_sha256, d->jobs[first].to_sha256) == 0)
        end++;
    return end;
}

/* --- what is there already ------------------------------------------------------------------------------ */

static bool length_of(uint64_t *length, int tree, const char *path)
{
    struct stat st;

    if (path == NULL) {
        *length = 0;
        return true;
    }
    if (cw_at_stat(&st, tree, path, NULL) != CW_OK || !S_ISREG(st.st_mode))
        return false;
    *length = (uint64_t)st.st_size;
    return true;
}

/* A whole delta between files of these lengths. One that was made by a run that was killed is not listed yet. */
static bool is_made(struct cw_deltas_job *job, int tree)
{
    CW_AUTO_FD int fd = -1;
    struct cw_delta_info info;
    char path[CW_PATH_MAX];
    off_t length;

    if (cw_tree_delta_path(path, job->from_sha256, job->to_sha256, NULL) != CW_OK ||
        cw_at_open_file(&fd, tree, path, NULL) != CW_OK || cw_delta_peek(&info, fd, NULL) != CW_OK ||
        info.from != job->from_len || info.to != job->to_len || (length = lseek(fd, 0, SEEK_END)) < 0)
        return false;
    job->length = (uint64_t)length;
    return true;
}

static void look_at(struct cw_deltas_job *job, const struct deltas *d, const struct cw_hint *hint)
{
    if (!length_of(&job->to_len, d->tree, job->to) || !length_of(&job->from_len, d->tree, job->from))
        job->outcome = CW_DELTA_ABSENT;
    else if (job->to_len < CW_DELTAS_FILE_MIN)
        job->outcome = CW_DELTA_SMALL;
    else if (is_made(job, d->tree))
        job->outcome = CW_DELTA_THERE;
    else if (hint->doc != NULL && cw_hint_is_useless(hint, job->from_sha256))
        job->outcome = CW_DELTA_USELESS;
    else
        job->wanted = true;
}

/* A hint that cannot be read is made anew. */
static int load_hint(struct cw_hint *hint, const struct deltas *d, const char *to, struct cw_err *err)
{
    int rc = cw_hint_load(hint, d->tree, to, err);

    return rc == CW_E_NOTFOUND || rc == CW_E_VERIFY || rc == CW_E_FAIL ? CW_OK : rc;
}

static int look_at_all(struct deltas *d, struct cw_err *err)
{
    size_t first, end, i;
    int rc = CW_OK;

    for (first = 0; first < d->count && rc == CW_OK; first = end) {
        CW_AUTO_HINT hint = {.doc = NULL};

        end = group_end(d, first);
        rc = load_hint(&hint, d, d->jobs[first].to_sha256, err);
        for (i = first; i < end && rc == CW_OK; i++)
            look_at(&d->jobs[i], d, &hint);
    }
    return rc;
}

/* --- what is new ------------------------------------------------------------------------------------------ */

static bool is_there(const struct cw_deltas_job *job)
{
    return job->outcome == CW_DELTA_THERE || job->outcome == CW_DELTA_MADE;
}

/* After the compressed file is known, what the others are measured by. Where it could not be seen into the file, none can. */
static void measure(struct cw_deltas_job *job, const struct cw_deltas_job *full, bool plan_only)
{
    job->most = (is_there(full) ? full->length : job->to_len) / 4 * DELTA_QUARTERS;
    if (!job->wanted)
        return;
    job->wanted = !plan_only && full->outcome != CW_DELTA_HIDDEN;
    if (full->outcome == CW_DELTA_HIDDEN) {
        job->outcome = full->outcome;
        memcpy(job->why, full->why, sizeof job->why);
    } else if (plan_only) {
        job->outcome = CW_DELTA_MADE;
    }
}

/* First the compressed files, for the others are measured by them. */
static int make_all(struct deltas *d, struct cw_err *err)
{
    size_t i, full = 0;
    int rc;

    for (i = 0; i < d->count; i++)
        d->jobs[i].most = d->jobs[i].to_len / 10 * FULL_TENTHS;
    for (i = 0; i < d->count; i++) {
        struct cw_deltas_job *job = &d->jobs[i];

        d->order[full] = job;
        full += job->from == NULL;
    }
    rc = cw_deltas_run(d->tree, d->order, full, d->options, err);
    for (i = 0, full = 0; i < d->count; i++) {
        struct cw_deltas_job *job = &d->jobs[i];

        d->order[i] = job;
        if (job->from == NULL)
            full = i;
        else
            measure(job, &d->jobs[full], d->options->plan_only);
    }
    return rc == CW_OK ? cw_deltas_run(d->tree, d->order, d->count, d->options, err) : rc;
}

static int note(struct cw_hint *hint, const struct cw_deltas_job *job, struct cw_err *err)
{
    if (is_there(job))
        return cw_hint_add(hint, job->from_sha256, job->from, job->length, err);
    if (job->outcome == CW_DELTA_USELESS || job->outcome == CW_DELTA_HIDDEN)
        return cw_hint_add_useless(hint, job->from_sha256, err);
    return CW_OK;
}

/* Writes the hint of one file, if there is something new to say. */
static int write_hint(const struct deltas *d, size_t first, size_t end, struct cw_err *err)
{
    CW_AUTO_BUF before = CW_BUF_INIT(2 * CW_HINT_MAX), after = CW_BUF_INIT(2 * CW_HINT_MAX);
    CW_AUTO_HINT hint = {.doc = NULL};
    char path[CW_PATH_MAX];
    size_t i;
    int rc = load_hint(&hint, d, d->jobs[first].to_sha256, err);
    bool there = hint.doc != NULL;

    if (rc == CW_OK && !there)
        rc = cw_hint_new(&hint, err);
    if (rc == CW_OK)
        rc = cw_json_format(&before, hint.doc, err);
    for (i = first; i < end && rc == CW_OK; i++)
        rc = note(&hint, &d->jobs[i], err);
    if (rc == CW_OK)
        rc = cw_hint_format(&after, &hint, err);
    if (rc == CW_OK)
        rc = cw_tree_hint_path(path, d->jobs[first].to_sha256, err);
    if (rc != CW_OK || (before.len == after.len && memcmp(before.data, after.data, after.len) == 0))
        return rc;
    return cw_file_replace(d->tree, path, after.data, after.len, 0644, err);
}

/* The folder of a file without a delta, if one was made for it. */
static void remove_empty(const struct deltas *d, size_t first)
{
    char path[CW_PATH_MAX];

    if (cw_tree_hint_path(path, d->jobs[first].to_sha256, NULL) != CW_OK)
        return;
    path[strlen(path) - strlen(".json")] = '\0';
    (void)unlinkat(d->tree, path, AT_REMOVEDIR);
}

static int write_hints(const struct deltas *d, struct cw_err *err)
{
    size_t first, end;
    int rc = CW_OK;

    for (first = 0; first < d->count && rc == CW_OK; first = end) {
        end = group_end(d, first);
        remove_empty(d, first);
        rc = write_hint(d, first, end, err);
    }
    return rc;
}

/* What a killed run left, where this one will write. */
static int sweep(const struct deltas *d, struct cw_err *err)
{
    char path[CW_PATH_MAX];
    size_t first;
    int rc = cw_sweep(d->tree, CW_TREE_DELTAS, err);

    for (first = 0; first < d->count && rc == CW_OK; first = group_end(d, first)) {
        rc = cw_tree_hint_path(path, d->jobs[first].to_sha256, err);
        if (rc == CW_OK) {
            path[strlen(path) - strlen(".json")] = '\0';
            rc = cw_sweep(d->tree, path, err);
        }
    }
    return rc;
}

/* --- for the caller ----------------------------------------------------------------------------------------- */

static void answer(struct cw_deltas_pair *pairs, size_t count, const struct deltas *d)
{
    size_t i;

    for (i = 0; i < count; i++) {
        struct cw_deltas_job key, *job;

        pairs[i].outcome = CW_DELTA_NONE;
        pairs[i].length = 0;
        pairs[i].why[0] = '\0';
        if (d->count == 0 || name_job(&key, pairs[i].from, pairs[i].to, NULL) != CW_OK)
            continue;
        job = bsearch(&key, d->jobs, d->count, sizeof key, compare_jobs);
        if (job == NULL)
            continue;
        pairs[i].outcome = job->outcome;
        pairs[i].length = is_there(job) ? job->length : 0;
        memcpy(pairs[i].why, job->why, sizeof pairs[i].why);
    }
}

static void count_wanted(struct deltas *d)
{
    size_t i;

    for (i = 0; i < d->count; i++) {
        if (d->jobs[i].wanted)
            d->jobs[i].outcome = CW_DELTA_MADE;
    }
}

static int work(struct deltas *d, struct cw_err *err)
{
    struct cw_err ignored;
    int rc = look_at_all(d, err), written;

    if (d->options->count_only) {
        count_wanted(d);
        return rc;
    }
    if (rc == CW_OK && !d->options->plan_only)
        rc = sweep(d, err);
    if (rc == CW_OK)
        rc = make_all(d, err);
    if (d->options->plan_only)
        return rc;
    written = write_hints(d, rc == CW_OK ? err : &ignored);
    return rc == CW_OK ? written : rc;
}

int cw_deltas_make(int tree, struct cw_deltas_pair *pairs, size_t count,
                   const struct cw_deltas_options *options, struct cw_err *err)
{
    struct deltas d = {.tree = tree, .options = options};
    int rc = list_jobs(&d, pairs, count, err);

    if (rc == CW_OK)
        rc = work(&d, err);
    answer(pairs, count, &d);
    free(d.jobs);
    free(d.order);
    return rc;
}

uint64_t cw_deltas_size(int tree, const struct cw_deltas_pair *pairs, size_t count)
{
    const struct cw_deltas_options options = {.plan_only = true};
    struct deltas d = {.tree = tree, .options = &options};
    uint64_t size = 0;
    size_t i;

    if (list_jobs(&d, pairs, count, NULL) == CW_OK && look_at_all(&d, NULL) == CW_OK) {
        for (i = 0; i < d.count; i++)
            size += d.jobs[i].wanted ? d.jobs[i].from_len + d.jobs[i].to_len : 0;
    }
    free(d.jobs);
    free(d.order);
    return size;
}
