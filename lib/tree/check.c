/* SPDX-License-Identifier: ISC */
/*
 * Checking a whole tree: metadata first (check_metadata.c), then each file below targets/ against what the
 * newest roles sign, then what they sign against what is there, and last the channels' sets by the same code
 * that lets them into a site.
 */
#include "tree/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "crypt/hash.h"
#include "fs/commit.h"
#include "fs/root.h"
#include "fs/walk.h"
#include "release/channel.h"
#include "release/name.h"
#include "tree/check_deltas.h"
#include "tree/check_metadata.h"
#include "tree/hashing.h"
#include "tree/layout.h"
#include "tree/read.h"

/* A file that the newest roles sign: sixteen bytes for each of maybe a million. */
struct entry {
    uint64_t key; /* the beginning of the sha256 of its tree path */
    int64_t length;
};

struct tree {
    struct cw_tree_check *check;
    struct cw_metadata_check metadata;
    struct cw_hashing *hashing;
    int dir;
    struct entry *entries; /* sorted by key once metadata is judged */
    size_t count, room;
    json_t *known;         /* object: role or bin → true, whose newest file is here and holds */
    json_t *channels;      /* array: names of those that have published a set */
    uint64_t bad, missing; /* findings that are about targets, made while metadata is judged */
    bool absent;           /* a file that a client asks for is missing, and was told */
};

/* ---- each file that is signed ---- */

static int key_of(uint64_t *key, const char *path, struct cw_err *err)
{
    unsigned char digest[CW_SHA256_BYTES];
    int rc = cw_sha256_bytes(digest, path, strlen(path), err);

    memcpy(key, digest, sizeof *key);
    return rc;
}

static int add_entry(struct tree *tree, const char *path, int64_t length, struct cw_err *err)
{
    struct entry entry = {.length = length};
    int rc = key_of(&entry.key, path, err);

    if (rc != CW_OK)
        return rc;
    if (tree->count == tree->room) {
        size_t room = tree->room != 0 ? tree->room * 2 : 256;
        struct entry *entries = reallocarray(tree->entries, room, sizeof *entries);

        if (entries == NULL)
            return cw_err_nomem(err);
        tree->entries = entries;
        tree->room = room;
    }
    tree->entries[tree->count++] = entry;
    return CW_OK;
}

static int compare_entries(const void *a, const void *b)
{
    const struct entry *one = a, *two = b;

    return (one->key > two->key) - (one->key < two->key);
}

static void tell_lack(const struct tree *tree, const char *path, const char *sha256, int64_t length)
{
    if (tree->check->lacks != NULL)
        tree->check->lacks(tree->check->ctx, path, sha256, length);
}

/* A file in a pack of the bundle, with the bytes that are signed. */
static bool is_packed(const struct tree *tree, const char *path, const char *sha256, int64_t length)
{
    const struct cw_volume_packed *packed =
        tree->check->volume != NULL ? cw_volume_find_packed(tree->check->volume, path) : NULL;

    return packed != NULL && strcmp(packed->file.sha256, sha256) == 0 &&
           (length < 0 || packed->file.length == (uint64_t)length);
}

static int add_present(struct tree *tree, const char *path, const char *sha256, int64_t length,
                       struct cw_err *err)
{
    bool there;
    int rc = cw_at_has(&there, tree->dir, path, err);

    if (rc == CW_OK && !there && !is_packed(tree, path, sha256, length)) {
        tree->missing++;
        cw_finding_add(tree->check, CW_FINDING_MISSING, path, "is missing");
        tell_lack(tree, path, sha256, length);
    }
    return rc;
}

static int check_present(struct tree *tree, const struct cw_set_file *file, struct cw_err *err)
{
    char path[CW_PATH_MAX];
    int rc = cw_tree_target_path(path, file->target, file->sha256, err);

    return rc == CW_OK ? add_present(tree, path, file->sha256, (int64_t)file->length, err)
                       : cw_finding_from(tree->check, file->target, err);
}

