/* SPDX-License-Identifier: ISC */
/*
 * Reading deltas: what the format means, and that nothing hostile gets through. The deltas are put together
 * here number by number, so that they can be wrong in any way.
 */
#include "unit.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "codec/delta.h"
#include "codec/delta_form.h"

#define OLD "the quick brown fox"
#define OLD_LEN 19

/* --- putting deltas together ---------------------------------------------------------------------------- */

struct parts {
    struct cw_buf control, diff, extra; /* the frames, finished */
    uint64_t from, to;
};

static void number(struct cw_buf *buf, uint64_t n)
{
    for (; n >= 0x80; n >>= 7)
        cw_buf_addc(buf, (char)(n | 0x80));
    cw_buf_addc(buf, (char)n);
}

static void frame(struct cw_buf *out, const void *data, size_t len)
{
    size_t room = ZSTD_compressBound(len);
    CW_AUTO_FREE char *packed = malloc(room);
    size_t n = ZSTD_compress(packed, room, data, len, 3);

    assert_false(ZSTD_isError(n));
    cw_buf_add(out, packed, n);
}

static void parts_init(struct parts *p, uint64_t from, uint64_t to)
{
    *p = (struct parts){.from = from, .to = to};
    cw_buf_init(&p->control, 1 << 24);
    cw_buf_init(&p->diff, 1 << 24);
    cw_buf_init(&p->extra, 1 << 24);
}

static void parts_clear(struct parts *p)
{
    cw_buf_clear(&p->control);
    cw_buf_clear(&p->diff);
    cw_buf_clear(&p->extra);
}

static void field(char *header, size_t at, size_t len, uint64_t n)
{
    for (; len > 0; len--, n >>= 8)
        header[at++] = (char)n;
}

static int fd_of(const void *data, size_t len)
{
    int fd = memfd_create("file", MFD_CLOEXEC);

    assert_int_equal(write(fd, data, len), len);
    return fd;
}

static void whole(struct cw_buf *out, const struct parts *p)
{
    char header[CW_DELTA_HEADER] = CW_DELTA_MAGIC;

    header[CW_DELTA_AT_MAJOR] = CW_DELTA_MAJOR;
    field(header, CW_DELTA_AT_BEGIN, 4, CW_DELTA_HEADER);
    field(header, CW_DELTA_AT_FROM, 8, p->from);
    field(header, CW_DELTA_AT_TO, 8, p->to);
    field(header, CW_DELTA_AT_CONTROL, 8, p->control.len);
    field(header, CW_DELTA_AT_DIFF, 8, p->diff.len);
    field(header, CW_DELTA_AT_EXTRA, 8, p->extra.len);
    cw_buf_add(out, header, sizeof(header));
    cw_buf_add(out, cw_buf_text(&p->control), p->control.len);
    cw_buf_add(out, cw_buf_text(&p->diff), p->diff.len);
    cw_buf_add(out, cw_buf_text(&p->extra), p->extra.len);
}

struct triple {
    uint64_t add, extra;
    int64_t seek;
};

static void compose(struct parts *p, const struct triple *list, size_t count, const char *diff,
                    size_t diff_len, const char *extra)
{
    CW_AUTO_BUF control = CW_BUF_INIT(10000);
    size_t i;

    for (i = 0; i < count; i++) {
        number(&control, list[i].add);
        number(&control, list[i].extra);
        number(&control, cw_delta_fold(list[i].seek));
    }
    frame(&p->control, cw_buf_text(&control), control.len);
    frame(&p->diff, diff, diff_len);
    frame(&p->extra, extra, strlen(extra));
}

/* --- applying them ----------------------------------------------------------------------------- */

static int collect(void *ctx, const void *data, size_t len, struct cw_err *err)
{
    struct cw_buf *out = ctx;

    cw_buf_add(out, data, len);
    return cw_buf_check(out, "the new file", err);
}

static int apply_bytes(struct cw_buf *out, const struct cw_buf *delta, const char *old, size_t old_len,
                       uint64_t length, struct cw_err *err)
{
    CW_AUTO_FD int fd = fd_of(delta->data, delta->len), from = fd_of(old, old_len);
    int rc;

    cw_buf_init(out, (size_t)length); /* one byte more, and it fails with another code */
    rc = cw_delta_read(fd, from, length, collect, out, err);
    assert_true(out->failed == 0 && out->len <= length);
    return rc;
}

