/* SPDX-License-Identifier: ISC */
/*
 * Reading actions: see sync/deploy/action.h. They come out of the jail, so every field is checked, whatever the
 * library's words did before.
 */
#include "sync/deploy/action.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "codec/json.h"
#include "http/send.h"

#define NAME_BYTES_MAX 64 /* of users, groups and variables */
#define SHOWN_MAX 200     /* bytes of a described action */
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
#define DIGITS "0123456789"

static const char *const methods[] = {"get", "post", "put"};

const char *cw_action_method(const json_t *action)
{
    for (size_t i = 0; i < CW_COUNT(methods); i++) {
        if (json_object_get(action, methods[i]) != NULL)
            return methods[i];
    }
    return NULL;
}

bool cw_action_is_request(const json_t *action)
{
    return cw_action_method(action) != NULL;
}

/* A text without NUL bytes in it, which would end it early for the system. */
static bool is_text(const json_t *value)
{
    return json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value);
}

static bool is_name(const char *text, const char *more)
{
    size_t i, len = strlen(text);

    for (i = 0; i < len && (strchr(LETTERS, text[i]) != NULL || (i > 0 && strchr(more, text[i]) != NULL));
         i++)
        ;
    return len > 0 && len <= NAME_BYTES_MAX && i == len;
}

static int check_argv(const json_t *argv, struct cw_err *err)
{
    json_t *word;
    size_t i;

    if (json_array_size(argv) == 0 || json_array_size(argv) > CW_ACTION_ARGS_MAX)
        return cw_err_set(err, CW_E_VERIFY, "run: a command has 1 to %d words", CW_ACTION_ARGS_MAX);
    json_array_foreach (argv, i, word) {
        if (!is_text(word))
            return cw_err_set(err, CW_E_VERIFY, "run: word %zu is not a text", i);
    }
    if (json_string_value(json_array_get(argv, 0))[0] != '/')
        return cw_err_set(err, CW_E_VERIFY, "run: the command is not an absolute path");
    return CW_OK;
}

static int take_timeout(json_t *made, const json_t *value, struct cw_err *err)
{
    const char *text = NULL;
    int64_t seconds = CW_ACTION_TIMEOUT;
    int rc = cw_json_opt_str(&text, value, "timeout", err);

    if (rc == CW_OK && text != NULL)
        rc = cw_duration_parse(&seconds, text, err);
    if (rc != CW_OK)
        return rc;
    if (seconds < 1 || seconds > CW_ACTION_TIMEOUT_MAX)
        return cw_err_set(err, CW_E_VERIFY, "timeout '%s' is not between 1s and 1h", text);
    return json_object_set_new(made, "timeout", json_integer(seconds)) == 0 ? CW_OK : cw_err_nomem(err);
}

/* One code or a list of them, each between min and max. */
static int take_codes(json_t *made, const json_t *value, const char *key, int64_t min, int64_t max,
                      struct cw_err *err)
{
    json_t *codes = json_object_get(value, key), *code;
    json_auto_t *list = json_is_integer(codes) ? json_pack("[O]", codes) : json_incref(codes);
    size_t i;

    if (codes == NULL)
        return CW_OK;
    if (list == NULL)
        return cw_err_nomem(err);
    if (json_array_size(list) == 0 || json_array_size(list) > CW_ACTION_CODES_MAX)
        return cw_err_set(err, CW_E_VERIFY, "'%s' is neither a number nor a list of 1 to %d of them", key,
                          CW_ACTION_CODES_MAX);
    json_array_foreach (list, i, code) {
        if (!json_is_integer(code) || json_integer_value(code) < min || json_integer_value(code) > max)
            return cw_err_set(err, CW_E_VERIFY,
                              "'%s' has an entry that is not a number between %lld and %lld", key,
                              (long long)min, (long long)max);
    }
    return json_object_set(made, key, list) == 0 ? CW_OK : cw_err_nomem(err);
}

static int take_text(json_t *made, const json_t *value, const char *key, struct cw_err *err)
{
    json_t *text = json_object_get(value, key);

    if (text == NULL)
        return CW_OK;
    if (!is_text(text) || json_string_length(text) == 0)
        return cw_err_set(err, CW_E_VERIFY, "'%s' is not a text", key);
    return json_object_set(made, key, text) == 0 ? CW_OK : cw_err_nomem(err);
}

static int take_path(json_t *made, const json_t *value, const char *key, struct cw_err *err)
{
    int rc = take_text(made, value, key, err);
    const char *path = json_string_value(json_object_get(made, key));

    if (rc == CW_OK && path != NULL && path[0] != '/')
        return cw_err_set(err, CW_E_VERIFY, "%s '%.200s' is not an absolute path", key, path);
    return rc;
}

