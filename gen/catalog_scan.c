/* SPDX-License-Identifier: ISC */
/*
 * The fast way through a line of a JSON Lines catalog whose files' hashes are known: everything that is right is taken from the text;
 * at the first thing that is not, the line is left to the slow way, which says what it is.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "codec/json.h"
#include "codec/scan.h"
#include "crypt/hash.h"
#include "gen/catalog_lines.h"
#include "release/manifest.h"
#include "release/name.h"

#define HEAD_MAX ((size_t)256 << 10) /* bytes of all but the builds: mostly notes */
#define DIGEST (CW_SHA256_TEXT - 1)

struct line {
    struct cw_scan scan;
    struct cw_catalog_reader *r;
    struct cw_slice builds, product;
    struct cw_buf head; /* the other members, as a document */
    struct cw_catalog_release *release;
};

/* A text that ends where its quote stood. Only once the whole line has been taken: until then the quote is read. */
static const char *text_of(struct cw_slice slice)
{
    ((char *)slice.at)[slice.len] = '\0';
    return slice.at;
}

static bool scan_head(struct line *l)
{
    struct cw_slice key, value;
    bool first = true;

    if (!cw_scan_open(&l->scan, '{'))
        return false;
    cw_buf_addc(&l->head, '{');
    while (cw_scan_member(&l->scan, &first, &key)) {
        if (cw_slice_is(key, "builds") && l->builds.at == NULL) {
            if (!cw_scan_value(&l->scan, &l->builds))
                return false;
        } else if (cw_slice_is(key, "product") && l->product.at == NULL) {
            if (!cw_scan_string(&l->scan, &l->product))
                return false;
        } else {
            if (!cw_scan_value(&l->scan, &value))
                return false;
            cw_buf_addf(&l->head, "%s\"%.*s\":", l->head.len > 1 ? "," : "", (int)key.len, key.at);
            cw_buf_add(&l->head, value.at, value.len);
        }
    }
    cw_buf_addc(&l->head, '}');
    return cw_scan_is_done(&l->scan) && l->builds.at != NULL && l->product.at != NULL && l->head.failed == 0;
}

static bool is_digest(struct cw_slice text)
{
    return text.len == DIGEST && strspn(text.at, "0123456789abcdef") >= DIGEST;
}

/* The texts stay slices until all is well; they wait in the pointers with their ends marked by the quotes. */
static bool scan_file(struct line *l, struct cw_scan *scan)
{
    struct cw_catalog_file *file = cw_catalog_new_file(l->r, l->release);
    struct cw_slice key, name = {.at = NULL}, sha256 = {.at = NULL}, kind = {.at = NULL};
    int64_t length = -1;
    bool first = true, taken = true;

    if (file == NULL || !cw_scan_open(scan, '{'))
        return false;
    while (taken && cw_scan_member(scan, &first, &key)) {
        if (cw_slice_is(key, "name") && name.at == NULL)
            taken = cw_scan_string(scan, &name);
        else if (cw_slice_is(key, "sha256") && sha256.at == NULL)
            taken = cw_scan_string(scan, &sha256) && is_digest(sha256);
        else if (cw_slice_is(key, "kind") && kind.at == NULL)
            taken = cw_scan_string(scan, &kind);
        else
            taken = cw_slice_is(key, "length") && length < 0 && cw_scan_integer(scan, &length);
    }
    file->name = name.at;
    file->sha256 = sha256.at;
    file->kind = kind.at;
    file->size = (uint64_t)length;
    return taken && !scan->odd && name.at != NULL && sha256.at != NULL && length >= 0;
}

static bool scan_files(struct line *l, struct cw_scan *scan)
{
    bool first = true;

    if (!cw_scan_open(scan, '['))
        return false;
    while (cw_scan_item(scan, &first)) {
        if (!scan_file(l, scan))
            return false;
    }
    return !scan->odd && l->release->file_count <= CW_ARTIFACTS_MAX;
}

