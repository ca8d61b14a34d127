/* SPDX-License-Identifier: ISC */
/*
 * What becomes of a catalog's release beside what is known of its version: the rule that a version never
 * changes, as a table.
 */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "codec/json.h"
#include "gen/admit.h"

#define ONE_SHA256 "2c8b08da5ce60398e1f19af0e5dccc744df274b826abe585eaba68c525434806" /* of "one\n" */

/* A staged or published gateway 1.0.0 with one file. */
static const char known_text[] =
    "{\"_type\": \"causeway-release\", \"format\": \"1.0\", \"product\": \"gateway\", \"version\": \"1.0.0\","
    " \"severity\": \"normal\", \"notes\": \"\", \"attestations\": [], \"artifacts\": ["
    "{\"path\": \"gateway/1.0.0/one\", \"length\": 4, \"sha256\": \"" ONE_SHA256
    "\", \"platform\": \"any\", \"kind\": \"file\"}]}";

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int enter_folder(void **state)
{
    static char folder[] = "/tmp/causeway-admit.XXXXXX";

    *state = mkdtemp(folder);
    if (*state == NULL || chdir(folder) != 0)
        return -1;
    write_text("one", "one\n");
    write_text("two", "two\n");
    write_text("long", "one, longer\n");
    return 0;
}

static int leave_folder(void **state)
{
    unlink("one");
    unlink("two");
    unlink("long");
    unlink("catalog.json");
    return chdir("/") == 0 ? rmdir(*state) : -1;
}

/* What is around one judgement. */
struct world {
    struct cw_state state;
    struct cw_stage stage;
    struct cw_mistakes mistakes;
    struct cw_catalog catalog;
    struct cw_known known;
};

static void build(struct world *w, const char *head, const char *files, bool known, bool published)
{
    char text[2048];
    json_t *doc = NULL;
    struct cw_err err;

    *w = (struct world){.state = {.tree = -1}, .mistakes = CW_MISTAKES_INIT};
    w->stage = (struct cw_stage){.releases = json_object(), .promotions = json_object()};
    snprintf(text, sizeof text,
             "{\"format\": \"1.0\", \"products\": [{\"name\": \"gateway\", \"releases\": [{\"version\": "
             "\"1.0.0\", %s"
             "\"builds\": [{\"platform\": \"any\", \"files\": [%s]}]}]}]}",
             head, files);
    write_text("catalog.json", text);
    assert_cw_ok(cw_catalog_read(&w->catalog, "catalog.json", false, &w->mistakes, &err), err);
    assert_int_equal(w->catalog.release_count, 1);
    if (known)
        assert_cw_ok(cw_json_parse(&doc, known_text, strlen(known_text), &err), err);
    assert_cw_ok(cw_known_set(&w->known, doc, published, &err), err);
}

static void clear(struct world *w)
{
    cw_known_clear(&w->known);
    cw_catalog_clear(&w->catalog);
    cw_mistakes_clear(&w->mistakes);
    cw_stage_clear(&w->stage);
}

static void a_version_never_changes(void **state)
{
    static const struct {
        const char *head, *files;
        bool published;
        const char *mistake; /* NULL: it is taken */
    } cases[] = {
        {"", "{\"file\": \"one\"}", false, NULL},
        {"", "{\"file\": \"one\"}", true, NULL},
        {"", "{\"file\": \"two\"}", false, NULL},
        {"", "{\"file\": \"two\"}", true, "is published without 'two'"},
        {"", "{\"file\": \"long\", \"name\": \"one\"}", false, "other bytes than what is staged"},
        {"", "{\"file\": \"long\", \"name\": \"one\"}", true, "other bytes than what is published"},
        {"", "{\"file\": \"one\", \"kind\": \"archive\"}", false, "another platform or kind"},
        {"", "{\"file\": \"one\", \"name\": \"ONE\"}", false, "differs by case only"},
        {"\"severity\": \"high\", ", "{\"file\": \"one\"}", false, "severity: differs from what is staged"},
        {"\"notes\": \"new\", ", "{\"file\": \"one\"}", true, "notes: differs from what is published"},
        {"\"requires\": {\"plc\": \"*\"}, ", "{\"file\": \"one\"}", true, "requires: differs"},
        {"\"features\": [\"x\"], ", "{\"file\": \"one\"}", false, "features: differs"},
        {"\"sbom\": \"two\", ", "{\"file\": \"one\"}", true, "is published without 'two'"},
        {"\"sbom\": \"two\", ", "{\"file\": \"one\"}", false, NULL},
    };
    struct cw_err err;
    struct world w;
    size_t i;
    int rc;

    (void)state;
    for (i = 0; i < CW_COUNT(cases); i++) {
        build(&w, cases[i].head, cases[i].files, true, cases[i].published);
        rc = cw_admit_check(&w.catalog, w.catalog.releases, &w.known, &w.state, &w.stage, &w.mistakes, &err);
        if ((rc == CW_OK) != (cases[i].mistake == NULL) ||
            (rc != CW_OK && strstr(cw_buf_text(&w.mistakes.text), cases[i].mistake) == NULL))
            fail_msg("case %zu: %d, %s", i, rc, cw_buf_text(&w.mistakes.text));
        clear(&w);
    }
}

