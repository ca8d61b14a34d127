/* SPDX-License-Identifier: ISC */
/*
 * The head of an answer: does it bring the file that was asked for, from which byte on, or does it lead elsewhere?
 */
#include "http/answer.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"

#define REDIRECTS_MAX 5
#define RESTARTS_MAX 2
#define WORTH_ASKING (UINT64_C(64) << 10) /* bytes here; of fewer, the whole is cheaper than a request more */
#define DATE_APART 60 /* seconds that the date must be older than the answer to be a strong validator */

static bool is_header(const char *line, size_t len, const char *name, char *value, size_t room)
{
    size_t at = strlen(name), end = len;

    if (len <= at || strncasecmp(line, name, at) != 0)
        return false;
    while (at < end && (line[at] == ' ' || line[at] == '\t'))
        at++;
    while (end > at && isspace((unsigned char)line[end - 1]))
        end--;
    if (end - at >= room)
        return false;
    memcpy(value, line + at, end - at);
    value[end - at] = '\0';
    return true;
}

/* "bytes 5-9/10"; what is not of that form counts as absent. */
static void note_range(struct cw_transfer_run *run, const char *value)
{
    char *end;

    if (!cw_str_starts(value, "bytes ") || !isdigit((unsigned char)value[6]))
        return;
    run->start = strtoull(value + 6, &end, 10);
    if (*end != '-')
        return;
    (void)strtoull(end + 1, &end, 10);
    if (*end != '/')
        return;
    run->total = end[1] == '*' ? UINT64_MAX : strtoull(end + 1, NULL, 10);
    run->has_range = true;
}

/* A weak one (W/"...") does not say that the bytes are the same. */
static void note_etag(struct cw_transfer_run *run, const char *value)
{
    size_t len = strlen(value);

    run->has_etag = true;
    run->etag[0] = '\0';
    if (len >= 2 && value[0] == '"' && strcspn(value + 1, "\"\r\n") == len - 2 && value[len - 1] == '"')
        memcpy(run->etag, value, len + 1);
}

void cw_answer_clear(struct cw_transfer_run *run)
{
    run->etag[0] = run->modified[0] = '\0';
    run->has_etag = run->has_range = run->joined = false;
    run->date = -1;
}

void cw_answer_header(struct cw_transfer *transfer, const char *line, size_t len)
{
    struct cw_transfer_run *run = &transfer->run;
    char value[CW_HTTP_VALIDATOR_MAX] = "";

    if (len > 5 &&
        strncasecmp(line, "HTTP/", 5) == 0) /* of the final answer: a 100 Continue may precede it */
        cw_answer_clear(run);
    else if (len >= 5 && strncasecmp(line, "etag:", 5) == 0)
        note_etag(run, is_header(line, len, "etag:", value, sizeof value) ? value : "");
    else if (is_header(line, len, "content-range:", value, sizeof value))
        note_range(run, value);
    else if (is_header(line, len, "date:", value, sizeof value))
        run->date = (int64_t)curl_getdate(value, NULL);
    else if (is_header(line, len, "last-modified:", value, sizeof value))
        memcpy(run->modified, value, sizeof value);
}

/* RFC 9110, section 8.8: the strong ETag; where there is none at all, the date of a file that was not changed lately, for one
 * second may see two files. "": neither. */
static const char *validator(const struct cw_transfer_run *run)
{
    int64_t modified;

    if (run->has_etag || run->modified[0] == '\0')
        return run->etag;
    modified = (int64_t)curl_getdate(run->modified, NULL);
    return modified >= 0 && run->date - modified >= DATE_APART ? run->modified : "";
}

static const char *asked(const struct cw_transfer *t)
{
    return t->run.location != NULL ? t->run.location : t->url;
}

static void shown(char text[CW_HTTP_SHOWN_MAX], const struct cw_transfer *t)
{
    cw_http_shown(text, t->url);
}

static bool names_a_page(const char *url)
{
    size_t len = strcspn(url, "?#");

    return (len >= 5 && strncasecmp(url + len - 5, ".html", 5) == 0) ||
           (len >= 4 && strncasecmp(url + len - 4, ".htm", 4) == 0);
}

