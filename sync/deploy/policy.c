/* SPDX-License-Identifier: ISC */
/*
 * Asking policy.lua. What comes back is checked field by field: the library's words are only the comfortable
 * way to build it, and a policy may return anything.
 */
#include "sync/deploy/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "codec/json.h"
#include "fs/root.h"
#include "sync/deploy/action.h"
#include "sync/library.h"

#define POLICY_FILE "policy.lua"

struct cw_policy {
    struct cw_buf text;
    char name[64]; /* of the file, for messages */
    char sha256[CW_SHA256_TEXT];
};

/* Whoever may write policy.lua names commands that run as this program does. */
static int check_mode(int site, struct cw_err *err)
{
    struct stat st;
    int rc = cw_at_stat(&st, site, POLICY_FILE, err);

    if (rc == CW_E_NOTFOUND)
        return cw_err_set(err, rc,
                          "this site has no " POLICY_FILE
                          ", so nothing is accepted: write one, see causeway-policy(7)");
    if (rc == CW_OK && S_ISREG(st.st_mode) && (st.st_mode & S_IWOTH) != 0)
        return cw_err_set(err, CW_E_FAIL,
                          "everyone may write " POLICY_FILE
                          ", which names commands: run chmod o-w " POLICY_FILE);
    return rc;
}

static int read_policy(struct cw_policy *policy, int site, struct cw_err *err)
{
    int rc = check_mode(site, err);

    if (rc == CW_OK)
        rc = cw_at_read_file(&policy->text, site, POLICY_FILE, err);
    if (rc == CW_OK)
        rc = cw_sha256(policy->sha256, cw_buf_text(&policy->text), policy->text.len, err);
    return rc;
}

int cw_policy_open(struct cw_policy **policy, int site, struct cw_err *err)
{
    struct cw_policy *made = calloc(1, sizeof(*made));
    int rc;

    *policy = NULL;
    if (made == NULL)
        return cw_err_nomem(err);
    cw_buf_init(&made->text, CW_POLICY_MAX);
    snprintf(made->name, sizeof(made->name), "%s", POLICY_FILE);
    rc = read_policy(made, site, err);
    if (rc != CW_OK)
        cw_policy_free(made);
    else
        *policy = made;
    return rc;
}

int cw_policy_open_file(struct cw_policy **policy, int dir, const char *path, struct cw_err *err)
{
    struct cw_policy *made = calloc(1, sizeof(*made));
    int rc;

    *policy = NULL;
    if (made == NULL)
        return cw_err_nomem(err);
    cw_buf_init(&made->text, CW_POLICY_MAX);
    snprintf(made->name, sizeof(made->name), "%s", path);
    rc = cw_at_read_file(&made->text, dir, path, err);
    if (rc == CW_OK)
        rc = cw_sha256(made->sha256, cw_buf_text(&made->text), made->text.len, err);
    if (rc != CW_OK)
        cw_policy_free(made);
    else
        *policy = made;
    return rc;
}

void cw_policy_free(struct cw_policy *policy)
{
    if (policy == NULL)
        return;
    cw_buf_clear(&policy->text);
    free(policy);
}

const char *cw_policy_sha256(const struct cw_policy *policy)
{
    return policy->sha256;
}

static int ask(json_t **value, const struct cw_policy *policy, const char *function, const json_t *args,
               struct cw_err *err)
{
    struct cw_script_source source = {
        .name = policy->name, .text = cw_buf_text(&policy->text), .len = policy->text.len};

    return cw_library_run(value, CW_LIBRARY_POLICY, &source, function, args, err);
}

/* The policy's own doing, not the machine's? */
static bool is_broken(int rc)
{
    return rc == CW_E_FAIL || rc == CW_E_VERIFY || rc == CW_E_NOTFOUND;
}

