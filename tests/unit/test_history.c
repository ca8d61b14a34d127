/* SPDX-License-Identifier: ISC */
/*
 * The site's log: the chain holds, a change anywhere in it shows, and a line that a power cut tore does no
 * harm.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "fs/commit.h"
#include "fs/root.h"
#include "sync/history.h"

struct folder {
    char path[32];
    int fd;
};

static int setup(void **state)
{
    struct folder *folder = calloc(1, sizeof *folder);
    struct cw_err err;

    if (folder == NULL)
        return -1;
    snprintf(folder->path, sizeof folder->path, "/tmp/history-XXXXXX");
    if (mkdtemp(folder->path) == NULL || cw_dir_open(&folder->fd, folder->path, &err) != CW_OK)
        return -1;
    *state = folder;
    return 0;
}

static int teardown(void **state)
{
    struct folder *folder = *state;
    struct cw_err err;

    (void)cw_remove(folder->fd, CW_HISTORY_FILE, &err);
    close(folder->fd);
    rmdir(folder->path);
    free(folder);
    return 0;
}

static void append(struct folder *folder, const char *event)
{
    json_auto_t *data = json_pack("{s:s}", "note", event);
    struct cw_err err = {0};

    if (cw_history_append(folder->fd, 1893456000, event, data, &err) != CW_OK)
        fail_msg("%s", err.text);
}

static int count_one(void *ctx, const json_t *entry, struct cw_err *err)
{
    (void)err;
    assert_string_equal(json_string_value(json_object_get(entry, "time")), "2030-01-01T00:00:00Z");
    ++*(int *)ctx;
    return CW_OK;
}

static int count(struct folder *folder, int expected_rc, struct cw_err *err)
{
    int n = 0;

    *err = (struct cw_err){0};
    assert_int_equal(cw_history_each(folder->fd, count_one, &n, err), expected_rc);
    return n;
}

static void overwrite(struct folder *folder, off_t at, const char *text)
{
    int fd = openat(folder->fd, CW_HISTORY_FILE, O_WRONLY);

    assert_int_equal(pwrite(fd, text, strlen(text), at), strlen(text));
    close(fd);
}

static off_t size_of(struct folder *folder)
{
    struct stat st;

    assert_int_equal(fstatat(folder->fd, CW_HISTORY_FILE, &st, 0), 0);
    return st.st_size;
}

static void test_absent_is_empty(void **state)
{
    struct cw_err err;

    assert_int_equal(count(*state, CW_OK, &err), 0);
}

static void test_chain_holds(void **state)
{
    struct cw_err err;

    append(*state, "init");
    append(*state, "pull");
    append(*state, "apply");
    assert_int_equal(count(*state, CW_OK, &err), 3);
}

static void test_torn_end_is_dropped(void **state)
{
    static const char *const torn[] = {"{\"seq\": 3, \"ti", "x", "{}"};
    struct cw_err err = {0};

    append(*state, "init");
    append(*state, "pull");
    for (size_t i = 0; i < sizeof torn / sizeof *torn; i++) {
        assert_int_equal(cw_file_append(((struct folder *)*state)->fd, CW_HISTORY_FILE, torn[i],
                                        strlen(torn[i]), 0644, &err),
                         CW_OK);
        assert_int_equal(count(*state, CW_OK, &err), 2 + (int)i);
        append(*state, "apply");
        assert_int_equal(count(*state, CW_OK, &err), 3 + (int)i);
    }
}

static void test_only_a_torn_line(void **state)
{
    struct cw_err err = {0};

    assert_int_equal(cw_file_append(((struct folder *)*state)->fd, CW_HISTORY_FILE, "{\"se", 4, 0644, &err),
                     CW_OK);
    append(*state, "init");
    assert_int_equal(count(*state, CW_OK, &err), 1);
}

static void test_change_shows(void **state)
{
    CW_AUTO_BUF text = CW_BUF_INIT(4096);
    struct cw_err err = {0};

    append(*state, "init");
    append(*state, "pull");
    append(*state, "apply");
    assert_int_equal(cw_at_read_file(&text, ((struct folder *)*state)->fd, CW_HISTORY_FILE, &err), CW_OK);
    overwrite(*state, strstr(text.data, "pull") - text.data, "PULL");
    assert_int_equal(count(*state, CW_E_VERIFY, &err), 2);
    assert_non_null(strstr(err.text, "history.jsonl:3"));
}

static void test_removed_line_shows(void **state)
{
    CW_AUTO_BUF text = CW_BUF_INIT(4096);
    struct cw_err err = {0};
    struct folder *folder = *state;

    append(folder, "init");
    append(folder, "pull");
    assert_int_equal(cw_at_read_file(&text, folder->fd, CW_HISTORY_FILE, &err), CW_OK);
    assert_int_equal(cw_file_replace(folder->fd, CW_HISTORY_FILE, strchr(text.data, '\n') + 1,
                                     strlen(strchr(text.data, '\n') + 1), 0644, &err),
                     CW_OK);
    assert_int_equal(count(folder, CW_E_VERIFY, &err), 0);
    assert_non_null(strstr(err.text, "removed or inserted"));
}

static void test_broken_end_is_not_built_upon(void **state)
{
    struct folder *folder = *state;
    struct cw_err err = {0};

    append(folder, "init");
    overwrite(folder, size_of(folder) - 2, "x");
    assert_int_equal(cw_history_append(folder->fd, 0, "pull", NULL, &err), CW_E_VERIFY);
}

static void test_too_long_is_refused(void **state)
{
    struct folder *folder = *state;
    CW_AUTO_BUF long_text = CW_BUF_INIT(CW_HISTORY_LINE_MAX);
    json_auto_t *data = NULL;
    struct cw_err err = {0};

    for (size_t i = 0; i < CW_HISTORY_LINE_MAX; i++)
        cw_buf_addc(&long_text, 'a');
    data = json_pack("{s:s}", "text", cw_buf_text(&long_text));
    assert_int_equal(cw_history_append(folder->fd, 0, "check", data, &err), CW_E_FAIL);
    append(folder, "init");
    assert_int_equal(count(folder, CW_OK, &err), 1);
}

static void test_many_lines(void **state)
{
    struct folder *folder = *state;
    char text[700];
    struct cw_err err;

    memset(text, 'e', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (int i = 0; i < 150; i++)
        append(folder, text); /* 1.4 KiB each: lines lie across the reader's blocks */
    assert_int_equal(count(folder, CW_OK, &err), 150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_absent_is_empty, setup, teardown),
        cmocka_unit_test_setup_teardown(test_chain_holds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_torn_end_is_dropped, setup, teardown),
        cmocka_unit_test_setup_teardown(test_only_a_torn_line, setup, teardown),
        cmocka_unit_test_setup_teardown(test_change_shows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_removed_line_shows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_broken_end_is_not_built_upon, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_long_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_lines, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
