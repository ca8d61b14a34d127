/* SPDX-License-Identifier: ISC */
/*
 * TUF metadata as data: what is well-formed, which signatures count, which hashes are checked. All of it
 * without the client workflow; patterns, names, bins and more thresholds are tables of test_tables.c.
 */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "codec/hex.h"
#include "codec/json.h"
#include "tests/unit/tuf_repo.h"

/* --- form ------------------------------------------------------------------------------------------- */

#define HEAD(type) "'_type':'" type "','spec_version':'1.0.34','version':1,'expires':'2030-01-01T00:00:00Z'"
#define ROLE "{'keyids':['k'],'threshold':1}"
#define ROLES "'roles':{'root':" ROLE ",'timestamp':" ROLE ",'snapshot':" ROLE ",'targets':" ROLE "}"
#define EMPTY_TARGETS "{" HEAD("targets") ",'targets':{}}"
#define TARGETS(delegations) "{" HEAD("targets") ",'targets':{},'delegations':" delegations "}"
#define NAMED(rest) "{'name':'a','keyids':[],'threshold':1,'terminating':true," rest "}"
#define BINS(rest) "{'keys':{},'succinct_roles':{'keyids':[],'threshold':1," rest "}}"

static const struct {
    enum cw_tuf_type type;
    const char *signed_; /* ' for " */
    const char *error;   /* NULL: well-formed */
} forms[] = {
    {CW_TUF_ROOT, "{" HEAD("root") ",'keys':{},'consistent_snapshot':false," ROLES "}", NULL},
    {CW_TUF_ROOT, "{" HEAD("root") ",'keys':{},'unknown':[null,{}]," ROLES "}", NULL},
    {CW_TUF_ROOT, "{" HEAD("root") ",'keys':{},'consistent_snapshot':1," ROLES "}", "'consistent_snapshot'"},
    {CW_TUF_ROOT, "{" HEAD("root") ",'keys':{},'roles':{}}", "field 'root' is missing"},
    {CW_TUF_ROOT, "{" HEAD("root") ",'keys':{'k':[]}," ROLES "}", "key 'k' is not an object"},
    {CW_TUF_ROOT, "{" HEAD("root") ",'keys':{'k':{'keytype':'x','scheme':'x'}}," ROLES "}",
     "'keyval' is missing"},
    {CW_TUF_ROOT, "{" HEAD("root") ",'keys':{'k':{'keytype':'x','scheme':'x','keyval':{}}}," ROLES "}", NULL},
    {CW_TUF_ROOT,
     "{" HEAD("root") ",'keys':{},'roles':{'root':{'keyids':['k','k'],'threshold':1},'timestamp':" ROLE "}}",
     "role 'root': keyid 'k' is there twice"},
    {CW_TUF_ROOT, "{" HEAD("root") ",'keys':{},'roles':{'root':{'keyids':[1],'threshold':1}}}", "keyids[0]"},
    {CW_TUF_ROOT, "{" HEAD("root") ",'keys':{},'roles':{'root':{'keyids':[],'threshold':0}}}", "'threshold'"},
    {CW_TUF_TIMESTAMP, "{" HEAD("timestamp") ",'meta':{'snapshot.json':{'version':7}}}", NULL},
    {CW_TUF_TIMESTAMP, "{" HEAD("timestamp") ",'meta':{}}", "meta 'snapshot.json' is missing"},
    {CW_TUF_TIMESTAMP, "{" HEAD("timestamp") ",'meta':{'snapshot.json':{}}}", "'version' is missing"},
    {CW_TUF_TIMESTAMP, "{" HEAD("timestamp") ",'meta':{'snapshot.json':{'version':0}}}",
     "'version' is not between"},
    {CW_TUF_TIMESTAMP, "{" HEAD("timestamp") ",'meta':{'snapshot.json':{'version':1,'length':-1}}}",
     "'length'"},
    {CW_TUF_TIMESTAMP, "{" HEAD("timestamp") ",'meta':{'snapshot.json':{'version':1,'hashes':{}}}}",
     "is empty"},
    {CW_TUF_TIMESTAMP, "{" HEAD("timestamp") ",'meta':{'snapshot.json':{'version':1,'hashes':{'x':1}}}}",
     "meta 'snapshot.json': hash 'x' is not a string"},
    {CW_TUF_TIMESTAMP, "{" HEAD("snapshot") ",'meta':{}}", "is 'snapshot' metadata, not 'timestamp'"},
    {CW_TUF_SNAPSHOT, "{" HEAD("snapshot") ",'meta':{'targets.json':{'version':1},'a.json':{'version':2}}}",
     NULL},
    {CW_TUF_SNAPSHOT, "{" HEAD("snapshot") ",'meta':{'a.json':{'version':2}}}",
     "meta 'targets.json' is missing"},
    {CW_TUF_SNAPSHOT, "{" HEAD("snapshot") ",'meta':{'targets.json':{'version':1},'a.json':[]}}",
     "meta 'a.json'"},
    {CW_TUF_TARGETS, EMPTY_TARGETS, NULL},
    {CW_TUF_TARGETS, "{" HEAD("targets") ",'targets':{'a':{'length':0,'hashes':{'sha256':''}}}}", NULL},
    {CW_TUF_TARGETS, "{" HEAD("targets") ",'targets':{'a':{'length':0}}}",
     "target 'a': field 'hashes' is missing"},
    {CW_TUF_TARGETS, "{" HEAD("targets") ",'targets':{'a':{'hashes':{'sha256':''}}}}", "'length' is missing"},
    {CW_TUF_TARGETS, "{" HEAD("targets") ",'targets':{'a':{'length':0,'hashes':{'x':''},'custom':1}}}",
     "'custom'"},
    {CW_TUF_TARGETS, TARGETS("{'keys':{},'roles':[]}"), NULL},
    {CW_TUF_TARGETS, TARGETS("{'keys':{}}"), "needs one of 'roles' and 'succinct_roles'"},
    {CW_TUF_TARGETS, TARGETS("{'keys':{},'roles':[],'succinct_roles':{}}"), "needs one of 'roles'"},
    {CW_TUF_TARGETS, TARGETS("{'keys':{},'roles':[" NAMED("'paths':['x']") "]}"), NULL},
    {CW_TUF_TARGETS, TARGETS("{'keys':{},'roles':[" NAMED("'path_hash_prefixes':['0a']") "]}"), NULL},
    {CW_TUF_TARGETS, TARGETS("{'keys':{},'roles':[" NAMED("'x':1") "]}"), "needs one of 'paths'"},
    {CW_TUF_TARGETS, TARGETS("{'keys':{},'roles':[" NAMED("'paths':[1]") "]}"), "paths[0] is not a string"},
    {CW_TUF_TARGETS, TARGETS("{'keys':{},'roles':[" NAMED("'paths':[]") "," NAMED("'paths':[]") "]}"),
     "delegation 1: role 'a' is there twice"},
    {CW_TUF_TARGETS, TARGETS("{'keys':{},'roles':[{'name':'snapshot'}]}"),
     "'snapshot' is a top-level role's"},
    {CW_TUF_TARGETS, TARGETS("{'keys':{},'roles':[{'name':''}]}"), "is empty"},
    {CW_TUF_TARGETS, TARGETS("{'keys':{},'roles':[{'name':'a','keyids':[],'threshold':1,'paths':[]}]}"),
     "'terminating' is missing"},
    {CW_TUF_TARGETS, TARGETS(BINS("'bit_length':32,'name_prefix':'b'")), NULL},
    {CW_TUF_TARGETS, TARGETS(BINS("'bit_length':0,'name_prefix':'b'")), "succinct_roles: field 'bit_length'"},
    {CW_TUF_TARGETS, TARGETS(BINS("'bit_length':33,'name_prefix':'b'")),
     "succinct_roles: field 'bit_length'"},
    {CW_TUF_TARGETS, TARGETS(BINS("'bit_length':8")), "'name_prefix' is missing"},
    {CW_TUF_TARGETS, "{'_type':'targets','spec_version':'2.0.0'}", "spec_version '2.0.0' is not supported"},
    {CW_TUF_TARGETS, "{'_type':'targets','spec_version':'1'}", "spec_version '1' is not supported"},
    {CW_TUF_TARGETS, "{'_type':'targets','spec_version':'1.0.0.0'}", "is not supported"},
    {CW_TUF_TARGETS, "{'_type':'targets','spec_version':'1.x'}", "is not supported"},
    {CW_TUF_TARGETS, "{'_type':'targets','spec_version':'1.0','version':0}", "'version' is not between"},
    {CW_TUF_TARGETS, "{'_type':'targets','spec_version':'1.0','version':1}", "'expires' is missing"},
    {CW_TUF_TARGETS, "{'_type':'targets','spec_version':'1.0','version':1,'expires':'soon'}",
     "'soon' is not a time"},
    {CW_TUF_TARGETS, "{'_type':'targets','spec_version':'1.0','version':1,'expires':'2030-02-30T00:00:00Z'}",
     "time"},
    {CW_TUF_TARGETS, "{}", "'_type' is missing"},
};

