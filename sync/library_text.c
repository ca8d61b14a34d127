/* SPDX-License-Identifier: ISC */
/*
 * The Lua libraries as text in the program. library.inc is made from lua/ when building: a line of Lua is a
 * line of it.
 */
#include "sync/library_text.h"

#include "sync/library.inc"
