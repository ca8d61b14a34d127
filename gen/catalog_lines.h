/* SPDX-License-Identifier: ISC */
/*
 * A catalog as JSON Lines: one release on each line, read one after the other, so that a million files need no more memory than one
 * release. A line that is as builds write them is taken from its text in one pass; any other is parsed as a document, which also
 * finds what is wrong with it.
 */
#ifndef CW_GEN_CATALOG_LINES_H
#define CW_GEN_CATALOG_LINES_H

#include "gen/catalog_reader.h"

/* Bytes of one line: a release manifest of CW_MANIFEST_MAX says more of each file than its line. */
#define CW_CATALOG_LINE_MAX ((size_t)1 << 20)

struct cw_catalog_lines {
    struct cw_catalog catalog; /* the release of the line read last */
    struct cw_catalog_reader reader;
    int fd;
    struct cw_buf chunk; /* read and not yet looked at, from `at` on */
    size_t at;
    unsigned line;
    bool ended;
    uint64_t bytes; /* of the lines given so far */
    json_t *seen;   /* object: "product@version" → its line */
};

/* Is it JSON Lines? By its name (.jsonl, .ndjson), or because its first line is an object with a "product". */
int cw_catalog_is_lines(bool *lines, const char *path, struct cw_err *err);

int cw_catalog_lines_open(struct cw_catalog_lines *lines, const char *path, bool no_files,
                          struct cw_mistakes *mistakes, struct cw_err *err);
/* The next release without mistakes, good until the next call; NULL at the end. Mistakes of other lines are in the list. */
int cw_catalog_lines_next(const struct cw_catalog_release **release, struct cw_catalog_lines *lines,
                          struct cw_err *err);
void cw_catalog_lines_close(struct cw_catalog_lines *lines);

/* catalog_scan.c: takes a release from the text of a line, whose texts it ends in place. False: the line is to be parsed. */
bool cw_catalog_scan_line(struct cw_catalog_reader *r, char *text, size_t len);

#endif
