/* SPDX-License-Identifier: ISC */
/*
 * Files on disk: paths from data never leave their folder, replacements are whole, leftovers are swept.
 */
#include "unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "fs/commit.h"
#include "fs/lock.h"
#include "fs/root.h"
#include "fs/walk.h"

static char folder[64];
static int dir = -1;

static int set_up(void **state)
{
    struct cw_err err;

    (void)state;
    snprintf(folder, sizeof folder, "/tmp/causeway-fs.XXXXXX");
    return mkdtemp(folder) == NULL || cw_dir_open(&dir, folder, &err) != CW_OK;
}

static int tear_down(void **state)
{
    struct cw_err err;
    int rc;

    (void)state;
    close(dir);
    rc = cw_dir_open(&dir, "/tmp", &err);
    if (rc == CW_OK)
        rc = cw_remove_tree(dir, cw_str_basename(folder), &err);
    close(dir);
    return rc;
}

static void put(const char *path, const char *text)
{
    struct cw_err err;

    assert_cw_ok(cw_file_replace(dir, path, text, strlen(text), 0644, &err), err);
}

static void assert_content(const char *path, const char *text)
{
    CW_AUTO_BUF buf = CW_BUF_INIT(1000);
    struct cw_err err;

    assert_cw_ok(cw_at_read_file(&buf, dir, path, &err), err);
    assert_string_equal(cw_buf_text(&buf), text);
}

static void paths_that_are_not_plain_are_refused(void **state)
{
    static const char *const bad[] = {"",     "/etc/passwd", "..",  "a/..",  "../a",
                                      "a//b", "a/",          "./a", "a/./b", "/"};
    struct cw_err err;
    size_t i;
    int fd;

    (void)state;
    for (i = 0; i < CW_COUNT(bad); i++)
        assert_cw_fails(CW_E_VERIFY, "is not a plain relative path", cw_at_open_file(&fd, dir, bad[i], &err),
                        err);
    assert_true(cw_path_is_relative("a/..b/c"));
}

static void links_are_never_followed(void **state)
{
    struct cw_err err;
    int fd;

    (void)state;
    put("real/file", "x");
    assert_int_equal(symlinkat("real", dir, "link"), 0);
    assert_int_equal(symlinkat("real/file", dir, "filelink"), 0);
    assert_int_equal(mkfifoat(dir, "pipe", 0600), 0);
    assert_cw_fails(CW_E_VERIFY, "'link' is not a folder", cw_at_open_file(&fd, dir, "link/file", &err), err);
    assert_cw_fails(CW_E_VERIFY, "symbolic link", cw_at_open_file(&fd, dir, "filelink", &err), err);
    assert_cw_fails(CW_E_VERIFY, "not a regular file", cw_at_open_file(&fd, dir, "pipe", &err), err);
    assert_cw_fails(CW_E_VERIFY, "not a regular file", cw_at_open_file(&fd, dir, "real", &err), err);
    assert_cw_fails(CW_E_NOTFOUND, "'none'", cw_at_open_file(&fd, dir, "none", &err), err);
}

static void looking_at_many_files_is_looking_at_each(void **state)
{
    struct cw_looks looks = CW_LOOKS_INIT(dir);
    struct cw_err err;
    struct stat st;

    (void)state;
    put("looks/a", "1");
    put("looks/b", "22");
    put("looks/in/a", "333");
    put("top", "4444");
    assert_cw_fails(CW_E_NOTFOUND, "'nowhere/a'", cw_looks_stat(&st, &looks, "nowhere/a", &err), err);
    assert_cw_fails(CW_E_NOTFOUND, "'nowhere/b'", cw_looks_stat(&st, &looks, "nowhere/b", &err), err);
    assert_cw_ok(cw_looks_stat(&st, &looks, "looks/a", &err), err);
    assert_int_equal(st.st_size, 1);
    assert_cw_ok(cw_looks_stat(&st, &looks, "looks/b", &err), err);
    assert_int_equal(st.st_size, 2);
    assert_cw_fails(CW_E_NOTFOUND, "'looks/c'", cw_looks_stat(&st, &looks, "looks/c", &err), err);
    assert_cw_fails(CW_E_VERIFY, "plain relative path", cw_looks_stat(&st, &looks, "looks/..", &err), err);
    assert_cw_ok(cw_looks_stat(&st, &looks, "looks/in/a", &err), err);
    assert_int_equal(st.st_size, 3);
    assert_cw_ok(cw_looks_stat(&st, &looks, "top", &err), err);
    assert_int_equal(st.st_size, 4);
    assert_int_equal(symlinkat("looks", dir, "looked"), 0);
    assert_cw_fails(CW_E_VERIFY, "not a folder", cw_looks_stat(&st, &looks, "looked/a", &err), err);
    cw_looks_clear(&looks);
}