/* A login page of a hotel's or plant's network answers every question. */
static int check_page(struct cw_transfer *t, CURL *curl, curl_off_t length, struct cw_err *err)
{
    char own[CW_HTTP_SHOWN_MAX], there[CW_HTTP_SHOWN_MAX];
    const char *type = NULL;

    curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
    if (type == NULL ||
        (strncasecmp(type, "text/html", 9) != 0 && strncasecmp(type, "application/xhtml", 17) != 0) ||
        names_a_page(t->url) || (length >= 0 && (uint64_t)length == t->length))
        return CW_OK;
    shown(own, t);
    cw_http_shown(there, asked(t));
    t->run.hopeless = true;
    return cw_err_set(
        err, CW_E_TEMP,
        "got a web page (HTML) instead of '%.400s'%s%.300s%s: does this network want a login first?", own,
        t->run.location != NULL ? ", after a redirect to '" : "", t->run.location != NULL ? there : "",
        t->run.location != NULL ? "'" : "");
}

static int too_long(const struct cw_transfer *t, struct cw_err *err)
{
    char own[CW_HTTP_SHOWN_MAX];

    shown(own, t);
    return cw_err_set(err, CW_E_VERIFY, "'%s' is larger than the %" PRIu64 " bytes expected", own, t->length);
}

static int check_length(const struct cw_transfer *t, uint64_t total, struct cw_err *err)
{
    char own[CW_HTTP_SHOWN_MAX];

    if (total > t->length)
        return too_long(t, err);
    if (t->at_most || total == t->length)
        return CW_OK;
    shown(own, t);
    return cw_err_set(err, CW_E_VERIFY,
                      "'%s' has %" PRIu64 " bytes at this server, not the %" PRIu64 " expected", own, total,
                      t->length);
}

/* What is here cannot be gone on with: the whole file is asked for. */
static int restart(struct cw_transfer *t, struct cw_err *err)
{
    char own[CW_HTTP_SHOWN_MAX];

    shown(own, t);
    t->have = 0;
    t->validator[0] = '\0';
    t->run.again = t->until == 0 && ++t->run.restarts <= RESTARTS_MAX;
    return cw_err_set(err, CW_E_VERIFY,
                      "'%s': the server answers a range with other bytes than were asked for", own);
}

/* The whole comes, of what has another name to this server than before. Is it worth a request to have the rest alone? */
static bool wants_rest(const struct cw_transfer *t)
{
    return t->run.conditional && t->checked && t->have >= WORTH_ASKING &&
           strcmp(validator(&t->run), t->validator) != 0;
}

static int ask_for_rest(struct cw_transfer *t, struct cw_err *err)
{
    char own[CW_HTTP_SHOWN_MAX];

    shown(own, t);
    t->run.unconditional = t->run.again = true;
    return cw_err_set(err, CW_E_TEMP, "'%s': the server has other validators than before", own);
}

static int judge_range(struct cw_transfer *t, struct cw_err *err)
{
    struct cw_transfer_run *run = &t->run;
    const char *now = validator(run);
    char own[CW_HTTP_SHOWN_MAX];

    if (!run->ranged) {
        shown(own, t);
        return cw_err_set(err, CW_E_FAIL, "unable to get '%s': HTTP status 206, but no range was asked for",
                          own);
    }
    run->joined = run->conditional && (now[0] == '\0' || strcmp(now, t->validator) == 0);
    if (!run->has_range || run->start != t->have || (!run->joined && !t->checked))
        return restart(t, err);
    return run->total == UINT64_MAX ? CW_OK : check_length(t, run->total, err);
}

int cw_answer_judge(struct cw_transfer *t, CURL *curl, struct cw_err *err)
{
    curl_off_t length = -1;
    long status = 0;
    int rc;

    t->run.judged = true;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    if (status == 416 && t->have > 0)
        return restart(t, err);
    t->run.is_error = status != 200 && status != 206;
    if (t->run.is_error)
        return CW_OK; /* its page is read past; judged at its end */
    rc = check_page(t, curl, length, err);
    if (rc == CW_OK && status == 206)
        rc = judge_range(t, err);
    else if (rc == CW_OK && length >= 0)
        rc = check_length(t, (uint64_t)length, err);
    if (rc == CW_OK && status == 200 && wants_rest(t))
        rc = ask_for_rest(t, err);
    if (rc != CW_OK)
        return rc;
    if (status == 200)
        t->have = 0;
    if (!t->run.joined) /* else it may not have said it again */
        snprintf(t->validator, sizeof t->validator, "%s", validator(&t->run));
    return t->calls->begin(t, t->have, err);
}