int cw_policy_decide(struct cw_decision *decision, const struct cw_policy *policy, const json_t *set,
                     const json_t *site, struct cw_err *err)
{
    json_auto_t *args = json_pack("[O,O]", (json_t *)set, (json_t *)site);
    json_auto_t *answers = NULL;
    struct cw_err why;
    int rc = cw_decision_init(decision, err);

    if (rc != CW_OK)
        return rc;
    cw_err_clear(&why);
    rc = args != NULL ? ask(&answers, policy, "causeway.decide", args, &why) : cw_err_nomem(&why);
    if (rc == CW_OK) {
        rc = cw_decision_combine(decision, answers, policy->name, &why);
        if (rc != CW_OK)
            cw_err_prefix(&why, "%s", policy->name);
    }
    if (rc != CW_OK && !is_broken(rc)) {
        cw_decision_clear(decision);
        return cw_err_set(err, rc, "%s", why.text);
    }
    if (rc != CW_OK) {
        decision->verdict = CW_HOLD;
        decision->broken = true;
        cw_reason_set(decision->reason, sizeof(decision->reason), why.text);
    }
    return CW_OK;
}

/* What the functions of one stage each returned, read as lists of actions. */
static int read_stages(json_t *actions, const json_t *value, struct cw_err *err)
{
    static const char *const stages[] = {"before", "stage", "check", "after", "undo"};

    for (size_t i = 0; i < CW_COUNT(stages); i++) {
        json_auto_t *list = json_array();
        int rc = list != NULL ? CW_OK : cw_err_nomem(err);

        if (rc == CW_OK)
            rc = cw_action_read_list(list, json_object_get(value, stages[i]), stages[i], err);
        if (rc != CW_OK)
            return rc;
        if (json_array_size(list) > 0 && json_object_set(actions, stages[i], list) != 0)
            return cw_err_nomem(err);
    }
    return CW_OK;
}

/* An action of a delivery, if it names that one. */
static int read_part(json_t *made, const json_t *value, const char *key, enum cw_action_place place,
                     const char *file, struct cw_err *err)
{
    const json_t *part = json_object_get(value, key);
    json_t *action;
    int rc = part != NULL ? cw_action_read(&action, part, place, file, err) : CW_OK;

    if (part == NULL)
        return CW_OK;
    if (rc != CW_OK)
        return cw_err_prefix(err, "%s", key);
    return json_object_set_new(made, key, action) == 0 ? CW_OK : cw_err_nomem(err);
}

static int read_delivery(json_t *made, const json_t *value, const char *file, struct cw_err *err)
{
    static const char *const fields[] = {"send", "check", "undo", NULL};
    json_auto_t *plain = NULL;
    int rc;

    if (!json_is_object(value))
        return cw_err_set(err, CW_E_VERIFY, "is neither delivery { … } nor store \"why\"");
    if (json_object_get(value, "send") == NULL) { /* an action alone */
        plain = json_pack("{s:O}", "send", value);
        if (plain == NULL)
            return cw_err_nomem(err);
        value = plain;
    }
    rc = cw_json_only(value, fields, err);
    if (rc == CW_OK)
        rc = read_part(made, value, "send", CW_ACTION_SEND, file, err);
    if (rc == CW_OK)
        rc = read_part(made, value, "check", CW_ACTION_PROBE, NULL, err);
    return rc == CW_OK ? read_part(made, value, "undo", CW_ACTION_PROBE, NULL, err) : rc;
}

static int read_stored(json_t *made, const json_t *value, struct cw_err *err)
{
    static const char *const fields[] = {"stored", NULL};
    const char *reason;
    char shown[256];
    int rc = cw_json_only(value, fields, err);

    if (rc == CW_OK)
        rc = cw_json_get_str(&reason, value, "stored", err);
    if (rc != CW_OK)
        return rc;
    cw_reason_set(shown, sizeof(shown), reason);
    return json_object_set_new(made, "stored", json_string(shown)) == 0 ? CW_OK : cw_err_nomem(err);
}

