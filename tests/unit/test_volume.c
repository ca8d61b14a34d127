/* SPDX-License-Identifier: ISC */
/*
 * Volume lists: made, read, and every way in which one can have been changed; a bundle compared with its
 * list.
 */
#include "unit.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "codec/json.h"
#include "fs/commit.h"
#include "fs/root.h"
#include "tree/check.h"
#include "tree/volume.h"

#define SHA_HELLO "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" /* of "hello" */
#define SHA_EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* "abchello" is a pack, "hello" a file in it. */
#define SHA_PACK "2cb9c710242d0e384bb068a76a664a10f3970c7e81d58059378cfd5f5ba12b0f"
#define PACK "[{\"path\": \"p.tar\", \"length\": 8, \"sha256\": \"" SHA_PACK "\", "
#define HELD " \"length\": 5, \"sha256\": \"" SHA_HELLO "\", "

static json_t *doc_new(void)
{
    json_t *doc =
        json_pack("{s:s, s:s, s:i, s:i, s:s, s:s, s:i, s:s, s:[{s:s, s:i, s:s}, {s:s, s:i, s:s}]}", "_type",
                  CW_VOLUME_TYPE, "format", "1.0", "index", 1, "of", 1, "created", "2026-01-01T00:00:00Z",
                  "channel", "stable", "serial", 3, "roots", SHA_EMPTY, "files", "path", "a/empty", "length",
                  0, "sha256", SHA_EMPTY, "path", "hello.txt", "length", 5, "sha256", SHA_HELLO);

    assert_non_null(doc);
    return doc;
}

static void formatted_list_is_read_again(void **state)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_VOLUME_MAX), sums = CW_BUF_INIT(CW_VOLUME_MAX);
    json_auto_t *doc = doc_new();
    struct cw_volume volume;
    struct cw_err err;

    (void)state;
    assert_cw_ok(cw_volume_format(&text, doc, &err), err);
    assert_cw_ok(cw_volume_parse(&volume, text.data, text.len, &err), err);
    assert_string_equal(volume.bundle, json_string_value(json_object_get(doc, "bundle")));
    assert_int_equal(volume.index, 1);
    assert_int_equal(volume.file_count, 2);
    assert_string_equal(volume.files[1].path, "hello.txt");
    assert_int_equal(volume.files[1].length, 5);
    assert_cw_ok(cw_volume_sums(&sums, &volume, SHA_HELLO, &err), err);
    assert_string_equal(sums.data,
                        SHA_EMPTY "  a/empty\n" SHA_HELLO "  hello.txt\n" SHA_HELLO "  volume-1.json\n");
    cw_volume_clear(&volume);
}

/* Two volumes: one id, each list provable alone. */
static void volumes_share_one_id(void **state)
{
    CW_AUTO_BUF one = CW_BUF_INIT(CW_VOLUME_MAX), two = CW_BUF_INIT(CW_VOLUME_MAX),
                alone = CW_BUF_INIT(CW_VOLUME_MAX);
    json_auto_t *first = doc_new(), *second = doc_new(), *lists = json_array();
    struct cw_volume volume;
    struct cw_err err;

    (void)state;
    json_array_remove(json_object_get(second, "files"), 0);
    /* the hashes of the lists, as the bundles of one volume have them */
    assert_cw_ok(cw_volume_format(&alone, first, &err), err);
    json_array_append(lists, json_array_get(json_object_get(first, "lists"), 0));
    cw_buf_reset(&alone);
    assert_cw_ok(cw_volume_format(&alone, second, &err), err);
    json_array_append(lists, json_array_get(json_object_get(second, "lists"), 0));
    json_object_set(first, "lists", lists);
    json_object_set(second, "lists", lists);
    json_object_set_new(first, "of", json_integer(2));
    json_object_set_new(second, "of", json_integer(2));
    json_object_set_new(second, "index", json_integer(2));
    assert_cw_ok(cw_volume_format(&one, first, &err), err);
    assert_cw_ok(cw_volume_format(&two, second, &err), err);
    assert_string_equal(json_string_value(json_object_get(first, "bundle")),
                        json_string_value(json_object_get(second, "bundle")));
    assert_cw_ok(cw_volume_parse(&volume, two.data, two.len, &err), err);
    assert_int_equal(volume.index, 2);
    cw_volume_clear(&volume);
    json_object_set_new(second, "index", json_integer(1));
    cw_buf_reset(&two);
    assert_cw_fails(CW_E_VERIFY, "list of files was changed", cw_volume_format(&two, second, &err), err);
}

