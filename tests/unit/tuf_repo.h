/* SPDX-License-Identifier: ISC */
/*
 * A TUF repository and a client's disk in memory, for tests: roles are bodies that a test changes as it
 * likes, publishing signs them and puts them where a server would have them, and a client is driven against
 * that.
 */
#ifndef TESTS_TUF_REPO_H
#define TESTS_TUF_REPO_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "tuf/update.h"
#include "tuf/write.h"

#define NOW INT64_C(1800000000) /* what the test's clock says unless it says otherwise */
#define DAY INT64_C(86400)

enum key {
    K_ROOT,
    K_ROOT2,
    K_TIMESTAMP,
    K_TIMESTAMP2,
    K_SNAPSHOT,
    K_SNAPSHOT2,
    K_TARGETS,
    K_A,
    K_B,
    K_COUNT
};

struct files { /* name → bytes */
    struct {
        char name[300];
        char *bytes;
        size_t len;
    } list[300];
    size_t count;
};

void files_put(struct files *files, const char *name, const char *bytes, size_t len);
const char *files_get(const struct files *files, const char *name, size_t *len); /* NULL: not there */
void files_remove(struct files *files, const char *name);
void files_clear(struct files *files);

struct body {
    char role[64];
    json_t *signed_;
    enum key signers[4];
    size_t signer_count;
};

struct repo {
    struct cw_secret *secrets[K_COUNT];
    struct body bodies[48]; /* root, timestamp, snapshot, targets, then delegated ones */
    size_t count;
    bool consistent;
    bool hashes; /* snapshot and timestamp state lengths and hashes */
    struct files files;
};

/* Root, timestamp, snapshot and an empty targets file, each in version 1 and signed by one key; not yet
 * published. */
void repo_init(struct repo *repo);
void repo_clear(struct repo *repo);
json_t *repo_body(struct repo *repo, const char *role); /* borrowed */
struct body *repo_role(struct repo *repo, const char *role);
void repo_signers(struct repo *repo, const char *role, size_t count, ...);
const unsigned char *repo_key(const struct repo *repo, enum key key);
void repo_set_version(struct repo *repo, const char *role, int64_t version);
int64_t repo_version(struct repo *repo, const char *role);
void repo_set_expires(struct repo *repo, const char *role, int64_t expires);
/* Adds a role signed by `key` and delegates to it from `delegator`. */
void repo_delegate(struct repo *repo, const char *delegator, const char *role, const char *pattern,
                   enum key key, bool terminating);
/* Adds a target whose content is its path. */
void repo_add_target(struct repo *repo, const char *role, const char *path);
/* Signs a role and puts it among the files. */
void repo_publish_role(struct repo *repo, const char *role);
/* One more version of these roles (NULL ends the list), of snapshot and of timestamp, all published. */
void repo_publish(struct repo *repo, ...) __attribute__((sentinel));
/* The next root, from what the root's body says by now. */
void repo_publish_root(struct repo *repo);

struct client {
    struct files disk;
    char requests[8192]; /* "2.root.json timestamp.json …" */
    size_t fetches;
    struct cw_tuf_params params;
    struct cw_tuf_update *update;
    struct cw_err err;
};

/* Trusts the repository's root as it is now. */
void client_init(struct client *client, const struct repo *repo);
void client_clear(struct client *client);
/* A run from the trusted copies to DONE; an earlier run's state is dropped. */
int client_refresh(struct client *client, const struct repo *repo);
/* A search in the current run. */
int client_find(struct client *client, const struct repo *repo, const char *path, const char **role);

/* What a test gets as its state. */
struct world {
    struct repo repo;
    struct client client;
};

int world_setup(void **state); /* an initial repository */
int world_teardown(void **state);

#endif
