/* SPDX-License-Identifier: ISC */
/*
 * A whole publisher in memory, for tests that read trees: keys, roles, files by their tree path. It writes
 * what it is told, lies included. Every failure of its own ends the test.
 */
#ifndef CW_TESTS_REPO_H
#define CW_TESTS_REPO_H

#include "unit.h"

#include <jansson.h>

#include "crypt/hash.h"
#include "crypt/sign.h"
#include "tree/set.h"

#define REPO_NOW INT64_C(1767312000)
#define REPO_EXPIRES INT64_C(1900000000)
#define REPO_ROLES 8
#define REPO_FILES 256

struct repo_role {
    const char *name;
    struct cw_secret *key;
    json_t *signed_;
};

struct repo_file {
    char *path, *data;
    size_t len;
};

struct repo_files {
    struct repo_file items[REPO_FILES];
    size_t count;
};

struct repo {
    struct cw_secret *root, *targets, *snapshot, *timestamp;
    struct repo_role roles[REPO_ROLES];
    size_t role_count;
    struct repo_files tree;    /* by tree path */
    struct repo_files trusted; /* what the client stored, by unversioned name */
    int64_t root_version, targets_version, snapshot_version, timestamp_version;
    char channel_sha256[CW_SHA256_TEXT]; /* of the last channel manifest */
};

void repo_init(struct repo *repo); /* roles gateway, plc and the channel stable, nothing published */
void repo_clear(struct repo *repo);

const struct repo_file *repo_file(const struct repo_files *files, const char *path); /* NULL: none */
void repo_put(struct repo_files *files, const char *path, const void *data, size_t len);
void repo_remove(struct repo_files *files, const char *path);

struct repo_role *repo_role(struct repo *repo, const char *name);
void repo_add_role(struct repo *repo, const char *name, const char *path);
/* Signs and stores a target with this content. sha256 (may be NULL) gets its hash. */
void repo_target(struct repo *repo, const char *role, const char *target, const char *content, char *sha256);
/* Only signs it. */
void repo_sign_target(struct repo *repo, const char *role, const char *target, int64_t length,
                      const char *sha256);
/* {"path", "length", "sha256", "platform", "kind"} of a target signed and stored by the product's role. */
json_t *repo_artifact(struct repo *repo, const char *product, const char *version, const char *file,
                      const char *platform);
/* A release manifest's body; takes over the artifacts. */
json_t *repo_manifest(const char *product, const char *version, json_t *artifacts);
/* Publishes a document as "<product>/<version>/release.json" of `role` and gives the pin for it; takes over
 * doc. */
json_t *repo_release(struct repo *repo, const char *role, const char *product, const char *version,
                     json_t *doc);
/* Publishes a channel manifest: releases (taken over) under a serial, following the last one made. extra (may
 * be NULL; taken over) is merged in. */
void repo_channel(struct repo *repo, const char *channel, int64_t serial, json_t *releases, json_t *extra);
/* Writes all metadata anew, under new versions. */
void repo_publish(struct repo *repo);
/* Root N+1, signed by the old root key, with a new snapshot and timestamp key: TUF's fast-forward
 * recovery. */
void repo_rotate_online(struct repo *repo);

/* Two products, the first of which requires the second, in the channel under serial 1; published. */
void repo_fill(struct repo *repo);
json_t *repo_gateway(struct repo *repo, const char *version); /* its manifest's body */
json_t *repo_plc(struct repo *repo, const char *version);

/* Everything in a folder, as a tree. */
void repo_write(const struct repo *repo, int dir);

void repo_source(struct cw_set_source *source, struct repo *repo);
/* A client's refresh, from root 1 (or the newest it stored). */
int repo_refresh(struct repo *repo, struct cw_tuf_update **update, struct cw_err *err);

#endif
