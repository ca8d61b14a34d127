/* SPDX-License-Identifier: ISC */
/*
 * What a file's name tells: for which platform it is, what kind of artifact, and whether it only accompanies
 * others (checksums, signatures). For formats that do not say it themselves. Pure.
 */
#ifndef CW_GEN_FROM_GUESS_H
#define CW_GEN_FROM_GUESS_H

#include <stdbool.h>
#include <stddef.h>

#define CW_GUESS_MAX 64 /* bytes of "os-arch" with NUL: far more than any pair of words here has */

/* "linux-amd64" from gateway_1.0_Linux_x86_64.tar.gz, in Go's words. "any" when the name has neither an
 * operating system nor a processor. False when it has only one of the two, or two of one: then out has what was
 * found. */
bool cw_guess_platform(char out[CW_GUESS_MAX], const char *name);

/* A kind's name: "archive", "package", "firmware", "file". */
const char *cw_guess_kind(const char *name);

/* Why a file of this name is no artifact of its own: "a checksum file"; NULL when it is one. */
const char *cw_guess_companion(const char *name);

#endif
