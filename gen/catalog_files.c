/* SPDX-License-Identifier: ISC */
/*
 * The files that a catalog names: where they lie, whether they can be read, and what they will be called in
 * the tree.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/str.h"
#include "codec/hex.h"
#include "gen/catalog_reader.h"
#include "release/manifest.h"
#include "release/name.h"

char *cw_catalog_source_path(struct cw_catalog_reader *r, const char *file)
{
    char *path = cw_str_format("%s%s", file[0] == '/' ? "" : r->folder, file);

    r->fields.nomem = r->fields.nomem || path == NULL;
    return path;
}

/* A look at a file before anything is read, so that all that are missing are named at once. */
bool cw_catalog_look(struct cw_catalog_reader *r, const char *field, const char *path, uint64_t *size)
{
    struct stat st;

    if (stat(path, &st) != 0)
        cw_fields_wrong(&r->fields, field, "unable to find '%s': %s", path, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        cw_fields_wrong(&r->fields, field, "'%s' is not a regular file", path);
    else if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) != 0)
        cw_fields_wrong(&r->fields, field, "unable to read '%s': %s", path, strerror(errno));
    else {
        *size = (uint64_t)st.st_size;
        return true;
    }
    return false;
}

/* Room for one more item. */
bool cw_catalog_grow(struct cw_catalog_reader *r, void **items, size_t *room, size_t count, size_t size)
{
    size_t wanted = *room != 0 ? *room * 2 : 8;
    void *more = count == *room ? reallocarray(*items, wanted, size) : *items;

    if (more == NULL) {
        r->fields.nomem = true;
        return false;
    }
    *items = more;
    *room = count == *room ? wanted : *room;
    return true;
}

/* Not cleared whole: that would touch all of field[], a million times. */
struct cw_catalog_file *cw_catalog_new_file(struct cw_catalog_reader *r, struct cw_catalog_release *release)
{
    struct cw_catalog_file *file;
    void *files = release->files;

    if (!cw_catalog_grow(r, &files, &release->file_room, release->file_count, sizeof *release->files))
        return NULL;
    release->files = files;
    file = &release->files[release->file_count++];
    file->source = NULL;
    file->kind = file->sha256 = NULL;
    memset(file->sums, 0, sizeof file->sums);
    file->field[0] = '\0';
    file->size = 0;
    file->folder = false;
    return file;
}

size_t cw_catalog_name(struct cw_catalog_reader *r, struct cw_catalog_release *release,
                       const struct cw_catalog_file *file)
{
    size_t other = cw_names_find(&release->names, file->name);
    struct cw_err err;

    if (other == CW_NAMES_NONE &&
        cw_names_add(&release->names, file->name, (size_t)(file - release->files), &err) != CW_OK)
        r->fields.nomem = true;
    return other;
}

/* All files of a release lie in one folder of the tree, whatever their platform, also where case does not
 * count. */
static void check_name(struct cw_catalog_reader *r, struct cw_catalog_release *release,
                       const struct cw_catalog_file *file, const char *key)
{
    struct cw_err err;
    size_t other;

    if (!cw_fields_holds(&r->fields, file->field, key, cw_name_check(file->name, "file", &err), &err))
        return;
    if (strcasecmp(file->name, CW_MANIFEST_FILE) == 0)
        cw_fields_wrong(&r->fields, file->field,
                        "the name '%s' is taken by the release manifest; give the file another 'name'",
                        file->name);
    other = cw_catalog_name(r, release, file);
    if (other != CW_NAMES_NONE)
        cw_fields_wrong(&r->fields, file->field,
                        "the name '%s' is used by %s too; give one of them a 'name' of its own", file->name,
                        release->files[other].field);
}

/* What the catalog says of bytes that are looked at by nobody here, or that must be those of the file. */
static void read_length(struct cw_catalog_reader *r, struct cw_catalog_file *file, const json_t *obj,
                        const char *base)
{
    const json_t *length = json_object_get(obj, "length");
    json_int_t value = json_integer_value(length);
    char field[CW_FIELDS_PATH_MAX];

    cw_fields_join(field, base, "length");
    if (length == NULL && r->no_files)
        cw_fields_wrong(&r->fields, field, "is missing");
    else if (length != NULL && (!json_is_integer(length) || value < 0 || value > CW_LENGTH_MAX))
        cw_fields_wrong(&r->fields, field, "is not a number of bytes");
    else if (length != NULL && r->no_files)
        file->size = (uint64_t)value;
    else if (length != NULL && file->size != (uint64_t)value)
        cw_fields_wrong(&r->fields, field, "the file has %llu bytes", (unsigned long long)file->size);
}

