/* SPDX-License-Identifier: ISC */
/*
 * Generations on disk: see sync/deploy/store.h. A generation folder is written under a temporary name and
 * moved; the switch is one rename of a link. Which generation to make or run is decided elsewhere.
 */
#include "sync/deploy/store.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "codec/json_file.h"
#include "fs/commit.h"

#define CURRENT "current"
#define GENERATIONS "generations"
#define RECORD ".generation.json"
#define FAILED ".failed"

static void generation_path(char out[CW_PATH_MAX], int64_t generation, const char *rest)
{
    snprintf(out, CW_PATH_MAX, GENERATIONS "/%lld%s%s", (long long)generation, rest[0] != '\0' ? "/" : "",
             rest);
}

static bool parse_number(int64_t *generation, const char *text)
{
    uint64_t n;

    if (!cw_str_to_u64(text, CW_GENERATION_MAX, &n) || n == 0)
        return false;
    *generation = (int64_t)n;
    return true;
}

int cw_store_current(int64_t *generation, int root, struct cw_err *err)
{
    char target[PATH_MAX];
    ssize_t len = readlinkat(root, CURRENT, target, sizeof target - 1);

    *generation = 0;
    if (len < 0 && errno == ENOENT)
        return CW_OK;
    if (len < 0 && errno != EINVAL)
        return cw_err_errno(err, errno, "unable to read link '%s'", CURRENT);
    target[len < 0 ? 0 : len] = '\0';
    if (len < 0 || !cw_str_starts(target, GENERATIONS "/") ||
        !parse_number(generation, target + strlen(GENERATIONS "/")))
        return cw_err_set(err, CW_E_VERIFY,
                          "'%s' in the install root is not a link to a generation: move it away", CURRENT);
    return CW_OK;
}

int cw_store_highest(int64_t *generation, int root, struct cw_err *err)
{
    CW_AUTO_LIST DIR *stream = NULL;
    const char *name;
    int64_t n;
    int rc = cw_at_open_list(&stream, root, GENERATIONS, err);

    *generation = 0;
    if (rc == CW_E_NOTFOUND) {
        cw_err_clear(err);
        return CW_OK;
    }
    if (rc != CW_OK)
        return rc;
    while ((rc = cw_dir_next(&name, stream, GENERATIONS, err)) == CW_OK && name != NULL) {
        if (parse_number(&n, name) && n > *generation)
            *generation = n;
    }
    return rc;
}

static int check_record(const json_t *doc, struct cw_err *err)
{
    const char *product, *text;
    json_t *products, *sets, *entry;
    int64_t number;
    int rc = cw_json_check_format(doc, CW_GENERATION_TYPE, err);

    if (rc == CW_OK)
        rc = cw_json_get_int(&number, doc, "previous", 0, CW_GENERATION_MAX, err);
    if (rc == CW_OK)
        rc = cw_json_get_obj(&sets, doc, "sets", err);
    if (rc == CW_OK)
        rc = cw_json_get_obj(&products, doc, "products", err);
    if (rc != CW_OK)
        return rc;
    json_object_foreach (products, product, entry) {
        rc = cw_json_get_str(&text, entry, "version", err);
        if (rc == CW_OK)
            rc = cw_json_get_str(&text, entry, "platform", err);
        if (rc == CW_OK)
            rc = cw_json_get_str(&text, entry, "upstream", err);
        if (rc != CW_OK)
            return cw_err_prefix(err, "products.%s", product);
    }
    return CW_OK;
}

int cw_store_read(json_t **doc, int root, int64_t generation, struct cw_err *err)
{
    json_auto_t *parsed = NULL;
    char path[CW_PATH_MAX];
    int rc;

    *doc = NULL;
    generation_path(path, generation, RECORD);
    rc = cw_json_file_read(&parsed, root, path, CW_JSON_TEXT_MAX, err);
    if (rc == CW_E_NOTFOUND)
        return cw_err_set(err, CW_E_NOTFOUND, "there is no generation %lld", (long long)generation);
    if (rc == CW_OK)
        rc = check_record(parsed, err);
    if (rc != CW_OK)
        return cw_err_prefix(err, "%s", path);
    *doc = json_incref(parsed);
    return CW_OK;
}

int cw_store_release_path(char out[CW_PATH_MAX], const char *product, const char *version,
                          const char *platform, struct cw_err *err)
{
    int n = snprintf(out, CW_PATH_MAX, "releases/%s/%s/%s", product, version, platform);

    if (n < 0 || n >= CW_PATH_MAX || !cw_path_is_relative(out) || strchr(product, '/') != NULL ||
        strchr(version, '/') != NULL || strchr(platform, '/') != NULL)
        return cw_err_set(err, CW_E_VERIFY, "'%.200s' %.200s '%.200s' does not make a folder's name", product,
                          version, platform);
    return CW_OK;
}

