/* SPDX-License-Identifier: ISC */
/*
 * Reading JSON Lines; see gen/catalog_lines.h.
 */
#include "gen/catalog_lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "codec/json.h"
#include "codec/scan.h"
#include "release/name.h"

#define CHUNK ((size_t)1 << 18) /* bytes read at once */

static int open_catalog(int *fd, const char *path, struct cw_err *err)
{
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    return *fd >= 0 ? CW_OK : cw_err_errno(err, errno, "unable to open '%s'", path);
}

/* ---- which of the two it is ---- */

static bool is_release(const char *text, size_t len)
{
    struct cw_scan scan;
    struct cw_slice key;
    bool first = true, found = false;

    cw_scan_init(&scan, text, len);
    if (!cw_scan_open(&scan, '{'))
        return false;
    while (cw_scan_member(&scan, &first, &key)) {
        found = found || cw_slice_is(key, "product");
        if (!cw_scan_value(&scan, NULL))
            return false;
    }
    return found && cw_scan_is_done(&scan);
}

int cw_catalog_is_lines(bool *lines, const char *path, struct cw_err *err)
{
    CW_AUTO_FREE char *text = malloc(CW_CATALOG_LINE_MAX);
    CW_AUTO_FD int fd = -1;
    const char *end;
    size_t len = 0;
    ssize_t got = 1;
    int rc;

    *lines = cw_str_ends(path, ".jsonl") || cw_str_ends(path, ".ndjson");
    if (*lines)
        return CW_OK;
    rc = text != NULL ? open_catalog(&fd, path, err) : cw_err_nomem(err);
    while (rc == CW_OK && got > 0 && len < CW_CATALOG_LINE_MAX) {
        got = cw_fd_read(fd, text + len, CW_CATALOG_LINE_MAX - len);
        if (got < 0)
            return cw_err_errno(err, errno, "unable to read '%s'", path);
        len += (size_t)got;
    }
    if (rc != CW_OK)
        return rc;
    end = memchr(text, '\n', len);
    *lines = is_release(text, end != NULL ? (size_t)(end - text) : len);
    return CW_OK;
}

/* ---- line by line ---- */

int cw_catalog_lines_open(struct cw_catalog_lines *lines, const char *path, bool no_files,
                          struct cw_mistakes *mistakes, struct cw_err *err)
{
    int rc;

    *lines = (struct cw_catalog_lines){
        .catalog = {.path = path, .text = CW_BUF_INIT(CW_CATALOG_LINE_MAX)},
        .reader = {.no_files = no_files, .fields = {.file = path, .mistakes = mistakes}},
        .fd = -1,
        .chunk = CW_BUF_INIT(CW_CATALOG_LINE_MAX + CHUNK),
        .seen = json_object()};
    lines->reader.catalog = &lines->catalog;
    rc = lines->seen != NULL ? cw_catalog_set_folder(&lines->reader, path, err) : cw_err_nomem(err);
    return rc == CW_OK ? open_catalog(&lines->fd, path, err) : rc;
}

void cw_catalog_lines_close(struct cw_catalog_lines *lines)
{
    cw_catalog_clear(&lines->catalog);
    cw_buf_clear(&lines->chunk);
    json_decref(lines->seen);
    cw_fd_close_(&lines->fd);
    *lines = (struct cw_catalog_lines){.fd = -1};
}

/* What was looked at makes room for more. */
static int read_more(struct cw_catalog_lines *lines, struct cw_err *err)
{
    CW_AUTO_FREE char *more = malloc(CHUNK);
    ssize_t got;

    if (more == NULL)
        return cw_err_nomem(err);
    if (lines->at > 0) {
        memmove(lines->chunk.data, lines->chunk.data + lines->at, lines->chunk.len - lines->at);
        lines->chunk.len -= lines->at;
        lines->at = 0;
    }
    if (lines->chunk.len > CW_CATALOG_LINE_MAX)
        return cw_err_set(err, CW_E_VERIFY, "'%s', line %u: is longer than %zu bytes", lines->catalog.path,
                          lines->line + 1, CW_CATALOG_LINE_MAX);
    got = cw_fd_read(lines->fd, more, CHUNK);
    if (got < 0)
        return cw_err_errno(err, errno, "unable to read '%s'", lines->catalog.path);
    lines->ended = got == 0;
    cw_buf_add(&lines->chunk, more, (size_t)got);
    return cw_buf_check(&lines->chunk, "a line of the catalog", err);
}

