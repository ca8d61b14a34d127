/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as a metadata file of each type. One that is well-formed is asked everything that can be asked of
 * it, and is verified under the keys that it lists itself, so that all kinds of key and signature are
 * decoded.
 */
#include <string.h>

#include "base/buf.h"
#include "tests/fuzz/fuzz.h"
#include "tuf/meta.h"

#define DELEGATIONS_MAX 64 /* of those a file may have, as many are looked at */

static void look_at_file(const struct cw_tuf_file *file)
{
    struct cw_err err;

    always(file->length >= -1);
    cw_tuf_file_check(file, "x", 1, &err);
    cw_tuf_file_sha256(file);
}

static void look_at_root(const struct cw_tuf_meta *meta)
{
    static const char *const roles[] = {"root", "timestamp", "snapshot", "targets", "other"};
    struct cw_err err;

    cw_tuf_root_is_consistent(meta);
    for (size_t i = 0; i < 5; i++) {
        struct cw_tuf_role role;
        int rc = cw_tuf_root_role(&role, meta, roles[i], &err);

        always(i == 4 || rc == CW_OK);
        if (rc == CW_OK)
            cw_tuf_verify(meta, &role, &err);
    }
}

static void look_at_list(const struct cw_tuf_meta *meta)
{
    struct cw_tuf_file file;
    struct cw_err err;
    const char *name;
    json_t *entry;

    json_object_foreach (json_object_get(meta->signed_, "meta"), name, entry) {
        char role[CW_TUF_NAME_MAX];
        size_t len = strlen(name);

        if (len < 5 || len - 5 >= sizeof role)
            continue;
        memcpy(role, name, len - 5);
        role[len - 5] = '\0';
        if (cw_tuf_meta_file(&file, meta, role, &err) == CW_OK)
            look_at_file(&file);
    }
}

static void look_at_delegation(const struct cw_tuf_meta *meta, size_t index, const char *path)
{
    CW_AUTO_BUF name = CW_BUF_INIT(512);
    struct cw_tuf_role role;
    struct cw_err err;

    always(cw_tuf_delegation_at(&role, meta, index, &err) == CW_OK);
    always(strlen(role.name) < sizeof role.name);
    cw_tuf_verify(meta, &role, &err);
    if (cw_tuf_role_filename(&name, role.name, &err) == CW_OK)
        always(strchr(name.data, '/') == NULL && name.len <= 235);
    cw_tuf_delegation_covers(meta, index, path);
}

static void look_at_name(const char *path)
{
    CW_AUTO_BUF name = CW_BUF_INIT(1 << 16);
    struct cw_err err;

    if (cw_tuf_target_filename(&name, path, &err) == CW_OK)
        always(strchr(name.data, '/') == NULL && name.len <= 255);
}

static void look_at_targets(const struct cw_tuf_meta *meta)
{
    size_t count = cw_tuf_delegation_count(meta), index = 0;
    const char *path = "a/b.tgz";
    struct cw_tuf_file file;
    struct cw_err err;
    json_t *entry;

    for (size_t i = 0; i < count && i < DELEGATIONS_MAX; i++)
        look_at_delegation(meta, i, path);
    if (cw_tuf_delegation_find(meta, path, &index))
        always(index < count && cw_tuf_delegation_covers(meta, index, path));
    json_object_foreach (json_object_get(meta->signed_, "targets"), path, entry) {
        always(cw_tuf_target_file(&file, meta, path, &err) == CW_OK);
        look_at_file(&file);
        look_at_name(path);
        for (index = 0; cw_tuf_delegation_find(meta, path, &index); index++)
            always(index < count && cw_tuf_delegation_covers(meta, index, path));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum cw_tuf_type types[] = {CW_TUF_ROOT, CW_TUF_TIMESTAMP, CW_TUF_SNAPSHOT, CW_TUF_TARGETS};

    for (size_t i = 0; i < 4; i++) {
        struct cw_tuf_meta meta;
        struct cw_err err = {.code = 0};

        if (cw_tuf_meta_parse(&meta, types[i], data, size, &err) != CW_OK) {
            always(meta.doc == NULL && err.text[0] != '\0');
            continue;
        }
        always(meta.version > 0);
        if (types[i] == CW_TUF_ROOT)
            look_at_root(&meta);
        else if (types[i] == CW_TUF_TARGETS)
            look_at_targets(&meta);
        else
            look_at_list(&meta);
        cw_tuf_meta_clear(&meta);
    }
    return 0;
}
