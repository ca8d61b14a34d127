/* SPDX-License-Identifier: ISC */
/*
 * Approvals: the cases of tests/data/approvals.json, hostile ones most of all; quorums; and what a plan makes of it.
 */
#include "unit.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "data.h"
#include "doc/envelope.h"
#include "sync/deploy/approval.h"
#include "sync/deploy/quorum.h"
#include "tuf/meta.h"
#include "tuf/write.h"

#define NOW "2030-01-02T00:00:00Z"

static const struct {
    const char *name, *person;
    unsigned char seed; /* of its key, in every byte */
} keys[] = {{"alice", "alice", 1}, {"alice-2", "alice", 2}, {"bob", "bob", 3}, {"mallory", NULL, 9}};

static void make_secret(struct cw_secret **secret, const char *name)
{
    unsigned char seed[CW_ED25519_SEED];
    struct cw_err err = {0};

    for (size_t i = 0; i < CW_COUNT(keys); i++) {
        if (strcmp(keys[i].name, name) != 0)
            continue;
        memset(seed, keys[i].seed, sizeof seed);
        assert_cw_ok(cw_secret_from_seed(secret, seed, &err), err);
        return;
    }
    fail_msg("there is no key '%s'", name);
}

static void make_people(struct cw_people *people)
{
    struct cw_err err = {0};

    people->count = 0;
    for (size_t i = 0; i < CW_COUNT(keys); i++) {
        CW_AUTO_SECRET *secret = NULL;
        json_auto_t *object = NULL;
        struct cw_person_key *key = &people->keys[people->count];

        if (keys[i].person == NULL)
            continue;
        make_secret(&secret, keys[i].name);
        key->person = keys[i].person;
        assert_cw_ok(cw_tuf_key_new(&object, cw_secret_public(secret), &err), err);
        assert_cw_ok(cw_tuf_key_id(key->id, object, &err), err);
        assert_cw_ok(cw_tuf_key_parse(&key->key, object, &err), err);
        people->count++;
    }
}

static json_t *payload_of(const json_t *table, const json_t *item)
{
    json_t *payload = json_deep_copy(json_object_get(table, "payload")), *value;
    const char *key;

    json_object_foreach (json_object_get(item, "set"), key, value) {
        if (json_is_null(value))
            json_object_del(payload, key);
        else
            json_object_set(payload, key, value);
    }
    return payload;
}

/* One changed bit of the first signature. */
static void flip(json_t *envelope)
{
    json_t *signature = json_array_get(json_object_get(envelope, "signatures"), 0);
    CW_AUTO_FREE char *text = strdup(json_string_value(json_object_get(signature, "sig")));

    text[10] = text[10] == 'A' ? 'B' : 'A';
    json_object_set_new(signature, "sig", json_string(text));
}

static void make_file(struct cw_buf *text, const json_t *table, const json_t *item)
{
    const char *type = json_string_value(json_object_get(item, "type"));
    const json_t *given = json_object_get(item, "text"), *names = json_object_get(item, "keys");
    json_auto_t *payload = payload_of(table, item), *alone = json_pack("[s]", "alice"), *envelope = NULL;
    struct cw_err err = {0};
    json_t *name;
    size_t i;

    if (given != NULL) {
        cw_buf_adds(text, json_string_value(given));
        return;
    }
    assert_cw_ok(cw_envelope_new(&envelope, type != NULL ? type : CW_APPROVAL_PAYLOAD, payload, &err), err);
    json_array_foreach (names != NULL ? names : alone, i, name) {
        CW_AUTO_SECRET *secret = NULL;

        make_secret(&secret, json_string_value(name));
        assert_cw_ok(cw_envelope_sign(envelope, secret, json_string_value(name), &err), err);
    }
    if (json_is_true(json_object_get(item, "flip")))
        flip(envelope);
    assert_cw_ok(cw_envelope_format(text, envelope, &err), err);
}

static void test_cases(void **state)
{
    json_auto_t *table = data_load("approvals");
    CW_AUTO_PEOPLE people = {.count = 0};
    int64_t now;
    json_t *item;
    size_t i;

    (void)state;
    assert_int_equal(cw_time_parse(&now, NOW, NULL), CW_OK);
    make_people(&people);
    data_each (table, i, item) {
        CW_AUTO_BUF text = CW_BUF_INIT(CW_APPROVAL_MAX);
        CW_AUTO_APPROVAL approval = {.doc = NULL};
        const char *error = data_text(item, "error");
        struct cw_err err = {0};
        int rc;

        make_file(&text, table, item);
        rc = cw_approval_read(&approval, &people, cw_buf_text(&text), text.len, &err);
        if (rc == CW_OK)
            rc = cw_approval_check(&approval, "plant-7", now, &err);
        if (error[0] == '\0' && rc != CW_OK)
            fail_msg("%s: %s", data_text(item, "name"), err.text);
        if (error[0] != '\0' && (rc == CW_OK || strstr(err.text, error) == NULL))
            fail_msg("%s: '%s' lacks '%s'", data_text(item, "name"), rc == CW_OK ? "no error" : err.text,
                     error);
        if (error[0] != '\0' && rc != CW_E_VERIFY && rc != CW_E_EXPIRED)
            fail_msg("%s: refused with code %d", data_text(item, "name"), rc);
    }
}

