/* SPDX-License-Identifier: ISC */
/*
 * Installing one release: see sync/deploy/install.h. What is installed, and when, is apply.c's.
 */
#include "sync/deploy/install.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "codec/archive.h"
#include "codec/json.h"
#include "codec/json_file.h"
#include "crypt/hash.h"
#include "fs/commit.h"
#include "fs/walk.h"
#include "jail/jail.h"
#include "sync/deploy/owners.h"
#include "sync/deploy/store.h"
#include "tree/layout.h"

#define PIPE_SIZE (1 << 20)
#define COPY_BLOCK ((size_t)256 * 1024)
#define EXTRACT_CPU_SECONDS 3600         /* 64 GiB at a slow disk's rate */
#define EXTRACT_MEMORY ((size_t)1 << 30) /* xz's largest windows need hundreds of MiB */

/* One release being made. */
struct staging {
    int folder, mirror;
    const struct cw_install_options *options;
    struct cw_owners owners;
};

struct artifact { /* borrowed from the change */
    const char *path, *sha256, *kind;
    uint64_t length;
};

static struct artifact artifact_of(const json_t *entry)
{
    return (struct artifact){
        .path = cw_json_text(entry, "path"),
        .sha256 = cw_json_text(entry, "sha256"),
        .kind = cw_json_text(entry, "kind"),
        .length = (uint64_t)json_integer_value(json_object_get(entry, "length")),
    };
}

static bool is_archive(const struct artifact *artifact)
{
    return strcmp(artifact->kind, "archive") == 0;
}

static int release_path(char out[CW_PATH_MAX], const json_t *change, struct cw_err *err)
{
    return cw_store_release_path(out, cw_json_text(change, "product"), cw_json_text(change, "to"),
                                 cw_json_text(change, "platform"), err);
}

/* The file beside a release that says of which manifest it is. */
static int beside(char out[CW_PATH_MAX], const char *path, const char *format, struct cw_err *err)
{
    const char *name = cw_str_basename(path);
    int n = snprintf(out, CW_PATH_MAX, "%.*s", (int)(name - path), path);

    if (n >= 0 && n < CW_PATH_MAX)
        n += snprintf(out + n, (size_t)(CW_PATH_MAX - n), format, name);
    return n >= 0 && n < CW_PATH_MAX ? CW_OK : cw_err_set(err, CW_E_VERIFY, "'%.200s': path too long", path);
}

static int write_origin(int root, const char *path, const char *manifest, struct cw_err *err)
{
    json_auto_t *doc =
        json_pack("{s:s, s:s, s:s}", "_type", "causeway-installed", "format", "1.0", "manifest", manifest);
    char name[CW_PATH_MAX];
    int rc = beside(name, path, ".%s.json", err);

    return rc == CW_OK ? cw_json_file_replace(root, name, doc, CW_JSON_TEXT_MAX, err) : rc;
}

/* Is the release there? It must be of this manifest: a version is never changed. */
static int is_there(bool *there, int root, const char *path, const char *manifest, struct cw_err *err)
{
    json_auto_t *doc = NULL;
    char name[CW_PATH_MAX];
    int rc = beside(name, path, ".%s.json", err);

    *there = false;
    if (rc == CW_OK)
        rc = cw_at_has(there, root, path, err);
    if (rc != CW_OK || !*there)
        return rc;
    rc = cw_json_file_read(&doc, root, name, CW_JSON_TEXT_MAX, err);
    if (rc != CW_OK)
        return cw_err_prefix(err, "'%s' is there, but not known to be whole: move it away; '%s'", path, name);
    if (strcmp(cw_json_text(doc, "manifest"), manifest) != 0)
        return cw_err_set(err, CW_E_VERIFY, "'%s' is there, but from another release manifest: move it away",
                          path);
    return CW_OK;
}

static int space_for(uint64_t *bytes, int root, const json_t *change, struct cw_err *err)
{
    char path[CW_PATH_MAX];
    bool there = false;
    json_t *entry;
    size_t i;
    int rc;

    if (cw_json_text(change, "to")[0] == '\0')
        return CW_OK;
    rc = release_path(path, change, err);
    if (rc == CW_OK)
        rc = cw_at_has(&there, root, path, err);
    if (rc != CW_OK || there)
        return rc;
    json_array_foreach (json_object_get(change, "artifacts"), i, entry) {
        struct artifact artifact = artifact_of(entry);
        uint64_t factor = is_archive(&artifact) ? CW_INSTALL_ARCHIVE_FACTOR : 1;

        if (artifact.length > (UINT64_MAX - *bytes) / factor)
            return cw_err_set(err, CW_E_SPACE, "'%s' is larger than any disk", artifact.path);
        *bytes += artifact.length * factor;
    }
    return CW_OK;
}

