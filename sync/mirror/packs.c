/* SPDX-License-Identifier: ISC */
/*
 * Small files of a bundle, packed: which, how they lie in their pack, and its bytes, made anew from the mirror whenever
 * they are asked for.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "codec/ustar.h"
#include "sync/mirror/carry.h"

static bool is_small(const struct cw_carry_file *file)
{
    return file->stage == CW_CLOSURE_ARTIFACT && file->length <= CW_PACK_FILE_MAX;
}

bool cw_pack_wanted(const struct cw_carry *carry)
{
    size_t i, small = 0;

    for (i = 0; i < carry->count && small < CW_PACK_FILES_MIN; i++)
        small += is_small(&carry->files[i]);
    return small == CW_PACK_FILES_MIN;
}

bool cw_pack_fits(const struct cw_carry *carry, const struct cw_carry_unit *unit)
{
    size_t i;

    for (i = unit->first; i < unit->first + unit->count; i++) {
        if (!is_small(&carry->files[i]))
            return false;
    }
    return unit->count > 0;
}

static int open_pack(size_t *pack, struct cw_carry *carry, unsigned volume, struct cw_err *err)
{
    static const char unknown[CW_SHA256_TEXT];
    struct cw_carry_file *file;
    int rc = cw_carry_add(&file, carry, CW_VOLUME_PACKS, unknown, CW_USTAR_END, CW_CLOSURE_ARTIFACT, err);

    if (rc != CW_OK)
        return rc;
    file->volume = volume;
    *pack = carry->count;
    return CW_OK;
}

int cw_pack_add(size_t *pack, struct cw_carry *carry, size_t index, unsigned volume, struct cw_err *err)
{
    uint64_t size = cw_ustar_size(carry->files[index].path, carry->files[index].length);
    struct cw_carry_file *file, *into;
    size_t *members;
    int rc = CW_OK;

    if (*pack == 0 || carry->files[*pack - 1].length + size > CW_PACK_MAX)
        rc = open_pack(pack, carry, volume, err);
    if (rc != CW_OK)
        return rc;
    file = &carry->files[index]; /* the list may have moved */
    into = &carry->files[*pack - 1];
    members = reallocarray(into->members, into->member_count + 1, sizeof *members);
    if (members == NULL)
        return cw_err_nomem(err);
    into->members = members;
    members[into->member_count++] = index;
    file->pack = *pack;
    file->volume = volume;
    file->offset = into->length - CW_USTAR_END + cw_ustar_head_size(file->path);
    into->length += size;
    return CW_OK;
}

/* The file, or as much of it as was expected and one byte more, so that one which grew is seen. */
static int read_member(char *block, const struct cw_carry_file *file, int mirror, struct cw_err *err)
{
    CW_AUTO_FD int fd = -1;
    char sha256[CW_SHA256_TEXT];
    uint64_t length = 0;
    ssize_t n = 1;
    int rc = CW_OK;

    if (file->bytes != NULL) {
        memcpy(block, file->bytes, (size_t)file->length);
        return CW_OK;
    }
    rc = cw_at_open_file(&fd, mirror, file->from, err);
    while (rc == CW_OK && n > 0 && length <= file->length) {
        n = cw_fd_read(fd, block + length, (size_t)(file->length + 1 - length));
        if (n < 0)
            return cw_err_errno(err, errno, "unable to read '%s' in the mirror", file->from);
        length += (uint64_t)n;
    }
    if (rc == CW_OK)
        rc = cw_sha256(sha256, block, (size_t)length, err);
    if (rc == CW_OK && strcmp(sha256, file->sha256) != 0)
        rc = cw_err_set(err, CW_E_VERIFY,
                        "'%s' in the mirror is damaged: expected %s, got %s; run 'causeway-sync verify'",
                        file->from, file->sha256, sha256);
    return rc;
}

static int put_member(char *block, const struct cw_carry_file *file, int mirror, cw_pack_sink *sink,
                      void *ctx, struct cw_err *err)
{
    CW_AUTO_BUF head = CW_BUF_INIT(4 * CW_USTAR_BLOCK + CW_PATH_MAX);
    size_t padding = cw_ustar_padding(file->length);
    int rc = cw_ustar_head(&head, file->path, file->length, err);

    if (rc == CW_OK)
        rc = sink(ctx, cw_buf_text(&head), head.len, err);
    if (rc == CW_OK)
        rc = read_member(block, file, mirror, err);
    if (rc != CW_OK)
        return rc;
    memset(block + file->length, 0, padding);
    return sink(ctx, block, (size_t)file->length + padding, err);
}

int cw_pack_read(const struct cw_carry *carry, const struct cw_carry_file *pack, int mirror,
                 cw_pack_sink *sink, void *ctx, struct cw_err *err)
{
    static const char end[CW_USTAR_END];
    CW_AUTO_FREE char *block = malloc(CW_PACK_FILE_MAX + CW_USTAR_BLOCK);
    size_t i;
    int rc = block != NULL ? CW_OK : cw_err_nomem(err);

    for (i = 0; i < pack->member_count && rc == CW_OK; i++)
        rc = put_member(block, &carry->files[pack->members[i]], mirror, sink, ctx, err);
    return rc == CW_OK ? sink(ctx, end, sizeof end, err) : rc;
}

json_t *cw_pack_holds(const struct cw_carry *carry, const struct cw_carry_file *pack)
{
    json_t *holds = json_array();
    size_t i;

    for (i = 0; holds != NULL && i < pack->member_count; i++) {
        const struct cw_carry_file *file = &carry->files[pack->members[i]];

        if (json_array_append_new(holds, json_pack("{s:s, s:I, s:s, s:I}", "path", file->path, "length",
                                                   (json_int_t)file->length, "sha256", file->sha256, "offset",
                                                   (json_int_t)file->offset)) != 0) {
            json_decref(holds);
            return NULL;
        }
    }
    return holds;
}
