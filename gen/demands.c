/* SPDX-License-Identifier: ISC */
/*
 * Reading, checking and changing what channels demand; see gen/demands.h.
 */
#include "gen/demands.h"

#include <string.h>

#include "base/mem.h"
#include "codec/json.h"
#include "doc/statement.h"
#include "release/name.h"
#include "tuf/meta.h"
#include "tuf/write.h"

/* ---- reading ---- */

static int load_key(struct cw_demand *demand, const char *name, const json_t *attestors, struct cw_err *err)
{
    const json_t *object = json_object_get(attestors, name);
    size_t i, at = demand->key_count;
    int rc;

    if (object == NULL)
        return cw_err_set(err, CW_E_VERIFY, "'attestors' has no key '%s'", name);
    rc = cw_tuf_key_parse(&demand->keys[at], object, err);
    if (rc == CW_OK)
        demand->key_count++;
    if (rc == CW_OK)
        rc = cw_tuf_key_id(demand->ids[at], object, err);
    if (rc != CW_OK)
        return cw_err_prefix(err, "key '%s'", name);
    demand->names[at] = name;
    demand->objects[at] = object;
    for (i = 0; i < at; i++) {
        if (memcmp(cw_public_material(demand->keys[i]), cw_public_material(demand->keys[at]),
                   CW_PUBLIC_MATERIAL) == 0)
            return cw_err_set(err, CW_E_VERIFY, "'%s' and '%s' are one key", demand->names[i], name);
    }
    return CW_OK;
}

static int load_keys(struct cw_demand *demand, const json_t *obj, const json_t *attestors, struct cw_err *err)
{
    json_t *list = NULL, *name;
    size_t i;
    int rc = cw_json_opt_array(&list, obj, "keys", err);

    if (rc != CW_OK)
        return rc;
    if (json_array_size(list) > CW_DEMAND_KEYS_MAX)
        return cw_err_set(err, CW_E_VERIFY, "more than %d keys", CW_DEMAND_KEYS_MAX);
    json_array_foreach (list, i, name) {
        if (!json_is_string(name))
            return cw_err_set(err, CW_E_VERIFY, "field 'keys[%zu]' is not a string", i);
        rc = load_key(demand, json_string_value(name), attestors, err);
        if (rc != CW_OK)
            return rc == CW_E_NOTFOUND ? err->code = CW_E_VERIFY : rc;
    }
    return CW_OK;
}

static int check_threshold(struct cw_demand *demand, const json_t *obj, struct cw_err *err)
{
    int64_t threshold = demand->key_count > 0;
    int rc = CW_OK;

    if (demand->key_count == 0 && strcmp(demand->predicate, "sbom") != 0)
        return cw_err_set(err, CW_E_VERIFY,
                          "names no keys; only 'sbom' can do without, where the release has it");
    if (json_object_get(obj, "threshold") != NULL)
        rc = cw_json_get_int(&threshold, obj, "threshold", demand->key_count > 0, (int64_t)demand->key_count,
                             err);
    demand->threshold = (size_t)threshold;
    return rc;
}

static int load_demand(struct cw_demand *demand, const json_t *obj, const json_t *attestors,
                       struct cw_err *err)
{
    static const char *const known[] = {"predicate", "keys", "threshold", NULL};
    int rc = json_is_object(obj) ? CW_OK : cw_err_set(err, CW_E_VERIFY, "is not an object");

    if (rc == CW_OK)
        rc = cw_json_only(obj, known, err);
    if (rc == CW_OK)
        rc = cw_json_get_str(&demand->predicate, obj, "predicate", err);
    if (rc == CW_OK && cw_predicate_check(demand->predicate, err) != CW_OK)
        rc = err->code = CW_E_VERIFY;
    if (rc == CW_OK)
        rc = load_keys(demand, obj, attestors, err);
    return rc == CW_OK ? check_threshold(demand, obj, err) : rc;
}

static int load_demands(struct cw_demands *demands, const json_t *channel, const json_t *attestors,
                        struct cw_err *err)
{
    json_t *list = NULL, *obj;
    size_t i, j;
    int rc = cw_json_opt_array(&list, channel, "attestations", err);

    if (rc != CW_OK)
        return rc;
    if (json_array_size(list) > CW_DEMANDS_MAX)
        return cw_err_set(err, CW_E_VERIFY, "more than %d attestations are demanded", CW_DEMANDS_MAX);
    json_array_foreach (list, i, obj) {
        struct cw_demand *demand = &demands->items[demands->count++];

        rc = load_demand(demand, obj, attestors, err);
        for (j = 0; j < i && rc == CW_OK; j++) {
            if (strcmp(demands->items[j].predicate, demand->predicate) == 0)
                rc = cw_err_set(err, CW_E_VERIFY, "'%s' is demanded twice", demand->predicate);
        }
        if (rc != CW_OK)
            return cw_err_prefix(err, "attestations[%zu]", i);
    }
    return CW_OK;
}

int cw_demands_load(struct cw_demands *demands, const struct cw_config *config, const char *channel,
                    struct cw_err *err)
{
    const json_t *obj = json_object_get(config->channels, channel);
    int rc;

