/* SPDX-License-Identifier: ISC */
/*
 * The file of one hash bin (TAP 15) as the publisher writes it: a targets file without delegations, read from its text and
 * written as text and canonical form in one pass each (tuf/plain.h). There are thousands of bins with a million targets in them.
 *
 * Only what cw_bin_format() writes is read here; clients read bins as any targets file.
 */
#ifndef CW_TUF_BIN_H
#define CW_TUF_BIN_H

#include "codec/scan.h"
#include "tuf/meta.h"

/* The number of bins that a publisher's product has: three hexadecimal digits each, which their names end in. */
#define CW_BIN_BITS_MIN 9
#define CW_BIN_BITS_MAX 12
#define CW_BIN_COUNT_MAX ((size_t)1 << CW_BIN_BITS_MAX)
#define CW_BIN_DIGITS 3

struct cw_bin_target {
    struct cw_slice path;
    const char *sha256; /* 64 digits, not terminated */
    int64_t length;
};

struct cw_bin { /* texts borrowed from what it was read from, or from whoever added them */
    int64_t version, expires;
    struct cw_bin_target *targets;
    size_t count, room;
};

void cw_bin_clear(struct cw_bin *bin);
#define CW_AUTO_BIN __attribute__((cleanup(cw_bin_clear))) struct cw_bin

/* Reads a file and verifies its signatures. CW_E_VERIFY. `text` must outlive the bin. */
int cw_bin_read(struct cw_bin *bin, const char *text, size_t len, const struct cw_tuf_role *role,
                struct cw_err *err);
/* Adds one target at the end; cw_bin_sort() makes it right. */
int cw_bin_add(struct cw_bin *bin, const struct cw_bin_target *target, struct cw_err *err);
/* Into the order of the file. A target that is there twice with the same content becomes one; with another content it is
 * CW_E_VERIFY: what was published never changes. */
int cw_bin_sort(struct cw_bin *bin, struct cw_err *err);
/* NULL: not there. The bin must be sorted. */
const struct cw_bin_target *cw_bin_find(const struct cw_bin *bin, const char *path);

/* Appends what is signed. */
int cw_bin_canon(struct cw_buf *buf, const struct cw_bin *bin, struct cw_err *err);
/* Appends the file, exactly as cw_json_format() would. signatures: [{"keyid", "sig"}]. */
int cw_bin_format(struct cw_buf *buf, const struct cw_bin *bin, const json_t *signatures, struct cw_err *err);

/* The bytes that one target takes in a file of cw_json_format()'s, so that a role's size is known before it is made. */
size_t cw_bin_target_size(size_t path_len, int64_t length);

/* The first 32 bits of the path's sha256, whose highest ones are the bin's number. */
int cw_bin_hash(uint32_t *hash, const char *path, size_t len, struct cw_err *err);
/* "<prefix>-<number>". */
void cw_bin_name(char name[CW_TUF_NAME_MAX], const char *prefix, size_t number);
/* The other way round; false when it is none of so many bins. */
bool cw_bin_number(size_t *number, const char *prefix, unsigned bits, const char *name);

/* Would a bin of that prefix have this name, whatever the case of its letters? Such names are taken. */
bool cw_bin_takes_name(const char *prefix, const char *name);

/* The prefix and number of bits of a role's bins; false when it has none, or others than a publisher makes. */
bool cw_bin_spec(const char **prefix, unsigned *bits, const struct cw_tuf_meta *targets);

#endif
