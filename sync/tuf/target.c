/* SPDX-License-Identifier: ISC */
/*
 * Targets, see target.h.
 */
#include "sync/tuf/target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "crypt/hash.h"

#define BLOCK ((size_t)256 * 1024)
#define URL_BYTES_MAX ((size_t)8192)
#define PLACE_BYTES_MAX ((size_t)4096) /* of a path below the base: no server takes longer ones */

static const struct {
    const char *name;
    enum cw_hash_kind kind;
    size_t digits;
} algorithms[CW_TARGET_HASHES_MAX] = {{"sha256", CW_SHA256, 64}, {"sha512", CW_SHA512, 128}};

/* The running digests of one target's bytes. */
struct digests {
    struct cw_hash *hashes[CW_TARGET_HASHES_MAX]; /* NULL: not stated */
    uint64_t length;
};

static void digests_clear(struct digests *digests)
{
    for (size_t i = 0; i < CW_TARGET_HASHES_MAX; i++)
        cw_hash_free(digests->hashes[i]);
}

static const char *stated(const struct cw_target *target, size_t algorithm)
{
    return json_string_value(json_object_get(target->file.hashes, algorithms[algorithm].name));
}

static int digests_init(struct digests *digests, const struct cw_target *target, struct cw_err *err)
{
    int rc = CW_OK;

    *digests = (struct digests){.length = 0};
    for (size_t i = 0; i < CW_TARGET_HASHES_MAX && rc == CW_OK; i++) {
        if (stated(target, i) != NULL)
            rc = cw_hash_new(&digests->hashes[i], algorithms[i].kind, err);
    }
    return rc;
}

static int digests_add(struct digests *digests, const void *data, size_t len, struct cw_err *err)
{
    int rc = CW_OK;

    digests->length += len;
    for (size_t i = 0; i < CW_TARGET_HASHES_MAX && rc == CW_OK; i++) {
        if (digests->hashes[i] != NULL)
            rc = cw_hash_update(digests->hashes[i], data, len, err);
    }
    return rc;
}

static int digests_judge(struct digests *digests, const struct cw_target *target, struct cw_err *err)
{
    char got[CW_HASH_TEXT_MAX];

    if (digests->length != (uint64_t)target->file.length)
        return cw_err_set(err, CW_E_VERIFY, "target '%s': %llu bytes came, not %lld as signed", target->path,
                          (unsigned long long)digests->length, (long long)target->file.length);
    for (size_t i = 0; i < CW_TARGET_HASHES_MAX; i++) {
        int rc = digests->hashes[i] != NULL ? cw_hash_final(digests->hashes[i], got, err) : CW_OK;

        if (rc != CW_OK)
            return rc;
        if (digests->hashes[i] != NULL && strcmp(got, stated(target, i)) != 0)
            return cw_err_set(err, CW_E_VERIFY, "target '%s': %s differs: expected %s, got %s", target->path,
                              algorithms[i].name, stated(target, i), got);
    }
    return CW_OK;
}

/* "." and ".." would lead a client or a server to another place than the base. */
static bool stays_below(const char *path)
{
    while (*path != '\0') {
        size_t len = strcspn(path, "/");

        if ((len == 1 && path[0] == '.') || (len == 2 && path[0] == '.' && path[1] == '.'))
            return false;
        path += len + (path[len] == '/');
    }
    return true;
}

