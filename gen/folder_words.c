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

/* Counts targets of one version that are in `in` and not, or otherwise, in `than`. */
struct tally {
    size_t files;
    json_int_t bytes;
};

static int tally(json_t *versions, const json_t *targets, const json_t *than)
{
    const char *path;
    json_t *target;

    json_object_foreach ((json_t *)targets, path, target) {
        CW_AUTO_FREE char *version = NULL;
        json_t *row;

        if (json_equal(target, json_object_get(than, path)))
            continue;
        version = strndup(path, version_part(path));
        row = version != NULL ? json_object_get(versions, version) : NULL;
        if (row == NULL)
            row = json_pack("{s:i, s:i}", "files", 0, "bytes", 0);
        else
            json_incref(row);
        json_object_set_new(row, "files",
                            json_integer(json_integer_value(json_object_get(row, "files")) + 1));
        json_object_set_new(row, "bytes",
                            json_integer(json_integer_value(json_object_get(row, "bytes")) +
                                         json_integer_value(json_object_get(target, "length"))));
        if (version == NULL || json_object_set_new(versions, version, row) != 0)
            return CW_E_NOMEM;
    }
    return CW_OK;
}

static void say_targets(struct words *w, const json_t *before, const json_t *after)
{
    json_auto_t *added = json_object(), *removed = json_object();
    const json_t *old = json_object_get(before, "targets"), *new = json_object_get(after, "targets");
    const char *version;
    char size[16];
    json_t *row;

    if (added == NULL || removed == NULL || tally(added, new, old) != CW_OK ||
        tally(removed, old, new) != CW_OK) {
        w->rc = CW_E_NOMEM;
        return;
    }
    json_object_foreach (added, version, row) {
        json_int_t files = json_integer_value(json_object_get(row, "files"));

        cw_str_bytes((uint64_t)json_integer_value(json_object_get(row, "bytes")), size);
        say(w, "%s '%s': %lld file%s, %s", json_object_get(removed, version) != NULL ? "CHANGES" : "signs",
            version, (long long)files, cw_str_plural((uint64_t)files), size);
    }
    json_object_foreach (removed, version, row) {
        if (json_object_get(added, version) == NULL)
            say(w, "signs no more '%s'", version);
    }
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
    if (rc == CW_OK && !is_channel)
        say_targets(w, before, after);
    if (before != NULL)
        say_others(w, "", before, after, known);
    return rc;
}

int cw_folder_changes(json_t **changes, const struct cw_folder *folder, struct cw_err *err)
{
    size_t i;
    int rc = CW_OK;

    *changes = json_array();
    for (i = 0; i < folder->count && rc == CW_OK; i++) {
        struct words w = {.folder = folder, .role = &folder->roles[i], .lines = json_array()};
        char expires[CW_TIME_TEXT];

        rc = say_role(&w, err);
        cw_time_format(w.role->meta.expires, expires);
        if (json_array_append_new(*changes,
                                  json_pack("{s:s, s:I, s:s, s:b, s:o}", "role", w.role->role, "version",
                                            (json_int_t)w.role->meta.version, "expires", expires, "new",
                                            w.role->before.doc == NULL, "changes", w.lines)) != 0 ||
            w.rc != CW_OK)
            return cw_err_nomem(err);
    }
    return rc;
}

void cw_folder_say(const struct cw_folder *folder, const json_t *changes, const struct cw_cli *cli)
{
    const json_t *row, *line;
    size_t i, k;

    if (folder->root.doc != NULL)
        cw_cli_say(cli, "the root in force is version %lld, fingerprint %s", (long long)folder->root.version,
                   folder->fingerprint);
    else
        cw_cli_say(cli, "a repository's first root, whose content has the sha256 %s", folder->fingerprint);
    cw_cli_say(cli, "composed at %s\n", json_string_value(json_object_get(folder->doc, "composed")));
    json_array_foreach (changes, i, row) {
        char role[CW_TUF_NAME_MAX];

        cw_str_visible(role, sizeof role, json_string_value(json_object_get(row, "role")));
        cw_cli_say(cli, "%s %s, version %lld, good until %s",
                   json_is_true(json_object_get(row, "new")) ? "new" : "next", role,
                   (long long)json_integer_value(json_object_get(row, "version")),
                   json_string_value(json_object_get(row, "expires")));
        json_array_foreach (json_object_get(row, "changes"), k, line) {
            cw_cli_say(cli, "  %s", json_string_value(line));
        }
        if (k == 0)
            cw_cli_say(cli, "  %s",
                       json_is_true(json_object_get(row, "new")) ? "nothing is in it yet"
                                                                 : "nothing else changes");
    }
}

void cw_folder_say_missing(const json_t *missing, const struct cw_cli *cli)
{
    const json_t *row, *name;
    size_t i, k;

    json_array_foreach (missing, i, row) {
        CW_AUTO_BUF list = CW_BUF_INIT(CW_ERR_TEXT_MAX);
        char shown[CW_ERR_TEXT_MAX], role[CW_TUF_NAME_MAX];

        json_array_foreach (json_object_get(row, "of"), k, name)
            cw_buf_addf(&list, "%s'%s'", k > 0 ? ", " : "", json_string_value(name));
        cw_str_visible(shown, sizeof shown, cw_buf_text(&list));
        cw_str_visible(role, sizeof role, json_string_value(json_object_get(row, "role")));
        cw_cli_say(cli, "missing for %s: %lld of %s", role,
                   (long long)json_integer_value(json_object_get(row, "missing")), shown);
    }
}