int cw_install_check_space(int root, const json_t *plan, struct cw_err *err)
{
    char need[16], have[16];
    uint64_t bytes = 0, available;
    struct statvfs fs;
    json_t *unit, *change;
    size_t i, k;

    json_array_foreach (json_object_get(plan, "units"), i, unit) {
        if (!json_is_true(json_object_get(unit, "ready")))
            continue;
        json_array_foreach (json_object_get(unit, "changes"), k, change) {
            int rc = space_for(&bytes, root, change, err);

            if (rc != CW_OK)
                return rc;
        }
    }
    if (bytes == 0)
        return CW_OK;
    if (fstatvfs(root, &fs) != 0)
        return cw_err_errno(err, errno, "unable to ask for free space");
    available = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (available >= CW_INSTALL_RESERVE && available - CW_INSTALL_RESERVE >= bytes)
        return CW_OK;
    cw_str_bytes(bytes, need);
    cw_str_bytes(available, have);
    return cw_err_set(err, CW_E_SPACE,
                      "the install root needs about %s more and has %s free: make room and apply again", need,
                      have);
}

static int differs(const struct artifact *artifact, const char *got, struct cw_err *err)
{
    return cw_err_set(err, CW_E_VERIFY,
                      "%s: the mirror's copy has sha256 %s, not the signed %s: delete it and pull again",
                      artifact->path, got, artifact->sha256);
}

static int open_artifact(int *fd, char tree_path[CW_PATH_MAX], int mirror, const struct artifact *artifact,
                         struct cw_err *err)
{
    int rc = cw_tree_target_path(tree_path, artifact->path, artifact->sha256, err);

    if (rc == CW_OK)
        rc = cw_at_open_file(fd, mirror, tree_path, err);
    if (rc == CW_E_NOTFOUND)
        return cw_err_set(err, CW_E_INCOMPLETE, "'%s' is missing from the mirror: pull again", tree_path);
    return rc;
}

static int copy_and_hash(char sha256[CW_HASH_TEXT_MAX], int out, int in, const struct artifact *artifact,
                         struct cw_err *err)
{
    CW_AUTO_FREE char *block = malloc(COPY_BLOCK);
    CW_AUTO_HASH *hash = NULL;
    ssize_t n = 0;
    int rc = block != NULL ? cw_hash_new(&hash, CW_SHA256, err) : cw_err_nomem(err);

    while (rc == CW_OK && (n = cw_fd_read(in, block, COPY_BLOCK)) > 0) {
        rc = cw_hash_update(hash, block, (size_t)n, err);
        if (rc == CW_OK)
            rc = cw_fd_write_all(out, block, (size_t)n, artifact->path, err);
    }
    if (rc == CW_OK && n < 0)
        return cw_err_errno(err, errno, "unable to read '%s'", artifact->path);
    return rc == CW_OK ? cw_hash_final(hash, sha256, err) : rc;
}

static int install_file(struct staging *staging, int in, const struct artifact *artifact, struct cw_err *err)
{
    const char *name = cw_str_basename(artifact->path);
    CW_AUTO_FD int out =
        openat(staging->folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    char sha256[CW_HASH_TEXT_MAX];
    int rc;

    if (out < 0 && errno == EEXIST)
        return cw_err_set(err, CW_E_VERIFY, "%s: an archive of the same release has a member of that name",
                          artifact->path);
    if (out < 0)
        return cw_err_errno(err, errno, "unable to write '%s'", name);
    rc = copy_and_hash(sha256, out, in, artifact, err);
    if (rc == CW_OK && strcmp(sha256, artifact->sha256) != 0)
        return differs(artifact, sha256, err);
    return rc == CW_OK ? cw_owners_give(&staging->owners, out, "", artifact->path, err) : rc;
}

static int feed(void *ctx, int in_fd, int out_fd, struct cw_err *err)
{
    return cw_archive_feed(in_fd, out_fd, ctx, err);
}

static ssize_t read_jail(void *ctx, void *data, size_t len, struct cw_err *err)
{
    return cw_jail_read(ctx, data, len, err);
}

static int extract(struct staging *staging, int in, const struct artifact *artifact, struct cw_err *err)
{
    static const struct cw_jail_limits confined = {.cpu_seconds = EXTRACT_CPU_SECONDS,
                                                   .memory = EXTRACT_MEMORY};
    const struct cw_install_options *options = staging->options;
    struct cw_archive_rules rules = {.bytes = CW_INSTALL_BYTES_MAX,
                                     .entries = CW_INSTALL_ENTRIES_MAX,
                                     .modes = options->modes,
                                     .set_id = options->set_id,
                                     .xattrs = options->xattrs,
                                     .owner = cw_owners_are_set(options) ? cw_owners_find : NULL,
                                     .owner_ctx = &staging->owners};
    CW_AUTO_JAIL jail = CW_JAIL_INIT;
    int rc;

    if (artifact->length < (CW_INSTALL_BYTES_MAX - CW_INSTALL_EXPANSION_FREE) / CW_INSTALL_EXPANSION_MAX)
        rules.bytes = CW_INSTALL_EXPANSION_FREE + artifact->length * CW_INSTALL_EXPANSION_MAX;
    rc = cw_archive_load(err);
    if (rc == CW_OK)
        rc = cw_jail_start(&jail, "the archive's reader", &confined, feed, &rules, in, err);
    if (rc == CW_OK) {
        (void)fcntl(jail.out, F_SETPIPE_SZ, PIPE_SIZE); /* where it may not be so large, it is slower */
        rc = cw_archive_take(staging->folder, in, read_jail, &jail, &rules, err);
    }
    if (rc != CW_OK && rc != CW_E_INCOMPLETE)
        return rc;
    if (rc == CW_E_INCOMPLETE) { /* the reader ended too early, and knows why */
        rc = cw_jail_finish(&jail, err);
        return rc != CW_OK ? rc : CW_E_INCOMPLETE;
    }
    return cw_jail_finish(&jail, err);
}

static int install_archive(struct staging *staging, int in, const struct artifact *artifact,
                           struct cw_err *err)
{
    char sha256[CW_SHA256_TEXT];
    int rc = cw_sha256_fd(sha256, NULL, in, artifact->path, err);

    if (rc == CW_OK && strcmp(sha256, artifact->sha256) != 0)
        return differs(artifact, sha256, err);
    if (rc == CW_OK && lseek(in, 0, SEEK_SET) != 0)
        return cw_err_errno(err, errno, "unable to read '%s'", artifact->path);
    if (rc == CW_OK)
        rc = extract(staging, in, artifact, err);
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "%s", artifact->path);
}

