/* SPDX-License-Identifier: ISC */
/*
 * Memory for secrets: libsodium's (between guard pages, not swapped, not in core dumps, wiped when freed), and besides empty in any
 * child of fork(2), so that a confined child that reads foreign bytes has no key of its parent's, whenever it was started.
 */
#ifndef CW_CRYPT_GUARD_H
#define CW_CRYPT_GUARD_H

#include <stddef.h>

/* Bytes without alignment; sodium_free() frees them, in the process that made them. NULL: no memory, or none that can be kept from
 * children. */
void *cw_guarded_new(size_t size);

#endif
