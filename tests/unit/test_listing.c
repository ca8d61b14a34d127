/* SPDX-License-Identifier: ISC */
/*
 * A snapshot's file must be what the general writer makes of the same rows, byte for byte; what is read back is what was signed, and
 * nothing else passes.
 */
#include "unit.h"

#include <string.h>

#include "codec/json.h"
#include "tuf/listing.h"
#include "tuf/write.h"
#include "writer.h"

#define SHA_A WRITER_SHA_A
#define SHA_B WRITER_SHA_B
#define ROWS 5

static struct cw_err err;

/* Out of order: "a-b.json" comes before "a.json", though "a" comes before "a-b". */
static const struct {
    const char *role;
    int64_t version, length;
    const char *sha256;
} rows[ROWS] = {{"targets", 3, 812, SHA_A},
                {"a", 1, 0, SHA_B},
                {"a-b", 9007199254740991, 7, NULL},
                {"a-000", 12, -1, NULL},
                {"stable", 2, -1, SHA_A}};

static void fill(struct cw_listing *listing, size_t count)
{
    *listing = (struct cw_listing){.version = WRITER_VERSION, .expires = WRITER_EXPIRES};
    for (size_t i = 0; i < count; i++)
        assert_cw_ok(
            cw_listing_put(listing, rows[i].role, rows[i].version, rows[i].length, rows[i].sha256, &err),
            err);
    assert_cw_ok(cw_listing_sort(listing, &err), err);
}

static json_t *row(size_t i)
{
    json_t *made = json_pack("{s:I}", "version", (json_int_t)rows[i].version);

    if (rows[i].length >= 0)
        json_object_set_new(made, "length", json_integer(rows[i].length));
    if (rows[i].sha256 != NULL)
        json_object_set_new(made, "hashes", json_pack("{s:s}", "sha256", rows[i].sha256));
    return made;
}

/* The same by the general way; secret signs. */
static json_t *envelope(size_t count, const struct cw_secret *secret)
{
    json_t *body;
    char file[64];

    assert_cw_ok(cw_tuf_snapshot_new(&body, WRITER_VERSION, WRITER_EXPIRES, &err), err);
    for (size_t i = 0; i < count; i++) {
        snprintf(file, sizeof file, "%s.json", rows[i].role);
        json_object_set_new(json_object_get(body, "meta"), file, row(i));
    }
    return writer_envelope(body, secret);
}

static void is_what_the_general_writer_makes(void **state)
{
    (void)state;
    for (size_t count = 0; count <= ROWS; count++) {
        CW_AUTO_BUF canonical = CW_BUF_INIT(WRITER_TEXT_MAX);
        CW_AUTO_BUF file = CW_BUF_INIT(WRITER_TEXT_MAX);
        CW_AUTO_LISTING listing;
        json_auto_t *doc = envelope(count, NULL);

        fill(&listing, count);
        assert_cw_ok(cw_listing_canon(&canonical, &listing, &err), err);
        assert_cw_ok(cw_listing_format(&file, &listing, json_object_get(doc, "signatures"), &err), err);
        writer_is_alike(&canonical, &file, doc);
    }
}

static void look_at(const struct cw_listing *listing, size_t i)
{
    const struct cw_listed *found;
    char role[CW_TUF_NAME_MAX];

    assert_cw_ok(cw_listing_find(&found, listing, rows[i].role, &err), err);
    cw_listed_role(role, found);
    assert_string_equal(role, rows[i].role);
    assert_int_equal(found->version, rows[i].version);
    assert_int_equal(found->length, rows[i].length);
    assert_true((found->sha256 == NULL) == (rows[i].sha256 == NULL));
    if (found->sha256 != NULL)
        assert_memory_equal(found->sha256, rows[i].sha256, 64);
}

static int read_and_look(const char *text, size_t len, const struct cw_tuf_role *role, struct cw_err *error)
{
    CW_AUTO_LISTING listing = {.count = 0};
    const struct cw_listed *found;
    int rc = cw_listing_read(&listing, text, len, role, error);

    if (rc != CW_OK)
        return rc;
    assert_int_equal(listing.count, ROWS);
    assert_int_equal(listing.version, WRITER_VERSION);
    assert_int_equal(listing.expires, WRITER_EXPIRES);
    for (size_t i = 0; i < ROWS; i++)
        look_at(&listing, i);
    assert_cw_fails(CW_E_NOTFOUND, "does not list role 'a-'", cw_listing_find(&found, &listing, "a-", &err),
                    err);
    return CW_OK;
}

