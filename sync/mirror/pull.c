/* SPDX-License-Identifier: ISC */
/*
 * A pull: from the first source that answers to a mirror, trust and memory that agree. The order of its
 * steps:
 *
 *   0. Roots are stored in trust as each is verified, as TUF has it. A newer root never makes older metadata
 *      valid, and which root the site's present set entered under is in memory.json, so this harms nothing
 *      when the pull fails later.
 *   1. The whole set is verified in memory: TUF's roles, the channel, the manifests, all against what the
 *      site remembers.
 *      (Of a file in parts first the parts, parts.c; of a bundle's volumes each by itself, until all is there.)
 *   2. Its files go into mirror/targets, durable and hashed (fetch.c). Their names hold their hashes, so the
 *      old set is not touched. A bundle's other files are checked too.
 *   3. Role metadata, snapshot and roots go into mirror/metadata under their versions (roles and snapshot lie there
 *      under temporary names while files come); readers of the mirror still follow the old timestamp.
 *   4. memory.json is replaced, in one step: channel memory, time floor, and the new timestamp itself. This
 *      is the commit.
 *   5. Copies follow: trust's metadata, trust/timestamp.json, and mirror/metadata/timestamp.json last.
 *
 * Killed before 4, the site is what it was: what lies in the mirror is not named by any timestamp yet, and is
 * taken up by the next pull without being fetched again. Killed after 4, everything the new timestamp names
 * is in the mirror since 2 and 3; readers inside the site follow memory.json (load.c) and see the new set,
 * readers of the mirror as a tree see the old one whole, and the next pull begins by doing 5 again
 * (cw_pull_settle), which changes nothing when nothing is behind. So the mirror is never newer than the
 * memory, and no moment is without a whole set. Nothing is ever removed from a mirror.
 */
#include "sync/mirror/pull.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "sync/history.h"
#include "sync/mirror/media.h"
#include "sync/mirror/taken.h"
#include "sync/mirror/trust.h"

static void update_free(struct cw_tuf_update **update)
{
    cw_tuf_update_free(*update);
}

static int64_t grace_of(const struct cw_pull *pull)
{
    switch (cw_source_kind(pull->source)) {
    case CW_SOURCE_HTTP:
        return pull->upstream->grace_http;
    case CW_SOURCE_FOLDER:
        return pull->upstream->grace_folder;
    case CW_SOURCE_REMOVABLE:
        break;
    }
    return pull->upstream->grace_removable;
}

static int open_update(struct cw_tuf_update **update, const struct cw_pull *pull, struct cw_err *err)
{
    CW_AUTO_BUF root = CW_BUF_INIT(CW_TUF_ROOT_MAX);
    int64_t floor = pull->memory.floor;
    struct cw_tuf_params params = {.now = pull->now > floor ? pull->now : floor, .grace = grace_of(pull)};
    int rc = cw_trust_read_root(&root, pull->site, pull->upstream, 0, err);

    return rc == CW_OK ? cw_tuf_update_new(update, &params, cw_buf_text(&root), root.len, err) : rc;
}

static void fill_result(struct cw_pull *pull, const struct cw_tuf_update *update, const struct cw_set *set)
{
    struct cw_pull_result *result = pull->result;

    result->serial = set->channel.serial;
    result->grace_used = cw_tuf_update_grace_used(update);
    result->root_version = cw_tuf_update_meta(update, cw_tuf_type_name(CW_TUF_ROOT))->version;
    result->changed = result->files > 0;
    snprintf(result->source, sizeof result->source, "%s", cw_source_where(pull->source));
}

