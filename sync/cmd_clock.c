/* SPDX-License-Identifier: ISC */
/*
 * causeway-sync clock: the wall clock beside what upstreams have proven of the time, and a person's word
 * where the two do not meet.
 */
#include <string.h>

#include "base/clock.h"
#include "sync/commands.h"
#include "sync/history.h"
#include "sync/mirror/memory.h"
#include "sync/mirror/mirror.h"

static const char *upstream_name;

const struct cw_option cmd_clock_options[] = {
    {CW_OPTION_STRING, "upstream", &upstream_name, "NAME", "of this upstream only"},
    {.kind = CW_OPTION_END},
};

static const char *time_or(int64_t when, const char *none, char text[CW_TIME_TEXT])
{
    if (when == 0)
        return none;
    cw_time_format(when, text);
    return text;
}

static json_t *time_json(int64_t when)
{
    char text[CW_TIME_TEXT];

    return when == 0 ? json_null() : json_string(time_or(when, "", text));
}

static int show_upstream(json_t *list, const struct cw_site *site, const struct cw_upstream *upstream,
                         const struct cw_cli *cli, struct cw_err *err)
{
    CW_AUTO_MEMORY memory = {.root = 0};
    char floor[CW_TIME_TEXT], pending[CW_TIME_TEXT];
    int rc = cw_mirror_memory_load(&memory, site, upstream, err);

    if (rc != CW_OK)
        return rc;
    cw_cli_say(cli, "%s: not before %s", upstream->name,
               time_or(memory.floor, "(nothing pulled yet)", floor));
    if (memory.pending != 0)
        cw_cli_say(cli, "%s: waits for 'causeway-sync clock confirm': %s", upstream->name,
                   time_or(memory.pending, "", pending));
    if (json_array_append_new(list,
                              json_pack("{s:s, s:o, s:o}", "upstream", upstream->name, "floor",
                                        time_json(memory.floor), "pending", time_json(memory.pending))) != 0)
        return cw_err_nomem(err);
    return CW_OK;
}

static int show(const struct cw_site *site, int64_t now, const struct cw_cli *cli, struct cw_err *err)
{
    char text[CW_TIME_TEXT];
    json_auto_t *doc = NULL;
    int64_t floor;
    size_t i;
    int rc = cw_mirror_time_floor(&floor, site, err);

    if (rc != CW_OK)
        return rc;
    cw_time_format(now, text);
    cw_cli_say(cli, "clock: %s, windows %s", text,
               now >= floor ? "may open" : "stay closed: the clock is before what was published");
    doc = json_pack("{s:s, s:b, s:[]}", "now", text, "windows_may_open", now >= floor, "upstreams");
    if (doc == NULL)
        return cw_err_nomem(err);
    for (i = 0; i < site->upstream_count && rc == CW_OK; i++)
        rc = show_upstream(json_object_get(doc, "upstreams"), site, &site->upstreams[i], cli, err);
    return rc == CW_OK ? cw_cli_json(cli, doc, err) : rc;
}

static int record(const struct cw_site *site, const struct cw_upstream *upstream, int64_t from, int64_t to,
                  int64_t now, struct cw_err *err)
{
    json_auto_t *data = json_pack("{s:s, s:o, s:o}", "upstream", upstream->name, "from", time_json(from),
                                  "to", time_json(to));

    if (data == NULL)
        return cw_err_nomem(err);
    return cw_history_append(site->fd, now, "clock", data, err);
}

/* A person who looked at a clock says so: takes the pending floor, or, when the clock is before the floor,
 * the clock. */
static int confirm_upstream(const struct cw_site *site, const struct cw_upstream *upstream, int64_t now,
                            const struct cw_cli *cli, struct cw_err *err)
{
    CW_AUTO_MEMORY memory = {.root = 0};
    char text[CW_TIME_TEXT];
    int64_t from;
    int rc = cw_mirror_memory_load(&memory, site, upstream, err);

    if (rc != CW_OK)
        return rc;
    from = memory.floor;
    if (memory.pending == 0 && now >= memory.floor) {
        cw_cli_say(cli, "%s: nothing to confirm", upstream->name);
        return CW_OK;
    }
    memory.floor = memory.pending != 0 ? memory.pending : now;
    memory.pending = 0;
    /* The log first: an entry for what a power cut then undid is better than a change that nobody can
     * explain. */
    rc = record(site, upstream, from, memory.floor, now, err);
    if (rc == CW_OK)
        rc = cw_mirror_memory_commit(&memory, site, upstream, err);
    if (rc == CW_OK)
        cw_cli_say(cli, "%s: confirmed: not before %s", upstream->name, time_or(memory.floor, "", text));
    return rc;
}

int cmd_clock(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    CW_AUTO_SITE site = CW_SITE_INIT;
    bool confirm = argc > 1 && strcmp(argv[1], "confirm") == 0;
    const struct cw_upstream *chosen = NULL;
    int64_t now = cw_clock_now();
    size_t i;
    int rc;

    if (argc > 1 && !confirm)
        return cw_err_set(err, CW_E_USAGE, "unknown word '%s'; it is 'clock' or 'clock confirm'", argv[1]);
    rc = cw_site_open(&site, cli, confirm, err);
    if (rc == CW_OK && upstream_name != NULL)
        rc = cw_site_upstream(&chosen, &site, upstream_name, err);
    for (i = 0; i < site.upstream_count && rc == CW_OK && confirm; i++) {
        if (chosen == NULL || chosen == &site.upstreams[i])
            rc = confirm_upstream(&site, &site.upstreams[i], now, cli, err);
    }
    return rc == CW_OK ? show(&site, now, cli, err) : rc;
}
