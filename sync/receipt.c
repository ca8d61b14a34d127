/* SPDX-License-Identifier: ISC */
/*
 * Collecting and signing a receipt: see sync/receipt.h.
 */
#include "sync/receipt.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "codec/hex.h"
#include "doc/receipt.h"
#include "fs/commit.h"
#include "fs/walk.h"
#include "sync/deploy/store.h"
#include "sync/history.h"
#include "sync/identity.h"
#include "sync/mirror/memory.h"
#include "sync/mirror/mirror.h"
#include "sync/mirror/taken.h"
#include "sync/mirror/trust.h"
#include "tree/layout.h"

#define LAST CW_RECEIPTS "/last.json"

struct held { /* one file in a mirror */
    char sha256[CW_SHA256_TEXT];
    uint64_t length;
    bool present; /* of the set that the mirror serves now: the last to be left out */
};

struct collect {
    const struct cw_site *site;
    struct held *held;
    size_t count, room;
    json_t *present; /* the present sets' hashes, as an object's members */
    json_t *damaged; /* those of files that pulls found damaged in this mirror, too */
    int mirror;
    uint64_t still_damaged;
};

static int add_held(struct collect *collect, const char *sha256, uint64_t length, struct cw_err *err)
{
    struct held *held;

    if (collect->count == collect->room) {
        size_t room = collect->room != 0 ? collect->room * 2 : 256;

        held = reallocarray(collect->held, room, sizeof *held);
        if (held == NULL)
            return cw_err_nomem(err);
        collect->held = held;
        collect->room = room;
    }
    held = &collect->held[collect->count++];
    *held = (struct held){.length = length, .present = json_object_get(collect->present, sha256) != NULL};
    memcpy(held->sha256, sha256, CW_SHA256_TEXT);
    return CW_OK;
}

/* A delta from it was of no use; it may have been mended since. */
static bool is_damaged(struct collect *collect, const char *path, const char *sha256)
{
    CW_AUTO_FD int fd = -1;
    char now[CW_SHA256_TEXT];
    uint64_t len;

    if (json_object_get(collect->damaged, sha256) == NULL)
        return false;
    return cw_at_open_file(&fd, collect->mirror, path, NULL) != CW_OK ||
           cw_sha256_fd(now, &len, fd, path, NULL) != CW_OK || strcmp(now, sha256) != 0;
}

/* Manifests travel in every bundle, so there is no need to say that they are here. */
static int look_at_target(void *ctx, const char *name, const struct stat *st, struct cw_err *err)
{
    char path[CW_PATH_MAX], target[CW_PATH_MAX], sha256[CW_SHA256_TEXT];
    const char *file;

    if (!S_ISREG(st->st_mode) || strlen(name) + sizeof CW_TREE_TARGETS >= sizeof path)
        return CW_OK;
    snprintf(path, sizeof path, CW_TREE_TARGETS "/%s", name);
    if (!cw_tree_split_target(path, target, sha256))
        return CW_OK;
    file = cw_str_basename(target);
    if (strcmp(file, CW_MANIFEST_FILE) == 0 || strcmp(file, CW_CHANNEL_FILE) == 0)
        return CW_OK;
    if (is_damaged(ctx, path, sha256)) {
        ((struct collect *)ctx)->still_damaged++;
        return CW_OK;
    }
    return add_held(ctx, sha256, (uint64_t)st->st_size, err);
}

/* A set that is not whole says nothing here: what lies in the mirror is counted all the same. */
static int note_present(struct collect *collect, const struct cw_upstream *upstream, struct cw_err *err)
{
    CW_AUTO_SET set = {.files = NULL};
    int64_t root_version;
    size_t i;
    int rc = cw_mirror_load(&set, &root_version, collect->site, upstream, NULL);

    if (rc == CW_E_NOMEM)
        return cw_err_nomem(err);
    for (i = 0; i < set.file_count; i++) {
        if (json_object_set_new(collect->present, set.files[i].sha256, json_true()) != 0)
            return cw_err_nomem(err);
    }
    return CW_OK;
}

