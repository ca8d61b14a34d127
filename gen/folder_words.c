/* SPDX-License-Identifier: ISC */
/*
 * What a folder that was carried changes, in words: made from the signed parts themselves, new against those in force, and from
 * channel manifests that their hashes prove. What has no words of its own is named by its field, so that nothing is passed over.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "codec/json.h"
#include "gen/folder.h"
#include "release/channel.h"
#include "tree/layout.h"

#define LINES_MAX 2000 /* of one role: more is cut, and said to be */

struct words {
    const struct cw_folder *folder;
    const struct cw_folder_role *role;
    json_t *lines;
    int rc;
};

__attribute__((format(printf, 2, 3))) static void say(struct words *w, const char *fmt, ...)
{
    char text[CW_ERR_TEXT_MAX], shown[CW_ERR_TEXT_MAX];
    va_list args;

    if (json_array_size(w->lines) > LINES_MAX)
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    cw_str_visible(shown, sizeof shown, json_array_size(w->lines) < LINES_MAX ? text : "and more");
    if (json_array_append_new(w->lines, json_string(shown)) != 0)
        w->rc = CW_E_NOMEM;
}

static const json_t *signed_of(const struct cw_tuf_meta *meta)
{
    return meta->doc != NULL ? meta->signed_ : NULL;
}

/* ---- keys of a role ---- */

static bool has_id(const json_t *keyids, const char *id)
{
    const json_t *other;
    size_t i;

    json_array_foreach (keyids, i, other) {
        if (strcmp(json_string_value(other), id) == 0)
            return true;
    }
    return false;
}

static void add_ids(struct cw_buf *line, const struct words *w, const json_t *of, const json_t *in,
                    const char *sign)
{
    const json_t *id;
    size_t i;

    json_array_foreach (of, i, id) {
        const char *text = json_string_value(id), *name = cw_folder_key_name(w->folder, text);

        if (has_id(in, text))
            continue;
        if (name == text)
            cw_buf_addf(line, " %s %.16s", sign, text);
        else
            cw_buf_addf(line, " %s '%s' (%.16s)", sign, name, text);
    }
}

/* Two objects with "keyids" and "threshold"; before may be NULL. */
static void say_keys(struct words *w, const char *role, const json_t *before, const json_t *after)
{
    CW_AUTO_BUF line = CW_BUF_INIT(CW_ERR_TEXT_MAX);
    const json_t *old = json_object_get(before, "keyids"), *new = json_object_get(after, "keyids");
    long long had = (long long)json_integer_value(json_object_get(before, "threshold"));
    long long has = (long long)json_integer_value(json_object_get(after, "threshold"));

    if (had == has && json_equal(old, new))
        return;
    add_ids(&line, w, old, new, "-");
    add_ids(&line, w, new, old, "+");
    if (before == NULL)
        say(w, "keys of %s:%s; %lld of %zu must sign", role, cw_buf_text(&line), has, json_array_size(new));
    else if (had == has)
        say(w, "keys of %s:%s; still %lld of %zu must sign", role, cw_buf_text(&line), has,
            json_array_size(new));
    else
        say(w, "keys of %s:%s; %lld of %zu must sign, it was %lld of %zu", role, cw_buf_text(&line), has,
            json_array_size(new), had, json_array_size(old));
}

/* Fields other than those that have words. */
static void say_others(struct words *w, const char *what, const json_t *before, const json_t *after,
                       const char *const *known)
{
    const json_t *sides[] = {after, before};
    const char *field;
    json_t *value;
    size_t side, i;

    for (side = 0; side < CW_COUNT(sides); side++) {
        json_object_foreach ((json_t *)sides[side], field, value) {
            for (i = 0; known[i] != NULL && strcmp(known[i], field) != 0; i++)
                ;
            if (known[i] == NULL && (side == 0 || json_object_get(after, field) == NULL) &&
                !json_equal(json_object_get(before, field), json_object_get(after, field)))
                say(w, "%sfield '%s' changes", what, field);
        }
    }
}

static void say_root(struct words *w)
{
    static const char *const roles[] = {"root", "targets", "snapshot", "timestamp"};
    static const char *const known[] = {"version", "expires", "keys", "roles", NULL};
    const json_t *before = signed_of(&w->role->before), *after = w->role->meta.signed_;
    size_t i;

    for (i = 0; i < CW_COUNT(roles); i++)
        say_keys(w, roles[i], json_object_get(json_object_get(before, "roles"), roles[i]),
                 json_object_get(json_object_get(after, "roles"), roles[i]));
    if (before != NULL)
        say_others(w, "", before, after, known);
}

