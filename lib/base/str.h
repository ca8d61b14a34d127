/* SPDX-License-Identifier: ISC */
/*
 * Small questions about strings that several modules ask.
 */
#ifndef CW_BASE_STR_H
#define CW_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool cw_str_starts(const char *text, const char *prefix);
bool cw_str_ends(const char *text, const char *suffix);

/* The text behind the last '/', or the whole text. Borrowed. */
const char *cw_str_basename(const char *path);

/* A decimal number without sign, space or leading zero, at most max. False leaves *value alone. */
bool cw_str_to_u64(const char *text, uint64_t max, uint64_t *value);

/* A number of bytes, as media are labelled: "700M", "16G" with powers of 1000, "16Gi" or "16GiB" with powers of 1024; K,
 * M, G and T, a 'B' behind them or not; no unit: bytes. At least 1. False leaves *bytes alone. */
bool cw_str_to_size(const char *text, uint64_t *bytes);

/* Formats into new memory; NULL when there is none. */
char *cw_str_format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* For qsort(3) of texts (const char *) without regard to case, so that names that one folder on a stick could not hold stand side by
 * side. */
int cw_str_compare_folded(const void *a, const void *b);

/* "1 file", "3 files", for messages: the plural adds an s. Gives "" or "s". */
const char *cw_str_plural(uint64_t n);

/* Bytes for people: "512 B", "3.4 MiB". out is at least 16 bytes. */
void cw_str_bytes(uint64_t n, char out[16]);

/* The length of the well-formed UTF-8 character at text (RFC 3629) if it is no control character; else 0,
 * also at the end. */
size_t cw_str_printable(const char *text);

/* A text for messages: what is no printable UTF-8 becomes \xNN, so that no name can steer a terminal. What does not
 * fit into size bytes is cut. */
void cw_str_visible(char *out, size_t size, const char *text);

/* The entry of a NULL-terminated list that a person most likely meant by `text` (at most two letters off), or
 * NULL. */
const char *cw_str_nearest(const char *text, const char *const *list);

/* A shell pattern that never crosses '/': '*', '?' and '[...]' as in fnmatch(3) with FNM_PATHNAME. */
bool cw_str_glob(const char *pattern, const char *text);

#endif
