/* SPDX-License-Identifier: ISC */
/*
 * Memory for secrets; see crypt/guard.h.
 */
#include "crypt/guard.h"

#include <sodium.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* libsodium gives whole pages that hold nothing else. */
void *cw_guarded_new(size_t size)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    void *memory = sodium_malloc(size);
    uintptr_t from = (uintptr_t)memory / page * page,
              to = ((uintptr_t)memory + size + page - 1) / page * page;

    if (memory == NULL)
        return NULL;
    if (madvise((void *)from, to - from, MADV_WIPEONFORK) == 0 ||
        madvise((void *)from, to - from, MADV_DONTFORK) == 0)
        return memory;
    sodium_free(memory);
    return NULL;
}