/* ---- delegations ---- */

static const json_t *find_role(const json_t *roles, const char *name)
{
    const json_t *role;
    size_t i;

    json_array_foreach (roles, i, role) {
        if (strcmp(json_string_value(json_object_get(role, "name")), name) == 0)
            return role;
    }
    return NULL;
}

static void say_paths(struct words *w, const char *name, const json_t *paths)
{
    const json_t *path;
    size_t i;

    json_array_foreach (paths, i, path)
        say(w, "role '%s' may sign '%s'", name, json_is_string(path) ? json_string_value(path) : "?");
}

static void say_delegations(struct words *w, const json_t *before, const json_t *after)
{
    static const char *const known[] = {"name", "keyids", "threshold", "paths", NULL};
    const json_t *old = json_object_get(json_object_get(before, "delegations"), "roles");
    const json_t *new = json_object_get(json_object_get(after, "delegations"), "roles");
    const json_t *role;
    char what[CW_TUF_NAME_MAX + 16];
    size_t i;

    json_array_foreach (new, i, role) {
        const char *name = json_string_value(json_object_get(role, "name"));
        const json_t *was = find_role(old, name);

        if (was == NULL)
            say(w, "new role '%s'", name);
        if (was == NULL || !json_equal(json_object_get(was, "paths"), json_object_get(role, "paths")))
            say_paths(w, name, json_object_get(role, "paths"));
        say_keys(w, name, was, role);
        snprintf(what, sizeof what, "role '%s': ", name);
        if (was != NULL)
            say_others(w, what, was, role, known);
    }
    json_array_foreach (old, i, role) {
        const char *name = json_string_value(json_object_get(role, "name"));

        if (find_role(new, name) == NULL)
            say(w, "role '%s' is no more", name);
    }
    if (json_object_get(json_object_get(after, "delegations"), "succinct_roles") != NULL &&
        json_object_get(json_object_get(before, "delegations"), "succinct_roles") == NULL)
        say(w, "its targets go into hash bins, which the same keys sign");
}

/* ---- targets ---- */

/* "gateway/2.1.0/" of "gateway/2.1.0/gateway.bin": the version that a target belongs to. */
static size_t version_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? (size_t)(slash - path) : 0;
}

/* Targets that come and go, counted for each version. */
struct tally {
    json_t *added, *removed; /* version → {"files", "bytes"} */
};

static int count_target(json_t *versions, const char *path, const json_t *target)
{
    CW_AUTO_FREE char *version = strndup(path, version_part(path));
    json_t *row = version != NULL ? json_object_get(versions, version) : NULL;
    json_int_t files = json_integer_value(json_object_get(row, "files")),
               bytes = json_integer_value(json_object_get(row, "bytes")),
               more = json_integer_value(json_object_get(target, "length"));

    return version != NULL && json_object_set_new(
                                  versions, version,
                                  json_pack("{s:I, s:I}", "files", files + 1, "bytes", bytes + more)) == 0
               ? CW_OK
               : CW_E_NOMEM;
}

/* Those of one file, against `left`, what was in force: what is the same there, or changes, is taken out of it. */
static int tally_file(struct tally *t, json_t *left, const json_t *targets)
{
    const char *path;
    json_t *target;
    int rc = CW_OK;

    json_object_foreach ((json_t *)targets, path, target) {
        json_t *was = json_object_get(left, path);

        if (rc == CW_OK && !json_equal(was, target)) {
            rc = count_target(t->added, path, target);
            if (rc == CW_OK && was != NULL)
                rc = count_target(t->removed, path, was);
        }
        if (was != NULL)
            json_object_del(left, path);
    }
    return rc;
}

/* What is left is signed no more. */
static int tally_left(struct tally *t, const json_t *left)
{
    const char *path;
    json_t *target;
    int rc = CW_OK;

    json_object_foreach ((json_t *)left, path, target) {
        if (rc == CW_OK)
            rc = count_target(t->removed, path, target);
    }
    return rc;
}

static void say_tally(struct words *w, const struct tally *t)
{
    const char *version;
    char size[16];
    json_t *row;

    json_object_foreach (t->added, version, row) {
        json_int_t files = json_integer_value(json_object_get(row, "files"));

        cw_str_bytes((uint64_t)json_integer_value(json_object_get(row, "bytes")), size);
        say(w, "%s '%s': %lld file%s, %s", json_object_get(t->removed, version) != NULL ? "CHANGES" : "signs",
            version, (long long)files, cw_str_plural((uint64_t)files), size);
    }
    json_object_foreach (t->removed, version, row) {
        if (json_object_get(t->added, version) == NULL)
            say(w, "signs no more '%s'", version);
    }
}

