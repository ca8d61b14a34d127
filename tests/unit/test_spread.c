/* SPDX-License-Identifier: ISC */
/*
 * Which file lies on which volume, and in which pack: nothing lost, nothing twice, nothing larger than a medium or FAT
 * holds, and the same for the same files.
 */
#include "unit.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"
#include "codec/ustar.h"
#include "sync/mirror/carry.h"

#define MIB (UINT64_C(1) << 20)
#define KIB (UINT64_C(1) << 10)
#define CLUSTER (32 * KIB)

struct fixture {
    struct cw_closure_file *files;
    struct cw_carry carry;
};

/* A set of `count` whole artifacts, one manifest before them, each as long as lengths says, over and over. */
static void make(struct fixture *fixture, size_t count, const uint64_t *lengths, size_t length_count)
{
    struct cw_carry_file *file;
    char path[128], sha256[CW_SHA256_TEXT];
    size_t i;

    *fixture = (struct fixture){.files = calloc(count, sizeof *fixture->files),
                                .carry = {.units = calloc(count, sizeof *fixture->carry.units)}};
    assert_non_null(fixture->files);
    assert_non_null(fixture->carry.units);
    for (i = 0; i < count; i++) {
        struct cw_carry_unit *unit = &fixture->carry.units[fixture->carry.unit_count++];

        snprintf(sha256, sizeof sha256, "%064zx", i);
        snprintf(path, sizeof path, "targets/product/1.0.0/%s.file", sha256);
        assert_int_equal(cw_carry_add(&file, &fixture->carry, path, sha256, lengths[i % length_count],
                                      CW_CLOSURE_ARTIFACT, NULL),
                         CW_OK);
        file->from = strdup(path);
        fixture->files[i] = (struct cw_closure_file){
            .path = strdup(path), .length = file->length, .stage = CW_CLOSURE_ARTIFACT};
        memcpy(fixture->files[i].sha256, sha256, CW_SHA256_TEXT);
        *unit = (struct cw_carry_unit){
            .file = &fixture->files[i], .way = CW_WAY_WHOLE, .first = fixture->carry.count - 1, .count = 1};
    }
    assert_int_equal(cw_carry_add(&file, &fixture->carry, "metadata/timestamp.json", sha256, 1000,
                                  CW_CLOSURE_TIMESTAMP, NULL),
                     CW_OK);
}

static void clear(struct fixture *fixture)
{
    size_t i;

    for (i = 0; i < fixture->carry.unit_count; i++)
        free(fixture->files[i].path);
    free(fixture->files);
    cw_carry_clear(&fixture->carry);
}

/* What a medium of 32 KiB clusters uses of `size`. */
static uint64_t used(const struct cw_carry *carry, unsigned volume)
{
    uint64_t sum = 0;
    size_t i;

    for (i = 0; i < carry->count; i++) {
        if (cw_carry_is_on(&carry->files[i], volume))
            sum += (carry->files[i].length + CLUSTER - 1) / CLUSTER * CLUSTER;
    }
    return sum;
}

/* All bytes of every unit lie on media, once. */
static void assert_whole(const struct fixture *fixture)
{
    const struct cw_carry *carry = &fixture->carry;
    size_t i, k;

    for (i = 0; i < carry->unit_count; i++) {
        const struct cw_closure_file *file = &fixture->files[i];
        uint64_t reached = 0;

        for (k = 0; k < carry->count; k++) {
            const struct cw_carry_file *part = &carry->files[k];

            if (strcmp(part->sha256, file->sha256) != 0 || part->stage != CW_CLOSURE_ARTIFACT)
                continue;
            assert_in_range(part->volume, 1, carry->of);
            if (part->part)
                assert_int_equal(part->offset, reached);
            reached += part->length;
        }
        assert_int_equal(reached, file->length);
    }
}

static void everything_fits(void **state)
{
    static const struct {
        const char *name;
        size_t count;
        uint64_t lengths[3], size, file_max;
        unsigned volumes; /* expected */
    } cases[] = {
        {"one volume of any size", 3, {5 * MIB, 1, 0}, 0, 0, 1},
        {"one that is large enough", 3, {5 * MIB, 1, 0}, 16 * MIB, 0, 1},
        {"one after the other", 6, {5 * MIB, 5 * MIB, 5 * MIB}, 16 * MIB, 0, 3},
        {"small ones fill what large ones leave", 3, {9 * MIB, 9 * MIB, 3 * MIB}, 16 * MIB, 0, 2},
        {"larger than a medium", 1, {40 * MIB, 0, 0}, 16 * MIB, 0, 3},
        {"larger than FAT holds, on one large medium", 1, {UINT64_C(9) << 30, 0, 0}, 0, CW_FAT_FILE_MAX, 1},
        {"larger than FAT holds, on several",
         2,
         {UINT64_C(9) << 30, 1, 0},
         UINT64_C(64) << 30,
         CW_FAT_FILE_MAX,
         1},
        {"as large as FAT holds", 1, {CW_FAT_FILE_MAX, 0, 0}, UINT64_C(8) << 30, CW_FAT_FILE_MAX, 1},
        {"many small ones", 5000, {8 * KIB, 700, 0}, 0, 0, 1},
        {"many small ones on several", 5000, {8 * KIB, 4 * KIB, 0}, 8 * MIB, 0, 4},
    };
    size_t c, i;

    (void)state;
    for (c = 0; c < CW_COUNT(cases); c++) {
        size_t lengths = cases[c].count < 3 ? cases[c].count : 3;
        struct fixture fixture;
        struct cw_err err;
        unsigned k;

        make(&fixture, cases[c].count, cases[c].lengths, lengths);
        assert_cw_ok(cw_carry_spread(&fixture.carry, cases[c].size, cases[c].file_max, &err), err);
        if (fixture.carry.of != cases[c].volumes)
            fail_msg("%s: %u volumes", cases[c].name, fixture.carry.of);
        assert_whole(&fixture);
        for (k = 1; k <= fixture.carry.of && cases[c].size != 0; k++) {
            if (used(&fixture.carry, k) > cases[c].size)
                fail_msg("%s: volume %u is too full", cases[c].name, k);
        }
        for (i = 0; i < fixture.carry.count; i++) {
            if (cases[c].file_max != 0 && fixture.carry.files[i].length > cases[c].file_max)
                fail_msg("%s: a file of %" PRIu64 " bytes", cases[c].name, fixture.carry.files[i].length);
        }
        clear(&fixture);
    }
}

