/* SPDX-License-Identifier: ISC */
/*
 * Making a folder that is to be carried; see gen/folder.h.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "codec/canon.h"
#include "codec/json.h"
#include "fs/commit.h"
#include "gen/folder.h"
#include "tree/layout.h"
#include "tuf/write.h"

struct making {
    const struct cw_folder_spec *spec;
    int dir;
    const char *path; /* of the folder beneath dir */
    json_t *files, *sign, *names;
};

static int write_file(int dir, const char *path, const char *name, const struct cw_buf *bytes,
                      struct cw_err *err)
{
    char full[CW_PATH_MAX];

    if ((size_t)snprintf(full, sizeof full, "%s/%s", path, name) >= sizeof full)
        return cw_err_set(err, CW_E_FAIL, "'%s/%s' is too long", path, name);
    return cw_file_write(dir, full, bytes->data, bytes->len, 0644, err);
}

int cw_folder_add_file(json_t *files, int dir, const char *path, const char *name, const struct cw_buf *bytes,
                       struct cw_err *err)
{
    char sha256[CW_SHA256_TEXT];
    int rc = cw_sha256(sha256, bytes->data, bytes->len, err);

    if (rc == CW_OK)
        rc = write_file(dir, path, name, bytes, err);
    if (rc == CW_OK && json_object_set_new(files, name, json_string(sha256)) != 0)
        rc = cw_err_nomem(err);
    return rc;
}

/* Names of the keys of a role, for people. */
static int add_names(struct making *m, const struct cw_tuf_role *role, struct cw_err *err)
{
    const json_t *id;
    size_t i;

    json_array_foreach (role->keyids, i, id) {
        const struct cw_key *key = cw_keys_find(m->spec->keys, json_string_value(id));

        if (key != NULL && json_object_set_new(m->names, key->id, json_string(key->name)) != 0)
            return cw_err_nomem(err);
    }
    return CW_OK;
}

static int add_top_names(struct making *m, const struct cw_tuf_meta *root, struct cw_err *err)
{
    static const char *const roles[] = {"root", "targets", "snapshot", "timestamp"};
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < CW_COUNT(roles) && rc == CW_OK; i++) {
        struct cw_tuf_role role;

        rc = cw_tuf_root_role(&role, root, roles[i], err);
        if (rc == CW_OK)
            rc = add_names(m, &role, err);
    }
    return rc;
}

static int add_delegated_names(struct making *m, const struct cw_tuf_meta *targets, struct cw_err *err)
{
    size_t i, count = cw_tuf_delegation_count(targets);
    int rc = CW_OK;

    for (i = 0; i < count && rc == CW_OK; i++) {
        struct cw_tuf_role role;

        rc = cw_tuf_delegation_at(&role, targets, i, err);
        if (rc == CW_OK)
            rc = add_names(m, &role, err);
    }
    return rc;
}

/* What is in force, as it lies in the tree. */
static int add_trusted(struct making *m, const char *role, int64_t version, struct cw_err *err)
{
    CW_AUTO_BUF bytes = CW_BUF_INIT(CW_TUF_TEXT_MAX);
    char path[CW_PATH_MAX], name[CW_PATH_MAX];
    int rc = cw_tree_metadata_path(path, version, role, err);

    if (rc == CW_OK)
        rc = cw_at_read_file(&bytes, m->spec->state->tree, path, err);
    if (rc != CW_OK)
        return rc;
    snprintf(name, sizeof name, "trusted/%s", path + strlen(CW_TREE_METADATA "/"));
    return cw_folder_add_file(m->files, m->dir, m->path, name, &bytes, err);
}

/* A delegated role, unless it is new. */
static int add_trusted_role(struct making *m, const char *role, struct cw_err *err)
{
    const struct cw_state_role *known = cw_state_role(m->spec->state, role);
    const struct cw_tuf_meta *meta;
    int rc;

    if (known == NULL)
        return CW_OK;
    rc = cw_state_meta(&meta, m->spec->state, known, err);
    return rc == CW_OK ? add_trusted(m, role, meta->version, err) : rc;
}

