/* SPDX-License-Identifier: ISC */
/*
 * The published state beyond the roles themselves: which targets they sign, in their own file or in bins, and the small targets
 * that the publisher reads back.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "codec/hex.h"
#include "gen/repo.h"
#include "gen/state.h"
#include "tree/layout.h"

#define PEEK                                                                                                 \
    ((size_t)4096) /* bytes of a file's head; "expires" stands behind signatures and delegations, before targets */

/* The file of a role as the snapshot lists it. */
static int role_path(char path[CW_PATH_MAX], const struct cw_listed **said, const struct cw_state *state,
                     const char *role, struct cw_err *err)
{
    int rc = cw_listing_find(said, &state->snapshot, role, err);

    return rc == CW_OK ? cw_tree_metadata_path(path, (*said)->version, role, err) : rc;
}

int cw_state_bins(bool *split, struct cw_state_bins *bins, const struct cw_state *state,
                  const struct cw_state_role *role, struct cw_err *err)
{
    int rc = cw_state_meta(&bins->meta, state, role, err);

    *split = false;
    if (rc != CW_OK || !cw_tuf_delegation_bins(bins->meta))
        return rc;
    if (!cw_bin_spec(&bins->prefix, &bins->bits, bins->meta))
        return cw_err_set(err, CW_E_FAIL, "role '%s' has bins that this program would not make", role->name);
    *split = true;
    return CW_OK;
}

int cw_state_read_bin(struct cw_bin *bin, struct cw_buf *text, const struct cw_state *state,
                      const struct cw_state_bins *bins, size_t number, struct cw_err *err)
{
    const struct cw_listed *said;
    struct cw_tuf_role role;
    char path[CW_PATH_MAX];
    int rc = cw_tuf_delegation_at(&role, bins->meta, number, err);

    *bin = (struct cw_bin){.version = 0};
    if (rc != CW_OK)
        return rc;
    rc = role_path(path, &said, state, role.name, err);
    if (rc != CW_OK)
        return cw_err_prefix(err, "role '%s'", role.name);
    rc = cw_at_read_file(text, state->tree, path, err);
    if (rc == CW_OK)
        rc = cw_listed_check(said, cw_buf_text(text), text->len, err);
    if (rc == CW_OK)
        rc = cw_bin_read(bin, cw_buf_text(text), text->len, &role, err);
    if (rc == CW_OK && bin->version != said->version)
        rc = cw_err_set(err, CW_E_VERIFY, "has version %lld, expected %lld", (long long)bin->version,
                        (long long)said->version);
    if (rc == CW_E_NOTFOUND)
        rc = err->code = CW_E_INCOMPLETE;
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "'%s/%s'", CW_REPO_TREE, path);
}

static int not_signed(const struct cw_state_role *role, const char *target, struct cw_err *err)
{
    return cw_err_set(err, CW_E_NOTFOUND, "role '%s' signs no target '%s'", role->name, target);
}

static int find_in_bin(struct cw_state_target *found, const struct cw_state *state,
                       const struct cw_state_role *role, const struct cw_state_bins *bins, const char *target,
                       struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_TUF_TARGETS_MAX);
    CW_AUTO_BIN bin = {.count = 0};
    const struct cw_bin_target *entry = NULL;
    uint32_t hash;
    int rc = cw_bin_hash(&hash, target, strlen(target), err);

    if (rc == CW_OK)
        rc = cw_state_read_bin(&bin, &text, state, bins, hash >> (32 - bins->bits), err);
    if (rc == CW_OK)
        entry = cw_bin_find(&bin, target);
    if (rc != CW_OK)
        return rc;
    if (entry == NULL)
        return not_signed(role, target, err);
    found->length = entry->length;
    snprintf(found->sha256, sizeof found->sha256, "%.64s", entry->sha256);
    return CW_OK;
}

int cw_state_target(struct cw_state_target *found, const struct cw_state *state,
                    const struct cw_state_role *role, const char *target, struct cw_err *err)
{
    struct cw_state_bins bins;
    struct cw_tuf_file said;
    const char *sha256;
    bool split;
    int rc = cw_state_bins(&split, &bins, state, role, err);

    if (rc != CW_OK)
        return rc;
    if (split)
        return find_in_bin(found, state, role, &bins, target, err);
    rc = cw_tuf_target_file(&said, bins.meta, target, err);
    if (rc != CW_OK)
        return rc;
    sha256 = cw_tuf_file_sha256(&said);
    if (sha256 == NULL || !cw_hex_is_sha256(sha256))
        return cw_err_set(err, CW_E_VERIFY, "'%s': role '%s' states no sha256", target, role->name);
    found->length = said.length;
    memcpy(found->sha256, sha256, sizeof found->sha256);
    return CW_OK;
}

/* A version is published with its manifest, which lies in the version's folder. A role that is one file is as quickly asked itself. */
int cw_state_may_have(bool *maybe, const struct cw_state *state, const struct cw_state_role *role,
                      const char *version, struct cw_err *err)
{
    CW_AUTO_LIST DIR *stream = NULL;
    struct cw_state_bins bins;
    char path[CW_PATH_MAX];
    const char *name;
    bool split;
    int rc = cw_state_bins(&split, &bins, state, role, err);

    *maybe = !split;
    if (rc != CW_OK || *maybe)
        return rc;
    snprintf(path, sizeof path, "%s/%.255s/%.255s", CW_TREE_TARGETS, role->name, version);
    rc = cw_at_open_list(&stream, state->tree, path, err);
    if (rc == CW_E_NOTFOUND)
        return CW_OK;
    while (rc == CW_OK && !*maybe && (rc = cw_dir_next(&name, stream, path, err)) == CW_OK && name != NULL)
        *maybe = cw_str_ends(name, "." CW_MANIFEST_FILE);
    return rc;
}