static int pull_from_source(struct cw_pull *pull, struct cw_err *err)
{
    struct cw_set_source source = {.drive = cw_pull_drive,
                                   .read = cw_pull_read,
                                   .expect = cw_pull_expect,
                                   .expect_file = cw_pull_expect_file,
                                   .ctx = pull};
    __attribute__((cleanup(update_free))) struct cw_tuf_update *update = NULL;
    CW_AUTO_SET set = {.files = NULL};
    json_auto_t *channels = NULL;
    int rc = open_update(&update, pull, err);

    if (rc == CW_OK) {
        cw_pull_expect_first(pull, update);
        rc = cw_pull_drive(pull, update, err);
    }
    pull->older = rc == CW_E_VERIFY && update != NULL && cw_tuf_update_is_older(update) &&
                  cw_source_kind(pull->source) == CW_SOURCE_REMOVABLE;
    if (pull->older)
        snprintf(pull->result->source, sizeof pull->result->source, "%s", cw_source_where(pull->source));
    if (rc == CW_OK)
        rc = cw_set_load(&set, update, pull->upstream->channel, &pull->upstream->wanted, &source,
                         pull->memory.channels, &channels, err);
    cw_foresight_free(pull->foresight);
    pull->foresight = NULL;
    cw_source_expect_end(pull->source);
    if (rc == CW_OK)
        rc = cw_pull_own(pull, &set, err);
    if (rc == CW_OK)
        rc = cw_pull_parts(pull, &set, err);
    if (rc == CW_OK)
        rc = cw_pull_fetch(pull, update, &set, err);
    if (rc == CW_E_INCOMPLETE && set.file_count > 0)
        return cw_pull_incomplete(pull, &set, err);
    if (rc != CW_OK)
        return rc;
    fill_result(pull, update, &set);
    rc = cw_pull_enter(pull, update, channels, err);
    if (rc == CW_OK)
        rc = cw_pull_drop_parts(pull, err);
    return rc == CW_OK ? cw_taken_clear(pull->site, pull->upstream, err) : rc;
}

static int record(const struct cw_pull *pull, struct cw_err *err)
{
    const struct cw_pull_result *result = pull->result;
    json_auto_t *data = json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "upstream", pull->upstream->name,
                                  "source", result->source, "channel", pull->upstream->channel, "serial",
                                  (json_int_t)result->serial, "root", (json_int_t)result->root_version,
                                  "files", (json_int_t)result->files, "bytes", (json_int_t)result->bytes);

    if (data == NULL)
        return cw_err_nomem(err);
    return cw_history_append(pull->site->fd, pull->now, "pull", data, err);
}

static int record_grace(const struct cw_pull *pull, struct cw_err *err)
{
    int64_t seconds = pull->result->grace_used;
    json_auto_t *data = json_pack("{s:s, s:s, s:I}", "upstream", pull->upstream->name, "source",
                                  pull->result->source, "seconds", (json_int_t)seconds);

    if (data == NULL)
        return cw_err_nomem(err);
    cw_cli_warn(pull->cli, "metadata from %s had expired %lld hour%s ago; site.lua's grace let it in",
                pull->result->source, (long long)((seconds + 3599) / 3600),
                cw_str_plural((uint64_t)((seconds + 3599) / 3600)));
    return cw_history_append(pull->site->fd, pull->now, "grace", data, err);
}

/* What this source brought goes into the history before another one is asked. */
static int note_taken(struct cw_pull *pull, struct cw_err *err)
{
    const struct cw_pull_result *result = pull->result;
    int rc = CW_OK;

    if (result->changed || pull->rooted)
        rc = record(pull, err);
    pull->rooted = false;
    if (rc == CW_OK && result->changed && result->grace_used > 0)
        rc = record_grace(pull, err);
    return rc;
}

/* What went wrong with a web server before it was asked for files, or that nothing did. */
static int note_server(struct cw_pull *pull, int rc, struct cw_err *err)
{
    const char *shown = cw_source_where(pull->source);

    if (cw_source_kind(pull->source) != CW_SOURCE_HTTP || pull->fetching)
        return rc;
    if (rc == CW_OK)
        return cw_web_note(&pull->web, shown, pull->now, NULL, err);
    if (rc == CW_E_TEMP || rc == CW_E_VERIFY || rc == CW_E_INCOMPLETE || rc == CW_E_EXPIRED)
        return cw_web_note(&pull->web, shown, pull->now, err->text, err) == CW_OK ? rc : err->code;
    return rc;
}

/* Is this a failure after which the next source may do better? A line that breaks and a stick of last month are, and
 * a web server that is wrong or behind. */
static bool is_final(const struct cw_pull *pull, int rc)
{
    if (!cw_source_answered(pull->source) || rc == CW_E_TEMP || pull->older)
        return false;
    return cw_source_kind(pull->source) != CW_SOURCE_HTTP ||
           (rc != CW_E_VERIFY && rc != CW_E_INCOMPLETE && rc != CW_E_EXPIRED);
}