/* The next line without its end; NULL at the end of all. */
static int next_line(char **text, size_t *len, struct cw_catalog_lines *lines, struct cw_err *err)
{
    size_t looked = 0;
    int rc = CW_OK;

    *text = NULL;
    for (;;) {
        size_t left = lines->chunk.len - lines->at;
        char *start = lines->chunk.data + lines->at;
        char *end = left > looked ? memchr(start + looked, '\n', left - looked) : NULL;

        if (end != NULL || (lines->ended && left > 0)) {
            *text = start;
            *len = end != NULL ? (size_t)(end - start) : left;
            lines->at += *len + (end != NULL);
            lines->bytes += *len + 1;
            lines->line++;
            return CW_OK;
        }
        if (lines->ended)
            return CW_OK;
        looked = left;
        rc = read_more(lines, err);
        if (rc != CW_OK)
            return rc;
    }
}

static int parse_line(struct cw_catalog_lines *lines, const char *text, size_t len, struct cw_err *err)
{
    static const char *const known[] = {"product",  "version",  "severity", "notes",  "notes-file",
                                        "requires", "features", "sbom",     "builds", NULL};
    struct cw_catalog_reader *r = &lines->reader;
    const char *product;
    struct cw_err own;
    int rc = cw_json_parse(&lines->catalog.doc, text, len, err);

    if (rc == CW_E_VERIFY) {
        cw_mistakes_add(r->fields.mistakes, lines->catalog.path, lines->line, "", "%s", err->text);
        return CW_OK;
    }
    if (rc != CW_OK || !cw_fields_is_object(&r->fields, lines->catalog.doc, ""))
        return rc;
    product = cw_fields_text(&r->fields, lines->catalog.doc, "", "product", true);
    if (product != NULL)
        cw_fields_holds(&r->fields, "", "product", cw_name_check_product(product, &own), &own);
    cw_catalog_read_release(r, lines->catalog.doc, "", product, known);
    return CW_OK;
}

/* One version is one line. */
static int note_seen(struct cw_catalog_lines *lines, struct cw_err *err)
{
    const struct cw_catalog_release *release = lines->catalog.releases;
    CW_AUTO_FREE char *key = cw_str_format("%s@%s", release->product, release->version);
    const json_t *before;

    if (key == NULL)
        return cw_err_nomem(err);
    before = json_object_get(lines->seen, key);
    if (before != NULL)
        cw_fields_wrong(&lines->reader.fields, "version", "version '%s' is in line %lld too",
                        release->version, (long long)json_integer_value(before));
    return json_object_set_new(lines->seen, key, json_integer(lines->line)) == 0 ? CW_OK : cw_err_nomem(err);
}

static int take_line(struct cw_catalog_lines *lines, const char *text, size_t len, struct cw_err *err)
{
    struct cw_catalog_reader *r = &lines->reader;
    size_t before = r->fields.mistakes->count;
    int rc;

    cw_catalog_forget(&lines->catalog);
    lines->catalog.line = r->fields.line = lines->line;
    if (len == 0 || strspn(text, " \t\r") >= len)
        return CW_OK;
    cw_buf_reset(&lines->catalog.text);
    cw_buf_add(&lines->catalog.text, text, len);
    rc = cw_buf_check(&lines->catalog.text, "a line of the catalog", err);
    if (rc == CW_OK && !cw_catalog_scan_line(r, lines->catalog.text.data, len))
        rc = parse_line(lines, text, len, err);
    if (rc == CW_OK && r->fields.mistakes->count == before && lines->catalog.release_count == 1)
        rc = note_seen(lines, err);
    if (r->fields.mistakes->count > before)
        cw_catalog_forget(&lines->catalog);
    return r->fields.nomem ? cw_err_nomem(err) : rc;
}

int cw_catalog_lines_next(const struct cw_catalog_release **release, struct cw_catalog_lines *lines,
                          struct cw_err *err)
{
    char *text;
    size_t len;
    int rc;

    *release = NULL;
    do {
        rc = next_line(&text, &len, lines, err);
        if (rc != CW_OK || text == NULL)
            return rc;
        rc = take_line(lines, text, len, err);
    } while (rc == CW_OK && lines->catalog.release_count == 0);
    *release = lines->catalog.releases;
    return rc;
}
