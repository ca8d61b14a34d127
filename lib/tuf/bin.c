/* SPDX-License-Identifier: ISC */
/*
 * Bins as text; see tuf/bin.h.
 */
#include "tuf/bin.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "tuf/plain.h"
#include "tuf/write.h"

void cw_bin_clear(struct cw_bin *bin)
{
    free(bin->targets);
    *bin = (struct cw_bin){.targets = NULL};
}

int cw_bin_add(struct cw_bin *bin, const struct cw_bin_target *target, struct cw_err *err)
{
    if (!cw_plain_is_plain(target->path))
        return cw_err_set(err, CW_E_FAIL, "'%.*s' cannot be a target of a bin", (int)target->path.len,
                          target->path.at);
    if (bin->count == bin->room) {
        size_t room = bin->room != 0 ? bin->room * 2 : 64;
        struct cw_bin_target *targets = reallocarray(bin->targets, room, sizeof *targets);

        if (targets == NULL)
            return cw_err_nomem(err);
        bin->targets = targets;
        bin->room = room;
    }
    bin->targets[bin->count++] = *target;
    return CW_OK;
}

/* ---- reading ---- */

static bool scan_target(struct cw_scan *scan, struct cw_bin_target *target)
{
    struct cw_slice key;
    bool first = true;

    target->sha256 = NULL;
    target->length = -1;
    if (!cw_scan_open(scan, '{'))
        return false;
    while (cw_scan_member(scan, &first, &key)) {
        bool taken =
            cw_slice_is(key, "hashes") && target->sha256 == NULL
                ? cw_plain_scan_hashes(scan, &target->sha256)
                : cw_slice_is(key, "length") && target->length < 0 && cw_scan_integer(scan, &target->length);

        if (!taken)
            return false;
    }
    return !scan->odd && target->sha256 != NULL && target->length >= 0;
}

static int compare_targets(const void *a, const void *b)
{
    const struct cw_slice *one = &((const struct cw_bin_target *)a)->path;
    const struct cw_slice *two = &((const struct cw_bin_target *)b)->path;
    int order = memcmp(one->at, two->at, one->len < two->len ? one->len : two->len);

    return order != 0 ? order : (one->len > two->len) - (one->len < two->len);
}

static bool scan_targets(struct cw_scan *scan, void *ctx, struct cw_err *err)
{
    struct cw_bin *bin = ctx;
    struct cw_bin_target target;
    bool first = true;

    if (!cw_scan_open(scan, '{'))
        return false;
    while (cw_scan_member(scan, &first, &target.path)) {
        if (!scan_target(scan, &target) || cw_bin_add(bin, &target, err) != CW_OK)
            return false;
        if (bin->count > 1 && compare_targets(&bin->targets[bin->count - 2], &target) >= 0)
            return false;
    }
    return !scan->odd;
}

int cw_bin_read(struct cw_bin *bin, const char *text, size_t len, const struct cw_tuf_role *role,
                struct cw_err *err)
{
    static const struct cw_plain_form form = {"targets", "targets", scan_targets};
    CW_AUTO_BUF canonical = CW_BUF_INIT(CW_TUF_TEXT_MAX);
    struct cw_plain plain;
    int rc;

    *bin = (struct cw_bin){.version = 0};
    rc = cw_plain_read(&plain, &form, bin, text, len, err);
    bin->version = plain.version;
    bin->expires = plain.expires;
    if (rc == CW_OK)
        rc = cw_bin_canon(&canonical, bin, err);
    if (rc == CW_OK)
        rc = cw_tuf_verify_text(plain.signatures, &canonical, role, err);
    cw_plain_clear(&plain);
    if (rc != CW_OK)
        cw_bin_clear(bin);
    return rc;
}

/* ---- changing ---- */

int cw_bin_sort(struct cw_bin *bin, struct cw_err *err)
{
    size_t i, kept = 0;

    if (bin->count > 1)
        qsort(bin->targets, bin->count, sizeof *bin->targets, compare_targets);
    for (i = 0; i < bin->count; i++) {
        const struct cw_bin_target *target = &bin->targets[i], *last = &bin->targets[kept - 1];

        if (kept > 0 && cw_slice_equal(last->path, target->path)) {
            if (last->length != target->length || memcmp(last->sha256, target->sha256, CW_PLAIN_DIGEST) != 0)
                return cw_err_set(err, CW_E_VERIFY, "'%.*s' is published with other content",
                                  (int)target->path.len, target->path.at);
            continue;
        }
        bin->targets[kept++] = *target;
    }
    bin->count = kept;
    return CW_OK;
}

const struct cw_bin_target *cw_bin_find(const struct cw_bin *bin, const char *path)
{
    struct cw_bin_target key = {.path = {.at = path, .len = strlen(path)}};

    if (bin->count == 0)
        return NULL;
    return bsearch(&key, bin->targets, bin->count, sizeof key, compare_targets);
}

/* ---- writing ---- */

/* What stands before, between and behind the parts of a target in either form. */
struct frame {
    const char *before, *path, *sha256, *length;
    size_t before_len, path_len, sha256_len, length_len;
};
#define FRAME(b, p, s, l)                                                                                    \
    {                                                                                                        \
        b, p, s, l, sizeof(b) - 1, sizeof(p) - 1, sizeof(s) - 1, sizeof(l) - 1                               \
    }

