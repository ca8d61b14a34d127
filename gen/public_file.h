/* SPDX-License-Identifier: ISC */
/*
 * Public halves of keys in files that a person names.
 */
#ifndef CW_GEN_PUBLIC_FILE_H
#define CW_GEN_PUBLIC_FILE_H

#include <jansson.h>

#include "base/err.h"

/* A public half in PEM or as TUF's key object; *object (new reference) stays NULL when the file holds a secret one. */
int cw_public_file_read(json_t **object, const char *path, struct cw_err *err);

#endif
