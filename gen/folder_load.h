/* SPDX-License-Identifier: ISC */
/*
 * For the parts of loading a folder that was carried (gen/folder.c, gen/folder_bins.c), which share nothing else.
 */
#ifndef CW_GEN_FOLDER_LOAD_H
#define CW_GEN_FOLDER_LOAD_H

#include "gen/folder.h"

int cw_folder_read_meta(struct cw_tuf_meta *meta, const struct cw_folder *folder, const char *path,
                        enum cw_tuf_type type, struct cw_err *err);
/* The file of trusted/ that is of this role, whatever its version; NULL when there is none. Borrowed. */
const char *cw_folder_trusted_path(const struct cw_folder *folder, const char *role);
/* path is what an error is about. */
int cw_folder_verify(const struct cw_tuf_meta *meta, const struct cw_tuf_role *role, const char *path,
                     struct cw_err *err);

/* The products in force whose bins are to be signed and that are not themselves. */
int cw_folder_load_products(struct cw_folder *folder, struct cw_err *err);
/* Whose signatures a bin takes: its product's, as the new metadata says. */
int cw_folder_bin_need(struct cw_tuf_role *need, const struct cw_folder_role *role,
                       const struct cw_folder *folder, struct cw_err *err);
/* What is in force of a bin, verified, and that the new one follows it. */
int cw_folder_read_bin_before(struct cw_folder_role *role, const struct cw_folder *folder,
                              struct cw_err *err);

#endif
