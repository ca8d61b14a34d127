/* SPDX-License-Identifier: ISC */
/*
 * causeway-sync gc: removes what neither a kept generation nor a mirror's set needs. The list is shown before
 * anything is touched; nothing else in the program ever removes what was taken in.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "sync/commands.h"
#include "sync/deploy/gc.h"
#include "sync/deploy/install.h"
#include "sync/deploy/recover.h"
#include "sync/history.h"
#include "sync/mirror/gc.h"

struct sum {
    uint64_t count, bytes;
};

static void show(struct sum *sum, const struct cw_cli *cli, const char *where, const json_t *rows)
{
    char bytes[16];
    json_t *row;
    size_t i;

    json_array_foreach (rows, i, row) {
        uint64_t size = (uint64_t)json_integer_value(json_object_get(row, "bytes"));

        cw_str_bytes(size, bytes);
        cw_cli_say(cli, "%s: %s %s (%s)", where, json_string_value(json_object_get(row, "what")),
                   json_string_value(json_object_get(row, "path")), bytes);
        sum->count++;
        sum->bytes += size;
    }
}

/* doc: {"installed": [row], "mirrors": {upstream: [row]}} */
static int find(json_t *doc, int root, const struct cw_site *site, struct cw_err *err)
{
    json_auto_t *used = json_object();
    json_t *mirrors = json_object_get(doc, "mirrors");
    int rc = used == NULL ? cw_err_nomem(err) : CW_OK;

    if (rc == CW_OK && root >= 0)
        rc = cw_gc_find(json_object_get(doc, "installed"), used, root, site->keep_versions, err);
    for (size_t i = 0; i < site->upstream_count && rc == CW_OK; i++) {
        json_t *rows = json_array();

        if (json_object_set_new(mirrors, site->upstreams[i].name, rows) != 0)
            return cw_err_nomem(err);
        rc = cw_mirror_gc_find(rows, used, site, &site->upstreams[i], err);
        if (rc == CW_E_NOTFOUND) {
            cw_err_clear(err);
            rc = CW_OK;
        }
    }
    return rc;
}

static int remove_all(const json_t *doc, int root, const struct cw_site *site, struct cw_err *err)
{
    int rc = root >= 0 ? cw_gc_remove(root, json_object_get(doc, "installed"), err) : CW_OK;

    for (size_t i = 0; i < site->upstream_count && rc == CW_OK; i++) {
        const json_t *rows = json_object_get(json_object_get(doc, "mirrors"), site->upstreams[i].name);

        if (json_array_size(rows) > 0)
            rc = cw_mirror_gc_remove(rows, site, &site->upstreams[i], err);
    }
    return rc;
}

static int note(const struct cw_site *site, const struct sum *sum, int64_t now, struct cw_err *err)
{
    json_auto_t *data =
        json_pack("{s:I, s:I}", "removed", (json_int_t)sum->count, "bytes", (json_int_t)sum->bytes);

    return data != NULL ? cw_history_append(site->fd, now, "gc", data, err) : cw_err_nomem(err);
}

static int open_root(int *root, const struct cw_site *site, struct cw_err *err)
{
    int rc = site->install_root != NULL ? cw_dir_open(root, site->install_root, err) : CW_OK;

    if (rc == CW_E_NOTFOUND) { /* nothing was installed yet */
        cw_err_clear(err);
        return CW_OK;
    }
    return rc == CW_OK && *root >= 0 ? cw_install_sweep(*root, err) : rc;
}

int cmd_gc(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    json_auto_t *doc = json_pack("{s:[], s:{}}", "installed", "mirrors");
    CW_AUTO_SITE site = CW_SITE_INIT;
    CW_AUTO_FD int root = -1;
    struct sum sum = {0};
    int64_t now = cw_clock_now();
    char bytes[16];
    int rc = doc != NULL ? cw_recover_open(&site, cli, now, err) : cw_err_nomem(err);

    (void)argc;
    (void)argv;
    if (rc == CW_OK)
        rc = open_root(&root, &site, err);
    if (rc == CW_OK)
        rc = find(doc, root, &site, err);
    if (rc != CW_OK)
        return rc;
    show(&sum, cli, "installed", json_object_get(doc, "installed"));
    for (size_t i = 0; i < site.upstream_count; i++)
        show(&sum, cli, site.upstreams[i].name,
             json_object_get(json_object_get(doc, "mirrors"), site.upstreams[i].name));
    if (sum.count > 0 && !cli->dry_run) {
        rc = remove_all(doc, root, &site, err);
        if (rc == CW_OK)
            rc = note(&site, &sum, now, err);
    }
    if (rc != CW_OK)
        return rc;
    cw_str_bytes(sum.bytes, bytes);
    if (sum.count == 0)
        cw_cli_say(cli, "nothing to do: everything is needed");
    else
        cw_cli_say(cli, "%llu thing%s (%s) %s", (unsigned long long)sum.count, cw_str_plural(sum.count),
                   bytes, cli->dry_run ? "would be removed" : "removed");
    return cw_cli_json(cli, doc, err);
}
