/* SPDX-License-Identifier: ISC */
/*
 * Making deltas in confined children. A pair of large files gets all processors, and nothing runs beside it, so that
 * memory stays within what one such pair needs; small ones run side by side, a thread each.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "tree/deltas_job.h"
#include "tree/layout.h"
#include "tree/patch.h"

#define SLOTS_MAX 16
#define ALONE (UINT64_C(24) << 20) /* bytes of two files that share the machine with no others */
/* Address space, not memory: most of it are the arenas and stacks that the C library reserves for a thread. */
#define MEMORY ((uint64_t)1 << 30)
#define MEMORY_THREAD ((uint64_t)1 << 30)
/* Bad cases of sorting make some MB a second. What needs as long as this never ends. */
#define CPU_SECONDS_FREE 600
#define CPU_BYTES_PER_SECOND (UINT64_C(64) << 10)
#define BLOCK ((size_t)256 * 1024)
#define LEVEL_FULL                                                                                           \
    12 /* of zstd, where no old file helps: the highest takes ten times as long for a twentieth */

struct run {
    int tree;
    const struct cw_deltas_options *options;
    struct cw_deltas_job *running[SLOTS_MAX];
    size_t count;
    unsigned slots;
    char *block; /* BLOCK bytes */
};

static uint64_t cost(const struct cw_deltas_job *job)
{
    return job->from_len + job->to_len;
}

/* A gzip file says at its end what it holds; whether that is so is seen later. */
static uint64_t size_of(int fd, uint64_t len)
{
    uint8_t head[18] = {0}, tail[sizeof head] = {0};
    uint64_t inside;

    if (len < sizeof head || pread(fd, head, sizeof head, 0) != (ssize_t)sizeof head ||
        !cw_gzip_is(head, sizeof head))
        return len;
    memcpy(tail, head, sizeof head - 4);
    if (pread(fd, tail + sizeof tail - 4, 4, (off_t)len - 4) != 4)
        return len;
    inside = cw_gzip_length(tail, sizeof tail);
    return len + (inside < CW_DELTA_INSIDE_MAX ? inside : CW_DELTA_INSIDE_MAX);
}

/* --- in the child ------------------------------------------------------------------------------------- */

static int make(void *ctx, int in_fd, int out_fd, struct cw_err *err)
{
    const struct cw_deltas_job *job = ctx;
    bool worth = true;
    int rc = CW_OK;

    if (job->plan_only)
        return cw_delta_look(in_fd, err);
    if (job->from == NULL && job->size == job->to_len) /* no gzip file */
        rc = cw_delta_compresses(&worth, in_fd, err);
    if (rc != CW_OK || !worth) /* writes nothing: of no use */
        return rc;
    return cw_delta_make(out_fd, CW_JAIL_ALSO, in_fd, &job->effort, err);
}

/* --- its parent ----------------------------------------------------------------------------------------- */

static void end(struct cw_deltas_job *job)
{
    cw_jail_kill(&job->jail);
    cw_out_discard(&job->out);
    cw_fd_close_(&job->from_fd);
    cw_fd_close_(&job->to_fd);
    job->from_fd = job->to_fd = -1;
    job->wanted = false;
}

/* Ends all work only where the next one would fail too. */
static int fail(struct cw_deltas_job *job, const struct cw_err *why, struct cw_err *err)
{
    if (why->code == CW_E_NOMEM || why->code == CW_E_SPACE)
        return cw_err_set(err, why->code, "%s", why->text);
    job->outcome = why->code == CW_E_NOTFOUND ? CW_DELTA_HIDDEN : CW_DELTA_FAILED;
    snprintf(job->why, sizeof job->why, "%s", why->text);
    return CW_OK;
}

static int open_files(struct cw_deltas_job *job, int tree, bool plan_only, struct cw_err *err)
{
    char path[CW_PATH_MAX];
    int rc = cw_at_open_file(&job->to_fd, tree, job->to, err);

    if (rc == CW_OK && job->from != NULL)
        rc = cw_at_open_file(&job->from_fd, tree, job->from, err);
    else if (rc == CW_OK)
        job->from_fd = memfd_create("empty", MFD_CLOEXEC);
    if (rc == CW_OK && job->from_fd < 0)
        rc = cw_err_errno(err, errno, "unable to make an empty file");
    if (rc == CW_OK)
        rc = cw_tree_delta_path(path, job->from_sha256, job->to_sha256, err);
    if (plan_only)
        return rc;
    return rc == CW_OK ? cw_out_open_unnamed(&job->out, tree, path, 0644, err) : rc;
}

static int start(struct run *run, struct cw_deltas_job *job, struct cw_err *err)
{
    unsigned threads = cost(job) > ALONE ? run->slots : 1;
    struct cw_jail_limits limits = {.threads = true};
    uint64_t seconds;
    int rc = open_files(job, run->tree, run->options->plan_only, err);

    if (rc != CW_OK)
        return rc;
    job->size = size_of(job->to_fd, job->to_len) + size_of(job->from_fd, job->from_len);
    job->plan_only = run->options->plan_only;
    seconds = CPU_SECONDS_FREE + job->size / CPU_BYTES_PER_SECOND;
    limits.cpu_seconds = seconds < 86400 ? (unsigned)seconds : 86400;
    limits.memory = job->size + MEMORY + threads * MEMORY_THREAD;
    job->effort = (struct cw_delta_effort){
        .threads = threads, .level = job->from == NULL ? LEVEL_FULL : 0, .inside = true, .piped = true};
    rc = cw_jail_start_with(&job->jail, "the delta's writer", &limits, make, job, job->to_fd, job->from_fd,
                            err);
    if (rc == CW_OK)
        run->running[run->count++] = job;
    return rc;
}

