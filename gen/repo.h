/* SPDX-License-Identifier: ISC */
/*
 * The publisher's repository as a folder: found, opened, locked, and cleaned of what a killed run left.
 *
 *     causeway.json                  gen/config.h
 *     keys/<name>.key, <name>.pub    gen/keys.h
 *     staged/                        what the next publish adds: gen/stage.h
 *     ceremony/                      what waits for signatures: gen/ceremony.h
 *     tree/                          what is published: the web root
 *     lock                           held by whoever writes
 */
#ifndef CW_GEN_REPO_H
#define CW_GEN_REPO_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "cli/cli.h"
#include "gen/config.h"

#define CW_REPO_TREE "tree"
#define CW_REPO_KEYS "keys"
#define CW_REPO_STAGED "staged"
#define CW_REPO_LOCK "lock"

struct cw_repo {
    int dir, tree; /* open folders */
    int lock;      /* -1: opened for reading */
    struct cw_config config;
};

#define CW_REPO_INIT                                                                                         \
    {                                                                                                        \
        .dir = -1, .tree = -1, .lock = -1                                                                    \
    }

/* With write, waits for nobody: another writer is CW_E_TEMP. Temporary files of killed runs are then
 * removed. */
int cw_repo_open(struct cw_repo *repo, const struct cw_cli *cli, bool write, struct cw_err *err);
void cw_repo_close(struct cw_repo *repo);
#define CW_AUTO_REPO __attribute__((cleanup(cw_repo_close))) struct cw_repo

/* Before files are written to folders of the tree (array of paths beneath it): remembers which, so that the
 * next writer can clean them if this one is killed, without walking the whole tree. Ends with
 * cw_repo_forget_folders(). */
int cw_repo_note_folders(const struct cw_repo *repo, const json_t *folders, struct cw_err *err);
int cw_repo_forget_folders(const struct cw_repo *repo, struct cw_err *err);

#endif