static void quote(struct cw_buf *buf, const char *text)
{
    for (; *text != '\0'; text++)
        cw_buf_addc(buf, *text == '\'' ? '"' : *text);
}

static int parse(struct cw_tuf_meta *meta, enum cw_tuf_type type, const char *signatures, const char *signed_,
                 struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(1 << 16);

    cw_buf_adds(&text, "{\"signatures\": ");
    quote(&text, signatures);
    cw_buf_adds(&text, ", \"signed\": ");
    quote(&text, signed_);
    cw_buf_adds(&text, "}");
    return cw_tuf_meta_parse(meta, type, text.data, text.len, err);
}

static void forms_are_checked(void **state)
{
    (void)state;
    for (size_t i = 0; i < CW_COUNT(forms); i++) {
        struct cw_tuf_meta meta;
        struct cw_err err = {.code = 0};
        int rc = parse(&meta, forms[i].type, "[]", forms[i].signed_, &err);

        if (forms[i].error == NULL && rc != CW_OK)
            fail_msg("form %zu: %s", i, err.text);
        if (forms[i].error != NULL && (rc != CW_E_VERIFY || strstr(err.text, forms[i].error) == NULL))
            fail_msg("form %zu: %d '%s' lacks '%s'", i, rc, err.text, forms[i].error);
        cw_tuf_meta_clear(&meta);
    }
}