/* One delivery of an artifact. */
static int read_one(json_t *deliveries, const json_t *artifact, const json_t *value, struct cw_err *err)
{
    json_auto_t *made = json_pack("{s:O, s:O}", "path", json_object_get(artifact, "path"), "kind",
                                  json_object_get(artifact, "kind"));
    int rc;

    if (made == NULL)
        return cw_err_nomem(err);
    if (json_object_get(value, "stored") != NULL)
        rc = read_stored(made, value, err);
    else
        rc = read_delivery(made, value, json_string_value(json_object_get(artifact, "file")), err);
    if (rc != CW_OK)
        return cw_err_prefix(err, "deliver(): '%s'", json_string_value(json_object_get(artifact, "path")));
    return json_array_append(deliveries, made) == 0 ? CW_OK : cw_err_nomem(err);
}

static bool is_nothing(const json_t *value)
{
    return value == NULL || json_is_null(value) || json_is_false(value) ||
           (json_is_array(value) && json_array_size(value) == 0);
}

/* What deliver() returned for an artifact: one delivery, or a list of them. */
static int read_artifact(json_t *deliveries, const json_t *artifact, const json_t *value, struct cw_err *err)
{
    json_t *one;
    size_t i;
    int rc = CW_OK;

    if (is_nothing(value))
        return cw_err_set(err, CW_E_HELD,
                          "nothing delivers '%s', which is of kind %s: deliver() must return a delivery, or "
                          "store \"why\"",
                          json_string_value(json_object_get(artifact, "path")),
                          json_string_value(json_object_get(artifact, "kind")));
    if (!json_is_array(value))
        return read_one(deliveries, artifact, value, err);
    if (json_array_size(value) > CW_ACTIONS_MAX)
        return cw_err_set(err, CW_E_VERIFY, "deliver() returned more than %d deliveries", CW_ACTIONS_MAX);
    json_array_foreach (value, i, one) {
        if (rc == CW_OK)
            rc = read_one(deliveries, artifact, one, err);
    }
    return rc;
}

static int read_deliveries(json_t *deliveries, const json_t *question, const json_t *values,
                           struct cw_err *err)
{
    const json_t *artifacts = json_object_get(question, "artifacts");
    bool partial = json_is_true(json_object_get(question, "partial"));
    json_t *artifact;
    size_t i;
    int rc = CW_OK;

    json_array_foreach (artifacts, i, artifact) {
        if (rc == CW_OK && !(partial && is_nothing(json_array_get(values, i))))
            rc = read_artifact(deliveries, artifact, json_array_get(values, i), err);
    }
    return rc;
}

static int read_answer(json_t *made, const json_t *value, const json_t *question, struct cw_err *err)
{
    int rc;

    if (!json_is_object(value))
        return cw_err_set(err, CW_E_VERIFY, "gave no actions");
    rc = read_stages(json_object_get(made, "actions"), value, err);
    if (rc == CW_OK)
        rc = read_deliveries(json_object_get(made, "deliveries"), question,
                             json_object_get(value, "deliveries"), err);
    return rc;
}

int cw_policy_actions(json_t **answer, const struct cw_policy *policy, const json_t *question,
                      struct cw_err *err)
{
    json_auto_t *args = json_pack("[O]", (json_t *)question);
    json_auto_t *made = json_pack("{s:{}, s:[]}", "actions", "deliveries");
    json_auto_t *value = NULL;
    struct cw_err why;
    int rc;

    *answer = NULL;
    cw_err_clear(&why);
    if (args == NULL || made == NULL)
        return cw_err_nomem(err);
    rc = ask(&value, policy, "causeway.actions", args, &why);
    if (rc == CW_OK) {
        rc = read_answer(made, value, question, &why);
        if (rc != CW_OK)
            cw_err_prefix(&why, "%s", policy->name);
    }
    if (rc != CW_OK)
        return cw_err_set(err, is_broken(rc) || rc == CW_E_HELD ? CW_E_HELD : rc, "%s", why.text);
    *answer = json_incref(made);
    return CW_OK;
}