static int add_all_trusted(struct making *m, struct cw_err *err)
{
    const struct cw_state *state = m->spec->state;
    const char *role, *last = "";
    json_t *body, *row;
    size_t i;
    int rc;

    if (state == NULL)
        return CW_OK;
    rc = add_trusted(m, "root", state->root.version, err);
    if (rc == CW_OK)
        rc = add_trusted(m, "targets", state->targets.version, err);
    if (rc == CW_OK)
        rc = add_top_names(m, &state->root, err);
    if (rc == CW_OK)
        rc = add_delegated_names(m, &state->targets, err);
    json_object_foreach (m->spec->bodies, role, body) {
        if (rc == CW_OK)
            rc = add_trusted_role(m, role, err);
    }
    json_array_foreach (m->spec->bins, i, row) {
        role = json_string_value(json_object_get(row, "bin_of"));
        if (rc == CW_OK && strcmp(role, last) != 0 && json_object_get(m->spec->bodies, role) == NULL)
            rc = add_trusted_role(m, role, err);
        last = role;
    }
    return rc;
}

static int add_role(struct making *m, const char *role, json_t *body, struct cw_err *err)
{
    CW_AUTO_BUF canonical = CW_BUF_INIT(CW_TUF_TEXT_MAX), text = CW_BUF_INIT(CW_TUF_TEXT_MAX);
    json_auto_t *envelope = NULL;
    int64_t version = json_integer_value(json_object_get(body, "version"));
    char sha256[CW_SHA256_TEXT], path[CW_PATH_MAX];
    int rc = cw_tuf_envelope_new(&envelope, body, err);

    if (rc == CW_OK)
        rc = cw_canon_format(&canonical, body, err);
    if (rc == CW_OK)
        rc = cw_sha256(sha256, canonical.data, canonical.len, err);
    if (rc == CW_OK)
        rc = cw_tuf_envelope_format(&text, envelope, err);
    if (rc == CW_OK)
        rc = cw_tree_metadata_path(path, version, role, err);
    if (rc == CW_OK)
        rc = write_file(m->dir, m->path, path, &text, err);
    if (rc == CW_OK && json_array_append_new(m->sign, json_pack("{s:s, s:I, s:s}", "role", role, "version",
                                                                (json_int_t)version, "sha256", sha256)) != 0)
        rc = cw_err_nomem(err);
    return rc;
}

static int add_roles(struct making *m, struct cw_err *err)
{
    json_t *root = json_object_get(m->spec->bodies, "root"),
           *targets = json_object_get(m->spec->bodies, "targets");
    const struct cw_tuf_meta next = {.type = CW_TUF_ROOT, .signed_ = root};
    const struct cw_tuf_meta next_targets = {.type = CW_TUF_TARGETS, .signed_ = targets};
    const char *role;
    json_t *body;
    int rc = CW_OK;

    if (root != NULL)
        rc = add_top_names(m, &next, err);
    if (rc == CW_OK && targets != NULL)
        rc = add_delegated_names(m, &next_targets, err);
    if (rc == CW_OK && root != NULL)
        rc = add_role(m, "root", root, err);
    if (rc == CW_OK && targets != NULL)
        rc = add_role(m, "targets", targets, err);
    json_object_foreach (m->spec->bodies, role, body) {
        if (rc == CW_OK && body != root && body != targets)
            rc = add_role(m, role, body, err);
    }
    if (rc == CW_OK && m->spec->bins != NULL && json_array_extend(m->sign, (json_t *)m->spec->bins) != 0)
        rc = cw_err_nomem(err);
    return rc;
}

static int write_doc(const struct making *m, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_FOLDER_MAX);
    json_auto_t *doc =
        json_pack("{s:s, s:s, s:s, s:b, s:O, s:O, s:O, s:O}", "_type", CW_FOLDER_TYPE, "format", "1.0",
                  "composed", m->spec->composed, "first", m->spec->state == NULL, "renew", m->spec->renew,
                  "sign", m->sign, "files", m->files, "names", m->names);
    int rc = doc != NULL ? cw_json_format(&text, doc, err) : cw_err_nomem(err);

    return rc == CW_OK ? write_file(m->dir, m->path, CW_FOLDER_FILE, &text, err) : rc;
}

int cw_folder_make(int dir, const char *path, const struct cw_folder_spec *spec, json_t *files,
                   struct cw_err *err)
{
    json_auto_t *sign = json_array();
    json_auto_t *names = json_object();
    struct making m = {.spec = spec, .dir = dir, .path = path, .files = files, .sign = sign, .names = names};
    int rc = sign != NULL && names != NULL ? add_all_trusted(&m, err) : cw_err_nomem(err);

    if (rc == CW_OK)
        rc = add_roles(&m, err);
    return rc == CW_OK ? write_doc(&m, err) : rc;
}
