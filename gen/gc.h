/* SPDX-License-Identifier: ISC */
/*
 * What of the tree may go. Two steps, which may be runs apart, each of them whole by itself:
 *
 * First releases leave: those that some channel had once and no kept serial has any more. The product's role is published without
 * their artifacts. Their release manifest stays signed, for good: it is the memory that the version exists, so that its number is
 * never used for other bytes. What no channel ever had is not judged: it may be promoted yet.
 *
 * Then files go that no valid metadata names: neither what is published now, nor an older snapshot that has not expired, which a
 * reader may have just fetched. So what left is removed by a later run, after the snapshot's life time.
 *
 * Kept in any case: all of root and targets, which say who could sign what and when; of a channel's role the files that name a kept
 * serial, which say who signed it; what is staged; unsigned pages. Deltas go with the file that
 * they lead to, not with the one they start from: a site may have that still. What nothing ever signed (a killed add, files on their
 * way) is the one thing that only the file's own time can tell the age of.
 *
 * All that is decided by is in the tree and signed; there is no journal, and a run that was killed is completed by the next.
 */
#ifndef CW_GEN_GC_H
#define CW_GEN_GC_H

#include <jansson.h>

#include "cli/cli.h"
#include "closure/reach.h"
#include "gen/stage.h"
#include "gen/state.h"

struct cw_gc {
    const struct cw_state *state; /* borrowed */
    const struct cw_stage *stage; /* borrowed */
    struct cw_retention retention;
    int64_t wall;                 /* the real time, for files' own */
    struct cw_progress *progress; /* borrowed: told of metadata that was looked at; NULL: nobody is */
    struct cw_reach reach;        /* files of the tree that stay */
    json_t *serials;              /* tree paths of the kept serials' channel manifests → true; owned */
    json_t *had;      /* "product@version" → true: kept serials have it, false: only others; owned */
    json_t *metadata; /* tree paths of metadata that a valid snapshot names → true; owned */
    json_t *leaving;  /* product → {target path: true} to be signed no more; owned */
    json_t *deltas;   /* hash that deltas lead to → true once a file that stays has it; owned */
    json_t *releases; /* [{"product", "version", "bytes"}] that leave; owned */
    json_t *files;    /* [{"path", "bytes", "why"}] to be removed; owned */
    uint64_t bytes;   /* of files */
};

int cw_gc_init(struct cw_gc *gc,
               struct cw_err *err); /* after the borrowed parts, retention and wall are set */
void cw_gc_clear(struct cw_gc *gc);

/* Judges channels and releases: fills serials, had, leaving, releases. */
int cw_gc_judge(struct cw_gc *gc, struct cw_err *err);
/* Bytes of metadata that cw_gc_find() will look at. */
uint64_t cw_gc_size(const struct cw_gc *gc);
/* Finds the files that nothing keeps: fills files. After cw_gc_judge(). */
int cw_gc_find(struct cw_gc *gc, struct cw_err *err);
/* Removes them from the tree, durable at the end. */
int cw_gc_remove(const struct cw_gc *gc, struct cw_err *err);

/* Does a product's role still sign the artifacts of its release? */
int cw_gc_is_whole(bool *whole, const struct cw_state *state, const struct cw_manifest *manifest,
                   struct cw_err *err);

#endif