/* Members lie behind each other, on the volume of their pack, and none is on the medium by itself. */
static void assert_packed(const struct cw_carry *carry, const struct cw_carry_file *pack)
{
    uint64_t end = 0;
    size_t i;

    assert_true(pack->length <= CW_PACK_MAX);
    for (i = 0; i < pack->member_count; i++) {
        const struct cw_carry_file *file = &carry->files[pack->members[i]];

        assert_ptr_equal(&carry->files[file->pack - 1], pack);
        assert_int_equal(file->volume, pack->volume);
        assert_int_equal(file->offset, end + cw_ustar_head_size(file->path));
        assert_false(cw_carry_is_on(file, pack->volume));
        end += cw_ustar_size(file->path, file->length);
    }
    assert_int_equal(pack->length, end + CW_USTAR_END);
}

static void many_small_files_are_packed(void **state)
{
    static const uint64_t lengths[] = {CW_PACK_FILE_MAX, 1, CW_PACK_FILE_MAX + 1};
    struct fixture fixture;
    struct cw_err err;
    size_t i, members = 0, packs = 0;

    (void)state;
    make(&fixture, 1500, lengths, CW_COUNT(lengths));
    assert_cw_ok(cw_carry_spread(&fixture.carry, 0, 0, &err), err);
    for (i = 0; i < fixture.carry.count; i++) {
        if (fixture.carry.files[i].member_count == 0)
            continue;
        assert_packed(&fixture.carry, &fixture.carry.files[i]);
        members += fixture.carry.files[i].member_count;
        packs++;
    }
    assert_int_equal(members, 1000);
    assert_int_equal(packs, 2); /* 63 MiB with their heads */
    clear(&fixture);
}

static void few_small_files_stay(void **state)
{
    static const uint64_t lengths[] = {1000};
    struct fixture fixture;
    struct cw_err err;
    size_t i;

    (void)state;
    make(&fixture, CW_PACK_FILES_MIN - 1, lengths, 1);
    assert_cw_ok(cw_carry_spread(&fixture.carry, 0, 0, &err), err);
    assert_int_equal(fixture.carry.count, CW_PACK_FILES_MIN); /* and the timestamp */
    for (i = 0; i < fixture.carry.count; i++)
        assert_int_equal(fixture.carry.files[i].pack, 0);
    clear(&fixture);
}

static void what_cannot_be_is_said(void **state)
{
    static const uint64_t length[] = {4000 * MIB};
    struct fixture fixture;
    struct cw_err err;

    (void)state;
    make(&fixture, 1, length, 1);
    assert_cw_fails(CW_E_USAGE, "too small", cw_carry_spread(&fixture.carry, 2 * MIB, 0, &err), err);
    clear(&fixture);
    make(&fixture, 3, length, 1);
    assert_cw_fails(CW_E_USAGE, "more than 999 volumes", cw_carry_spread(&fixture.carry, 6 * MIB, 0, &err),
                    err);
    clear(&fixture);
}

/* Two paths to one content: its parts are carried once. */
static void twins_share_parts(void **state)
{
    static const uint64_t length[] = {20 * MIB};
    struct fixture fixture;
    struct cw_err err;
    size_t i;
    uint64_t carried = 0;

    (void)state;
    make(&fixture, 2, length, 1);
    memcpy(fixture.files[1].sha256, fixture.files[0].sha256, CW_SHA256_TEXT);
    memcpy(fixture.carry.files[1].sha256, fixture.files[0].sha256, CW_SHA256_TEXT);
    fixture.carry.units[1].twin = 1;
    assert_cw_ok(cw_carry_spread(&fixture.carry, 16 * MIB, 0, &err), err);
    for (i = 0; i < fixture.carry.count; i++)
        carried += fixture.carry.files[i].part ? fixture.carry.files[i].length : 0;
    assert_int_equal(carried, 20 * MIB);
    assert_int_equal(fixture.carry.files[1].volume, CW_CARRY_NOWHERE);
    assert_int_equal(fixture.carry.units[1].parts, fixture.carry.units[0].parts);
    clear(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_fits),      cmocka_unit_test(many_small_files_are_packed),
        cmocka_unit_test(few_small_files_stay), cmocka_unit_test(what_cannot_be_is_said),
        cmocka_unit_test(twins_share_parts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
