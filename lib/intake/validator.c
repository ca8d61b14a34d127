/* SPDX-License-Identifier: ISC */
/*
 * By what the server of a part's bytes tells the file from others (RFC 9110, section 8.8), kept beside the part for the next run:
 * one line, "<SHA-256 of the URL> <validator>". Another server's validator says nothing about this one's file, hence the URL;
 * its hash, because the mirror's folder may be served and a URL may be secret.
 *
 * Nothing of it is made durable, for nothing depends on it: without one, or with one that is not whole, the rest is asked for
 * unconditionally, and one that is out of date costs a request. The hash judges in the end.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "fs/commit.h"
#include "intake/parts.h"

#define LINE_MAX (CW_SHA256_TEXT + CW_HTTP_VALIDATOR_MAX + 1)

static int name_url(char sha256[CW_SHA256_TEXT], const char *url)
{
    char shown[CW_HTTP_SHOWN_MAX]; /* a password in it is not to be guessed by its hash */

    cw_http_shown(shown, url);
    return cw_sha256(sha256, shown, strlen(shown), NULL);
}

/* Cuts the line in two. False: it is none. */
static bool split(char *line, size_t len, const char **validator)
{
    if (len < CW_SHA256_TEXT + 2 || line[CW_SHA256_TEXT - 1] != ' ' || line[len - 1] != '\n')
        return false;
    line[CW_SHA256_TEXT - 1] = line[len - 1] = '\0';
    *validator = line + CW_SHA256_TEXT;
    for (const char *c = *validator; c < line + len - 1; c++) {
        if ((unsigned char)*c < ' ')
            return false;
    }
    return strlen(*validator) < CW_HTTP_VALIDATOR_MAX;
}

void cw_inbox_read_validator(char validator[CW_HTTP_VALIDATOR_MAX], const struct cw_intake *intake,
                             const struct cw_intake_job *job, const char *url)
{
    char name[CW_INTAKE_NAME_MAX], line[LINE_MAX + 1], sha256[CW_SHA256_TEXT];
    const char *kept;
    CW_AUTO_FD int fd = -1;
    ssize_t n;

    validator[0] = '\0';
    if (job->inbox < 0)
        return;
    cw_inbox_validator_name(name, job);
    fd = openat(intake->inboxes[job->inbox], name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    n = fd >= 0 ? cw_fd_read(fd, line, LINE_MAX) : 0;
    line[n > 0 ? n : 0] = '\0';
    if (n > 0 && split(line, (size_t)n, &kept) && name_url(sha256, url) == CW_OK && strcmp(line, sha256) == 0)
        snprintf(validator, CW_HTTP_VALIDATOR_MAX, "%s", kept);
}

void cw_inbox_write_validator(const struct cw_intake *intake, const struct cw_intake_job *job,
                              const char *validator, const char *url)
{
    char name[CW_INTAKE_NAME_MAX], line[LINE_MAX + 1], sha256[CW_SHA256_TEXT];
    CW_AUTO_FD int fd = -1;
    int len;

    if (name_url(sha256, url) != CW_OK)
        return;
    len = snprintf(line, sizeof line, "%s %s\n", sha256, validator);
    cw_inbox_drop_validator(intake, job); /* whatever it is */
    cw_inbox_validator_name(name, job);
    fd =
        openat(intake->inboxes[job->inbox], name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd >= 0)
        (void)cw_fd_write_all(fd, line, (size_t)len, name, NULL);
}

void cw_inbox_drop_validator(const struct cw_intake *intake, const struct cw_intake_job *job)
{
    char name[CW_INTAKE_NAME_MAX];

    cw_inbox_validator_name(name, job);
    (void)unlinkat(intake->inboxes[job->inbox], name, 0);
}
