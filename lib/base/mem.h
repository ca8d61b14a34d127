/* SPDX-License-Identifier: ISC */
/*
 * Scoped cleanup for what the C library hands out, so that a function can leave early anywhere.
 */
#ifndef CW_BASE_MEM_H
#define CW_BASE_MEM_H

#include <stdlib.h>
#include <unistd.h>

static inline void cw_mem_free_(void *place)
{
    free(*(void **)place);
}

static inline void cw_fd_close_(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

#define CW_AUTO_FREE __attribute__((cleanup(cw_mem_free_)))
#define CW_AUTO_FD __attribute__((cleanup(cw_fd_close_)))

#define CW_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
