/* SPDX-License-Identifier: ISC */
/*
 * Reading receipts and old channel manifests as hints: see sync/mirror/held.h.
 */
#include "sync/mirror/held.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "codec/hex.h"
#include "fs/walk.h"
#include "release/name.h"
#include "sync/mirror/load.h"
#include "tree/layout.h"
#include "tuf/write.h"

#define RECEIPT_SUFFIX ".receipt.json"

static int add_site(struct cw_held_site **site, struct cw_held *held, struct cw_err *err)
{
    if (held->count == CW_HELD_SITES_MAX)
        return cw_err_set(err, CW_E_USAGE, "more than %d receipts for one bundle", CW_HELD_SITES_MAX);
    *site = &held->sites[held->count++];
    **site = (struct cw_held_site){.files = NULL};
    return CW_OK;
}

/* The identity that a person put here for that site. */
static int check_identity(const struct cw_receipt *receipt, const struct cw_site *site,
                          const struct cw_cli *cli, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_PUBLIC_TEXT_MAX);
    json_auto_t *key = NULL;
    char path[CW_PATH_MAX], keyid[CW_SHA256_TEXT];
    int rc = cw_name_check(receipt->site, "site", err);

    if (rc != CW_OK)
        return rc;
    snprintf(path, sizeof path, CW_HELD_KEYS "/%s.pub", receipt->site);
    rc = cw_at_read_file(&text, site->fd, path, err);
    if (rc == CW_E_NOTFOUND) {
        cw_cli_warn(
            cli,
            "the receipt of '%s' is signed by %.16s…, which is not known here: anybody may have written "
            "it; to be sure, put that site's keys/identity.pub here as '%s'",
            receipt->site, receipt->keyid, path);
        return CW_OK;
    }
    if (rc == CW_OK)
        rc = cw_tuf_key_read(&key, cw_buf_text(&text), text.len, err);
    if (rc == CW_OK)
        rc = cw_tuf_key_id(keyid, key, err);
    if (rc != CW_OK)
        return cw_err_prefix(err, "'%s'", path);
    if (strcmp(keyid, receipt->keyid) != 0)
        return cw_err_set(err, CW_E_VERIFY,
                          "is signed by %.16s…, not by the identity %.16s… that '%s' has for site '%s'",
                          receipt->keyid, keyid, path, receipt->site);
    return CW_OK;
}

/* Takes the receipt over unless a newer one of that site is there. */
static int take_receipt(struct cw_held *held, struct cw_receipt *receipt, struct cw_err *err)
{
    struct cw_held_site *site = NULL;
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < held->count && site == NULL; i++) {
        if (strcmp(held->sites[i].receipt.keyid, receipt->keyid) == 0)
            site = &held->sites[i];
    }
    if (site != NULL && site->receipt.counter >= receipt->counter)
        return CW_OK;
    if (site == NULL)
        rc = add_site(&site, held, err);
    if (rc != CW_OK)
        return rc;
    cw_receipt_clear(&site->receipt);
    json_decref(site->files);
    site->receipt = *receipt;
    *receipt = (struct cw_receipt){.doc = NULL};
    site->files = json_incref((json_t *)site->receipt.files);
    return CW_OK;
}

static int read_receipt(struct cw_held *held, const struct cw_site *site, int fd, const char *what,
                        const struct cw_cli *cli, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_RECEIPT_MAX);
    CW_AUTO_RECEIPT receipt = {.doc = NULL};
    int rc = cw_fd_read_all(&text, fd, what, err);

    if (rc == CW_OK)
        rc = cw_receipt_parse(&receipt, cw_buf_text(&text), text.len, err);
    if (rc == CW_OK)
        rc = check_identity(&receipt, site, cli, err);
    if (rc == CW_OK)
        rc = take_receipt(held, &receipt, err);
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "receipt '%s'", what);
}

struct folder {
    struct cw_held *held;
    const struct cw_site *site;
    const struct cw_cli *cli;
    int dir;
    size_t found;
};

static int look_at_file(void *ctx, const char *path, const struct stat *st, struct cw_err *err)
{
    struct folder *folder = ctx;
    CW_AUTO_FD int fd = -1;
    int rc;

    if (!S_ISREG(st->st_mode) || strchr(path, '/') != NULL || !cw_str_ends(path, RECEIPT_SUFFIX))
        return CW_OK;
    folder->found++;
    rc = cw_at_open_file(&fd, folder->dir, path, err);
    return rc == CW_OK ? read_receipt(folder->held, folder->site, fd, path, folder->cli, err) : rc;
}

static int read_folder(struct cw_held *held, const struct cw_site *site, int dir, const char *path,
                       const struct cw_cli *cli, struct cw_err *err)
{
    struct folder folder = {.held = held, .site = site, .cli = cli, .dir = dir};
    CW_AUTO_FD int inner = -1;
    int rc = cw_at_open_dir(&inner, dir, "receipts", err);

    if (rc == CW_OK)
        folder.dir = inner;
    else if (rc != CW_E_NOTFOUND)
        return rc;
    rc = cw_walk(folder.dir, "", look_at_file, &folder, err);
    if (rc == CW_OK && folder.found == 0)
        rc = cw_err_set(err, CW_E_NOTFOUND, "no '*" RECEIPT_SUFFIX "' in '%s'", path);
    return rc;
}

