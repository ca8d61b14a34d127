/* SPDX-License-Identifier: ISC */
/*
 * One file after another, on the engine that takes many (transfer.h).
 */
#include "http/http.h"

#include <stdlib.h>

#include "http/transfer.h"

#define WAIT_MS 1000

struct cw_http {
    struct cw_transfers *transfers;
    struct cw_http_options options;
};

struct get {
    cw_http_sink *sink;
    void *ctx;
    struct cw_buf *buf; /* NULL: to the sink */
    size_t buf_start;
    uint64_t given,
        skip; /* a sink has what it has: if a later try begins anew, so much of it is passed over */
    bool over;
    int rc;
    struct cw_err *err;
};

int cw_http_new(struct cw_http **http, const struct cw_http_options *options, struct cw_err *err)
{
    struct cw_http *h = calloc(1, sizeof *h);
    int rc;

    *http = NULL;
    if (h == NULL)
        return cw_err_nomem(err);
    if (options != NULL)
        h->options = *options;
    rc = cw_transfers_new(&h->transfers, 1, err);
    if (rc != CW_OK) {
        free(h);
        return rc;
    }
    *http = h;
    return CW_OK;
}

void cw_http_free(struct cw_http *http)
{
    if (http == NULL)
        return;
    cw_transfers_free(http->transfers);
    free(http);
}

static int begin(struct cw_transfer *transfer, uint64_t offset, struct cw_err *err)
{
    struct get *get = transfer->ctx;

    (void)err;
    get->skip = offset < get->given ? get->given - offset : 0;
    if (get->buf == NULL || offset > 0)
        return CW_OK;
    get->skip = get->given = 0;
    get->buf->len = get->buf_start;
    if (get->buf->data != NULL)
        get->buf->data[get->buf_start] = '\0';
    return CW_OK;
}

static int take(struct cw_transfer *transfer, const void *data, size_t len, struct cw_err *err)
{
    struct get *get = transfer->ctx;
    size_t passed = len < get->skip ? len : (size_t)get->skip;

    get->skip -= passed;
    get->given += len - passed;
    return len > passed ? get->sink(get->ctx, (const char *)data + passed, len - passed, err) : CW_OK;
}

static void done(struct cw_transfer *transfer, int rc, const struct cw_err *err)
{
    struct get *get = transfer->ctx;

    get->over = true;
    get->rc = rc;
    if (rc != CW_OK && get->err != NULL)
        *get->err = *err;
}

static int run_get(struct cw_http *http, const char *url, uint64_t max, struct get *get, struct cw_err *err)
{
    static const struct cw_transfer_calls calls = {.begin = begin, .take = take, .done = done};
    struct cw_transfer transfer = {
        .options = &http->options, .url = url, .length = max, .at_most = true, .calls = &calls, .ctx = get};

    get->err = err;
    if (http->transfers == NULL) { /* libcurl failed the last time */
        int rc = cw_transfers_new(&http->transfers, 1, err);

        if (rc != CW_OK)
            return rc;
    }
    cw_transfers_add(http->transfers, &transfer);
    while (!get->over) {
        int rc = cw_transfers_run(http->transfers, WAIT_MS, err);

        if (rc == CW_OK)
            continue;
        cw_transfers_free(http->transfers); /* lets go of the transfer, which is gone with this function */
        http->transfers = NULL;
        return rc;
    }
    return get->rc;
}

int cw_http_get(struct cw_http *http, const char *url, uint64_t max, cw_http_sink *sink, void *ctx,
                struct cw_err *err)
{
    struct get get = {.sink = sink, .ctx = ctx};

    return run_get(http, url, max, &get, err);
}

static int collect(void *ctx, const void *data, size_t len, struct cw_err *err)
{
    cw_buf_add(ctx, data, len);
    return cw_buf_check(ctx, "response", err);
}

int cw_http_get_buf(struct cw_http *http, const char *url, struct cw_buf *buf, struct cw_err *err)
{
    struct get get = {.sink = collect, .ctx = buf, .buf = buf, .buf_start = buf->len};

    return run_get(http, url, buf->max - buf->len, &get, err);
}
