/* SPDX-License-Identifier: ISC */
/*
 * Gathering withdrawals; see gen/withdrawn.h.
 */
#include "gen/withdrawn.h"

int cw_withdrawn_merge(json_t *withdrawn, const json_t *more, struct cw_err *err)
{
    const char *product, *version;
    json_t *versions, *reason;

    json_object_foreach ((json_t *)more, product, versions) {
        json_t *known = json_object_get(withdrawn, product);

        if (known == NULL) {
            known = json_object();
            if (json_object_set_new(withdrawn, product, known) != 0)
                return cw_err_nomem(err);
        }
        json_object_foreach (versions, version, reason) {
            if (json_object_get(known, version) == NULL && json_object_set(known, version, reason) != 0)
                return cw_err_nomem(err);
        }
    }
    return CW_OK;
}

const char *cw_withdrawn_reason(const json_t *withdrawn, const char *product, const char *version)
{
    return json_string_value(json_object_get(json_object_get(withdrawn, product), version));
}

static int add_published(json_t *withdrawn, const struct cw_state *state, const char *name,
                         struct cw_err *err)
{
    struct cw_channel channel = {.doc = NULL};
    int rc = cw_state_read_channel(&channel, NULL, state, name, err);

    if (rc == CW_OK)
        rc = cw_withdrawn_merge(withdrawn, channel.withdrawn, err);
    cw_channel_clear(&channel);
    return rc == CW_E_NOTFOUND ? CW_OK : rc; /* nothing was ever published there */
}

int cw_withdrawn_load(json_t **withdrawn, const struct cw_state *state, const struct cw_stage *stage,
                      struct cw_err *err)
{
    json_auto_t *all = json_object();
    const char *channel;
    json_t *staged;
    size_t i;
    int rc = all != NULL ? CW_OK : cw_err_nomem(err);

    *withdrawn = NULL;
    for (i = 0; i < state->role_count && rc == CW_OK; i++) {
        if (state->roles[i].is_channel)
            rc = add_published(all, state, state->roles[i].name, err);
    }
    json_object_foreach (stage->withdrawals, channel, staged) {
        if (rc == CW_OK)
            rc = cw_withdrawn_merge(all, staged, err);
    }
    if (rc == CW_OK)
        *withdrawn = json_incref(all);
    return rc;
}