static int try_source(struct cw_pull *pull, enum cw_source_kind kind, const char *where, int64_t volume,
                      const struct cw_http_options *http, bool *answered, struct cw_err *err)
{
    CW_AUTO_SOURCE *source = NULL;
    int rc = cw_source_open_volume(&source, kind, where, volume, http, err);

    *answered = rc != CW_OK && rc != CW_E_NOTFOUND;
    pull->older = false;
    *pull->result = (struct cw_pull_result){.changed = false};
    if (rc != CW_OK)
        return rc;
    pull->source = source;
    pull->fetching = false;
    rc = note_server(pull, pull_from_source(pull, err), err);
    if (rc == CW_OK)
        rc = note_taken(pull, err);
    *answered = is_final(pull, rc);
    pull->source = NULL;
    cw_pull_unstage(pull);
    cw_pull_forget_kept(pull);
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "%s", cw_source_where(source));
}

/* What came of the media that were tried one after the other. */
struct media {
    bool taken;
    struct cw_pull_result result; /* of those that were taken, or of an older one */
    struct cw_err first;          /* the first that failed; code CW_OK: none did */
    struct cw_err incomplete;     /* the last that was good, but is not all; nothing was taken since */
};

/* What a medium brought counts, also when another one says at last that the set is complete. */
static void add_up(struct cw_pull_result *all, const struct cw_pull_result *one)
{
    struct cw_pull_result before = *all;

    *all = *one;
    all->files += before.files;
    all->bytes += before.bytes;
    all->carried += before.carried;
}

static void note_medium(struct media *media, const struct cw_pull *pull, int rc, const struct cw_err *err)
{
    const struct cw_pull_result *result = pull->result;

    if (rc == CW_OK && (!media->taken || result->changed)) {
        add_up(&media->result, result);
        media->taken = true;
        cw_err_clear(&media->incomplete);
    } else if (rc == CW_E_INCOMPLETE && media->taken) {
        media->incomplete = *err; /* of a newer bundle */
    } else if (rc == CW_E_INCOMPLETE) {
        add_up(&media->result, result);
        media->incomplete = *err;
    } else if (rc != CW_OK && pull->older && !media->taken) {
        media->result = *result;
    } else if (rc != CW_OK && !pull->older && media->first.code == CW_OK) {
        media->first = *err;
    } else if (rc != CW_OK && !pull->older) {
        cw_cli_warn(pull->cli, "%s", err->text);
    }
}

/* What came of all of them. Something that was taken is a success, whatever else was there. */
static int judge_media(struct cw_pull *pull, const struct media *media, bool older, struct cw_err *err)
{
    const struct cw_err *first = media->first.code != CW_OK ? &media->first : &media->incomplete;

    *pull->result = media->result;
    pull->older = older && !media->taken && first->code == CW_OK;
    if (media->first.code != CW_OK && media->incomplete.code != CW_OK)
        cw_cli_warn(pull->cli, "%s", media->incomplete.text);
    if (media->taken && first->code != CW_OK)
        cw_cli_warn(pull->cli, "%s", first->text);
    else if (first->code != CW_OK)
        *err = *first;
    return media->taken ? CW_OK : err->code;
}

/* Each volume and each tree that is there: two sticks may be in, and the first by its name need not be the newer one,
 * or this upstream's. */
static int try_media(struct cw_pull *pull, enum cw_source_kind kind, const struct cw_media *places,
                     bool *answered, struct cw_err *err)
{
    struct media media = {.taken = false};
    bool older = false, one;
    size_t i;

    *answered = false;
    for (i = 0; i < places->count && media.first.code != CW_E_NOMEM; i++) {
        struct cw_err own = {0};
        int rc = try_source(pull, kind, places->places[i].where, places->places[i].index, NULL, &one, &own);

        note_medium(&media, pull, rc, &own);
        older = older || pull->older;
        *answered = *answered || one;
        *err = own;
    }
    return judge_media(pull, &media, older, err);
}

