/* SPDX-License-Identifier: ISC */
/*
 * What site.lua may return: everything it can say, and each mistake told with its place.
 */
#include "unit.h"

#include <stdlib.h>

#include "codec/json.h"
#include "sync/site.h"

static int configure(struct cw_site *site, const char *text, struct cw_err *err)
{
    *site = (struct cw_site)CW_SITE_INIT;
    assert_cw_ok(cw_json_parse(&site->config, text, strlen(text), err), *err);
    return cw_site_configure(site, err);
}

static void test_all(void **state)
{
    CW_AUTO_SITE site;
    const struct cw_upstream *upstream;
    struct cw_err err;

    (void)state;
    assert_cw_ok(
        configure(&site,
                  "{\"site\": \"plant-7\", \"install\": {\"root\": \"/opt/plant\"},"
                  " \"upstreams\": {\"acme\": {\"sources\": [\"https://a.example/\", \"/srv/a\","
                  " {\"removable\": \"/media/*/c\"}, {\"url\": \"https://b.example/\", \"ca\": \"/ca.pem\","
                  " \"cert\": \"/c.pem\", \"key\": \"/k.pem\", \"bearer\": \"/t\", \"netrc\": true,"
                  " \"proxy\": \"http://proxy:3128\"}], \"channel\": \"stable\", \"products\": [\"plc-*\"],"
                  " \"platforms\": [\"linux-arm64\"], \"grace\": {\"removable\": \"30d\"},"
                  " \"independent\": [\"plc-a\"]}}}",
                  &err),
        err);
    assert_cw_ok(cw_site_upstream(&upstream, &site, NULL, &err), err);
    assert_string_equal(site.name, "plant-7");
    assert_string_equal(site.install_root, "/opt/plant");
    assert_int_equal(upstream->source_count, 4);
    assert_int_equal(upstream->sources[0].kind, CW_SOURCE_HTTP);
    assert_int_equal(upstream->sources[1].kind, CW_SOURCE_FOLDER);
    assert_int_equal(upstream->sources[2].kind, CW_SOURCE_REMOVABLE);
    assert_string_equal(upstream->sources[2].where, "/media/*/c");
    assert_int_equal(upstream->sources[3].kind, CW_SOURCE_HTTP);
    assert_string_equal(upstream->sources[3].where, "https://b.example/");
    assert_string_equal(upstream->sources[3].http.ca_file, "/ca.pem");
    assert_string_equal(upstream->sources[3].http.cert_file, "/c.pem");
    assert_string_equal(upstream->sources[3].http.key_file, "/k.pem");
    assert_string_equal(upstream->sources[3].http.bearer_file, "/t");
    assert_string_equal(upstream->sources[3].http.proxy, "http://proxy:3128");
    assert_true(upstream->sources[3].http.netrc);
    assert_string_equal(upstream->wanted.products[0], "plc-*");
    assert_null(upstream->wanted.products[1]);
    assert_string_equal(upstream->wanted.platforms[0], "linux-arm64");
    assert_true(upstream->grace_removable == INT64_C(30) * 86400);
    assert_true(upstream->grace_http == 0);
    assert_int_equal(json_array_size(upstream->independent), 1);
}

static void test_least(void **state)
{
    CW_AUTO_SITE site;
    const struct cw_upstream *upstream;
    struct cw_err err;

    (void)state;
    /* An empty table of Lua comes as an empty array. */
    assert_cw_ok(configure(&site, "{\"site\": \"s\", \"upstreams\": []}", &err), err);
    assert_null(site.install_root);
    assert_cw_fails(CW_E_USAGE, "names no upstream", cw_site_upstream(&upstream, &site, NULL, &err), err);
}