static void add_targets(struct cw_buf *buf, const struct cw_bin *bin, const struct frame *frame)
{
    size_t i;

    for (i = 0; i < bin->count; i++) {
        const struct cw_bin_target *target = &bin->targets[i];

        if (i > 0)
            cw_buf_addc(buf, ',');
        cw_buf_add(buf, frame->before, frame->before_len);
        cw_buf_add(buf, target->path.at, target->path.len);
        cw_buf_add(buf, frame->path, frame->path_len);
        cw_buf_add(buf, target->sha256, CW_PLAIN_DIGEST);
        cw_buf_add(buf, frame->sha256, frame->sha256_len);
        cw_buf_addu(buf, (uint64_t)target->length);
        cw_buf_add(buf, frame->length, frame->length_len);
    }
}

int cw_bin_canon(struct cw_buf *buf, const struct cw_bin *bin, struct cw_err *err)
{
    static const struct frame frame = FRAME("\"", "\":{\"hashes\":{\"sha256\":\"", "\"},\"length\":", "}");
    char expires[CW_TIME_TEXT];

    cw_time_format(bin->expires, expires);
    cw_buf_addf(buf, "{\"_type\":\"targets\",\"expires\":\"%s\",\"spec_version\":\"%s\",\"targets\":{",
                expires, CW_TUF_SPEC_VERSION);
    add_targets(buf, bin, &frame);
    cw_buf_addf(buf, "},\"version\":%" PRId64 "}", bin->version);
    return cw_buf_check(buf, "a bin", err);
}

int cw_bin_format(struct cw_buf *buf, const struct cw_bin *bin, const json_t *signatures, struct cw_err *err)
{
    static const struct frame frame = FRAME("\n   \"", "\": {\n    \"hashes\": {\n     \"sha256\": \"",
                                            "\"\n    },\n    \"length\": ", "\n   }");
    char expires[CW_TIME_TEXT];

    cw_time_format(bin->expires, expires);
    cw_plain_add_signatures(buf, signatures);
    cw_buf_addf(buf,
                " \"signed\": {\n  \"_type\": \"targets\",\n  \"expires\": \"%s\",\n"
                "  \"spec_version\": \"%s\",\n  \"targets\": {",
                expires, CW_TUF_SPEC_VERSION);
    add_targets(buf, bin, &frame);
    cw_buf_addf(buf, "%s},\n  \"version\": %" PRId64 "\n }\n}\n", bin->count > 0 ? "\n  " : "", bin->version);
    return cw_buf_check(buf, "a bin", err);
}

size_t cw_bin_target_size(size_t path_len, int64_t length)
{
    size_t digits = 1;

    for (; length >= 10; length /= 10)
        digits++;
    return path_len + digits + CW_PLAIN_DIGEST +
           sizeof ",\n   \"\": {\n    \"hashes\": {\n     \"sha256\": \"\"\n    },\n    \"length\": \n   }" -
           1;
}

/* ---- numbers and names ---- */

int cw_bin_hash(uint32_t *hash, const char *path, size_t len, struct cw_err *err)
{
    unsigned char digest[CW_SHA256_BYTES];
    int rc = cw_sha256_bytes(digest, path, len, err);

    *hash = (uint32_t)digest[0] << 24 | (uint32_t)digest[1] << 16 | (uint32_t)digest[2] << 8 | digest[3];
    return rc;
}

void cw_bin_name(char name[CW_TUF_NAME_MAX], const char *prefix, size_t number)
{
    snprintf(name, CW_TUF_NAME_MAX, "%.200s-%0*zx", prefix, CW_BIN_DIGITS, number);
}

bool cw_bin_number(size_t *number, const char *prefix, unsigned bits, const char *name)
{
    char same[CW_TUF_NAME_MAX];
    size_t len = strlen(name);

    *number = len > CW_BIN_DIGITS ? strtoul(name + len - CW_BIN_DIGITS, NULL, 16) : SIZE_MAX;
    cw_bin_name(same, prefix, *number);
    return *number < (size_t)1 << bits && strcmp(name, same) == 0;
}

bool cw_bin_takes_name(const char *prefix, const char *name)
{
    size_t len = strlen(prefix);

    return strncasecmp(prefix, name, len) == 0 && name[len] == '-' &&
           strlen(name + len + 1) == CW_BIN_DIGITS &&
           strspn(name + len + 1, "0123456789abcdefABCDEF") == CW_BIN_DIGITS;
}

bool cw_bin_spec(const char **prefix, unsigned *bits, const struct cw_tuf_meta *targets)
{
    const json_t *bins = json_object_get(json_object_get(targets->signed_, "delegations"), "succinct_roles");
    json_int_t found = json_integer_value(json_object_get(bins, "bit_length"));

    *prefix = json_string_value(json_object_get(bins, "name_prefix"));
    *bits = (unsigned)found;
    return *prefix != NULL && found >= CW_BIN_BITS_MIN && found <= CW_BIN_BITS_MAX;
}