/* A copy of the list, whose entries are shared; empty where there is none. */
static json_t *targets_of(const struct cw_tuf_meta *meta)
{
    const json_t *targets = json_object_get(signed_of(meta), "targets");

    return targets != NULL ? cw_json_copy(targets) : json_object();
}

static void say_targets(struct words *w)
{
    json_auto_t *added = json_object(), *removed = json_object(), *left = targets_of(&w->role->before);
    struct tally t = {.added = added, .removed = removed};

    if (added == NULL || removed == NULL || left == NULL ||
        tally_file(&t, left, json_object_get(w->role->meta.signed_, "targets")) != CW_OK ||
        tally_left(&t, left) != CW_OK)
        w->rc = CW_E_NOMEM;
    else
        say_tally(w, &t);
}

/* ---- channels ---- */

/* The channel manifest that a channel's role names, out of the folder; *there false: it names none. */
static int read_manifest(struct cw_channel *channel, bool *there, const struct words *w,
                         const struct cw_tuf_meta *meta, struct cw_err *err)
{
    CW_AUTO_BUF bytes = CW_BUF_INIT(CW_CHANNEL_MAX);
    char target[CW_PATH_MAX], path[CW_PATH_MAX];
    struct cw_tuf_file said;
    int rc = cw_tree_channel_target(target, w->role->role, err);

    *there = false;
    if (rc != CW_OK || meta->doc == NULL)
        return rc;
    rc = cw_tuf_target_file(&said, meta, target, err);
    if (rc != CW_OK || cw_tuf_file_sha256(&said) == NULL)
        return rc == CW_E_NOTFOUND ? CW_OK : rc;
    rc = cw_tree_target_path(path, target, cw_tuf_file_sha256(&said), err);
    if (rc == CW_OK)
        rc = cw_at_read_file(&bytes, w->folder->dir, path, err);
    if (rc == CW_OK)
        rc = cw_tuf_file_check(&said, bytes.data, bytes.len, err);
    if (rc == CW_OK)
        rc = cw_channel_parse(channel, bytes.data, bytes.len, err);
    *there = rc == CW_OK;
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "'%s'", path);
}

static void say_pins(struct words *w, const struct cw_channel *before, const struct cw_channel *after)
{
    size_t i;

    for (i = 0; i < after->pin_count; i++) {
        const struct cw_pin *pin = &after->pins[i], *was = cw_channel_pin(before, pin->product);

        if (was == NULL)
            say(w, "%s: %s", pin->product, pin->version);
        else if (strcmp(was->sha256, pin->sha256) != 0)
            say(w, "%s: %s -> %s", pin->product, was->version, pin->version);
    }
    for (i = 0; i < before->pin_count; i++) {
        if (cw_channel_pin(after, before->pins[i].product) == NULL)
            say(w, "%s: %s leaves the set", before->pins[i].product, before->pins[i].version);
    }
}

static void say_withdrawn(struct words *w, const struct cw_channel *before, const struct cw_channel *after)
{
    const char *product, *version;
    json_t *versions, *reason;

    json_object_foreach ((json_t *)after->withdrawn, product, versions) {
        json_object_foreach (versions, version, reason) {
            if (before->doc == NULL || cw_channel_withdrawn(before, product, version) == NULL)
                say(w, "%s %s is withdrawn: %s", product, version, json_string_value(reason));
        }
    }
}

static int say_channel(struct words *w, bool *is_channel, struct cw_err *err)
{
    struct cw_channel before = {.doc = NULL}, after = {.doc = NULL};
    bool had, has = false;
    int rc = read_manifest(&before, &had, w, &w->role->before, err);

    if (rc == CW_OK)
        rc = read_manifest(&after, &has, w, &w->role->meta, err);
    if (rc == CW_OK && has && (!had || before.serial != after.serial))
        say(w, "serial %lld", (long long)after.serial);
    if (rc == CW_OK && has) {
        say_pins(w, &before, &after);
        say_withdrawn(w, &before, &after);
    }
    *is_channel = has;
    cw_channel_clear(&before);
    cw_channel_clear(&after);
    return rc;
}

/* ---- hash bins ---- */

/* What a bin says beyond its targets; nothing, if it is one of ours. */
static void say_bin_others(struct words *w, const struct cw_folder_role *bin)
{
    static const char *const known[] = {"version", "expires", "targets", "_type", "spec_version", NULL};
    const json_t *before = signed_of(&bin->before);
    char what[CW_TUF_NAME_MAX + 16];

    snprintf(what, sizeof what, "bin '%s': ", bin->role);
    say_others(w, what, before, bin->meta.signed_, known);
}

