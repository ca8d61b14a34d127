/* SPDX-License-Identifier: ISC */
/*
 * Archives, read by the two halves with the jail between them as the programs do: good ones of each format,
 * and hostile ones, of which nothing may be created outside.
 */
#include "unit.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "codec/archive.h"
#include "codec/archive_frame.h"
#include "fs/commit.h"
#include "fs/root.h"
#include "jail/jail.h"

static char base_path[] = "/tmp/cw-archive-XXXXXX";
static int base = -1;

static int set_up(void **state)
{
    struct cw_err err;

    (void)state;
    if (cw_archive_load(&err) != CW_OK || mkdtemp(base_path) == NULL)
        return -1;
    return cw_dir_open(&base, base_path, &err);
}

static int tear_down(void **state)
{
    struct cw_err err;

    (void)state;
    cw_remove_tree(base, "in", &err);
    close(base);
    return rmdir(base_path); /* fails if something was created beside "in" */
}

struct member {
    const char *name;
    unsigned type; /* AE_IF…; 0 ends a list */
    unsigned mode;
    const char *content; /* of a file; a link's target */
    bool hard;           /* content is the path of an earlier member */
    size_t zeros;        /* a file of so many zeros instead */
};

static void write_member(struct archive *a, const struct member *m)
{
    struct archive_entry *entry = archive_entry_new();
    size_t len = m->zeros > 0 ? m->zeros : m->type == AE_IFREG && !m->hard ? strlen(m->content) : 0;
    CW_AUTO_FREE char *zeros = calloc(1, len + 1);

    archive_entry_set_pathname(entry, m->name);
    archive_entry_set_filetype(entry, m->type);
    archive_entry_set_perm(entry, m->mode);
    archive_entry_set_mtime(entry, 1000000000, 0);
    archive_entry_set_size(entry, (la_int64_t)len);
    if (m->hard)
        archive_entry_set_hardlink(entry, m->content);
    else if (m->type == AE_IFLNK)
        archive_entry_set_symlink(entry, m->content);
    assert_int_equal(archive_write_header(a, entry), ARCHIVE_OK);
    if (len > 0)
        assert_int_equal(archive_write_data(a, m->zeros > 0 ? zeros : m->content, len), len);
    archive_entry_free(entry);
}

