/* SPDX-License-Identifier: ISC */
/*
 * From what a format says to a release of the catalog: options go before the document, the document before the
 * file's name; every file is looked at; and what was made of each goes into a table for people.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/str.h"
#include "codec/hex.h"
#include "crypt/hash.h"
#include "gen/from_guess.h"
#include "gen/from_reader.h"
#include "release/manifest.h"
#include "release/name.h"
#include "release/semver.h"

#define RELEASE "release" /* what the release itself is called in messages */

const char *cw_from_keep(struct cw_from_reader *r, const char *fmt, ...)
{
    json_t *value;
    va_list args;

    va_start(args, fmt);
    value = json_vsprintf(fmt, args);
    va_end(args);
    if (value == NULL || json_array_append_new(r->base.catalog->doc, value) != 0) {
        r->base.fields.nomem = true;
        return NULL;
    }
    return json_string_value(value);
}

void cw_from_option_wrong(struct cw_from_reader *r, const char *option, const char *fmt, ...)
{
    char what[CW_ERR_TEXT_MAX];
    va_list args;

    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    cw_mistakes_add(r->base.fields.mistakes, r->base.catalog->path, 0, option, "%s", what);
}

/* "GLOB=X" where the glob is the name, or "X" for all; of several the last one that fits best. */
/* A pattern with a '/' is of the path, any other of the name. */
static bool fits(const char *pattern, const struct cw_from_item *item)
{
    const char *text = strchr(pattern, '/') != NULL && item->path != NULL ? item->path : item->name;

    return cw_str_glob(pattern, text);
}

/* How a person can name this one and no other. */
static const char *address(const struct cw_from_item *item)
{
    return item->path != NULL && strchr(item->path, '/') != NULL ? item->path : item->name;
}

const char *cw_from_option(struct cw_from_reader *r, enum cw_from_list which, const struct cw_from_item *item)
{
    const struct cw_cli_list *const lists[] = {&r->from->platforms, &r->from->kinds, &r->from->names};
    const char *all = NULL, *own = NULL;
    size_t i;

    for (i = 0; i < lists[which]->count; i++) {
        const char *text = lists[which]->items[i], *equals = strrchr(text, '=');
        CW_AUTO_FREE char *glob = equals != NULL ? strndup(text, (size_t)(equals - text)) : NULL;

        if (equals == NULL) {
            all = text;
        } else if (glob == NULL) {
            r->base.fields.nomem = true;
        } else if (strcmp(glob, item->name) == 0 || strcmp(glob, address(item)) == 0 ||
                   (which != CW_FROM_NAME && fits(glob, item))) {
            own = equals + 1;
            r->used[which][i] = true;
        }
    }
    return own != NULL ? own : all;
}

static bool matches(const struct cw_cli_list *list, const struct cw_from_item *item)
{
    size_t i;

    for (i = 0; i < list->count; i++) {
        if (fits(list->items[i], item))
            return true;
    }
    return false;
}

const char *cw_from_path(struct cw_from_reader *r, const char *path, const char *field)
{
    while (path[0] == '.' && path[1] == '/') {
        path += 2;
        path += strspn(path, "/");
    }
    if (cw_path_is_relative(path))
        return cw_from_keep(r, "%s", path);
    cw_fields_wrong(
        &r->base.fields, field,
        "the path '%s' does not lie beneath the folder of the files: it is absolute, or has '..' or an "
        "empty part",
        path);
    return NULL;
}

