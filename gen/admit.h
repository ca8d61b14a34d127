/* SPDX-License-Identifier: ISC */
/*
 * What the repository makes of a catalog's release: new, more platforms for one that is staged, nothing new,
 * or refused. A version that was published never changes. Only names of files are looked at here, never what is in them.
 */
#ifndef CW_GEN_ADMIT_H
#define CW_GEN_ADMIT_H

#include "gen/catalog.h"
#include "gen/stage.h"
#include "gen/state.h"

/* What is known of a release's version. */
struct cw_known {
    json_t *doc; /* its manifest: staged, or published; NULL: the version is new. Owned */
    struct cw_names
        files; /* paths of its artifacts, each with its number, and of its SBOM, the number behind */
    bool published;
};

/* Takes doc over, also on failure. */
int cw_known_set(struct cw_known *known, json_t *doc, bool published, struct cw_err *err);
void cw_known_clear(struct cw_known *known);

/* Looks the version up. */
int cw_admit_known(struct cw_known *known, const struct cw_catalog_release *release,
                   const struct cw_state *state, const struct cw_stage *stage, struct cw_err *err);

/* Notes everything for which this release cannot be added: names that clash with others of the repository, a
 * published version that would change, a staged one that would contradict itself. */
int cw_admit_check(const struct cw_catalog *catalog, const struct cw_catalog_release *release,
                   const struct cw_known *known, const struct cw_state *state, const struct cw_stage *stage,
                   struct cw_mistakes *mistakes, struct cw_err *err);

/* The sha256 that is known for a file of the release, or NULL. Borrowed from known or the catalog. */
const char *cw_admit_expected(const struct cw_known *known, const char *target,
                              const struct cw_catalog_file *file);

/* A release manifest that says what is known so far: known->doc, or a new one without artifacts. The caller
 * owns *doc. */
int cw_admit_start(json_t **doc, const struct cw_known *known, const struct cw_catalog_release *release,
                   struct cw_err *err);
/* The text of a new version's whole manifest whose files' hashes are all known, as cw_json_format() would write what cw_admit_start()
 * and cw_admit_file() make, in one pass. Sorts the release's files. */
int cw_admit_text(struct cw_buf *text, struct cw_catalog_release *release, struct cw_err *err);
/* Says that a file is part of it; one that is there already stays as it is. For documents that were begun here or staged before, whose
 * artifacts are sorted. */
int cw_admit_file(json_t *doc, const struct cw_catalog_file *file, const char *target, const char *sha256,
                  uint64_t length, struct cw_err *err);

#endif
