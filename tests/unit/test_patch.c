/* SPDX-License-Identifier: ISC */
/*
 * Applying deltas with the jail around the decoder: what comes out is judged by length and hash, whatever the
 * delta says.
 */
#include "unit.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "codec/delta.h"
#include "crypt/hash.h"
#include "tree/patch.h"

/* More than the three windows together, so that each of them is as large as it can be. */
#define LEN ((size_t)30 << 20)

static int old_fd = -1, new_fd = -1, delta_fd = -1;
static char sha256[CW_SHA256_TEXT];

/* Half of each file has its like in the other, half is its own; neither can be compressed. */
static char *content(unsigned which)
{
    char *data = malloc(LEN);
    uint64_t x = 88172645463325252U;

    for (size_t i = 0; data != NULL && i < LEN; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        data[i] = (char)(x >> 32);
        if (which == 1 && (i & 0xfff) < 0x800)
            data[i] = (char)(data[i] * 5);
    }
    return data;
}

static int fd_of(const void *data, size_t len)
{
    int fd = memfd_create("file", MFD_CLOEXEC);

    assert_int_equal(write(fd, data, len), len);
    return fd;
}

static int set_up(void **state)
{
    static const struct cw_delta_effort effort = {.level = 1};
    CW_AUTO_FREE char *old = content(0), *new = content(1);
    struct cw_err err;

    (void)state;
    if (old == NULL || new == NULL || cw_sha256(sha256, new, LEN, &err) != CW_OK)
        return -1;
    old_fd = fd_of(old, LEN);
    new_fd = fd_of(new, LEN);
    delta_fd = memfd_create("delta", MFD_CLOEXEC);
    return cw_delta_make(delta_fd, old_fd, new_fd, &effort, &err);
}

static int tear_down(void **state)
{
    (void)state;
    close(old_fd);
    close(new_fd);
    close(delta_fd);
    return 0;
}

static void test_a_good_one(void **state)
{
    CW_AUTO_FD int out = memfd_create("out", MFD_CLOEXEC);
    CW_AUTO_FREE char *made = malloc(LEN), *new = content(1);
    struct cw_err err;

    (void)state;
    assert_cw_ok(cw_patch_apply(out, old_fd, delta_fd, -1, LEN, sha256, &err), err);
    assert_int_equal(lseek(out, 0, SEEK_END), LEN);
    assert_int_equal(pread(out, made, LEN, 0), LEN);
    assert_memory_equal(made, new, LEN);
}

static void test_another_hash(void **state)
{
    CW_AUTO_FD int out = memfd_create("out", MFD_CLOEXEC);
    struct cw_err err;
    char other[CW_SHA256_TEXT];

    (void)state;
    memset(other, '0', sizeof(other) - 1);
    other[sizeof(other) - 1] = '\0';
    assert_cw_fails(CW_E_VERIFY, "the delta makes another file",
                    cw_patch_apply(out, old_fd, delta_fd, -1, LEN, other, &err), err);
}

static void test_another_length(void **state)
{
    CW_AUTO_FD int out = memfd_create("out", MFD_CLOEXEC);
    struct cw_err err;

    (void)state;
    assert_cw_fails(CW_E_VERIFY, "where the file has",
                    cw_patch_apply(out, old_fd, delta_fd, -1, LEN - 1, sha256, &err), err);
    assert_int_equal(lseek(out, 0, SEEK_END), 0);
}

static void test_another_old_file(void **state)
{
    CW_AUTO_FD int out = memfd_create("out", MFD_CLOEXEC), zeros = memfd_create("zeros", MFD_CLOEXEC);
    struct cw_err err;

    (void)state;
    assert_int_equal(ftruncate(zeros, LEN), 0);
    assert_cw_fails(CW_E_VERIFY, "the delta makes another file",
                    cw_patch_apply(out, zeros, delta_fd, -1, LEN, sha256, &err), err);
}

static void test_no_delta_at_all(void **state)
{
    CW_AUTO_FD int out = memfd_create("out", MFD_CLOEXEC), empty = memfd_create("empty", MFD_CLOEXEC);
    struct cw_err err;

    (void)state;
    assert_cw_fails(CW_E_VERIFY, "this is not a delta",
                    cw_patch_apply(out, old_fd, old_fd, -1, LEN, sha256, &err), err);
    assert_cw_fails(CW_E_VERIFY, "shorter than its header",
                    cw_patch_apply(out, old_fd, empty, -1, LEN, sha256, &err), err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_good_one),      cmocka_unit_test(test_another_hash),
        cmocka_unit_test(test_another_length),  cmocka_unit_test(test_another_old_file),
        cmocka_unit_test(test_no_delta_at_all),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