int cw_held_add_receipts(struct cw_held *held, const struct cw_site *site, const char *path,
                         const struct cw_cli *cli, struct cw_err *err)
{
    CW_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0)
        return cw_err_errno(err, errno, "unable to open '%s'", path);
    return S_ISDIR(st.st_mode) ? read_folder(held, site, fd, path, cli, err)
                               : read_receipt(held, site, fd, path, cli, err);
}

struct serials {
    int mirror;
    int64_t wanted;
    struct cw_held_site *site;
    bool found;
    struct cw_buf have; /* the serials that are there */
};

/* What the mirror lacks of that release it never held, and neither does a site that is fed from it. */
static int add_release(const struct serials *serials, const struct cw_pin *pin, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_MANIFEST_MAX);
    struct cw_manifest manifest = {.doc = NULL};
    char target[CW_PATH_MAX], path[CW_PATH_MAX];
    size_t i;
    int rc = cw_tree_release_target(target, pin->product, pin->version, err);

    if (rc == CW_OK)
        rc = cw_tree_target_path(path, target, pin->sha256, err);
    if (rc == CW_OK)
        rc = cw_at_read_file(&text, serials->mirror, path, err);
    if (rc == CW_E_NOTFOUND)
        return CW_OK;
    if (rc == CW_OK)
        rc = cw_manifest_parse(&manifest, cw_buf_text(&text), text.len, err);
    for (i = 0; rc == CW_OK && i < manifest.artifact_count; i++) {
        const struct cw_artifact *artifact = &manifest.artifacts[i];

        if (json_object_set_new(serials->site->files, artifact->sha256,
                                json_integer((json_int_t)artifact->length)) != 0)
            rc = cw_err_nomem(err);
    }
    cw_manifest_clear(&manifest);
    return rc;
}

static int look_at_channel(void *ctx, const char *name, const struct stat *st, struct cw_err *err)
{
    struct serials *serials = ctx;
    CW_AUTO_BUF text = CW_BUF_INIT(CW_CHANNEL_MAX);
    struct cw_channel channel = {.doc = NULL};
    char path[CW_PATH_MAX];
    size_t i;
    int rc;

    if (!S_ISREG(st->st_mode) || !cw_str_ends(name, "." CW_CHANNEL_FILE))
        return CW_OK;
    snprintf(path, sizeof path, CW_TREE_TARGETS "/channels/%s", name);
    rc = cw_at_read_file(&text, serials->mirror, path, err);
    if (rc == CW_OK)
        rc = cw_channel_parse(&channel, cw_buf_text(&text), text.len, err);
    if (rc == CW_OK)
        cw_buf_addf(&serials->have, "%s%" PRId64, serials->have.len > 0 ? ", " : "", channel.serial);
    for (i = 0; rc == CW_OK && channel.serial == serials->wanted && i < channel.pin_count; i++)
        rc = add_release(serials, &channel.pins[i], err);
    serials->found = serials->found || (rc == CW_OK && channel.serial == serials->wanted);
    cw_channel_clear(&channel);
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "'%s'", path);
}

struct channel_walk {
    struct serials *serials;
    const char *prefix; /* "<channel>/" */
};

static int only_channel(void *ctx, const char *name, const struct stat *st, struct cw_err *err)
{
    const struct channel_walk *walk = ctx;

    return cw_str_starts(name, walk->prefix) ? look_at_channel(walk->serials, name, st, err) : CW_OK;
}

int cw_held_add_serial(struct cw_held *held, int mirror, const char *channel, int64_t serial,
                       struct cw_err *err)
{
    struct serials serials = {.mirror = mirror, .wanted = serial, .have = CW_BUF_INIT(400)};
    char prefix[CW_PATH_MAX];
    struct channel_walk walk = {.serials = &serials, .prefix = prefix};
    int rc = add_site(&serials.site, held, err);

    if (rc != CW_OK)
        return rc;
    snprintf(prefix, sizeof prefix, "%s/", channel);
    held->since = serial;
    serials.site->files = json_object();
    if (serials.site->files == NULL)
        return cw_err_nomem(err);
    rc = cw_walk(mirror, CW_TREE_TARGETS "/channels", only_channel, &walk, err);
    if (rc == CW_OK && !serials.found)
        rc = cw_err_set(err, CW_E_USAGE, "this mirror never took in %s serial %" PRId64 "; it has %s",
                        channel, serial, cw_buf_text(&serials.have));
    cw_buf_clear(&serials.have);
    return rc;
}

