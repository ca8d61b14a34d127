/* SPDX-License-Identifier: ISC */
/*
 * Gzip files from inside: how one is made again is found out exactly, what is none or hides something is refused, and
 * deltas between two of them are judged like any other.
 */
#include "unit.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "codec/delta.h"
#include "codec/delta_form.h"
#include "codec/gzip.h"
#include "crypt/hash.h"
#include "tree/patch.h"

#define LEN ((size_t)300000)
#define MAX ((size_t)2 << 20)

static const uint8_t plain_head[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3};

/* Text that each level packs in its own way. */
static char *content(unsigned change)
{
    char *text = malloc(LEN + 100);
    uint64_t x = 12345;
    size_t at = 0;

    while (at < LEN) {
        x = x * UINT64_C(6364136223846793005) + 1442695040888963407U;
        at += (size_t)snprintf(text + at, 100, "%x %x line %u of a text\n", (unsigned)(x >> 40),
                               (unsigned)(x >> 59), (unsigned)(at / 50 % 1000));
    }
    snprintf(text + LEN / 2, 20, "changed %u", change);
    return text;
}

static int add_to_buf(void *ctx, const void *data, size_t len, struct cw_err *err)
{
    (void)err;
    cw_buf_add(ctx, data, len);
    return CW_OK;
}

static void pack(struct cw_buf *out, const char *text, size_t len, const struct cw_gzip *how)
{
    struct cw_gzip_writer *writer;
    struct cw_err err;

    cw_buf_reset(out);
    assert_cw_ok(cw_gzip_writer_new(&writer, how, add_to_buf, out, &err), err);
    assert_cw_ok(cw_gzip_write(writer, text, len, &err), err);
    assert_cw_ok(cw_gzip_end(writer, &err), err);
    cw_gzip_writer_free(writer);
}

static struct cw_gzip plain(unsigned level, unsigned memory)
{
    struct cw_gzip how = {
        .level = (uint8_t)level, .mem_level = (uint8_t)memory, .head_len = sizeof plain_head};

    memcpy(how.head, plain_head, sizeof plain_head);
    return how;
}

static int find(struct cw_gzip *how, const struct cw_buf *file, const char *text, struct cw_err *err)
{
    return cw_gzip_find(how, (const uint8_t *)file->data, file->len, (const uint8_t *)text, LEN, err);
}

static void test_each_level_is_found(void **state)
{
    CW_AUTO_BUF file = CW_BUF_INIT(MAX), again = CW_BUF_INIT(MAX);
    CW_AUTO_FREE char *text = content(1);
    CW_AUTO_FREE uint8_t *inside = malloc(LEN);
    struct cw_err err;

    (void)state;
    for (unsigned i = 0; i < 18; i++) {
        struct cw_gzip how = plain(1 + i / 2, 8 + i % 2), found;

        how.head[8] = i / 2 == 8 ? 2 : i / 2 == 0 ? 4 : 0;
        pack(&file, text, LEN, &how);
        assert_int_equal(cw_gzip_length((uint8_t *)file.data, file.len), LEN);
        assert_cw_ok(cw_gzip_inflate(inside, LEN, (uint8_t *)file.data, file.len, &err), err);
        assert_memory_equal(inside, text, LEN);
        assert_cw_ok(find(&found, &file, text, &err), err);
        pack(&again, text, LEN, &found);
        assert_int_equal(file.len, again.len);
        assert_memory_equal(file.data, again.data, again.len);
    }
}

static void test_headers(void **state)
{
    static const char all[] = "\x1f\x8b\x08\x1e\0\0\0\0\0\x03\x04\0extrname\0comment\0\x12\x34";
    CW_AUTO_BUF file = CW_BUF_INIT(MAX);
    CW_AUTO_FREE char *text = content(1);
    struct cw_gzip how = plain(6, 8), found;
    struct cw_err err;

    (void)state;
    how.head_len = sizeof all - 1;
    memcpy(how.head, all, how.head_len);
    pack(&file, text, LEN, &how);
    assert_cw_ok(find(&found, &file, text, &err), err);
    assert_int_equal(found.head_len, sizeof all - 1);
    file.data[3] = (char)0x80; /* a flag that nobody knows */
    assert_cw_fails(CW_E_NOTFOUND, "header", find(&found, &file, text, &err), err);
}

static void test_what_zlib_does_not_make(void **state)
{
    CW_AUTO_BUF file = CW_BUF_INIT(MAX);
    CW_AUTO_FREE char *text = content(1);
    struct cw_gzip how = plain(6, 2), found;
    struct cw_err err;

    (void)state;
    pack(&file, text, LEN, &how);
    assert_cw_fails(CW_E_NOTFOUND, "not in a way that zlib can repeat", find(&found, &file, text, &err), err);
}