/* Archives first, so that a plain file cannot stand where one of them wants a folder. */
static int install_artifacts(struct staging *staging, const json_t *change, bool archives, struct cw_err *err)
{
    char tree_path[CW_PATH_MAX];
    json_t *entry;
    size_t i;

    json_array_foreach (json_object_get(change, "artifacts"), i, entry) {
        struct artifact artifact = artifact_of(entry);
        CW_AUTO_FD int in = -1;
        int rc;

        if (is_archive(&artifact) != archives)
            continue;
        rc = open_artifact(&in, tree_path, staging->mirror, &artifact, err);
        if (rc == CW_OK)
            rc = archives ? install_archive(staging, in, &artifact, err)
                          : install_file(staging, in, &artifact, err);
        if (rc != CW_OK)
            return rc;
    }
    return CW_OK;
}

/* What an archive brought is protected already, but for folders, which had to be written to. */
static int protect_one(void *ctx, const char *path, const struct stat *st, struct cw_err *err)
{
    mode_t mode = st->st_mode & 0555;

    if (S_ISLNK(st->st_mode) || (st->st_mode & 0222) == 0)
        return CW_OK;
    if (fchmodat(*(int *)ctx, path, mode, 0) != 0)
        return cw_err_errno(err, errno, "unable to protect '%s'", path);
    return CW_OK;
}

static int fill(int root, const char *tmp, int mirror, const struct cw_install_options *options,
                const json_t *change, struct cw_err *err)
{
    CW_AUTO_FD int folder = -1;
    struct staging staging = {.mirror = mirror, .options = options};
    int rc = cw_at_make_dir(&folder, root, tmp, err);

    staging.folder = folder;
    cw_owners_init(&staging.owners, options);
    /* Nobody else gets in before all is done: who owns a folder in here could put a link where a mode is set next. */
    if (rc == CW_OK && fchmod(folder, 0700) != 0)
        rc = cw_err_errno(err, errno, "unable to protect '%s'", tmp);
    if (rc == CW_OK)
        rc = install_artifacts(&staging, change, true, err);
    if (rc == CW_OK)
        rc = install_artifacts(&staging, change, false, err);
    if (rc == CW_OK)
        rc = cw_walk(folder, "", protect_one, &folder, err);
    if (rc == CW_OK)
        rc = cw_owners_give(&staging.owners, folder, "", tmp, err);
    if (rc == CW_OK && fchmod(folder, 0555) != 0)
        rc = cw_err_errno(err, errno, "unable to protect a release");
    return rc;
}

/* Removes the folder if it is empty. Nothing depends on it: an empty folder is only untidy. */
static void drop_empty(int root, const char *path)
{
    CW_AUTO_FD int parent = -1;
    const char *name;

    if (cw_at_open_parent(&parent, &name, root, path, false, NULL) == CW_OK)
        (void)unlinkat(parent, name, AT_REMOVEDIR);
}