static void changes_show(void **state)
{
    static const struct {
        const char *key, *value, *why;
    } cases[] = {
        {"_type", "\"x\"", "is a 'x' document"},
        {"format", "\"9.0\"", "reads format 1"},
        {"serial", "4", "the volume was changed"},
        {"created", "\"2027-01-01T00:00:00Z\"", "the volume was changed"},
        {"created", "\"soon\"", "'created' is not a time"},
        {"roots", "\"" SHA_HELLO "\"", "the volume was changed"},
        {"note", "\"hello\"", "the volume was changed"},
        {"index", "2", "field 'index'"},
        {"of", "2", "'lists' has 1 entries"},
        {"lists", "[\"" SHA_HELLO "\"]", "the list of files was changed"},
        {"bundle", "\"" SHA_HELLO "\"", "bundle id should be"},
        {"files", "[]", "the list of files was changed"},
        {"files", "[{\"path\": \"../x\", \"length\": 0, \"sha256\": \"" SHA_EMPTY "\"}]",
         "not a plain relative path"},
        {"files", "[{\"path\": \"/x\", \"length\": 0, \"sha256\": \"" SHA_EMPTY "\"}]",
         "not a plain relative path"},
        {"files", "[{\"path\": \"a\\\\b\", \"length\": 0, \"sha256\": \"" SHA_EMPTY "\"}]", "cannot hold"},
        {"files", "[{\"path\": \"x\", \"length\": -1, \"sha256\": \"" SHA_EMPTY "\"}]",
         "files[0]: field 'length'"},
        {"files", "[{\"path\": \"x\", \"length\": 0, \"sha256\": \"x\"}]", "not 64 lower-case hex"},
        {"files",
         "[{\"path\": \"x\", \"length\": 0, \"sha256\": \"" SHA_EMPTY
         "\"}, {\"path\": \"x\", \"length\": 0, \"sha256\": \"" SHA_EMPTY "\"}]",
         "not sorted"},
        {"files",
         "[{\"path\": \"A\", \"length\": 0, \"sha256\": \"" SHA_EMPTY
         "\"}, {\"path\": \"a\", \"length\": 0, \"sha256\": \"" SHA_EMPTY "\"}]",
         "differ by case only"},
        {"files", PACK "\"holds\": 1}]", "field 'holds'"},
        {"files", PACK "\"holds\": [{\"path\": \"../x\"," HELD "\"offset\": 3}]}]",
         "holds[0]: '../x' is not a plain"},
        {"files", PACK "\"holds\": [{\"path\": \"x\"," HELD "\"offset\": 4}]}]", "cannot begin at byte 4"},
        {"files", PACK "\"holds\": [{\"path\": \"x\"," HELD "\"offset\": 9}]}]", "cannot begin at byte 9"},
        {"files", PACK "\"holds\": [{\"path\": \"x\"," HELD "\"offset\": -1}]}]", "field 'offset'"},
        {"files",
         PACK "\"holds\": [{\"path\": \"x\"," HELD "\"offset\": 3}, {\"path\": \"y\"," HELD
              "\"offset\": 3}]}]",
         "holds[1]: 'y' cannot begin at byte 3"},
        {"files", PACK "\"holds\": [{\"path\": \"p.tar\"," HELD "\"offset\": 3}]}]", "are the same"},
        {"files", PACK "\"holds\": [{\"path\": \"P.tar\"," HELD "\"offset\": 3}]}]", "differ by case only"},
        {"files", PACK "\"holds\": [{\"path\": \"volume-1.json\"," HELD "\"offset\": 3}]}]",
         "cannot be in the list"},
        {"files", "[{\"path\": \"Volume-1.json\", \"length\": 0, \"sha256\": \"" SHA_EMPTY "\"}]",
         "cannot be in the list"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < CW_COUNT(cases); i++) {
        CW_AUTO_BUF text = CW_BUF_INIT(CW_VOLUME_MAX), changed = CW_BUF_INIT(CW_VOLUME_MAX);
        json_auto_t *doc = doc_new();
        struct cw_volume volume;
        struct cw_err err;

        assert_cw_ok(cw_volume_format(&text, doc, &err), err);
        json_object_set_new(doc, cases[i].key, json_loads(cases[i].value, JSON_DECODE_ANY, NULL));
        assert_cw_ok(cw_json_format(&changed, doc, &err), err);
        assert_cw_fails(CW_E_VERIFY, cases[i].why, cw_volume_parse(&volume, changed.data, changed.len, &err),
                        err);
        assert_null(volume.doc);
    }
}

struct fixture {
    char path[64];
    int dir;
    char list[4096];
    size_t findings;
    enum cw_finding kind;
    char found[CW_PATH_MAX];
};

static void note(void *ctx, enum cw_finding kind, const char *path, const char *what)
{
    struct fixture *fixture = ctx;

    (void)what;
    fixture->findings++;
    fixture->kind = kind;
    snprintf(fixture->found, sizeof fixture->found, "%s", path);
}

static int put(struct fixture *fixture, const char *path, const char *text)
{
    return cw_file_replace(fixture->dir, path, text, strlen(text), 0644, NULL);
}

/* The list and SHA256SUMS of what doc says. */
static void put_lists(struct fixture *fixture, json_t *doc)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_VOLUME_MAX), sums = CW_BUF_INIT(CW_VOLUME_MAX);
    struct cw_volume volume;
    char sha256[CW_SHA256_TEXT];

    assert_int_equal(cw_volume_format(&text, doc, NULL), CW_OK);
    assert_int_equal(cw_volume_parse(&volume, text.data, text.len, NULL), CW_OK);
    assert_int_equal(cw_sha256(sha256, text.data, text.len, NULL), CW_OK);
    assert_int_equal(cw_volume_sums(&sums, &volume, sha256, NULL), CW_OK);
    snprintf(fixture->list, sizeof fixture->list, "%s", text.data);
    cw_volume_clear(&volume);
    assert_int_equal(put(fixture, CW_VOLUME_FILE, text.data), CW_OK);
    assert_int_equal(put(fixture, CW_VOLUME_SUMS, sums.data), CW_OK);
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    json_auto_t *doc = doc_new();

    assert_non_null(fixture);
    snprintf(fixture->path, sizeof fixture->path, "/tmp/causeway-volume-XXXXXX");
    assert_non_null(mkdtemp(fixture->path));
    assert_int_equal(cw_dir_open(&fixture->dir, fixture->path, NULL), CW_OK);
    put_lists(fixture, doc);
    assert_int_equal(put(fixture, "a/empty", ""), CW_OK);
    assert_int_equal(put(fixture, "hello.txt", "hello"), CW_OK);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    int tmp;

    close(fixture->dir);
    if (cw_dir_open(&tmp, "/tmp", NULL) == CW_OK) {
        (void)cw_remove_tree(tmp, cw_str_basename(fixture->path), NULL);
        close(tmp);
    }
    free(fixture);
    return 0;
}

