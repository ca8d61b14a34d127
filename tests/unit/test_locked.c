/* SPDX-License-Identifier: ISC */
/*
 * Streams under a passphrase: what goes in comes out whatever its length, and no changed, cut or joined one opens.
 */
#include "unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "crypt/locked.h"

#define MORE 17 /* bytes by which each chunk is longer than its content */

static int answer(void *ctx, char passphrase[CW_PASSPHRASE_MAX], const char *what, bool confirm,
                  struct cw_err *err)
{
    (void)what;
    (void)confirm;
    (void)err;
    snprintf(passphrase, CW_PASSPHRASE_MAX, "%s", (const char *)ctx);
    return CW_OK;
}

static int add(void *ctx, const void *data, size_t len, struct cw_err *err)
{
    (void)err;
    cw_buf_add(ctx, data, len);
    return CW_OK;
}

static struct cw_unlock *shared; /* so that Argon2id is paid for once */

static void lock(struct cw_buf *text, const char *content, size_t len)
{
    CW_AUTO_LOCKED *locked = NULL;
    struct cw_err err = {0};

    assert_cw_ok(cw_locked_new(&locked, shared, "a test", add, text, &err), err);
    assert_cw_ok(cw_locked_write(locked, content, len / 3, &err), err);
    assert_cw_ok(cw_locked_write(locked, content + len / 3, len - len / 3, &err), err);
    assert_cw_ok(cw_locked_finish(locked, &err), err);
}

static int file_of(const void *data, size_t len)
{
    int fd = memfd_create("locked", MFD_CLOEXEC);

    assert_int_equal(write(fd, data, len), len);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static int unlock(const struct cw_buf *text, int out, struct cw_err *err)
{
    CW_AUTO_FD int in = file_of(text->data, text->len);

    return cw_locked_open(in, out, shared, "a test", err);
}

static void assert_refused(const struct cw_buf *text, int code, const char *why)
{
    CW_AUTO_FD int out = memfd_create("plain", MFD_CLOEXEC);
    struct cw_err err = {0};

    assert_cw_fails(code, why, unlock(text, out, &err), err);
}

static void test_round_trips(void **state)
{
    static const size_t lengths[] = {
        0, 1, CW_LOCKED_CHUNK - 1, CW_LOCKED_CHUNK, CW_LOCKED_CHUNK + 1, 3 * CW_LOCKED_CHUNK};
    CW_AUTO_FREE char *content = malloc(3 * CW_LOCKED_CHUNK), *got = malloc(3 * CW_LOCKED_CHUNK + 1);

    (void)state;
    for (size_t i = 0; i < 3 * CW_LOCKED_CHUNK; i++)
        content[i] = (char)(i * 7 + i / 251);
    for (size_t i = 0; i < CW_COUNT(lengths); i++) {
        CW_AUTO_BUF text = CW_BUF_INIT((size_t)1 << 20);
        CW_AUTO_FD int out = memfd_create("plain", MFD_CLOEXEC), in = -1;
        struct cw_err err = {0};
        bool is = false;

        lock(&text, content, lengths[i]);
        in = file_of(text.data, text.len);
        assert_cw_ok(cw_locked_is(&is, in, &err), err);
        assert_true(is);
        assert_null(memmem(text.data, text.len, content + 64, 64));
        assert_cw_ok(cw_locked_open(in, out, shared, "a test", &err), err);
        assert_int_equal(lseek(out, 0, SEEK_CUR), lengths[i]);
        assert_int_equal(pread(out, got, 3 * CW_LOCKED_CHUNK + 1, 0), lengths[i]);
        assert_memory_equal(got, content, lengths[i]);
    }
}

static void test_changes(void **state)
{
    CW_AUTO_FREE char *content = calloc(1, 2 * CW_LOCKED_CHUNK + 100);
    CW_AUTO_BUF text = CW_BUF_INIT((size_t)1 << 20);
    size_t line, chunk = CW_LOCKED_CHUNK + MORE, len;

    (void)state;
    lock(&text, content, 2 * CW_LOCKED_CHUNK + 100);
    len = text.len;
    line = (size_t)((char *)memchr(text.data, '\n', len) + 1 - text.data);
    assert_int_equal(len, line + 2 * chunk + 100 + MORE);
    text.len = len - 1;
    assert_refused(&text, CW_E_VERIFY, "was changed, or its end is missing");
    text.len = line + 2 * chunk; /* a whole chunk is cut off */
    assert_refused(&text, CW_E_VERIFY, "its end is missing");
    text.len = line;
    assert_refused(&text, CW_E_VERIFY, "its end is missing");
    text.len = line - 1;
    assert_refused(&text, CW_E_VERIFY, "its first line does not end");
    text.len = len;
    text.data[line + chunk + 5] ^= 1;
    assert_refused(&text, CW_E_VERIFY, "was changed");
    text.data[line + chunk + 5] ^= 1;
    memmove(text.data + line + chunk, text.data + line + 2 * chunk,
            len - line - 2 * chunk); /* one left out */
    text.len = len - chunk;
    assert_refused(&text, CW_E_VERIFY, "was changed");
}

static void test_who_may(void **state)
{
    CW_AUTO_BUF text = CW_BUF_INIT((size_t)1 << 20);
    CW_AUTO_UNLOCK *other = NULL;
    CW_AUTO_FD int in = -1, out = memfd_create("plain", MFD_CLOEXEC),
                   tar = file_of("{\"_type\":\"other\"}", 17);
    struct cw_err err = {0};
    bool is = true;

    (void)state;
    assert_cw_ok(cw_locked_is(&is, tar, &err), err);
    assert_false(is);
    lock(&text, "secret", 6);
    in = file_of(text.data, text.len);
    assert_cw_ok(cw_unlock_new(&other, answer, (void *)"wrong", &err), err);
    assert_cw_fails(CW_E_FAIL, "wrong passphrase", cw_locked_open(in, out, other, "a test", &err), err);
    assert_int_equal(lseek(out, 0, SEEK_END), 0);
}

static int set_up(void **state)
{
    struct cw_err err = {0};

    (void)state;
    return cw_unlock_new(&shared, answer, (void *)"right", &err);
}

static int tear_down(void **state)
{
    (void)state;
    cw_unlock_free(shared);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_who_may),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
