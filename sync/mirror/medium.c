/* SPDX-License-Identifier: ISC */
/*
 * The list of a bundle: read, compared with SHA256SUMS, and asked for each file.
 */
#include "sync/mirror/medium.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "crypt/hash.h"
#include "fs/root.h"

#define SUMS_FILE "SHA256SUMS"

/* SHA256SUMS lets people check the bundle with what they have; if it says otherwise, someone was here. */
static int check_sums(const struct cw_medium *medium, int dir, const struct cw_buf *list, struct cw_err *err)
{
    CW_AUTO_BUF want = CW_BUF_INIT(CW_VOLUME_MAX);
    CW_AUTO_BUF have = CW_BUF_INIT(CW_VOLUME_MAX);
    char sha256[CW_SHA256_TEXT];
    int rc = cw_sha256(sha256, cw_buf_text(list), list->len, err);

    if (rc == CW_OK)
        rc = cw_volume_sums(&want, &medium->volume, sha256, err);
    if (rc == CW_OK)
        rc = cw_at_read_file(&have, dir, SUMS_FILE, err);
    if (rc == CW_E_NOTFOUND)
        return cw_err_set(err, CW_E_INCOMPLETE, "'%s' is missing from the bundle; copy the bundle again",
                          SUMS_FILE);
    if (rc != CW_OK)
        return rc;
    if (want.len != have.len || memcmp(cw_buf_text(&want), cw_buf_text(&have), want.len) != 0)
        return cw_err_set(err, CW_E_VERIFY,
                          "'%s' does not say the same as the volume's list: the bundle was changed",
                          SUMS_FILE);
    return CW_OK;
}

/* Which list to read, and whether there are others. */
static int choose_list(char name[CW_VOLUME_NAME_MAX], bool *alone, int dir, int64_t index, struct cw_err *err)
{
    CW_AUTO_FREE int64_t *indices = calloc(CW_VOLUMES_MAX, sizeof *indices);
    size_t count;
    int rc = indices != NULL ? cw_volume_look(indices, &count, dir, "", err) : cw_err_nomem(err);

    if (rc != CW_OK)
        return rc;
    if (count == 0)
        return cw_err_set(err, CW_E_NOTFOUND, "no '" CW_VOLUME_FILE "': this is not a bundle");
    if (index == 0 && count > 1)
        return cw_err_set(err, CW_E_FAIL, "%zu volumes in one folder: take each from a folder of its own",
                          count);
    cw_volume_name(name, index != 0 ? index : indices[0]);
    *alone = count == 1;
    return CW_OK;
}

static int read_list(struct cw_medium *medium, struct cw_buf *text, bool *alone, int dir, int64_t index,
                     struct cw_err *err)
{
    char name[CW_VOLUME_NAME_MAX], own[CW_VOLUME_NAME_MAX];
    int rc = choose_list(name, alone, dir, index, err);

    if (rc == CW_OK)
        rc = cw_at_read_file(text, dir, name, err);
    if (rc != CW_OK)
        return rc;
    rc = cw_volume_parse(&medium->volume, cw_buf_text(text), text->len, err);
    if (rc != CW_OK)
        return cw_err_prefix(err, "'%s'", name);
    cw_volume_name(own, medium->volume.index);
    if (strcmp(name, own) != 0)
        return cw_err_set(err, CW_E_VERIFY, "'%s' says that it is '%s'", name, own);
    return CW_OK;
}

int cw_medium_open(struct cw_medium *medium, int dir, int64_t index, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_VOLUME_MAX);
    bool alone = false;
    size_t i;
    int rc;

    *medium = (struct cw_medium){.read = NULL};
    rc = read_list(medium, &text, &alone, dir, index, err);
    if (rc != CW_OK)
        return rc;
    medium->read = calloc(medium->volume.file_count + 1, sizeof *medium->read);
    if (medium->read == NULL)
        return cw_err_nomem(err);
    for (i = 0; i < medium->volume.file_count; i++)
        medium->rest += medium->volume.files[i].length;
    return alone ? check_sums(medium, dir, &text, err) : CW_OK;
}

void cw_medium_clear(struct cw_medium *medium)
{
    cw_volume_clear(&medium->volume);
    free(medium->read);
    *medium = (struct cw_medium){.read = NULL};
}

int cw_medium_find(size_t *index, const struct cw_medium *medium, const char *path, struct cw_err *err)
{
    const struct cw_volume_file *file = cw_volume_find(&medium->volume, path);

    if (file == NULL)
        return cw_err_set(err, CW_E_NOTFOUND, "'%s' is not in this bundle", path);
    *index = (size_t)(file - medium->volume.files);
    return CW_OK;
}

static int judge(const struct cw_volume_file *file, const char *sha256, uint64_t length, struct cw_err *err)
{
    if (length != file->length)
        return cw_err_set(err, CW_E_VERIFY, "'%s' is %llu bytes long, not %llu as the bundle's list says",
                          file->path, (unsigned long long)length, (unsigned long long)file->length);
    if (strcmp(sha256, file->sha256) != 0)
        return cw_err_set(err, CW_E_VERIFY,
                          "'%s': sha256 differs from the bundle's list: expected %s, got %s", file->path,
                          file->sha256, sha256);
    return CW_OK;
}

int cw_medium_judge(struct cw_medium *medium, size_t index, const char *sha256, uint64_t length,
                    struct cw_err *err)
{
    int rc = judge(&medium->volume.files[index], sha256, length, err);

    if (rc == CW_OK && !medium->read[index]) {
        medium->read[index] = true;
        medium->rest -= medium->volume.files[index].length;
    }
    return rc;
}

int cw_medium_judge_packed(const struct cw_medium *medium, const struct cw_volume_packed *packed,
                           const char *sha256, uint64_t length, struct cw_err *err)
{
    int rc = judge(&packed->file, sha256, length, err);

    return rc == CW_OK ? rc : cw_err_prefix(err, "'%s'", medium->volume.files[packed->pack].path);
}
