/* SPDX-License-Identifier: ISC */
/*
 * Many files from elsewhere into a folder. Each is hashed while it comes, lies in an inbox meanwhile, and gets its
 * final name only when it is complete, right and on the disk. Files come from web servers, which are asked in their
 * order until one has the right bytes, or are fed by the caller.
 *
 *   .inbox/<k>/<hash>.<hash of the path>.part   a file on its way, or the part of one; k: a folder for each thread that writes
 *   .inbox/<k>/<hash>.<hash of the path>.validator   what its server tells the file by, and which one, where the part is worth it
 *
 * What survives a crash: files under their final names, whole; and in the inbox whatever had reached the disk. The next
 * run hashes it again: whole files are taken, parts are gone on with, what nobody wants any more is removed. A part is gone on
 * with from any server, for the hash says what it is to become; if that comes out wrong, it is fetched once more as a whole.
 *
 * Large files are begun first. One that comes slowly over its connection comes in pieces over several, as many as make it faster, up to
 * half of all while other files wait; in the inbox is always the file's beginning, so that looks no different.
 *
 * Threads: two to four receive, one writes what is fed, one commits: from 1,024 files or 256 MiB on, all that is there, data
 * durable, then renamed; few files are synced one by one. They touch nothing but this module's own state, the inbox, the
 * transfers of http/transfer.h and the options and texts they were given, which only they may read until
 * cw_intake_finish() or cw_intake_close() is back. All functions here, and all callbacks, belong to one thread: the caller's.
 */
#ifndef CW_INTAKE_INTAKE_H
#define CW_INTAKE_INTAKE_H

#include "crypt/hash.h"
#include "http/http.h"

#define CW_INTAKE_FOLDER ".inbox" /* never a part of a portable name */
#define CW_INTAKE_HASHES_MAX 2
#define CW_INTAKE_SOURCES_MAX 32

struct cw_intake_source { /* a web server */
    const char *base;     /* URL; borrowed, as the options are */
    const char *name;     /* as messages may show it */
    const struct cw_http_options *options;
    /* Told by cw_intake_finish(): */
    uint64_t files; /* that came from here */
    int failed;     /* CW_OK, or how it failed first ... */
    char why[CW_ERR_TEXT_MAX];
    bool skipped; /* ... so that it was not asked any more */
};

struct cw_intake_file {
    const char *path;  /* beneath the folder; borrowed */
    const char *place; /* below the sources' base, not percent-encoded; borrowed; NULL: path */
    uint64_t length;
    struct {
        enum cw_hash_kind kind;
        const char *text; /* lower-case hex; borrowed; NULL: none, and none after it */
    } hashes[CW_INTAKE_HASHES_MAX];
};

struct cw_intake_options {
    int dir;                          /* the folder, whose lock the caller holds; borrowed */
    struct cw_intake_source *sources; /* in the order of asking; borrowed, written to */
    size_t source_count;              /* 0: all files are fed */
    /* Called now and then with what came since the last time. May be NULL. */
    void (*progress)(void *ctx, uint64_t bytes, uint64_t files);
    /* A file that no source has (CW_E_NOTFOUND); told by cw_intake_finish(). */
    void (*missing)(void *ctx, const struct cw_intake_file *file);
    void *ctx;
};

struct cw_intake_result {
    uint64_t files, bytes; /* now under their final names */
    uint64_t carried;      /* bytes that the sources sent or the caller fed for them */
};

struct cw_intake;

int cw_intake_open(struct cw_intake **intake, const struct cw_intake_options *options, struct cw_err *err);
/* Drops what is under way; what is finished stays in the inbox. Harmless on NULL. */
void cw_intake_close(struct cw_intake *intake);
static inline void cw_intake_close_(struct cw_intake **intake)
{
    cw_intake_close(*intake);
}
#define CW_AUTO_INTAKE __attribute__((cleanup(cw_intake_close_))) struct cw_intake

/* Wants a file from the sources; receiving begins at once. The first failure of any file ends all, and may be told here. */
int cw_intake_add(struct cw_intake *intake, const struct cw_intake_file *file, struct cw_err *err);

/* Hands the file's bytes to the sink in order. What it returns is returned by cw_intake_feed(). */
typedef int cw_intake_giver(void *ctx, cw_http_sink *sink, void *sink_ctx, struct cw_err *err);
/* Takes a file that the caller reads from somewhere; hashing and writing go on while the next one is read. Not CW_OK from
 * `give`: this file is dropped, and the others are not affected. */
int cw_intake_feed(struct cw_intake *intake, const struct cw_intake_file *file, cw_intake_giver *give,
                   void *ctx, struct cw_err *err);

/* Waits until every file is under its name, durable, or cannot be had. On failure the files that are complete are too, and
 * parts stay for the next run; on success nothing stays in the inbox, and it is removed. CW_E_VERIFY: no source has the
 * right bytes; other errors as for cw_http_get(). Missing files are no failure. */
int cw_intake_finish(struct cw_intake *intake, struct cw_intake_result *result, struct cw_err *err);

#endif
