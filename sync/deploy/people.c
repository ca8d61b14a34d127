/* SPDX-License-Identifier: ISC */
/*
 * Approvers' keys: see sync/deploy/people.h.
 */
#include "sync/deploy/people.h"

#include <string.h>

#include "tuf/meta.h"
#include "tuf/write.h"

static int parse_key(struct cw_person_key *key, const struct cw_buf *text, struct cw_err *err)
{
    json_auto_t *object = NULL;
    int rc = cw_tuf_key_read(&object, cw_buf_text(text), text->len, err);

    if (rc == CW_OK)
        rc = cw_tuf_key_id(key->id, object, err);
    return rc == CW_OK ? cw_tuf_key_parse(&key->key, object, err) : rc;
}

static int check_owner(const struct cw_people *people, const struct cw_person_key *key, struct cw_err *err)
{
    for (size_t i = 0; i < people->count; i++) {
        const struct cw_person_key *other = &people->keys[i];

        if (memcmp(cw_public_material(other->key), cw_public_material(key->key), CW_PUBLIC_MATERIAL) == 0 &&
            strcmp(other->person, key->person) != 0)
            return cw_err_set(err, CW_E_FAIL, "is the key of '%s' too: no two approvers may share one",
                              other->person);
    }
    return CW_OK;
}

static int add_key(struct cw_people *people, const struct cw_site *site, const char *person, const char *file,
                   struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_PUBLIC_TEXT_MAX);
    struct cw_person_key key = {.person = person};
    int rc = cw_at_read_file(&text, site->fd, file, err);

    if (rc == CW_OK)
        rc = parse_key(&key, &text, err);
    if (rc == CW_OK)
        rc = check_owner(people, &key, err);
    if (rc != CW_OK) {
        cw_public_free(key.key);
        cw_err_prefix(err, "site.lua: approvers.%s: '%s'", person, file);
        /* Foreign bytes for the reader; here it is a mistake of whoever keeps the site. */
        return rc == CW_E_NOMEM ? rc : (err->code = CW_E_FAIL);
    }
    people->keys[people->count++] = key;
    return CW_OK;
}

int cw_people_load(struct cw_people *people, const struct cw_site *site, struct cw_err *err)
{
    const char *person;
    json_t *files, *file;
    size_t i;
    int rc = CW_OK;

    people->count = 0;
    json_object_foreach ((json_t *)site->approvers, person, files) {
        json_array_foreach (files, i, file) {
            if (rc == CW_OK)
                rc = add_key(people, site, person, json_string_value(file), err);
        }
    }
    return rc;
}

void cw_people_clear(struct cw_people *people)
{
    for (size_t i = 0; i < people->count; i++)
        cw_public_free(people->keys[i].key);
    people->count = 0;
}

static int describe_keys(json_t *approvers, const struct cw_people *people)
{
    for (size_t i = 0; i < people->count; i++) {
        const struct cw_person_key *key = &people->keys[i];
        json_t *ids = json_object_get(approvers, key->person);

        if (ids == NULL) {
            ids = json_array();
            if (ids == NULL || json_object_set_new(approvers, key->person, ids) != 0)
                return -1;
        }
        if (json_array_append_new(ids, json_string(key->id)) != 0)
            return -1;
    }
    return 0;
}

json_t *cw_people_describe(const struct cw_people *people, const struct cw_site *site)
{
    json_auto_t *doc =
        json_pack("{s:{}, s:O, s:O}", "approvers", "groups", site->groups, "break_glass", site->break_glass);

    if (doc == NULL || describe_keys(json_object_get(doc, "approvers"), people) != 0)
        return NULL;
    return json_incref(doc);
}

const char *cw_people_find(const json_t *described, const char *keyid)
{
    const char *person;
    json_t *ids, *id;
    size_t i;

    json_object_foreach (json_object_get(described, "approvers"), person, ids) {
        json_array_foreach (ids, i, id) {
            if (json_is_string(id) && strcmp(json_string_value(id), keyid) == 0)
                return person;
        }
    }
    return NULL;
}
