/* SPDX-License-Identifier: ISC */
/*
 * The snapshot as text; see tuf/listing.h.
 */
#include "tuf/listing.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tuf/plain.h"
#include "tuf/write.h"

#define ENDING ".json"
#define ENDING_LEN (sizeof ENDING - 1)
#define FILE_MAX (CW_TUF_NAME_MAX + ENDING_LEN) /* "<role>.json" with NUL */

void cw_listing_clear(struct cw_listing *listing)
{
    size_t i;

    for (i = 0; i < listing->count; i++)
        free(listing->rows[i].own);
    free(listing->rows);
    *listing = (struct cw_listing){.rows = NULL};
}

static int make_room(struct cw_listing *listing, size_t room, struct cw_err *err)
{
    struct cw_listed *rows;

    if (room <= listing->room)
        return CW_OK;
    rows = reallocarray(listing->rows, room, sizeof *rows);
    if (rows == NULL)
        return cw_err_nomem(err);
    listing->rows = rows;
    listing->room = room;
    return CW_OK;
}

static int add(struct cw_listing *listing, const struct cw_listed *row, struct cw_err *err)
{
    int rc = CW_OK;

    if (!cw_plain_is_plain(row->file))
        return cw_err_set(err, CW_E_FAIL, "'%.*s' cannot be listed in a snapshot", (int)row->file.len,
                          row->file.at);
    if (listing->count == listing->room)
        rc = make_room(listing, listing->room != 0 ? listing->room * 2 : 64, err);
    if (rc == CW_OK)
        listing->rows[listing->count++] = *row;
    return rc;
}

int cw_listing_copy(struct cw_listing *listing, const struct cw_listing *from, struct cw_err *err)
{
    size_t i;
    int rc;

    *listing =
        (struct cw_listing){.version = from->version, .expires = from->expires, .sorted = from->sorted};
    rc = make_room(listing, from->count + 1, err);
    for (i = 0; i < from->count && rc == CW_OK; i++) {
        listing->rows[i] = from->rows[i];
        listing->rows[i].own = NULL;
    }
    listing->count = rc == CW_OK ? from->count : 0;
    return rc;
}

/* ---- reading ---- */

static int compare(const void *a, const void *b)
{
    const struct cw_slice *one = &((const struct cw_listed *)a)->file;
    const struct cw_slice *two = &((const struct cw_listed *)b)->file;
    int order = memcmp(one->at, two->at, one->len < two->len ? one->len : two->len);

    return order != 0 ? order : (one->len > two->len) - (one->len < two->len);
}

static bool is_file_name(struct cw_slice file)
{
    return file.len > ENDING_LEN && file.len < FILE_MAX &&
           memcmp(file.at + file.len - ENDING_LEN, ENDING, ENDING_LEN) == 0;
}

static bool scan_row(struct cw_scan *scan, struct cw_listed *row)
{
    struct cw_slice key;
    bool first = true;

    row->version = 0;
    row->length = -1;
    row->sha256 = row->own = NULL;
    if (!is_file_name(row->file) || !cw_scan_open(scan, '{'))
        return false;
    while (cw_scan_member(scan, &first, &key)) {
        bool taken = cw_slice_is(key, "hashes") && row->sha256 == NULL
                         ? cw_plain_scan_hashes(scan, &row->sha256)
                     : cw_slice_is(key, "length") && row->length < 0
                         ? cw_scan_integer(scan, &row->length)
                         : cw_slice_is(key, "version") && cw_scan_integer(scan, &row->version);

        if (!taken)
            return false;
    }
    return !scan->odd && row->version > 0;
}

static bool scan_rows(struct cw_scan *scan, void *ctx, struct cw_err *err)
{
    struct cw_listing *listing = ctx;
    struct cw_listed row;
    bool first = true;

    if (!cw_scan_open(scan, '{'))
        return false;
    while (cw_scan_member(scan, &first, &row.file)) {
        if (!scan_row(scan, &row) || add(listing, &row, err) != CW_OK)
            return false;
        if (listing->count > 1 && compare(&listing->rows[listing->count - 2], &row) >= 0)
            return false;
    }
    listing->sorted = listing->count;
    return !scan->odd;
}