/* All folders that a removable pattern names now. None is like a source that does not answer. */
static int try_removable(struct cw_pull *pull, const char *pattern, bool *answered, struct cw_err *err)
{
    CW_AUTO_MEDIA places = {.places = NULL};
    char **matches;
    size_t i;
    int rc = cw_source_match(&matches, pattern, err);

    *answered = false;
    for (i = 0; matches != NULL && matches[i] != NULL && rc == CW_OK; i++)
        rc = cw_media_add(&places, matches[i], err);
    cw_source_matches_free(matches);
    if (rc == CW_OK && places.count == 0)
        rc = cw_err_set(err, CW_E_TEMP, "%s: no such folder; is the medium in?", pattern);
    if (rc != CW_OK)
        return rc;
    cw_media_sort(&places);
    return try_media(pull, CW_SOURCE_REMOVABLE, &places, answered, err);
}

/* A folder may hold many volumes. */
static int try_folder(struct cw_pull *pull, enum cw_source_kind kind, const char *where, bool *answered,
                      struct cw_err *err)
{
    CW_AUTO_MEDIA places = {.places = NULL};
    int rc = cw_media_add(&places, where, err);

    *answered = false;
    if (rc != CW_OK)
        return rc;
    if (places.count == 1)
        return try_source(pull, kind, places.places[0].where, places.places[0].index, NULL, answered, err);
    cw_media_sort(&places);
    return try_media(pull, kind, &places, answered, err);
}

static int try_place(struct cw_pull *pull, enum cw_source_kind kind, const char *where,
                     const struct cw_http_options *http, bool *answered, struct cw_err *err)
{
    if (kind == CW_SOURCE_HTTP)
        return try_source(pull, kind, where, 0, http, answered, err);
    return try_folder(pull, kind, where, answered, err);
}

/* A web server that was wrong is a graver thing to tell than that another one was not there. */
static void keep_gravest(struct cw_err *gravest, const struct cw_err *err)
{
    if (err->code != CW_E_TEMP && err->code != CW_E_NOTFOUND && gravest->code == CW_OK)
        *gravest = *err;
}

static int try_configured(struct cw_pull *pull, struct cw_err *err)
{
    const struct cw_upstream *upstream = pull->upstream;
    struct cw_err gravest = {.code = CW_OK};
    bool answered = false;
    size_t i;
    int rc = cw_err_set(err, CW_E_USAGE,
                        "upstream '%s' has no sources in site.lua; name one: 'causeway-sync pull URL|DIR'",
                        upstream->name);

    pull->configured = true;
    for (i = 0; i < upstream->source_count && !answered; i++) {
        size_t index = pull->web.order[i];
        const struct cw_source_spec *spec = &upstream->sources[index];

        if (i > 0)
            cw_cli_warn(pull->cli, "%s; trying the next source", err->text);
        if (spec->kind == CW_SOURCE_REMOVABLE)
            rc = try_removable(pull, spec->where, &answered, err);
        else
            rc = try_place(pull, spec->kind, spec->where, &pull->web.options[index], &answered, err);
        if (rc == CW_OK)
            return rc;
        if (!pull->older)
            keep_gravest(&gravest, err);
    }
    if (gravest.code != CW_OK && !pull->older)
        *err = gravest;
    /* A stick that is not in, a folder that is not mounted: trying again may help. */
    return err->code == CW_E_NOTFOUND && !answered ? (err->code = CW_E_TEMP) : err->code;
}

/* A folder named by hand is what site.lua says of it: removable if a pattern there matches it. */
static enum cw_source_kind kind_of(const struct cw_upstream *upstream, const char *where)
{
    size_t i;

    if (cw_source_kind_of(where) == CW_SOURCE_HTTP)
        return CW_SOURCE_HTTP;
    for (i = 0; i < upstream->source_count; i++) {
        if (upstream->sources[i].kind == CW_SOURCE_REMOVABLE &&
            cw_str_glob(upstream->sources[i].where, where))
            return CW_SOURCE_REMOVABLE;
    }
    return CW_SOURCE_FOLDER;
}