static void is_read_back_and_verified(void **state)
{
    struct signer signer;
    json_auto_t *doc = NULL;

    (void)state;
    signer_new(&signer, "snapshot");
    doc = envelope(ROWS, signer.secret);
    writer_is_guarded(doc, read_and_look, &signer);
    signer_clear(&signer);
}

static void the_next_says_what_was_put(void **state)
{
    CW_AUTO_LISTING before;
    CW_AUTO_LISTING next = {.count = 0};
    const struct cw_listed *found;

    (void)state;
    fill(&before, ROWS);
    assert_cw_ok(cw_listing_copy(&next, &before, &err), err);
    assert_cw_ok(cw_listing_put(&next, "a", 2, 5, SHA_A, &err), err);      /* in its place */
    assert_cw_ok(cw_listing_put(&next, "a-000", 13, -1, NULL, &err), err); /* by version alone */
    assert_cw_ok(cw_listing_put(&next, "b", 1, 5, SHA_B, &err), err);      /* new */
    assert_cw_ok(cw_listing_sort(&next, &err), err);
    assert_int_equal(next.count, ROWS + 1);
    assert_cw_ok(cw_listing_find(&found, &next, "a", &err), err);
    assert_int_equal(found->version, 2);
    assert_memory_equal(found->sha256, SHA_A, 64);
    assert_cw_ok(cw_listing_find(&found, &next, "a-000", &err), err);
    assert_int_equal(found->version, 13);
    assert_cw_ok(cw_listing_find(&found, &next, "b", &err), err);
    assert_int_equal(found->length, 5);
    /* and what it was copied from is as it was */
    assert_int_equal(before.count, ROWS);
    assert_cw_ok(cw_listing_find(&found, &before, "a", &err), err);
    assert_int_equal(found->version, 1);
    assert_memory_equal(found->sha256, SHA_B, 64);
}

static void a_role_put_twice_is_refused(void **state)
{
    CW_AUTO_LISTING listing = {.version = 1};

    (void)state;
    assert_cw_ok(cw_listing_put(&listing, "a", 1, -1, NULL, &err), err);
    assert_cw_ok(cw_listing_put(&listing, "a", 2, -1, NULL, &err), err);
    assert_cw_fails(CW_E_FAIL, "'a.json' was listed twice", cw_listing_sort(&listing, &err), err);
}

static void bytes_are_checked_by_all_that_is_stated(void **state)
{
    char hello[65];
    CW_AUTO_LISTING listing = {.version = 1};
    const struct cw_listed *found;

    (void)state;
    assert_cw_ok(cw_sha256(hello, "hello", 5, &err), err);
    assert_cw_ok(cw_listing_put(&listing, "both", 1, 5, hello, &err), err);
    assert_cw_ok(cw_listing_put(&listing, "none", 1, -1, NULL, &err), err);
    assert_cw_ok(cw_listing_sort(&listing, &err), err);
    assert_cw_ok(cw_listing_find(&found, &listing, "both", &err), err);
    assert_cw_ok(cw_listed_check(found, "hello", 5, &err), err);
    assert_cw_fails(CW_E_VERIFY, "expected 5 bytes, got 4", cw_listed_check(found, "hell", 4, &err), err);
    assert_cw_fails(CW_E_VERIFY, "sha256 differs", cw_listed_check(found, "jello", 5, &err), err);
    assert_cw_ok(cw_listing_find(&found, &listing, "none", &err), err);
    assert_cw_ok(cw_listed_check(found, "anything", 8, &err), err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_what_the_general_writer_makes),
        cmocka_unit_test(is_read_back_and_verified),
        cmocka_unit_test(the_next_says_what_was_put),
        cmocka_unit_test(a_role_put_twice_is_refused),
        cmocka_unit_test(bytes_are_checked_by_all_that_is_stated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
