/* SPDX-License-Identifier: ISC */
/*
 * Finding volumes in folders: see sync/mirror/media.h. Whether one is whole is asked when it is opened.
 */
#include "sync/mirror/media.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "tree/volume.h"

/* A list that cannot be read comes first: it is told, and the others are taken. */
static char *order_of(int dir, const char *name)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_VOLUME_MAX);
    struct cw_volume volume = {.doc = NULL};
    char *order;

    if (cw_at_read_file(&text, dir, name, NULL) != CW_OK ||
        cw_volume_parse(&volume, cw_buf_text(&text), text.len, NULL) != CW_OK)
        return strdup("");
    order = cw_str_format(
        "%020lld %s %s %03lld", (long long)json_integer_value(json_object_get(volume.doc, "serial")),
        json_string_value(json_object_get(volume.doc, "created")), volume.bundle, (long long)volume.index);
    cw_volume_clear(&volume);
    return order;
}

static int add_place(struct cw_media *media, const char *where, int64_t index, int dir, const char *name,
                     struct cw_err *err)
{
    struct cw_medium_place *places;

    if (media->count == CW_MEDIA_MAX)
        return cw_err_set(err, CW_E_FAIL, "more than %d volumes in one place", CW_MEDIA_MAX);
    places = reallocarray(media->places, media->count + 1, sizeof *places);
    if (places == NULL)
        return cw_err_nomem(err);
    media->places = places;
    places += media->count++;
    *places = (struct cw_medium_place){.where = strdup(where), .index = index};
    places->order = index != 0 ? order_of(dir, name) : strdup("");
    return places->where != NULL && places->order != NULL ? CW_OK : cw_err_nomem(err);
}

static int add_lists(struct cw_media *media, const char *where, int dir, const char *below,
                     struct cw_err *err)
{
    CW_AUTO_FREE int64_t *indices = calloc(CW_VOLUMES_MAX, sizeof *indices);
    CW_AUTO_FREE char *folder = cw_str_format("%s%s%s", where, below[0] != '\0' ? "/" : "", below);
    size_t i, count;
    int rc = indices != NULL && folder != NULL ? cw_volume_look(indices, &count, dir, below, err)
                                               : cw_err_nomem(err);

    for (i = 0; rc == CW_OK && i < count; i++) {
        char name[CW_VOLUME_NAME_MAX];
        CW_AUTO_FREE char *path = NULL;

        cw_volume_name(name, indices[i]);
        path = cw_str_format("%s%s%s", below, below[0] != '\0' ? "/" : "", name);
        rc = path != NULL ? add_place(media, folder, indices[i], dir, path, err) : cw_err_nomem(err);
    }
    return rc;
}

static int add_folders(struct cw_media *media, const char *where, int dir, struct cw_err *err)
{
    CW_AUTO_LIST DIR *stream = NULL;
    const char *name;
    int rc = cw_at_open_list(&stream, dir, "", err);

    while (rc == CW_OK && (rc = cw_dir_next(&name, stream, where, err)) == CW_OK && name != NULL) {
        struct stat st;

        if (cw_str_starts(name, "volume-") && cw_path_is_relative(name) &&
            cw_at_stat(&st, dir, name, NULL) == CW_OK && S_ISDIR(st.st_mode))
            rc = add_lists(media, where, dir, name, err);
    }
    return rc;
}

int cw_media_add(struct cw_media *media, const char *where, struct cw_err *err)
{
    CW_AUTO_FD int dir = -1;
    size_t before = media->count;
    int rc = cw_dir_open(&dir, where, err);

    if (rc == CW_OK)
        rc = add_lists(media, where, dir, "", err);
    if (rc == CW_OK)
        rc = add_folders(media, where, dir, err);
    return rc == CW_OK && media->count == before ? add_place(media, where, 0, dir, "", err) : rc;
}

static int compare(const void *a, const void *b)
{
    const struct cw_medium_place *one = a, *two = b;
    int order = strcmp(one->order, two->order);

    return order != 0 ? order : strcmp(one->where, two->where);
}

void cw_media_sort(struct cw_media *media)
{
    if (media->count > 1)
        qsort(media->places, media->count, sizeof *media->places, compare);
}

void cw_media_clear(struct cw_media *media)
{
    size_t i;

    for (i = 0; i < media->count; i++) {
        free(media->places[i].where);
        free(media->places[i].order);
    }
    free(media->places);
    *media = (struct cw_media){.places = NULL};
}
