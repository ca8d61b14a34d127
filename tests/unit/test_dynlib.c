/* SPDX-License-Identifier: ISC */
/*
 * Libraries loaded when they are needed: once, wholly or not at all, and what is wrong is named.
 */
#include "unit.h"

#include "base/dynlib.h"

static double (*cosine)(double);
static int (*no_such)(void);

static const struct cw_dynlib_symbol there[] = {{"cos", &cosine}};
static const struct cw_dynlib_symbol lacking[] = {{"cos", &cosine}, {"no_such_function", &no_such}};

static void test_loads(void **state)
{
    static struct cw_dynlib lib = CW_DYNLIB_INIT("libm.so.6", there);
    struct cw_err err;

    (void)state;
    assert_cw_ok(cw_dynlib_load(&lib, &err), err);
    assert_cw_ok(cw_dynlib_load(&lib, &err), err);
    assert_true(cosine(0) == 1);
}

static void test_names_what_is_wrong(void **state)
{
    static struct cw_dynlib gone = CW_DYNLIB_INIT("libcauseway-no-such.so.1", there);
    static struct cw_dynlib other = CW_DYNLIB_INIT("libm.so.6", lacking);
    struct cw_err err;

    (void)state;
    assert_cw_fails(CW_E_FAIL, "unable to load library 'libcauseway-no-such.so.1'",
                    cw_dynlib_load(&gone, &err), err);
    assert_cw_fails(CW_E_FAIL,
                    "'libm.so.6' is not the one that this was built for: it has no no_such_function()",
                    cw_dynlib_load(&other, &err), err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loads),
        cmocka_unit_test(test_names_what_is_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
