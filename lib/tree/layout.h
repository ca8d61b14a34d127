/* SPDX-License-Identifier: ISC */
/*
 * Where things lie in a tree: the one place that composes these names. All paths are relative to the tree's root.
 *
 *     metadata/<n>.root.json  metadata/timestamp.json  metadata/<n>.<role>.json
 *     targets/<folder>/<sha256>.<file>       for the target path <folder>/<file> (consistent snapshot)
 *     volume-<k>.json  SHA256SUMS            in a bundle
 */
#ifndef CW_TREE_LAYOUT_H
#define CW_TREE_LAYOUT_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "fs/root.h"

#define CW_TREE_METADATA "metadata"
#define CW_TREE_TARGETS "targets"
#define CW_TREE_TIMESTAMP "metadata/timestamp.json"

/* Each writes a NUL-terminated path into out (CW_PATH_MAX bytes); CW_E_VERIFY when it would not be a plain relative path or too long. */
int cw_tree_metadata_path(char out[CW_PATH_MAX], int64_t version, const char *role, struct cw_err *err); /* role percent-encoded as needed */
int cw_tree_target_path(char out[CW_PATH_MAX], const char *target, const char *sha256, struct cw_err *err);
int cw_tree_channel_target(char out[CW_PATH_MAX], const char *channel, struct cw_err *err);              /* "channels/<c>/channel.json" */
int cw_tree_release_target(char out[CW_PATH_MAX], const char *product, const char *version, struct cw_err *err);
int cw_tree_artifact_target(char out[CW_PATH_MAX], const char *product, const char *version, const char *file, struct cw_err *err);

/* The highest N for which metadata/N.root.json exists beneath dir; CW_E_NOTFOUND. */
int cw_tree_newest_root(int64_t *version, int dir, struct cw_err *err);

#endif