/* The archive in a nameless file, at its start. */
static int make_archive(const char *format, const char *filter, const struct member *members)
{
    int fd = memfd_create("archive", MFD_CLOEXEC);
    struct archive *a = archive_write_new();

    assert_true(fd >= 0);
    assert_int_equal(archive_write_set_format_by_name(a, format), ARCHIVE_OK);
    if (filter != NULL)
        assert_int_equal(archive_write_add_filter_by_name(a, filter), ARCHIVE_OK);
    assert_int_equal(archive_write_open_fd(a, fd), ARCHIVE_OK);
    for (; members->type != 0; members++)
        write_member(a, members);
    assert_int_equal(archive_write_close(a), ARCHIVE_OK);
    archive_write_free(a);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static const struct cw_archive_rules usual = {.bytes = 10000000, .entries = 100};

static int feed(void *ctx, int in_fd, int out_fd, struct cw_err *err)
{
    return cw_archive_feed(in_fd, out_fd, ctx, err);
}

static ssize_t read_jail(void *ctx, void *data, size_t len, struct cw_err *err)
{
    return cw_jail_read(ctx, data, len, err);
}

/* Into a fresh folder "in"; *dir is it. Takes the descriptor. */
static int extract(int *dir, int in, const struct cw_archive_rules *limits, struct cw_err *err)
{
    static const struct cw_jail_limits confined = {
        .cpu_seconds = 10, .wall_seconds = 30, .memory = (size_t)256 << 20};
    CW_AUTO_JAIL jail = CW_JAIL_INIT;
    struct cw_err child;
    int rc, ended;

    if (exists(base, "in"))
        assert_cw_ok(cw_remove_tree(base, "in", err), *err);
    assert_cw_ok(cw_at_make_dir(dir, base, "in", err), *err);
    assert_cw_ok(cw_jail_start(&jail, "the archive", &confined, feed, (void *)limits, in, err), *err);
    rc = cw_archive_take(*dir, in, read_jail, &jail, limits, err);
    ended = cw_jail_finish(&jail, &child);
    close(in);
    if (rc == CW_E_INCOMPLETE)
        *err = child;
    assert_true((rc == CW_OK) == (ended == CW_OK) || rc == CW_E_VERIFY);
    return rc == CW_E_INCOMPLETE ? ended : rc;
}

static void assert_file(int dir, const char *path, const char *content, mode_t mode)
{
    CW_AUTO_BUF text = CW_BUF_INIT(1000);
    struct cw_err err;
    struct stat st;

    assert_cw_ok(cw_at_read_file(&text, dir, path, &err), err);
    assert_string_equal(cw_buf_text(&text), content);
    assert_cw_ok(cw_at_stat(&st, dir, path, &err), err);
    if ((st.st_mode & 07777) != mode)
        fail_msg("%s: mode %o", path, st.st_mode & 07777);
}

static const struct member good[] = {
    {.name = "app/", .type = AE_IFDIR, .mode = 0700},
    {.name = "app/bin/run", .type = AE_IFREG, .mode = 0755, .content = "#!/bin/sh\n"},
    {.name = "app/notes", .type = AE_IFREG, .mode = 0600, .content = "gr\xc3\xbc\xc3\x9f"},
    {.name = "app/gr\xc3\xbcn", .type = AE_IFREG, .mode = 0666, .content = "leaf"},
    {.name = "app/empty", .type = AE_IFREG, .mode = 0444, .content = ""},
    {.name = "app/link", .type = AE_IFLNK, .mode = 0777, .content = "bin/run"},
    {.name = "app/bin/up", .type = AE_IFLNK, .mode = 0777, .content = "../../app/notes"},
    {.type = 0},
};

static void assert_good(int dir)
{
    char target[64] = "";

    assert_file(dir, "app/bin/run", "#!/bin/sh\n", 0555);
    assert_file(dir, "app/notes", "gr\xc3\xbc\xc3\x9f", 0444);
    assert_file(dir, "app/gr\xc3\xbcn", "leaf", 0444);
    assert_file(dir, "app/empty", "", 0444);
    assert_int_equal(readlinkat(dir, "app/link", target, sizeof(target)), 7);
    assert_string_equal(target, "bin/run");
    assert_int_equal(readlinkat(dir, "app/bin/up", target, sizeof(target)), 15);
}

static void test_each_format(void **state)
{
    static const struct {
        const char *format, *filter;
    } kinds[] = {{"ustar", NULL}, {"gnutar", NULL}, {"pax", NULL},     {"zip", NULL},
                 {"newc", NULL},  {"odc", NULL},    {"ustar", "gzip"}, {"pax", "xz"},
                 {"pax", "zstd"}, {"pax", "bzip2"}, {"pax", "lz4"},    {"newc", "gzip"}};
    size_t i;

    (void)state;
    for (i = 0; i < CW_COUNT(kinds); i++) {
        CW_AUTO_FD int dir = -1;
        struct cw_err err;

        cw_err_clear(&err);
        if (extract(&dir, make_archive(kinds[i].format, kinds[i].filter, good), &usual, &err) != CW_OK)
            fail_msg("%s, %s: %s", kinds[i].format, kinds[i].filter == NULL ? "plain" : kinds[i].filter,
                     err.text);
        assert_good(dir);
    }
}

static void test_hard_links(void **state)
{
    static const struct member members[] = {
        {.name = "./a", .type = AE_IFREG, .mode = 0644, .content = "one"},
        {.name = "./d/b", .type = AE_IFREG, .mode = 0644, .content = "./a", .hard = true},
        {.type = 0},
    };
    CW_AUTO_FD int dir = -1;
    struct cw_err err;
    struct stat a, b;

    (void)state;
    assert_cw_ok(extract(&dir, make_archive("pax", NULL, members), &usual, &err), err);
    assert_file(dir, "d/b", "one", 0444);
    assert_cw_ok(cw_at_stat(&a, dir, "a", &err), err);
    assert_cw_ok(cw_at_stat(&b, dir, "d/b", &err), err);
    assert_int_equal(a.st_ino, b.st_ino);
}

static void test_large_content(void **state)
{
    static const struct member members[] = {
        {.name = "zeros", .type = AE_IFREG, .mode = 0644, .zeros = 5000001},
        {.type = 0},
    };
    CW_AUTO_FD int dir = -1;
    struct cw_err err;
    struct stat st;

    (void)state;
    assert_cw_ok(extract(&dir, make_archive("zip", NULL, members), &usual, &err), err);
    assert_cw_ok(cw_at_stat(&st, dir, "zeros", &err), err);
    assert_int_equal(st.st_size, 5000001);
}

/* Each list is one archive; the last member is the one that is refused. */
static const struct {
    const char *says;
    struct member members[5];
} hostile[] = {
    {"'../out' of the archive has a path that leads out",
     {{.name = "../out", .type = AE_IFREG, .mode = 0644, .content = "x"}}},
    {"leads out", {{.name = "a/../../out", .type = AE_IFREG, .mode = 0644, .content = "x"}}},
    {"leads out", {{.name = "a/../out", .type = AE_IFREG, .mode = 0644, .content = "x"}}},
    {"leads out", {{.name = "/tmp/cw-archive-out", .type = AE_IFREG, .mode = 0644, .content = "x"}}},
    {"leads out", {{.name = "./../out", .type = AE_IFREG, .mode = 0644, .content = "x"}}},
    {"leads out", {{.name = "..", .type = AE_IFDIR, .mode = 0755}}},
    {"leads out", {{.name = ".//../out", .type = AE_IFREG, .mode = 0644, .content = "x"}}},
    {"'l' of the archive is a symbolic link that leads out",
     {{.name = "l", .type = AE_IFLNK, .mode = 0777, .content = "/etc"}}},
    {"link that leads out", {{.name = "l", .type = AE_IFLNK, .mode = 0777, .content = ".."}}},
    {"link that leads out", {{.name = "a/b/l", .type = AE_IFLNK, .mode = 0777, .content = "../../../out"}}},
    {"link that leads out",
     {{.name = "a/b/up", .type = AE_IFLNK, .mode = 0777, .content = "../.."},
      {.name = "esc", .type = AE_IFLNK, .mode = 0777, .content = "a/b/up/../out"}}},
    {"'l/x' of the archive lies beneath a link",
     {{.name = "d", .type = AE_IFDIR, .mode = 0755},
      {.name = "l", .type = AE_IFLNK, .mode = 0777, .content = "d"},
      {.name = "l/x", .type = AE_IFREG, .mode = 0644, .content = "x"}}},
    {"lies beneath a link or a file",
     {{.name = "f", .type = AE_IFREG, .mode = 0644, .content = "x"},
      {.name = "f/x", .type = AE_IFREG, .mode = 0644, .content = "x"}}},
    {"'f' of the archive has a name that is there already",
     {{.name = "f", .type = AE_IFREG, .mode = 0644, .content = "x"},
      {.name = "./f", .type = AE_IFREG, .mode = 0644, .content = "y"}}},
    {"is there already",
     {{.name = "l", .type = AE_IFLNK, .mode = 0777, .content = "x"},
      {.name = "l", .type = AE_IFREG, .mode = 0644, .content = "y"}}},
    {"is there already",
     {{.name = "l", .type = AE_IFLNK, .mode = 0777, .content = "x"},
      {.name = "l", .type = AE_IFDIR, .mode = 0755}}},
    {"device, pipe or socket", {{.name = "dev", .type = AE_IFCHR, .mode = 0666}}},
    {"device, pipe or socket", {{.name = "dev", .type = AE_IFBLK, .mode = 0666}}},
    {"device, pipe or socket", {{.name = "pipe", .type = AE_IFIFO, .mode = 0666}}},
    {"'su' of the archive has a set-uid", {{.name = "su", .type = AE_IFREG, .mode = 04755, .content = "x"}}},
    {"set-gid", {{.name = "sg", .type = AE_IFDIR, .mode = 02755}}},
    {"hard link that leads out",
     {{.name = "h", .type = AE_IFREG, .mode = 0644, .content = "/etc/passwd", .hard = true}}},
    {"hard link that leads out",
     {{.name = "h", .type = AE_IFREG, .mode = 0644, .content = "../x", .hard = true}}},
    {"no earlier file", {{.name = "h", .type = AE_IFREG, .mode = 0644, .content = "later", .hard = true}}},
    {"no earlier file",
     {{.name = "l", .type = AE_IFLNK, .mode = 0777, .content = "x"},
      {.name = "h", .type = AE_IFREG, .mode = 0644, .content = "l", .hard = true}}},
    {"printable UTF-8", {{.name = "a\nb", .type = AE_IFREG, .mode = 0644, .content = "x"}}},
    {"printable UTF-8", {{.name = "a\x1b[31m", .type = AE_IFREG, .mode = 0644, .content = "x"}}},
    {"printable UTF-8", {{.name = "a\xff", .type = AE_IFREG, .mode = 0644, .content = "x"}}},
    {"more than the allowed 10000000 bytes",
     {{.name = "bomb", .type = AE_IFREG, .mode = 0644, .zeros = 20000000}}},
    {"more than the allowed 10000000 bytes",
     {{.name = "half", .type = AE_IFREG, .mode = 0644, .zeros = 6000000},
      {.name = "bomb", .type = AE_IFREG, .mode = 0644, .zeros = 6000000}}},
};

static void test_hostile_archives(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < CW_COUNT(hostile); i++) {
        CW_AUTO_FD int dir = -1;
        struct cw_err err;
        int rc;

        cw_err_clear(&err);
        rc = extract(&dir, make_archive("ustar", "gzip", hostile[i].members), &usual, &err);
        if (rc != CW_E_VERIFY || strstr(err.text, hostile[i].says) == NULL)
            fail_msg("case %zu ('%s'): %d, '%s'", i, hostile[i].says, rc, err.text);
    }
    assert_int_equal(access("/tmp/cw-archive-out", F_OK), -1);
}

