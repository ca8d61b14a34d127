/* SPDX-License-Identifier: ISC */
/*
 * The first root of an upstream, and starting over with another.
 */
#include "sync/mirror/begin.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "codec/hex.h"
#include "fs/commit.h"
#include "sync/mirror/memory.h"
#include "sync/mirror/trust.h"
#include "tuf/meta.h"

static int read_fingerprint(char sha256[CW_SHA256_TEXT], const char *typed, struct cw_err *err)
{
    size_t len = 0;
    const char *p;

    for (p = typed; *p != '\0' && len < CW_SHA256_TEXT; p++) {
        if (!isspace((unsigned char)*p) && *p != ':')
            sha256[len++] = (char)tolower((unsigned char)*p);
    }
    if (len == CW_SHA256_TEXT - 1) {
        sha256[len] = '\0';
        if (cw_hex_is_sha256(sha256))
            return CW_OK;
    }
    return cw_err_set(err, CW_E_USAGE,
                      "'%s' is no fingerprint: it has 64 hexadecimal digits (spaces and colons do not count)",
                      typed);
}

static int check_root(int64_t *version, const void *bytes, size_t len, struct cw_err *err)
{
    struct cw_tuf_meta root = {.doc = NULL};
    struct cw_tuf_role role;
    int rc = cw_tuf_meta_parse(&root, CW_TUF_ROOT, bytes, len, err);

    if (rc == CW_OK)
        rc = cw_tuf_root_role(&role, &root, cw_tuf_type_name(CW_TUF_ROOT), err);
    if (rc == CW_OK)
        rc = cw_tuf_verify(&root, &role, err);
    if (rc == CW_OK)
        *version = root.version;
    cw_tuf_meta_clear(&root);
    return rc;
}

int cw_trust_check(int64_t *version, char sha256[CW_SHA256_TEXT], const void *bytes, size_t len,
                   const char *fingerprint, struct cw_err *err)
{
    char wanted[CW_SHA256_TEXT];
    int rc;

    if (fingerprint == NULL)
        return cw_err_set(err, CW_E_USAGE,
                          "--fingerprint is missing: it proves that the root is the publisher's, so learn it "
                          "by another way "
                          "than the file came: from the carry sheet, the publisher's page, or by telephone");
    rc = read_fingerprint(wanted, fingerprint, err);
    if (rc == CW_OK)
        rc = cw_sha256(sha256, bytes, len, err);
    if (rc != CW_OK)
        return rc;
    if (strcmp(wanted, sha256) != 0)
        return cw_err_set(
            err, CW_E_VERIFY,
            "fingerprint differs: expected %s, the file has %s; do not use this root until the publisher "
            "explains it",
            wanted, sha256);
    return check_root(version, bytes, len, err);
}

int cw_trust_compare(enum cw_trust_began *began, const struct cw_site *site,
                     const struct cw_upstream *upstream, int64_t version, const void *bytes, size_t len,
                     struct cw_err *err)
{
    CW_AUTO_BUF newest = CW_BUF_INIT(CW_TUF_ROOT_MAX);
    CW_AUTO_BUF same = CW_BUF_INIT(CW_TUF_ROOT_MAX);
    int rc = cw_trust_read_root(&newest, site, upstream, 0, err);

    *began = CW_TRUST_NEW;
    if (rc != CW_OK)
        return rc == CW_E_NOTFOUND ? CW_OK : rc;
    *began = CW_TRUST_REPLACED;
    rc = cw_trust_read_root(&same, site, upstream, version, err);
    if (rc == CW_OK && same.len == len && memcmp(cw_buf_text(&same), bytes, len) == 0)
        *began = CW_TRUST_SAME;
    return rc == CW_E_NOTFOUND ? CW_OK : rc;
}

/* The memory loses what names a set of the old roots; all of it when it shall be forgotten. */
static int cut_memory(const struct cw_site *site, const struct cw_upstream *upstream, bool forget,
                      struct cw_err *err)
{
    CW_AUTO_MEMORY memory = {.root = 0};
    char path[CW_PATH_MAX];
    int rc;

    if (forget) {
        rc = cw_site_upstream_path(path, upstream, "memory.json", err);
        return rc == CW_OK ? cw_remove(site->fd, path, err) : rc;
    }
    rc = cw_mirror_memory_load(&memory, site, upstream, err);
    if (rc != CW_OK || memory.timestamp == NULL)
        return rc;
    free(memory.timestamp);
    memory.timestamp = NULL;
    memory.root = 0;
    return cw_mirror_memory_commit(&memory, site, upstream, err);
}

static int remove_folder(const struct cw_site *site, const struct cw_upstream *upstream, const char *name,
                         struct cw_err *err)
{
    char path[CW_PATH_MAX];
    int rc = cw_site_upstream_path(path, upstream, name, err);

    return rc == CW_OK ? cw_remove_tree(site->fd, path, err) : rc;
}

int cw_trust_begin(const struct cw_site *site, const struct cw_upstream *upstream, int64_t version,
                   const void *bytes, size_t len, bool forget, struct cw_err *err)
{
    enum cw_trust_began began;
    int rc = cw_trust_compare(&began, site, upstream, version, bytes, len, err);

    if (rc == CW_OK && began == CW_TRUST_SAME && !forget)
        return CW_OK;
    if (rc == CW_OK && (began != CW_TRUST_NEW || forget)) {
        rc = cut_memory(site, upstream, forget, err);
        if (rc == CW_OK)
            rc = remove_folder(site, upstream, "mirror/metadata", err);
        if (rc == CW_OK)
            rc = remove_folder(site, upstream, "trust", err);
    }
    return rc == CW_OK ? cw_trust_store_root(site, upstream, version, bytes, len, err) : rc;
}