static bool covers(const struct cw_tuf_meta *meta, const char *role, const char *target)
{
    struct cw_tuf_role at;
    size_t i = 0;

    if (cw_tuf_delegation_bins(meta))
        return cw_tuf_delegation_find(meta, target, &i) &&
               cw_tuf_delegation_at(&at, meta, i, NULL) == CW_OK && strcmp(at.name, role) == 0;
    for (; i < cw_tuf_delegation_count(meta); i++) {
        if (cw_tuf_delegation_at(&at, meta, i, NULL) == CW_OK && strcmp(at.name, role) == 0)
            return cw_tuf_delegation_covers(meta, i, target);
    }
    return false;
}

/* A bin's targets are its role's, and of that role's they are the bin's. */
static bool may_sign(const struct tree *tree, const char *role, const char *owner, const char *target)
{
    const struct cw_tuf_meta *split = cw_metadata_check_split(&tree->metadata, owner);

    return covers(tree->metadata.newest_targets, owner, target) &&
           (strcmp(role, owner) == 0 || (split != NULL && covers(split, role, target)));
}

static int check_signed(struct tree *tree, const char *role, const char *owner,
                        const struct cw_tuf_meta *meta, const char *target, struct cw_err *err)
{
    char path[CW_PATH_MAX];
    struct cw_tuf_file file;
    int rc;

    if (cw_tuf_target_file(&file, meta, target, err) != CW_OK || cw_tuf_file_sha256(&file) == NULL) {
        tree->bad++;
        cw_finding_add(tree->check, CW_FINDING_BAD, target, "role '%s' states no sha256", role);
        return CW_OK;
    }
    if (!may_sign(tree, role, owner, target)) {
        tree->bad++;
        cw_finding_add(tree->check, CW_FINDING_BAD, target, "role '%s' signs it, but may not", role);
        return CW_OK;
    }
    rc = cw_tree_target_path(path, target, cw_tuf_file_sha256(&file), err);
    if (rc != CW_OK)
        return cw_finding_from(tree->check, target, err);
    rc = add_entry(tree, path, file.length, err);
    return rc == CW_OK && !tree->check->partial
               ? add_present(tree, path, cw_tuf_file_sha256(&file), file.length, err)
               : rc;
}

/* The newest file of a role or bin. */
static int see_role(void *ctx, const char *role, const char *owner, const struct cw_tuf_meta *meta,
                    struct cw_err *err)
{
    struct tree *tree = ctx;
    char channel[CW_PATH_MAX];
    const char *target;
    json_t *entry;
    int rc = CW_OK;

    if (json_object_set_new(tree->known, role, json_true()) != 0)
        return cw_err_nomem(err);
    if (cw_tree_channel_target(channel, role, NULL) == CW_OK &&
        json_object_get(json_object_get(meta->signed_, "targets"), channel) != NULL &&
        json_array_append_new(tree->channels, json_string(role)) != 0)
        return cw_err_nomem(err);
    json_object_foreach (json_object_get(meta->signed_, "targets"), target, entry) {
        rc = check_signed(tree, role, owner, meta, target, err);
        if (rc != CW_OK)
            break;
    }
    return rc;
}

/* ---- each file that is there ---- */

/* Is the file here of the role that answers for a target path: the product's or its bin, or the channel's below channels/? */
static bool is_known(const struct tree *tree, const char *target)
{
    char name[CW_TUF_NAME_MAX];
    const char *start = cw_str_starts(target, "channels/") ? target + strlen("channels/") : target;
    int n = snprintf(name, sizeof name, "%.*s", (int)strcspn(start, "/"), start);
    const struct cw_tuf_meta *split;
    struct cw_tuf_role bin;
    size_t index = 0;

    if (n <= 0 || (size_t)n >= sizeof name)
        return false;
    split = cw_metadata_check_split(&tree->metadata, name);
    if (split != NULL)
        return cw_tuf_delegation_find(split, target, &index) &&
               cw_tuf_delegation_at(&bin, split, index, NULL) == CW_OK &&
               json_object_get(tree->known, bin.name) != NULL;
    return json_object_get(tree->known, name) != NULL;
}

