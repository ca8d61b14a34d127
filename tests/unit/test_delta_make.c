/* SPDX-License-Identifier: ISC */
/*
 * Making deltas: whatever the two files are, the delta leads from one to the other; where they are alike, it
 * is small; and it is the same for any number of threads.
 */
#include "unit.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "codec/delta.h"
#include "codec/delta_parts.h"
#include "codec/delta_tar.h"

#define FILE_MAX ((size_t)8 << 20)

/* --- files ------------------------------------------------------------------------------------- */

/* The same bytes on every machine; nothing compresses them. */
static void add_noise(struct cw_buf *buf, size_t len, uint64_t seed)
{
    uint64_t x = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;

    for (; len > 0; len--) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        cw_buf_addc(buf, (char)(x >> 32));
    }
}

static void add_zeros(struct cw_buf *buf, size_t len)
{
    for (; len > 0; len--)
        cw_buf_addc(buf, '\0');
}

/* A table of `count` pointers among noise, each `shift` further than in the other file. */
static void add_pointers(struct cw_buf *buf, unsigned count, uint32_t shift)
{
    for (unsigned i = 0; i < count; i++) {
        uint32_t pointer = 0x400000 + i * 48 + shift;

        add_noise(buf, 20, i + 1);
        cw_buf_add(buf, &pointer, sizeof(pointer));
    }
}

static void add_member_of(struct cw_buf *buf, const char *name, char type, const char *content, size_t len)
{
    char header[512] = {0};
    unsigned sum = 0;
    size_t i;

    snprintf(header, 100, "%s", name);
    snprintf(header + 100, 8, "0000644");
    snprintf(header + 124, 12, "%011zo", len);
    snprintf(header + 136, 12, "14000000000");
    memset(header + 148, ' ', 8);
    header[156] = type;
    memcpy(header + 257, "ustar\00000", 8);
    for (i = 0; i < sizeof(header); i++)
        sum += (unsigned char)header[i];
    snprintf(header + 148, 8, "%06o", sum);
    cw_buf_add(buf, header, sizeof(header));
    cw_buf_add(buf, content, len);
    add_zeros(buf, (512 - len % 512) % 512);
}

/* A member of 40,000 bytes that depend on `seed`, three of which depend on `change`. */
static void add_member(struct cw_buf *buf, const char *name, uint64_t seed, unsigned change)
{
    CW_AUTO_BUF content = CW_BUF_INIT(100000);

    add_noise(&content, 40000, seed);
    content.data[1000] = (char)(content.data[1000] + (char)change);
    content.data[20000] = (char)(content.data[20000] + (char)change);
    content.data[39999] = (char)(content.data[39999] + (char)change);
    add_member_of(buf, name, '0', content.data, content.len);
}

/* Twelve members; `turn` of them come last instead of first, their version and content are `version`. */
static void add_tar(struct cw_buf *buf, unsigned turn, unsigned version)
{
    char name[64];

    for (unsigned i = 0; i < 12; i++) {
        unsigned n = (i + turn) % 12;

        snprintf(name, sizeof(name), "app-1.%u.0/lib/part%c.so", version, (char)('a' + n));
        add_member(buf, name, n + 1, version);
    }
    add_zeros(buf, 1024);
}

static void shape_empty(struct cw_buf *old, struct cw_buf *new)
{
    (void)old;
    (void)new;
}

static void shape_from_empty(struct cw_buf *old, struct cw_buf *new)
{
    (void)old;
    add_noise(new, 1000, 1);
}

static void shape_to_empty(struct cw_buf *old, struct cw_buf *new)
{
    (void)new;
    add_noise(old, 1000, 1);
}

static void shape_equal(struct cw_buf *old, struct cw_buf *new)
{
    add_noise(old, 300000, 1);
    add_noise(new, 300000, 1);
}

static void shape_unlike(struct cw_buf *old, struct cw_buf *new)
{
    add_noise(old, 300000, 1);
    add_noise(new, 300000, 2);
}

static void shape_one_byte(struct cw_buf *old, struct cw_buf *new)
{
    cw_buf_addc(old, 'a');
    cw_buf_addc(new, 'b');
}

static void shape_to_one_byte(struct cw_buf *old, struct cw_buf *new)
{
    add_noise(old, 1000, 1);
    cw_buf_addc(new, old->data[999]);
}

static void shape_prepended(struct cw_buf *old, struct cw_buf *new)
{
    add_noise(old, 300000, 1);
    add_noise(new, 77, 2);
    add_noise(new, 300000, 1);
}

static void shape_middle_gone(struct cw_buf *old, struct cw_buf *new)
{
    add_noise(old, 300000, 1);
    cw_buf_add(new, old->data, 100000);
    cw_buf_add(new, old->data + 150000, 150000);
}