/* As a site will; what the old file holds lies in a file without a name meanwhile. */
static int apply(const struct cw_deltas_job *job, int tree, struct cw_err *err)
{
    CW_AUTO_OUT scratch = CW_OUT_INIT;
    int rc = cw_out_open_unnamed(&scratch, tree, job->out.path, 0600, err);

    return rc == CW_OK
               ? cw_patch_apply(-1, job->from_fd, job->out.fd, scratch.fd, job->to_len, job->to_sha256, err)
               : rc;
}

/* It is whole: is it right? */
static int judge(struct cw_deltas_job *job, int tree, struct cw_err *err)
{
    int rc = cw_jail_finish(&job->jail, err);

    if (rc == CW_OK && job->got == 0) {
        job->outcome = job->plan_only ? CW_DELTA_MADE : CW_DELTA_USELESS;
        return CW_OK;
    }
    if (rc == CW_OK)
        rc = cw_delta_finish_piped(job->out.fd, err);
    if (rc != CW_OK)
        return rc;
    job->length = (uint64_t)lseek(job->out.fd, 0, SEEK_END);
    job->outcome = job->length <= job->most ? CW_DELTA_MADE : CW_DELTA_USELESS;
    return job->outcome == CW_DELTA_MADE ? apply(job, tree, err) : CW_OK;
}

/* Takes some of what a child writes. *done: there is nothing more to come, or to be waited for. What goes wrong with the
 * child or with its delta is that delta's matter; a disk that cannot be written is everybody's. */
static int step(bool *done, struct run *run, struct cw_deltas_job *job, struct cw_err *err)
{
    struct cw_err why = {.code = CW_OK};
    ssize_t n = cw_jail_read(&job->jail, run->block, BLOCK, &why);
    int rc = n < 0 ? CW_E_FAIL : CW_OK;

    *done = false;
    if (n > 0) {
        job->got += (uint64_t)n;
        if (job->got <= job->most + CW_DELTA_HEADER_BYTES)
            return cw_fd_write_all(job->out.fd, run->block, (size_t)n, "a delta", err);
        job->outcome = CW_DELTA_USELESS;
    } else if (n == 0) {
        rc = judge(job, run->tree, &why);
    }
    *done = n <= 0 || rc != CW_OK || job->outcome == CW_DELTA_USELESS;
    if (rc != CW_OK)
        return fail(job, &why, err);
    return n == 0 && job->outcome == CW_DELTA_MADE && !job->plan_only ? cw_out_commit(&job->out, err) : CW_OK;
}

static void finish(struct run *run, size_t i)
{
    struct cw_deltas_job *job = run->running[i];

    end(job);
    if (run->options->progress != NULL)
        run->options->progress(run->options->ctx, cost(job));
    run->running[i] = run->running[--run->count];
}

/* Waits until some children have something to say, and takes it. */
static int serve(struct run *run, struct cw_err *err)
{
    struct pollfd polls[SLOTS_MAX];
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < run->count; i++)
        polls[i] = (struct pollfd){.fd = run->running[i]->jail.out, .events = POLLIN};
    if (poll(polls, run->count, -1) < 0)
        return errno == EINTR ? CW_OK : cw_err_errno(err, errno, "unable to wait for children");
    /* From the last on: finish() puts another one, which was served already, in its place. */
    for (i = run->count; i > 0 && rc == CW_OK; i--) {
        bool done = false;

        if (polls[i - 1].revents == 0)
            continue;
        rc = step(&done, run, run->running[i - 1], err);
        if (done)
            finish(run, i - 1);
    }
    return rc;
}

static int by_cost(const void *a, const void *b)
{
    const struct cw_deltas_job *x = *(struct cw_deltas_job *const *)a, *y = *(struct cw_deltas_job *const *)b;

    if (cost(x) != cost(y))
        return cost(x) > cost(y) ? -1 : 1;
    return strcmp(x->to_sha256, y->to_sha256);
}

static bool fits(const struct run *run, const struct cw_deltas_job *job)
{
    if (run->count == 0)
        return true;
    return run->count < run->slots && cost(job) <= ALONE && cost(run->running[0]) <= ALONE;
}

static int run_all(struct run *run, struct cw_deltas_job **jobs, size_t count, struct cw_err *err)
{
    size_t next = 0;
    int rc = CW_OK;

    while (rc == CW_OK && (next < count || run->count > 0)) {
        if (next < count && fits(run, jobs[next])) {
            struct cw_err why = {.code = CW_OK};

            if (start(run, jobs[next], &why) != CW_OK) {
                rc = fail(jobs[next], &why, err);
                end(jobs[next]);
            }
            next++;
        } else {
            rc = serve(run, err);
        }
    }
    while (run->count > 0)
        end(run->running[--run->count]);
    return rc;
}

int cw_deltas_run(int tree, struct cw_deltas_job *const *jobs, size_t count,
                  const struct cw_deltas_options *options, struct cw_err *err)
{
    CW_AUTO_FREE struct cw_deltas_job **order = calloc(count + 1, sizeof(struct cw_deltas_job *));
    CW_AUTO_FREE char *block = malloc(BLOCK);
    long there = options->threads > 0 ? (long)options->threads : sysconf(_SC_NPROCESSORS_ONLN);
    struct run run = {.tree = tree, .options = options, .block = block};
    size_t i, wanted = 0;

    if (order == NULL || block == NULL)
        return cw_err_nomem(err);
    run.slots = there < 1 ? 1 : there > SLOTS_MAX ? SLOTS_MAX : (unsigned)there;
    for (i = 0; i < count; i++) {
        if (jobs[i]->wanted)
            order[wanted++] = jobs[i];
    }
    qsort(order, wanted, sizeof(struct cw_deltas_job *), by_cost);
    return run_all(&run, order, wanted, err);
}