static void replacing_is_whole(void **state)
{
    CW_AUTO_OUT out = CW_OUT_INIT;
    struct cw_err err;

    (void)state;
    put("a/b/file", "old");
    assert_cw_ok(cw_out_open(&out, dir, "a/b/file", 0644, &err), err);
    assert_cw_ok(cw_out_write(&out, "new", 3, &err), err);
    assert_content("a/b/file", "old");
    assert_cw_ok(cw_out_commit(&out, &err), err);
    assert_content("a/b/file", "new");
    assert_cw_ok(cw_out_open(&out, dir, "a/b/file", 0644, &err), err);
    assert_cw_ok(cw_out_write(&out, "half", 4, &err), err);
    cw_out_discard(&out);
    assert_content("a/b/file", "new");
}

static void unnamed_shows_nothing_until_commit(void **state)
{
    CW_AUTO_OUT out = CW_OUT_INIT;
    struct cw_err err;
    int i;

    (void)state;
    for (i = 0; i < 2; i++) { /* the second replaces the first */
        const char *text = i == 0 ? "first" : "second";

        assert_cw_ok(cw_out_open_unnamed(&out, dir, "unnamed/file", 0644, &err), err);
        assert_cw_ok(cw_out_write(&out, text, strlen(text), &err), err);
        assert_int_equal(exists(dir, "unnamed/file"), i);
        assert_cw_ok(cw_out_commit(&out, &err), err);
        assert_content("unnamed/file", text);
    }
    assert_cw_ok(cw_out_open_unnamed(&out, dir, "unnamed/file", 0644, &err), err);
    assert_cw_ok(cw_out_write(&out, "half", 4, &err), err);
    cw_out_discard(&out);
    assert_content("unnamed/file", "second");
}

static void locked_folder_is_refused(void **state)
{
    CW_AUTO_FD int first = -1;
    CW_AUTO_FD int second = -1;
    struct cw_err err;

    (void)state;
    assert_cw_ok(cw_at_make_dir(&first, dir, "locked", &err), err);
    assert_cw_ok(cw_at_open_dir(&second, dir, "locked", &err), err);
    assert_cw_ok(cw_lock_folder(first, "locked", &err), err);
    assert_cw_fails(CW_E_TEMP, "folder 'locked' is locked", cw_lock_folder(second, "locked", &err), err);
    close(first);
    first = -1;
    assert_cw_ok(cw_lock_folder(second, "locked", &err), err);
}

static void reading_is_bounded(void **state)
{
    CW_AUTO_BUF buf = CW_BUF_INIT(3);
    struct cw_err err;

    (void)state;
    put("four", "1234");
    assert_cw_fails(CW_E_FAIL, "four is larger than the 3 bytes", cw_at_read_file(&buf, dir, "four", &err),
                    err);
}

static void batch_appears_at_commit(void **state)
{
    struct cw_batch batch;
    struct cw_out out;
    struct cw_err err;
    char path[16];
    int i;

    (void)state;
    cw_batch_init(&batch, dir);
    for (i = 0; i < 40; i++) { /* more than the list first has room for */
        snprintf(path, sizeof path, "many/f%d", i);
        assert_cw_ok(cw_out_open(&out, dir, path, 0644, &err), err);
        assert_cw_ok(cw_out_write(&out, path, strlen(path), &err), err);
        assert_cw_ok(cw_batch_add(&batch, &out, &err), err);
    }
    assert_false(exists(dir, "many/f0"));
    assert_cw_ok(cw_batch_commit(&batch, &err), err);
    assert_content("many/f0", "many/f0");
    assert_content("many/f39", "many/f39");
}

static size_t open_descriptors(void)
{
    size_t count = 0;
    int fd;

    for (fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) != -1;
    return count;
}