static void names_clash_by_case(void **state)
{
    struct cw_err err;
    struct world w;

    (void)state;
    build(&w, "", "{\"file\": \"one\"}", false, false);
    assert_int_equal(json_object_set_new(w.stage.releases, "Gateway@3.0.0", json_object()), 0);
    assert_int_equal(
        cw_admit_check(&w.catalog, w.catalog.releases, &w.known, &w.state, &w.stage, &w.mistakes, &err),
        CW_E_VERIFY);
    assert_non_null(strstr(cw_buf_text(&w.mistakes.text), "catalog.json:1: products[0].name: "));
    clear(&w);
}

/* The order in which files come leaves no trace; what is there already is not there twice. */
static void artifacts_are_sorted_by_path(void **state)
{
    static const char *const wanted[] = {"gateway/1.0.0/a", "gateway/1.0.0/one", "gateway/1.0.0/z"};
    static const char *const given[] = {"gateway/1.0.0/z", "gateway/1.0.0/one", "gateway/1.0.0/a"};
    json_auto_t *doc = NULL;
    struct cw_err err;
    struct world w;
    size_t i;

    (void)state;
    build(&w, "", "{\"file\": \"one\"}", true, false);
    assert_cw_ok(cw_admit_start(&doc, &w.known, w.catalog.releases, &err), err);
    for (i = 0; i < CW_COUNT(given); i++)
        assert_cw_ok(cw_admit_file(doc, w.catalog.releases->files, given[i], ONE_SHA256, 4, &err), err);
    assert_int_equal(json_array_size(json_object_get(doc, "artifacts")), CW_COUNT(wanted));
    for (i = 0; i < CW_COUNT(wanted); i++)
        assert_string_equal(
            json_string_value(json_object_get(json_array_get(json_object_get(doc, "artifacts"), i), "path")),
            wanted[i]);
    assert_string_equal(cw_admit_expected(&w.known, "gateway/1.0.0/one", w.catalog.releases->files),
                        ONE_SHA256);
    assert_null(cw_admit_expected(&w.known, "gateway/1.0.0/a", w.catalog.releases->files));
    clear(&w);
}

/* As many as a release may have, and each found by its name alone. */
static void names_are_found_whatever_their_case(void **state)
{
    static char texts[5000][12];
    struct cw_names names = {.slots = NULL};
    struct cw_err err;
    size_t i;

    (void)state;
    assert_true(cw_names_find(&names, "part-0") == CW_NAMES_NONE);
    for (i = 0; i < CW_COUNT(texts); i++) {
        snprintf(texts[i], sizeof texts[i], "Part-%zu", i);
        assert_cw_ok(cw_names_add(&names, texts[i], i, &err), err);
    }
    assert_cw_ok(cw_names_add(&names, "part-7", 70000, &err), err);
    assert_int_equal(names.count, CW_COUNT(texts));
    for (i = 0; i < CW_COUNT(texts); i++) {
        texts[i][0] = 'p';
        assert_int_equal(cw_names_find(&names, texts[i]), i);
    }
    assert_true(cw_names_find(&names, "part-5000") == CW_NAMES_NONE);
    assert_true(cw_names_find(&names, "") == CW_NAMES_NONE);
    cw_names_clear(&names);
    assert_true(cw_names_find(&names, "part-7") == CW_NAMES_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_version_never_changes),
        cmocka_unit_test(names_clash_by_case),
        cmocka_unit_test(artifacts_are_sorted_by_path),
        cmocka_unit_test(names_are_found_whatever_their_case),
    };

    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