/* What is signed at this tree path; NULL: nothing. */
static const struct entry *find_entry(const struct tree *tree, const char *path)
{
    struct entry key = {.length = 0};

    if (tree->count == 0 || key_of(&key.key, path, NULL) != CW_OK)
        return NULL;
    return bsearch(&key, tree->entries, tree->count, sizeof key, compare_entries);
}

/* A channel manifest is superseded by the next, and kept; so are the attestations that it named. */
static bool is_superseded(const char *target)
{
    return cw_str_starts(target, "channels/") && cw_str_ends(target, ".json");
}

/* Every part of a target path is a portable name. */
static int check_parts(const char *target, struct cw_err *err)
{
    char part[CW_PATH_MAX];

    while (*target != '\0') {
        size_t len = strcspn(target, "/");

        snprintf(part, sizeof part, "%.*s", (int)len, target);
        if (cw_name_check(part, "file", err) != CW_OK)
            return CW_E_VERIFY;
        target += len;
        target += *target == '/';
    }
    return CW_OK;
}

/* What is said of a file's content, by the hash in its name and the length where it is known. `known`: a role
 * that is in force signs it. */
static int judge_content(void *ctx, const struct cw_hashed *file, struct cw_err *err)
{
    struct tree *tree = ctx;
    struct cw_held_file held = {.path = file->path, .sha256 = file->sha256, .length = file->size};
    char target[CW_PATH_MAX], sha256[CW_SHA256_TEXT];
    int rc;

    if (file->rc != CW_OK) {
        *err = file->err;
        rc = cw_finding_from(tree->check, file->path, err);
        if (rc == CW_OK)
            tell_lack(tree, file->path, file->expected, file->length);
        return rc;
    }
    tree->check->files++;
    tree->check->bytes += file->size;
    if (file->length >= 0 && (uint64_t)file->length != file->size) {
        cw_finding_add(tree->check, CW_FINDING_BAD, file->path,
                       "length differs: expected %" PRId64 " bytes, got %" PRIu64, file->length, file->size);
        tell_lack(tree, file->path, file->expected, file->length);
        return CW_OK;
    }
    if (strcmp(file->sha256, file->expected) != 0) {
        cw_finding_add(tree->check, CW_FINDING_BAD, file->path, "sha256 differs: expected %s, got %s",
                       file->expected, file->sha256);
        tell_lack(tree, file->path, file->expected, file->length);
        return CW_OK;
    }
    if (!file->known && cw_tree_split_target(file->path, target, sha256)) {
        held.superseded = is_superseded(target);
        tree->check->older += held.superseded;
        if (!held.superseded && (!tree->check->partial || is_known(tree, target)))
            cw_finding_add(tree->check, CW_FINDING_ORPHAN, file->path, "no role signs it");
    }
    if (tree->check->held != NULL && (file->known || held.superseded))
        tree->check->held(tree->check->ctx, &held);
    return CW_OK;
}

static int check_target(struct tree *tree, const char *path, struct cw_err *err)
{
    char target[CW_PATH_MAX], sha256[CW_SHA256_TEXT];
    const struct entry *entry;

    if (!cw_tree_split_target(path, target, sha256)) {
        cw_finding_add(tree->check, CW_FINDING_ORPHAN, path, "has no sha256 in its name");
        return CW_OK;
    }
    if (check_parts(target, err) != CW_OK)
        return cw_finding_from(tree->check, path, err);
    if (tree->check->names_only)
        return CW_OK;
    entry = find_entry(tree, path);
    return cw_hashing_add(tree->hashing, path, sha256, entry != NULL ? entry->length : -1, entry != NULL,
                          err);
}

