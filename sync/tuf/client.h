/* SPDX-License-Identifier: ISC */
/*
 * A TUF client with its trusted metadata in one plain folder: <role, percent-encoded>.json, byte for byte as received, each replaced
 * the moment its successor is verified. Beside them the folder holds nothing.
 */
#ifndef CW_SYNC_TUF_CLIENT_H
#define CW_SYNC_TUF_CLIENT_H

#include "base/mem.h"
#include "sync/tuf/remote.h"

struct cw_client {
    const char *folder; /* borrowed; for messages */
    int dir;            /* locked while it is open */
    struct cw_tuf_update *update;
};

#define CW_CLIENT_INIT                                                                                       \
    {                                                                                                        \
        .dir = -1                                                                                            \
    }
void cw_client_clear(struct cw_client *client);
#define CW_AUTO_CLIENT __attribute__((cleanup(cw_client_clear))) struct cw_client

/* Makes a root file, which must be signed by its own keys, the trusted root of the folder, which is made where missing. Other metadata
 * there stays: whether it still holds is found out by the next refresh. */
int cw_client_begin(const char *folder, const char *root_file, size_t root_max, struct cw_err *err);

/* The client workflow for the top-level roles (specification, section 5.2 to 5.6). folder is borrowed. Afterwards, also after a failure,
 * what is in the folder is what was verified. */
int cw_client_refresh(struct cw_client *client, const char *folder, struct cw_remote *remote,
                      const struct cw_tuf_params *params, struct cw_err *err);

/* After the refresh: brings the target into the folder `to` under its percent-encoded path as one name, unless that file is right already. The
 * folder never shows a part of a file; after a failure it is as before. *fetched may be NULL. CW_E_NOTFOUND: no role signs it. */
int cw_client_download(struct cw_client *client, struct cw_remote *remote, const char *path, int to,
                       bool *fetched, struct cw_err *err);

#endif
