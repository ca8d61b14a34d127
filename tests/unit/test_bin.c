/* SPDX-License-Identifier: ISC */
/*
 * A bin's file must be what the general writer makes of the same content, byte for byte, and clients must find a target in the
 * bin into which the publisher put it.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "codec/json.h"
#include "tuf/bin.h"
#include "tuf/write.h"
#include "writer.h"

#define SHA_A WRITER_SHA_A
#define SHA_B WRITER_SHA_B
static struct cw_err err;

static const struct {
    const char *path, *sha256;
    int64_t length;
} targets[] = {{"p/1.0.0/a", SHA_A, 0},
               {"p/1.0.0/a.b", SHA_B, 9},
               {"p/1.0.0-rc.1/release.json", SHA_A, 10},
               {"p/1.0.0/b", SHA_A, 9007199254740991}};

static void fill(struct cw_bin *bin, size_t count)
{
    *bin = (struct cw_bin){.version = WRITER_VERSION, .expires = WRITER_EXPIRES};
    for (size_t i = 0; i < count; i++) {
        struct cw_bin_target target = {.path = {targets[i].path, strlen(targets[i].path)},
                                       .sha256 = targets[i].sha256,
                                       .length = targets[i].length};

        assert_cw_ok(cw_bin_add(bin, &target, &err), err);
    }
    assert_cw_ok(cw_bin_sort(bin, &err), err);
}

/* The same by the general way; secret signs. */
static json_t *envelope(size_t count, const struct cw_secret *secret)
{
    json_t *body;

    assert_cw_ok(cw_tuf_targets_new(&body, WRITER_VERSION, WRITER_EXPIRES, false, &err), err);
    for (size_t i = 0; i < count; i++)
        assert_cw_ok(
            cw_tuf_targets_add(body, targets[i].path, targets[i].length, targets[i].sha256, NULL, &err), err);
    return writer_envelope(body, secret);
}

static void is_what_the_general_writer_makes(void **state)
{
    (void)state;
    for (size_t count = 0; count <= sizeof targets / sizeof targets[0]; count++) {
        CW_AUTO_BUF canonical = CW_BUF_INIT(WRITER_TEXT_MAX);
        CW_AUTO_BUF file = CW_BUF_INIT(WRITER_TEXT_MAX);
        CW_AUTO_BIN bin;
        json_auto_t *doc = envelope(count, NULL);

        fill(&bin, count);
        assert_cw_ok(cw_bin_canon(&canonical, &bin, &err), err);
        assert_cw_ok(cw_bin_format(&file, &bin, json_object_get(doc, "signatures"), &err), err);
        writer_is_alike(&canonical, &file, doc);
    }
}

static void a_target_takes_what_is_said(void **state)
{
    size_t size[2];

    (void)state;
    for (size_t n = 0; n < 2; n++) {
        CW_AUTO_BUF text = CW_BUF_INIT(100000);
        json_auto_t *doc = envelope(3 + n, NULL);

        assert_cw_ok(cw_json_format(&text, doc, &err), err);
        size[n] = text.len;
    }
    assert_int_equal(size[1] - size[0], cw_bin_target_size(strlen(targets[3].path), targets[3].length));
}

static int read_and_look(const char *text, size_t len, const struct cw_tuf_role *role, struct cw_err *error)
{
    CW_AUTO_BIN bin = {.count = 0};
    int rc = cw_bin_read(&bin, text, len, role, error);

    if (rc != CW_OK)
        return rc;
    assert_int_equal(bin.count, 4);
    assert_int_equal(bin.version, WRITER_VERSION);
    assert_int_equal(bin.expires, WRITER_EXPIRES);
    assert_int_equal(cw_bin_find(&bin, "p/1.0.0/a.b")->length, 9);
    assert_memory_equal(cw_bin_find(&bin, "p/1.0.0/a.b")->sha256, SHA_B, 64);
    assert_null(cw_bin_find(&bin, "p/1.0.0/a.c"));
    return CW_OK;
}

static void is_read_back_and_verified(void **state)
{
    struct signer signer;
    json_auto_t *doc = NULL;

    (void)state;
    signer_new(&signer, "p-000");
    doc = envelope(4, signer.secret);
    writer_is_guarded(doc, read_and_look, &signer);
    signer_clear(&signer);
}

static void what_was_published_never_changes(void **state)
{
    struct cw_bin_target same = {.path = {"p/1.0.0/a", 9}, .sha256 = SHA_A, .length = 0};
    struct cw_bin_target other = {.path = {"p/1.0.0/a", 9}, .sha256 = SHA_B, .length = 0};
    CW_AUTO_BIN bin;

    (void)state;
    fill(&bin, 4);
    assert_cw_ok(cw_bin_add(&bin, &same, &err), err);
    assert_cw_ok(cw_bin_sort(&bin, &err), err);
    assert_int_equal(bin.count, 4);
    assert_cw_ok(cw_bin_add(&bin, &other, &err), err);
    assert_cw_fails(CW_E_VERIFY, "", cw_bin_sort(&bin, &err), err);
}

/* The publisher's number and name of a bin against what delegation.c, by which clients search, says. */
static void is_the_bin_that_clients_look_into(void **state)
{
    (void)state;
    for (unsigned bits = CW_BIN_BITS_MIN; bits <= CW_BIN_BITS_MAX; bits++) {
        json_auto_t *body =
            json_pack("{s:{s:{}, s:{s:i, s:s, s:[], s:i}}}", "delegations", "keys", "succinct_roles",
                      "bit_length", (int)bits, "name_prefix", "gateway", "keyids", "threshold", 1);
        struct cw_tuf_meta meta = {.type = CW_TUF_TARGETS, .signed_ = body};
        const char *prefix;
        unsigned found;

        assert_true(cw_bin_spec(&prefix, &found, &meta));
        assert_int_equal(found, bits);
        for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
            struct cw_tuf_role role;
            char name[CW_TUF_NAME_MAX];
            uint32_t hash;
            size_t index = 0;

            assert_true(cw_tuf_delegation_find(&meta, targets[i].path, &index));
            assert_cw_ok(cw_tuf_delegation_at(&role, &meta, index, &err), err);
            assert_cw_ok(cw_bin_hash(&hash, targets[i].path, strlen(targets[i].path), &err), err);
            assert_int_equal(hash >> (32 - bits), index);
            cw_bin_name(name, prefix, hash >> (32 - bits));
            assert_string_equal(name, role.name);
            assert_true(cw_bin_takes_name("GATEWAY", name));
        }
    }
    assert_false(cw_bin_takes_name("gateway", "gateway-00"));
    assert_false(cw_bin_takes_name("gateway", "gateway-00g"));
    assert_false(cw_bin_takes_name("gateway", "gateway-0000"));
    assert_false(cw_bin_takes_name("gateway", "gateway"));
    assert_true(cw_bin_takes_name("gateway", "gateway-0aF"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_what_the_general_writer_makes),
        cmocka_unit_test(a_target_takes_what_is_said),
        cmocka_unit_test(is_read_back_and_verified),
        cmocka_unit_test(what_was_published_never_changes),
        cmocka_unit_test(is_the_bin_that_clients_look_into),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