/* Every bin of every split product is listed, so the list knows; only names of a bin's form are worth looking for. */
bool cw_state_is_bin(const struct cw_state *state, const char *name)
{
    size_t i, len = strlen(name);

    if (len <= CW_BIN_DIGITS + 1 || name[len - CW_BIN_DIGITS - 1] != '-' ||
        cw_state_role(state, name) != NULL)
        return false;
    for (i = 0; i < state->snapshot.count; i++) {
        char role[CW_TUF_NAME_MAX];

        if (state->snapshot.rows[i].file.len != len + strlen(".json"))
            continue;
        cw_listed_role(role, &state->snapshot.rows[i]);
        if (strcasecmp(role, name) == 0)
            return true;
    }
    return false;
}

/* "expires" of the head, where a file of ours has it. */
static bool find_expires(int64_t *expires, const char *head)
{
    static const char mark[] = "\"expires\": \"";
    const char *at = strstr(head, mark);
    char text[CW_TIME_TEXT];

    if (at == NULL)
        return false;
    snprintf(text, sizeof text, "%.*s", CW_TIME_TEXT - 1, at + sizeof mark - 1);
    return cw_time_parse(expires, text, NULL) == CW_OK;
}

int cw_state_peek(struct cw_tuf_meta *meta, bool *split, const struct cw_state *state, const char *role,
                  struct cw_err *err)
{
    char path[CW_PATH_MAX], head[PEEK + 1];
    const struct cw_listed *said;
    CW_AUTO_FD int fd = -1;
    ssize_t got = 0;
    int rc = role_path(path, &said, state, role, err);

    *meta = (struct cw_tuf_meta){.type = CW_TUF_TARGETS};
    if (rc == CW_OK)
        rc = cw_at_open_file(&fd, state->tree, path, err);
    if (rc == CW_OK && (got = cw_fd_read(fd, head, PEEK)) < 0)
        rc = cw_err_errno(err, errno, "unable to read '%s/%s'", CW_REPO_TREE, path);
    if (rc == CW_E_NOTFOUND)
        rc = err->code = CW_E_INCOMPLETE;
    if (rc != CW_OK)
        return cw_err_prefix(err, "role '%s'", role);
    head[got > 0 ? got : 0] = '\0';
    meta->version = said->version;
    if (split != NULL)
        *split = strstr(head, "\"succinct_roles\": {") != NULL;
    if (!find_expires(&meta->expires, head))
        return cw_err_set(err, CW_E_VERIFY, "'%s/%s' is not written as Causeway writes it", CW_REPO_TREE,
                          path);
    return CW_OK;
}

/* The bytes of a target that a role signs. */
static int read_target(struct cw_buf *bytes, char sha256[CW_SHA256_TEXT], const struct cw_state *state,
                       const struct cw_state_role *role, const char *target, struct cw_err *err)
{
    struct cw_state_target said;
    char path[CW_PATH_MAX];
    int rc = cw_state_target(&said, state, role, target, err);

    if (rc != CW_OK)
        return rc;
    rc = cw_tree_target_path(path, target, said.sha256, err);
    if (rc == CW_OK)
        rc = cw_at_read_file(bytes, state->tree, path, err);
    if (rc == CW_OK)
        rc = cw_sha256(sha256, cw_buf_text(bytes), bytes->len, err);
    if (rc == CW_OK && (strcmp(sha256, said.sha256) != 0 || (int64_t)bytes->len != said.length))
        rc = cw_err_set(err, CW_E_VERIFY, "has other bytes than role '%s' signed", role->name);
    if (rc != CW_OK) {
        if (rc == CW_E_NOTFOUND)
            err->code = CW_E_INCOMPLETE;
        return cw_err_prefix(err, "'%s/%s'", CW_REPO_TREE, path);
    }
    return CW_OK;
}

int cw_state_read_release(struct cw_manifest *manifest, const struct cw_state *state, const char *product,
                          const char *version, struct cw_err *err)
{
    CW_AUTO_BUF bytes = CW_BUF_INIT(CW_MANIFEST_MAX);
    const struct cw_state_role *role = cw_state_product(state, product);
    char target[CW_PATH_MAX], sha256[CW_SHA256_TEXT];
    int rc;

    if (role == NULL)
        return cw_err_set(err, CW_E_NOTFOUND, "product '%s' is not published", product);
    rc = cw_tree_release_target(target, product, version, err);
    if (rc == CW_OK)
        rc = read_target(&bytes, sha256, state, role, target, err);
    return rc == CW_OK ? cw_manifest_parse(manifest, bytes.data, bytes.len, err) : rc;
}

int cw_state_read_channel(struct cw_channel *channel, char sha256[CW_SHA256_TEXT],
                          const struct cw_state *state, const char *name, struct cw_err *err)
{
    CW_AUTO_BUF bytes = CW_BUF_INIT(CW_CHANNEL_MAX);
    const struct cw_state_role *role = cw_state_channel(state, name);
    char target[CW_PATH_MAX], hash[CW_SHA256_TEXT];
    int rc;

    if (role == NULL)
        return cw_err_set(err, CW_E_NOTFOUND, "there is no channel '%s'", name);
    rc = cw_tree_channel_target(target, name, err);
    if (rc == CW_OK)
        rc = read_target(&bytes, hash, state, role, target, err);
    if (rc == CW_OK && sha256 != NULL)
        memcpy(sha256, hash, CW_SHA256_TEXT);
    return rc == CW_OK ? cw_channel_parse(channel, bytes.data, bytes.len, err) : rc;
}
