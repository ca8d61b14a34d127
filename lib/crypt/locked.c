/* SPDX-License-Identifier: ISC */
/*
 * Locking and opening streams: see crypt/locked.h. Deriving the key is unlock.c's part.
 */
#include "crypt/locked.h"

#include <errno.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "codec/hex.h"
#include "codec/json.h"
#include "crypt/unlock.h"

#define HEADER crypto_secretstream_xchacha20poly1305_HEADERBYTES
#define MORE crypto_secretstream_xchacha20poly1305_ABYTES
#define LAST crypto_secretstream_xchacha20poly1305_TAG_FINAL
#define LINE_MAX_ ((size_t)1024) /* bytes of the first line: three times what it needs */
#define CIPHER "xchacha20poly1305-secretstream"
#define BEGINS "{\"_type\":\"" CW_LOCKED_TYPE "\""

/* What one chunk is made of and made into; in guarded memory. */
struct chunk {
    unsigned char plain[CW_LOCKED_CHUNK];
    unsigned char locked[CW_LOCKED_CHUNK + MORE];
};

struct cw_locked {
    crypto_secretstream_xchacha20poly1305_state state;
    cw_locked_write_fn *write;
    void *ctx;
    struct chunk *chunk;
    size_t len; /* bytes of plain that wait */
    char line[LINE_MAX_];
    size_t line_len; /* 0: it was authenticated */
};

void cw_locked_free(struct cw_locked *locked)
{
    if (locked == NULL)
        return;
    sodium_free(locked->chunk);
    sodium_free(locked);
}

static int write_line(struct cw_locked *locked, const struct cw_unlock_cost *cost,
                      const unsigned char header[HEADER], struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(sizeof locked->line);
    json_auto_t *doc = NULL;
    char hex[2 * HEADER + 1];
    int rc;

    cw_hex_format(hex, header, HEADER);
    doc = json_pack("{s:s, s:s, s:o, s:s, s:s}", "_type", CW_LOCKED_TYPE, "format", "1.0", "kdf",
                    cw_unlock_describe_cost(cost), "cipher", CIPHER, "header", hex);
    rc = doc != NULL ? cw_json_format_line(&text, doc, err) : cw_err_nomem(err);
    if (rc != CW_OK)
        return rc;
    memcpy(locked->line, text.data, text.len);
    locked->line_len = text.len;
    return locked->write(locked->ctx, locked->line, locked->line_len, err);
}

int cw_locked_new(struct cw_locked **locked, struct cw_unlock *unlock, const char *what,
                  cw_locked_write_fn *write, void *ctx, struct cw_err *err)
{
    unsigned char header[HEADER];
    struct cw_unlock_cost cost;
    const unsigned char *key;
    struct cw_locked *made;
    int rc = cw_crypt_init(err);

    *locked = NULL;
    if (rc == CW_OK)
        rc = cw_unlock_seal(unlock, what, &cost, &key, err);
    if (rc != CW_OK)
        return rc;
    made = sodium_malloc(sizeof *made);
    if (made == NULL)
        return cw_err_nomem(err);
    memset(made, 0, sizeof *made);
    made->write = write;
    made->ctx = ctx;
    made->chunk = sodium_malloc(sizeof *made->chunk);
    rc = made->chunk != NULL ? CW_OK : cw_err_nomem(err);
    if (rc == CW_OK && crypto_secretstream_xchacha20poly1305_init_push(&made->state, header, key) != 0)
        rc = cw_err_set(err, CW_E_FAIL, "unable to begin to encrypt");
    if (rc == CW_OK)
        rc = write_line(made, &cost, header, err);
    if (rc == CW_OK)
        *locked = made;
    else
        cw_locked_free(made);
    return rc;
}

static int push(struct cw_locked *locked, unsigned char tag, struct cw_err *err)
{
    unsigned long long len;

    if (crypto_secretstream_xchacha20poly1305_push(
            &locked->state, locked->chunk->locked, &len, locked->chunk->plain, locked->len,
            (const unsigned char *)locked->line, locked->line_len, tag) != 0)
        return cw_err_set(err, CW_E_FAIL, "unable to encrypt");
    locked->len = locked->line_len = 0;
    return locked->write(locked->ctx, locked->chunk->locked, (size_t)len, err);
}

int cw_locked_write(struct cw_locked *locked, const void *data, size_t len, struct cw_err *err)
{
    const unsigned char *p = data;
    int rc = CW_OK;

    while (rc == CW_OK && len > 0) {
        size_t n = CW_LOCKED_CHUNK - locked->len;

        n = n < len ? n : len;
        memcpy(locked->chunk->plain + locked->len, p, n);
        locked->len += n;
        p += n;
        len -= n;
        if (locked->len == CW_LOCKED_CHUNK)
            rc = push(locked, 0, err);
    }
    return rc;
}

int cw_locked_finish(struct cw_locked *locked, struct cw_err *err)
{
    return push(locked, LAST, err);
}