static void shape_halves_swapped(struct cw_buf *old, struct cw_buf *new)
{
    add_noise(old, 300001, 1);
    cw_buf_add(new, old->data + 150000, 150001);
    cw_buf_add(new, old->data, 150000);
}

static void shape_one_part_often(struct cw_buf *old, struct cw_buf *new)
{
    add_noise(old, 20000, 1);
    for (int i = 0; i < 20; i++) {
        add_noise(new, 11, (uint64_t)i + 2);
        cw_buf_add(new, old->data + i * 37, 15000);
    }
}

static void shape_pointers(struct cw_buf *old, struct cw_buf *new)
{
    add_pointers(old, 10000, 0);
    add_pointers(new, 10000, 0x1230);
}

static void shape_zeros(struct cw_buf *old, struct cw_buf *new)
{
    add_zeros(old, 2000000);
    add_zeros(new, 1500000);
    add_noise(new, 5, 1);
    add_zeros(new, 1700000);
}

/* A run with few other bytes: the worst there is for a search that is done again at every byte. */
static void shape_nearly_zeros(struct cw_buf *old, struct cw_buf *new)
{
    add_zeros(old, 1000000);
    add_zeros(new, 1000000);
    for (size_t i = 0; i < 1000000; i += 1000)
        new->data[i + i / 1000] = 'x';
    for (size_t i = 0; i < 1000000; i += 1111)
        old->data[i] = 'x';
}

static void shape_period(struct cw_buf *old, struct cw_buf *new)
{
    for (size_t i = 0; i < 500000; i++) {
        cw_buf_addc(old, (char)(i % 251));
        cw_buf_addc(new, (char)((i + 3) % 250));
    }
}

static void shape_tar_of_next_version(struct cw_buf *old, struct cw_buf *new)
{
    add_tar(old, 0, 1);
    add_tar(new, 0, 2);
}

static void shape_tar_shuffled(struct cw_buf *old, struct cw_buf *new)
{
    add_tar(old, 0, 1);
    add_tar(new, 5, 1);
}

static void shape_tar_moved(struct cw_buf *old, struct cw_buf *new)
{
    add_member(old, "old/place/x.so", 1, 0);
    add_member(old, "old/place/y.so", 2, 0);
    add_zeros(old, 1024);
    add_member(new, "another/one/z.so", 3, 0);
    add_member(new, "another/one/x.so", 1, 1);
    add_zeros(new, 1024);
}

static void shape_tar_to_other(struct cw_buf *old, struct cw_buf *new)
{
    add_tar(old, 0, 1);
    add_noise(new, 5000, 1);
}

static void shape_tar_broken(struct cw_buf *old, struct cw_buf *new)
{
    add_tar(old, 0, 1);
    add_tar(new, 0, 2);
    memset(old->data + 130000, 0xff, 60000);
    new->len -= 30000;
}

static const struct {
    const char *name;
    void (*fill)(struct cw_buf *old, struct cw_buf *new);
    size_t most; /* bytes of the delta; 0: as many as the new file, and a few */
} shapes[] = {
    {"empty", shape_empty, 100},
    {"from empty", shape_from_empty, 0},
    {"to empty", shape_to_empty, 100},
    {"equal", shape_equal, 200},
    {"unlike", shape_unlike, 0},
    {"one byte", shape_one_byte, 100},
    {"to one byte", shape_to_one_byte, 100},
    {"prepended", shape_prepended, 300},
    {"middle gone", shape_middle_gone, 200},
    {"halves swapped", shape_halves_swapped, 200},
    {"one part often", shape_one_part_often, 600},
    {"pointers", shape_pointers, 1500},
    {"zeros", shape_zeros, 500},
    {"nearly zeros", shape_nearly_zeros, 20000},
    {"period", shape_period, 2000},
    {"tar of the next version", shape_tar_of_next_version, 1000},
    {"tar shuffled", shape_tar_shuffled, 500},
    {"tar moved", shape_tar_moved, 41000},
    {"tar to another file", shape_tar_to_other, 0},
    {"tar, broken", shape_tar_broken, 0},
};

/* --- there and back ---------------------------------------------------------------------------- */

static int fd_of(const struct cw_buf *buf)
{
    int fd = memfd_create("file", MFD_CLOEXEC);

    assert_int_equal(write(fd, cw_buf_text(buf), buf->len), buf->len);
    return fd;
}

static int make(int old, int new, unsigned threads)
{
    const struct cw_delta_effort effort = {.threads = threads, .level = 5};
    int fd = memfd_create("delta", MFD_CLOEXEC);
    struct cw_err err;

    assert_cw_ok(cw_delta_make(fd, old, new, &effort, &err), err);
    return fd;
}

static int collect(void *ctx, const void *data, size_t len, struct cw_err *err)
{
    cw_buf_add(ctx, data, len);
    return cw_buf_check(ctx, "the new file", err);
}