static int note_damaged(struct collect *collect, const struct cw_upstream *upstream, struct cw_err *err)
{
    json_auto_t *doc = NULL;
    json_t *bundle, *sha256;
    size_t i, k;

    if (cw_taken_load(&doc, collect->site, upstream, NULL) == CW_E_NOMEM)
        return cw_err_nomem(err);
    json_array_foreach (json_object_get(doc, "bundles"), i, bundle) {
        json_array_foreach (json_object_get(bundle, "damaged"), k, sha256) {
            if (json_is_string(sha256) &&
                json_object_set_new(collect->damaged, json_string_value(sha256), json_true()) != 0)
                return cw_err_nomem(err);
        }
    }
    return CW_OK;
}

static int look_at_mirror(struct collect *collect, const struct cw_upstream *upstream, struct cw_err *err)
{
    CW_AUTO_FD int mirror = -1;
    int rc = cw_mirror_open(&mirror, collect->site, upstream, err);

    if (rc == CW_E_NOTFOUND)
        return CW_OK;
    collect->mirror = mirror;
    if (rc == CW_OK)
        rc = note_present(collect, upstream, err);
    if (rc == CW_OK)
        rc = note_damaged(collect, upstream, err);
    if (rc == CW_OK)
        rc = cw_walk(mirror, CW_TREE_TARGETS, look_at_target, collect, err);
    return rc == CW_E_NOTFOUND ? CW_OK : rc;
}

static int by_use(const void *a, const void *b)
{
    const struct held *one = a, *two = b;

    if (one->present != two->present)
        return one->present ? -1 : 1;
    return strcmp(one->sha256, two->sha256);
}

static int set_files(json_t *doc, struct cw_receipt_made *made, struct collect *collect, struct cw_err *err)
{
    json_t *files = json_object();
    size_t i;

    if (files == NULL || json_object_set_new(doc, "files", files) != 0)
        return cw_err_nomem(err);
    if (collect->count > 0)
        qsort(collect->held, collect->count, sizeof *collect->held, by_use);
    for (i = 0; i < collect->count; i++) {
        const struct held *held = &collect->held[i];

        if (i > 0 && strcmp(held[-1].sha256, held->sha256) == 0)
            continue; /* one file under two names */
        if (json_object_size(files) >= CW_RECEIPT_FILES_MAX) {
            made->left_out++;
            continue;
        }
        if (json_object_set_new(files, held->sha256, json_integer((json_int_t)held->length)) != 0)
            return cw_err_nomem(err);
        made->files++;
        made->bytes += held->length;
    }
    if (made->left_out > 0 &&
        json_object_set_new(doc, "files_left_out", json_integer((json_int_t)made->left_out)) != 0)
        return cw_err_nomem(err);
    return CW_OK;
}

static int add_files(json_t *doc, struct cw_receipt_made *made, const struct cw_site *site,
                     struct cw_err *err)
{
    struct collect collect = {.site = site, .present = json_object(), .damaged = json_object()};
    int rc = collect.present != NULL && collect.damaged != NULL ? CW_OK : cw_err_nomem(err);
    size_t i;

    for (i = 0; i < site->upstream_count && rc == CW_OK; i++)
        rc = look_at_mirror(&collect, &site->upstreams[i], err);
    if (rc == CW_OK)
        rc = set_files(doc, made, &collect, err);
    made->damaged = collect.still_damaged;
    json_decref(collect.present);
    json_decref(collect.damaged);
    free(collect.held);
    return rc;
}

static int highest(void *ctx, int64_t version, const char *path, struct cw_err *err)
{
    int64_t *newest = ctx;

    (void)path;
    (void)err;
    if (version > *newest)
        *newest = version;
    return CW_OK;
}

/* The newest root that is trusted, as the exporter's own mirror has it too. */
static int add_root(json_t *entry, const struct cw_site *site, const struct cw_upstream *upstream,
                    struct cw_err *err)
{
    CW_AUTO_BUF bytes = CW_BUF_INIT(CW_TUF_ROOT_MAX);
    char sha256[CW_SHA256_TEXT];
    int64_t version = 0;
    int rc = cw_trust_each_root(site, upstream, highest, &version, err);

    if (rc == CW_OK)
        rc = cw_trust_read_root(&bytes, site, upstream, version, err);
    if (rc == CW_OK)
        rc = cw_sha256(sha256, cw_buf_text(&bytes), bytes.len, err);
    if (rc != CW_OK)
        return rc;
    return json_object_set_new(entry, "root",
                               json_pack("{s:I, s:s}", "version", (json_int_t)version, "sha256", sha256)) == 0
               ? CW_OK
               : cw_err_nomem(err);
}