/* A release that shall not be, and what belongs to it. What cannot be removed now, the next run sweeps. */
static void discard(int root, const char *path, const char *tmp)
{
    char place[CW_PATH_MAX];
    struct cw_err ignored;
    bool there;

    (void)cw_remove_tree(root, tmp, &ignored);
    if (cw_at_has(&there, root, path, &ignored) == CW_OK && !there &&
        beside(place, path, ".%s.json", &ignored) == CW_OK)
        (void)cw_remove(root, place, &ignored);
    snprintf(place, sizeof place, "%s", path);
    for (int level = 0; level < 2; level++) { /* its version, its product */
        *strrchr(place, '/') = '\0';
        drop_empty(root, place);
    }
}

int cw_install_release(int root, int mirror, const struct cw_install_options *options, const json_t *change,
                       struct cw_err *err)
{
    const char *manifest = cw_json_text(change, "manifest_sha256");
    char path[CW_PATH_MAX], tmp[CW_PATH_MAX];
    bool there = false;
    int rc = release_path(path, change, err);

    if (rc == CW_OK)
        rc = beside(tmp, path, CW_TMP_PREFIX "%s", err);
    if (rc == CW_OK)
        rc = is_there(&there, root, path, manifest, err);
    if (rc != CW_OK || there)
        return rc;
    rc = cw_remove_tree(root, tmp, err);
    if (rc == CW_OK)
        rc = fill(root, tmp, mirror, options, change, err);
    if (rc == CW_OK)
        rc = write_origin(root, path, manifest, err);
    if (rc == CW_OK)
        rc = cw_move_new(root, tmp, path, err);
    if (rc != CW_OK)
        discard(root, path, tmp);
    return rc == CW_OK
               ? CW_OK
               : cw_err_prefix(err, "%s %s", cw_json_text(change, "product"), cw_json_text(change, "to"));
}

int cw_install_has(bool *there, int root, const json_t *change, struct cw_err *err)
{
    char path[CW_PATH_MAX];
    int rc = release_path(path, change, err);

    return rc == CW_OK ? is_there(there, root, path, cw_json_text(change, "manifest_sha256"), err) : rc;
}

int cw_install_remove(int root, const char *path, struct cw_err *err)
{
    char tmp[CW_PATH_MAX];
    int rc = beside(tmp, path, CW_TMP_PREFIX "%s", err);

    if (rc == CW_OK)
        rc = cw_remove_tree(root, tmp, err);
    if (rc == CW_OK)
        rc = cw_move_new(root, path, tmp, err);
    if (rc == CW_OK)
        discard(root, path, tmp);
    return rc;
}

/* A version's folder: temporary ones go, and what says of which manifest a release is that is not there. */
static int sweep_version(int root, const char *path, struct cw_err *err)
{
    CW_AUTO_LIST DIR *stream = NULL;
    char place[CW_PATH_MAX];
    const char *name;
    bool there;
    int rc = cw_sweep(root, path, err);

    if (rc == CW_OK)
        rc = cw_at_open_list(&stream, root, path, err);
    while (rc == CW_OK && (rc = cw_dir_next(&name, stream, path, err)) == CW_OK && name != NULL) {
        size_t len = strlen(name);

        if (name[0] != '.' || !cw_str_ends(name, ".json") ||
            snprintf(place, sizeof place, "%s/%.*s", path, (int)(len - strlen("..json")), name + 1) >=
                (int)sizeof place)
            continue;
        rc = cw_at_has(&there, root, place, err);
        if (rc == CW_OK && !there && snprintf(place, sizeof place, "%s/%s", path, name) < (int)sizeof place)
            rc = cw_remove(root, place, err);
    }
    return rc;
}

/* Sweeps the folders `depth` levels below path. */
static int sweep_below(int root, const char *path, int depth, struct cw_err *err)
{
    char below[CW_PATH_MAX];
    CW_AUTO_LIST DIR *stream = NULL;
    const char *name;
    int rc;

    if (depth == 0)
        return sweep_version(root, path, err);
    rc = cw_at_open_list(&stream, root, path, err);
    if (rc == CW_E_NOTFOUND)
        cw_err_clear(err);
    if (rc != CW_OK)
        return rc == CW_E_NOTFOUND ? CW_OK : rc;
    while (rc == CW_OK && (rc = cw_dir_next(&name, stream, path, err)) == CW_OK && name != NULL) {
        if (name[0] == '.' || snprintf(below, sizeof below, "%s/%s", path, name) >= (int)sizeof below)
            continue;
        rc = sweep_below(root, below, depth - 1, err);
        drop_empty(root, below);
    }
    return rc;
}

int cw_install_sweep(int root, struct cw_err *err)
{
    int rc = sweep_below(root, "releases", 2, err);

    if (rc == CW_OK)
        rc = cw_sweep(root, "generations", err);
    return rc == CW_OK ? cw_sweep(root, "", err) : rc;
}