/* A batch may be larger than the number of descriptors that a process gets. */
static void batch_holds_descriptors_of_folders_only(void **state)
{
    struct cw_batch batch;
    struct cw_out out;
    struct cw_err err;
    char path[16];
    size_t before = open_descriptors();
    int i;

    (void)state;
    cw_batch_init(&batch, dir);
    for (i = 0; i < 40; i++) {
        snprintf(path, sizeof path, "%s/f%d", i % 2 == 0 ? "even" : "odd", i);
        assert_cw_ok(cw_out_open(&out, dir, path, 0644, &err), err);
        assert_cw_ok(cw_batch_add(&batch, &out, &err), err);
    }
    assert_int_equal(open_descriptors(), before + 2);
    assert_cw_ok(cw_batch_commit(&batch, &err), err);
    assert_int_equal(open_descriptors(), before);
    assert_true(exists(dir, "even/f0") && exists(dir, "odd/f39"));
}

static int count_entry(void *ctx, const char *path, const struct stat *st, struct cw_err *err)
{
    (void)st;
    (void)err;
    cw_buf_addf(ctx, "%s ", path);
    return CW_OK;
}

static void dropped_batch_leaves_nothing(void **state)
{
    CW_AUTO_BUF seen = CW_BUF_INIT(1000);
    struct cw_batch batch;
    struct cw_out out;
    struct cw_err err;

    (void)state;
    cw_batch_init(&batch, dir);
    assert_cw_ok(cw_out_open(&out, dir, "drop/f", 0644, &err), err);
    assert_cw_ok(cw_batch_add(&batch, &out, &err), err);
    cw_batch_clear(&batch);
    assert_cw_ok(cw_walk(dir, "drop", count_entry, &seen, &err), err);
    assert_string_equal(cw_buf_text(&seen), "");
}

static void walk_is_ordered_and_follows_no_link(void **state)
{
    CW_AUTO_BUF seen = CW_BUF_INIT(1000);
    struct cw_err err;

    (void)state;
    put("w/b/2", "");
    put("w/a", "");
    put("w/B", "");
    assert_cw_ok(cw_link_replace(dir, "w/link", "b", &err), err);
    assert_cw_ok(cw_walk(dir, "w", count_entry, &seen, &err), err);
    assert_string_equal(cw_buf_text(&seen), "B a b b/2 link ");
}

static void link_is_replaced_in_one_step(void **state)
{
    struct cw_err err;
    char target[16] = "";

    (void)state;
    assert_cw_ok(cw_link_replace(dir, "current", "one", &err), err);
    assert_cw_ok(cw_link_replace(dir, "current", "two", &err), err);
    assert_int_equal(readlinkat(dir, "current", target, sizeof target - 1), 3);
    assert_string_equal(target, "two");
}

static void move_never_replaces(void **state)
{
    struct cw_err err;

    (void)state;
    put("m/from/file", "1");
    put("m/taken/file", "2");
    assert_cw_fails(CW_E_FAIL, "unable to move 'm/from' to 'm/taken'",
                    cw_move_new(dir, "m/from", "m/taken", &err), err);
    assert_cw_ok(cw_move_new(dir, "m/from", "m/new/place", &err), err);
    assert_content("m/new/place/file", "1");
}

static void read_only_folders_can_be_removed(void **state)
{
    struct cw_err err;
    int fd;

    (void)state;
    put("ro/deep/file", "1");
    assert_cw_ok(cw_at_open_dir(&fd, dir, "ro/deep", &err), err);
    assert_int_equal(fchmod(fd, 0555), 0);
    close(fd);
    assert_cw_ok(cw_remove_tree(dir, "ro", &err), err);
    assert_false(exists(dir, "ro"));
    assert_cw_ok(cw_remove_tree(dir, "ro", &err), err);
}

static void sweep_takes_leftovers_only(void **state)
{
    struct cw_err err;

    (void)state;
    put("sweep/.tmp-0123", "");
    put("sweep/.tmp-dir/file", "");
    put("sweep/kept", "");
    assert_cw_ok(cw_sweep(dir, "sweep", &err), err);
    assert_false(exists(dir, "sweep/.tmp-0123"));
    assert_false(exists(dir, "sweep/.tmp-dir"));
    assert_true(exists(dir, "sweep/kept"));
    assert_cw_ok(cw_sweep(dir, "no-such-folder", &err), err);
}

static void second_lock_is_told_who_holds_it(void **state)
{
    struct cw_err err;
    char pid[32];
    int first, second;

    (void)state;
    assert_cw_ok(cw_lock_take(&first, dir, "lock", &err), err);
    snprintf(pid, sizeof pid, "process %ld", (long)getpid());
    assert_cw_fails(CW_E_TEMP, pid, cw_lock_take(&second, dir, "lock", &err), err);
    close(first);
    assert_cw_ok(cw_lock_take(&second, dir, "lock", &err), err);
    close(second);
}