static int fd_of(const void *data, size_t len)
{
    int fd = memfd_create("file", MFD_CLOEXEC);

    assert_int_equal(write(fd, data, len), len);
    return fd;
}

static int inflate(const struct cw_buf *file, size_t len, struct cw_err *err)
{
    CW_AUTO_FREE uint8_t *inside = malloc(LEN + 1);
    CW_AUTO_BUF read = CW_BUF_INIT(MAX);
    CW_AUTO_FD int fd = fd_of(file->data, len);
    int rc = cw_gzip_inflate(inside, LEN, (uint8_t *)file->data, len, err);

    assert_int_equal(cw_gzip_read(fd, add_to_buf, &read, NULL) == CW_OK, rc == CW_OK);
    return rc;
}

static void test_what_is_refused(void **state)
{
    CW_AUTO_BUF file = CW_BUF_INIT(MAX), two = CW_BUF_INIT(MAX);
    CW_AUTO_FREE char *text = content(1);
    const struct cw_gzip how = plain(6, 8);
    struct cw_err err;

    (void)state;
    pack(&file, text, LEN, &how);
    assert_cw_ok(inflate(&file, file.len, &err), err);
    assert_int_equal(inflate(&file, file.len - 1, &err), CW_E_VERIFY);
    cw_buf_addc(&file, '\0');
    assert_int_equal(inflate(&file, file.len, &err), CW_E_VERIFY);
    cw_buf_add(&two, file.data, file.len - 1);
    cw_buf_add(&two, file.data, file.len - 1);
    assert_int_equal(inflate(&two, two.len, &err), CW_E_VERIFY);
    file.data[file.len / 2] ^= 1;
    assert_int_equal(inflate(&file, file.len - 1, &err), CW_E_VERIFY);
}

static void test_deltas_from_inside(void **state)
{
    static const struct cw_delta_effort effort = {.threads = 1, .level = 1, .inside = true};
    CW_AUTO_BUF old = CW_BUF_INIT(MAX), new = CW_BUF_INIT(MAX);
    CW_AUTO_FREE char *one = content(1), *two = content(2);
    CW_AUTO_FD int old_fd = -1, new_fd = -1, delta = memfd_create("delta", MFD_CLOEXEC);
    CW_AUTO_FD int scratch = memfd_create("scratch", MFD_CLOEXEC);
    const struct cw_gzip how = plain(9, 8);
    struct cw_delta_info info;
    char sha256[CW_SHA256_TEXT];
    uint64_t much = UINT64_C(1) << 40;
    struct cw_err err;

    (void)state;
    pack(&old, one, LEN, &how);
    pack(&new, two, LEN, &how);
    old_fd = fd_of(old.data, old.len);
    new_fd = fd_of(new.data, new.len);
    assert_cw_ok(cw_sha256(sha256, new.data, new.len, &err), err);
    assert_cw_ok(cw_delta_make(delta, old_fd, new_fd, &effort, &err), err);
    assert_cw_ok(cw_delta_peek(&info, delta, &err), err);
    assert_true(info.inside_from && info.inside_to && lseek(delta, 0, SEEK_END) < 1000);
    assert_cw_ok(cw_patch_apply(-1, old_fd, delta, scratch, new.len, sha256, &err), err);
    assert_cw_fails(CW_E_VERIFY, "there is no room",
                    cw_patch_apply(-1, old_fd, delta, -1, new.len, sha256, &err), err);

    /* Another level makes another file; as many bytes as no gzip file holds are none. */
    assert_int_equal(pwrite(delta, "\x01", 1, CW_DELTA_AT_LEVEL), 1);
    assert_int_equal(ftruncate(scratch, 0), 0);
    assert_int_equal(lseek(scratch, 0, SEEK_SET), 0);
    assert_int_equal(cw_patch_apply(-1, old_fd, delta, scratch, new.len, sha256, &err), CW_E_VERIFY);
    assert_int_equal(pwrite(delta, "\x0a", 1, CW_DELTA_AT_LEVEL), 1);
    assert_cw_fails(CW_E_VERIFY, "a compression that there is not", cw_delta_peek(&info, delta, &err), err);
    assert_int_equal(pwrite(delta, "\x09", 1, CW_DELTA_AT_LEVEL), 1);
    assert_int_equal(pwrite(delta, &much, 8, CW_DELTA_AT_TO_INSIDE), 8);
    assert_cw_fails(CW_E_VERIFY, "more than it can", cw_delta_peek(&info, delta, &err), err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_level_is_found),     cmocka_unit_test(test_headers),
        cmocka_unit_test(test_what_zlib_does_not_make), cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_deltas_from_inside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
