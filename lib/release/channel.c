/* SPDX-License-Identifier: ISC */
/*
 * Reading channel manifests and asking them. What only the site's memory can tell is release/memory.c's.
 */
#include "release/channel.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "codec/hex.h"
#include "codec/json.h"
#include "release/attested.h"
#include "release/manifest.h"
#include "release/name.h"
#include "release/semver.h"

static int get_time(int64_t *when, const json_t *obj, const char *key, struct cw_err *err)
{
    const char *text;
    int rc = cw_json_get_str(&text, obj, key, err);

    if (rc != CW_OK)
        return rc;
    if (cw_time_parse(when, text, err) == CW_OK)
        return CW_OK;
    if (err != NULL)
        err->code = CW_E_VERIFY; /* a bad time in a signed document is a bad document */
    cw_err_prefix(err, "field '%s'", key);
    return CW_E_VERIFY;
}

static int get_sha256(const char **sha256, const json_t *obj, const char *key, struct cw_err *err)
{
    int rc = cw_json_get_str(sha256, obj, key, err);

    if (rc == CW_OK && !cw_hex_is_sha256(*sha256))
        rc = cw_err_set(err, CW_E_VERIFY, "field '%s' is not 64 lower-case hex digits", key);
    return rc;
}

static int parse_head(struct cw_channel *channel, struct cw_err *err)
{
    const json_t *doc = channel->doc;
    int rc = cw_json_get_str(&channel->channel, doc, "channel", err);

    if (rc == CW_OK)
        rc = cw_name_check_channel(channel->channel, err);
    if (rc == CW_OK)
        rc = cw_json_get_int(&channel->serial, doc, "serial", 1, CW_SERIAL_MAX, err);
    if (rc == CW_OK)
        rc = get_time(&channel->published, doc, "published", err);
    if (rc != CW_OK)
        return rc;
    if (channel->serial > 1)
        return get_sha256(&channel->previous, doc, "previous", err);
    if (json_object_get(doc, "previous") != NULL)
        return cw_err_set(err, CW_E_VERIFY, "field 'previous': serial 1 has no predecessor");
    return CW_OK;
}

static int parse_pin(struct cw_pin *pin, const char *product, const json_t *obj, struct cw_err *err)
{
    int64_t length;
    int rc = cw_name_check_product(product, err);

    if (rc == CW_OK && !json_is_object(obj))
        rc = cw_err_set(err, CW_E_VERIFY, "is not an object");
    if (rc == CW_OK)
        rc = cw_json_get_str(&pin->version, obj, "version", err);
    if (rc == CW_OK)
        rc = cw_semver_check(pin->version, err);
    if (rc == CW_OK)
        rc = get_sha256(&pin->sha256, obj, "sha256", err);
    if (rc == CW_OK)
        rc = cw_json_get_int(&length, obj, "length", 1, (int64_t)CW_MANIFEST_MAX, err);
    if (rc == CW_OK)
        rc = get_time(&pin->promoted, obj, "promoted", err);
    if (rc != CW_OK)
        return cw_err_prefix(err, "releases: '%.180s'", product);
    pin->product = product;
    pin->length = (uint64_t)length;
    return CW_OK;
}

static int compare_pins(const void *a, const void *b)
{
    return strcmp(((const struct cw_pin *)a)->product, ((const struct cw_pin *)b)->product);
}

/* No two products that one folder on a stick could not hold, and none whose role would be the channel's
 * own. */
static int check_products(const struct cw_channel *channel, struct cw_err *err)
{
    CW_AUTO_FREE const char **names = calloc(channel->pin_count + 1, sizeof *names);
    size_t i;

    if (names == NULL)
        return cw_err_nomem(err);
    for (i = 0; i < channel->pin_count; i++)
        names[i] = channel->pins[i].product;
    qsort(names, channel->pin_count, sizeof *names, cw_str_compare_folded);
    for (i = 0; i < channel->pin_count; i++) {
        if (strcasecmp(names[i], channel->channel) == 0)
            return cw_err_set(err, CW_E_VERIFY, "releases: product '%s' is named like the channel", names[i]);
        if (i > 0 && strcasecmp(names[i - 1], names[i]) == 0)
            return cw_err_set(err, CW_E_VERIFY, "releases: '%s' and '%s' differ by case only", names[i - 1],
                              names[i]);
    }
    return CW_OK;
}

static int parse_pins(struct cw_channel *channel, struct cw_err *err)
{
    json_t *releases, *obj;
    const char *product;
    int rc = cw_json_get_obj(&releases, channel->doc, "releases", err);

    if (rc != CW_OK)
        return rc;
    channel->pins = calloc(json_object_size(releases) + 1, sizeof *channel->pins);
    if (channel->pins == NULL)
        return cw_err_nomem(err);
    json_object_foreach (releases, product, obj) {
        rc = parse_pin(&channel->pins[channel->pin_count++], product, obj, err);
        if (rc != CW_OK)
            return rc;
    }
    qsort(channel->pins, channel->pin_count, sizeof *channel->pins, compare_pins);
    return check_products(channel, err);
}