static int take_account(json_t *made, const json_t *value, const char *key, struct cw_err *err)
{
    int rc = take_text(made, value, key, err);
    const char *name = json_string_value(json_object_get(made, key));

    if (rc == CW_OK && name != NULL && !is_name(name, DIGITS ".-"))
        return cw_err_set(err, CW_E_VERIFY, "%s '%.100s' is not the name of one", key, name);
    return rc;
}

/* Names that say what the program itself has to say stay its own. */
static int take_env(json_t *made, const json_t *value, struct cw_err *err)
{
    json_t *env = json_object_get(value, "env"), *text;
    const char *name;

    if (env == NULL || (json_is_array(env) && json_array_size(env) == 0))
        return CW_OK;
    if (!json_is_object(env) || json_object_size(env) > CW_ACTION_ENV_MAX)
        return cw_err_set(err, CW_E_VERIFY, "'env' is not a table of at most %d names", CW_ACTION_ENV_MAX);
    json_object_foreach (env, name, text) {
        if (!is_name(name, DIGITS) || cw_str_starts(name, "CAUSEWAY_"))
            return cw_err_set(
                err, CW_E_VERIFY,
                "env: '%.100s' is no name for a variable: letters, digits and '_', not beginning "
                "with CAUSEWAY_",
                name);
        if (!is_text(text))
            return cw_err_set(err, CW_E_VERIFY, "env: '%s' is not a text", name);
    }
    return json_object_set(made, "env", env) == 0 ? CW_OK : cw_err_nomem(err);
}

static int read_command(json_t *made, const json_t *value, struct cw_err *err)
{
    static const char *const fields[] = {"run", "timeout", "exit", "env", "user", "group", "dir", NULL};
    json_t *argv;
    int rc = cw_json_only(value, fields, err);

    if (rc == CW_OK)
        rc = cw_json_get_array(&argv, value, "run", err);
    if (rc == CW_OK)
        rc = check_argv(argv, err);
    if (rc == CW_OK && json_object_set(made, "run", argv) != 0)
        rc = cw_err_nomem(err);
    if (rc == CW_OK)
        rc = take_timeout(made, value, err);
    if (rc == CW_OK)
        rc = take_codes(made, value, "exit", 0, 255, err);
    if (rc == CW_OK)
        rc = take_env(made, value, err);
    if (rc == CW_OK)
        rc = take_account(made, value, "user", err);
    if (rc == CW_OK)
        rc = take_account(made, value, "group", err);
    return rc == CW_OK ? take_path(made, value, "dir", err) : rc;
}

/* What is sent: one thing, and for a get nothing. */
static int take_body(json_t *made, const json_t *value, const char *method, const char *file,
                     struct cw_err *err)
{
    json_t *body = json_object_get(value, "body");
    int rc = take_path(made, value, "file", err);
    bool has_file = json_object_get(made, "file") != NULL;

    if (rc != CW_OK)
        return rc;
    if (body != NULL && !is_text(body))
        return cw_err_set(err, CW_E_VERIFY, "'body' is not a text");
    if (strcmp(method, "get") == 0)
        return body == NULL && !has_file ? CW_OK : cw_err_set(err, CW_E_VERIFY, "a get sends nothing");
    if (body != NULL && has_file)
        return cw_err_set(err, CW_E_VERIFY, "both 'file' and 'body' are named: one is sent");
    if (body == NULL && !has_file && file == NULL)
        return cw_err_set(err, CW_E_VERIFY, "it does not say what is sent: name 'file' or 'body'");
    if (body != NULL)
        return json_object_set(made, "body", body) == 0 ? CW_OK : cw_err_nomem(err);
    return has_file || json_object_set_new(made, "file", json_string(file)) == 0 ? CW_OK : cw_err_nomem(err);
}

static int read_request(json_t *made, const json_t *value, const char *method, const char *file,
                        struct cw_err *err)
{
    const char *const fields[] = {method,       "timeout", "status",   "file", "body",
                                  "token_file", "ca_file", "contains", NULL};
    const char *url;
    int rc = cw_json_only(value, fields, err);