/* Those of one product together, from number `first` on: what they gain and lose. A product that is split now loses its targets to
 * them. */
static int tally_bins(struct words *w, struct tally *t, int64_t *expires, struct cw_folder *folder,
                      size_t first, struct cw_err *err)
{
    const struct cw_folder_role *product = cw_folder_find(folder, folder->roles[first].bin_of);
    const struct cw_tuf_meta none = {.type = CW_TUF_TARGETS};
    bool fresh = folder->roles[first].version == 1;
    json_auto_t *moved = targets_of(fresh && product != NULL ? &product->before : &none);
    size_t i, end = first + cw_folder_run(folder, first);
    int rc = moved != NULL ? CW_OK : CW_E_NOMEM;

    for (i = first; i < end && rc == CW_OK; i++) {
        struct cw_folder_role *bin = &folder->roles[i];
        json_auto_t *left = NULL;

        rc = cw_folder_open_role(bin, folder, err);
        if (rc != CW_OK)
            return rc;
        left = bin->version == 1 ? json_incref(moved) : targets_of(&bin->before);
        rc = left != NULL ? tally_file(t, left, json_object_get(bin->meta.signed_, "targets")) : CW_E_NOMEM;
        if (rc == CW_OK && bin->version > 1)
            rc = tally_left(t, left);
        say_bin_others(w, bin);
        *expires = i == first || bin->expires < *expires ? bin->expires : *expires;
        cw_folder_rest_role(bin);
    }
    if (rc == CW_OK)
        rc = tally_left(t, moved);
    return rc == CW_OK ? CW_OK : cw_err_nomem(err);
}

static int say_bins(struct words *w, int64_t *expires, struct cw_folder *folder, size_t first,
                    struct cw_err *err)
{
    json_auto_t *added = json_object(), *removed = json_object();
    struct tally t = {.added = added, .removed = removed};
    int rc =
        added != NULL && removed != NULL ? tally_bins(w, &t, expires, folder, first, err) : cw_err_nomem(err);

    if (rc == CW_OK)
        say_tally(w, &t);
    return rc;
}

/* ---- all of it ---- */

static int say_role(struct words *w, struct cw_err *err)
{
    static const char *const known[] = {"version", "expires", "targets", "delegations", NULL};
    const json_t *before = signed_of(&w->role->before), *after = w->role->meta.signed_;
    bool is_channel = false;
    int rc = CW_OK;

    if (w->role->meta.type == CW_TUF_ROOT) {
        say_root(w);
        return CW_OK;
    }
    say_delegations(w, before, after);
    if (strcmp(w->role->role, "targets") != 0)
        rc = say_channel(w, &is_channel, err);
    if (rc == CW_OK && !is_channel && !cw_tuf_delegation_bins(&w->role->meta))
        say_targets(w);
    if (before != NULL)
        say_others(w, "", before, after, known);
    return rc;
}

/* The role of that number, or the bins that begin there. */
static int add_change(json_t *changes, struct cw_folder *folder, size_t first, struct cw_err *err)
{
    const struct cw_folder_role *role = &folder->roles[first];
    struct words w = {.folder = folder, .role = role, .lines = json_array()};
    int64_t expires = role->expires;
    char text[CW_TIME_TEXT];
    json_t *row;
    int rc;

    if (role->bin_of != NULL)
        rc = say_bins(&w, &expires, folder, first, err);
    else
        rc = say_role(&w, err);
    cw_time_format(expires, text);
    row =
        json_pack("{s:s, s:I, s:s, s:b, s:o}", "role", cw_folder_subject(role),
                  role->bin_of != NULL ? "bins" : "version",
                  role->bin_of != NULL ? (json_int_t)cw_folder_run(folder, first) : (json_int_t)role->version,
                  "expires", text, "new",
                  role->bin_of != NULL ? role->version == 1 : role->before.doc == NULL, "changes", w.lines);
    if (json_array_append_new(changes, row) != 0 || w.rc != CW_OK)
        return cw_err_nomem(err);
    return rc;
}

int cw_folder_changes(json_t **changes, struct cw_folder *folder, struct cw_err *err)
{
    struct cw_progress progress;
    size_t i;
    int rc = CW_OK;

    *changes = json_array();
    cw_folder_begin(folder, &progress, "comparing");
    for (i = 0; i < folder->count && rc == CW_OK; i += cw_folder_run(folder, i))
        rc = add_change(*changes, folder, i, err);
    cw_folder_end(folder);
    return rc;
}