static const struct {
    const char *signatures, *error;
} signature_forms[] = {
    {"[]", NULL},
    {"[{'keyid':'a','sig':''},{'keyid':'b','sig':'zz','method':'x'}]", NULL},
    {"[{'keyid':'a','sig':''},{'keyid':'a','sig':''}]", "keyid 'a' has signed twice"},
    {"[{'keyid':'a'}]", "signatures[0]: field 'sig' is missing"},
    {"[7]", "signatures[0] is not an object"},
    {"{}", "field 'signatures' is not an array"},
};

static void signatures_are_checked(void **state)
{
    (void)state;
    for (size_t i = 0; i < CW_COUNT(signature_forms); i++) {
        struct cw_tuf_meta meta;
        struct cw_err err = {.code = 0};
        int rc = parse(&meta, CW_TUF_TARGETS, signature_forms[i].signatures, EMPTY_TARGETS, &err);

        if (signature_forms[i].error == NULL)
            assert_int_equal(rc, CW_OK);
        else if (rc != CW_E_VERIFY || strstr(err.text, signature_forms[i].error) == NULL)
            fail_msg("signatures %zu: %d '%s'", i, rc, err.text);
        cw_tuf_meta_clear(&meta);
    }
}

/* Each may cost a hash over the whole file. */
static void so_many_keyids_and_no_more(void **state)
{
    CW_AUTO_BUF signatures = CW_BUF_INIT(1 << 17), root = CW_BUF_INIT(1 << 17);
    struct cw_tuf_meta meta;
    struct cw_err err;

    (void)state;
    cw_buf_adds(&signatures, "[{'keyid':'k','sig':''}");
    cw_buf_adds(&root, "{" HEAD("root") ",'keys':{},'roles':{'timestamp':" ROLE ",'snapshot':" ROLE
                                        ",'targets':" ROLE ",'root':{'threshold':1,'keyids':['k'");
    for (int i = 1; i < CW_TUF_KEYIDS_MAX; i++) {
        cw_buf_addf(&signatures, ",{'keyid':'%d','sig':''}", i);
        cw_buf_addf(&root, ",'%d'", i);
    }
    cw_buf_adds(&signatures, "]");
    cw_buf_adds(&root, "]}}}");
    assert_cw_ok(parse(&meta, CW_TUF_ROOT, signatures.data, root.data, &err), err);
    cw_tuf_meta_clear(&meta);
    signatures.len--;
    cw_buf_adds(&signatures, ",{'keyid':'more','sig':''}]");
    assert_cw_fails(CW_E_VERIFY, "has 1025 signatures, more than 1024",
                    parse(&meta, CW_TUF_ROOT, signatures.data, root.data, &err), err);
    root.len -= strlen("]}}}");
    cw_buf_adds(&root, ",'more']}}}");
    assert_cw_fails(CW_E_VERIFY, "role 'root': has 1025 keyids, more than 1024",
                    parse(&meta, CW_TUF_ROOT, "[]", root.data, &err), err);
}