int cw_target_init(struct cw_target *target, const char *path, const struct cw_tuf_file *file,
                   struct cw_err *err)
{
    *target = (struct cw_target){.path = path, .file = *file};
    if (path[0] == '\0' || !stays_below(path))
        return cw_err_set(err, CW_E_VERIFY, "target '%s': its path leads out of its folder", path);
    for (size_t i = 0; i < CW_TARGET_HASHES_MAX; i++) {
        const char *hash = stated(target, i);

        if (hash == NULL)
            continue;
        if (strspn(hash, "0123456789abcdef") != algorithms[i].digits || strlen(hash) != algorithms[i].digits)
            return cw_err_set(err, CW_E_VERIFY, "target '%s': '%s' is no %s", path, hash, algorithms[i].name);
        target->hashes[target->hash_count++] = hash;
    }
    if (target->hash_count == 0 || target->hash_count != json_object_size(file->hashes))
        return cw_err_set(err, CW_E_VERIFY, "target '%s': has a hash that is neither sha256 nor sha512",
                          path);
    return CW_OK;
}

int cw_target_place(struct cw_buf *buf, const struct cw_target *target, const char *hash, struct cw_err *err)
{
    const char *name = cw_str_basename(target->path);

    cw_buf_add(buf, target->path, (size_t)(name - target->path));
    if (hash != NULL)
        cw_buf_addf(buf, "%s.", hash);
    cw_buf_adds(buf, name);
    return cw_buf_check(buf, "a target's path", err);
}

struct receive {
    struct digests digests;
    struct cw_out *out;
};

static int take_bytes(void *ctx, const void *data, size_t len, struct cw_err *err)
{
    struct receive *receive = ctx;
    int rc = digests_add(&receive->digests, data, len, err);

    return rc == CW_OK ? cw_out_write(receive->out, data, len, err) : rc;
}

int cw_target_fetch(struct cw_remote *remote, const struct cw_target *target, bool consistent,
                    struct cw_out *out, struct cw_err *err)
{
    CW_AUTO_BUF place = CW_BUF_INIT(PLACE_BYTES_MAX);
    CW_AUTO_BUF url = CW_BUF_INIT(URL_BYTES_MAX);
    struct receive receive = {.out = out};
    int rc = cw_target_place(&place, target, consistent ? target->hashes[0] : NULL, err);

    if (rc == CW_OK)
        rc = cw_http_join(&url, remote->options.target_urls[0], cw_buf_text(&place), err);
    if (rc == CW_OK)
        rc = digests_init(&receive.digests, target, err);
    if (rc == CW_OK)
        rc = cw_http_get(remote->targets, cw_buf_text(&url), (uint64_t)target->file.length, take_bytes,
                         &receive, err);
    if (rc == CW_OK)
        rc = digests_judge(&receive.digests, target, err);
    digests_clear(&receive.digests);
    return rc;
}

static int read_digests(struct digests *digests, int fd, const char *path, struct cw_err *err)
{
    CW_AUTO_FREE char *block = malloc(BLOCK);
    ssize_t n;
    int rc = CW_OK;

    if (block == NULL)
        return cw_err_nomem(err);
    while (rc == CW_OK && (n = cw_fd_read(fd, block, BLOCK)) != 0)
        rc = n > 0 ? digests_add(digests, block, (size_t)n, err)
                   : cw_err_errno(err, errno, "unable to read '%s'", path);
    return rc;
}

int cw_target_matches(bool *matches, const struct cw_target *target, int dir, const char *path,
                      struct cw_err *err)
{
    CW_AUTO_FD int fd = -1;
    struct digests digests;
    struct stat st;
    int rc = cw_at_stat(&st, dir, path, err);

    *matches = false;
    if (rc == CW_E_NOTFOUND ||
        (rc == CW_OK && (!S_ISREG(st.st_mode) || st.st_size != (off_t)target->file.length)))
        return CW_OK;
    if (rc == CW_OK)
        rc = cw_at_open_file(&fd, dir, path, err);
    if (rc != CW_OK)
        return rc;
    rc = digests_init(&digests, target, err);
    if (rc == CW_OK)
        rc = read_digests(&digests, fd, path, err);
    if (rc == CW_OK)
        rc = digests_judge(&digests, target, err);
    digests_clear(&digests);
    *matches = rc == CW_OK;
    return rc == CW_E_VERIFY ? CW_OK : rc;
}