void cw_from_sum(struct cw_from_reader *r, struct cw_from_item *item, enum cw_hash_kind kind,
                 const char *text)
{
    const char *colon = strchr(text, ':');
    unsigned char bytes[CW_HASH_TEXT_MAX / 2];
    CW_AUTO_FREE char *hex = NULL;

    if (colon != NULL) {
        for (kind = 0; kind < CW_HASH_KINDS; kind++) {
            const char *name = cw_hash_name(kind);

            if (strncasecmp(text, name, strlen(name)) == 0 && text + strlen(name) == colon)
                break;
        }
        if (kind == CW_HASH_KINDS) {
            item->other_sum = cw_from_keep(r, "%.*s", (int)(colon - text), text);
            return;
        }
        text = colon + 1;
    }
    hex = strdup(text);
    if (hex == NULL) {
        r->base.fields.nomem = true;
        return;
    }
    for (char *c = hex; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    if (cw_hex_parse(bytes, cw_hash_digits(kind) / 2, hex))
        item->sums[kind] = cw_from_keep(r, "%s", hex);
    else
        cw_fields_wrong(&r->base.fields, item->field, "'%s' is no %s of %zu hexadecimal digits", text,
                        cw_hash_name(kind), cw_hash_digits(kind));
}

/* The option's value, or the format's, or a mistake that names the option. */
static const char *choose(struct cw_from_reader *r, const char *option, const char *given, const char *said,
                          const char *field, int (*check)(const char *text, struct cw_err *err))
{
    struct cw_err err;

    if (given == NULL && said == NULL)
        cw_from_option_wrong(r, option, "is needed, because %s does not say it", r->from->format);
    else if (given != NULL && check(given, &err) != CW_OK)
        cw_from_option_wrong(r, option, "%s", err.text);
    else if (given == NULL && check(said, &err) != CW_OK)
        cw_fields_wrong(&r->base.fields, field, "%s; give another with %s", err.text, option);
    return given != NULL ? given : said;
}

/* Web forms write CR LF; notes have lines that end in LF. */
static json_t *plain_lines(const char *text)
{
    CW_AUTO_BUF out = CW_BUF_INIT(CW_FROM_TEXT_MAX);

    for (; *text != '\0'; text++) {
        if (text[0] != '\r' || text[1] != '\n')
            cw_buf_addc(&out, *text);
    }
    return out.failed == 0 ? json_string(cw_buf_text(&out)) : NULL;
}

static void set_notes(struct cw_from_reader *r, const struct cw_from_head *head)
{
    json_t *notes = head->notes != NULL ? plain_lines(head->notes) : json_string("");
    struct cw_err err;

    if (r->from->notes_file != NULL) {
        json_decref(notes);
        r->base.folder[0] = '\0'; /* beneath the working folder, as every path of the command line */
        cw_catalog_read_notes_file(&r->base, r->release, "-", r->from->notes_file);
        return;
    }
    if (notes != NULL && json_string_length(notes) > CW_CATALOG_NOTES_MAX)
        cw_fields_wrong(&r->base.fields, head->notes_field,
                        "notes of more than %zu bytes; give shorter ones with "
                        "--notes-file",
                        CW_CATALOG_NOTES_MAX);
    else if (notes != NULL && cw_text_check(json_string_value(notes), "notes", &err) != CW_OK)
        cw_fields_wrong(&r->base.fields, head->notes_field, "%s; give others with --notes-file", err.text);
    cw_catalog_set(&r->base, r->release->head, "notes", notes);
}

/* Portable, and no other's in this release, also where case does not count. */
static void check_name(struct cw_from_reader *r, const struct cw_catalog_file *file, const char *was)
{
    size_t other = cw_catalog_name(&r->base, r->release, file);
    const char *clash = other != CW_NAMES_NONE ? r->release->files[other].field : NULL;
    struct cw_err err;

    if (strcasecmp(file->name, CW_MANIFEST_FILE) == 0)
        clash = "the release manifest";
    if (cw_name_check(file->name, "file", &err) != CW_OK)
        cw_fields_wrong(&r->base.fields, file->field, "%s; give it another with --name '%s=NEW'", err.text,
                        was);
    else if (clash != NULL)
        cw_fields_wrong(
            &r->base.fields, file->field,
            "the name '%s' is that of %s too; give it another with --name '%s=NEW', or leave it out "
            "with --exclude",
            file->name, clash, was);
}

/* One file that the command line names. */
static void take_sbom(struct cw_from_reader *r, const char *path)
{
    struct cw_catalog_file *file = cw_catalog_new_file(&r->base, r->release);

    if (file == NULL)
        return;
    *file = (struct cw_catalog_file){.source = cw_str_format("%s", path), .platform = CW_PLATFORM_ANY};
    file->name = cw_str_basename(path);
    snprintf(file->field, sizeof file->field, "--sbom");
    r->base.fields.nomem = r->base.fields.nomem || file->source == NULL;
    if (file->source != NULL)
        cw_catalog_look(&r->base, file->field, file->source, &file->size);
    check_name(r, file, file->name);
}

bool cw_from_begin(struct cw_from_reader *r, const struct cw_from_head *head)
{
    const char *severity = r->from->severity != NULL ? r->from->severity : "normal";
    struct cw_err err;

    r->release = cw_catalog_new_release(&r->base);
    if (r->release == NULL)
        return false;
    snprintf(r->release->field, sizeof r->release->field, RELEASE);
    r->release->product =
        choose(r, "--product", r->from->product, head->product, head->product_field, cw_name_check_product);
    r->release->version =
        choose(r, "--version", r->from->version, head->version, head->version_field, cw_semver_check);
    if (cw_severity_check(severity, &err) != CW_OK)
        cw_from_option_wrong(r, "--severity", "%s", err.text);
    cw_catalog_set(&r->base, r->release->head, "severity", json_string(severity));
    set_notes(r, head);
    if (r->from->sbom != NULL)
        take_sbom(r, r->from->sbom);
    return true;
}

static void set_platform(struct cw_from_reader *r, struct cw_catalog_file *file,
                         const struct cw_from_item *item)
{
    const char *given = cw_from_option(r, CW_FROM_PLATFORM, item);
    char guess[CW_GUESS_MAX];
    struct cw_err err;

    file->platform = given != NULL ? given : item->platform;
    if (file->platform == NULL && cw_guess_platform(guess, item->name)) {
        file->platform = cw_from_keep(r, "%s", guess);
    } else if (file->platform == NULL) {
        cw_fields_wrong(&r->base.fields, item->field,
                        "the name '%s' says only '%s' of its platform; give it with --platform '%s=OS-ARCH'",
                        item->name, guess, item->name);
        file->platform = CW_PLATFORM_ANY;
    }
    if (file->platform != NULL && cw_name_check(file->platform, "platform", &err) != CW_OK)
        cw_fields_wrong(&r->base.fields, item->field, "%s; give it with --platform '%s=OS-ARCH'", err.text,
                        item->name);
}

static void set_kind(struct cw_from_reader *r, struct cw_catalog_file *file, const struct cw_from_item *item)
{
    const char *given = cw_from_option(r, CW_FROM_KIND, item);
    enum cw_kind kind;
    struct cw_err err;

    if (item->sbom) {
        file->platform = CW_PLATFORM_ANY; /* and no kind */
        return;
    }
    file->kind = given != NULL ? given : item->kind != NULL ? item->kind : cw_guess_kind(item->name);
    if (cw_kind_parse(&kind, file->kind, &err) != CW_OK)
        cw_from_option_wrong(r, "--kind", "%s", err.text);
}

static bool is_checked(const struct cw_from_item *item)
{
    for (size_t kind = 0; kind < CW_HASH_KINDS; kind++) {
        if (item->sums[kind] != NULL)
            return true;
    }
    return false;
}

/* What is given and not compared must not pass for what is. */
static int note_sum(json_t *row, const struct cw_from_item *item)
{
    bool checked = is_checked(item);

    return json_object_set_new(row, "checked", json_boolean(checked)) == 0 &&
                   (checked || item->other_sum == NULL ||
                    json_object_set_new(row, "not_compared", json_string(item->other_sum)) == 0)
               ? CW_OK
               : CW_E_NOMEM;
}

static void note(struct cw_from_reader *r, const struct cw_from_item *item,
                 const struct cw_catalog_file *file, const char *left_out)
{
    json_t *row =
        file == NULL
            ? json_pack("{s:s, s:s, s:s}", "name", item->name, "at", item->field, "left_out", left_out)
            : json_pack("{s:s, s:s, s:s, s:s, s:I}", "name", file->name, "at", item->field, "platform",
                        file->platform, "kind", file->kind != NULL ? file->kind : "sbom", "size",
                        (json_int_t)file->size);

    if (row == NULL && file == NULL) /* jansson takes only UTF-8; such names are mistakes when taken */
        row = json_pack("{s:s, s:s}", "at", item->field, "left_out", left_out);
    if (row == NULL && r->base.fields.mistakes->count > 0)
        return;
    if ((row != NULL && file != NULL && note_sum(row, item) != CW_OK) ||
        json_array_append(r->from->table, row) != 0)
        r->base.fields.nomem = true;
    json_decref(row);
}

void cw_from_take(struct cw_from_reader *r, const struct cw_from_item *item)
{
    const char *left_out = matches(&r->from->includes, item) ? NULL : item->left_out;
    const char *renamed = cw_from_option(r, CW_FROM_NAME, item);
    struct cw_catalog_file *file;

    r->seen++;
    if (matches(&r->from->excludes, item))
        left_out = "excluded";
    if (left_out != NULL) {
        r->left_out++;
        note(r, item, NULL, left_out);
        return;
    }
    file = cw_catalog_new_file(&r->base, r->release);
    if (file == NULL)
        return;
    file->source = cw_str_format("%s%s", r->files, item->path);
    file->name = renamed != NULL ? renamed : item->name;
    file->sha256 = item->sums[CW_SHA256];
    memcpy(file->sums, item->sums, sizeof file->sums);
    snprintf(file->field, sizeof file->field, "%s", item->field);
    set_platform(r, file, item);
    set_kind(r, file, item);
    check_name(r, file, address(item));
    r->base.fields.nomem = r->base.fields.nomem || file->source == NULL;
    if (file->source != NULL && cw_catalog_look(&r->base, item->field, file->source, &file->size) &&
        item->has_size && item->size != file->size)
        cw_fields_wrong(&r->base.fields, item->field, "'%s' has %llu bytes where %llu are named",
                        file->source, (unsigned long long)file->size, (unsigned long long)item->size);
    note(r, item, file, NULL);
}

void cw_from_end(struct cw_from_reader *r)
{
    static const char *const options[] = {"--platform", "--kind", "--name"};
    const struct cw_cli_list *const lists[] = {&r->from->platforms, &r->from->kinds, &r->from->names};
    size_t i, j;

    if (r->release == NULL || r->base.fields.mistakes->count > 0)
        return; /* more would only follow from those */
    for (i = 0; i < CW_COUNT(lists); i++) {
        for (j = 0; j < lists[i]->count; j++) {
            const char *text = lists[i]->items[j];

            if (strchr(text, '=') != NULL && !r->used[i][j])
                cw_from_option_wrong(r, options[i], "'%s' fits no artifact", text);
        }
    }
    if (r->release->file_count == 0)
        cw_from_option_wrong(r, "", "names no artifact to add%s",
                             r->left_out > 0 ? "; all are left out, unless --include 'GLOB' takes them" : "");
    if (r->release->file_count > CW_ARTIFACTS_MAX)
        cw_from_option_wrong(r, "", "names %zu artifacts; a release has at most %d", r->release->file_count,
                             CW_ARTIFACTS_MAX);
}