static bool scan_build(struct line *l, struct cw_scan *scan)
{
    struct cw_slice key, platform = {.at = NULL};
    size_t i, before = l->release->file_count;
    bool first = true, taken = true;

    if (!cw_scan_open(scan, '{'))
        return false;
    while (taken && cw_scan_member(scan, &first, &key)) {
        if (cw_slice_is(key, "platform") && platform.at == NULL)
            taken = cw_scan_string(scan, &platform);
        else
            taken = cw_slice_is(key, "files") && l->release->file_count == before && scan_files(l, scan);
    }
    if (!taken || scan->odd || platform.at == NULL || l->release->file_count == before)
        return false;
    for (i = before; i < l->release->file_count; i++)
        l->release->files[i].platform = platform.at;
    return true;
}

static bool scan_builds(struct line *l)
{
    struct cw_scan scan;
    bool first = true;

    cw_scan_init(&scan, l->builds.at, l->builds.len);
    if (!cw_scan_open(&scan, '['))
        return false;
    while (cw_scan_item(&scan, &first)) {
        if (!scan_build(l, &scan))
            return false;
    }
    return cw_scan_is_done(&scan) && l->release->file_count > 0;
}

/* Ends a text at its quote. */
static void end_text(const char *text)
{
    char *quote = strchr(text, '"');

    if (quote != NULL)
        *quote = '\0';
}

static int compare_names(const void *a, const void *b)
{
    const struct cw_catalog_file *one = a, *two = b;

    return strcasecmp(one->name, two->name);
}

/* Names are portable, kinds known, and no two names one folder could not hold. */
static bool check_files(struct cw_catalog_release *release)
{
    bool sorted = true;
    enum cw_kind kind;
    size_t i;

    for (i = 0; i < release->file_count; i++) {
        const struct cw_catalog_file *file = &release->files[i];

        if (cw_name_check(file->name, "file", NULL) != CW_OK ||
            cw_kind_parse(&kind, file->kind, NULL) != CW_OK || strcasecmp(file->name, CW_MANIFEST_FILE) == 0)
            return false;
        sorted = sorted && (i == 0 || compare_names(file - 1, file) < 0);
    }
    if (sorted)
        return true;
    qsort(release->files, release->file_count, sizeof *release->files, compare_names);
    for (i = 1; i < release->file_count; i++) {
        if (compare_names(&release->files[i - 1], &release->files[i]) == 0)
            return false;
    }
    return true;
}

/* A platform's name is shared by its files, so it is ended once and found ended again. */
static bool take_files(struct line *l)
{
    size_t i;

    for (i = 0; i < l->release->file_count; i++) {
        struct cw_catalog_file *file = &l->release->files[i];

        end_text(file->name);
        ((char *)file->sha256)[DIGEST] = '\0';
        if (file->kind != NULL)
            end_text(file->kind);
        else
            file->kind = cw_kind_name(CW_KIND_FILE);
        if (i == 0 || file->platform != file[-1].platform) {
            end_text(file->platform);
            if (cw_name_check(file->platform, "platform", NULL) != CW_OK)
                return false;
        }
    }
    return check_files(l->release);
}

static bool take(struct line *l)
{
    static const char *const known[] = {"version",  "severity", "notes", "notes-file",
                                        "requires", "features", NULL};
    struct cw_catalog_reader *r = l->r;

    if (!scan_head(l) || cw_json_parse(&r->catalog->doc, l->head.data, l->head.len, NULL) != CW_OK)
        return false;
    l->release = cw_catalog_read_head(r, r->catalog->doc, "", "", known);
    if (l->release == NULL || r->fields.mistakes->count > 0 || !scan_builds(l) || !take_files(l))
        return false;
    l->release->product = text_of(l->product);
    return cw_name_check_product(l->release->product, NULL) == CW_OK;
}

bool cw_catalog_scan_line(struct cw_catalog_reader *r, char *text, size_t len)
{
    struct cw_mistakes *listed = r->fields.mistakes;
    CW_AUTO_MISTAKES found = CW_MISTAKES_INIT; /* told again, with the rest, by the slow way */
    struct line l = {.r = r, .head = CW_BUF_INIT(HEAD_MAX)};
    bool taken;

    if (!r->no_files)
        return false;
    r->fields.mistakes = &found;
    cw_scan_init(&l.scan, text, len);
    taken = take(&l);
    r->fields.mistakes = listed;
    cw_buf_clear(&l.head);
    if (!taken)
        cw_catalog_forget(r->catalog);
    return taken;
}
