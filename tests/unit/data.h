/* SPDX-License-Identifier: ISC */
/*
 * Tables of cases in tests/data, as JSON: one object with an array "cases".
 */
#ifndef CW_TESTS_DATA_H
#define CW_TESTS_DATA_H

#include <jansson.h>

/* The table of that name ("canon" for tests/data/canon.json); the test fails when it cannot be read. The
 * caller owns it. */
json_t *data_load(const char *name);

/* A member of a case as text, the test failing without one. Borrowed. */
const char *data_text(const json_t *item, const char *key);
/* The bytes that a case gives as its "text", or as "hex" where they are no text of JSON. The caller frees
 * them. */
char *data_bytes(const json_t *item, size_t *len);

#define data_each(table, i, item) json_array_foreach (json_object_get(table, "cases"), i, item)

#endif
