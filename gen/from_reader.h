/* SPDX-License-Identifier: ISC */
/*
 * What the readers of --from share, and nobody else sees: each walks its format and hands over the release's
 * head and one item after the other; gen/from_take.c makes the catalog of them.
 */
#ifndef CW_GEN_FROM_READER_H
#define CW_GEN_FROM_READER_H

#include "gen/catalog_reader.h"
#include "gen/from.h"

struct cw_from_reader {
    struct cw_catalog_reader base;
    struct cw_from *from;
    struct cw_catalog_release *release;
    char files[CW_PATH_MAX]; /* the folder of all files, with its '/'; "" is the working folder */
    size_t seen, left_out;
    bool used[3][CW_CLI_LIST_MAX]; /* which of --platform, --kind, --name meant something */
};

struct cw_from_head {
    const char *product, *version, *notes;                   /* NULL: the format does not say */
    const char *product_field, *version_field, *notes_field; /* where they stand */
};

struct cw_from_item {
    const char *name;                /* what it is called */
    const char *path;                /* beneath the files' folder */
    const char *platform, *kind;     /* NULL: as the name tells */
    const char *sums[CW_HASH_KINDS]; /* NULL: not said */
    const char *other_sum;           /* the kind of a checksum that nothing here can compare; NULL: none */
    const char *left_out;            /* why it is no artifact, unless --include says so; NULL: it is one */
    bool sbom, has_size;
    uint64_t size;
    char field[CW_FIELDS_PATH_MAX];
};

/* Begins the release; false: impossible, for lack of memory. */
bool cw_from_begin(struct cw_from_reader *r, const struct cw_from_head *head);
void cw_from_take(struct cw_from_reader *r, const struct cw_from_item *item);
/* What can be said only when all items were taken. */
void cw_from_end(struct cw_from_reader *r);

/* A text that lives as long as the catalog; NULL when memory is out. */
const char *cw_from_keep(struct cw_from_reader *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* A mistake of the command line: option is "--product". */
void cw_from_option_wrong(struct cw_from_reader *r, const char *option, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* What --platform (0), --kind (1) or --name (2) says for an artifact; NULL: nothing. */
enum cw_from_list { CW_FROM_PLATFORM, CW_FROM_KIND, CW_FROM_NAME };
const char *cw_from_option(struct cw_from_reader *r, enum cw_from_list which,
                           const struct cw_from_item *item);
/* A path of the document beneath the files' folder, or NULL and a mistake. */
const char *cw_from_path(struct cw_from_reader *r, const char *path, const char *field);
/* What the item's bytes must hash to: hex digits in any case, of that kind unless a word before a colon names another
 * ("sha512:…"). Of a kind that enum cw_hash_kind does not have only that is kept, a wrong one is noted. */
void cw_from_sum(struct cw_from_reader *r, struct cw_from_item *item, enum cw_hash_kind kind,
                 const char *text);

/* Reads the file; and as one JSON document, an object, that lives as long as the catalog. *doc stays NULL when it
 * is none, which is noted. */
int cw_from_load(struct cw_from_reader *r, struct cw_buf *text, struct cw_err *err);
int cw_from_load_json(struct cw_from_reader *r, json_t **doc, struct cw_err *err);

int cw_from_build_info(struct cw_from_reader *r, struct cw_err *err);
int cw_from_dir(struct cw_from_reader *r, struct cw_err *err);
int cw_from_github(struct cw_from_reader *r, struct cw_err *err);
int cw_from_goreleaser(struct cw_from_reader *r, struct cw_err *err);
int cw_from_sums(struct cw_from_reader *r, struct cw_err *err);

#endif