static int see_file(void *ctx, const char *path, const struct stat *st, struct cw_err *err)
{
    struct tree *tree = ctx;
    const char *name = cw_str_basename(path);

    if (cw_str_starts(path, CW_TREE_METADATA "/"))
        return CW_OK; /* metadata is judged by itself */
    if (cw_str_starts(name, CW_TMP_PREFIX))
        cw_finding_add(tree->check, CW_FINDING_ORPHAN, path, "was left by a run that was interrupted");
    else if (S_ISDIR(st->st_mode))
        return CW_OK;
    else if (!S_ISREG(st->st_mode))
        cw_finding_add(tree->check, CW_FINDING_BAD, path, "is not a regular file");
    else if (cw_str_starts(path, CW_TREE_TARGETS "/"))
        return check_target(tree, path, err);
    else if (cw_name_check(name, "file", err) != CW_OK)
        return cw_finding_from(tree->check, path, err);
    else
        tree->check->unsigned_files++;
    return CW_OK;
}

/* ---- the sets ---- */

static void note_absent(void *ctx, const char *path)
{
    struct tree *tree = ctx;
    char target[CW_PATH_MAX], sha256[CW_SHA256_TEXT];

    tree->absent = true;
    cw_finding_add(tree->check, CW_FINDING_MISSING, path, "is missing");
    if (cw_tree_split_target(path, target, sha256))
        tell_lack(tree, path, sha256, -1);
}

/* Of a file that is missing was told already. */
static int failed_as_client(struct tree *tree, const char *what, struct cw_err *err)
{
    if (tree->absent && err->code == CW_E_INCOMPLETE) {
        cw_err_clear(err);
        return CW_OK;
    }
    return cw_finding_from(tree->check, what, err);
}

static int check_set(struct tree *tree, struct cw_tuf_update *update, const struct cw_set_source *source,
                     const char *channel, struct cw_err *err)
{
    CW_AUTO_SET set = {0};
    char target[CW_PATH_MAX];
    size_t i;
    int rc = cw_tree_channel_target(target, channel, err);

    if (rc == CW_OK)
        rc = cw_set_load(&set, update, channel, tree->check->wanted, source, NULL, NULL, err);
    if (rc != CW_OK)
        return failed_as_client(tree, target, err);
    for (i = 0; tree->check->partial && i < set.file_count && rc == CW_OK; i++)
        rc = check_present(tree, &set.files[i], err);
    return rc;
}

/* Every channel of the tree that has been published; in a partial tree only the one that was asked for. */
static int check_sets(struct tree *tree, struct cw_tuf_update *update, const struct cw_set_source *source,
                      struct cw_err *err)
{
    json_t *name;
    size_t i;
    int rc = CW_OK;

    if (tree->check->partial)
        return tree->check->channel != NULL ? check_set(tree, update, source, tree->check->channel, err)
                                            : CW_OK;
    json_array_foreach (tree->channels, i, name) {
        rc = check_set(tree, update, source, json_string_value(name), err);
        if (rc != CW_OK)
            break;
    }
    return rc;
}

/* What a client would say, beginning with the trusted root. */
static int check_as_client(struct tree *tree, struct cw_err *err)
{
    struct cw_tuf_params params = {.now = tree->check->now};
    struct cw_tree_reader reader = {
        .dir = tree->dir, .overlay = tree->check->overlay, .absent = note_absent, .ctx = tree};
    CW_AUTO_BUF root = CW_BUF_INIT(CW_TUF_ROOT_MAX);
    struct cw_tuf_update *update = NULL;
    struct cw_set_source source;
    int rc = CW_OK;

    cw_tree_reader_source(&source, &reader);
    if (tree->check->root != NULL)
        cw_buf_add(&root, tree->check->root, tree->check->root_len);
    else
        rc = cw_tree_read(&root, tree->dir, tree->check->overlay, CW_TREE_METADATA "/1.root.json", err);
    if (rc == CW_OK)
        rc = cw_buf_check(&root, "the trusted root", err);
    if (rc == CW_OK)
        rc = cw_tuf_update_new(&update, &params, cw_buf_text(&root), root.len, err);
    if (rc == CW_OK)
        rc = source.drive(source.ctx, update, err);
    rc = rc == CW_OK ? check_sets(tree, update, &source, err) : failed_as_client(tree, CW_TREE_METADATA, err);
    cw_tuf_update_free(update);
    return rc;
}

