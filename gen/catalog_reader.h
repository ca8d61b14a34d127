/* SPDX-License-Identifier: ISC */
/*
 * What the two halves of reading a catalog share, and nobody else sees: gen/catalog.c reads products and
 * releases, gen/catalog_files.c their files.
 */
#ifndef CW_GEN_CATALOG_READER_H
#define CW_GEN_CATALOG_READER_H

#include "fs/root.h"
#include "gen/catalog.h"

struct cw_catalog_reader {
    struct cw_catalog *catalog;
    struct cw_fields fields;
    bool no_files; /* files are brought by other means: hashes and lengths are what the catalog says */
    char folder[CW_PATH_MAX]; /* of the catalog, with its '/'; "" is the working folder */
};

/* The folder of the catalog at `path`. */
int cw_catalog_set_folder(struct cw_catalog_reader *r, const char *path, struct cw_err *err);
/* A release with "version" and all that stands beside it but "product" and, for a head, "builds" and "sbom". Names that stand beside them are
 * taken for mistakes unless they are in known (NULL-terminated). */
struct cw_catalog_release *cw_catalog_read_head(struct cw_catalog_reader *r, const json_t *obj,
                                                const char *base, const char *product,
                                                const char *const *known);
/* The whole of it. */
void cw_catalog_read_release(struct cw_catalog_reader *r, const json_t *obj, const char *base,
                             const char *product, const char *const *known);
/* Forgets the releases, keeps the room. */
void cw_catalog_forget(struct cw_catalog *catalog);
struct cw_catalog_file *cw_catalog_new_file(struct cw_catalog_reader *r, struct cw_catalog_release *release);
/* Notes the file's name. The number of an earlier file of the release that has it already, whatever the case, or CW_NAMES_NONE. */
size_t cw_catalog_name(struct cw_catalog_reader *r, struct cw_catalog_release *release,
                       const struct cw_catalog_file *file);
/* A new release, its head still empty; NULL without memory. */
struct cw_catalog_release *cw_catalog_new_release(struct cw_catalog_reader *r);
/* Sets a member of a release's head. Takes over value; NULL is for lack of memory. */
void cw_catalog_set(struct cw_catalog_reader *r, json_t *obj, const char *key, json_t *value);
/* The release's notes from a file that is named as such at base."notes-file". */
void cw_catalog_read_notes_file(struct cw_catalog_reader *r, struct cw_catalog_release *release,
                                const char *base, const char *file);

/* Room for one more item of a list. */
bool cw_catalog_grow(struct cw_catalog_reader *r, void **items, size_t *room, size_t count, size_t size);

/* The path to open for what a catalog calls `file`; the caller frees it. */
char *cw_catalog_source_path(struct cw_catalog_reader *r, const char *file);
/* A look at a file before anything is read, so that all that are missing are named at once. */
bool cw_catalog_look(struct cw_catalog_reader *r, const char *field, const char *path, uint64_t *size);

void cw_catalog_read_build(struct cw_catalog_reader *r, struct cw_catalog_release *release, const json_t *obj,
                           const char *base);
void cw_catalog_read_sbom(struct cw_catalog_reader *r, struct cw_catalog_release *release, const json_t *obj,
                          const char *base);

#endif
