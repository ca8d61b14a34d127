/* SPDX-License-Identifier: ISC */
/*
 * The site's memory against replay and change. Pure: JSON in, JSON out; who keeps it, and when, is the
 * caller's.
 */
#include "release/memory.h"

#include <inttypes.h>
#include <string.h>

#include "codec/json.h"

/* The object under key, made where missing. Borrowed. */
static int member(json_t **obj, json_t *parent, const char *key, struct cw_err *err)
{
    *obj = json_object_get(parent, key);
    if (*obj == NULL && json_object_set_new(parent, key, json_object()) != 0)
        return cw_err_nomem(err);
    *obj = json_object_get(parent, key);
    if (!json_is_object(*obj))
        return cw_err_set(err, CW_E_VERIFY, "the site's memory is damaged: '%s' is not an object", key);
    return CW_OK;
}

static int set_string(json_t *obj, const char *key, const char *text, struct cw_err *err)
{
    return json_object_set_new(obj, key, json_string(text)) == 0 ? CW_OK : cw_err_nomem(err);
}

/* Is this channel manifest the remembered one or a later one? `known`: what is remembered of the channel. */
static int check_serial(const json_t *known, const struct cw_channel *channel, const char *sha256,
                        struct cw_err *err)
{
    const char *before;
    int64_t serial;
    int rc = cw_json_get_int(&serial, known, "serial", 1, CW_SERIAL_MAX, err);

    if (rc == CW_OK)
        rc = cw_json_get_str(&before, known, "sha256", err);
    if (rc != CW_OK)
        return cw_err_prefix(err, "the site's memory is damaged");
    if (channel->serial < serial)
        return cw_err_set(err, CW_E_VERIFY,
                          "serial %" PRId64 " is older than %" PRId64 ", which this site has already seen",
                          channel->serial, serial);
    if (channel->serial == serial && strcmp(before, sha256) != 0)
        return cw_err_set(err, CW_E_VERIFY,
                          "serial %" PRId64 " is not what it was: expected sha256 %s, got %s", serial, before,
                          sha256);
    if (channel->serial == serial + 1 && strcmp(before, channel->previous) != 0)
        return cw_err_set(err, CW_E_VERIFY,
                          "serial %" PRId64 " does not follow the serial %" PRId64
                          " that this site has seen: expected previous %s, got %s",
                          channel->serial, serial, before, channel->previous);
    return CW_OK;
}

/* Everything that this channel withdrew before is still withdrawn. */
static int check_withdrawals_kept(const json_t *known, const struct cw_channel *channel, struct cw_err *err)
{
    const char *product, *version;
    json_t *versions, *reason;

    json_object_foreach (json_object_get(known, "withdrawn"), product, versions) {
        json_object_foreach (versions, version, reason) {
            if (cw_channel_withdrawn(channel, product, version) == NULL)
                return cw_err_set(err, CW_E_VERIFY, "the withdrawal of %s %s was undone", product, version);
        }
    }
    return CW_OK;
}

static int remember_pin(json_t *after, const struct cw_pin *pin, struct cw_err *err)
{
    json_t *versions, *of_product, *withdrawn;
    const char *known, *reason;
    int rc = member(&versions, after, "versions", err);

    if (rc == CW_OK)
        rc = member(&of_product, versions, pin->product, err);
    if (rc == CW_OK)
        rc = member(&withdrawn, after, "withdrawn", err);
    if (rc != CW_OK)
        return rc;
    known = json_string_value(json_object_get(of_product, pin->version));
    if (known != NULL && strcmp(known, pin->sha256) != 0)
        return cw_err_set(err, CW_E_VERIFY,
                          "%s %s was changed after this site saw it: expected manifest sha256 %s, got %s",
                          pin->product, pin->version, known, pin->sha256);
    reason = json_string_value(json_object_get(json_object_get(withdrawn, pin->product), pin->version));
    if (reason != NULL)
        return cw_err_set(err, CW_E_VERIFY, "%s %s was withdrawn (%s), but is in the set", pin->product,
                          pin->version, reason);
    return set_string(of_product, pin->version, pin->sha256, err);
}

static int remember_withdrawals(json_t *after, const struct cw_channel *channel, struct cw_err *err)
{
    const char *product, *version;
    json_t *withdrawn, *of_product, *versions, *reason;
    int rc = member(&withdrawn, after, "withdrawn", err);

    if (rc != CW_OK)
        return rc;
    json_object_foreach ((json_t *)channel->withdrawn, product, versions) {
        rc = member(&of_product, withdrawn, product, err);
        if (rc != CW_OK)
            return rc;
        json_object_foreach (versions, version, reason) {
            if (json_object_set_new(of_product, version, cw_json_copy(reason)) != 0)
                return cw_err_nomem(err);
        }
    }
    return CW_OK;
}

static int remember_channel(json_t *channels, const struct cw_channel *channel, const char *sha256,
                            struct cw_err *err)
{
    json_auto_t *entry = json_pack("{s:I, s:s}", "serial", (json_int_t)channel->serial, "sha256", sha256);

    if (entry == NULL)
        return cw_err_nomem(err);
    if (channel->withdrawn != NULL &&
        json_object_set_new(entry, "withdrawn", cw_json_deep_copy(channel->withdrawn)) != 0)
        return cw_err_nomem(err);
    return json_object_set(channels, channel->channel, entry) == 0 ? CW_OK : cw_err_nomem(err);
}

static int advance(json_t *after, const struct cw_channel *channel, const char *sha256, struct cw_err *err)
{
    json_t *channels, *known;
    size_t i;
    int rc = member(&channels, after, "channels", err);

    if (rc != CW_OK)
        return rc;
    known = json_object_get(channels, channel->channel);
    if (known != NULL) {
        rc = check_serial(known, channel, sha256, err);
        if (rc == CW_OK)
            rc = check_withdrawals_kept(known, channel, err);
    }
    if (rc == CW_OK)
        rc = remember_withdrawals(after, channel, err);
    for (i = 0; i < channel->pin_count && rc == CW_OK; i++)
        rc = remember_pin(after, &channel->pins[i], err);
    return rc == CW_OK ? remember_channel(channels, channel, sha256, err) : rc;
}

int cw_memory_advance(json_t **after, const json_t *memory, const struct cw_channel *channel,
                      const char *sha256, struct cw_err *err)
{
    json_auto_t *next = NULL;
    int rc;

    *after = NULL;
    if (memory != NULL && !json_is_object(memory))
        return cw_err_set(err, CW_E_VERIFY, "the site's memory is damaged: it is not an object");
    next = memory != NULL ? cw_json_deep_copy(memory) : json_object();
    if (next == NULL)
        return cw_err_nomem(err);
    rc = advance(next, channel, sha256, err);
    if (rc != CW_OK) {
        cw_err_prefix(err, "channel '%s'", channel->channel);
        return rc;
    }
    *after = json_incref(next);
    return CW_OK;
}
