/* SPDX-License-Identifier: ISC */
/*
 * Reading and writing causeway.json.
 */
#include "gen/config.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "codec/json_file.h"
#include "gen/demands.h"

#define MINUTE INT64_C(60)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

#define DELTAS 3 /* a site that skipped two releases still gets a small one */

static const char *const life_names[] = {"root",     "targets",   "product", "channel",
                                         "snapshot", "timestamp", NULL};

/* Offline keys sign once a year. The online pair is short-lived, which is what tells a site that nobody holds
 * news back; a daily "publish --renew-within 3d" keeps it fresh. */
void cw_config_init(struct cw_config *config)
{
    *config = (struct cw_config){.expires =
                                     {
                                         [CW_LIFE_ROOT] = 365 * DAY,
                                         [CW_LIFE_TARGETS] = 365 * DAY,
                                         [CW_LIFE_PRODUCT] = 365 * DAY,
                                         [CW_LIFE_CHANNEL] = 90 * DAY,
                                         [CW_LIFE_SNAPSHOT] = 7 * DAY,
                                         [CW_LIFE_TIMESTAMP] = 7 * DAY,
                                     },
                                 .deltas = DELTAS};
}

static int read_life(int64_t *seconds, const json_t *expires, const char *name, struct cw_err *err)
{
    const char *text;
    int rc = cw_json_get_str(&text, expires, name, err);

    if (rc == CW_OK && cw_duration_parse(seconds, text, err) != CW_OK)
        rc = err->code = CW_E_VERIFY;
    if (rc == CW_OK && *seconds <= 0)
        rc = cw_err_set(err, CW_E_VERIFY, "must be longer than nothing");
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "field 'expires.%s'", name);
}

static int read_demands(struct cw_config *config, const json_t *doc, struct cw_err *err)
{
    json_t *channels = NULL, *attestors = NULL;
    int rc = cw_json_opt_obj(&channels, doc, "channels", err);

    if (rc == CW_OK)
        rc = cw_json_opt_obj(&attestors, doc, "attestors", err);
    if (rc == CW_OK)
        rc = cw_demands_check(channels, attestors, err);
    config->channels = json_incref(channels);
    config->attestors = json_incref(attestors);
    return rc;
}

static int read_doc(struct cw_config *config, const json_t *doc, struct cw_err *err)
{
    static const char *const known[] = {"_type",  "format",   "plain_keys", "expires",
                                        "deltas", "channels", "attestors",  NULL};
    json_t *expires = NULL;
    int i, rc = cw_json_check_format(doc, CW_CONFIG_TYPE, err);

    if (rc == CW_OK)
        rc = cw_json_only(doc, known, err);
    if (rc == CW_OK)
        rc = cw_json_opt_bool(&config->plain_keys, doc, "plain_keys", err);
    if (rc == CW_OK)
        rc = cw_json_get_obj(&expires, doc, "expires", err);
    if (rc == CW_OK)
        rc = cw_json_only(expires, life_names, err);
    for (i = 0; i < CW_LIFE_COUNT && rc == CW_OK; i++)
        rc = read_life(&config->expires[i], expires, life_names[i], err);
    if (rc == CW_OK && json_object_get(doc, "deltas") != NULL) {
        int64_t deltas;

        rc = cw_json_get_int(&deltas, doc, "deltas", 0, CW_CONFIG_DELTAS_MAX, err);
        config->deltas = rc == CW_OK ? (uint64_t)deltas : 0;
    }
    return rc == CW_OK ? read_demands(config, doc, err) : rc;
}

int cw_config_load(struct cw_config *config, int dir, struct cw_err *err)
{
    json_auto_t *doc = NULL;
    int rc = cw_json_file_read(&doc, dir, CW_CONFIG_FILE, CW_CONFIG_MAX, err);

    if (rc == CW_E_NOTFOUND)
        return rc;
    cw_config_init(config);
    if (rc == CW_OK)
        rc = read_doc(config, doc, err);
    if (rc == CW_OK)
        return CW_OK;
    cw_config_clear(config);
    return cw_err_prefix(err, "'%s'", CW_CONFIG_FILE);
}

void cw_config_clear(struct cw_config *config)
{
    json_decref(config->channels);
    json_decref(config->attestors);
    *config = (struct cw_config){.channels = NULL};
}

int cw_config_check_deltas(uint64_t deltas, struct cw_err *err)
{
    return deltas <= CW_CONFIG_DELTAS_MAX
               ? CW_OK
               : cw_err_set(err, CW_E_USAGE, "'--deltas' takes 0 to %d, not %" PRIu64, CW_CONFIG_DELTAS_MAX,
                            deltas);
}

/* In the largest unit that divides it. */
static json_t *life_text(int64_t seconds)
{
    if (seconds % DAY == 0)
        return json_sprintf("%" PRId64 "d", seconds / DAY);
    if (seconds % HOUR == 0)
        return json_sprintf("%" PRId64 "h", seconds / HOUR);
    if (seconds % MINUTE == 0)
        return json_sprintf("%" PRId64 "m", seconds / MINUTE);
    return json_sprintf("%" PRId64 "s", seconds);
}

int cw_config_store(const struct cw_config *config, int dir, const char *path, struct cw_err *err)
{
    json_auto_t *doc =
        json_pack("{s:s, s:s, s:b, s:I, s:{}, s:O*, s:O*}", "_type", CW_CONFIG_TYPE, "format", "1.0",
                  "plain_keys", config->plain_keys, "deltas", (json_int_t)config->deltas, "expires",
                  "channels", config->channels, "attestors", config->attestors);
    json_t *expires = json_object_get(doc, "expires");
    int i;

    if (doc == NULL)
        return cw_err_nomem(err);
    for (i = 0; i < CW_LIFE_COUNT; i++) {
        if (json_object_set_new(expires, life_names[i], life_text(config->expires[i])) != 0)
            return cw_err_nomem(err);
    }
    return cw_json_file_replace(dir, path, doc, CW_CONFIG_MAX, err);
}