static int apply(struct cw_buf *out, const struct parts *p, uint64_t length, struct cw_err *err)
{
    CW_AUTO_BUF delta = CW_BUF_INIT(1 << 25);

    whole(&delta, p);
    return apply_bytes(out, &delta, OLD, OLD_LEN, length, err);
}

/* "the quick" with a capital, " red", back to the beginning, "the". */
static const struct triple good[] = {{9, 4, -9}, {3, 0, 16}};
#define GOOD "The quick redthe"
#define GOOD_LEN 16
#define GOOD_DIFF "\xe0\0\0\0\0\0\0\0\0\0\0\0"
#define GOOD_DIFF_LEN 12

static void make_good(struct parts *p)
{
    parts_init(p, OLD_LEN, GOOD_LEN);
    compose(p, good, 2, GOOD_DIFF, GOOD_DIFF_LEN, " red");
}

static void test_what_the_numbers_mean(void **state)
{
    CW_AUTO_BUF out = CW_BUF_INIT(0);
    struct parts p;
    struct cw_err err;

    (void)state;
    make_good(&p);
    assert_cw_ok(apply(&out, &p, GOOD_LEN, &err), err);
    assert_string_equal(cw_buf_text(&out), GOOD);
    parts_clear(&p);
}

static void test_signed_numbers_fold(void **state)
{
    static const int64_t numbers[] = {0, 1, -1, 63, -64, 1000000, -1000000, INT64_MAX / 2, -(INT64_MAX / 2)};
    size_t i;

    (void)state;
    for (i = 0; i < CW_COUNT(numbers); i++)
        assert_int_equal(cw_delta_unfold(cw_delta_fold(numbers[i])), numbers[i]);
    assert_int_equal(cw_delta_fold(-1), 1);
    assert_int_equal(cw_delta_fold(1), 2);
}

static void test_a_later_minor_version_is_read(void **state)
{
    CW_AUTO_BUF out = CW_BUF_INIT(0), delta = CW_BUF_INIT(1000), longer = CW_BUF_INIT(1000);
    struct parts p;
    struct cw_err err;

    (void)state;
    make_good(&p);
    whole(&delta, &p);
    delta.data[CW_DELTA_AT_MINOR] = 7;
    field(delta.data, CW_DELTA_AT_BEGIN, 4, CW_DELTA_HEADER + 5);
    cw_buf_add(&longer, delta.data, CW_DELTA_HEADER);
    cw_buf_adds(&longer, "extra");
    cw_buf_add(&longer, delta.data + CW_DELTA_HEADER, delta.len - CW_DELTA_HEADER);
    assert_cw_ok(apply_bytes(&out, &longer, OLD, OLD_LEN, GOOD_LEN, &err), err);
    assert_string_equal(cw_buf_text(&out), GOOD);
    parts_clear(&p);
}

/* --- hostile ones ------------------------------------------------------------------------------ */

#define BIG (UINT64_C(1) << 62)

static const struct {
    const char *says;
    struct triple list[3];
    size_t count;
} bent[] = {
    {"makes more than the 16 bytes", {{17, 0, 0}}, 1},
    {"makes more than the 16 bytes", {{0, 17, 0}}, 1},
    {"makes more than the 16 bytes", {{9, 8, 0}}, 1},
    {"makes more than the 16 bytes", {{BIG, 1, 0}}, 1},
    {"makes more than the 16 bytes", {{1, BIG, 0}}, 1},
    {"makes more than the 16 bytes", {{BIG, BIG, 0}}, 1},
    {"makes more than the 16 bytes", {{(UINT64_C(1) << 63) - 1, (UINT64_C(1) << 63) - 1, 0}}, 1},
    {"makes more than the 16 bytes", {{9, 4, -9}, {4, 0, 0}}, 2},
    {"reads behind the end", {{1, 0, 18}, {1, 0, 0}}, 2},
    {"reads behind the end", {{1, 0, 10}, {9, 0, 0}}, 2},
    {"moves out of the file", {{1, 0, 19}, {1, 0, 0}}, 2},
    {"moves out of the file", {{1, 0, -2}, {1, 0, 0}}, 2},
    {"moves out of the file", {{1, 0, -(INT64_C(1) << 61)}, {1, 0, 0}}, 2},
    {"moves out of the file", {{1, 0, INT64_C(1) << 61}, {1, 0, 0}}, 2},
    {"moves out of the file", {{9, 4, -9}, {3, 0, 17}}, 2},
    {"does nothing", {{0, 0, 1}, {0, 0, 1}}, 2},
    {"does nothing", {{1, 0, 3}, {0, 0, 1}}, 2},
    {"control stream ends too early", {{9, 4, -9}}, 1},
    {"control stream goes on", {{9, 4, -9}, {3, 0, 0}, {1, 0, 0}}, 3},
    {"diff stream ends too early", {{9, 4, -9}, {3, 0, -3}, {1, 0, 0}}, 2},
    {"extra stream ends too early", {{9, 5, -9}, {2, 0, 0}}, 2},
    {"extra stream goes on", {{9, 3, -9}, {4, 0, 0}}, 2},
    {"diff stream goes on", {{9, 4, -9}, {2, 1, 0}}, 2},
};