/* What the receipt says of the publisher whose roots the mirror has; NULL: nothing. */
static const json_t *find_upstream(const struct cw_receipt *receipt, int mirror)
{
    const json_t *entry;
    size_t i;

    json_array_foreach (receipt->upstreams, i, entry) {
        CW_AUTO_BUF root = CW_BUF_INIT(CW_TUF_ROOT_MAX);
        const json_t *said = json_object_get(entry, "root");
        json_int_t version = json_integer_value(json_object_get(said, "version"));
        char path[CW_PATH_MAX], sha256[CW_SHA256_TEXT];

        if (cw_tree_metadata_path(path, version, cw_tuf_type_name(CW_TUF_ROOT), NULL) == CW_OK &&
            cw_at_read_file(&root, mirror, path, NULL) == CW_OK &&
            cw_sha256(sha256, cw_buf_text(&root), root.len, NULL) == CW_OK &&
            strcmp(sha256, json_string_value(json_object_get(said, "sha256"))) == 0)
            return entry;
    }
    return NULL;
}

/* The array as a NULL-terminated list that borrows its texts; NULL: there is none, so all are wanted. */
static int list_of(const char ***list, const json_t *array, struct cw_err *err)
{
    size_t i;

    *list = NULL;
    if (array == NULL)
        return CW_OK;
    *list = calloc(json_array_size(array) + 1, sizeof **list);
    if (*list == NULL)
        return cw_err_nomem(err);
    for (i = 0; i < json_array_size(array); i++)
        (*list)[i] = json_string_value(json_array_get(array, i));
    return CW_OK;
}

static int note_wanted(struct cw_held_site *site, const struct cw_set *set, struct cw_err *err)
{
    size_t i;

    site->wanted = json_object();
    for (i = 0; site->wanted != NULL && i < set->file_count; i++) {
        if (json_object_set_new(site->wanted, set->files[i].sha256, json_true()) != 0)
            return cw_err_nomem(err);
    }
    return site->wanted != NULL ? CW_OK : cw_err_nomem(err);
}

static int choose(struct cw_held_site *site, struct cw_tuf_update *update,
                  const struct cw_mirror_memory *memory, int mirror, const struct cw_upstream *upstream,
                  const struct cw_cli *cli, struct cw_err *err)
{
    const json_t *entry = find_upstream(&site->receipt, mirror), *wanted = json_object_get(entry, "wanted");
    CW_AUTO_FREE const char **products = NULL, **platforms = NULL;
    struct cw_set_wanted wishes;
    struct cw_err why = {.code = CW_OK};
    CW_AUTO_SET set = {.files = NULL};
    int rc;

    if (entry == NULL) {
        cw_cli_warn(cli, "the receipt of '%s' does not speak of this publisher, so all is carried for it",
                    site->receipt.site);
        return CW_OK;
    }
    if (strcmp(json_string_value(json_object_get(entry, "channel")), upstream->channel) != 0)
        cw_cli_warn(cli, "'%s' follows channel '%s', and this is '%s'", site->receipt.site,
                    json_string_value(json_object_get(entry, "channel")), upstream->channel);
    rc = list_of(&products, json_object_get(wanted, "products"), err);
    if (rc == CW_OK)
        rc = list_of(&platforms, json_object_get(wanted, "platforms"), err);
    if (rc != CW_OK)
        return rc;
    wishes = (struct cw_set_wanted){.products = products, .platforms = platforms};
    rc = cw_mirror_load_wanted(&set, update, memory, mirror, upstream->channel, &wishes, &why);
    if (rc == CW_OK)
        return note_wanted(site, &set, err);
    if (rc == CW_E_NOMEM)
        return cw_err_nomem(err);
    cw_cli_warn(cli, "this mirror does not have all that '%s' wants; what it has is carried: %s",
                site->receipt.site, why.text);
    return CW_OK;
}

int cw_held_choose(struct cw_held *held, struct cw_tuf_update *update, const struct cw_mirror_memory *memory,
                   int mirror, const struct cw_upstream *upstream, const struct cw_cli *cli,
                   struct cw_err *err)
{
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < held->count && rc == CW_OK; i++) {
        if (held->sites[i].receipt.doc != NULL)
            rc = choose(&held->sites[i], update, memory, mirror, upstream, cli, err);
    }
    return rc;
}

void cw_held_clear(struct cw_held *held)
{
    size_t i;

    for (i = 0; i < held->count; i++) {
        cw_receipt_clear(&held->sites[i].receipt);
        json_decref(held->sites[i].files);
        json_decref(held->sites[i].wanted);
    }
    held->count = 0;
}

bool cw_held_has(const struct cw_held_site *site, const char *sha256, uint64_t length)
{
    const json_t *held = json_object_get(site->files, sha256);

    return held != NULL && (uint64_t)json_integer_value(held) == length;
}

bool cw_held_lacks(const struct cw_held_site *site, const char *sha256, uint64_t length)
{
    return (site->wanted == NULL || json_object_get(site->wanted, sha256) != NULL) &&
           !cw_held_has(site, sha256, length);
}