static void warn_clock(const struct cw_pull *pull)
{
    char text[CW_TIME_TEXT];

    if (pull->memory.pending != 0) {
        cw_time_format(pull->memory.pending, text);
        cw_cli_warn(
            pull->cli,
            "this was published at %s, more than 400 days later than anything before; if that is right, run "
            "'causeway-sync clock confirm'",
            text);
    }
    if (pull->now < pull->memory.floor) {
        cw_time_format(pull->memory.floor, text);
        cw_cli_warn(pull->cli,
                    "the clock is wrong: it is before %s, when '%s' last published; windows stay closed "
                    "until it is set",
                    text, pull->upstream->name);
    }
}

/* An older stick brings nothing, and there is nothing wrong with that. */
static void note_older(struct cw_pull *pull)
{
    const json_t *channels = json_object_get(pull->memory.channels, "channels");
    const json_t *known = json_object_get(channels, pull->upstream->channel);

    pull->result->older = true;
    pull->result->serial = json_integer_value(json_object_get(known, "serial"));
    pull->result->root_version = pull->memory.root;
}

static int open_folders(struct cw_pull *pull, struct cw_err *err)
{
    char path[CW_PATH_MAX];
    int rc = cw_site_upstream_path(path, pull->upstream, "mirror", err);

    if (rc == CW_OK)
        rc = cw_at_make_dir(&pull->mirror, pull->site->fd, path, err);
    return rc == CW_OK ? cw_trust_open(&pull->trust, pull->site, pull->upstream, err) : rc;
}

/* A place that was named by hand; a web server that site.lua knows is spoken to as that says. */
static int try_named(struct cw_pull *pull, const char *where, const struct cw_http_options *run,
                     struct cw_err *err)
{
    const struct cw_upstream *upstream = pull->upstream;
    struct cw_http_options http = cw_web_options(upstream, where);
    bool answered;

    http.limit = run->limit;
    http.min_rate_seconds = run->min_rate_seconds;
    http.retry_ms = run->retry_ms;
    return try_place(pull, kind_of(upstream, where), where, &http, &answered, err);
}

static int run(struct cw_pull *pull, const struct cw_pull_how *how, struct cw_err *err)
{
    const struct cw_http_options http = {.limit = how->limit,
                                         .min_rate_seconds = (unsigned)how->stall_seconds,
                                         .retry_ms = (unsigned)how->retry_ms};
    int rc = cw_mirror_memory_load(&pull->memory, pull->site, pull->upstream, err);

    if (rc == CW_OK)
        rc = open_folders(pull, err);
    if (rc == CW_OK)
        rc = cw_pull_settle(pull, err);
    if (rc == CW_OK)
        rc = cw_web_load(&pull->web, pull->site, pull->upstream, pull->now, err);
    if (rc != CW_OK)
        return rc;
    cw_web_arrange(&pull->web, pull->upstream, &http);
    rc = how->where != NULL ? try_named(pull, how->where, &http, err) : try_configured(pull, err);
    if (rc == CW_E_VERIFY && pull->older) {
        note_older(pull);
        cw_err_clear(err);
        rc = CW_OK;
    }
    if (rc == CW_OK)
        warn_clock(pull);
    return rc;
}

int cw_mirror_pull(struct cw_pull_result *result, const struct cw_site *site,
                   const struct cw_upstream *upstream, const struct cw_pull_how *how, int64_t now,
                   const struct cw_cli *cli, struct cw_err *err)
{
    struct cw_pull pull = {.site = site,
                           .upstream = upstream,
                           .cli = cli,
                           .now = now,
                           .mirror = -1,
                           .trust = -1,
                           .mirror_metadata = -1,
                           .result = result};
    struct cw_err unsaved = {0};
    int rc;

    *result = (struct cw_pull_result){.changed = false};
    rc = run(&pull, how, err);
    if (pull.web.changed && cw_web_save(&pull.web, site, upstream, &unsaved) != CW_OK)
        cw_cli_warn(cli, "%s", unsaved.text); /* the next pull asks in the old order */
    cw_web_clear(&pull.web);
    json_decref(pull.damaged);
    cw_pull_forget_kept(&pull);
    cw_mirror_memory_clear(&pull.memory);
    if (pull.mirror >= 0)
        close(pull.mirror);
    if (pull.trust >= 0)
        close(pull.trust);
    return rc;
}