static int verify(const struct cw_listing *listing, const json_t *signatures, const struct cw_tuf_role *role,
                  struct cw_err *err)
{
    CW_AUTO_BUF canonical = CW_BUF_INIT(CW_TUF_TEXT_MAX);
    int rc = cw_listing_canon(&canonical, listing, err);

    return rc == CW_OK ? cw_tuf_verify_text(signatures, &canonical, role, err) : rc;
}

int cw_listing_read(struct cw_listing *listing, const char *text, size_t len, const struct cw_tuf_role *role,
                    struct cw_err *err)
{
    static const struct cw_plain_form form = {"snapshot", "meta", scan_rows};
    struct cw_plain plain;
    int rc;

    *listing = (struct cw_listing){.version = 0};
    rc = cw_plain_read(&plain, &form, listing, text, len, err);
    listing->version = plain.version;
    listing->expires = plain.expires;
    if (rc == CW_OK && role != NULL)
        rc = verify(listing, plain.signatures, role, err);
    cw_plain_clear(&plain);
    if (rc != CW_OK)
        cw_listing_clear(listing);
    return rc;
}

/* ---- asking ---- */

/* The row of a file; NULL: none that is sorted in. */
static struct cw_listed *row_of(const struct cw_listing *listing, const char *role)
{
    char file[FILE_MAX + 1];
    struct cw_listed key = {.file = {.at = file}};

    key.file.len = (size_t)snprintf(file, sizeof file, "%s" ENDING, role);
    if (key.file.len >= FILE_MAX || listing->sorted == 0)
        return NULL;
    return bsearch(&key, listing->rows, listing->sorted, sizeof key, compare);
}

int cw_listing_find(const struct cw_listed **row, const struct cw_listing *listing, const char *role,
                    struct cw_err *err)
{
    *row = row_of(listing, role);
    if (*row != NULL)
        return CW_OK;
    return cw_err_set(err, CW_E_NOTFOUND, "snapshot version %lld does not list role '%s'",
                      (long long)listing->version, role);
}

void cw_listed_role(char role[CW_TUF_NAME_MAX], const struct cw_listed *row)
{
    snprintf(role, CW_TUF_NAME_MAX, "%.*s", (int)(row->file.len - ENDING_LEN), row->file.at);
}

int cw_listed_check(const struct cw_listed *row, const void *bytes, size_t len, struct cw_err *err)
{
    char sha256[CW_SHA256_TEXT];
    int rc;

    if (row->length >= 0 && (uint64_t)row->length != len)
        return cw_err_set(err, CW_E_VERIFY, "length differs: expected %lld bytes, got %zu",
                          (long long)row->length, len);
    if (row->sha256 == NULL)
        return CW_OK;
    rc = cw_sha256(sha256, bytes, len, err);
    if (rc == CW_OK && memcmp(sha256, row->sha256, CW_PLAIN_DIGEST) != 0)
        rc = cw_err_set(err, CW_E_VERIFY, "sha256 differs: expected %.64s, got %s", row->sha256, sha256);
    return rc;
}

/* ---- changing ---- */

/* Gives the row texts of its own. sha256 NULL: it has none. */
static int keep_texts(struct cw_listed *row, const char *role, const char *sha256, struct cw_err *err)
{
    size_t len = strlen(role) + ENDING_LEN, digits = sha256 != NULL ? CW_PLAIN_DIGEST : 0;
    char *own = malloc(len + 1 + digits);

    if (own == NULL)
        return cw_err_nomem(err);
    snprintf(own, len + 1, "%s" ENDING, role);
    if (digits > 0)
        memcpy(own + len, sha256, digits);
    free(row->own);
    row->own = own;
    row->file = (struct cw_slice){.at = own, .len = len};
    row->sha256 = digits > 0 ? own + len : NULL;
    return CW_OK;
}

int cw_listing_put(struct cw_listing *listing, const char *role, int64_t version, int64_t length,
                   const char *sha256, struct cw_err *err)
{
    struct cw_listed *there = row_of(listing, role);
    struct cw_listed row = {.version = version, .length = length};
    int rc = CW_OK;

    if (there == NULL) {
        rc = keep_texts(&row, role, sha256, err);
        if (rc == CW_OK && (rc = add(listing, &row, err)) != CW_OK)
            free(row.own);
        return rc;
    }
    if (sha256 != NULL || there->sha256 != NULL)
        rc = keep_texts(there, role, sha256, err);
    there->version = version;
    there->length = length;
    return rc;
}

