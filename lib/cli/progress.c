/* SPDX-License-Identifier: ISC */
/*
 * Progress for a person at a terminal (one line, redrawn) or for a program (JSON lines), both on standard
 * error.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/cli.h"

#define NS 1000000000
#define REDRAW_NS (NS / 10)
#define QUIET_NS (NS / 2) /* what ends sooner shows no bar */
#define MARK_NS (NS / 2) /* between two marks: with CW_PROGRESS_MARKS of them the rate is that of 8 seconds */
#define BAR 24

static void fill_bar(char bar[BAR + 1], uint64_t done, uint64_t total)
{
    unsigned filled = total > 0 && done <= total ? (unsigned)(done * BAR / total) : BAR, i;

    for (i = 0; i < BAR; i++)
        bar[i] = i < filled ? '#' : '.';
    bar[BAR] = '\0';
}

/* A mark now and then; the oldest one that is kept is what the rate is measured from. */
static void mark(struct cw_progress *p, int64_t now)
{
    unsigned last = (p->mark_count - 1) % CW_PROGRESS_MARKS, next = p->mark_count % CW_PROGRESS_MARKS;

    if (p->mark_count > 0 && now - p->marks[last].ns < MARK_NS)
        return;
    p->marks[next].ns = now;
    p->marks[next].done = p->done;
    p->mark_count++;
}

static double bytes_per_second(const struct cw_progress *p, int64_t now)
{
    unsigned oldest = p->mark_count > CW_PROGRESS_MARKS ? p->mark_count % CW_PROGRESS_MARKS : 0;
    int64_t ns = now - p->marks[oldest].ns;

    return ns > 0 ? (double)(p->done - p->marks[oldest].done) * NS / (double)ns : 0;
}

/* Where nobody knows how many bytes there will be, but how many files. */
static bool counts_files(const struct cw_progress *p)
{
    return p->total == 0 && p->files_total > 0;
}

/* Negative: nobody knows. */
static double seconds_left(const struct cw_progress *p, int64_t now)
{
    double rate = bytes_per_second(p, now);

    if (counts_files(p) && p->files_done < p->files_total)
        return p->files_done == 0 ? -1
                                  : (double)(now - p->started_ns) / NS *
                                        (double)(p->files_total - p->files_done) / (double)p->files_done;
    if (p->total > p->done)
        return rate > 0 ? (double)(p->total - p->done) / rate : -1;
    return p->total > 0 || counts_files(p) ? 0 : -1;
}

static void draw_files(const struct cw_progress *p, double left)
{
    char bar[BAR + 1];

    fill_bar(bar, p->files_done, p->files_total);
    fprintf(stderr, "\r%s [%s] %" PRIu64 "/%" PRIu64 " files ", p->what, bar, p->files_done, p->files_total);
    if (left > 0)
        fprintf(stderr, "%.0f s left ", left);
    fputs("\033[K", stderr);
}

static void draw_bar(const struct cw_progress *p, double rate, double left)
{
    char done[16], total[16], per_second[16], files[64] = "", bar[BAR + 1];

    fill_bar(bar, p->done, p->total);
    if (p->files_total > 0)
        snprintf(files, sizeof files, "%" PRIu64 "/%" PRIu64 " files ", p->files_done, p->files_total);
    cw_str_bytes(p->done, done);
    cw_str_bytes(p->total, total);
    cw_str_bytes((uint64_t)rate, per_second);
    if (left > 0)
        fprintf(stderr, "\r%s [%s] %s%s/%s %s/s %.0f s left \033[K", p->what, bar, files, done, total,
                per_second, left);
    else
        fprintf(stderr, "\r%s [%s] %s%s %s/s \033[K", p->what, bar, files, done, per_second);
}

/* causeway-sync(1) names what is in a line. */
static void write_line(const struct cw_progress *p, double rate, double left)
{
    fprintf(stderr, "{\"progress\": \"%s\", \"done\": %" PRIu64 ", \"total\": %" PRIu64, p->what, p->done,
            p->total);
    if (p->files_total > 0)
        fprintf(stderr, ", \"files\": %" PRIu64 ", \"files_total\": %" PRIu64, p->files_done, p->files_total);
    fprintf(stderr, ", \"rate\": %.0f", rate);
    if (left >= 0)
        fprintf(stderr, ", \"seconds_left\": %.0f", left);
    fputs("}\n", stderr);
}

static void draw(struct cw_progress *p, bool last)
{
    int64_t now = cw_clock_monotonic_ns();
    double rate, left;

    if (!last && now - p->drawn_ns < REDRAW_NS)
        return;
    p->drawn_ns = now;
    rate = bytes_per_second(p, now);
    left = seconds_left(p, now);
    mark(p, now);
    if (p->cli->progress == CW_PROGRESS_JSON) {
        write_line(p, rate, left);
    } else if (p->cli->progress == CW_PROGRESS_AUTO && !p->cli->json && isatty(STDERR_FILENO) &&
               now - p->started_ns > QUIET_NS) {
        if (counts_files(p))
            draw_files(p, left);
        else
            draw_bar(p, rate, left);
        p->shown = true;
    }
}

void cw_progress_start(struct cw_progress *progress, const struct cw_cli *cli, const char *what,
                       uint64_t total)
{
    *progress =
        (struct cw_progress){.cli = cli, .what = what, .total = total, .started_ns = cw_clock_monotonic_ns()};
    mark(progress, progress->started_ns);
}

void cw_progress_add(struct cw_progress *progress, uint64_t bytes)
{
    progress->done += bytes;
    draw(progress, false);
}

void cw_progress_files(struct cw_progress *progress, uint64_t files)
{
    progress->files_done += files;
}

void cw_progress_end(struct cw_progress *progress)
{
    if (progress->cli->progress == CW_PROGRESS_JSON)
        draw(progress, true);
    if (progress->shown)
        fputs("\r\033[K", stderr);
}