static void assert_leads_to(int delta, int old, const struct cw_buf *new, const char *name)
{
    CW_AUTO_BUF out = CW_BUF_INIT(FILE_MAX);
    struct cw_err err;

    cw_err_clear(&err);
    if (cw_delta_read(delta, old, new->len, collect, &out, &err) != CW_OK)
        fail_msg("%s: %s", name, err.text);
    if (out.len != new->len || memcmp(cw_buf_text(&out), cw_buf_text(new), out.len) != 0)
        fail_msg("%s: another file", name);
}

static void test_shapes_there_and_back(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < CW_COUNT(shapes); i++) {
        CW_AUTO_BUF old = CW_BUF_INIT(FILE_MAX), new = CW_BUF_INIT(FILE_MAX);
        CW_AUTO_FD int from = -1, to = -1, delta = -1;
        size_t most;

        shapes[i].fill(&old, &new);
        from = fd_of(&old);
        to = fd_of(&new);
        delta = make(from, to, 2);
        assert_leads_to(delta, from, &new, shapes[i].name);
        most = shapes[i].most > 0 ? shapes[i].most : new.len + 200;
        if ((size_t)lseek(delta, 0, SEEK_END) > most)
            fail_msg("%s: %zu bytes, more than %zu", shapes[i].name, (size_t)lseek(delta, 0, SEEK_END), most);
    }
}

static void test_any_number_of_threads_gives_the_same(void **state)
{
    static const unsigned threads[] = {2, 3, 16, 0};
    CW_AUTO_BUF old = CW_BUF_INIT(FILE_MAX), new = CW_BUF_INIT(FILE_MAX), first = CW_BUF_INIT(FILE_MAX);
    CW_AUTO_FD int from = -1, to = -1, one = -1;
    struct cw_err err;
    size_t i;

    (void)state;
    add_tar(&old, 0, 1);
    add_tar(&new, 3, 2);
    from = fd_of(&old);
    to = fd_of(&new);
    one = make(from, to, 1);
    lseek(one, 0, SEEK_SET);
    assert_cw_ok(cw_fd_read_all(&first, one, "it", &err), err);
    for (i = 0; i < CW_COUNT(threads); i++) {
        CW_AUTO_FD int other = make(from, to, threads[i]);
        CW_AUTO_BUF second = CW_BUF_INIT(FILE_MAX);

        lseek(other, 0, SEEK_SET);
        assert_cw_ok(cw_fd_read_all(&second, other, "it", &err), err);
        assert_int_equal(second.len, first.len);
        assert_memory_equal(second.data, first.data, first.len);
    }
}

static void test_what_cannot_be_mapped(void **state)
{
    const struct cw_delta_effort effort = {.threads = 1};
    CW_AUTO_FD int out = memfd_create("delta", MFD_CLOEXEC);
    int ends[2];
    struct cw_err err;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_cw_fails(CW_E_FAIL, "the old file of a delta is no regular file",
                    cw_delta_make(out, ends[0], out, &effort, &err), err);
    close(ends[0]);
    close(ends[1]);
}

/* --- the parts --------------------------------------------------------------------------------- */