int cw_listing_sort(struct cw_listing *listing, struct cw_err *err)
{
    size_t i;

    if (listing->sorted < listing->count)
        qsort(listing->rows, listing->count, sizeof *listing->rows, compare);
    for (i = listing->sorted < listing->count ? 1 : listing->count; i < listing->count; i++) {
        if (compare(&listing->rows[i - 1], &listing->rows[i]) == 0)
            return cw_err_set(err, CW_E_FAIL, "'%.*s' was listed twice", (int)listing->rows[i].file.len,
                              listing->rows[i].file.at);
    }
    listing->sorted = listing->count;
    return CW_OK;
}

/* ---- writing ---- */

/* What stands around the parts of a row in either form; hash and length may be left out. */
struct frame {
    const char *before, *file, *sha256, *end_sha256, *length, *end_length, *version, *after;
};

static int add_rows(struct cw_buf *buf, const struct cw_listing *listing, const struct frame *frame,
                    struct cw_err *err)
{
    size_t i;

    if (listing->sorted < listing->count)
        return cw_err_set(err, CW_E_FAIL, "the snapshot's list is not in order");
    for (i = 0; i < listing->count; i++) {
        const struct cw_listed *row = &listing->rows[i];

        cw_buf_adds(buf, i > 0 ? "," : "");
        cw_buf_adds(buf, frame->before);
        cw_buf_add(buf, row->file.at, row->file.len);
        cw_buf_adds(buf, frame->file);
        if (row->sha256 != NULL) {
            cw_buf_adds(buf, frame->sha256);
            cw_buf_add(buf, row->sha256, CW_PLAIN_DIGEST);
            cw_buf_adds(buf, frame->end_sha256);
        }
        if (row->length >= 0) {
            cw_buf_adds(buf, frame->length);
            cw_buf_addu(buf, (uint64_t)row->length);
            cw_buf_adds(buf, frame->end_length);
        }
        cw_buf_adds(buf, frame->version);
        cw_buf_addu(buf, (uint64_t)row->version);
        cw_buf_adds(buf, frame->after);
    }
    return CW_OK;
}

int cw_listing_canon(struct cw_buf *buf, const struct cw_listing *listing, struct cw_err *err)
{
    static const struct frame frame = {
        "\"", "\":{", "\"hashes\":{\"sha256\":\"", "\"},", "\"length\":", ",", "\"version\":", "}"};
    char expires[CW_TIME_TEXT];
    int rc;

    cw_time_format(listing->expires, expires);
    cw_buf_addf(buf, "{\"_type\":\"snapshot\",\"expires\":\"%s\",\"meta\":{", expires);
    rc = add_rows(buf, listing, &frame, err);
    cw_buf_addf(buf, "},\"spec_version\":\"%s\",\"version\":%" PRId64 "}", CW_TUF_SPEC_VERSION,
                listing->version);
    return rc == CW_OK ? cw_buf_check(buf, "the snapshot", err) : rc;
}

int cw_listing_format(struct cw_buf *buf, const struct cw_listing *listing, const json_t *signatures,
                      struct cw_err *err)
{
    static const struct frame frame = {"\n   \"",
                                       "\": {\n",
                                       "    \"hashes\": {\n     \"sha256\": \"",
                                       "\"\n    },\n",
                                       "    \"length\": ",
                                       ",\n",
                                       "    \"version\": ",
                                       "\n   }"};
    char expires[CW_TIME_TEXT];
    int rc;

    cw_time_format(listing->expires, expires);
    cw_plain_add_signatures(buf, signatures);
    cw_buf_addf(buf, " \"signed\": {\n  \"_type\": \"snapshot\",\n  \"expires\": \"%s\",\n  \"meta\": {",
                expires);
    rc = add_rows(buf, listing, &frame, err);
    cw_buf_addf(buf, "%s},\n  \"spec_version\": \"%s\",\n  \"version\": %" PRId64 "\n }\n}\n",
                listing->count > 0 ? "\n  " : "", CW_TUF_SPEC_VERSION, listing->version);
    return rc == CW_OK ? cw_buf_check(buf, "the snapshot", err) : rc;
}
