/* SPDX-License-Identifier: ISC */
/*
 * Metadata for the fuzzing of the client workflow, made from a few bytes of the input and truly signed. It is
 * written as canonical JSON straight away, by no code of the library's: that is fast, and it is a second
 * opinion.
 */
#ifndef CW_TESTS_FUZZ_MAKE_UPDATE_H
#define CW_TESTS_FUZZ_MAKE_UPDATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FUZZ_NOW INT64_C(1800000000)

/* What is left of the input. */
struct fuzz_input {
    const uint8_t *data;
    size_t left;
};

/* The next byte; 0 behind the end. */
uint8_t fuzz_take(struct fuzz_input *input);

/* What the client trusts already under an unversioned name ("timestamp.json"), so that metadata can name the
 * very same bytes. False: nothing. */
struct fuzz_trusted {
    bool (*find)(const void *ctx, const char *name, const void **bytes, size_t *len);
    const void *ctx;
};

/* A file for the role, asked for by that name. Borrowed until the next call. */
const char *fuzz_make(size_t *len, struct fuzz_input *input, const struct fuzz_trusted *trusted,
                      const char *role, const char *name);

#endif
