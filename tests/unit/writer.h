/* SPDX-License-Identifier: ISC */
/*
 * For tests of writers that make one kind of metadata without jansson's tree, and of what reads it: they must be what the general
 * writer and nothing else makes.
 */
#ifndef TESTS_WRITER_H
#define TESTS_WRITER_H

#include <jansson.h>

#include "base/buf.h"
#include "signer.h"

#define WRITER_SHA_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define WRITER_SHA_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define WRITER_VERSION 7
#define WRITER_EXPIRES INT64_C(1900000000)
#define WRITER_TEXT_MAX 100000

/* The general writer's file of a signed part, which it takes over; secret NULL: without a signature. */
json_t *writer_envelope(json_t *body, const struct cw_secret *secret);
/* Both are byte for byte what the general writer makes of the file: its signed part to be signed, and all of it to be written. */
void writer_is_alike(const struct cw_buf *canonical, const struct cw_buf *file, const json_t *doc);

/* Reads a text, looks into what was read, and lets go of it. */
typedef int writer_read_fn(const char *text, size_t len, const struct cw_tuf_role *role, struct cw_err *err);
/* The text of doc is refused by a stranger's role, cut short, and with any byte flipped, unless it is read as the same. */
void writer_is_guarded(const json_t *doc, writer_read_fn *read, const struct signer *signer);

#endif