static const struct {
    const char *text, *part;
} mistakes[] = {
    {"[]", "site.lua: it must return a table"},
    {"{}", "'site' is missing"},
    {"{\"site\": \"..\"}", "site"},
    {"{\"site\": \"s\", \"upstream\": {}}", "upstreams"},
    {"{\"site\": \"s\", \"upstreams\": 5}", "'upstreams' is not a table"},
    {"{\"site\": \"s\", \"upstreams\": {\"a/b\": {\"channel\": \"stable\"}}}", "upstreams.a/b: "},
    {"{\"site\": \"s\", \"upstreams\": {\"a\": {}}}", "upstreams.a: "},
    {"{\"site\": \"s\", \"upstreams\": {\"a\": {\"channel\": \"root\"}}}", "upstreams.a: "},
    {"{\"site\": \"s\", \"upstreams\": {\"a\": {\"channel\": \"c\", \"sources\": [\"x\"]}}}", "source 'x'"},
    {"{\"site\": \"s\", \"upstreams\": {\"a\": {\"channel\": \"c\", \"sources\": [\"ftp://x/\"]}}}",
     "source 'ftp://x/'"},
    {"{\"site\": \"s\", \"upstreams\": {\"a\": {\"channel\": \"c\", \"sources\": [5]}}}",
     "a source is neither"},
    {"{\"site\": \"s\", \"upstreams\": {\"a\": {\"channel\": \"c\", \"sources\": [{\"removable\": \"m\"}]}}}",
     "removable 'm'"},
    {"{\"site\": \"s\", \"upstreams\": {\"a\": {\"channel\": \"c\", \"sources\": [{\"url\": \"/srv/a\"}]}}}",
     "url '/srv/a' is no http(s) URL"},
    {"{\"site\": \"s\", \"upstreams\": {\"a\": {\"channel\": \"c\", \"sources\": [{\"url\": \"https://a/\","
     " \"cret\": \"/c\"}]}}}",
     "did you mean 'cert'"},
    {"{\"site\": \"s\", \"upstreams\": {\"a\": {\"channel\": \"c\", \"sources\": [{\"url\": \"https://a/\","
     " \"ca\": \"ca.pem\"}]}}}",
     "ca 'ca.pem' is not an absolute path"},
    {"{\"site\": \"s\", \"upstreams\": {\"a\": {\"channel\": \"c\", \"sources\": [{\"url\": \"https://a/\","
     " \"key\": \"/k.pem\"}]}}}",
     "'key' without 'cert'"},
    {"{\"site\": \"s\", \"upstreams\": {\"a\": {\"channel\": \"c\", \"sources\": [{\"url\":"
     " \"http://127.0.0.1.example/\", \"bearer\": \"/t\"}]}}}",
     "in the clear"},
    {"{\"site\": \"s\", \"upstreams\": {\"a\": {\"channel\": \"c\", \"products\": []}}}",
     "'products' is empty"},
    {"{\"site\": \"s\", \"upstreams\": {\"a\": {\"channel\": \"c\", \"products\": [\"a/b\"]}}}",
     "'a/b' is not a pattern"},
    {"{\"site\": \"s\", \"upstreams\": {\"a\": {\"channel\": \"c\", \"platforms\": [\"\"]}}}", "'platforms'"},
    {"{\"site\": \"s\", \"upstreams\": {\"a\": {\"channel\": \"c\", \"grace\": {\"usb\": \"1d\"}}}}",
     "grace: "},
    {"{\"site\": \"s\", \"upstreams\": {\"a\": {\"channel\": \"c\", \"grace\": {\"http\": \"x\"}}}}",
     "grace: "},
    {"{\"site\": \"s\", \"keep\": {\"version\": 2}}", "keep: unknown field 'version'"},
    {"{\"site\": \"s\", \"keep\": {\"versions\": 0}}", "keep: "},
    {"{\"site\": \"s\", \"keep\": 2}", "'keep'"},
    {"{\"site\": \"s\", \"scan\": {}}", "scan: field 'run' is missing"},
    {"{\"site\": \"s\", \"scan\": 2}", "'scan'"},
    {"{\"site\": \"s\", \"scan\": {\"run\": [\"/x\"]}}", "scan: run: no word has {file} in it"},
    {"{\"site\": \"s\", \"scan\": {\"run\": [\"/x\", \"{file}\"], \"exit\": 1}}",
     "scan: unknown field 'exit'"},
    {"{\"site\": \"s\", \"scan\": {\"run\": [\"/x\", \"{file}\"], \"clean\": 300}}", "between 0 and 255"},
    {"{\"site\": \"s\", \"scan\": {\"run\": [\"/x\", \"{file}\"], \"bad\": \"1\"}}",
     "scan: 'bad' is neither"},
    {"{\"site\": \"s\", \"scan\": {\"run\": [\"/x\", \"{file}\"], \"bad\": {}}}", "scan: 'bad' is neither"},
    {"{\"site\": \"s\", \"scan\": {\"run\": [\"/x\", \"{file}\"], \"clean\": \"0\"}}",
     "scan: 'clean' is neither"},
    {"{\"site\": \"s\", \"install\": {\"root\": \"opt\"}}", "root 'opt'"},
    {"{\"site\": \"s\", \"install\": {\"root\": \"/\"}}", "root '/'"},
};

static void test_mistakes(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        CW_AUTO_SITE site;
        struct cw_err err;

        assert_cw_fails(CW_E_FAIL, mistakes[i].part, configure(&site, mistakes[i].text, &err), err);
        assert_int_equal(strncmp(err.text, "site.lua: ", 10), 0);
    }
}

static void test_several(void **state)
{
    CW_AUTO_SITE site;
    const struct cw_upstream *upstream;
    struct cw_err err;

    (void)state;
    assert_cw_ok(
        configure(
            &site,
            "{\"site\": \"s\", \"upstreams\": {\"a\": {\"channel\": \"c\"}, \"b\": {\"channel\": \"c\"}}}",
            &err),
        err);
    assert_cw_fails(CW_E_USAGE, "a, b", cw_site_upstream(&upstream, &site, NULL, &err), err);
    assert_cw_fails(CW_E_USAGE, "no upstream 'x'", cw_site_upstream(&upstream, &site, "x", &err), err);
    assert_cw_ok(cw_site_upstream(&upstream, &site, "b", &err), err);
    assert_string_equal(upstream->name, "b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all),
        cmocka_unit_test(test_least),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_several),
    };

    return cmocka_run_group_tests_name("site_config", tests, NULL, NULL);
}
