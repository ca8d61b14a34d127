/* SPDX-License-Identifier: ISC */
/*
 * Staged rollout: see sync/deploy/rollout.h. Shares are drawn by a hash of the site's name and the set's hash,
 * so that it is not always the same sites that go first.
 */
#include "sync/deploy/rollout.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "crypt/hash.h"

struct stage {
    int64_t after;
    int percent;     /* -1: by name */
    const char *who; /* borrowed from the text */
};

/* "20%" */
static bool parse_share(int *percent, const char *text)
{
    size_t len = strspn(text, "0123456789");

    if (len == 0 || len > 3 || strcmp(text + len, "%") != 0)
        return false;
    *percent = (int)strtol(text, NULL, 10);
    return *percent >= 1 && *percent <= 100;
}

static int parse_stage(struct stage *stage, const json_t *value, struct cw_err *err)
{
    const char *text = json_string_value(value), *space = text != NULL ? strchr(text, ' ') : NULL;
    char after[32];

    *stage = (struct stage){.percent = -1};
    if (space == NULL || space == text || space[1] == '\0' || strchr(space + 1, ' ') != NULL ||
        (size_t)(space - text) >= sizeof(after))
        return cw_err_set(err, CW_E_VERIFY,
                          "'%s' is not a time after promotion and who: write it like \"0d canary-*\", \"3d "
                          "20%%\" or \"7d *\"",
                          text != NULL ? text : "");
    memcpy(after, text, (size_t)(space - text));
    after[space - text] = '\0';
    stage->who = space + 1;
    if (cw_duration_parse(&stage->after, after, err) != CW_OK)
        return cw_err_set(err, CW_E_VERIFY, "'%s': '%s' is not a length of time like \"3d\"", text, after);
    if (strchr(stage->who, '%') != NULL && !parse_share(&stage->percent, stage->who))
        return cw_err_set(err, CW_E_VERIFY, "'%s': '%s' is not a share from 1%% to 100%%", text, stage->who);
    return CW_OK;
}

int cw_rollout_check(const json_t *stages, struct cw_err *err)
{
    struct stage stage;
    json_t *value;
    size_t i;
    int rc = CW_OK;

    if (json_array_size(stages) == 0 || json_array_size(stages) > CW_ROLLOUT_STAGES_MAX)
        return cw_err_set(err, CW_E_VERIFY,
                          "is not a list of 1 to %d stages like { \"0d canary-*\", \"7d *\" }",
                          CW_ROLLOUT_STAGES_MAX);
    json_array_foreach (stages, i, value) {
        rc = parse_stage(&stage, value, err);
        if (rc != CW_OK)
            break;
    }
    return rc;
}

static int draw(int *lot, const char *site, const char *set, struct cw_err *err)
{
    CW_AUTO_FREE char *text = cw_str_format("causeway rollout\n%s\n%s\n", set, site);
    char hash[CW_SHA256_TEXT];
    int rc;

    if (text == NULL)
        return cw_err_nomem(err);
    rc = cw_sha256(hash, text, strlen(text), err);
    hash[8] = '\0';
    *lot = rc == CW_OK ? (int)(strtoul(hash, NULL, 16) % 100) : 0;
    return rc;
}

static bool is_named(const char *patterns, const char *site)
{
    CW_AUTO_FREE char *copy = strdup(patterns);
    char *rest = NULL;

    for (char *one = copy != NULL ? strtok_r(copy, ",", &rest) : NULL; one != NULL;
         one = strtok_r(NULL, ",", &rest)) {
        if (fnmatch(one, site, 0) == 0)
            return true;
    }
    return false;
}

int cw_rollout_turn(bool *in, int64_t *after, const json_t *stages, const char *site, const char *set,
                    struct cw_err *err)
{
    struct stage stage;
    json_t *value;
    size_t i;
    int lot = 0, rc = draw(&lot, site, set, err);

    *in = false;
    *after = 0;
    json_array_foreach (stages, i, value) {
        if (rc == CW_OK)
            rc = parse_stage(&stage, value, err);
        if (rc != CW_OK)
            return rc;
        if (stage.percent >= 0 ? lot >= stage.percent : !is_named(stage.who, site))
            continue;
        if (!*in || stage.after < *after)
            *after = stage.after;
        *in = true;
    }
    return rc;
}
