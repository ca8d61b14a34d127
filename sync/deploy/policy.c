/* SPDX-License-Identifier: ISC */
/*
 * Asking policy.lua. What comes back is checked field by field: the library's words are only the comfortable
 * way to build it, and a policy may return anything.
 */
#include "sync/deploy/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "codec/json.h"
#include "fs/root.h"
#include "sync/library.h"

#define POLICY_FILE "policy.lua"
#define TIMEOUT_DEFAULT 60 /* seconds a check may take unless it says otherwise */
#define TIMEOUT_MAX 3600   /* a check that needs more keeps the site between two states for too long */

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

static int check_argv(const json_t *argv, struct cw_err *err)
{
    json_t *word;
    size_t i;

    if (json_array_size(argv) == 0 || json_array_size(argv) > CW_ACTION_ARGS_MAX)
        return cw_err_set(err, CW_E_VERIFY, "run: a command has 1 to %d words", CW_ACTION_ARGS_MAX);
    json_array_foreach (argv, i, word) {
        if (!json_is_string(word) || strlen(json_string_value(word)) != json_string_length(word))
            return cw_err_set(err, CW_E_VERIFY, "run: word %zu is not a text", i);
    }
    if (json_string_value(json_array_get(argv, 0))[0] != '/')
        return cw_err_set(err, CW_E_VERIFY, "run: the command is not an absolute path");
    return CW_OK;
}

/* {"run": […], "timeout": "60s"} as the policy said it → {"run": […], "timeout": seconds}, appended to
 * actions. */
static int add_action(json_t *actions, const json_t *value, struct cw_err *err)
{
    static const char *const fields[] = {"run", "timeout", NULL};
    const char *timeout = NULL;
    int64_t seconds = TIMEOUT_DEFAULT;
    json_t *argv;
    int rc;

    if (!json_is_object(value))
        return cw_err_set(err, CW_E_VERIFY, "is not an action like run { \"/bin/true\" }");
    rc = cw_json_only(value, fields, err);
    if (rc == CW_OK)
        rc = cw_json_get_array(&argv, value, "run", err);
    if (rc == CW_OK)
        rc = check_argv(argv, err);
    if (rc == CW_OK)
        rc = cw_json_opt_str(&timeout, value, "timeout", err);
    if (rc == CW_OK && timeout != NULL)
        rc = cw_duration_parse(&seconds, timeout, err);
    if (rc != CW_OK)
        return rc;
    if (seconds < 1 || seconds > TIMEOUT_MAX)
        return cw_err_set(err, CW_E_VERIFY, "run: timeout '%s' is not between 1s and 1h", timeout);
    if (json_array_append_new(actions, json_pack("{s:O,s:I}", "run", argv, "timeout", (json_int_t)seconds)) !=
        0)
        return cw_err_nomem(err);
    return CW_OK;
}

static int read_actions(json_t *actions, const json_t *value, struct cw_err *err)
{
    json_t *item;
    size_t i;
    int rc = CW_OK;

    if (json_is_null(value))
        return CW_OK;
    if (!json_is_array(value))
        return cw_err_set(err, CW_E_VERIFY, "check() returned something else than a list of actions");
    if (json_array_size(value) > CW_ACTIONS_MAX)
        return cw_err_set(err, CW_E_VERIFY, "check() returned more than %d actions", CW_ACTIONS_MAX);
    json_array_foreach (value, i, item) {
        rc = add_action(actions, item, err);
        if (rc != CW_OK)
            return cw_err_prefix(err, "check(): action %zu", i + 1);
    }
    return rc;
}

int cw_policy_check(json_t **actions, const struct cw_policy *policy, const json_t *release,
                    struct cw_err *err)
{
    json_auto_t *args = json_pack("[O]", (json_t *)release);
    json_auto_t *made = json_array();
    json_auto_t *value = NULL;
    struct cw_err why;
    int rc;

    *actions = NULL;
    cw_err_clear(&why);
    if (args == NULL || made == NULL)
        return cw_err_nomem(err);
    rc = ask(&value, policy, "check", args, &why);
    if (rc == CW_E_NOTFOUND)
        rc = CW_OK;
    else if (rc == CW_OK) {
        rc = read_actions(made, value, &why);
        if (rc != CW_OK)
            cw_err_prefix(&why, "%s", policy->name);
    }
    if (rc != CW_OK)
        return cw_err_set(err, is_broken(rc) ? CW_E_HELD : rc, "%s", why.text);
    *actions = json_incref(made);
    return CW_OK;
}