    *demands = (struct cw_demands){.count = 0};
    if (obj == NULL)
        return CW_OK;
    rc = load_demands(demands, obj, config->attestors, err);
    if (rc != CW_OK)
        cw_demands_clear(demands);
    return rc;
}

void cw_demands_clear(struct cw_demands *demands)
{
    size_t i, j;

    for (i = 0; i < demands->count; i++) {
        for (j = 0; j < demands->items[i].key_count; j++)
            cw_public_free(demands->items[i].keys[j]);
    }
    *demands = (struct cw_demands){.count = 0};
}

/* ---- checking ---- */

static int check_channel(const char *name, const json_t *channel, const json_t *attestors, struct cw_err *err)
{
    static const char *const known[] = {"attestations", NULL};
    CW_AUTO_DEMANDS demands = {.count = 0};
    int rc = cw_name_check_channel(name, err);

    if (rc == CW_OK && !json_is_object(channel))
        rc = cw_err_set(err, CW_E_VERIFY, "is not an object");
    if (rc == CW_OK)
        rc = cw_json_only(channel, known, err);
    return rc == CW_OK ? load_demands(&demands, channel, attestors, err) : rc;
}

int cw_demands_check(const json_t *channels, const json_t *attestors, struct cw_err *err)
{
    const char *name;
    json_t *item;

    json_object_foreach ((json_t *)attestors, name, item) {
        CW_AUTO_PUBLIC *key = NULL;

        if (cw_name_check(name, "key", err) != CW_OK)
            return cw_err_prefix(err, "field 'attestors'");
        if (cw_tuf_key_parse(&key, item, err) != CW_OK) {
            err->code = err->code == CW_E_NOTFOUND ? CW_E_VERIFY : err->code;
            return cw_err_prefix(err, "field 'attestors.%s'", name);
        }
    }
    json_object_foreach ((json_t *)channels, name, item) {
        if (check_channel(name, item, attestors, err) != CW_OK)
            return cw_err_prefix(err, "field 'channels.%.180s'", name);
    }
    return CW_OK;
}

/* ---- changing ---- */

/* A member that is an object or array, made where it is missing. Borrowed; NULL: no memory. */
static json_t *member(json_t *obj, const char *key, json_t *(*make)(void))
{
    json_t *found = json_object_get(obj, key);

    if (found != NULL)
        return found;
    found = make();
    return json_object_set_new(obj, key, found) == 0 ? found : NULL;
}

static size_t find(const json_t *demands, const char *predicate)
{
    json_t *demand;
    size_t i;

    json_array_foreach (demands, i, demand) {
        if (strcmp(json_string_value(json_object_get(demand, "predicate")), predicate) == 0)
            break;
    }
    return i;
}

static bool is_named(const struct cw_config *config, const char *key)
{
    const char *channel;
    json_t *obj, *demand, *name;
    size_t i, j;

    json_object_foreach (config->channels, channel, obj) {
        json_array_foreach (json_object_get(obj, "attestations"), i, demand) {
            json_array_foreach (json_object_get(demand, "keys"), j, name) {
                if (strcmp(json_string_value(name), key) == 0)
                    return true;
            }
        }
    }
    return false;
}

static void drop_unnamed(struct cw_config *config)
{
    const char *name;
    json_t *object;
    void *next;

    json_object_foreach_safe (config->attestors, next, name, object) {
        if (!is_named(config, name))
            json_object_del(config->attestors, name);
    }
}

int cw_demands_set(struct cw_config *config, const char *channel, json_t *demand, struct cw_err *err)
{
    const char *predicate = json_string_value(json_object_get(demand, "predicate"));
    json_t *obj, *list = NULL;
    size_t at;

    if (config->channels == NULL)
        config->channels = json_object();
    obj = config->channels != NULL ? member(config->channels, channel, json_object) : NULL;
    if (obj != NULL)
        list = member(obj, "attestations", json_array);
    if (list == NULL)
        return cw_err_nomem(err);
    at = find(list, predicate);
    if ((at < json_array_size(list) ? json_array_set(list, at, demand) : json_array_append(list, demand)) !=
        0)
        return cw_err_nomem(err);
    drop_unnamed(config);
    return cw_demands_check(config->channels, config->attestors, err);
}

int cw_demands_remove(struct cw_config *config, const char *channel, const char *predicate,
                      struct cw_err *err)
{
    json_t *list = json_object_get(json_object_get(config->channels, channel), "attestations");
    size_t at = find(list, predicate);

    if (at >= json_array_size(list))
        return cw_err_set(err, CW_E_NOTFOUND, "channel '%s' does not demand '%s'", channel, predicate);
    json_array_remove(list, at);
    if (json_array_size(list) == 0)
        json_object_del(config->channels, channel);
    drop_unnamed(config);
    return CW_OK;
}

int cw_demands_add_key(struct cw_config *config, const char *name, const json_t *object, struct cw_err *err)
{
    const json_t *known = json_object_get(config->attestors, name);

    if (known != NULL && !json_equal(known, object))
        return cw_err_set(
            err, CW_E_FAIL,
            "there is another key '%s' already: choose another name, or remove the demands that "
            "name it first",
            name);
    if (config->attestors == NULL)
        config->attestors = json_object();
    if (json_object_set(config->attestors, name, (json_t *)object) != 0)
        return cw_err_nomem(err);
    return CW_OK;
}