static void texts_that_are_no_envelope_are_refused(void **state)
{
    static const char *const texts[] = {
        "", "7", "[]", "{}", "{\"signed\":{}}", "{\"signed\":[],\"signatures\":[]}"};
    struct cw_tuf_meta meta;

    (void)state;
    for (size_t i = 0; i < CW_COUNT(texts); i++)
        assert_int_equal(cw_tuf_meta_parse(&meta, CW_TUF_ROOT, texts[i], strlen(texts[i]), NULL),
                         CW_E_VERIFY);
}

/* --- thresholds ------------------------------------------------------------------------------------- */

/* A role of three keys and a targets file; each case says who signs, and how the key list is bent. */
struct signing {
    struct cw_secret *secrets[3];
    json_t *keys, *keyids, *envelope;
    char ids[3][CW_SHA256_TEXT];
};

static int signing_setup(void **state)
{
    struct signing *s = calloc(1, sizeof *s);
    json_auto_t *signed_ = NULL;
    struct cw_err err;

    assert_non_null(s);
    s->keys = json_object();
    s->keyids = json_array();
    for (int i = 0; i < 3; i++) {
        json_t *key;

        assert_cw_ok(cw_secret_new(&s->secrets[i], &err), err);
        assert_cw_ok(cw_tuf_key_new(&key, cw_secret_public(s->secrets[i]), &err), err);
        assert_cw_ok(cw_tuf_key_id(s->ids[i], key, &err), err);
        json_object_set_new(s->keys, s->ids[i], key);
        json_array_append_new(s->keyids, json_string(s->ids[i]));
    }
    assert_cw_ok(cw_tuf_targets_new(&signed_, 1, NOW, false, &err), err);
    json_object_set_new(signed_, "x-unknown",
                        json_pack("{s:[i, n, b], s:s}", "list", 1, 0, "text", "\x01\"\\\xc3\xa9/"));
    assert_cw_ok(cw_tuf_envelope_new(&s->envelope, signed_, &err), err);
    *state = s;
    return 0;
}

static int signing_teardown(void **state)
{
    struct signing *s = *state;

    for (int i = 0; i < 3; i++)
        cw_secret_free(s->secrets[i]);
    json_decref(s->keys);
    json_decref(s->keyids);
    json_decref(s->envelope);
    free(s);
    return 0;
}

static void sign(struct signing *s, int key)
{
    struct cw_err err;

    assert_cw_ok(cw_tuf_envelope_sign(s->envelope, s->secrets[key], &err), err);
}

/* Written out and read in again, as a client would see it. */
static int verify(const struct signing *s, int64_t threshold, struct cw_err *err)
{
    struct cw_tuf_role role = {
        .name = "gateway", .keys = s->keys, .keyids = s->keyids, .threshold = threshold};
    CW_AUTO_BUF text = CW_BUF_INIT(1 << 16);
    struct cw_tuf_meta meta;
    int rc;

    assert_cw_ok(cw_tuf_envelope_format(&text, s->envelope, err), *err);
    assert_cw_ok(cw_tuf_meta_parse(&meta, CW_TUF_TARGETS, text.data, text.len, err), *err);
    rc = cw_tuf_verify(&meta, &role, err);
    cw_tuf_meta_clear(&meta);
    return rc;
}

static void a_threshold_counts_keys(void **state)
{
    struct signing *s = *state;
    struct cw_err err;

    assert_cw_fails(CW_E_VERIFY, "signed by 0 of the 1 keys that role 'gateway' needs", verify(s, 1, &err),
                    err);
    sign(s, 2);
    assert_cw_ok(verify(s, 1, &err), err);
    sign(s, 2); /* replaces, does not add */
    assert_cw_fails(CW_E_VERIFY, "signed by 1 of the 2 keys", verify(s, 2, &err), err);
    sign(s, 0);
    assert_cw_ok(verify(s, 2, &err), err);
    assert_cw_fails(CW_E_VERIFY, "signed by 2 of the 3 keys", verify(s, 3, &err), err);
    sign(s, 1);
    assert_cw_ok(verify(s, 3, &err), err);
    assert_cw_fails(CW_E_VERIFY, "signed by 3 of the 4 keys", verify(s, 4, &err), err);
}

