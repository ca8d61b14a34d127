/* SPDX-License-Identifier: ISC */
/*
 * Reading what was pulled: the set that memory.json committed, verified again from the mirror's files against
 * the root that it entered under. Expiry is not judged here: it was when the set entered.
 */
#include "sync/mirror/load.h"

#include <stdio.h>
#include <string.h>

#include "sync/mirror/memory.h"
#include "sync/mirror/trust.h"
#include "tree/layout.h"

struct reader {
    int mirror;
    const struct cw_mirror_memory *memory;
};

static int answer_fetch(const struct reader *reader, struct cw_tuf_update *update,
                        const struct cw_tuf_want *want, struct cw_err *err)
{
    CW_AUTO_BUF bytes = CW_BUF_INIT(want->max);
    char path[CW_PATH_MAX];
    int rc, n = snprintf(path, sizeof path, CW_TREE_METADATA "/%s", want->name);

    if (strcmp(want->role, cw_tuf_type_name(CW_TUF_ROOT)) == 0)
        return cw_tuf_update_absent(update, err); /* the root that the set entered under, no later one */
    if (strcmp(want->role, cw_tuf_type_name(CW_TUF_TIMESTAMP)) == 0)
        return cw_tuf_update_give(update, reader->memory->timestamp, reader->memory->timestamp_len, err);
    if (n < 0 || (size_t)n >= sizeof path)
        return cw_err_set(err, CW_E_VERIFY, "role name '%.64s…' is too long", want->name);
    rc = cw_at_read_file(&bytes, reader->mirror, path, err);
    if (rc == CW_E_NOTFOUND)
        return cw_err_set(err, CW_E_INCOMPLETE, "'%s' is missing from the mirror; run 'causeway-sync pull'",
                          path);
    return rc == CW_OK ? cw_tuf_update_give(update, cw_buf_text(&bytes), bytes.len, err) : rc;
}

static int drive(void *ctx, struct cw_tuf_update *update, struct cw_err *err)
{
    struct cw_tuf_want want;
    int rc;

    while ((rc = cw_tuf_update_next(update, &want, err)) == CW_OK && want.kind != CW_TUF_DONE) {
        if (want.kind == CW_TUF_LOAD)
            rc = cw_tuf_update_absent(update, err);
        else if (want.kind == CW_TUF_FETCH)
            rc = answer_fetch(ctx, update, &want, err);
        else
            rc = cw_tuf_update_stored(update, err);
        if (rc != CW_OK)
            break;
    }
    return rc;
}

static int read_target(void *ctx, const char *tree_path, struct cw_buf *buf, struct cw_err *err)
{
    const struct reader *reader = ctx;
    int rc = cw_at_read_file(buf, reader->mirror, tree_path, err);

    if (rc == CW_E_NOTFOUND)
        return cw_err_set(err, CW_E_INCOMPLETE, "'%s' is missing from the mirror; run 'causeway-sync pull'",
                          tree_path);
    return rc;
}

static int check_present(const struct cw_set *set, int mirror, struct cw_err *err)
{
    char path[CW_PATH_MAX];
    struct stat st;
    size_t i;

    for (i = 0; i < set->file_count; i++) {
        int rc = cw_tree_target_path(path, set->files[i].target, set->files[i].sha256, err);

        if (rc != CW_OK)
            return rc;
        rc = cw_at_stat(&st, mirror, path, err);
        if (rc != CW_OK && rc != CW_E_NOTFOUND)
            return rc;
        if (rc != CW_OK || !S_ISREG(st.st_mode))
            return cw_err_set(err, CW_E_INCOMPLETE,
                              "'%s' is missing from the mirror; run 'causeway-sync pull'", path);
        if ((uint64_t)st.st_size != set->files[i].length)
            return cw_err_set(err, CW_E_VERIFY,
                              "'%s' in the mirror has the wrong length; run 'causeway-sync pull'", path);
    }
    return CW_OK;
}