/* The part of a URL, "" where it has none; to be freed with curl_free(). */
static char *part(CURLU *url, CURLUPart what)
{
    char *text = NULL;

    return curl_url_get(url, what, &text, CURLU_DEFAULT_PORT) == CURLUE_OK ? text : NULL;
}

static bool same_part(CURLU *a, CURLU *b, CURLUPart what)
{
    char *of_a = part(a, what), *of_b = part(b, what);
    bool same = of_a != NULL && of_b != NULL && strcasecmp(of_a, of_b) == 0;

    curl_free(of_a);
    curl_free(of_b);
    return same;
}

static bool same_origin(CURLU *a, CURLU *b)
{
    return same_part(a, b, CURLUPART_SCHEME) && same_part(a, b, CURLUPART_HOST) &&
           same_part(a, b, CURLUPART_PORT);
}

bool cw_answer_is_elsewhere(const struct cw_transfer *t)
{
    CURLU *own, *there;
    bool same;

    if (t->run.location == NULL)
        return false;
    own = curl_url();
    there = curl_url();
    same = own != NULL && there != NULL && curl_url_set(own, CURLUPART_URL, t->url, 0) == CURLUE_OK &&
           curl_url_set(there, CURLUPART_URL, t->run.location, 0) == CURLUE_OK && same_origin(own, there);
    curl_url_cleanup(own);
    curl_url_cleanup(there);
    return !same;
}

/* The user and password of the URL that was given are good for all of its host. */
static char *with_login(const struct cw_transfer *t, const char *location)
{
    CURLU *own = curl_url(), *there = curl_url();
    char *user, *password, *url = NULL;

    if (own != NULL && there != NULL && curl_url_set(own, CURLUPART_URL, t->url, 0) == CURLUE_OK &&
        curl_url_set(there, CURLUPART_URL, location, 0) == CURLUE_OK) {
        user = part(own, CURLUPART_USER);
        password = part(own, CURLUPART_PASSWORD);
        if (same_origin(own, there) && user != NULL) {
            curl_url_set(there, CURLUPART_USER, user, 0);
            curl_url_set(there, CURLUPART_PASSWORD, password, 0);
        }
        curl_free(user);
        curl_free(password);
        if (curl_url_get(there, CURLUPART_URL, &url, 0) != CURLUE_OK)
            url = NULL;
    }
    curl_url_cleanup(own);
    curl_url_cleanup(there);
    return url;
}

int cw_answer_follow(struct cw_transfer *t, CURL *curl, struct cw_err *err)
{
    char own[CW_HTTP_SHOWN_MAX], there[CW_HTTP_SHOWN_MAX];
    const char *location = NULL;
    char *next;

    shown(own, t);
    curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &location);
    if (location == NULL)
        return cw_err_set(err, CW_E_FAIL, "unable to get '%s': a redirect that leads nowhere", own);
    cw_http_shown(there, location);
    if (++t->run.redirects > REDIRECTS_MAX)
        return cw_err_set(err, CW_E_FAIL, "unable to get '%s': more than %d redirects", own, REDIRECTS_MAX);
    if (!cw_str_starts(location, "https://") &&
        (!cw_str_starts(location, "http://") || cw_str_starts(asked(t), "https:")))
        return cw_err_set(err, CW_E_FAIL, "unable to get '%.400s': a redirect to '%.300s' is not followed",
                          own, there);
    next = with_login(t, location);
    if (next == NULL)
        return cw_err_set(err, CW_E_FAIL, "unable to get '%.400s': a redirect to '%.300s' is not followed",
                          own, there);
    curl_free(t->run.location);
    t->run.location = next;
    return CW_OK;
}