static void signatures_are_kept_sorted_by_keyid(void **state)
{
    struct signing *s = *state;
    const json_t *signatures = json_object_get(s->envelope, "signatures");
    const char *before = "";
    json_t *item;
    size_t i;

    for (int key = 0; key < 3; key++)
        sign(s, key);
    assert_int_equal(json_array_size(signatures), 3);
    json_array_foreach (signatures, i, item) {
        const char *keyid = json_string_value(json_object_get(item, "keyid"));

        assert_true(strcmp(before, keyid) < 0);
        before = keyid;
    }
}

/* The same key under a second keyid, and the same key written in capitals under a third. */
static void one_key_under_many_ids_counts_once(void **state)
{
    struct signing *s = *state;
    json_t *signatures = json_object_get(s->envelope, "signatures"), *sig, *capitals;
    char hex[2 * CW_ED25519_PUBLIC + 1];
    struct cw_err err;

    sign(s, 0);
    sig = json_object_get(json_array_get(signatures, 0), "sig");
    json_object_set(s->keys, "second", json_object_get(s->keys, s->ids[0]));
    capitals = json_deep_copy(json_object_get(s->keys, s->ids[0]));
    cw_hex_format(hex, cw_secret_public(s->secrets[0]), CW_ED25519_PUBLIC);
    for (char *p = hex; *p != '\0'; p++)
        *p = *p >= 'a' ? (char)(*p - 'a' + 'A') : *p;
    json_object_set_new(json_object_get(capitals, "keyval"), "public", json_string(hex));
    json_object_set_new(s->keys, "third", capitals);
    json_array_append_new(s->keyids, json_string("second"));
    json_array_append_new(s->keyids, json_string("third"));
    json_array_append_new(signatures, json_pack("{s:s, s:O}", "keyid", "second", "sig", sig));
    json_array_append_new(signatures, json_pack("{s:s, s:O}", "keyid", "third", "sig", sig));
    assert_cw_ok(verify(s, 1, &err), err);
    assert_cw_fails(CW_E_VERIFY, "signed by 1 of the 2 keys", verify(s, 2, &err), err);
}

static void what_is_not_understood_does_not_count_and_does_not_harm(void **state)
{
    struct signing *s = *state;
    json_t *signatures = json_object_get(s->envelope, "signatures");
    struct cw_err err;

    sign(s, 0);
    sign(s, 1);
    /* a key of a kind from the future, one that is malformed, one that is not in the list at all */
    json_object_set_new(s->keys, "future",
                        json_pack("{s:s, s:s, s:{}}", "keytype", "ml-dsa", "scheme", "ml-dsa-65", "keyval"));
    json_object_set_new(
        s->keys, "malformed",
        json_pack("{s:s, s:s, s:{s:s}}", "keytype", "ed25519", "scheme", "ed25519", "keyval", "public", "0"));
    json_array_insert_new(s->keyids, 0, json_string("future"));
    json_array_insert_new(s->keyids, 0, json_string("malformed"));
    json_array_insert_new(s->keyids, 0, json_string("nowhere"));
    json_array_append_new(signatures, json_pack("{s:s, s:s}", "keyid", "future", "sig", "00"));
    json_array_append_new(signatures, json_pack("{s:s, s:s}", "keyid", "malformed", "sig", "00"));
    json_array_append_new(signatures, json_pack("{s:s, s:s}", "keyid", s->ids[2], "sig", ""));
    assert_cw_ok(verify(s, 2, &err), err);
    assert_cw_fails(CW_E_VERIFY, "signed by 2 of the 3 keys", verify(s, 3, &err), err);
}

static void every_signed_byte_counts(void **state)
{
    struct signing *s = *state;
    json_t *signed_ = json_object_get(s->envelope, "signed");
    struct cw_err err;

    sign(s, 0);
    assert_cw_ok(verify(s, 1, &err), err);
    json_object_set_new(json_object_get(signed_, "x-unknown"), "text", json_string("\x01\"\\\xc3\xa8/"));
    assert_cw_fails(CW_E_VERIFY, "signed by 0 of the 1 keys", verify(s, 1, &err), err);
}

/* --- hashes, keyids, delegations ------------------------------------------------------------------------- */

#define ABC256 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define ABC512                                                                                               \
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d44" \
    "23643ce80e2a9a"                                                                                         \
    "c94fa54ca49f"