static int check_withdrawn_product(const struct cw_channel *channel, const char *product, json_t *versions,
                                   struct cw_err *err)
{
    const struct cw_pin *pin = cw_channel_pin(channel, product);
    const char *version;
    json_t *reason;
    int rc = cw_name_check_product(product, err);

    if (rc == CW_OK && !json_is_object(versions))
        rc = cw_err_set(err, CW_E_VERIFY, "'%s' is not an object", product);
    if (rc != CW_OK)
        return rc;
    json_object_foreach (versions, version, reason) {
        if (cw_semver_check(version, err) != CW_OK)
            return cw_err_prefix(err, "'%s'", product);
        if (!json_is_string(reason))
            return cw_err_set(err, CW_E_VERIFY, "the reason for %s %s is not a string", product, version);
        if (cw_text_check(json_string_value(reason), "the reason", err) != CW_OK)
            return cw_err_prefix(err, "%s %s", product, version);
        if (pin != NULL && strcmp(pin->version, version) == 0)
            return cw_err_set(err, CW_E_VERIFY, "%s %s is withdrawn (%s), but in the set", product, version,
                              json_string_value(reason));
    }
    return CW_OK;
}

static int parse_withdrawn(struct cw_channel *channel, struct cw_err *err)
{
    json_t *versions, *withdrawn = NULL;
    const char *product;
    int rc = cw_json_opt_obj(&withdrawn, channel->doc, "withdrawn", err);

    if (rc != CW_OK)
        return rc;
    json_object_foreach (withdrawn, product, versions) {
        if (check_withdrawn_product(channel, product, versions, err) != CW_OK)
            return cw_err_prefix(err, "withdrawn");
    }
    channel->withdrawn = withdrawn;
    return CW_OK;
}

static int parse(struct cw_channel *channel, const void *bytes, size_t len, struct cw_err *err)
{
    int rc;

    if (len > CW_CHANNEL_MAX)
        return cw_err_set(err, CW_E_VERIFY, "is larger than %zu bytes", CW_CHANNEL_MAX);
    rc = cw_json_parse(&channel->doc, bytes, len, err);
    if (rc == CW_OK)
        rc = cw_json_check_format(channel->doc, CW_CHANNEL_TYPE, err);
    if (rc == CW_OK)
        rc = parse_head(channel, err);
    if (rc == CW_OK)
        rc = parse_pins(channel, err);
    if (rc == CW_OK)
        rc = cw_attested_parse(channel, err);
    return rc == CW_OK ? parse_withdrawn(channel, err) : rc;
}

int cw_channel_parse(struct cw_channel *channel, const void *bytes, size_t len, struct cw_err *err)
{
    int rc;

    *channel = (struct cw_channel){0};
    rc = parse(channel, bytes, len, err);
    if (rc == CW_OK)
        return CW_OK;
    cw_channel_clear(channel);
    cw_err_prefix(err, "channel manifest");
    return rc;
}

void cw_channel_clear(struct cw_channel *channel)
{
    json_decref(channel->doc);
    free(channel->pins);
    free(channel->attestations);
    *channel = (struct cw_channel){0};
}

const struct cw_pin *cw_channel_pin(const struct cw_channel *channel, const char *product)
{
    struct cw_pin key = {.product = product};

    if (channel->pin_count == 0)
        return NULL;
    return bsearch(&key, channel->pins, channel->pin_count, sizeof *channel->pins, compare_pins);
}

const char *cw_channel_withdrawn(const struct cw_channel *channel, const char *product, const char *version)
{
    return json_string_value(json_object_get(json_object_get(channel->withdrawn, product), version));
}

int cw_channel_check_requires(const struct cw_channel *channel, const char *product, const json_t *requires,
                              struct cw_err *err)
{
    const struct cw_pin *self = cw_channel_pin(channel, product);
    const char *needed;
    json_t *range;

    json_object_foreach ((json_t *) requires, needed, range) {
        const struct cw_pin *pin = cw_channel_pin(channel, needed);

        if (pin == NULL)
            return cw_err_set(err, CW_E_VERIFY, "%s %s requires %s %s, but channel '%s' has none", product,
                              self != NULL ? self->version : "", needed, json_string_value(range),
                              channel->channel);
        if (!cw_semver_in_range(pin->version, json_string_value(range)))
            return cw_err_set(err, CW_E_VERIFY, "%s %s requires %s %s, but channel '%s' has %s", product,
                              self != NULL ? self->version : "", needed, json_string_value(range),
                              channel->channel, pin->version);
    }
    return CW_OK;
}