static bool is_word(char c)
{
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Behind the comment or the text in quotes that begins here; `at` itself where none does. */
static const char *skip_prose(const char *at)
{
    bool comment = cw_str_starts(at, "--");
    const char *end;

    if (cw_str_starts(comment ? at + 2 : at, "[[")) {
        end = strstr(at, "]]");
        return end != NULL ? end + 2 : at + strlen(at);
    }
    if (comment)
        return at + strcspn(at, "\n");
    if (*at != '"' && *at != '\'')
        return at;
    for (end = at + 1; *end != '\0' && *end != *at && *end != '\n'; end++)
        end += end[0] == '\\' && end[1] != '\0';
    return *end != '\0' ? end + 1 : end;
}

/* A word of the policy with those before it. */
struct words {
    const char *at; /* where to go on */
    const char *word, *last, *last_but_one;
    size_t len;
};

static bool next_word(struct words *words)
{
    const char *at = words->at, *next;

    while (*at != '\0' && ((next = skip_prose(at)) != at || !is_word(*at)))
        at = next != at ? next : at + 1;
    words->last_but_one = words->last;
    words->last = words->word;
    words->word = at;
    for (words->len = 0; is_word(at[words->len]); words->len++)
        ;
    words->at = at + words->len;
    return words->len > 0;
}

static bool is(const char *word, const char *name)
{
    return word != NULL && cw_str_starts(word, name) && !is_word(word[strlen(name)]);
}

/* A field's name, in a table or behind a dot. */
static bool names_field(const struct words *words, const char *start)
{
    const char *behind = words->at + strspn(words->at, " \t\n");

    return (behind[0] == '=' && behind[1] != '=') || (words->word > start && words->word[-1] == '.');
}

/* How often a name stands in the policy as a word of its own. */
static size_t count_word(const struct cw_buf *text, const char *name)
{
    struct words words = {.at = cw_buf_text(text)};
    size_t count = 0;

    while (next_word(&words))
        count += is(words.word, name);
    return count;
}

bool cw_policy_find_local(const char **name, size_t *line, const struct cw_policy *policy)
{
    static const char *const asked[] = {"decide", "before", "stage", "check", "after", "undo", "deliver"};
    const char *start = cw_buf_text(&policy->text);

    for (size_t i = 0; i < CW_COUNT(asked); i++) {
        struct words words = {.at = start};
        const char *local = NULL;
        size_t uses = 0;

        while (next_word(&words)) {
            if (!is(words.word, asked[i]) || names_field(&words, start))
                continue;
            uses++;
            if (is(words.last, "function") && is(words.last_but_one, "local"))
                local = words.word;
        }
        if (local == NULL || uses != 1)
            continue;
        *name = asked[i];
        *line = 1;
        for (const char *p = start; p < local; p++)
            *line += *p == '\n';
        return true;
    }
    return false;
}

int cw_policy_find_unused(char out[CW_POLICY_NAME_MAX], const struct cw_policy *policy, struct cw_err *err)
{
    json_auto_t *names = NULL;
    json_t *name;
    struct cw_err why;
    size_t i;
    int rc;

    out[0] = '\0';
    cw_err_clear(&why);
    rc = ask(&names, policy, "causeway.functions", NULL, &why);
    if (rc != CW_OK)
        return cw_err_set(err, is_broken(rc) ? CW_E_HELD : rc, "%s", why.text);
    json_array_foreach (names, i, name) {
        const char *text = json_string_value(name);

        if (text != NULL && text[0] != '\0' && count_word(&policy->text, text) == 1) {
            cw_reason_set(out, CW_POLICY_NAME_MAX, text);
            break;
        }
    }
    return CW_OK;
}
