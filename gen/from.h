/* SPDX-License-Identifier: ISC */
/*
 * Builds as other tools describe them: a folder, SHA256SUMS, a release of GitHub, GoReleaser's and Artifactory's
 * documents. Each becomes the same struct cw_catalog that reading a catalog makes, so that everything behind it
 * is shared. Nothing is fetched; every file must lie beneath one folder.
 */
#ifndef CW_GEN_FROM_H
#define CW_GEN_FROM_H

#include <jansson.h>

#include "cli/cli.h"
#include "fs/root.h"
#include "gen/catalog.h"

/* Bytes of one document: a build-info names all dependencies too; ten times that in memory, for a moment. */
#define CW_FROM_TEXT_MAX ((size_t)8 << 20)

struct cw_from {        /* what the command line says */
    const char *format; /* NULL: a catalog */
    const char *product, *version, *severity, *notes_file, *sbom, *files, *compress;
    struct cw_cli_list platforms, kinds; /* "X", or "GLOB=X" for some artifacts */
    struct cw_cli_list names;            /* "OLD=NEW"; for a folder "NEW" */
    struct cw_cli_list includes, excludes;
    bool each;                  /* dir: each file is an artifact of its own */
    bool prerelease;            /* set by reading: it is not meant for everyone yet */
    char document[CW_PATH_MAX]; /* set by reading: what is read in a folder that was given */
    int repo;                   /* borrowed: the repository, which must not be packed itself */
    json_t *
        table; /* owned, set by reading: {"name", "platform", "kind", "size", "at", "checked", "not_compared"?: the kind of its
                   checksum} or {"name", "at", "left_out"} of each */
};

/* Rows of an option table that set a static struct cw_from. */
#define CW_FROM_OPTIONS(from)                                                                                \
    {CW_OPTION_STRING, "from", &(from).format, "FORMAT",                                                     \
     "take dir, sha256sums, github-release, goreleaser or build-info"},                                      \
        {CW_OPTION_STRING, "product", &(from).product, "NAME", "with --from: the product"},                  \
        {CW_OPTION_STRING, "version", &(from).version, "V", "with --from: the version"},                     \
        {CW_OPTION_LIST, "platform", &(from).platforms, "[GLOB=]P",                                          \
         "with --from: the platform of all, or of some"},                                                    \
        {CW_OPTION_LIST, "kind", &(from).kinds, "[GLOB=]K",                                                  \
         "with --from: file, archive, firmware or package"},                                                 \
        {CW_OPTION_LIST, "name", &(from).names, "OLD=NEW", "with --from: another name in the tree"},         \
        {CW_OPTION_STRING, "severity", &(from).severity, "S", "with --from: low, normal, high or critical"}, \
        {CW_OPTION_STRING, "notes-file", &(from).notes_file, "FILE", "with --from: what is new"},            \
        {CW_OPTION_STRING, "sbom", &(from).sbom, "FILE", "with --from: what the release is made of"},        \
        {CW_OPTION_STRING, "files", &(from).files, "DIR",                                                    \
         "with --from: where the files lie, if not beside"},                                                 \
        {CW_OPTION_LIST, "include", &(from).includes, "GLOB",                                                \
         "with --from: take also what would be left out"},                                                   \
        {CW_OPTION_LIST, "exclude", &(from).excludes, "GLOB", "with --from: leave these out"},               \
        {CW_OPTION_STRING, "compress", &(from).compress, "HOW", "with --from dir: none, gzip or zstd"},      \
    {                                                                                                        \
        CW_OPTION_FLAG, "each", &(from).each, NULL,                                                          \
            "with --from dir: each file is an artifact, nothing is packed"                                   \
    }

/* An option that goes with --from only, although there is none: its name, else NULL. */
const char *cw_from_stray(const struct cw_from *from);

/* Reads what lies at `path` in from->format. Errors as from cw_catalog_read(). */
int cw_from_read(struct cw_catalog *catalog, struct cw_from *from, const char *path,
                 struct cw_mistakes *mistakes, struct cw_err *err);
/* What a person should know of what was read: as warnings. */
void cw_from_warn(const struct cw_from *from, const struct cw_cli *cli);
/* In one line, for who does not look at the table. */
void cw_from_say_left_out(const struct cw_from *from, const struct cw_cli *cli);
/* The table for people, on standard output. */
void cw_from_say(const struct cw_from *from, const struct cw_cli *cli);
void cw_from_clear(struct cw_from *from);

#endif