static json_t *texts(const char **list)
{
    json_t *array = json_array();

    for (; array != NULL && *list != NULL; list++) {
        if (json_array_append_new(array, json_string(*list)) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static int add_wanted(json_t *entry, const struct cw_upstream *upstream, struct cw_err *err)
{
    json_t *wanted = json_object();

    if (wanted == NULL || json_object_set_new(entry, "wanted", wanted) != 0)
        return cw_err_nomem(err);
    if ((upstream->products != NULL &&
         json_object_set_new(wanted, "products", texts(upstream->products)) != 0) ||
        (upstream->platforms != NULL &&
         json_object_set_new(wanted, "platforms", texts(upstream->platforms)) != 0))
        return cw_err_nomem(err);
    return CW_OK;
}

static int add_channel(json_t *entry, const struct cw_site *site, const struct cw_upstream *upstream,
                       struct cw_err *err)
{
    CW_AUTO_MEMORY memory = {.root = 0};
    const json_t *known;
    int rc = cw_mirror_memory_load(&memory, site, upstream, err);

    if (rc != CW_OK || memory.timestamp == NULL)
        return rc;
    known = json_object_get(json_object_get(memory.channels, "channels"), upstream->channel);
    if (known == NULL)
        return CW_OK;
    return json_object_set(entry, "serial", json_object_get(known, "serial")) == 0 &&
                   json_object_set(entry, "channel_sha256", json_object_get(known, "sha256")) == 0
               ? CW_OK
               : cw_err_nomem(err);
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const struct cw_upstream *const *)a)->name,
                  (*(const struct cw_upstream *const *)b)->name);
}

/* Upstreams whose trust has not begun yet are left out. */
static int add_upstreams(json_t *doc, const struct cw_site *site, struct cw_err *err)
{
    const struct cw_upstream *sorted[CW_UPSTREAMS_MAX];
    json_t *list = json_array();
    size_t i;

    if (list == NULL || json_object_set_new(doc, "upstreams", list) != 0)
        return cw_err_nomem(err);
    for (i = 0; i < site->upstream_count; i++)
        sorted[i] = &site->upstreams[i];
    if (site->upstream_count > 1)
        qsort(sorted, site->upstream_count, sizeof sorted[0], by_name);
    for (i = 0; i < site->upstream_count; i++) {
        json_auto_t *entry = json_pack("{s:s, s:s}", "name", sorted[i]->name, "channel", sorted[i]->channel);
        int rc = entry != NULL ? add_root(entry, site, sorted[i], err) : cw_err_nomem(err);

        if (rc == CW_E_NOTFOUND)
            continue;
        if (rc == CW_OK)
            rc = add_wanted(entry, sorted[i], err);
        if (rc == CW_OK)
            rc = add_channel(entry, site, sorted[i], err);
        if (rc != CW_OK)
            return rc;
        if (json_array_append(list, entry) != 0)
            return cw_err_nomem(err);
    }
    return CW_OK;
}