static void test_large_files_are_compared_in_windows(void **state)
{
    const uint64_t old_len = UINT64_C(300) << 20, new_len = (UINT64_C(310) << 20) + 7;
    void *zeros = mmap(NULL, new_len, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    struct cw_delta_files files = {.old = zeros, .new = zeros, .old_len = old_len, .new_len = new_len};
    struct cw_delta_plan plan = {.list = NULL};
    uint64_t at = 0;
    struct cw_err err;
    size_t i;

    (void)state;
    assert_true(zeros != MAP_FAILED);
    assert_cw_ok(cw_delta_pair(&plan, &files, &err), err);
    assert_true(plan.count > 4);
    for (i = 0; i < plan.count; i++) {
        const struct cw_delta_piece *piece = &plan.list[i];

        assert_int_equal(piece->new_at, at);
        assert_true(piece->old_len == CW_DELTA_SORT_MAX && piece->old_at <= old_len - piece->old_len);
        assert_true(piece->new_len > 0 && piece->new_len <= CW_DELTA_PIECE_MAX);
        /* What has the same place in both files is in the window. */
        assert_true(piece->old_at <= piece->new_at);
        assert_true(piece->old_at + piece->old_len >= piece->new_at + piece->new_len ||
                    piece->old_at + piece->old_len == old_len);
        at += piece->new_len;
    }
    assert_int_equal(at, new_len);
    assert_int_equal(plan.list[plan.count - 1].old_at, old_len - CW_DELTA_SORT_MAX);
    cw_delta_plan_clear(&plan);
    munmap(zeros, new_len);
}

static void add_text(struct cw_buf *buf, unsigned change)
{
    for (unsigned i = 0; i < 10000; i++)
        cw_buf_addf(buf, "%u=%u,", i * 7919 % 9973, (i + change) * 104729 % (97 + i % 13));
}

/* Small files are their own samples: the taste is the one that makes the shortest streams of them. */
static void assert_best_taste(const struct cw_buf *old, const struct cw_buf *new)
{
    struct cw_delta_piece piece = {.old_len = (uint32_t)old->len, .new_len = (uint32_t) new->len};
    const struct cw_delta_plan plan = {.list = &piece, .count = 1};
    const struct cw_delta_files files = {.old = (const uint8_t *)old->data,
                                         .new = (const uint8_t *)new->data,
                                         .old_len = old->len,
                                         .new_len = new->len};
    struct cw_delta_sorter sorter = {.suffixes = NULL};
    const struct cw_delta_taste *taste = NULL;
    uint64_t bytes[CW_DELTA_TASTES], chosen;
    struct cw_err err;
    size_t i;

    assert_cw_ok(cw_delta_tune(&taste, &plan, &files, &err), err);
    assert_null(piece.steps.list);
    for (i = 0; i < CW_DELTA_TASTES; i++) {
        assert_cw_ok(cw_delta_match(&piece, &sorter, &cw_delta_tastes[i], &files, &err), err);
        assert_cw_ok(cw_delta_weigh(&bytes[i], &piece, &files, 6, &err), err);
        free(piece.steps.list);
        piece.steps = (struct cw_delta_steps){.list = NULL};
    }
    cw_delta_sorter_clear(&sorter);
    chosen = bytes[taste - cw_delta_tastes];
    for (i = 0; i < CW_DELTA_TASTES; i++)
        assert_true(chosen <= bytes[i]);
}

static void test_the_taste_follows_the_files(void **state)
{
    CW_AUTO_BUF old_table = CW_BUF_INIT(FILE_MAX), new_table = CW_BUF_INIT(FILE_MAX);
    CW_AUTO_BUF old_text = CW_BUF_INIT(FILE_MAX), new_text = CW_BUF_INIT(FILE_MAX);

    (void)state;
    add_pointers(&old_table, 10000, 0);
    add_pointers(&new_table, 10000, 0x1230);
    add_text(&old_text, 0);
    add_text(&new_text, 1);
    assert_best_taste(&old_table, &new_table);
    assert_best_taste(&old_text, &new_text);
    assert_best_taste(&old_text, &new_table);
}

static void test_names_of_members(void **state)
{
    static const char pax[] = "30 mtime=1000000000.123456789\n27 path=dir-2/long-name.so\n";
    static const char gnu[] = "dir-2/long-name.so";
    CW_AUTO_BUF tar = CW_BUF_INIT(FILE_MAX);
    struct cw_delta_members members = {.list = NULL};
    struct cw_err err;
    size_t i;

    (void)state;
    add_member_of(&tar, "dir-2/long-name.so", '0', "1", 1);
    add_member_of(&tar, "PaxHeaders/x", 'x', pax, sizeof(pax) - 1);
    add_member_of(&tar, "cut", '0', "2", 1);
    add_member_of(&tar, "././@LongLink", 'L', gnu, sizeof(gnu));
    add_member_of(&tar, "cut", '0', "3", 1);
    add_member_of(&tar, "dir-10/long-name.so", '0', "4", 1);
    add_member_of(&tar, "dir-2/long-name.so", '5', "", 0);
    add_zeros(&tar, 1024);
    assert_cw_ok(cw_delta_tar_list(&members, (const uint8_t *)tar.data, tar.len, &err), err);
    assert_int_equal(members.count, 6);
    for (i = 1; i < 3; i++)
        assert_memory_equal(members.list[i].name, members.list[0].name, sizeof(members.list[0].name));
    assert_true(members.list[3].name[CW_DELTA_PATH] != members.list[0].name[CW_DELTA_PATH]);
    for (i = CW_DELTA_FOLDER_BUT_DIGITS; i < CW_DELTA_LIKENESSES; i++)
        assert_true(members.list[3].name[i] == members.list[0].name[i]);
    assert_true(members.list[4].name[CW_DELTA_PATH] != members.list[0].name[CW_DELTA_PATH]);
    assert_int_equal(members.list[0].len, 1024);
    assert_int_equal(members.list[1].len, 2048);
    assert_int_equal(members.list[5].len, 1024);
    cw_delta_members_clear(&members);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes_there_and_back),
        cmocka_unit_test(test_any_number_of_threads_gives_the_same),
        cmocka_unit_test(test_what_cannot_be_mapped),
        cmocka_unit_test(test_large_files_are_compared_in_windows),
        cmocka_unit_test(test_the_taste_follows_the_files),
        cmocka_unit_test(test_names_of_members),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