static void test_every_control_integer_is_checked(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < CW_COUNT(bent); i++) {
        static const char extra[] = " red", more[] = " redx", longer[] = GOOD_DIFF "\0";
        CW_AUTO_BUF out = CW_BUF_INIT(0);
        bool early = strcmp(bent[i].says, "diff stream ends too early") == 0;
        bool one_more = strcmp(bent[i].says, "diff stream goes on") == 0;
        struct parts p;
        struct cw_err err;
        int rc;

        parts_init(&p, OLD_LEN, GOOD_LEN);
        compose(&p, bent[i].list, bent[i].count, longer,
                strstr(bent[i].says, "extra stream goes on") != NULL ? 13 : GOOD_DIFF_LEN - early,
                one_more ? more : extra);
        cw_err_clear(&err);
        rc = apply(&out, &p, GOOD_LEN, &err);
        if (rc != CW_E_VERIFY || strstr(err.text, bent[i].says) == NULL)
            fail_msg("case %zu ('%s'): %d, '%s'", i, bent[i].says, rc, err.text);
        parts_clear(&p);
    }
}

static void test_numbers_without_end(void **state)
{
    static const char endless[] = "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01";
    CW_AUTO_BUF out = CW_BUF_INIT(0);
    struct parts p;
    struct cw_err err;

    (void)state;
    parts_init(&p, OLD_LEN, GOOD_LEN);
    frame(&p.control, endless, sizeof(endless) - 1);
    frame(&p.diff, "", 0);
    frame(&p.extra, "", 0);
    assert_cw_fails(CW_E_VERIFY, "a number that is too large", apply(&out, &p, GOOD_LEN, &err), err);
    parts_clear(&p);
}

static const struct {
    const char *says;
    size_t at, len;
    uint64_t value;
} headers[] = {
    {"not a delta", 0, 1, 'c'},
    {"not a delta", 7, 1, '\r'},
    {"format 2.0; this version reads 1.x", CW_DELTA_AT_MAJOR, 1, 2},
    {"format 0.0", CW_DELTA_AT_MAJOR, 1, 0},
    {"features 0x8001", CW_DELTA_AT_FLAGS, 2, 0x8001},
    {"its header is 55 bytes", CW_DELTA_AT_BEGIN, 4, 55},
    {"its header is 4294967295 bytes", CW_DELTA_AT_BEGIN, 4, UINT32_MAX},
    {"not ", CW_DELTA_AT_BEGIN, 4, 57},
    {"starts from 20 bytes, not from the 19", CW_DELTA_AT_FROM, 8, 20},
    {"beyond all bounds", CW_DELTA_AT_FROM, 8, UINT64_MAX},
    {"makes 17 bytes where the file has 16", CW_DELTA_AT_TO, 8, 17},
    {"beyond all bounds", CW_DELTA_AT_TO, 8, CW_DELTA_FILE_MAX + 1},
    {"as it says itself", CW_DELTA_AT_CONTROL, 8, 1},
    {"beyond all bounds", CW_DELTA_AT_CONTROL, 8, UINT64_MAX - 100},
    {"as it says itself", CW_DELTA_AT_DIFF, 8, CW_DELTA_FILE_MAX},
    {"as it says itself", CW_DELTA_AT_EXTRA, 8, 0},
};

static void test_headers(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < CW_COUNT(headers); i++) {
        CW_AUTO_BUF out = CW_BUF_INIT(0), delta = CW_BUF_INIT(1000);
        struct parts p;
        struct cw_err err;
        int rc;

        make_good(&p);
        whole(&delta, &p);
        field(delta.data, headers[i].at, headers[i].len, headers[i].value);
        cw_err_clear(&err);
        rc = apply_bytes(&out, &delta, OLD, OLD_LEN, GOOD_LEN, &err);
        if (rc != CW_E_VERIFY || strstr(err.text, headers[i].says) == NULL)
            fail_msg("case %zu ('%s'): %d, '%s'", i, headers[i].says, rc, err.text);
        parts_clear(&p);
    }
}