static int read_running(json_t **record, int64_t *generation, const char *install_root, struct cw_err *err)
{
    CW_AUTO_FD int root = -1;
    int rc;

    *record = NULL;
    *generation = 0;
    if (install_root == NULL)
        return CW_OK;
    rc = cw_dir_open(&root, install_root, err);
    if (rc == CW_E_NOTFOUND)
        return CW_OK;
    if (rc == CW_OK)
        rc = cw_store_current(generation, root, err);
    return rc == CW_OK && *generation != 0 ? cw_store_read(record, root, *generation, err) : rc;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int list_runs(json_t *runs, const json_t *products, struct cw_err *err)
{
    CW_AUTO_FREE const char **names = calloc(json_object_size(products) + 1, sizeof *names);
    size_t i, count = 0;
    const char *name;
    json_t *product;

    if (names == NULL)
        return cw_err_nomem(err);
    json_object_foreach ((json_t *)products, name, product)
        names[count++] = name;
    if (count > 1)
        qsort(names, count, sizeof *names, by_text);
    for (i = 0; i < count; i++) {
        product = json_object_get(products, names[i]);
        if (json_array_append_new(runs, json_pack("{s:s, s:O, s:O, s:O}", "product", names[i], "version",
                                                  json_object_get(product, "version"), "platform",
                                                  json_object_get(product, "platform"), "upstream",
                                                  json_object_get(product, "upstream"))) != 0)
            return cw_err_nomem(err);
    }
    return CW_OK;
}

static int add_runs(json_t *doc, const struct cw_site *site, struct cw_err *err)
{
    json_auto_t *record = NULL;
    json_t *runs = json_array();
    int64_t generation;
    int rc;

    if (runs == NULL || json_object_set_new(doc, "runs", runs) != 0)
        return cw_err_nomem(err);
    rc = read_running(&record, &generation, site->install_root, err);
    if (rc != CW_OK || record == NULL)
        return rc;
    if (json_object_set_new(doc, "generation", json_integer((json_int_t)generation)) != 0)
        return cw_err_nomem(err);
    return list_runs(runs, json_object_get(record, "products"), err);
}

static int next_counter(int64_t *counter, const struct cw_site *site, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_RECEIPT_MAX);
    CW_AUTO_RECEIPT last = {.doc = NULL};
    int rc = cw_at_read_file(&text, site->fd, LAST, err);

    *counter = 1;
    if (rc == CW_E_NOTFOUND)
        return CW_OK;
    if (rc == CW_OK)
        rc = cw_receipt_parse(&last, cw_buf_text(&text), text.len, err);
    if (rc == CW_OK && last.counter == CW_RECEIPT_COUNTER_MAX)
        rc = cw_err_set(err, CW_E_FAIL, "the counter is at its end");
    if (rc != CW_OK)
        return cw_err_prefix(err, "'%s'", LAST);
    *counter = last.counter + 1;
    return CW_OK;
}

/* The entry comes first, so that the head in the receipt is the one that speaks of it. */
static int add_history(json_t *doc, const struct cw_site *site, int64_t counter, int64_t now,
                       struct cw_err *err)
{
    json_auto_t *data = json_pack("{s:I}", "counter", (json_int_t)counter);
    char sha256[CW_SHA256_TEXT];
    int64_t seq;
    int rc = data != NULL ? cw_history_append(site->fd, now, "receipt", data, err) : cw_err_nomem(err);

    if (rc == CW_OK)
        rc = cw_history_head(&seq, sha256, site->fd, err);
    if (rc != CW_OK)
        return rc;
    return json_object_set_new(doc, "history",
                               json_pack("{s:I, s:s}", "seq", (json_int_t)seq, "sha256", sha256)) == 0
               ? CW_OK
               : cw_err_nomem(err);
}

static int compose(json_t **doc, struct cw_receipt_made *made, const struct cw_site *site, int64_t now,
                   struct cw_err *err)
{
    char time[CW_TIME_TEXT], public_key[2 * CW_ED25519_PUBLIC + 1];
    struct cw_identity identity;
    int rc = cw_identity_ensure(&identity, site->fd, now, err);

    if (rc == CW_OK)
        rc = next_counter(&made->counter, site, err);
    if (rc != CW_OK)
        return rc;
    cw_time_format(now, time);
    cw_hex_format(public_key, identity.public_key, sizeof identity.public_key);
    *doc = json_pack("{s:s, s:s, s:s, s:s, s:I, s:s}", "_type", CW_RECEIPT_DOC, "format", "1.0", "site",
                     site->name, "identity", public_key, "counter", (json_int_t)made->counter, "time", time);
    if (*doc == NULL)
        return cw_err_nomem(err);
    rc = add_runs(*doc, site, err);
    if (rc == CW_OK)
        rc = add_upstreams(*doc, site, err);
    if (rc == CW_OK)
        rc = add_files(*doc, made, site, err);
    return rc == CW_OK ? add_history(*doc, site, made->counter, now, err) : rc;
}

int cw_receipt_write(struct cw_buf *text, struct cw_receipt_made *made, const struct cw_site *site,
                     int64_t now, struct cw_err *err)
{
    CW_AUTO_RECEIPT check = {.doc = NULL};
    json_auto_t *doc = NULL;
    size_t start = text->len;
    int rc;

    *made = (struct cw_receipt_made){.files = 0};
    rc = compose(&doc, made, site, now, err);
    if (rc == CW_OK)
        rc = cw_identity_sign(text, site->fd, now, CW_RECEIPT_TYPE, doc, err);
    if (rc == CW_OK)
        rc = cw_receipt_parse(&check, text->data + start, text->len - start, err);
    if (rc == CW_OK)
        rc = cw_file_replace(site->fd, LAST, text->data + start, text->len - start, 0644, err);
    return rc;
}
