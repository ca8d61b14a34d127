/* SPDX-License-Identifier: ISC */
/*
 * The texts that are compiled in; see render/templates.h. Makefile.am makes the file included here.
 */
#include "render/templates.h"

#include "render/templates.inc"
