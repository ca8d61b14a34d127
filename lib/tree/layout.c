/* SPDX-License-Identifier: ISC */
/*
 * Composing and taking apart the names of a tree, and nothing else: no other file writes "targets/" into a
 * path.
 */
#include "tree/layout.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "codec/hex.h"
#include "fs/walk.h"
#include "release/channel.h"
#include "release/manifest.h"

static int compose(char out[CW_PATH_MAX], struct cw_err *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int compose(char out[CW_PATH_MAX], struct cw_err *err, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(out, CW_PATH_MAX, fmt, ap);
    va_end(ap);
    if (n < 0 || n >= CW_PATH_MAX)
        return cw_err_set(err, CW_E_VERIFY, "path '%.100s…' is longer than %d bytes", out, CW_PATH_MAX - 1);
    if (!cw_path_is_relative(out))
        return cw_err_set(err, CW_E_VERIFY, "'%s' is not a plain relative path", out);
    return CW_OK;
}

int cw_tree_metadata_path(char out[CW_PATH_MAX], int64_t version, const char *role, struct cw_err *err)
{
    CW_AUTO_BUF name = CW_BUF_INIT(CW_PATH_MAX);
    int rc = cw_tuf_role_filename(&name, role, err);

    if (rc != CW_OK)
        return rc;
    if (version == 0)
        return compose(out, err, CW_TREE_METADATA "/%s", cw_buf_text(&name));
    return compose(out, err, CW_TREE_METADATA "/%" PRId64 ".%s", version, cw_buf_text(&name));
}

int cw_tree_target_path(char out[CW_PATH_MAX], const char *target, const char *sha256, struct cw_err *err)
{
    const char *file = cw_str_basename(target);

    if (!cw_path_is_relative(target))
        return cw_err_set(err, CW_E_VERIFY, "target '%.200s' is not a plain relative path", target);
    if (!cw_hex_is_sha256(sha256))
        return cw_err_set(err, CW_E_VERIFY, "target '%s': '%.64s' is not a sha256", target, sha256);
    return compose(out, err, CW_TREE_TARGETS "/%.*s%s.%s", (int)(file - target), target, sha256, file);
}

int cw_tree_channel_target(char out[CW_PATH_MAX], const char *channel, struct cw_err *err)
{
    return compose(out, err, "channels/%s/" CW_CHANNEL_FILE, channel);
}

static int check_hash(const char *sha256, struct cw_err *err)
{
    return cw_hex_is_sha256(sha256) ? CW_OK : cw_err_set(err, CW_E_VERIFY, "'%s' is not a sha256", sha256);
}

int cw_tree_hint_path(char out[CW_PATH_MAX], const char *to, struct cw_err *err)
{
    int rc = check_hash(to, err);

    return rc == CW_OK ? compose(out, err, "deltas/%s.json", to) : rc;
}

int cw_tree_delta_path(char out[CW_PATH_MAX], const char *from, const char *to, struct cw_err *err)
{
    int rc = check_hash(from, err);

    if (rc == CW_OK)
        rc = check_hash(to, err);
    return rc == CW_OK ? compose(out, err, "deltas/%s/%s.delta", to, from) : rc;
}

int cw_tree_release_target(char out[CW_PATH_MAX], const char *product, const char *version,
                           struct cw_err *err)
{
    return compose(out, err, "%s/%s/" CW_MANIFEST_FILE, product, version);
}

int cw_tree_artifact_target(char out[CW_PATH_MAX], const char *product, const char *version, const char *file,
                            struct cw_err *err)
{
    return compose(out, err, "%s/%s/%s", product, version, file);
}

bool cw_tree_split_metadata(const char *name, int64_t *version, char role[CW_TUF_NAME_MAX])
{
    const char *dot = strchr(name, '.');
    char digits[20];
    uint64_t n;

    if (!cw_str_ends(name, ".json") || strlen(name) >= CW_TUF_NAME_MAX)
        return false;
    *version = 0;
    if (strcmp(dot, ".json") != 0) {
        if ((size_t)(dot - name) >= sizeof digits)
            return false;
        memcpy(digits, name, (size_t)(dot - name));
        digits[dot - name] = '\0';
        if (!cw_str_to_u64(digits, (uint64_t)CW_TREE_VERSION_MAX, &n) || n == 0)
            return false;
        *version = (int64_t)n;
        name = dot + 1;
    }
    snprintf(role, CW_TUF_NAME_MAX, "%.*s", (int)(strlen(name) - strlen(".json")), name);
    return role[0] != '\0';
}

bool cw_tree_split_target(const char *path, char target[CW_PATH_MAX], char sha256[CW_SHA256_TEXT])
{
    const size_t hash_len = CW_SHA256_TEXT - 1;
    const char *file;

    if (!cw_str_starts(path, CW_TREE_TARGETS "/") || !cw_path_is_relative(path))
        return false;
    path += strlen(CW_TREE_TARGETS "/");
    file = cw_str_basename(path);
    if (strlen(file) <= hash_len + 1 || file[hash_len] != '.')
        return false;
    memcpy(sha256, file, hash_len);
    sha256[hash_len] = '\0';
    if (!cw_hex_is_sha256(sha256))
        return false;
    snprintf(target, CW_PATH_MAX, "%.*s%s", (int)(file - path), path, file + hash_len + 1);
    return true;
}

bool cw_tree_split_delta(const char *name, char to[CW_SHA256_TEXT])
{
    snprintf(to, CW_SHA256_TEXT, "%s", name);
    return cw_hex_is_sha256(to) && (name[CW_SHA256_TEXT - 1] == '.' || name[CW_SHA256_TEXT - 1] == '/');
}

static int note_root(void *ctx, const char *path, const struct stat *st, struct cw_err *err)
{
    char role[CW_TUF_NAME_MAX];
    int64_t version, *newest = ctx;

    (void)err;
    if (S_ISREG(st->st_mode) && cw_tree_split_metadata(path, &version, role) && strcmp(role, "root") == 0 &&
        version > *newest)
        *newest = version;
    return CW_OK;
}

int cw_tree_newest_root(int64_t *version, int dir, struct cw_err *err)
{
    CW_AUTO_FD int metadata = -1;
    int rc = cw_at_open_dir(&metadata, dir, CW_TREE_METADATA, err);

    *version = 0;
    if (rc == CW_OK)
        rc = cw_walk(metadata, "", note_root, version, err);
    if (rc == CW_OK && *version == 0)
        rc = cw_err_set(err, CW_E_NOTFOUND, "no root in '" CW_TREE_METADATA "/': this is not a tree");
    return rc;
}
