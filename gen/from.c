/* SPDX-License-Identifier: ISC */
/*
 * add --from: choosing the reader, reading its file; see gen/from.h.
 */
#include "gen/from.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/str.h"
#include "codec/json.h"
#include "fs/root.h"
#include "gen/from_reader.h"
#include "release/name.h"

static const struct format {
    const char *name;
    int (*read)(struct cw_from_reader *r, struct cw_err *err);
    const char *file, *document; /* what it is called in a folder, and by people; NULL: it takes the folder */
} formats[] = {
    {"dir", cw_from_dir, NULL, NULL},
    {"sha256sums", cw_from_sums, "SHA256SUMS", "the list of sums"},
    {"github-release", cw_from_github, "release.json", "the release's JSON"},
    {"goreleaser", cw_from_goreleaser, "artifacts.json", "GoReleaser's list"},
    {"build-info", cw_from_build_info, "build-info.json", "the build's JSON"},
};

static const struct format *find_format(const char *name)
{
    size_t i;

    for (i = 0; i < CW_COUNT(formats); i++) {
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    }
    return NULL;
}

const char *cw_from_stray(const struct cw_from *from)
{
    const struct {
        const char *name;
        bool given;
    } options[] = {
        {"product", from->product != NULL},
        {"version", from->version != NULL},
        {"platform", from->platforms.count > 0},
        {"kind", from->kinds.count > 0},
        {"name", from->names.count > 0},
        {"severity", from->severity != NULL},
        {"notes-file", from->notes_file != NULL},
        {"sbom", from->sbom != NULL},
        {"files", from->files != NULL},
        {"include", from->includes.count > 0},
        {"exclude", from->excludes.count > 0},
        {"compress", from->compress != NULL},
        {"each", from->each},
    };
    size_t i;

    for (i = 0; from->format == NULL && i < CW_COUNT(options); i++) {
        if (options[i].given)
            return options[i].name;
    }
    return NULL;
}

int cw_from_load(struct cw_from_reader *r, struct cw_buf *text, struct cw_err *err)
{
    return cw_path_read_all(text, r->base.catalog->path, err);
}

int cw_from_load_json(struct cw_from_reader *r, json_t **doc, struct cw_err *err)
{
    struct cw_catalog *catalog = r->base.catalog;
    unsigned line = 0;
    int rc = cw_from_load(r, &catalog->text, err);

    *doc = NULL;
    if (rc != CW_OK)
        return rc;
    rc = cw_json_parse_foreign(doc, cw_buf_text(&catalog->text), catalog->text.len, err);
    if (rc == CW_E_VERIFY) {
        (void)sscanf(err->text, "line %u", &line);
        cw_mistakes_add(r->base.fields.mistakes, catalog->path, line, "", "%s", err->text);
        return CW_OK;
    }
    if (rc == CW_OK && json_array_append_new(catalog->doc, *doc) != 0)
        return cw_err_nomem(err);
    r->base.fields.text = cw_buf_text(&catalog->text);
    r->base.fields.len = catalog->text.len;
    return rc;
}

/* Everything that the document names lies beneath its own folder, or beneath --files. */
static int set_folder(struct cw_from_reader *r, const char *path, struct cw_err *err)
{
    const char *files = r->from->files;
    int len = files != NULL
                  ? snprintf(r->files, sizeof r->files, "%s%s", files,
                             files[0] != '\0' && !cw_str_ends(files, "/") ? "/" : "")
                  : snprintf(r->files, sizeof r->files, "%.*s", (int)(cw_str_basename(path) - path), path);

    return len < (int)sizeof r->files ? CW_OK
                                      : cw_err_set(err, CW_E_FAIL, "'%s': the path is too long", path);
}

/* A folder stands for the document in it, where that has its usual name. */
static int find_document(struct cw_from_reader *r, const struct format *format, struct cw_err *err)
{
    struct cw_catalog *catalog = r->base.catalog;
    const char *folder = catalog->path;
    char *path = r->from->document;
    struct stat st;

    if (format->file == NULL || stat(folder, &st) != 0 || !S_ISDIR(st.st_mode))
        return CW_OK;
    if (snprintf(path, CW_PATH_MAX, "%s%s%s", folder, cw_str_ends(folder, "/") ? "" : "/", format->file) >=
        CW_PATH_MAX)
        return cw_err_set(err, CW_E_FAIL, "'%s': the path is too long", folder);
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return cw_err_set(err, CW_E_USAGE, "'%s' is a folder without '%s': give %s in it by its name", folder,
                          format->file, format->document);
    catalog->path = r->base.fields.file = path;
    return CW_OK;
}