    if (rc == CW_OK)
        rc = cw_json_get_str(&url, value, method, err);
    if (rc == CW_OK)
        rc = cw_http_url_check(url, err);
    if (rc == CW_OK && json_object_set_new(made, method, json_string(url)) != 0)
        rc = cw_err_nomem(err);
    if (rc == CW_OK)
        rc = take_timeout(made, value, err);
    if (rc == CW_OK)
        rc = take_codes(made, value, "status", 100, 599, err);
    if (rc == CW_OK)
        rc = take_body(made, value, method, file, err);
    if (rc == CW_OK)
        rc = take_path(made, value, "token_file", err);
    if (rc == CW_OK)
        rc = take_path(made, value, "ca_file", err);
    return rc == CW_OK ? take_text(made, value, "contains", err) : rc;
}

static int check_size(const json_t *action, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_ACTION_BYTES_MAX);

    if (cw_json_format_line(&text, action, NULL) == CW_OK)
        return CW_OK;
    return cw_err_set(err, CW_E_VERIFY, "an action is longer than %zu bytes: put what it needs into a file",
                      CW_ACTION_BYTES_MAX);
}

int cw_action_read(json_t **action, const json_t *value, enum cw_action_place place, const char *file,
                   struct cw_err *err)
{
    const char *method = cw_action_method(value);
    json_auto_t *made = json_object();
    int rc = made != NULL ? CW_OK : cw_err_nomem(err);

    *action = NULL;
    if (rc == CW_OK && !json_is_object(value))
        rc = cw_err_set(err, CW_E_VERIFY, "is not an action like run { \"/bin/true\" }");
    else if (rc == CW_OK && method != NULL && place == CW_ACTION_COMMAND)
        rc = cw_err_set(err, CW_E_VERIFY, "%s belongs into a delivery: here is run { … }", method);
    else if (rc == CW_OK && method != NULL && place == CW_ACTION_SEND && strcmp(method, "get") == 0)
        rc = cw_err_set(err, CW_E_VERIFY, "get delivers nothing: put { … }, post { … } or run { … }");
    else if (rc == CW_OK)
        rc = method != NULL ? read_request(made, value, method, file, err) : read_command(made, value, err);
    if (rc == CW_OK)
        rc = check_size(made, err);
    if (rc == CW_OK)
        *action = json_incref(made);
    return rc;
}

int cw_action_read_list(json_t *actions, const json_t *value, const char *function, struct cw_err *err)
{
    json_t *item;
    size_t i;

    if (value == NULL || json_is_null(value))
        return CW_OK;
    if (!json_is_array(value))
        return cw_err_set(err, CW_E_VERIFY, "%s() returned something else than a list of actions", function);
    if (json_array_size(value) > CW_ACTIONS_MAX)
        return cw_err_set(err, CW_E_VERIFY, "%s() returned more than %d actions", function, CW_ACTIONS_MAX);
    json_array_foreach (value, i, item) {
        json_t *action;
        int rc = cw_action_read(&action, item, CW_ACTION_COMMAND, NULL, err);

        if (rc != CW_OK)
            return cw_err_prefix(err, "%s(): action %zu", function, i + 1);
        if (json_array_append_new(actions, action) != 0)
            return cw_err_nomem(err);
    }
    return CW_OK;
}

static void describe_command(struct cw_buf *text, const json_t *action)
{
    const char *user = json_string_value(json_object_get(action, "user"));
    const char *group = json_string_value(json_object_get(action, "group"));
    json_t *word;
    size_t i;

    json_array_foreach (json_object_get(action, "run"), i, word) {
        cw_buf_adds(text, i > 0 ? " " : "");
        cw_buf_adds(text, json_string_value(word) != NULL ? json_string_value(word) : "?");
    }
    if (text->len > 180)
        return;
    if (user != NULL || group != NULL)
        cw_buf_addf(text, " (as %s%s%s)", user != NULL ? user : "", group != NULL ? ":" : "",
                    group != NULL ? group : "");
}

static void describe_request(struct cw_buf *text, const json_t *action, const char *method)
{
    const char *file = json_string_value(json_object_get(action, "file"));

    for (const char *c = method; *c != '\0'; c++)
        cw_buf_addc(text, (char)(*c - 'a' + 'A'));
    cw_buf_addf(text, " %s", json_string_value(json_object_get(action, method)));
    if (file != NULL)
        cw_buf_addf(text, " < %s", cw_str_basename(file));
}

void cw_action_describe(char out[CW_ACTION_DESCRIBED_MAX], const json_t *action)
{
    CW_AUTO_BUF text = CW_BUF_INIT(4 * CW_ACTION_BYTES_MAX);
    const char *method = cw_action_method(action);

    if (method != NULL)
        describe_request(&text, action, method);
    else
        describe_command(&text, action);
    cw_str_visible(out, SHOWN_MAX, cw_buf_text(&text));
    if (text.len >= SHOWN_MAX)
        memcpy(out + strlen(out), "…", sizeof "…");
}
