/* SPDX-License-Identifier: ISC */
/*
 * Pages from templates: Mustache by a table of cases, and that a template can neither run away nor say too much.
 */
#include "unit.h"

#include "base/buf.h"
#include "data.h"
#include "render/render.h"

static void renders_as_the_table_says(void **state)
{
    json_t *table = data_load("mustache"), *item;
    size_t i;

    (void)state;
    data_each (table, i, item) {
        CW_AUTO_BUF page = CW_BUF_INIT(CW_RENDER_MAX);
        const char *error = json_string_value(json_object_get(item, "error"));
        const char *name = data_text(item, "name");
        struct cw_err err = {0};
        int rc = cw_render_text(&page, "case", data_text(item, "template"), json_object_get(item, "data"),
                                json_object_get(item, "partials"), &err);

        if (error != NULL && (rc != CW_E_FAIL || strstr(err.text, error) == NULL))
            fail_msg("%s: gave %d '%s', expected an error with '%s'", name, rc, err.text, error);
        if (error == NULL && rc != CW_OK)
            fail_msg("%s: %s", name, err.text);
        if (error == NULL && strcmp(cw_buf_text(&page), data_text(item, "page")) != 0)
            fail_msg("%s: gave '%s', expected '%s'", name, cw_buf_text(&page), data_text(item, "page"));
    }
    json_decref(table);
}

static void a_page_that_is_too_long_is_refused(void **state)
{
    CW_AUTO_BUF page = CW_BUF_INIT(CW_RENDER_MAX);
    json_t *rows = json_array(), *data = json_pack("{s:o}", "rows", rows);
    struct cw_err err;
    size_t i;

    (void)state;
    for (i = 0; i < 20000; i++)
        json_array_append_new(
            rows, json_string("0123456789012345678901234567890123456789012345678901234567890123"));
    assert_int_equal(cw_render_text(&page, "long", "{{#rows}}{{.}}\n{{/rows}}", data, NULL, &err), CW_E_FAIL);
    assert_non_null(strstr(err.text, "unable to render 'long'"));
    json_decref(data);
}

/* What every page must bear: nothing to show. */
static void the_templates_are_well_formed(void **state)
{
    enum cw_template which;

    (void)state;
    for (which = CW_TEMPLATE_BUNDLE; which <= CW_TEMPLATE_REPORT; which++) {
        CW_AUTO_BUF page = CW_BUF_INIT(CW_RENDER_MAX);
        json_t *data = json_object();
        struct cw_err err;

        assert_cw_ok(cw_render(&page, which, data, &err), err);
        assert_non_null(strstr(cw_buf_text(&page), "</html>"));
        assert_null(strstr(cw_buf_text(&page), "{{"));
        json_decref(data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(renders_as_the_table_says),
        cmocka_unit_test(a_page_that_is_too_long_is_refused),
        cmocka_unit_test(the_templates_are_well_formed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