static void test_quorums(void **state)
{
    json_auto_t *table = data_load("approvals");
    json_auto_t *people = json_pack("{s:{s:[], s:[], s:[], s:[]}, s:{s:[s, s]}}", "approvers", "alice", "bob",
                                    "carol", "dora", "groups", "safety", "carol", "dora");
    json_t *item;
    size_t i;

    (void)state;
    json_array_foreach (json_object_get(table, "quorums"), i, item) {
        const char *error = json_string_value(json_object_get(item, "error"));
        const json_t *asked = json_object_get(item, "asked");
        char waits[CW_GATE_WAITS_MAX];
        struct cw_err err = {0};

        if (error != NULL) {
            assert_cw_fails(CW_E_VERIFY, error, cw_quorum_check(asked, &err), err);
            continue;
        }
        assert_cw_ok(cw_quorum_check(asked, &err), err);
        assert_cw_ok(cw_quorum_missing(waits, asked, json_object_get(item, "approved"), people, &err), err);
        assert_string_equal(waits, data_text(item, "waits"));
    }
}

/* A policy that is tried alone knows no site: any name may be a person's. */
static void test_without_site(void **state)
{
    json_auto_t *asked = json_pack("[{s:i}, {s:i, s:[s]}]", "count", 2, "count", 1, "from", "alice");
    json_auto_t *approved = json_pack("[s, s]", "alice", "bob");
    char waits[CW_GATE_WAITS_MAX];
    struct cw_err err = {0};

    (void)state;
    assert_cw_ok(cw_quorum_missing(waits, asked, NULL, NULL, &err), err);
    assert_string_equal(waits, "needs 2 approvals, and needs one approval of alice");
    assert_cw_ok(cw_quorum_missing(waits, asked, approved, NULL, &err), err);
    assert_string_equal(waits, "");
}

static void test_signing(void **state)
{
    CW_AUTO_PEOPLE people = {.count = 0};
    CW_AUTO_SECRET *secret = NULL;
    CW_AUTO_BUF text = CW_BUF_INIT(CW_APPROVAL_MAX);
    CW_AUTO_APPROVAL read = {.doc = NULL};
    char plan[CW_SHA256_TEXT];
    struct cw_approval approval = {.plan = plan,
                                   .site = "plant-7",
                                   .approver = "bob",
                                   .reason = "seen",
                                   .time = 1000000,
                                   .expires = 1000060};
    struct cw_err err = {0};

    (void)state;
    memset(plan, 'a', sizeof plan - 1);
    plan[sizeof plan - 1] = '\0';
    make_people(&people);
    make_secret(&secret, "bob");
    assert_cw_ok(cw_approval_sign(&text, &approval, secret, &err), err);
    assert_cw_ok(cw_approval_read(&read, &people, text.data, text.len, &err), err);
    assert_string_equal(read.plan, plan);
    assert_string_equal(read.approver, "bob");
    assert_string_equal(read.reason, "seen");
    assert_string_equal(read.keyid, people.keys[2].id);
    assert_true(read.time == 1000000 && read.expires == 1000060);
    assert_cw_ok(cw_approval_check(&read, "plant-7", 1000059, &err), err);
    assert_cw_fails(CW_E_EXPIRED, "expired", cw_approval_check(&read, "plant-7", 1000060, &err), err);
    approval.expires = approval.time;
    assert_cw_fails(CW_E_USAGE, "at most 90d", cw_approval_sign(&text, &approval, secret, &err), err);
    approval.action = CW_BREAK_GLASS;
    approval.expires = approval.time + 60;
    approval.reason = NULL;
    assert_cw_fails(CW_E_USAGE, "needs a reason", cw_approval_sign(&text, &approval, secret, &err), err);
}

static int set_up(void **state)
{
    (void)state;
    return cw_crypt_init(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_quorums),
        cmocka_unit_test(test_without_site),
        cmocka_unit_test(test_signing),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