int cw_from_read(struct cw_catalog *catalog, struct cw_from *from, const char *path,
                 struct cw_mistakes *mistakes, struct cw_err *err)
{
    const struct format *format = find_format(from->format);
    CW_AUTO_FREE struct cw_from_reader *r = calloc(1, sizeof *r);
    size_t before = mistakes->count;
    int rc;

    *catalog = (struct cw_catalog){.path = path, .text = CW_BUF_INIT(CW_FROM_TEXT_MAX), .doc = json_array()};
    from->table = json_array();
    if (r == NULL || catalog->doc == NULL || from->table == NULL)
        return cw_err_nomem(err);
    if (format == NULL)
        return cw_err_set(
            err, CW_E_USAGE,
            "'--from' takes dir, sha256sums, github-release, goreleaser or build-info, not '%s'",
            from->format);
    r->base.catalog = catalog;
    r->base.fields = (struct cw_fields){.file = path, .mistakes = mistakes};
    r->from = from;
    rc = find_document(r, format, err);
    if (rc == CW_OK)
        rc = set_folder(r, catalog->path, err);
    if (rc == CW_OK)
        rc = format->read(r, err);
    if (rc == CW_OK)
        cw_from_end(r);
    if (r->base.fields.nomem)
        return cw_err_nomem(err);
    return rc == CW_OK && mistakes->count > before
               ? cw_err_set(err, CW_E_VERIFY, "'%s' has mistakes", catalog->path)
               : rc;
}

void cw_from_warn(const struct cw_from *from, const struct cw_cli *cli)
{
    const char *kind = NULL;
    size_t i, count = 0;
    json_t *row;

    json_array_foreach (from->table, i, row) {
        const char *other = json_string_value(json_object_get(row, "not_compared"));

        kind = other != NULL ? other : kind;
        count += other != NULL;
    }
    if (from->prerelease)
        cw_cli_warn(cli, "GitHub calls this a prerelease");
    if (count > 0)
        cw_cli_warn(cli,
                    "%zu checksum%s of the kind '%s' cannot be compared here: look at the bytes yourself",
                    count, cw_str_plural(count), kind);
}

void cw_from_say_left_out(const struct cw_from *from, const struct cw_cli *cli)
{
    json_auto_t *counts = json_object();
    CW_AUTO_BUF list = CW_BUF_INIT(CW_ERR_TEXT_MAX);
    char seen[CW_ERR_TEXT_MAX];
    const char *why;
    json_t *row, *count;
    size_t i;

    json_array_foreach (from->table, i, row) {
        why = json_string_value(json_object_get(row, "left_out"));
        if (why != NULL)
            (void)json_object_set_new(counts, why,
                                      json_integer(json_integer_value(json_object_get(counts, why)) + 1));
    }
    json_object_foreach (counts, why, count) {
        cw_buf_addf(&list, "%s%s", list.len > 0 ? ", " : "", why);
        if (json_integer_value(count) > 1)
            cw_buf_addf(&list, " (%lld)", (long long)json_integer_value(count));
    }
    if (list.len == 0)
        return;
    cw_str_visible(seen, sizeof seen, cw_buf_text(&list));
    cw_cli_say(cli, "left out: %s; '--dry-run' shows each", seen);
}

/* What is known of the bytes. */
static const char *say_sum(char *out, size_t size, const json_t *row)
{
    const char *other = json_string_value(json_object_get(row, "not_compared"));

    if (other != NULL)
        snprintf(out, size, "  its %s is not compared", other);
    else
        snprintf(out, size, "%s", json_is_true(json_object_get(row, "checked")) ? "  checksum given" : "");
    return out;
}

void cw_from_say(const struct cw_from *from, const struct cw_cli *cli)
{
    json_t *row;
    size_t i;

    json_array_foreach (from->table, i, row) {
        const char *left_out = json_string_value(json_object_get(row, "left_out"));
        const char *name = json_string_value(json_object_get(row, "name"));
        char size[16], seen[CW_NAME_MAX + 1], sum[80];

        cw_str_visible(seen, sizeof seen, name != NULL ? name : "?");
        cw_str_bytes((uint64_t)json_integer_value(json_object_get(row, "size")), size);
        if (left_out != NULL)
            cw_cli_say(cli, "  %-40s left out: %s", seen, left_out);
        else
            cw_cli_say(cli, "  %-40s %-16s %-9s %10s%s", seen,
                       json_string_value(json_object_get(row, "platform")),
                       json_string_value(json_object_get(row, "kind")), size, say_sum(sum, sizeof sum, row));
    }
}

void cw_from_clear(struct cw_from *from)
{
    json_decref(from->table);
    from->table = NULL;
}
