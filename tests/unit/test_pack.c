/* SPDX-License-Identifier: ISC */
/*
 * Packing a folder: the same bytes for the same folder, whoever made it and in whatever locale, and everything
 * that no site would take in is named. What other programs read in the tar is tested in gen-from.t.sh.
 */
#include "unit.h"

#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "codec/pack.h"
#include "fs/commit.h"
#include "fs/root.h"

static char base_path[] = "/tmp/cw-pack-XXXXXX";
static int base = -1;

static int set_up(void **state)
{
    struct cw_err err;

    (void)state;
    umask(022);
    return mkdtemp(base_path) == NULL ? -1 : cw_dir_open(&base, base_path, &err);
}

static int tear_down(void **state)
{
    (void)state;
    close(base);
    return rmdir(base_path);
}

static void make_file(int dir, const char *name, const char *text, mode_t mode)
{
    CW_AUTO_FD int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
}

/* The same folder, its members made in the one order or in the other. */
static int make_folder(const char *name, bool backwards)
{
    struct cw_err err;
    int i, dir;

    assert_cw_ok(cw_at_make_dir(&dir, base, name, &err), err);
    for (i = 0; i < 4; i++) {
        switch (backwards ? 3 - i : i) {
        case 0:
            assert_int_equal(mkdirat(dir, "bin", 0755), 0);
            break;
        case 1:
            make_file(dir, "b\xc3\xa4r", "umlaut", 0644);
            break;
        case 2:
            make_file(dir, "run", "#!/bin/sh", 0755);
            break;
        default:
            assert_int_equal(symlinkat("run", dir, "start"), 0);
        }
    }
    assert_int_equal(linkat(dir, "run", dir, "again", 0), 0);
    make_file(dir, "bin/x", "x", 0640);
    return dir;
}

static int keep(void *ctx, const void *data, size_t len, struct cw_err *err)
{
    cw_buf_add(ctx, data, len);
    return cw_buf_check(ctx, "tar", err);
}

static void pack(struct cw_buf *buf, int dir, enum cw_pack_filter filter)
{
    struct cw_pack_sum sum;
    struct cw_err err;

    assert_cw_ok(cw_pack_look(&sum, dir, NULL, NULL, &err), err);
    assert_int_equal(sum.entries, 6);
    assert_cw_ok(cw_pack(dir, "folder", &sum, 1000000000, filter, keep, buf, &err), err);
}

static void test_same_bytes(void **state)
{
    static const enum cw_pack_filter filters[] = {CW_PACK_PLAIN, CW_PACK_GZIP, CW_PACK_ZSTD};
    struct cw_err err;
    int one, two;
    size_t i;

    (void)state;
    one = make_folder("one", false);
    two = make_folder("two", true);
    for (i = 0; i < CW_COUNT(filters); i++) {
        CW_AUTO_BUF a = CW_BUF_INIT(1 << 20);
        CW_AUTO_BUF b = CW_BUF_INIT(1 << 20);

        setlocale(LC_ALL, "C");
        pack(&a, one, filters[i]);
        setlocale(LC_ALL, "C.UTF-8");
        pack(&b, two, filters[i]);
        assert_true(a.len > 0);
        assert_int_equal(a.len, b.len);
        assert_memory_equal(a.data, b.data, a.len);
    }
    close(one);
    close(two);
    assert_cw_ok(cw_remove_tree(base, "one", &err), err);
    assert_cw_ok(cw_remove_tree(base, "two", &err), err);
}

static void count_wrong(void *ctx, const char *path, const char *what)
{
    assert_true(strlen(path) > 0 && strlen(what) > 0);
    (*(int *)ctx)++;
}

