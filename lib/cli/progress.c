/* SPDX-License-Identifier: ISC */
/*
 * Progress for a person at a terminal (one line, redrawn) or for a program (JSON lines), both on standard
 * error.
 */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/cli.h"

#define REDRAW_NS (INT64_C(1000000000) / 10)
#define QUIET_NS (INT64_C(1000000000) / 2) /* what ends sooner shows no bar */
#define BAR 24

static int64_t monotonic_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void fill_bar(char bar[BAR + 1], uint64_t done, uint64_t total)
{
    unsigned filled = total > 0 && done <= total ? (unsigned)(done * BAR / total) : BAR, i;

    for (i = 0; i < BAR; i++)
        bar[i] = i < filled ? '#' : '.';
    bar[BAR] = '\0';
}

/* Where nobody knows how many bytes there will be, but how many files. */
static void draw_files(const struct cw_progress *p, double seconds)
{
    uint64_t left = p->files_done < p->files_total ? p->files_total - p->files_done : 0;
    char bar[BAR + 1];

    fill_bar(bar, p->files_done, p->files_total);
    fprintf(stderr, "\r%s [%s] %" PRIu64 "/%" PRIu64 " files ", p->what, bar, p->files_done, p->files_total);
    if (left > 0 && p->files_done > 0)
        fprintf(stderr, "%.0f s left ", seconds * (double)left / (double)p->files_done);
    fputs("\033[K", stderr);
}

static void draw_bar(const struct cw_progress *p, double seconds)
{
    char done[16], total[16], rate[16], files[64] = "", bar[BAR + 1];
    double per_second = seconds > 0 ? (double)p->done / seconds : 0;

    fill_bar(bar, p->done, p->total);
    if (p->files_total > 0)
        snprintf(files, sizeof files, "%" PRIu64 "/%" PRIu64 " files ", p->files_done, p->files_total);
    cw_str_bytes(p->done, done);
    cw_str_bytes(p->total, total);
    cw_str_bytes((uint64_t)per_second, rate);
    if (p->total > p->done && per_second > 0)
        fprintf(stderr, "\r%s [%s] %s%s/%s %s/s %.0f s left \033[K", p->what, bar, files, done, total, rate,
                (double)(p->total - p->done) / per_second);
    else
        fprintf(stderr, "\r%s [%s] %s%s %s/s \033[K", p->what, bar, files, done, rate);
}

static void draw(struct cw_progress *p, bool last)
{
    int64_t now = monotonic_ns();

    if (!last && now - p->drawn_ns < REDRAW_NS)
        return;
    p->drawn_ns = now;
    if (p->cli->progress == CW_PROGRESS_JSON) {
        fprintf(stderr, "{\"progress\": \"%s\", \"done\": %" PRIu64 ", \"total\": %" PRIu64, p->what, p->done,
                p->total);
        if (p->files_total > 0)
            fprintf(stderr, ", \"files\": %" PRIu64 ", \"files_total\": %" PRIu64, p->files_done,
                    p->files_total);
        fputs("}\n", stderr);
    } else if (p->cli->progress == CW_PROGRESS_AUTO && !p->cli->json && isatty(STDERR_FILENO) &&
               now - p->started_ns > QUIET_NS) {
        (p->total == 0 && p->files_total > 0 ? draw_files : draw_bar)(p, (double)(now - p->started_ns) / 1e9);
        p->shown = true;
    }
}

void cw_progress_start(struct cw_progress *progress, const struct cw_cli *cli, const char *what,
                       uint64_t total)
{
    *progress = (struct cw_progress){.cli = cli, .what = what, .total = total, .started_ns = monotonic_ns()};
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
