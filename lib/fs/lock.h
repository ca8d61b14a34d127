/* SPDX-License-Identifier: ISC */
/*
 * One writer at a time in a repository or site: an flock(2) that the kernel drops when its holder dies.
 */
#ifndef CW_FS_LOCK_H
#define CW_FS_LOCK_H

#include "base/err.h"

/* Takes the lock file `name` directly in dir, making it where missing, and writes the own process id into it.
 * Held by another: CW_E_TEMP with that process's id in the text. The lock lives until *fd is closed. */
int cw_lock_take(int *fd, int dir, const char *name, struct cw_err *err);

/* Locks the open folder itself, for folders in which no lock file may lie; until dir is closed. `what` names
 * it in messages. Held by another: CW_E_TEMP. */
int cw_lock_folder(int dir, const char *what, struct cw_err *err);

#endif
