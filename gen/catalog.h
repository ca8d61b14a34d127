/* SPDX-License-Identifier: ISC */
/*
 * The catalog: what to publish, as a build writes it. Reading one checks all that the document and a look at
 * its files can tell, and collects every mistake; what the repository knows (which versions exist, which
 * names are taken) is checked by `add`.
 *
 * {"format": "1.0", "products": [{"name", "releases": [{"version", "severity"?, "notes"? | "notes-file"?,
 *   "requires"?, "features"?, "sbom"?,
 *   "builds": [{"platform", "files": [{"file", "kind"?, "name"?, "sha256"?, "length"?}]}]}]}]}
 * Paths are relative to the catalog's folder.
 *
 * For very many releases the same as JSON Lines: one release on each line, its "product" beside its "version". It is read line by
 * line (gen/catalog_lines.h), each as a catalog of one release.
 *
 * Where files are brought by other means (`add --no-files`) none is looked at: "file" may be missing, "name", "sha256" and "length"
 * may not, and "sbom" is an object of those three.
 */
#ifndef CW_GEN_CATALOG_H
#define CW_GEN_CATALOG_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "codec/pack.h"
#include "crypt/hash.h"
#include "gen/fields.h"
#include "gen/names.h"

#define CW_CATALOG_MAX ((size_t)1 << 20) /* bytes: held in memory whole, ten times that as a tree */
/* Bytes of one release's notes: they travel in every release manifest. */
#define CW_CATALOG_NOTES_MAX ((size_t)64 << 10)

struct cw_catalog_file {
    char *source;     /* path to open, with the catalog's folder before it where relative; NULL: none */
    const char *name; /* file name in the tree; borrowed from doc, text or source */
    const char *platform, *kind; /* kind NULL: the SBOM */
    const char *sha256;          /* what the catalog says; NULL: nothing */
    /* Other digests that are given: lower-case hex, or NULL; [CW_SHA256] is not used. */
    const char *sums[CW_HASH_KINDS];
    uint64_t size; /* as it was when the catalog was read, or as it says */
    char field[CW_FIELDS_PATH_MAX];
    bool folder; /* source is a folder, to be packed; size is what its files hold */
    enum cw_pack_filter filter;
    int64_t time;            /* of all members */
    struct cw_pack_sum look; /* what was seen when it was looked at */
};

struct cw_catalog_release {
    const char *product, *version;
    json_t *head; /* owned: severity, notes, requires, features as the release manifest says them */
    struct cw_catalog_file *files;
    size_t file_count, file_room;
    struct cw_names names; /* of files, each with its number */
    char field[CW_FIELDS_PATH_MAX];
};

struct cw_catalog {
    const char *path;   /* borrowed, for messages */
    unsigned line;      /* of a release in JSON Lines; 0: a document */
    struct cw_buf text; /* for the lines of mistakes; empty when it was no JSON */
    json_t *doc;        /* what texts are borrowed from */
    struct cw_catalog_release *releases;
    size_t release_count, release_room;
};

/* CW_E_VERIFY when the file is no JSON document or has mistakes (which are then in the list); other errors as
 * they come. */
int cw_catalog_read(struct cw_catalog *catalog, const char *path, bool no_files, struct cw_mistakes *mistakes,
                    struct cw_err *err);
void cw_catalog_clear(struct cw_catalog *catalog);

/* The line on which a field stands; 0 where lines cannot be told. */
unsigned cw_catalog_line(const struct cw_catalog *catalog, const char *field);
/* Adds a mistake at a field of this catalog. */
void cw_catalog_mistake(const struct cw_catalog *catalog, struct cw_mistakes *mistakes, const char *field,
                        const char *what);

#endif
