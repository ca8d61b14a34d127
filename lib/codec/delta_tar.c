/* SPDX-License-Identifier: ISC */
/*
 * A look at a tar archive from outside (POSIX.1-2001 pax, ustar, GNU): headers, lengths, long names. It
 * extracts nothing and need not be right: what it does not understand only makes the delta larger.
 */
#include "codec/delta_tar.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "codec/delta.h"

#define BLOCK 512

/* Where the fields of a header stand, and how long they are. */
enum {
    NAME_AT = 0,
    NAME_LEN = 100,
    SIZE_AT = 124,
    SIZE_LEN = 12,
    SUM_AT = 148,
    SUM_LEN = 8,
    TYPE_AT = 156,
    MAGIC_AT = 257,
    PREFIX_AT = 345,
    PREFIX_LEN = 155,
};

struct tar {
    const uint8_t *data;
    uint64_t len;
    const uint8_t *long_name; /* told by an extended header for the next member; NULL: none */
    size_t long_name_len;
};

/* A number in octal digits, or (GNU) big-endian behind a byte 0x80; false: neither. */
static bool parse_number(uint64_t *n, const uint8_t *field, size_t len)
{
    size_t i = 0;

    *n = 0;
    if (field[0] == 0x80) {
        for (i = len - 8; i < len; i++)
            *n = *n << 8 | field[i];
        return *n <= CW_DELTA_FILE_MAX;
    }
    while (i < len && field[i] == ' ')
        i++;
    for (; i < len && field[i] >= '0' && field[i] <= '7'; i++)
        *n = *n << 3 | (uint64_t)(field[i] - '0');
    return i == len || field[i] == ' ' || field[i] == '\0';
}

static bool is_header(const uint8_t *header)
{
    uint64_t sum, real = 0;
    size_t i;

    if (!parse_number(&sum, header + SUM_AT, SUM_LEN))
        return false;
    for (i = 0; i < BLOCK; i++)
        real += i >= SUM_AT && i < SUM_AT + SUM_LEN ? ' ' : header[i];
    return real == sum && header[NAME_AT] != '\0';
}

/* --- names ------------------------------------------------------------------------------------------ */

/* FNV-1a, with each run of digits as one '0' if wanted. */
static uint64_t hash(uint64_t start, const uint8_t *text, size_t len, bool digits)
{
    uint64_t h = start;
    size_t i;

    for (i = 0; i < len; i++) {
        uint8_t c = text[i];

        if (!digits && c >= '0' && c <= '9') {
            if (i > 0 && text[i - 1] >= '0' && text[i - 1] <= '9')
                continue;
            c = '0';
        }
        h = (h ^ c) * UINT64_C(0x100000001b3);
    }
    return h;
}

static size_t text_len(const uint8_t *text, size_t max)
{
    const uint8_t *end = memchr(text, '\0', max);

    return end == NULL ? max : (size_t)(end - text);
}

/* The part behind the last '/', that of a folder without the one at its end. */
static size_t base_at(const uint8_t *text, size_t len)
{
    while (len > 1 && text[len - 1] == '/')
        len--;
    while (len > 0 && text[len - 1] != '/')
        len--;
    return len;
}

/* The type goes in too: a link is not like the file of its name. */
static void name_member(struct cw_delta_member *m, const struct tar *tar, const uint8_t *header)
{
    uint64_t start = UINT64_C(0xcbf29ce484222325) ^ header[TYPE_AT], folder;
    const uint8_t *name = header + NAME_AT, *prefix = header + PREFIX_AT;
    size_t len = text_len(name, NAME_LEN), prefix_len = 0, base;

    if (tar->long_name != NULL) {
        name = tar->long_name;
        len = tar->long_name_len;
    } else if (memcmp(header + MAGIC_AT, "ustar\0", 6) == 0) {
        prefix_len = text_len(prefix, PREFIX_LEN);
    }
    base = base_at(name, len);
    m->name[CW_DELTA_PATH] = hash(hash(start, prefix, prefix_len, true), name, len, true);
    folder = hash(hash(start, prefix, prefix_len, false), name, base, false);
    m->name[CW_DELTA_FOLDER_BUT_DIGITS] = hash(folder, name + base, len - base, true);
    m->name[CW_DELTA_PATH_BUT_DIGITS] = hash(folder, name + base, len - base, false);
    m->name[CW_DELTA_NAME_BUT_DIGITS] = hash(start, name + base, len - base, false);
}

/* The record "path" of a pax header: "LENGTH path=VALUE\n". */
static void find_pax_path(struct tar *tar, const uint8_t *records, size_t len)
{
    while (len > 0) {
        size_t i = 0, record = 0;

        while (i < len && i < 8 && records[i] >= '0' && records[i] <= '9')
            record = record * 10 + (size_t)(records[i++] - '0');
        if (record <= i + 1 || record > len || records[i] != ' ')
            return;
        if (record > i + 7 && memcmp(records + i + 1, "path=", 5) == 0) {
            tar->long_name = records + i + 6;
            tar->long_name_len = record - i - 7;
        }
        records += record;
        len -= record;
    }
}

/* --- the list ----------------------------------------------------------------------------------------- */

int cw_delta_members_add(struct cw_delta_members *members, const struct cw_delta_member *m,
                         struct cw_err *err)
{
    if (members->count == members->room) {
        size_t room = members->room == 0 ? 64 : members->room * 2;
        struct cw_delta_member *more = reallocarray(members->list, room, sizeof(*more));

        if (more == NULL)
            return cw_err_nomem(err);
        members->list = more;
        members->room = room;
    }
    members->list[members->count++] = *m;
    return CW_OK;
}

/* The member that begins at m->at: its length and name. False: none begins there. */
static bool read_member(struct cw_delta_member *m, struct tar *tar)
{
    uint64_t at = m->at;

    tar->long_name = NULL;
    while (tar->len - at >= BLOCK && is_header(tar->data + at)) {
        const uint8_t *header = tar->data + at, *content = header + BLOCK;
        uint8_t type = header[TYPE_AT];
        uint64_t size;

        /* Links tell the length of what they point to, in old archives. */
        if (!parse_number(&size, header + SIZE_AT, SIZE_LEN) || type == '1' || type == '2')
            size = 0;
        at += BLOCK;
        if (size > tar->len - at)
            return false;
        at += (size + BLOCK - 1) / BLOCK * BLOCK;
        if (at > tar->len)
            at = tar->len;
        if (type == 'x') {
            find_pax_path(tar, content, (size_t)size);
        } else if (type == 'L') {
            tar->long_name = content;
            tar->long_name_len = text_len(content, (size_t)size);
        } else if (type != 'K' && type != 'g') {
            name_member(m, tar, header);
            m->len = at - m->at;
            return true;
        }
    }
    return false;
}

int cw_delta_tar_list(struct cw_delta_members *members, const uint8_t *data, uint64_t len, struct cw_err *err)
{
    struct tar tar = {.data = data, .len = len};
    struct cw_delta_member m = {.at = 0};
    int rc = CW_OK;

    while (rc == CW_OK && m.at < len && read_member(&m, &tar)) {
        rc = cw_delta_members_add(members, &m, err);
        m.at += m.len;
    }
    if (rc == CW_OK && m.at < len) {
        m = (struct cw_delta_member){.at = m.at, .len = len - m.at};
        rc = cw_delta_members_add(members, &m, err);
    }
    return rc;
}

void cw_delta_members_clear(struct cw_delta_members *members)
{
    free(members->list);
    *members = (struct cw_delta_members){.list = NULL};
}
