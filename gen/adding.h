/* SPDX-License-Identifier: ISC */
/*
 * One run of `add`: what its two halves share, and nobody else sees. gen/cmd_add.c takes files in; gen/add_known.c takes releases whose
 * files are brought by other means.
 */
#ifndef CW_GEN_ADDING_H
#define CW_GEN_ADDING_H

#include "gen/admit.h"
#include "gen/catalog_lines.h"
#include "gen/ingest.h"
#include "gen/keys.h"
#include "gen/repo.h"

struct cw_adding {
    const struct cw_cli *cli;
    struct cw_repo repo;
    struct cw_state state;
    struct cw_stage stage; /* grows in memory as releases are taken in */
    struct cw_keys keys;
    struct cw_unlock *unlock;    /* NULL: new keys stay plain, or none is needed */
    struct cw_catalog *catalogs; /* the documents; of JSON Lines only the path is set */
    size_t catalog_count;
    struct cw_mistakes mistakes;
    struct cw_progress progress;
    struct cw_ingest ingest;
    struct cw_taking *taking; /* whose files are being taken in; gen/cmd_add.c */
    bool changed;             /* something is new */
    json_t *new_keys;         /* array: names */
    json_t *folders;          /* array: of the tree, which get files */
    json_t *report;           /* array: what became of each release, of the first REPORT_MAX without --json */
    uint64_t releases;
};

/* Remembers that a release's product needs a build key, where it has none. */
int cw_adding_want_key(struct cw_adding *a, const struct cw_catalog_release *release, struct cw_err *err);
/* Says what became of a release: "new", "extended", "same". */
int cw_adding_report(struct cw_adding *a, const struct cw_catalog_release *release, const char *what,
                     size_t artifacts, struct cw_err *err);
/* The same by its manifest, which is staged unless it is what is known already. */
int cw_adding_remember(struct cw_adding *a, const struct cw_catalog_release *release,
                       const struct cw_known *known, json_t *doc, struct cw_err *err);

/* Judges a release whose hashes and lengths are all given, and puts it into the incoming folder in one go; nothing of it counts if a
 * mistake is found later. */
int cw_adding_take_known(struct cw_adding *a, const struct cw_catalog *catalog,
                         struct cw_catalog_release *release, struct cw_err *err);

#endif