static const struct {
    int length;
    const char *hashes, *error;
} file_checks[] = {
    {3, "{'sha256':'" ABC256 "'}", NULL},
    {3, "{'sha256':'" ABC256 "','sha512':'" ABC512 "'}", NULL},
    {-1, "{'sha512':'" ABC512 "'}", NULL},
    {3, "{}", NULL},
    {4, "{'sha256':'" ABC256 "'}", "length differs: expected 4 bytes, got 3"},
    {3, "{'sha256':'" ABC256 "','sha512':'00'}", "sha512 differs: expected 00, got ddaf"},
    {3, "{'sha256':'" ABC256 "','md5':'00'}", "hash algorithm 'md5' is not supported"},
};

static void every_stated_hash_is_checked(void **state)
{
    (void)state;
    for (size_t i = 0; i < CW_COUNT(file_checks); i++) {
        CW_AUTO_BUF text = CW_BUF_INIT(1024);
        json_auto_t *hashes = NULL;
        struct cw_tuf_file file = {.length = file_checks[i].length};
        struct cw_err err;
        int rc;

        quote(&text, file_checks[i].hashes);
        assert_cw_ok(cw_json_parse(&hashes, text.data, text.len, &err), err);
        file.hashes = hashes;
        rc = cw_tuf_file_check(&file, "abc", 3, &err);
        if (file_checks[i].error == NULL)
            assert_int_equal(rc, CW_OK);
        else if (rc != CW_E_VERIFY || strstr(err.text, file_checks[i].error) == NULL)
            fail_msg("check %zu: %d '%s'", i, rc, err.text);
    }
}

/* The specification's example key has the keyid that it is listed under there. */
static void keyids_are_the_specifications(void **state)
{
    unsigned char public_key[CW_ED25519_PUBLIC];
    json_auto_t *key = NULL;
    char id[CW_SHA256_TEXT];
    struct cw_err err;

    (void)state;
    assert_true(cw_hex_parse(public_key, sizeof public_key,
                             "b6e40fb71a6041212a3d84331336ecaa1f48a0c523f80ccc762a034c727606fa"));
    assert_cw_ok(cw_tuf_key_new(&key, public_key, &err), err);
    assert_cw_ok(cw_tuf_key_id(id, key, &err), err);
    assert_string_equal(id, "f761033eb880143c52358d941d987ca5577675090e2215e856ba0099bc0ce4f6");
}

/* Delegating again puts the new one in the old one's place and forgets keys that nobody uses any more. */
static void a_delegation_can_be_replaced(void **state)
{
    struct world *w = *state;
    json_t *delegations;

    repo_delegate(&w->repo, "targets", "a", "a/*", K_A, true);
    repo_delegate(&w->repo, "targets", "b", "b/*", K_A, true);
    repo_delegate(&w->repo, "targets", "a", "c/*", K_B, false);
    delegations = json_object_get(repo_body(&w->repo, "targets"), "delegations");
    assert_int_equal(json_array_size(json_object_get(delegations, "roles")), 2);
    assert_int_equal(json_object_size(json_object_get(delegations, "keys")), 2);
    repo_delegate(&w->repo, "targets", "b", "b/*", K_B, true);
    assert_int_equal(json_object_size(json_object_get(delegations, "keys")), 1);
    assert_string_equal(
        json_string_value(json_object_get(json_array_get(json_object_get(delegations, "roles"), 0), "name")),
        "a");
}

#define SIGNING(name) cmocka_unit_test_setup_teardown(name, signing_setup, signing_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_are_checked),
        cmocka_unit_test(signatures_are_checked),
        cmocka_unit_test(so_many_keyids_and_no_more),
        cmocka_unit_test(texts_that_are_no_envelope_are_refused),
        SIGNING(a_threshold_counts_keys),
        SIGNING(signatures_are_kept_sorted_by_keyid),
        SIGNING(one_key_under_many_ids_counts_once),
        SIGNING(what_is_not_understood_does_not_count_and_does_not_harm),
        SIGNING(every_signed_byte_counts),
        cmocka_unit_test(every_stated_hash_is_checked),
        cmocka_unit_test(keyids_are_the_specifications),
        cmocka_unit_test_setup_teardown(a_delegation_can_be_replaced, world_setup, world_teardown),
    };

    return cmocka_run_group_tests_name("meta", tests, NULL, NULL);
}