static ssize_t read_full(int fd, void *data, size_t len)
{
    size_t have = 0;
    ssize_t n;

    while (have < len) {
        n = read(fd, (char *)data + have, len - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        have += (size_t)n;
    }
    return (ssize_t)have;
}

int cw_locked_is(bool *is, int fd, struct cw_err *err)
{
    char begin[sizeof BEGINS - 1];
    ssize_t n = pread(fd, begin, sizeof begin, 0);

    if (n < 0)
        return cw_err_errno(err, errno, "unable to read");
    *is = (size_t)n == sizeof begin && memcmp(begin, BEGINS, sizeof begin) == 0;
    return CW_OK;
}

/* A stream being opened. */
struct opening {
    crypto_secretstream_xchacha20poly1305_state state;
    struct cw_unlock_cost cost;
    unsigned char header[HEADER];
    char line[LINE_MAX_];
    size_t line_len;
    struct chunk *chunk;
    size_t len; /* of what waits in chunk->locked; then of what is in chunk->plain */
    unsigned char tag;
};

static int read_line(struct opening *o, int in, struct cw_err *err)
{
    ssize_t n;
    char *end;

    n = read_full(in, o->line, sizeof o->line);
    if (n < 0)
        return cw_err_errno(err, errno, "unable to read");
    end = memchr(o->line, '\n', (size_t)n);
    if (end == NULL)
        return cw_err_set(err, CW_E_VERIFY, "its first line does not end");
    o->line_len = (size_t)(end + 1 - o->line);
    if (lseek(in, (off_t)o->line_len, SEEK_SET) < 0)
        return cw_err_errno(err, errno, "unable to read");
    return CW_OK;
}

static int parse_line(struct opening *o, struct cw_err *err)
{
    json_auto_t *doc = NULL;
    json_t *kdf = NULL;
    int rc = cw_json_parse(&doc, o->line, o->line_len, err);

    if (rc == CW_OK)
        rc = cw_json_check_format(doc, CW_LOCKED_TYPE, err);
    if (rc == CW_OK)
        rc = cw_json_get_word(doc, "cipher", CIPHER, err);
    if (rc == CW_OK)
        rc = cw_json_get_hex(o->header, sizeof o->header, doc, "header", err);
    if (rc == CW_OK)
        rc = cw_json_get_obj(&kdf, doc, "kdf", err);
    return rc == CW_OK ? cw_unlock_parse_cost(&o->cost, kdf, err) : rc;
}

static int read_chunk(struct opening *o, int in, struct cw_err *err)
{
    ssize_t n = read_full(in, o->chunk->locked, sizeof o->chunk->locked);

    if (n < 0)
        return cw_err_errno(err, errno, "unable to read");
    if ((size_t)n < MORE)
        return cw_err_set(err, CW_E_VERIFY, "its end is missing");
    o->len = (size_t)n;
    return CW_OK;
}

static bool pull(struct opening *o, size_t line_len)
{
    unsigned long long len;

    if (crypto_secretstream_xchacha20poly1305_pull(&o->state, o->chunk->plain, &len, &o->tag,
                                                   o->chunk->locked, o->len, (const unsigned char *)o->line,
                                                   line_len) != 0)
        return false;
    o->len = (size_t)len;
    return true;
}

/* The first chunk tells whether the key is right. */
static int try_key(void *ctx, const unsigned char key[CW_UNLOCK_KEY], struct cw_err *err)
{
    struct opening *o = ctx;

    if (crypto_secretstream_xchacha20poly1305_init_pull(&o->state, o->header, key) != 0)
        return cw_err_set(err, CW_E_FAIL, "unable to begin to decrypt");
    return pull(o, o->line_len) ? CW_OK : cw_err_set(err, CW_E_VERIFY, "wrong passphrase");
}

static int write_out(const struct opening *o, int out, struct cw_err *err)
{
    size_t done = 0;

    while (done < o->len) {
        ssize_t n = write(out, o->chunk->plain + done, o->len - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return cw_err_errno(err, errno, "unable to write what was decrypted");
        done += (size_t)n;
    }
    return CW_OK;
}

static int open_chunks(struct opening *o, int in, int out, struct cw_err *err)
{
    int rc = write_out(o, out, err);

    while (rc == CW_OK && o->tag != LAST) {
        rc = read_chunk(o, in, err);
        if (rc == CW_OK && !pull(o, 0))
            rc = cw_err_set(err, CW_E_VERIFY, "was changed, or its end is missing");
        if (rc == CW_OK)
            rc = write_out(o, out, err);
    }
    if (rc == CW_OK && read_full(in, o->chunk->locked, 1) != 0)
        rc = cw_err_set(err, CW_E_VERIFY, "something was added behind its end");
    return rc;
}

int cw_locked_open(int in, int out, struct cw_unlock *unlock, const char *what, struct cw_err *err)
{
    struct opening *o = NULL;
    int rc = cw_crypt_init(err);

    if (rc != CW_OK)
        return rc;
    o = sodium_malloc(sizeof *o);
    if (o == NULL)
        return cw_err_nomem(err);
    memset(o, 0, sizeof *o);
    o->chunk = sodium_malloc(sizeof *o->chunk);
    rc = o->chunk != NULL ? read_line(o, in, err) : cw_err_nomem(err);
    if (rc == CW_OK)
        rc = parse_line(o, err);
    if (rc == CW_OK)
        rc = read_chunk(o, in, err);
    if (rc == CW_OK)
        rc = cw_unlock_open(unlock, &o->cost, what, try_key, o, err);
    if (rc == CW_OK)
        rc = open_chunks(o, in, out, err);
    sodium_free(o->chunk);
    sodium_free(o);
    return rc;
}