static const struct {
    const char *name, *link; /* link NULL: not a link */
    mode_t mode;
    bool pipe;
    const char *says; /* NULL: it is packed */
} members[] = {
    {"plain", NULL, 0644, false, NULL},
    {"name with spaces, \xe2\x82\xac", NULL, 0600, false, NULL},
    {"latin\xff", NULL, 0644, false, "'latin\\xff' has a name that is not printable UTF-8"},
    {"new\nline", NULL, 0644, false, "'new\\x0aline' has a name"},
    {"suid", NULL, 04755, false, "set-uid"},
    {"sgid", NULL, 02755, false, "set-uid, set-gid"},
    {"pipe", NULL, 0644, true, "'pipe' is a device, pipe or socket"},
    {"inside", "plain", 0, false, NULL},
    {"dangling", "nowhere", 0, false, NULL},
    {"loop", "loop", 0, false, NULL},
    {"absolute", "/etc/passwd", 0, false, "'absolute' is a symbolic link that leads out"},
    {"up", "../plain", 0, false, "leads out"},
    {"bad-target", "\xff", 0, false, "is a symbolic link to a name"},
};

static void test_members(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < CW_COUNT(members); i++) {
        CW_AUTO_BUF buf = CW_BUF_INIT(1 << 20);
        struct cw_pack_sum sum;
        struct cw_err err;
        int dir, wrong = 0;

        assert_cw_ok(cw_at_make_dir(&dir, base, "one", &err), err);
        if (members[i].link != NULL)
            assert_int_equal(symlinkat(members[i].link, dir, members[i].name), 0);
        else if (members[i].pipe)
            assert_int_equal(mkfifoat(dir, members[i].name, 0644), 0);
        else
            make_file(dir, members[i].name, "content", members[i].mode);
        assert_cw_ok(cw_pack_look(&sum, dir, count_wrong, &wrong, &err), err);
        assert_int_equal(wrong, members[i].says != NULL);
        if (members[i].says == NULL)
            assert_cw_ok(cw_pack(dir, "folder", &sum, 0, CW_PACK_PLAIN, keep, &buf, &err), err);
        else
            assert_cw_fails(CW_E_VERIFY, members[i].says,
                            cw_pack(dir, "folder", &sum, 0, CW_PACK_PLAIN, keep, &buf, &err), err);
        close(dir);
        assert_cw_ok(cw_remove_tree(base, "one", &err), err);
    }
}

/* Each change between the look and the end of the packing is seen. */
static void test_changes(void **state)
{
    int change;

    (void)state;
    for (change = 0; change < 4; change++) {
        CW_AUTO_BUF buf = CW_BUF_INIT(1 << 20);
        struct cw_pack_sum sum;
        struct cw_err err;
        int dir = make_folder("one", false);

        assert_cw_ok(cw_pack_look(&sum, dir, NULL, NULL, &err), err);
        switch (change) {
        case 0:
            make_file(dir, "new", "", 0644);
            break;
        case 1:
            assert_int_equal(unlinkat(dir, "start", 0), 0);
            break;
        case 2:
            assert_int_equal(fchmodat(dir, "run", 0700, 0), 0);
            break;
        default:
            assert_int_equal(utimensat(dir, "bin/x", (struct timespec[2]){{0}}, 0), 0);
        }
        assert_cw_fails(CW_E_VERIFY, "'folder': changed while it was packed",
                        cw_pack(dir, "folder", &sum, 0, CW_PACK_PLAIN, keep, &buf, &err), err);
        close(dir);
        assert_cw_ok(cw_remove_tree(base, "one", &err), err);
    }
}

static int refuse(void *ctx, const void *data, size_t len, struct cw_err *err)
{
    (void)ctx;
    (void)data;
    (void)len;
    return cw_err_set(err, CW_E_SPACE, "the disk is full");
}

static void test_write_fails(void **state)
{
    struct cw_pack_sum sum;
    struct cw_err err;
    int dir = make_folder("one", false);

    (void)state;
    assert_cw_ok(cw_pack_look(&sum, dir, NULL, NULL, &err), err);
    assert_cw_fails(CW_E_SPACE, "the disk is full",
                    cw_pack(dir, "folder", &sum, 0, CW_PACK_PLAIN, refuse, NULL, &err), err);
    close(dir);
    assert_cw_ok(cw_remove_tree(base, "one", &err), err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bytes),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_write_fails),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
