/* SPDX-License-Identifier: ISC */
/*
 * Checking everything that lies in a tree or a bundle, file by file: going on after the first bad one, so
 * that one run names all that must be mended. What enters a site is decided by tree/set alone; this is for
 * people, before a carry and after a doubt.
 */
#ifndef CW_TREE_CHECK_H
#define CW_TREE_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "tree/read.h"
#include "tree/set.h"
#include "tree/volume.h"

enum cw_finding {
    CW_FINDING_BAD,     /* it is there, and wrong */
    CW_FINDING_MISSING, /* it should be there */
    CW_FINDING_ORPHAN,  /* nothing signed names it; not an error */
};

/* A file that holds. All borrowed. */
struct cw_held_file {
    const char *path, *sha256;
    uint64_t length;
    const struct cw_tuf_meta *meta; /* what a metadata file says; NULL: a target */
    const struct cw_tuf_role *role; /* who signed it, and how many had to; NULL: a target */
    const json_t *signed_by;        /* array of the keyids in it whose signatures hold; NULL: a target */
    bool superseded;                /* of the past: nothing that is in force names it */
};

struct cw_tree_check {
    /* What to check. */
    /* The trusted root's bytes; NULL: the tree's own 1.root.json, so that all but its beginning is proved. */
    const void *root;
    size_t root_len;
    int64_t now; /* what expiry is judged by; 0: it is not (a mirror's was judged when it entered) */
    /* A mirror or a bundle: role files and targets may be absent, unless `channel` needs them. */
    bool partial;
    bool names_only;                       /* metadata is checked, targets are only looked for */
    const struct cw_tree_overlay *overlay; /* of metadata files; NULL: none */
    /* Partial: this channel's set must be whole; NULL: whatever is there is checked. Not partial: every
     * channel's set must be. */
    const char *channel;
    const struct cw_set_wanted *wanted; /* the part of it that must be there; NULL: all */
    /* A bundle's list: what it says lies in packs is there. NULL: there is none. */
    const struct cw_volume *volume;
    bool volume_holds; /* cw_bundle_check() found it good: what lies in packs counts as checked, too */
    /* Called for each finding; path is a tree path, what says what is wrong (lower case, no full stop). May
     * be NULL. */
    void (*found)(void *ctx, enum cw_finding kind, const char *path, const char *what);
    /* Called behind that for each target that is bad or missing: what should be there; length -1: not known. May
     * be NULL. */
    void (*lacks)(void *ctx, const char *path, const char *sha256, int64_t length);
    /* Called for each file of metadata/ and targets/ that holds, in an order that depends on the tree alone.
     * May be NULL. */
    void (*held)(void *ctx, const struct cw_held_file *file);
    /* Called with bytes that were read since the last call; may be NULL. */
    void (*read)(void *ctx, uint64_t bytes);
    void *ctx;

    /* What was found. */
    uint64_t files, bytes; /* checked by hash or signature */
    uint64_t bad, missing, orphans;
    uint64_t older;          /* superseded metadata, channel manifests and their attestations, whole */
    uint64_t absent_roles;   /* partial: role files that the snapshot lists and the tree does not hold */
    uint64_t unsigned_files; /* pages and the like outside metadata/ and targets/ */
};

/* The tree beneath dir. Every file below metadata/ and targets/ is read. CW_E_VERIFY when something is bad,
 * CW_E_INCOMPLETE when something is only missing; the text counts, the findings name. Other codes: the check
 * itself could not be done. */
int cw_tree_check(struct cw_tree_check *check, int dir, struct cw_err *err);

/* How many bytes lie below targets/, for a progress bar; 0 where that cannot be told. */
uint64_t cw_tree_size(int dir);

/* The bundle beneath dir, as its own list tells it: volume list, SHA256SUMS, each file. Whether its tree is
 * genuine says cw_tree_check() with partial. Only found, read and ctx are looked at. */
int cw_bundle_check(struct cw_tree_check *check, int dir, struct cw_err *err);

/* For both: reports a finding (printf-like) and counts it. */
void cw_finding_add(struct cw_tree_check *check, enum cw_finding kind, const char *path, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* The same from a failed call. CW_E_NOMEM is not a finding and comes back; else CW_OK. */
int cw_finding_from(struct cw_tree_check *check, const char *path, struct cw_err *err);
/* CW_OK, or what the findings amount to. */
int cw_finding_sum(const struct cw_tree_check *check, struct cw_err *err);

#endif
