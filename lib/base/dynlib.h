/* SPDX-License-Identifier: ISC */
/*
 * Shared libraries that are loaded when they are first needed. libcurl and libarchive bring some forty others with
 * them, and loading those costs more than most commands do themselves; so the programs do not link the two. A file of
 * the module that owns such a library (lib/http/libcurl.c, lib/codec/libarchive.c) defines the library's own
 * functions, each of which calls the one that was loaded; all other code includes the library's header as ever.
 */
#ifndef CW_BASE_DYNLIB_H
#define CW_BASE_DYNLIB_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct cw_dynlib_symbol {
    const char *name;
    void *slot; /* the address of a pointer to a function of the symbol's type */
};

struct cw_dynlib {
    const char *soname;
    const struct cw_dynlib_symbol *symbols;
    size_t count;
    pthread_mutex_t lock;
    bool loaded;
};

#define CW_DYNLIB_INIT(name, table)                                                                          \
    {                                                                                                        \
        .soname = (name), .symbols = (table), .count = sizeof(table) / sizeof(*(table)),                     \
        .lock = PTHREAD_MUTEX_INITIALIZER                                                                    \
    }

/* Loads the library, once, and fills all slots, or none and fails, naming the library or the function that it
 * lacks. From any thread. It stays loaded. */
int cw_dynlib_load(struct cw_dynlib *lib, struct cw_err *err);

/* For the table and the functions: F(N, TYPE, NAME, PARAMETER-TYPES) for a function of N parameters, void for none. */
#define CW_DYNLIB_SLOT(n, type, name, ...) static __typeof__(name) *real_##name;
#define CW_DYNLIB_SYMBOL(n, type, name, ...) {#name, &real_##name},
#define CW_DYNLIB_FUNCTION(n, type, name, ...)                                                               \
    type name(CW_DYNLIB_PARAMETERS_##n(__VA_ARGS__))                                                         \
    {                                                                                                        \
        return real_##name(CW_DYNLIB_ARGUMENTS_##n);                                                         \
    }
#define CW_DYNLIB_PROCEDURE(n, type, name, ...)                                                              \
    type name(CW_DYNLIB_PARAMETERS_##n(__VA_ARGS__))                                                         \
    {                                                                                                        \
        real_##name(CW_DYNLIB_ARGUMENTS_##n);                                                                \
    }
#define CW_DYNLIB_PARAMETERS_0(none) none
#define CW_DYNLIB_PARAMETERS_1(A) A a
#define CW_DYNLIB_PARAMETERS_2(A, B) A a, B b
#define CW_DYNLIB_PARAMETERS_3(A, B, C) A a, B b, C c
#define CW_DYNLIB_PARAMETERS_4(A, B, C, D) A a, B b, C c, D d
#define CW_DYNLIB_PARAMETERS_5(A, B, C, D, E) A a, B b, C c, D d, E e
#define CW_DYNLIB_ARGUMENTS_0
#define CW_DYNLIB_ARGUMENTS_1 a
#define CW_DYNLIB_ARGUMENTS_2 a, b
#define CW_DYNLIB_ARGUMENTS_3 a, b, c
#define CW_DYNLIB_ARGUMENTS_4 a, b, c, d
#define CW_DYNLIB_ARGUMENTS_5 a, b, c, d, e

#endif
