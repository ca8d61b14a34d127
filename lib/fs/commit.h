/* SPDX-License-Identifier: ISC */
/*
 * The one way a file comes to be under its final name: written to a temporary name in the same folder,
 * synced, renamed, folder synced. A power cut leaves the old file or the new one. Many files at once share
 * one syncfs. Nobody else calls rename(2).
 *
 * Temporary names begin with CW_TMP_PREFIX, which no portable name does; what a killed run left of them is
 * removed by cw_sweep() by whoever holds the folder's lock.
 */
#ifndef CW_FS_COMMIT_H
#define CW_FS_COMMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "fs/root.h"

#define CW_TMP_PREFIX ".tmp-"

/* A file being written. */
struct cw_out {
    int fd;                 /* -1 when not open */
    int parent;             /* the folder it lives in */
    char tmp[32];           /* "" while it has no name at all */
    char path[CW_PATH_MAX]; /* beneath the dir it was opened with; for messages */
    const char *name;       /* last part of path */
    bool linked;            /* tmp is a second name of a file */
};

#define CW_OUT_INIT                                                                                          \
    {                                                                                                        \
        .fd = -1, .parent = -1                                                                               \
    }

/* Starts a file that will be `path` beneath dir; missing folders are made. */
int cw_out_open(struct cw_out *out, int dir, const char *path, mode_t mode, struct cw_err *err);
/* The same without any name until it is committed, where the filesystem can do that: nobody who looks into
 * the folder, and no killed run, finds a part of a file there. Not for batches. */
int cw_out_open_unnamed(struct cw_out *out, int dir, const char *path, mode_t mode, struct cw_err *err);
/* Takes up a temporary file `tmp` that an earlier run left in the folder of `path`; out->fd reads it from its
 * start. For whoever holds the folder's lock and will check what is in it. */
int cw_out_adopt(struct cw_out *out, int dir, const char *path, const char *tmp, struct cw_err *err);
/* Takes a durable file of the same filesystem as content by giving it a second name, for many files that are moved to where they stay: who
 * changes the one changes the other. For batches. Where there are no such links: CW_E_FAIL, and the caller copies. */
int cw_out_open_link(struct cw_out *out, int dir, const char *path, int from_dir, const char *from,
                     struct cw_err *err);
int cw_out_write(struct cw_out *out, const void *data, size_t len, struct cw_err *err);
/* Lets it become another name in the same folder: for names that follow from the content, known once all is
 * written. */
int cw_out_set_name(struct cw_out *out, const char *name, struct cw_err *err);
/* Makes it durable under its name, replacing what was there. Discards it on failure. */
int cw_out_commit(struct cw_out *out, struct cw_err *err);
/* Removes it; harmless when nothing is open. Also the scoped cleanup. */
void cw_out_discard(struct cw_out *out);
#define CW_AUTO_OUT __attribute__((cleanup(cw_out_discard))) struct cw_out

/* Many files committed together: all data durable before the first rename. Descriptors are held for folders only, one for
 * each time that the folder changes. */
struct cw_batch_folder {
    int fd;
    dev_t dev;
    ino_t ino;
};
struct cw_batch_file { /* closed, under its temporary name */
    int folder;        /* its descriptor, which the batch has */
    char tmp[32];
    char *path; /* owned */
    bool linked;
};
struct cw_batch {
    struct cw_batch_file *files;
    size_t count, room;
    struct cw_batch_folder *folders;
    size_t folder_count, folder_room;
    int dir; /* borrowed: some folder of the filesystem */
};

/* What a batch holds at most before it is committed: each sync costs the same for few files as for many, ... */
#define CW_BATCH_FILES 2048  /* ... each file is some hundred bytes of memory, ... */
#define CW_BATCH_FOLDERS 512 /* ... and 1024 descriptors may be open. */

void cw_batch_init(struct cw_batch *batch, int dir);
/* Takes over a file whose content is complete; out is empty afterwards. */
int cw_batch_add(struct cw_batch *batch, struct cw_out *out, struct cw_err *err);
/* Time to commit it. */
bool cw_batch_is_full(const struct cw_batch *batch);
/* syncfs, renames in the order of adding, syncfs (or fsync of the folders where they are few). The batch is empty afterwards, also on failure. */
int cw_batch_commit(struct cw_batch *batch, struct cw_err *err);
/* Removes the temporary files. */
void cw_batch_clear(struct cw_batch *batch);
#define CW_AUTO_BATCH __attribute__((cleanup(cw_batch_clear))) struct cw_batch

/* A whole small file, durable. */
int cw_file_replace(int dir, const char *path, const void *data, size_t len, mode_t mode, struct cw_err *err);
/* A symbolic link, durable, replacing what was there in one step. */
int cw_link_replace(int dir, const char *path, const char *target, struct cw_err *err);
/* Appends to a file and syncs it; the file is made (and its folder synced) where missing. */
int cw_file_append(int dir, const char *path, const void *data, size_t len, mode_t mode, struct cw_err *err);

/* Moves a folder or file to a name that must be free, all content durable before (syncfs) and both folders
 * after. */
int cw_move_new(int dir, const char *from, const char *to, struct cw_err *err);

/* A whole small file that is neither synced nor put in place by a rename: for a folder whose content counts only once
 * cw_move_files() has moved it. */
int cw_file_write(int dir, const char *path, const void *data, size_t len, mode_t mode, struct cw_err *err);
/* Moves every file of the folder `from` into the folder `to` under its name, replacing what is there: all content durable before
 * the first is moved, all names after the last. Then removes `from`. A missing `from` is success: nothing was to be moved. */
int cw_move_files(int dir, const char *from, const char *to, struct cw_err *err);

/* Puts a file whose content is durable already under its name in another open folder, replacing what is there. Not
 * synced: who places many syncs the folder once. */
int cw_place_synced(int from_dir, const char *from, int to_dir, const char *to, struct cw_err *err);

/* Removes one file or link, durable. Nothing there is success. */
int cw_remove(int dir, const char *path, struct cw_err *err);
/* Removes a folder with all that is in it (made writable where needed, never through links), or a file. Not
 * synced: use it for what may come back. Nothing there is success. */
int cw_remove_tree(int dir, const char *path, struct cw_err *err);
/* Removes what starts with CW_TMP_PREFIX directly in the folder `path` ("" = dir). A missing folder is
 * fine. */
int cw_sweep(int dir, const char *path, struct cw_err *err);

/* All of the filesystem that dir is on becomes durable. */
int cw_sync_all(int dir, struct cw_err *err);

#endif
