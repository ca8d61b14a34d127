/* SPDX-License-Identifier: ISC */
/*
 * Requests to devices, as a child process does them: see sync/deploy/request.h.
 */
#include "sync/deploy/request.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "codec/json.h"
#include "fs/root.h"
#include "http/send.h"
#include "sync/deploy/action.h"

#define ANSWER_MAX ((size_t)8 * 1024) /* of an answer: devices say "ok", or which version they run */
#define AGAIN_MS 100 /* from one question to the next to a device that restarts; then twice that, … */
#define AGAIN_MAX_MS 1000

static int open_file(int *fd, const char *path, struct stat *st, struct cw_err *err)
{
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (*fd < 0)
        return cw_err_errno(err, errno, "unable to open '%s'", path);
    if (fstat(*fd, st) != 0 || !S_ISREG(st->st_mode))
        return cw_err_set(err, CW_E_FAIL, "'%s' is not a regular file", path);
    return CW_OK;
}

int cw_request_read_token(char *out, const char *path, struct cw_err *err)
{
    CW_AUTO_FD int fd = -1;
    struct stat st;
    ssize_t n;
    int rc = open_file(&fd, path, &st, err);

    if (rc == CW_OK && (st.st_mode & S_IROTH) != 0)
        rc = cw_err_set(err, CW_E_FAIL, "everyone may read the token '%s': run chmod o-r '%s'", path, path);
    if (rc != CW_OK)
        return rc;
    n = cw_fd_read(fd, out, CW_HTTP_BEARER_MAX + 1);
    if (n < 0)
        return cw_err_errno(err, errno, "unable to read '%s'", path);
    while (n > 0 && (out[n - 1] == '\n' || out[n - 1] == '\r'))
        n--;
    if (n > CW_HTTP_BEARER_MAX)
        return cw_err_set(err, CW_E_FAIL, "'%s' is longer than a token of %d bytes", path,
                          CW_HTTP_BEARER_MAX);
    if (memchr(out, '\0', (size_t)n) != NULL)
        return cw_err_set(err, CW_E_FAIL, "'%s' is not a line of text", path);
    out[n] = '\0';
    rc = cw_http_token_check(out, err);
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "%s", path);
}

/* Is it a status that the action asks for? */
static bool is_wanted(const json_t *action, long status)
{
    const json_t *wanted = json_object_get(action, "status");
    json_t *code;
    size_t i;

    json_array_foreach (wanted, i, code) {
        if (json_integer_value(code) == status)
            return true;
    }
    return wanted == NULL && status >= 200 && status <= 299;
}

/* True when the answer is what was asked for; else it says in `why` what is not. */
static bool judge(char why[512], const json_t *action, long status, const struct cw_buf *answer)
{
    const char *contains = cw_json_text_or_null(action, "contains");
    size_t len = answer->len < ANSWER_MAX ? answer->len : ANSWER_MAX;

    if (!is_wanted(action, status)) {
        snprintf(why, 512, "the answer has HTTP status %ld%s", status,
                 status >= 300 && status <= 399 ? ", and no redirect is followed" : "");
        return false;
    }
    if (contains != NULL && (len == 0 || memmem(answer->data, len, contains, strlen(contains)) == NULL)) {
        snprintf(why, 512, "HTTP status %ld, but the answer does not contain '%.200s'", status, contains);
        return false;
    }
    return true;
}

static bool ask(char why[512], struct cw_buf *answer, const json_t *action, const char *token,
                unsigned seconds)
{
    const char *method = cw_action_method(action), *file = cw_json_text_or_null(action, "file");
    struct cw_http_request request = {.body = -1,
                                      .text = cw_json_text_or_null(action, "body"),
                                      .token = token,
                                      .ca_file = cw_json_text_or_null(action, "ca_file"),
                                      .seconds = seconds};
    CW_AUTO_FD int body = -1;
    struct cw_err err = {0};
    struct stat st;
    char upper[8] = "";
    long status = 0;
    int rc = file != NULL ? open_file(&body, file, &st, &err) : CW_OK;

    for (size_t i = 0; method[i] != '\0' && i + 1 < sizeof upper; i++)
        upper[i] = (char)(method[i] - 'a' + 'A');
    request.method = upper;
    request.url = cw_json_text_or_null(action, method);
    request.type = request.text != NULL ? "text/plain; charset=utf-8" : NULL;
    cw_buf_reset(answer);
    if (rc == CW_OK && file != NULL) {
        request.body = body;
        request.length = (uint64_t)st.st_size;
    }
    if (rc == CW_OK)
        rc = cw_http_send(&status, answer, &request, &err);
    if (rc != CW_OK) {
        snprintf(why, 512, "%.500s", err.text);
        return false;
    }
    return judge(why, action, status, answer);
}

/* A device that was given new firmware is away for a while, then comes back as what it was or as what it should
 * be: a get is asked again as long as there is time. Nothing that changes the device is ever sent twice. */
static bool ask_until(char why[512], struct cw_buf *answer, const json_t *action, const char *token)
{
    int64_t left = json_integer_value(json_object_get(action, "timeout")) * 1000,
            end = cw_clock_monotonic_ms() + left;
    bool repeats = strcmp(cw_action_method(action), "get") == 0;

    for (int wait = AGAIN_MS;; wait = wait < AGAIN_MAX_MS / 2 ? 2 * wait : AGAIN_MAX_MS) {
        unsigned seconds = (unsigned)((left + 999) / 1000);

        if (ask(why, answer, action, token, seconds))
            return true;
        left = end - cw_clock_monotonic_ms();
        if (!repeats || left <= wait)
            return false;
        (void)poll(NULL, 0, wait);
        left = end - cw_clock_monotonic_ms();
        if (left <= 0)
            return false;
    }
}

/* Some servers say back what they were sent. So much is read behind what is told that a token which begins in that is here as a
 * whole. */
static void hide(struct cw_buf *answer, const char *token)
{
    size_t len = strlen(token);
    char *at = answer->data;

    while (len > 0 && at != NULL &&
           (at = memmem(at, answer->len - (size_t)(at - answer->data), token, len)) != NULL)
        at = (char *)memset(at, '*', len) + len;
}

int cw_request_make(const json_t *action)
{
    char token[CW_HTTP_BEARER_MAX + 1] = "", why[512] = "";
    const char *token_file = cw_json_text_or_null(action, "token_file");
    CW_AUTO_BUF answer = CW_BUF_INIT(ANSWER_MAX + CW_HTTP_BEARER_MAX);
    struct cw_err err = {0};
    bool good;

    if (token_file != NULL && cw_request_read_token(token, token_file, &err) != CW_OK) {
        dprintf(1, "%s\n", err.text);
        return 1;
    }
    good = ask_until(why, &answer, action, token_file != NULL ? token : NULL);
    hide(&answer, token);
    explicit_bzero(token, sizeof token);
    if (!good)
        dprintf(1, "%s\n", why);
    if (answer.len > 0)
        (void)cw_fd_write_all(1, answer.data, answer.len < ANSWER_MAX ? answer.len : ANSWER_MAX,
                              "standard output", NULL);
    return good ? 0 : 1;
}
