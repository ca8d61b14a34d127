/* SPDX-License-Identifier: ISC */
/*
 * The web server's side of a TUF client. Names of roles are percent-encoded by lib/tuf, once: on the wire they are as they stand.
 */
#include "sync/tuf/remote.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "fs/root.h"

#define URL_BYTES_MAX ((size_t)8192)

static int check_url(const char *url, struct cw_err *err)
{
    if (cw_str_starts(url, "http://") || cw_str_starts(url, "https://"))
        return CW_OK;
    return cw_err_set(err, CW_E_USAGE, "'%s' is no http or https URL", url);
}

int cw_remote_open(struct cw_remote *remote, const struct cw_remote_options *options, struct cw_err *err)
{
    const struct cw_http_options targets = {.min_rate_seconds = options->stall_seconds,
                                            .total_seconds = options->target_seconds,
                                            .tries = options->tries,
                                            .retry_ms = options->retry_ms,
                                            .limit = options->limit};
    int rc = check_url(options->metadata_url, err);

    *remote = (struct cw_remote){.options = *options, .metadata_http = targets, .target_http = targets};
    remote->metadata_http.total_seconds = options->metadata_seconds;
    if (options->target_url_count > 1 && options->tries > CW_HTTP_TRIES_OF_SEVERAL)
        remote->target_http.tries = CW_HTTP_TRIES_OF_SEVERAL;
    for (size_t i = 0; i < options->target_url_count && rc == CW_OK; i++)
        rc = check_url(options->target_urls[i], err);
    if (rc == CW_OK)
        rc = cw_http_new(&remote->metadata, &remote->metadata_http, err);
    if (rc == CW_OK)
        rc = cw_http_new(&remote->targets, &remote->target_http, err);
    return rc;
}

void cw_remote_close(struct cw_remote *remote)
{
    cw_ahead_free(remote->ahead);
    cw_http_free(remote->metadata);
    cw_http_free(remote->targets);
    *remote = (struct cw_remote){.metadata = NULL};
}

void cw_remote_expect(struct cw_remote *remote, const char *name, size_t max)
{
    CW_AUTO_BUF url = CW_BUF_INIT(URL_BYTES_MAX);

    if (cw_http_join_encoded(&url, remote->options.metadata_url, name, NULL) != CW_OK)
        return;
    if (remote->ahead != NULL || cw_ahead_new(&remote->ahead, &remote->metadata_http, NULL) == CW_OK)
        cw_ahead_expect(remote->ahead, cw_buf_text(&url), max);
}

int cw_remote_metadata(struct cw_remote *remote, const char *name, struct cw_buf *buf, struct cw_err *err)
{
    CW_AUTO_BUF url = CW_BUF_INIT(URL_BYTES_MAX);
    int rc = cw_http_join_encoded(&url, remote->options.metadata_url, name, err);

    if (rc == CW_OK && remote->ahead != NULL &&
        cw_ahead_take(remote->ahead, cw_buf_text(&url), buf, &rc, err))
        return rc;
    return rc == CW_OK ? cw_http_get_buf(remote->metadata, cw_buf_text(&url), buf, err) : rc;
}

int cw_remote_read_copy(struct cw_buf *bytes, int dir, const char *path, struct cw_err *err)
{
    struct stat st;
    int rc = cw_at_stat(&st, dir, path, err);

    if (rc == CW_OK && (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > bytes->max))
        return cw_err_set(err, CW_E_NOTFOUND, "'%s' is no file of at most %zu bytes", path, bytes->max);
    return rc == CW_OK ? cw_at_read_file(bytes, dir, path, err) : rc;
}

int cw_remote_read_named(struct cw_buf *bytes, const char *path, struct cw_err *err)
{
    CW_AUTO_FD int dir = -1;
    CW_AUTO_FREE char *folder = strdup(path);
    const char *name = cw_str_basename(path);
    int rc;

    if (folder == NULL)
        return cw_err_nomem(err);
    folder[name - path] = '\0';
    rc = cw_dir_open(&dir, folder[0] != '\0' ? folder : ".", err);
    return rc == CW_OK ? cw_at_read_file(bytes, dir, name, err) : rc;
}

static int answer_load(const struct cw_remote_copies *copies, struct cw_tuf_update *update,
                       const struct cw_tuf_want *want, struct cw_err *err)
{
    CW_AUTO_BUF bytes = CW_BUF_INIT(want->max);
    int rc = copies->load(copies->ctx, update, want, &bytes, err);

    if (rc == CW_E_NOTFOUND)
        return cw_tuf_update_absent(update, err);
    return rc == CW_OK ? cw_tuf_update_give(update, cw_buf_text(&bytes), bytes.len, err) : rc;
}

static int answer_fetch(struct cw_remote *remote, struct cw_tuf_update *update,
                        const struct cw_tuf_want *want, struct cw_err *err)
{
    CW_AUTO_BUF bytes = CW_BUF_INIT(want->max);
    int rc = cw_remote_metadata(remote, want->name, &bytes, err);

    if (rc == CW_E_NOTFOUND && want->optional)
        return cw_tuf_update_absent(update, err);
    return rc == CW_OK ? cw_tuf_update_give(update, cw_buf_text(&bytes), bytes.len, err) : rc;
}

int cw_remote_drive(struct cw_remote *remote, const struct cw_remote_copies *copies,
                    struct cw_tuf_update *update, struct cw_err *err)
{
    struct cw_tuf_want want;
    int rc;

    while ((rc = cw_tuf_update_next(update, &want, err)) == CW_OK && want.kind != CW_TUF_DONE) {
        if (want.kind == CW_TUF_LOAD) {
            rc = answer_load(copies, update, &want, err);
        } else if (want.kind == CW_TUF_FETCH) {
            rc = answer_fetch(remote, update, &want, err);
        } else {
            rc = copies->store(copies->ctx, &want, err);
            if (rc == CW_OK)
                rc = cw_tuf_update_stored(update, err);
        }
        if (rc != CW_OK)
            break;
    }
    return rc;
}