static int check(struct fixture *fixture, struct cw_err *err)
{
    struct cw_tree_check checked = {.found = note, .ctx = fixture};

    fixture->findings = 0;
    return cw_bundle_check(&checked, fixture->dir, err);
}

static void whole_bundle_passes(void **state)
{
    struct fixture *fixture = *state;
    struct cw_err err;

    assert_cw_ok(check(fixture, &err), err);
    assert_int_equal(fixture->findings, 0);
    assert_int_equal(put(fixture, "holiday.jpg", "x"), CW_OK);
    assert_cw_ok(check(fixture, &err), err);
    assert_int_equal(fixture->findings, 1);
    assert_int_equal(fixture->kind, CW_FINDING_ORPHAN);
}

static void damage_is_named(void **state)
{
    struct fixture *fixture = *state;
    struct cw_err err;

    assert_int_equal(put(fixture, "hello.txt", "jello"), CW_OK);
    assert_int_equal(check(fixture, &err), CW_E_VERIFY);
    assert_string_equal(fixture->found, "hello.txt");
    assert_int_equal(put(fixture, "hello.txt", "hello!"), CW_OK);
    assert_int_equal(check(fixture, &err), CW_E_VERIFY);
    assert_string_equal(fixture->found, "hello.txt");
    assert_cw_ok(cw_remove(fixture->dir, "hello.txt", &err), err);
    assert_int_equal(check(fixture, &err), CW_E_INCOMPLETE);
    assert_int_equal(put(fixture, "hello.txt", "hello"), CW_OK);
    assert_int_equal(put(fixture, CW_VOLUME_SUMS, ""), CW_OK);
    assert_int_equal(check(fixture, &err), CW_E_VERIFY);
    assert_string_equal(fixture->found, CW_VOLUME_SUMS);
}