static int entry_path(char out[CW_PATH_MAX], const char *product, const json_t *entry, struct cw_err *err)
{
    return cw_store_release_path(out, product, json_string_value(json_object_get(entry, "version")),
                                 json_string_value(json_object_get(entry, "platform")), err);
}

int cw_store_is_whole(int root, const json_t *doc, struct cw_err *err)
{
    char path[CW_PATH_MAX];
    const char *product;
    struct stat st;
    json_t *entry;

    json_object_foreach (json_object_get(doc, "products"), product, entry) {
        int rc = entry_path(path, product, entry, err);

        if (rc != CW_OK)
            return rc;
        rc = cw_at_stat(&st, root, path, err);
        if (rc != CW_OK && rc != CW_E_NOTFOUND)
            return rc;
        if (rc != CW_OK || !S_ISDIR(st.st_mode))
            return cw_err_set(err, CW_E_INCOMPLETE, "'%s' is not there any more", path);
    }
    return CW_OK;
}

static int make_links(int folder, int root, const json_t *doc, struct cw_err *err)
{
    char path[CW_PATH_MAX], target[CW_PATH_MAX + 8];
    const char *product;
    json_t *entry;

    json_object_foreach (json_object_get(doc, "products"), product, entry) {
        CW_AUTO_FD int data = -1;
        int rc = entry_path(path, product, entry, err);

        if (rc != CW_OK)
            return rc;
        snprintf(target, sizeof target, "../../%s", path);
        if (symlinkat(target, folder, product) != 0)
            return cw_err_errno(err, errno, "unable to link '%s'", product);
        snprintf(path, sizeof path, "data/%s", product);
        rc = cw_at_make_dir(&data, root, path, err);
        if (rc != CW_OK)
            return rc;
    }
    return CW_OK;
}

int cw_store_make(int root, const json_t *doc, struct cw_err *err)
{
    int64_t number = json_integer_value(json_object_get(doc, "generation"));
    CW_AUTO_FD int folder = -1;
    char tmp[CW_PATH_MAX], path[CW_PATH_MAX];
    int rc;

    generation_path(path, number, "");
    snprintf(tmp, sizeof tmp, GENERATIONS "/" CW_TMP_PREFIX "%lld", (long long)number);
    rc = cw_remove_tree(root, tmp, err);
    if (rc == CW_OK)
        rc = cw_at_make_dir(&folder, root, tmp, err);
    if (rc == CW_OK)
        rc = make_links(folder, root, doc, err);
    if (rc == CW_OK)
        rc = cw_json_file_replace(folder, RECORD, doc, CW_JSON_TEXT_MAX, err);
    if (rc == CW_OK)
        rc = cw_move_new(root, tmp, path, err);
    return rc;
}

int cw_store_switch(int root, int64_t generation, struct cw_err *err)
{
    char path[CW_PATH_MAX];

    if (generation == 0)
        return cw_remove(root, CURRENT, err);
    generation_path(path, generation, "");
    return cw_link_replace(root, CURRENT, path, err);
}

int cw_store_drop(int root, int64_t generation, struct cw_err *err)
{
    char path[CW_PATH_MAX], tmp[CW_PATH_MAX];
    bool there;
    int rc;

    generation_path(path, generation, "");
    snprintf(tmp, sizeof tmp, GENERATIONS "/" CW_TMP_PREFIX "%lld", (long long)generation);
    rc = cw_remove_tree(root, tmp, err);
    if (rc == CW_OK)
        rc = cw_at_has(&there, root, path, err);
    if (rc == CW_OK && there) /* a half of it must not look like a generation */
        rc = cw_move_new(root, path, tmp, err);
    return rc == CW_OK ? cw_remove_tree(root, tmp, err) : rc;
}

int cw_store_mark_failed(int root, int64_t generation, const char *reason, struct cw_err *err)
{
    char path[CW_PATH_MAX];
    int rc;

    generation_path(path, generation, FAILED);
    rc = cw_file_replace(root, path, reason, strlen(reason), 0644, err);
    if (rc != CW_OK)
        return rc;
    *strrchr(path, '/') = '\0'; /* a run that was killed here left a temporary file */
    return cw_sweep(root, path, err);
}

int cw_store_has_failed(bool *failed, int root, int64_t generation, struct cw_err *err)
{
    char path[CW_PATH_MAX];

    generation_path(path, generation, FAILED);
    return cw_at_has(failed, root, path, err);
}
