/* SPDX-License-Identifier: ISC */
/*
 * Reading JSON by one pass over its text, without a tree: for what comes by the million. It knows only plain texts: strings
 * without escapes, integers without sign. At anything else it says so, and the caller parses that piece with cw_json_parse(),
 * which also says what is wrong. So what is read here is a subset of what is read there, and means the same; but a member that
 * stands twice is for the caller to notice.
 */
#ifndef CW_CODEC_SCAN_H
#define CW_CODEC_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A piece of the text that is read; not terminated. */
struct cw_slice {
    const char *at;
    size_t len;
};

struct cw_scan {
    const char *p, *end;
    bool odd; /* something was met that is not plain; all calls fail from here on */
};

void cw_scan_init(struct cw_scan *scan, const char *text, size_t len);
/* Nothing but white space is left, and nothing was odd. */
bool cw_scan_is_done(struct cw_scan *scan);

/* Each takes one piece, white space before it passed over; false (and odd) where another thing stands there. */
bool cw_scan_open(struct cw_scan *scan, char bracket);
bool cw_scan_string(struct cw_scan *scan, struct cw_slice *out);
bool cw_scan_integer(struct cw_scan *scan, int64_t *out); /* 0 to 2^53-1 */
/* Passes over a value of any kind and depth. It must be well-formed for what follows to be found; that it is, is not checked.
 * out (may be NULL) gets its text. */
bool cw_scan_value(struct cw_scan *scan, struct cw_slice *out);

/* Behind cw_scan_open(): the next member's key or the next item, until the closing bracket, where it is false without odd.
 * `first` begins as true. */
bool cw_scan_member(struct cw_scan *scan, bool *first, struct cw_slice *key);
bool cw_scan_item(struct cw_scan *scan, bool *first);

bool cw_slice_is(struct cw_slice slice, const char *text);
bool cw_slice_equal(struct cw_slice a, struct cw_slice b);

#endif
