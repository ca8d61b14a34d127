/* SPDX-License-Identifier: ISC */
/*
 * Where in site.lua a mistake stands. What the file returned has no lines any more, so they are looked for in its
 * text: the words on the way to the mistake, one behind the other, each as the name of a field.
 */
#ifndef CW_SYNC_SITE_LINE_H
#define CW_SYNC_SITE_LINE_H

#include <stddef.h>

/* The line (from 1) for a message of cw_site_configure(): "site.lua: upstreams.acme: unknown field 'chanel' …". 0: it
 * is not written as a plain name, but computed. Pure. */
unsigned cw_site_line(const char *text, size_t len, const char *message);

#endif
