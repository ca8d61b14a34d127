/* SPDX-License-Identifier: ISC */
/*
 * A site's folder: where things lie in it, its configuration (site.lua, evaluated in the jail), its lock.
 *
 *   site.lua policy.lua lock history.jsonl holds.json journal.json last-generation.json scans.json plans/<id>.json
 *   approvals/<any>.json
 *   upstreams/<name>/trust/<role>.json           newest trusted metadata, as received, unversioned names; but what targets
 *                                                delegates to is in the mirror alone
 *   upstreams/<name>/trust/roots/<n>.root.json   every root ever trusted, as received
 *   upstreams/<name>/memory.json                 what has entered, and what came before: mirror/memory.h
 *   upstreams/<name>/sources.json                which web servers failed lately: mirror/web.h
 *   upstreams/<name>/mirror/                     a tree
 */
#ifndef CW_SYNC_SITE_H
#define CW_SYNC_SITE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "cli/cli.h"
#include "crypt/hash.h"
#include "fs/root.h"
#include "http/http.h"
#include "tree/set.h"

#define CW_SITE_MARKER "site.lua"
#define CW_SITE_POLICY "policy.lua"
#define CW_SITE_LOCK "lock"
#define CW_UPSTREAMS_MAX 64
#define CW_SOURCES_MAX 32
#define CW_KEEP_VERSIONS 2 /* what runs and what ran before */
#define CW_KEEP_VERSIONS_MAX 1000
#define CW_SITE_CONFIG_MAX                                                                                   \
    ((size_t)16 << 20)          /* bytes of its canonical form: what a script may give back, escaped */
#define CW_APPROVER_KEYS_MAX 64 /* of all approvers; each is tried on each signature of an approval */

enum cw_source_kind { CW_SOURCE_HTTP, CW_SOURCE_FOLDER, CW_SOURCE_REMOVABLE };

struct cw_source_spec {
    enum cw_source_kind kind;
    const char *where;           /* URL, folder, or glob of folders (removable) */
    struct cw_http_options http; /* of a web server: authority, credentials, proxy; the rest is zero */
};

struct cw_upstream { /* texts borrowed from the site's config */
    const char *name;
    const char *channel;
    struct cw_source_spec sources[CW_SOURCES_MAX];
    size_t source_count;
    const char **products, **platforms; /* NULL-terminated, or NULL: all; the arrays are the site's */
    struct cw_set_wanted wanted;        /* the same two, as lib/tree takes them */
    int64_t grace_http, grace_folder,
        grace_removable;       /* seconds past expiry that metadata may enter; default 0 */
    const json_t *independent; /* array of product names declared independent; NULL: none */
};

#define CW_XATTR_PATTERNS_MAX 32

/* How releases are installed: site.lua's `install`. */
struct cw_install_options {
    const char *owner;    /* "user[:group]" that all belongs to; NULL: who applies */
    const json_t *owners; /* the archive's owner → "user[:group]", for exceptions; NULL: none */
    bool modes;           /* permissions are the archive's */
    bool set_id;          /* files may have set-uid and set-gid bits */
    const char *xattrs[CW_XATTR_PATTERNS_MAX + 1]; /* NULL-terminated */
};

struct cw_site {
    int fd;                             /* the site's folder */
    char *path;                         /* its absolute path */
    int lock;                           /* -1 when not taken */
    json_t *config;                     /* what site.lua returned, checked; owned */
    char config_sha256[CW_SHA256_TEXT]; /* of its canonical form: comments do not count */
    const char *name;
    const char *install_root; /* absolute; NULL: this site mirrors only */
    struct cw_install_options install;
    json_t *
        scan; /* {"action": as sync/deploy/action.h, with {file} in its words, "bad": [exit codes]}; owned; NULL:
                     nothing is scanned */
    int64_t keep_versions; /* of each product, when gc removes */
    /* seconds without anything new from an upstream after which people are told; 0: never */
    int64_t stale;
    const json_t *approvers;   /* {person: [files of public keys]}; NULL: none; owned by people */
    const json_t *groups;      /* {group: [persons]} */
    const json_t *break_glass; /* [persons] who together may pass over a hold or a gate of time */
    json_t *people;            /* the three, lists made uniform and groups resolved; owned */
    struct cw_upstream upstreams[CW_UPSTREAMS_MAX];
    size_t upstream_count;
};

#define CW_SITE_INIT                                                                                         \
    {                                                                                                        \
        .fd = -1, .lock = -1                                                                                 \
    }

/* Finds the folder (cw_cli_open_folder), takes the lock if asked (CW_E_TEMP when another run has it),
 * evaluates and checks site.lua. Mistakes in site.lua are CW_E_FAIL "site.lua: upstreams.acme: unknown field
 * 'chanel' (did you mean 'channel'?)". */
int cw_site_open(struct cw_site *site, const struct cw_cli *cli, bool lock, struct cw_err *err);
/* The same in a folder that is open already (for init); fd becomes the site's. */
int cw_site_open_at(struct cw_site *site, int fd, bool lock, struct cw_err *err);
void cw_site_close(struct cw_site *site); /* harmless on CW_SITE_INIT; also the scoped cleanup */
#define CW_AUTO_SITE __attribute__((cleanup(cw_site_close))) struct cw_site

/* Fills the site from what site.lua returned (site->config, owned already). Pure. */
int cw_site_configure(struct cw_site *site, struct cw_err *err);

/* The part of it that speaks of people: site_people.c. */
int cw_site_configure_people(struct cw_site *site, struct cw_err *err);
/* A list of persons' names, each of which stands in it once. */
bool cw_people_has(const json_t *persons, const char *name);
int cw_people_add(json_t *persons, const char *name, struct cw_err *err);

/* The upstream by name; NULL name: the only one, else CW_E_USAGE listing them. */
int cw_site_upstream(const struct cw_upstream **upstream, const struct cw_site *site, const char *name,
                     struct cw_err *err);

/* "upstreams/<name>/<rest>" into out (CW_PATH_MAX bytes). */
int cw_site_upstream_path(char out[CW_PATH_MAX], const struct cw_upstream *upstream, const char *rest,
                          struct cw_err *err);

#endif