static void test_limits_on_members(void **state)
{
    const struct cw_archive_rules few = {.bytes = 1000, .entries = 6};
    CW_AUTO_FD int dir = -1;
    struct cw_err err;

    (void)state;
    assert_cw_fails(CW_E_VERIFY, "more than the allowed 6 members",
                    extract(&dir, make_archive("pax", NULL, good), &few, &err), err);
}

static int fd_of(const void *data, size_t len)
{
    int fd = memfd_create("archive", MFD_CLOEXEC);

    assert_int_equal(write(fd, data, len), len);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static void test_what_is_no_archive(void **state)
{
    static const char text[] = "this is a text, and none of the formats begins like it\n";
    CW_AUTO_FD int dir = -1, empty = -1;
    struct cw_err err;

    (void)state;
    assert_cw_fails(CW_E_VERIFY,
                    "the archive cannot be read: ", extract(&dir, fd_of(text, strlen(text)), &usual, &err),
                    err);
    assert_cw_fails(CW_E_VERIFY, "the archive cannot be read: ", extract(&empty, fd_of("", 0), &usual, &err),
                    err);
}

/* Cut anywhere, an archive gives an error or (cut between members) fewer files, but never a file that is not
 * whole. */
static void test_truncated_archives(void **state)
{
    static const char *const filters[] = {NULL, "gzip", "zstd"};
    struct cw_err err;
    size_t i;

    (void)state;
    for (i = 0; i < CW_COUNT(filters); i++) {
        CW_AUTO_FD int whole = make_archive("pax", filters[i], good), dir = -1;
        off_t len = lseek(whole, 0, SEEK_END);

        assert_int_equal(ftruncate(whole, filters[i] == NULL ? 1536 + 5 : len / 2), 0);
        assert_int_equal(lseek(whole, 0, SEEK_SET), 0);
        cw_err_clear(&err);
        if (extract(&dir, dup(whole), &usual, &err) != CW_E_VERIFY)
            fail_msg("%s: '%s'", filters[i] == NULL ? "plain" : filters[i], err.text);
    }
}

/* The other half trusts no frame: what a child that was taken over might send. */
struct memory {
    const char *data;
    size_t len;
};

static ssize_t read_memory(void *ctx, void *data, size_t len, struct cw_err *err)
{
    struct memory *m = ctx;
    size_t n = len < m->len ? len : m->len;

    (void)err;
    memcpy(data, m->data, n);
    m->data += n;
    m->len -= n;
    return (ssize_t)n;
}

static void test_forged_frames(void **state)
{
    static const struct {
        const char *says;
        int code;
        struct cw_frame frame;
        const char *text;
    } cases[] = {
        {"no known kind", CW_E_VERIFY, {.type = 'q'}, ""},
        {"gave content to no file", CW_E_VERIFY, {.type = CW_FRAME_DATA, .size = 1}, "x"},
        {"gave content to no file", CW_E_VERIFY, {.type = CW_FRAME_COPY, .size = 1}, ""},
        {"gave an attribute to no file", CW_E_VERIFY, {.type = CW_FRAME_XATTR, .name_len = 1}, "x"},
        {"leads out", CW_E_VERIFY, {.type = CW_FRAME_FILE, .name_len = 6}, "../out"},
        {"leads out", CW_E_VERIFY, {.type = CW_FRAME_FOLDER, .name_len = 1}, "."},
        {"leads out", CW_E_VERIFY, {.type = CW_FRAME_FILE, .name_len = 0}, ""},
        {"not printable", CW_E_VERIFY, {.type = CW_FRAME_FILE, .name_len = 3}, "a\0b"},
        {"a name of 65535 bytes", CW_E_VERIFY, {.type = CW_FRAME_FILE, .name_len = UINT16_MAX}, "x"},
        {"leads out", CW_E_VERIFY, {.type = CW_FRAME_LINK, .name_len = 1, .link_len = 2}, "l.."},
        {"leads out", CW_E_VERIFY, {.type = CW_FRAME_LINK, .name_len = 1, .link_len = 0}, "l"},
        {"set-uid", CW_E_VERIFY, {.type = CW_FRAME_FILE, .name_len = 1, .mode = 04755}, "f"},
        {"larger than allowed",
         CW_E_VERIFY,
         {.type = CW_FRAME_FILE, .name_len = 1, .sized = 1, .size = UINT64_MAX},
         "f"},
        {"b  [31m", CW_E_VERIFY, {.type = CW_FRAME_REFUSED, .name_len = 7}, "b\n\x1b[31m"},
        {"ended before", CW_E_INCOMPLETE, {.type = CW_FRAME_FILE, .name_len = 5}, "fffff"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < CW_COUNT(cases); i++) {
        char frames[sizeof(struct cw_frame) + 16] = {0};
        size_t want = (size_t)cases[i].frame.name_len + cases[i].frame.link_len +
                      (cases[i].frame.type == CW_FRAME_DATA);
        struct memory m = {.data = frames, .len = sizeof(struct cw_frame) + (want < 8 ? want : 1)};
        CW_AUTO_FD int dir = -1;
        struct cw_err err;

        if (cases[i].code == CW_E_INCOMPLETE)
            m.len = sizeof(struct cw_frame) + 1;
        memcpy(frames, &cases[i].frame, sizeof(struct cw_frame));
        memcpy(frames + sizeof(struct cw_frame), cases[i].text, want < 8 ? want : 1);
        assert_cw_ok(cw_remove_tree(base, "in", &err), err);
        assert_cw_ok(cw_at_make_dir(&dir, base, "in", &err), err);
        assert_cw_fails(cases[i].code, cases[i].says, cw_archive_take(dir, -1, read_memory, &m, &usual, &err),
                        err);
    }
}

static void test_a_file_shorter_than_it_says(void **state)
{
    struct {
        struct cw_frame file;
        char name[8];
        struct cw_frame end;
    } frames = {.file = {.type = CW_FRAME_FILE, .name_len = 8, .sized = 1, .size = 5},
                .name = "longname",
                .end = {.type = CW_FRAME_END}};
    struct memory m = {.data = (const char *)&frames, .len = sizeof(frames)};
    CW_AUTO_FD int dir = -1;
    struct cw_err err;

    (void)state;
    assert_cw_ok(cw_remove_tree(base, "in", &err), err);
    assert_cw_ok(cw_at_make_dir(&dir, base, "in", &err), err);
    assert_cw_fails(CW_E_VERIFY, "has not the length",
                    cw_archive_take(dir, -1, read_memory, &m, &usual, &err), err);
}

/* The confined half counts what it hands on; this half must not believe that it did. */
static void test_more_content_than_allowed(void **state)
{
    static const struct cw_archive_rules ten = {.bytes = 10, .entries = 2};
    static const uint8_t types[] = {CW_FRAME_DATA, CW_FRAME_ZEROS};
    size_t i;

    (void)state;
    for (i = 0; i < CW_COUNT(types); i++) {
        struct {
            struct cw_frame file;
            char name[8];
            struct cw_frame data;
            char content[16];
            struct cw_frame end;
        } frames = {.file = {.type = CW_FRAME_FILE, .name_len = 8},
                    .name = "longname",
                    .data = {.type = types[i], .size = 16},
                    .end = {.type = CW_FRAME_END}};
        struct memory m = {.data = (const char *)&frames, .len = sizeof(frames)};
        CW_AUTO_FD int dir = -1;
        struct cw_err err;

        assert_cw_ok(cw_remove_tree(base, "in", &err), err);
        assert_cw_ok(cw_at_make_dir(&dir, base, "in", &err), err);
        assert_cw_fails(CW_E_VERIFY, "larger than allowed",
                        cw_archive_take(dir, -1, read_memory, &m, &ten, &err), err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_format),
        cmocka_unit_test(test_hard_links),
        cmocka_unit_test(test_large_content),
        cmocka_unit_test(test_hostile_archives),
        cmocka_unit_test(test_limits_on_members),
        cmocka_unit_test(test_what_is_no_archive),
        cmocka_unit_test(test_truncated_archives),
        cmocka_unit_test(test_forged_frames),
        cmocka_unit_test(test_a_file_shorter_than_it_says),
        cmocka_unit_test(test_more_content_than_allowed),
    };

    /* libarchive's writer turns names by the locale. */
    if (setlocale(LC_ALL, "C.UTF-8") == NULL) {
        printf("1..0 # SKIP no locale C.UTF-8\n");
        return 0;
    }
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
