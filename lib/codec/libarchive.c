/* SPDX-License-Identifier: ISC */
/*
 * libarchive, loaded when the first archive is read or written (base/dynlib.h), unless configure had it linked.
 */
#include "codec/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/dynlib.h"
#include <config.h>

#ifndef CW_LIBARCHIVE_SONAME

int cw_archive_load(struct cw_err *err)
{
    (void)err;
    return CW_OK;
}

#else

#define ERROR_MAX 1000

/* clang-format off */
#define FUNCTIONS(F) \
    F(1, struct archive_entry *, archive_entry_clear, struct archive_entry *) \
    F(1, mode_t, archive_entry_filetype, struct archive_entry *) \
    F(1, const char *, archive_entry_hardlink, struct archive_entry *) \
    F(1, int, archive_entry_is_encrypted, struct archive_entry *) \
    F(1, mode_t, archive_entry_mode, struct archive_entry *) \
    F(1, time_t, archive_entry_mtime, struct archive_entry *) \
    F(0, struct archive_entry *, archive_entry_new, void) \
    F(1, const char *, archive_entry_pathname, struct archive_entry *) \
    F(1, la_int64_t, archive_entry_size, struct archive_entry *) \
    F(1, int, archive_entry_size_is_set, struct archive_entry *) \
    F(1, const char *, archive_entry_symlink, struct archive_entry *) \
    F(1, la_int64_t, archive_entry_uid, struct archive_entry *) \
    F(1, const char *, archive_entry_uname, struct archive_entry *) \
    F(4, int, archive_entry_xattr_next, struct archive_entry *, const char **, const void **, size_t *) \
    F(1, int, archive_entry_xattr_reset, struct archive_entry *) \
    F(1, int, archive_errno, struct archive *) \
    F(1, const char *, archive_error_string, struct archive *) \
    F(2, la_int64_t, archive_filter_bytes, struct archive *, int) \
    F(1, int, archive_format, struct archive *) \
    F(4, int, archive_read_data_block, struct archive *, const void **, size_t *, la_int64_t *) \
    F(1, int, archive_read_free, struct archive *) \
    F(1, la_int64_t, archive_read_header_position, struct archive *) \
    F(0, struct archive *, archive_read_new, void) \
    F(2, int, archive_read_next_header, struct archive *, struct archive_entry **) \
    F(1, int, archive_read_open1, struct archive *) \
    F(2, int, archive_read_set_callback_data, struct archive *, void *) \
    F(2, int, archive_read_set_read_callback, struct archive *, archive_read_callback *) \
    F(2, int, archive_read_set_seek_callback, struct archive *, archive_seek_callback *) \
    F(1, int, archive_read_support_filter_bzip2, struct archive *) \
    F(1, int, archive_read_support_filter_gzip, struct archive *) \
    F(1, int, archive_read_support_filter_lz4, struct archive *) \
    F(1, int, archive_read_support_filter_xz, struct archive *) \
    F(1, int, archive_read_support_filter_zstd, struct archive *) \
    F(1, int, archive_read_support_format_cpio, struct archive *) \
    F(1, int, archive_read_support_format_tar, struct archive *) \
    F(1, int, archive_read_support_format_zip, struct archive *) \
    F(1, int, archive_write_add_filter_gzip, struct archive *) \
    F(1, int, archive_write_add_filter_zstd, struct archive *) \
    F(1, int, archive_write_close, struct archive *) \
    F(3, la_ssize_t, archive_write_data, struct archive *, const void *, size_t) \
    F(1, int, archive_write_fail, struct archive *) \
    F(1, int, archive_write_free, struct archive *) \
    F(2, int, archive_write_header, struct archive *, struct archive_entry *) \
    F(0, struct archive *, archive_write_new, void) \
    F(5, int, archive_write_open, struct archive *, void *, archive_open_callback *, archive_write_callback *, archive_close_callback *) \
    F(2, int, archive_write_set_bytes_in_last_block, struct archive *, int) \
    F(2, int, archive_write_set_bytes_per_block, struct archive *, int) \
    F(4, int, archive_write_set_filter_option, struct archive *, const char *, const char *, const char *) \
    F(1, int, archive_write_set_format_gnutar, struct archive *)

#define PROCEDURES(F) \
    F(2, void, archive_entry_copy_hardlink, struct archive_entry *, const char *) \
    F(2, void, archive_entry_copy_pathname, struct archive_entry *, const char *) \
    F(2, void, archive_entry_copy_symlink, struct archive_entry *, const char *) \
    F(1, void, archive_entry_free, struct archive_entry *) \
    F(2, void, archive_entry_set_filetype, struct archive_entry *, unsigned int) \
    F(3, void, archive_entry_set_mtime, struct archive_entry *, time_t, long) \
    F(2, void, archive_entry_set_perm, struct archive_entry *, mode_t) \
    F(2, void, archive_entry_set_size, struct archive_entry *, la_int64_t)
/* clang-format on */

FUNCTIONS(CW_DYNLIB_SLOT)
PROCEDURES(CW_DYNLIB_SLOT)
CW_DYNLIB_SLOT(4, void, archive_set_error, )

static const struct cw_dynlib_symbol symbols[] = {FUNCTIONS(CW_DYNLIB_SYMBOL) PROCEDURES(CW_DYNLIB_SYMBOL)
                                                      CW_DYNLIB_SYMBOL(4, void, archive_set_error, )};

static struct cw_dynlib libarchive = CW_DYNLIB_INIT(CW_LIBARCHIVE_SONAME, symbols);

int cw_archive_load(struct cw_err *err)
{
    return cw_dynlib_load(&libarchive, err);
}

FUNCTIONS(CW_DYNLIB_FUNCTION)
PROCEDURES(CW_DYNLIB_PROCEDURE)

void archive_set_error(struct archive *archive, int number, const char *format, ...)
{
    char text[ERROR_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    real_archive_set_error(archive, number, "%s", text);
}

#endif
