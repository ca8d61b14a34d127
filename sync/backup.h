/* SPDX-License-Identifier: ISC */
/*
 * What a backup of a site is: a tar of its folder without mirrors and lock, with two files more.
 *
 *   backup.json    {"_type": "causeway-backup", "format": "1.0", "site", "time"}
 *   running.json   the record of the generation that ran (sync/deploy/store.h), where one did
 *
 * It holds the site's secret key, so it is as secret as the site's keys/ are; unless it is encrypted, as a whole, by a
 * passphrase (crypt/locked.h).
 */
#ifndef CW_SYNC_BACKUP_H
#define CW_SYNC_BACKUP_H

#define CW_BACKUP_TYPE "causeway-backup"
#define CW_BACKUP_ABOUT "backup.json"
#define CW_BACKUP_RUNNING "running.json"
/* A site's folder without mirrors: history, plans and receipts of decades. */
#define CW_BACKUP_BYTES_MAX (UINT64_C(16) << 30)
#define CW_BACKUP_ENTRIES_MAX UINT64_C(1000000)

#endif