static void test_cut_or_continued_anywhere(void **state)
{
    CW_AUTO_BUF delta = CW_BUF_INIT(1000);
    size_t len, whole_len;
    struct parts p;
    struct cw_err err;

    (void)state;
    make_good(&p);
    whole(&delta, &p);
    parts_clear(&p);
    whole_len = delta.len;
    for (len = 0; len < whole_len; len++) {
        CW_AUTO_BUF out = CW_BUF_INIT(0);

        delta.len = len;
        assert_cw_fails(CW_E_VERIFY, "delta", apply_bytes(&out, &delta, OLD, OLD_LEN, GOOD_LEN, &err), err);
    }
    delta.len = whole_len;
    cw_buf_addc(&delta, 'x');
    {
        CW_AUTO_BUF out = CW_BUF_INIT(0);

        assert_cw_fails(CW_E_VERIFY, "as it says itself",
                        apply_bytes(&out, &delta, OLD, OLD_LEN, GOOD_LEN, &err), err);
    }
}

/* Each frame cut by each number of its bytes, the lengths in the header agreeing. */
static void test_frames_cut_anywhere(void **state)
{
    int which;

    (void)state;
    for (which = 0; which < 3; which++) {
        struct parts p;
        struct cw_buf *cut = which == 0 ? &p.control : which == 1 ? &p.diff : &p.extra;
        struct cw_err err;

        make_good(&p);
        while (cut->len > 0) {
            CW_AUTO_BUF out = CW_BUF_INIT(0);

            cut->len--;
            assert_cw_fails(CW_E_VERIFY, "stream", apply(&out, &p, GOOD_LEN, &err), err);
        }
        parts_clear(&p);
    }
}

/* Whatever byte is another one: an error of the delta, or a file of that length, which its hash will
 * judge. */
static void test_any_byte_changed(void **state)
{
    CW_AUTO_BUF delta = CW_BUF_INIT(1000);
    struct parts p;
    size_t i;
    int bit;

    (void)state;
    make_good(&p);
    whole(&delta, &p);
    parts_clear(&p);
    for (i = 0; i < delta.len; i++) {
        for (bit = 0; bit < 8; bit++) {
            CW_AUTO_BUF out = CW_BUF_INIT(0);
            struct cw_err err;
            int rc;

            delta.data[i] = (char)(delta.data[i] ^ 1 << bit);
            rc = apply_bytes(&out, &delta, OLD, OLD_LEN, GOOD_LEN, &err);
            assert_true(rc == CW_E_VERIFY || (rc == CW_OK && out.len == GOOD_LEN));
            delta.data[i] = (char)(delta.data[i] ^ 1 << bit);
        }
    }
}

static void test_what_is_behind_a_frame(void **state)
{
    static const char *const behind[] = {"x", "\x50\x2a\x4d\x18\x01\0\0\0"};
    size_t i;

    (void)state;
    for (i = 0; i < CW_COUNT(behind); i++) {
        CW_AUTO_BUF out = CW_BUF_INIT(0), again = CW_BUF_INIT(0);
        struct parts p;
        struct cw_err err;

        make_good(&p);
        cw_buf_add(&p.extra, behind[i], i == 0 ? 1 : 9);
        assert_cw_fails(CW_E_VERIFY, "bytes behind its extra stream", apply(&out, &p, GOOD_LEN, &err), err);
        frame(&p.control, "", 0);
        assert_cw_fails(CW_E_VERIFY, "bytes behind its control stream", apply(&again, &p, GOOD_LEN, &err),
                        err);
        parts_clear(&p);
    }
}

/* Frames to be skipped, and those of versions before the RFC, never reach zstd. */
static void test_other_kinds_of_frames(void **state)
{
    static const char *const kinds[] = {"\x50\x2a\x4d\x18\0\0\0\0", "\x25\xb5\x2f\xfd\0\0\0\0",
                                        "\x27\xb5\x2f\xfd\0\0\0\0", ""};
    size_t i;

    (void)state;
    for (i = 0; i < CW_COUNT(kinds); i++) {
        CW_AUTO_BUF out = CW_BUF_INIT(0), rest = CW_BUF_INIT(1000);
        struct parts p;
        struct cw_err err;

        make_good(&p);
        cw_buf_add(&rest, p.control.data, p.control.len);
        cw_buf_reset(&p.control);
        cw_buf_add(&p.control, kinds[i], i < 3 ? 8 : 0);
        if (i < 3)
            cw_buf_add(&p.control, rest.data, rest.len);
        assert_cw_fails(CW_E_VERIFY,
                        i < 3 ? "control stream is no zstd frame" : "control stream ends too early",
                        apply(&out, &p, GOOD_LEN, &err), err);
        parts_clear(&p);
    }
}

