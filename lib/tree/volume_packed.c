/* SPDX-License-Identifier: ISC */
/*
 * What the packs of a volume hold, and how a file is found on it: see tree/volume.h.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "codec/json.h"
#include "release/manifest.h"
#include "tree/volume.h"

/* Behind the one before it, and within the pack. */
static int parse_held(struct cw_volume_packed *held, uint64_t *end, const struct cw_volume_file *pack,
                      const json_t *obj, struct cw_err *err)
{
    int64_t offset = 0;
    int rc = cw_volume_parse_file(&held->file, obj, err);

    if (rc == CW_OK)
        rc = cw_json_get_int(&offset, obj, "offset", 0, CW_LENGTH_MAX, err);
    if (rc != CW_OK)
        return rc;
    held->offset = (uint64_t)offset;
    if (held->offset < *end || held->offset > pack->length || held->file.length > pack->length - held->offset)
        return cw_err_set(err, CW_E_VERIFY,
                          "'%s' cannot begin at byte %" PRIu64
                          ": it would lie in another or reach beyond the pack",
                          held->file.path, held->offset);
    *end = held->offset + held->file.length;
    return CW_OK;
}

static int parse_pack(struct cw_volume *volume, size_t pack, const json_t *holds, struct cw_err *err)
{
    uint64_t end = 0;
    json_t *obj;
    size_t i;

    json_array_foreach (holds, i, obj) {
        struct cw_volume_packed *held = &volume->packed[volume->packed_count++];

        held->pack = pack;
        if (parse_held(held, &end, &volume->files[pack], obj, err) != CW_OK)
            return cw_err_prefix(err, "files[%zu]: holds[%zu]", pack, i);
    }
    return CW_OK;
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct cw_volume_packed *)a)->file.path,
                  ((const struct cw_volume_packed *)b)->file.path);
}

int cw_volume_parse_packed(struct cw_volume *volume, const json_t *files, struct cw_err *err)
{
    json_t *obj, *holds;
    size_t i, count = 0;
    int rc;

    json_array_foreach (files, i, obj) {
        rc = cw_json_opt_array(&holds, obj, "holds", err);
        if (rc != CW_OK)
            return cw_err_prefix(err, "files[%zu]", i);
        count += json_array_size(json_object_get(obj, "holds"));
    }
    volume->packed = calloc(count + 1, sizeof *volume->packed);
    if (volume->packed == NULL)
        return cw_err_nomem(err);
    json_array_foreach (files, i, obj) {
        rc = parse_pack(volume, i, json_object_get(obj, "holds"), err);
        if (rc != CW_OK)
            return rc;
    }
    if (volume->packed_count > 1)
        qsort(volume->packed, volume->packed_count, sizeof *volume->packed, compare);
    return CW_OK;
}

static int compare_path(const void *path, const void *file)
{
    return strcmp(path, ((const struct cw_volume_file *)file)->path);
}

static int compare_packed(const void *path, const void *packed)
{
    return strcmp(path, ((const struct cw_volume_packed *)packed)->file.path);
}

const struct cw_volume_file *cw_volume_find(const struct cw_volume *volume, const char *path)
{
    return volume->file_count > 0
               ? bsearch(path, volume->files, volume->file_count, sizeof *volume->files, compare_path)
               : NULL;
}

const struct cw_volume_packed *cw_volume_find_packed(const struct cw_volume *volume, const char *path)
{
    return volume->packed_count > 0
               ? bsearch(path, volume->packed, volume->packed_count, sizeof *volume->packed, compare_packed)
               : NULL;
}

bool cw_volume_carries(const struct cw_volume *volume, const char *path)
{
    return cw_volume_find(volume, path) != NULL || cw_volume_find_packed(volume, path) != NULL;
}
