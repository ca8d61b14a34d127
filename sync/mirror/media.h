/* SPDX-License-Identifier: ISC */
/*
 * What lies on the media that a person put in: trees, and volumes of bundles, alone or many in one folder, of one
 * bundle or of several. Part of pull.
 */
#ifndef CW_SYNC_MIRROR_MEDIA_H
#define CW_SYNC_MIRROR_MEDIA_H

#include "sync/site.h"

#define CW_MEDIA_MAX 2048 /* more than two bundles of the most volumes */

struct cw_medium_place {
    char *where;   /* a folder; owned */
    int64_t index; /* of the volume whose list lies there; 0: there is none */
    char *order;   /* when its bundle was made, and which it is; owned */
};

struct cw_media {
    struct cw_medium_place *places; /* older bundles first, volumes of one in order */
    size_t count;
};

/* Adds what is in the folder: each volume whose list lies in it, or in a folder "volume-<k>" of it; where there is
 * none, the folder itself. CW_E_NOTFOUND: no such folder. */
int cw_media_add(struct cw_media *media, const char *where, struct cw_err *err);
void cw_media_sort(struct cw_media *media);
void cw_media_clear(struct cw_media *media); /* harmless on a zeroed struct */
#define CW_AUTO_MEDIA __attribute__((cleanup(cw_media_clear))) struct cw_media

#endif
