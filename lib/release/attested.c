/* SPDX-License-Identifier: ISC */
/*
 * Reading what a channel manifest says of attestations.
 */
#include "release/attested.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/str.h"
#include "codec/hex.h"
#include "codec/json.h"
#include "release/name.h"

/* A list of keyids, each of which the document gives as a key. */
static int check_keys(const struct cw_channel *channel, const json_t *obj, const char *field,
                      struct cw_err *err)
{
    const json_t *attestors = json_object_get(channel->doc, "attestors");
    json_t *list, *keyid;
    size_t i;
    int rc = cw_json_get_array(&list, obj, field, err);

    if (rc != CW_OK)
        return rc;
    json_array_foreach (list, i, keyid) {
        if (!json_is_string(keyid))
            return cw_err_set(err, CW_E_VERIFY, "field '%s[%zu]' is not a string", field, i);
        if (json_object_get(attestors, json_string_value(keyid)) == NULL)
            return cw_err_set(err, CW_E_VERIFY, "field '%s[%zu]': 'attestors' has no key '%.64s'", field, i,
                              json_string_value(keyid));
    }
    return CW_OK;
}

/* Directly in the channel's own folder, which its role alone signs. */
static int check_path(const struct cw_channel *channel, const char *path, struct cw_err *err)
{
    char folder[sizeof "channels//" + CW_NAME_MAX];
    const char *file = cw_str_basename(path);

    snprintf(folder, sizeof folder, "channels/%s/", channel->channel);
    if (!cw_str_starts(path, folder) || (size_t)(file - path) != strlen(folder))
        return cw_err_set(err, CW_E_VERIFY, "'%.200s' does not lie in '%s'", path, folder);
    if (strcasecmp(file, CW_CHANNEL_FILE) == 0)
        return cw_err_set(err, CW_E_VERIFY, "'%s' is the channel manifest itself", path);
    return cw_name_check(file, "file", err);
}

static int check_predicate(const char *predicate, struct cw_err *err)
{
    if (predicate[0] == '\0' || strlen(predicate) > CW_PREDICATE_TEXT_MAX)
        return cw_err_set(err, CW_E_VERIFY, "field 'predicate' does not have 1 to %d bytes",
                          CW_PREDICATE_TEXT_MAX);
    return cw_text_check(predicate, "field 'predicate'", err);
}

static int parse_attestation(struct cw_attestation *attestation, const struct cw_channel *channel,
                             const json_t *obj, struct cw_err *err)
{
    int64_t length = 0;
    int rc = json_is_object(obj) ? CW_OK : cw_err_set(err, CW_E_VERIFY, "is not an object");

    if (rc == CW_OK)
        rc = cw_json_get_str(&attestation->path, obj, "path", err);
    if (rc == CW_OK)
        rc = check_path(channel, attestation->path, err);
    if (rc == CW_OK)
        rc = cw_json_get_str(&attestation->sha256, obj, "sha256", err);
    if (rc == CW_OK && !cw_hex_is_sha256(attestation->sha256))
        rc = cw_err_set(err, CW_E_VERIFY, "field 'sha256' is not 64 lower-case hex digits");
    if (rc == CW_OK)
        rc = cw_json_get_int(&length, obj, "length", 1, (int64_t)CW_ATTESTATION_MAX, err);
    if (rc == CW_OK)
        rc = cw_json_get_str(&attestation->predicate, obj, "predicate", err);
    if (rc == CW_OK)
        rc = check_predicate(attestation->predicate, err);
    if (rc == CW_OK)
        rc = check_keys(channel, obj, "signers", err);
    attestation->length = (uint64_t)length;
    return rc;
}

static int parse_given(struct cw_channel *channel, struct cw_pin *pin, const json_t *list, struct cw_err *err)
{
    json_t *obj;
    size_t i;

    if (json_array_size(list) > CW_ATTESTATIONS_MAX)
        return cw_err_set(err, CW_E_VERIFY, "more than %d attestations", CW_ATTESTATIONS_MAX);
    pin->attestations = channel->attestations + channel->attestation_count;
    json_array_foreach (list, i, obj) {
        if (parse_attestation(&channel->attestations[channel->attestation_count++], channel, obj, err) !=
            CW_OK)
            return cw_err_prefix(err, "attestations[%zu]", i);
        pin->attestation_count++;
    }
    return CW_OK;
}

static int check_demand(const struct cw_channel *channel, const json_t *demand, struct cw_err *err)
{
    const char *predicate = "";
    int64_t threshold;
    int rc = json_is_object(demand) ? CW_OK : cw_err_set(err, CW_E_VERIFY, "is not an object");

    if (rc == CW_OK)
        rc = cw_json_get_str(&predicate, demand, "predicate", err);
    if (rc == CW_OK)
        rc = check_predicate(predicate, err);
    if (rc == CW_OK)
        rc = cw_json_get_int(&threshold, demand, "threshold", 0, CW_ATTESTATIONS_MAX, err);
    return rc == CW_OK ? check_keys(channel, demand, "keys", err) : rc;
}

static int check_demanded(const struct cw_channel *channel, const json_t *release, struct cw_err *err)
{
    json_t *list = NULL, *demand;
    size_t i;
    int rc = cw_json_opt_array(&list, release, "demanded", err);

    if (rc != CW_OK)
        return rc;
    json_array_foreach (list, i, demand) {
        if (check_demand(channel, demand, err) != CW_OK)
            return cw_err_prefix(err, "demanded[%zu]", i);
    }
    return CW_OK;
}

/* None stands for two releases, and no two differ by case only. */
static int check_distinct(const struct cw_channel *channel, struct cw_err *err)
{
    CW_AUTO_FREE const char **paths = calloc(channel->attestation_count + 1, sizeof *paths);
    size_t i;

    if (paths == NULL)
        return cw_err_nomem(err);
    for (i = 0; i < channel->attestation_count; i++)
        paths[i] = channel->attestations[i].path;
    qsort(paths, channel->attestation_count, sizeof *paths, cw_str_compare_folded);
    for (i = 1; i < channel->attestation_count; i++) {
        if (strcasecmp(paths[i - 1], paths[i]) == 0)
            return cw_err_set(err, CW_E_VERIFY, "attestation '%s' is named twice", paths[i]);
    }
    return CW_OK;
}

static int parse_release(struct cw_channel *channel, struct cw_pin *pin, struct cw_err *err)
{
    const json_t *release = json_object_get(json_object_get(channel->doc, "releases"), pin->product);
    json_t *given = NULL;
    int rc = cw_json_opt_array(&given, release, "attestations", err);

    if (rc == CW_OK && given != NULL)
        rc = parse_given(channel, pin, given, err);
    return rc == CW_OK ? check_demanded(channel, release, err) : rc;
}

int cw_attested_parse(struct cw_channel *channel, struct cw_err *err)
{
    json_t *attestors = NULL, *release;
    const char *product;
    size_t i, count = 0;
    int rc = cw_json_opt_obj(&attestors, channel->doc, "attestors", err);

    if (rc != CW_OK)
        return rc;
    json_object_foreach (json_object_get(channel->doc, "releases"), product, release)
        count += json_array_size(json_object_get(release, "attestations"));
    channel->attestations = calloc(count + 1, sizeof *channel->attestations);
    if (channel->attestations == NULL)
        return cw_err_nomem(err);
    for (i = 0; i < channel->pin_count; i++) {
        if (parse_release(channel, &channel->pins[i], err) != CW_OK)
            return cw_err_prefix(err, "releases: '%s'", channel->pins[i].product);
    }
    return check_distinct(channel, err);
}