/* A frame of `len` zeros with that window; its length is not told beforehand. */
static void frame_of_zeros(struct cw_buf *out, uint64_t len, int window_log)
{
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    CW_AUTO_FREE char *zeros = calloc(1, 1 << 20), *room = malloc(1 << 20);
    size_t left = 1;

    assert_false(ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_windowLog, window_log)));
    while (left > 0) {
        ZSTD_inBuffer in = {.src = zeros, .size = len < 1 << 20 ? (size_t)len : 1 << 20};
        ZSTD_outBuffer packed = {.dst = room, .size = 1 << 20};

        len -= in.size;
        left = ZSTD_compressStream2(zstd, &packed, &in, len == 0 ? ZSTD_e_end : ZSTD_e_continue);
        assert_true(!ZSTD_isError(left) && in.pos == in.size);
        if (len > 0)
            left = 1;
        cw_buf_add(out, room, packed.pos);
    }
    ZSTD_freeCCtx(zstd);
}

static void test_windows(void **state)
{
    int log;

    (void)state;
    for (log = CW_DELTA_WINDOW_LOG; log <= CW_DELTA_WINDOW_LOG + 1; log++) {
        CW_AUTO_BUF out = CW_BUF_INIT(0), control = CW_BUF_INIT(100), delta = CW_BUF_INIT(1 << 20);
        const uint64_t len = 20 << 20;
        struct parts p;
        struct cw_err err;

        parts_init(&p, OLD_LEN, len);
        number(&control, 0);
        number(&control, len);
        number(&control, 0);
        frame(&p.control, cw_buf_text(&control), control.len);
        frame(&p.diff, "", 0);
        frame_of_zeros(&p.extra, len, log);
        whole(&delta, &p);
        if (log == CW_DELTA_WINDOW_LOG)
            assert_cw_ok(apply_bytes(&out, &delta, OLD, OLD_LEN, len, &err), err);
        else
            assert_cw_fails(CW_E_VERIFY, "extra stream asks for more than the allowed 8 MiB",
                            apply_bytes(&out, &delta, OLD, OLD_LEN, len, &err), err);
        parts_clear(&p);
    }
}

/* A gigabyte where four bytes are wanted: only those are made. */
static void test_bombs(void **state)
{
    CW_AUTO_BUF bomb = CW_BUF_INIT(1 << 20);
    int which;

    (void)state;
    frame_of_zeros(&bomb, UINT64_C(1) << 30, 20);
    for (which = 0; which < 3; which++) {
        CW_AUTO_BUF out = CW_BUF_INIT(0);
        struct parts p;
        struct cw_err err;
        struct cw_buf *one;

        make_good(&p);
        one = which == 0 ? &p.control : which == 1 ? &p.diff : &p.extra;
        cw_buf_reset(one);
        cw_buf_add(one, bomb.data, bomb.len);
        assert_cw_fails(CW_E_VERIFY, which == 0 ? "does nothing" : "goes on behind the file's end",
                        apply(&out, &p, GOOD_LEN, &err), err);
        parts_clear(&p);
    }
}

static void test_a_file_of_another_length(void **state)
{
    CW_AUTO_BUF out = CW_BUF_INIT(0), again = CW_BUF_INIT(0), delta = CW_BUF_INIT(1000);
    struct parts p;
    struct cw_err err;

    (void)state;
    make_good(&p);
    assert_cw_fails(CW_E_VERIFY, "where the file has 15", apply(&out, &p, GOOD_LEN - 1, &err), err);
    whole(&delta, &p);
    assert_cw_fails(CW_E_VERIFY, "not from the 18",
                    apply_bytes(&again, &delta, OLD, OLD_LEN - 1, GOOD_LEN, &err), err);
    parts_clear(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_the_numbers_mean),
        cmocka_unit_test(test_signed_numbers_fold),
        cmocka_unit_test(test_a_later_minor_version_is_read),
        cmocka_unit_test(test_every_control_integer_is_checked),
        cmocka_unit_test(test_numbers_without_end),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_cut_or_continued_anywhere),
        cmocka_unit_test(test_frames_cut_anywhere),
        cmocka_unit_test(test_any_byte_changed),
        cmocka_unit_test(test_what_is_behind_a_frame),
        cmocka_unit_test(test_other_kinds_of_frames),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_a_file_of_another_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