/* What lies in packs was hashed with the bundle; what it is worth is judged as of any file. */
static int check_packed(struct tree *tree, const struct cw_volume *volume, struct cw_err *err)
{
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < volume->packed_count && rc == CW_OK; i++) {
        const struct cw_volume_file *file = &volume->packed[i].file;
        const struct entry *entry = find_entry(tree, file->path);
        struct cw_hashed hashed = {.length = entry != NULL ? entry->length : -1, .known = entry != NULL};
        char target[CW_PATH_MAX];

        hashed.size = file->length;
        snprintf(hashed.path, sizeof hashed.path, "%s", file->path);
        snprintf(hashed.sha256, sizeof hashed.sha256, "%s", file->sha256);
        if (cw_tree_split_target(file->path, target, hashed.expected))
            rc = judge_content(tree, &hashed, err);
    }
    return rc;
}

static int check_files(struct tree *tree, struct cw_err *err)
{
    int rc = cw_hashing_new(&tree->hashing, tree->dir, judge_content, tree, err);

    if (rc != CW_OK)
        return rc;
    cw_hashing_on_read(tree->hashing, tree->check->read, tree->check->ctx);
    rc = cw_walk(tree->dir, "", see_file, tree, err);
    if (rc == CW_OK)
        rc = cw_hashing_finish(tree->hashing, err);
    cw_hashing_free(tree->hashing);
    if (rc == CW_OK && tree->check->volume_holds && !tree->check->names_only)
        rc = check_packed(tree, tree->check->volume, err);
    return rc;
}

static int check_all(struct tree *tree, struct cw_err *err)
{
    bool metadata_holds;
    int rc = cw_metadata_check(&tree->metadata, tree->check, tree->dir, err);

    metadata_holds = tree->check->bad == tree->bad && tree->check->missing == tree->missing;
    if (tree->count > 1)
        qsort(tree->entries, tree->count, sizeof *tree->entries, compare_entries);
    if (rc == CW_OK)
        rc = check_files(tree, err);
    if (rc == CW_OK)
        rc = cw_check_deltas(tree->check, tree->dir, err);
    /* Where metadata is broken, each set would only tell the same again. */
    if (rc == CW_OK && metadata_holds)
        rc = check_as_client(tree, err);
    return rc;
}

int cw_tree_check(struct cw_tree_check *check, int dir, struct cw_err *err)
{
    struct tree tree = {.check = check, .dir = dir, .known = json_object(), .channels = json_array()};
    struct cw_err own;
    int rc;

    if (err == NULL)
        err = &own; /* findings are made from error texts */
    tree.metadata.each = see_role;
    tree.metadata.ctx = &tree;
    rc = tree.known != NULL && tree.channels != NULL ? check_all(&tree, err) : cw_err_nomem(err);
    cw_metadata_check_clear(&tree.metadata);
    json_decref(tree.known);
    json_decref(tree.channels);
    free(tree.entries);
    return rc == CW_OK ? cw_finding_sum(check, err) : rc;
}

static int add_size(void *ctx, const char *path, const struct stat *st, struct cw_err *err)
{
    (void)path;
    (void)err;
    *(uint64_t *)ctx += S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0;
    return CW_OK;
}

uint64_t cw_tree_size(int dir)
{
    uint64_t size = 0;

    return cw_walk(dir, CW_TREE_TARGETS, add_size, &size, NULL) == CW_OK ? size : 0;
}