/* White space alone too: SHA256SUMS has the list's hash. */
static void flipped_byte_in_the_list_is_found(void **state)
{
    struct fixture *fixture = *state;
    struct cw_err err;
    size_t at;

    for (at = 0; fixture->list[at] != '\0'; at++) {
        fixture->list[at] ^= 1;
        assert_int_equal(put(fixture, CW_VOLUME_FILE, fixture->list), CW_OK);
        fixture->list[at] ^= 1;
        if (check(fixture, &err) != CW_E_VERIFY)
            fail_msg("byte %zu: not found", at);
    }
}

/* A good pack that has a file elsewhere than its list says. */
static void what_packs_hold_is_checked(void **state)
{
    struct fixture *fixture = *state;
    int offset;

    assert_int_equal(cw_remove(fixture->dir, "a/empty", NULL), CW_OK);
    assert_int_equal(cw_remove(fixture->dir, "hello.txt", NULL), CW_OK);
    assert_int_equal(put(fixture, "p.tar", "abchello"), CW_OK);
    for (offset = 0; offset <= 3; offset++) {
        json_auto_t *doc = doc_new();
        struct cw_err err;
        int rc;

        json_object_set_new(
            doc, "files",
            json_loads(PACK "\"holds\": [{\"path\": \"hello.txt\"," HELD "\"offset\": 3}]}]", 0, NULL));
        json_object_set_new(
            json_array_get(json_object_get(json_array_get(json_object_get(doc, "files"), 0), "holds"), 0),
            "offset", json_integer(offset));
        put_lists(fixture, doc);
        rc = check(fixture, &err);
        assert_int_equal(rc, offset == 3 ? CW_OK : CW_E_VERIFY);
        if (rc != CW_OK)
            assert_string_equal(fixture->found, "p.tar");
    }
}

static void no_bundle_is_said_so(void **state)
{
    struct fixture *fixture = *state;
    struct cw_err err;

    assert_int_equal(put(fixture, "volume-2.json", fixture->list), CW_OK);
    assert_cw_fails(CW_E_FAIL, "2 volume lists", check(fixture, &err), err);
    assert_cw_ok(cw_remove(fixture->dir, CW_VOLUME_FILE, &err), err);
    assert_int_equal(check(fixture, &err), CW_E_VERIFY); /* it says that it is volume 1 */
    assert_cw_ok(cw_remove(fixture->dir, "volume-2.json", &err), err);
    assert_cw_fails(CW_E_NOTFOUND, "not a bundle", check(fixture, &err), err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formatted_list_is_read_again),
        cmocka_unit_test(volumes_share_one_id),
        cmocka_unit_test(changes_show),
        cmocka_unit_test_setup_teardown(whole_bundle_passes, setup, teardown),
        cmocka_unit_test_setup_teardown(damage_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(flipped_byte_in_the_list_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(what_packs_hold_is_checked, setup, teardown),
        cmocka_unit_test_setup_teardown(no_bundle_is_said_so, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