static void append_makes_and_extends(void **state)
{
    struct cw_err err;

    (void)state;
    assert_cw_ok(cw_file_append(dir, "log", "a\n", 2, 0644, &err), err);
    assert_cw_ok(cw_file_append(dir, "log", "b\n", 2, 0644, &err), err);
    assert_content("log", "a\nb\n");
}

/* However many bytes there are: as many as may be, one more, and of what has no size to be asked for, in pieces. */
static void all_is_read_and_no_more_than_may_be(void **state)
{
    static const size_t sizes[] = {0, 1, 65535, 65536, 65537, 200000};
    struct cw_err err;

    (void)state;
    for (size_t i = 0; i < CW_COUNT(sizes); i++) {
        CW_AUTO_FREE char *bytes = malloc(sizes[i] + 1);
        CW_AUTO_BUF just = CW_BUF_INIT(sizes[i] + 3);
        CW_AUTO_BUF piped = CW_BUF_INIT(sizes[i]);
        int ends[2];
        pid_t child;

        memset(bytes, 'x', sizes[i]);
        assert_cw_ok(cw_file_replace(dir, "sized", bytes, sizes[i], 0644, &err), err);
        cw_buf_adds(&just, "abc");
        assert_cw_ok(cw_at_read_file(&just, dir, "sized", &err), err);
        assert_int_equal(just.len, sizes[i] + 3);
        assert_memory_equal(just.data + 3, bytes, sizes[i]);
        assert_int_equal(just.data[just.len], '\0');
        if (sizes[i] > 0) {
            CW_AUTO_BUF few = CW_BUF_INIT(sizes[i] - 1);

            assert_cw_fails(CW_E_FAIL, "sized is larger than", cw_at_read_file(&few, dir, "sized", &err),
                            err);
            assert_int_equal(few.room, 0); /* nothing is read of what is too much */
        }
        assert_int_equal(pipe(ends), 0);
        child = fork();
        if (child == 0) {
            close(ends[0]);
            _exit(cw_fd_write_all(ends[1], bytes, sizes[i], "the pipe", NULL) == CW_OK ? 0 : 1);
        }
        close(ends[1]);
        assert_cw_ok(cw_fd_read_all(&piped, ends[0], "the pipe", &err), err);
        close(ends[0]);
        assert_int_equal(waitpid(child, NULL, 0), child);
        assert_int_equal(piped.len, sizes[i]);
        assert_memory_equal(cw_buf_text(&piped), bytes, sizes[i]);
    }
}

/* What was read before does not count. */
static void the_rest_of_a_file_is_read(void **state)
{
    CW_AUTO_BUF rest = CW_BUF_INIT(5), less = CW_BUF_INIT(4);
    CW_AUTO_FD int fd = -1;
    struct cw_err err;

    (void)state;
    assert_cw_ok(cw_file_replace(dir, "begun", "0123456789", 10, 0644, &err), err);
    assert_cw_ok(cw_at_open_file(&fd, dir, "begun", &err), err);
    assert_int_equal(lseek(fd, 5, SEEK_SET), 5);
    assert_cw_fails(CW_E_FAIL, "begun is larger than", cw_fd_read_all(&less, fd, "begun", &err), err);
    assert_cw_ok(cw_fd_read_all(&rest, fd, "begun", &err), err);
    assert_string_equal(rest.data, "56789");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_that_are_not_plain_are_refused),
        cmocka_unit_test(links_are_never_followed),
        cmocka_unit_test(looking_at_many_files_is_looking_at_each),
        cmocka_unit_test(replacing_is_whole),
        cmocka_unit_test(unnamed_shows_nothing_until_commit),
        cmocka_unit_test(locked_folder_is_refused),
        cmocka_unit_test(reading_is_bounded),
        cmocka_unit_test(batch_appears_at_commit),
        cmocka_unit_test(batch_holds_descriptors_of_folders_only),
        cmocka_unit_test(dropped_batch_leaves_nothing),
        cmocka_unit_test(walk_is_ordered_and_follows_no_link),
        cmocka_unit_test(link_is_replaced_in_one_step),
        cmocka_unit_test(move_never_replaces),
        cmocka_unit_test(read_only_folders_can_be_removed),
        cmocka_unit_test(sweep_takes_leftovers_only),
        cmocka_unit_test(second_lock_is_told_who_holds_it),
        cmocka_unit_test(append_makes_and_extends),
        cmocka_unit_test(all_is_read_and_no_more_than_may_be),
        cmocka_unit_test(the_rest_of_a_file_is_read),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
