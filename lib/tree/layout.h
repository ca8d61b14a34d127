/* SPDX-License-Identifier: ISC */
/*
 * Where things lie in a tree: the one place that composes these names. All paths are relative to the tree's
 * root.
 *
 *     metadata/<n>.root.json  metadata/timestamp.json  metadata/<n>.<role>.json
 *     targets/<folder>/<sha256>.<file>       for the target path <folder>/<file> (consistent snapshot)
 *     deltas/<to-sha256>.json                which deltas there are to that file
 *     deltas/<to-sha256>/<from-sha256>.delta
 *     volume-<k>.json  SHA256SUMS            in a bundle
 */
#ifndef CW_TREE_LAYOUT_H
#define CW_TREE_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "crypt/hash.h"
#include "fs/root.h"
#include "tuf/meta.h"

#define CW_TREE_METADATA "metadata"
#define CW_TREE_TARGETS "targets"
#define CW_TREE_DELTAS "deltas"
#define CW_TREE_TIMESTAMP "metadata/timestamp.json"
/* Of a metadata file: what every JSON reader can hold exactly. */
#define CW_TREE_VERSION_MAX INT64_C(9007199254740991)

/* Each writes a NUL-terminated path into out (CW_PATH_MAX bytes); CW_E_VERIFY when it would not be a plain
 * relative path or too long. */
/* role is percent-encoded as needed; version 0: the unversioned name. */
int cw_tree_metadata_path(char out[CW_PATH_MAX], int64_t version, const char *role, struct cw_err *err);
int cw_tree_target_path(char out[CW_PATH_MAX], const char *target, const char *sha256, struct cw_err *err);
int cw_tree_channel_target(char out[CW_PATH_MAX], const char *channel,
                           struct cw_err *err); /* "channels/<c>/channel.json" */
int cw_tree_release_target(char out[CW_PATH_MAX], const char *product, const char *version,
                           struct cw_err *err);
int cw_tree_artifact_target(char out[CW_PATH_MAX], const char *product, const char *version, const char *file,
                            struct cw_err *err);

/* Both hashes are 64 lower-case hex digits, or CW_E_VERIFY. */
int cw_tree_hint_path(char out[CW_PATH_MAX], const char *to, struct cw_err *err);
int cw_tree_delta_path(char out[CW_PATH_MAX], const char *from, const char *to, struct cw_err *err);
#define CW_TREE_HINT_TYPE "causeway-deltas"

/* The way back. name is a file's name below metadata/: "7.gateway.json" gives 7 and "gateway",
 * "timestamp.json" 0 and "timestamp". The role's text is as the file name has it. False for anything else. */
bool cw_tree_split_metadata(const char *name, int64_t *version, char role[CW_TUF_NAME_MAX]);
/* path is a tree path below targets/ with the hash in its last part. False for anything else. */
bool cw_tree_split_target(const char *path, char target[CW_PATH_MAX], char sha256[CW_SHA256_TEXT]);
/* name is a path below deltas/, "<to>.json" or "<to>/<from>.delta": which file it leads to. */
bool cw_tree_split_delta(const char *name, char to[CW_SHA256_TEXT]);

/* The highest N for which metadata/N.root.json exists beneath dir; CW_E_NOTFOUND. */
int cw_tree_newest_root(int64_t *version, int dir, struct cw_err *err);

#endif
