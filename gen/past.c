/* SPDX-License-Identifier: ISC */
/*
 * Following a channel's manifests back; see gen/past.h.
 */
#include "gen/past.h"

#include <inttypes.h>
#include <string.h>

#include "gen/repo.h"
#include "tree/layout.h"

int cw_past_open(struct cw_past *past, const struct cw_state *state, const char *name, struct cw_err *err)
{
    *past = (struct cw_past){.state = state, .name = name};
    return cw_state_read_channel(&past->channel, past->sha256, state, name, err);
}

void cw_past_close(struct cw_past *past)
{
    cw_channel_clear(&past->channel);
    *past = (struct cw_past){.state = NULL};
}

/* What the successor says of it is all that makes it genuine. */
static int check(const struct cw_channel *older, const struct cw_past *past, const struct cw_buf *bytes,
                 struct cw_err *err)
{
    char sha256[CW_SHA256_TEXT];
    int rc = cw_sha256(sha256, cw_buf_text(bytes), bytes->len, err);

    if (rc == CW_OK && strcmp(sha256, past->channel.previous) != 0)
        rc = cw_err_set(err, CW_E_VERIFY, "sha256 differs: expected %s, got %s", past->channel.previous,
                        sha256);
    if (rc == CW_OK && (strcmp(older->channel, past->name) != 0 || older->serial != past->channel.serial - 1))
        rc = cw_err_set(err, CW_E_VERIFY, "is serial %" PRId64 " of '%s', and serial %" PRId64 " follows it",
                        older->serial, older->channel, past->channel.serial);
    return rc;
}

static int path_of(char path[CW_PATH_MAX], const struct cw_past *past, struct cw_err *err)
{
    char target[CW_PATH_MAX];
    int rc = cw_tree_channel_target(target, past->name, err);

    return rc == CW_OK ? cw_tree_target_path(path, target, past->channel.previous, err) : rc;
}

int cw_past_older(bool *more, struct cw_past *past, struct cw_channel *left, struct cw_err *err)
{
    CW_AUTO_BUF bytes = CW_BUF_INIT(CW_CHANNEL_MAX);
    struct cw_channel older = {.doc = NULL};
    char path[CW_PATH_MAX];
    int rc;

    *more = false;
    if (past->channel.previous == NULL)
        return CW_OK;
    rc = path_of(path, past, err);
    if (rc == CW_OK)
        rc = cw_at_read_file(&bytes, past->state->tree, path, err);
    if (rc == CW_E_NOTFOUND) {
        past->cut = true;
        return CW_OK;
    }
    if (rc == CW_OK)
        rc = cw_channel_parse(&older, cw_buf_text(&bytes), bytes.len, err);
    if (rc == CW_OK)
        rc = check(&older, past, &bytes, err);
    if (rc != CW_OK) {
        cw_channel_clear(&older);
        return cw_err_prefix(err, "'%s/%s'", CW_REPO_TREE, path);
    }
    memcpy(past->sha256, past->channel.previous, sizeof past->sha256);
    if (left != NULL)
        *left = past->channel;
    else
        cw_channel_clear(&past->channel);
    past->channel = older;
    *more = true;
    return CW_OK;
}

int cw_past_had(bool *had, bool *cut, const struct cw_state *state, const char *name, const char *product,
                const char *version, struct cw_err *err)
{
    CW_AUTO_PAST past = {.state = NULL};
    bool more = true;
    int rc = cw_past_open(&past, state, name, err);

    *had = *cut = false;
    if (rc == CW_E_NOTFOUND)
        return CW_OK;
    while (rc == CW_OK && more && !*had) {
        const struct cw_pin *pin = cw_channel_pin(&past.channel, product);

        *had = pin != NULL && strcmp(pin->version, version) == 0;
        rc = *had ? CW_OK : cw_past_older(&more, &past, NULL, err);
    }
    *cut = !*had && past.cut;
    return rc;
}