static int load_set(struct cw_set *set, struct cw_tuf_update **update, struct reader *reader,
                    const struct cw_site *site, const struct cw_upstream *upstream, struct cw_err *err)
{
    struct cw_set_source source = {.drive = drive, .read = read_target, .ctx = reader};
    struct cw_tuf_params params = {
        .now = 0}; /* expiry is not judged: nothing is expired at the beginning of time */
    CW_AUTO_BUF root = CW_BUF_INIT(CW_TUF_ROOT_MAX);
    json_auto_t *after = NULL;
    int rc = cw_trust_read_root(&root, site, upstream, reader->memory->root, err);

    if (rc == CW_OK)
        rc = cw_tuf_update_new(update, &params, cw_buf_text(&root), root.len, err);
    if (rc == CW_OK)
        rc = drive(reader, *update, err);
    if (rc == CW_OK)
        rc = cw_set_load(set, *update, upstream->channel, &upstream->wanted, &source,
                         reader->memory->channels, &after, err);
    return rc == CW_OK ? check_present(set, reader->mirror, err) : rc;
}

int cw_mirror_load_update(struct cw_set *set, struct cw_tuf_update **update, struct cw_mirror_memory *memory,
                          int mirror, const struct cw_site *site, const struct cw_upstream *upstream,
                          struct cw_err *err)
{
    struct reader reader = {.mirror = mirror, .memory = memory};
    int rc = cw_mirror_memory_load(memory, site, upstream, err);

    *set = (struct cw_set){.files = NULL};
    *update = NULL;
    if (rc == CW_OK && memory->timestamp == NULL)
        return cw_err_set(err, CW_E_NOTFOUND,
                          "nothing was pulled from upstream '%s' yet; run 'causeway-sync pull'",
                          upstream->name);
    if (rc == CW_OK)
        rc = load_set(set, update, &reader, site, upstream, err);
    if (rc != CW_OK) {
        cw_set_clear(set);
        return cw_err_prefix(err, "upstream '%s'", upstream->name);
    }
    return CW_OK;
}

int cw_mirror_load_wanted(struct cw_set *set, struct cw_tuf_update *update,
                          const struct cw_mirror_memory *memory, int mirror, const char *channel,
                          const struct cw_set_wanted *wanted, struct cw_err *err)
{
    struct reader reader = {.mirror = mirror, .memory = memory};
    struct cw_set_source source = {.drive = drive, .read = read_target, .ctx = &reader};
    json_auto_t *after = NULL;

    return cw_set_load(set, update, channel, wanted, &source, memory->channels, &after, err);
}

int cw_mirror_load(struct cw_set *set, int64_t *root_version, const struct cw_site *site,
                   const struct cw_upstream *upstream, struct cw_err *err)
{
    CW_AUTO_MEMORY memory = {.root = 0};
    CW_AUTO_FD int mirror = -1;
    struct cw_tuf_update *update = NULL;
    int rc;

    *set = (struct cw_set){.files = NULL};
    rc = cw_mirror_open(&mirror, site, upstream, err);
    if (rc == CW_OK)
        rc = cw_mirror_load_update(set, &update, &memory, mirror, site, upstream, err);
    if (rc == CW_OK)
        *root_version = memory.root;
    cw_tuf_update_free(update);
    return rc;
}

int cw_mirror_open(int *fd, const struct cw_site *site, const struct cw_upstream *upstream,
                   struct cw_err *err)
{
    char path[CW_PATH_MAX];
    int rc = cw_site_upstream_path(path, upstream, "mirror", err);

    *fd = -1;
    if (rc == CW_OK)
        rc = cw_at_open_dir(fd, site->fd, path, err);
    if (rc == CW_E_NOTFOUND)
        return cw_err_set(err, CW_E_NOTFOUND,
                          "nothing was pulled from upstream '%s' yet; run 'causeway-sync pull'",
                          upstream->name);
    return rc;
}

int cw_mirror_time_floor(int64_t *floor, const struct cw_site *site, struct cw_err *err)
{
    int64_t proven;
    size_t i;

    *floor = 0;
    for (i = 0; i < site->upstream_count; i++) {
        CW_AUTO_MEMORY memory = {.root = 0};
        int rc = cw_mirror_memory_load(&memory, site, &site->upstreams[i], err);

        if (rc != CW_OK)
            return rc;
        /* Where nothing was known of the time, what waits to be confirmed says at least that a clock before it is not to be
         * trusted: a board without a battery wakes up in 1970. */
        proven = memory.floor != 0 ? memory.floor : memory.pending;
        if (proven > *floor)
            *floor = proven;
    }
    return CW_OK;
}