/* Name, hash and length; `name` stands for a "name" that is missing. */
static void read_content(struct cw_catalog_reader *r, struct cw_catalog_file *file, const json_t *obj,
                         const char *base)
{
    char field[CW_FIELDS_PATH_MAX];

    snprintf(file->field, sizeof file->field, "%s", base);
    file->sha256 = cw_fields_text(&r->fields, obj, base, "sha256", r->no_files);
    cw_fields_join(field, base, "sha256");
    if (file->sha256 != NULL && !cw_hex_is_sha256(file->sha256))
        cw_fields_wrong(&r->fields, field, "is not 64 lower-case hexadecimal digits");
    cw_fields_join(field, base, "file");
    if (file->source == NULL || cw_catalog_look(r, field, file->source, &file->size))
        read_length(r, file, obj, base);
}

static void read_file(struct cw_catalog_reader *r, struct cw_catalog_release *release, const json_t *obj,
                      const char *base, const char *platform)
{
    static const char *const known[] = {"file", "kind", "name", "sha256", "length", NULL};
    const char *source, *name, *kind;
    struct cw_catalog_file *file;
    struct cw_err err;
    enum cw_kind parsed;

    if (!cw_fields_is_object(&r->fields, obj, base))
        return;
    cw_fields_only(&r->fields, obj, base, known);
    source = cw_fields_text(&r->fields, obj, base, "file", !r->no_files);
    name = cw_fields_text(&r->fields, obj, base, "name", r->no_files && source == NULL);
    kind = cw_fields_text(&r->fields, obj, base, "kind", false);
    if (kind != NULL)
        cw_fields_holds(&r->fields, base, "kind", cw_kind_parse(&parsed, kind, &err), &err);
    if ((source == NULL && name == NULL) || (source == NULL && !r->no_files) ||
        (file = cw_catalog_new_file(r, release)) == NULL)
        return;
    if (!r->no_files)
        file->source = cw_catalog_source_path(r, source);
    file->name = name != NULL ? name : cw_str_basename(source);
    file->platform = platform != NULL ? platform : CW_PLATFORM_ANY;
    file->kind = kind != NULL ? kind : cw_kind_name(CW_KIND_FILE);
    read_content(r, file, obj, base);
    check_name(r, release, file, name != NULL ? "name" : "file");
}

void cw_catalog_read_build(struct cw_catalog_reader *r, struct cw_catalog_release *release, const json_t *obj,
                           const char *base)
{
    static const char *const known[] = {"platform", "files", NULL};
    char field[CW_FIELDS_PATH_MAX];
    const char *platform;
    const json_t *files;
    struct cw_err err;
    json_t *file;
    size_t i;

    if (!cw_fields_is_object(&r->fields, obj, base))
        return;
    cw_fields_only(&r->fields, obj, base, known);
    platform = cw_fields_text(&r->fields, obj, base, "platform", true);
    if (platform != NULL)
        cw_fields_holds(&r->fields, base, "platform", cw_name_check(platform, "platform", &err), &err);
    files = cw_fields_list(&r->fields, obj, base, "files");
    json_array_foreach (files, i, file) {
        cw_fields_item(field, base, "files", i);
        read_file(r, release, file, field, platform);
    }
}

/* An SBOM whose file is brought by other means. */
static void read_known_sbom(struct cw_catalog_reader *r, struct cw_catalog_release *release,
                            const json_t *obj, const char *base)
{
    static const char *const known[] = {"name", "sha256", "length", NULL};
    char field[CW_FIELDS_PATH_MAX];
    struct cw_catalog_file *file;
    const char *name;

    cw_fields_join(field, base, "sbom");
    if (!cw_fields_is_object(&r->fields, obj, field))
        return;
    cw_fields_only(&r->fields, obj, field, known);
    name = cw_fields_text(&r->fields, obj, field, "name", true);
    if (name == NULL || (file = cw_catalog_new_file(r, release)) == NULL)
        return;
    file->name = name;
    file->platform = CW_PLATFORM_ANY;
    read_content(r, file, obj, field);
    check_name(r, release, file, "name");
}

void cw_catalog_read_sbom(struct cw_catalog_reader *r, struct cw_catalog_release *release, const json_t *obj,
                          const char *base)
{
    const char *source;
    struct cw_catalog_file *file;

    if (r->no_files) {
        if (json_object_get(obj, "sbom") != NULL)
            read_known_sbom(r, release, json_object_get(obj, "sbom"), base);
        return;
    }
    source = cw_fields_text(&r->fields, obj, base, "sbom", false);
    if (source == NULL || (file = cw_catalog_new_file(r, release)) == NULL)
        return;
    file->source = cw_catalog_source_path(r, source);
    file->name = cw_str_basename(source);
    file->platform = CW_PLATFORM_ANY;
    cw_fields_join(file->field, base, "sbom");
    if (file->source != NULL && cw_catalog_look(r, file->field, file->source, &file->size))
        check_name(r, release, file, "sbom");
}
