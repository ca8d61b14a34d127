/* SPDX-License-Identifier: ISC */
/*
 * Hash bins in a folder that was carried: whose they are, what is in force of them; see gen/folder.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "gen/folder_load.h"
#include "tree/layout.h"
#include "tuf/bin.h"

static const struct cw_tuf_meta *carried_product(const struct cw_folder *folder, const char *product)
{
    size_t i;

    for (i = 0; i < folder->product_count; i++) {
        if (strcmp(folder->products[i].role, product) == 0)
            return &folder->products[i].meta;
    }
    return NULL;
}

static int load_product(struct cw_folder *folder, const char *product, struct cw_err *err)
{
    const char *path = cw_folder_trusted_path(folder, product);
    struct cw_folder_product *products, *added;
    struct cw_tuf_role keys;
    int rc = cw_tuf_delegation_named(&keys, &folder->targets, product, err);

    if (rc != CW_OK)
        return rc;
    if (path == NULL)
        return cw_err_set(err, CW_E_INCOMPLETE, "what is in force of role '%s' is missing", product);
    products = reallocarray(folder->products, folder->product_count + 1, sizeof *products);
    if (products == NULL)
        return cw_err_nomem(err);
    folder->products = products;
    added = &products[folder->product_count++];
    *added = (struct cw_folder_product){.role = product};
    rc = cw_folder_read_meta(&added->meta, folder, path, CW_TUF_TARGETS, err);
    return rc == CW_OK ? cw_folder_verify(&added->meta, &keys, path, err) : rc;
}

int cw_folder_load_products(struct cw_folder *folder, struct cw_err *err)
{
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < folder->count && rc == CW_OK; i += cw_folder_run(folder, i)) {
        const char *product = folder->roles[i].bin_of;

        if (product != NULL && carried_product(folder, product) == NULL &&
            cw_folder_find(folder, product) == NULL)
            rc = load_product(folder, product, err);
    }
    return rc;
}

/* A product's role, as it is to be signed and as it is in force; the same where only bins are to be signed. */
static int find_product(const struct cw_tuf_meta **next, const struct cw_tuf_meta **before,
                        const struct cw_folder *folder, const char *product, struct cw_err *err)
{
    const struct cw_folder_role *role;

    *next = *before = carried_product(folder, product);
    if (*next != NULL)
        return CW_OK;
    role = cw_folder_find(folder, product);
    if (role == NULL || role->bin_of != NULL)
        return cw_err_set(err, CW_E_VERIFY, "'%s' is no product", product);
    *next = &role->meta;
    *before = &role->before;
    return CW_OK;
}

static int bin_delegation(struct cw_tuf_role *keys, const struct cw_tuf_meta *product, const char *bin,
                          struct cw_err *err)
{
    const char *prefix;
    unsigned bits;
    size_t number;

    if (cw_bin_spec(&prefix, &bits, product) && cw_bin_number(&number, prefix, bits, bin))
        return cw_tuf_delegation_at(keys, product, number, err);
    return cw_err_set(err, CW_E_VERIFY, "role '%s' is no bin of the product that it is said to be of", bin);
}

int cw_folder_bin_need(struct cw_tuf_role *need, const struct cw_folder_role *role,
                       const struct cw_folder *folder, struct cw_err *err)
{
    const struct cw_tuf_meta *next, *before;
    int rc = find_product(&next, &before, folder, role->bin_of, err);

    return rc == CW_OK ? bin_delegation(need, next, role->role, err) : rc;
}

int cw_folder_read_bin_before(struct cw_folder_role *role, const struct cw_folder *folder, struct cw_err *err)
{
    const struct cw_tuf_meta *next, *before;
    char path[CW_PATH_MAX], trusted[CW_PATH_MAX];
    struct cw_tuf_role keys;
    bool split;
    int rc = find_product(&next, &before, folder, role->bin_of, err);

    if (rc != CW_OK)
        return rc;
    split = before->doc != NULL && cw_tuf_delegation_bins(before);
    if (split != (role->version > 1))
        return cw_err_set(err, CW_E_VERIFY, "role '%s' has version %lld, and the product %s", role->role,
                          (long long)role->version, split ? "has bins already" : "had no bins yet");
    if (!split)
        return CW_OK;
    rc = cw_tree_metadata_path(path, role->version - 1, role->role, err);
    if (rc != CW_OK)
        return rc;
    snprintf(trusted, sizeof trusted, "trusted/%s", path + strlen(CW_TREE_METADATA "/"));
    rc = cw_folder_read_meta(&role->before, folder, trusted, CW_TUF_TARGETS, err);
    if (rc == CW_OK)
        rc = bin_delegation(&keys, before, role->role, err);
    if (rc == CW_OK)
        rc = cw_folder_verify(&role->before, &keys, trusted, err);
    if (rc == CW_OK && role->before.version != role->version - 1)
        rc = cw_err_set(err, CW_E_VERIFY, "'%s' has version %lld", trusted, (long long)role->before.version);
    return rc;
}
