/* SPDX-License-Identifier: ISC */
/*
 * Making and applying one delta, for the benchmark and the cross-check: the programs do this only as a part
 * of something larger.
 *
 *     cw-delta make OLD NEW DELTA [THREADS]
 *     cw-delta apply OLD DELTA NEW SHA256
 *     cw-delta decode OLD DELTA NEW         not confined, not judged: the decoder alone, to be measured
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/mem.h"
#include "base/str.h"
#include "codec/delta.h"
#include "fs/root.h"
#include "tree/patch.h"

static int open_for(int *fd, const char *path, bool write, struct cw_err *err)
{
    *fd = open(path, write ? O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC : O_RDONLY | O_CLOEXEC, 0644);
    return *fd < 0 ? cw_err_set(err, CW_E_FAIL, "unable to open '%s'", path) : CW_OK;
}

static int to_file(void *ctx, const void *data, size_t len, struct cw_err *err)
{
    return cw_fd_write_all(*(int *)ctx, data, len, "the new file", err);
}

static int run(int argc, char **argv, struct cw_err *err)
{
    CW_AUTO_FD int a = -1, b = -1, out = -1, scratch = -1;
    struct cw_delta_effort effort = {.inside = true};
    struct cw_delta_info info;
    uint64_t threads = 0;
    int rc = open_for(&a, argv[2], false, err);

    if (rc == CW_OK)
        rc = open_for(&b, argv[3], false, err);
    if (rc == CW_OK)
        rc = open_for(&out, argv[4], true, err);
    if (rc != CW_OK)
        return rc;
    if (strcmp(argv[1], "make") == 0) {
        if (argc > 5 && !cw_str_to_u64(argv[5], 64, &threads))
            return cw_err_set(err, CW_E_USAGE, "'%s' is no number of threads", argv[5]);
        effort.threads = (unsigned)threads;
        return cw_delta_make(out, a, b, &effort, err);
    }
    rc = cw_delta_peek(&info, b, err);
    scratch = memfd_create("inside", MFD_CLOEXEC);
    if (rc == CW_OK && scratch < 0)
        rc = cw_err_set(err, CW_E_FAIL, "unable to make a file in memory");
    if (rc != CW_OK || strcmp(argv[1], "decode") != 0)
        return rc == CW_OK ? cw_patch_apply(out, a, b, scratch, info.to, argc > 5 ? argv[5] : "", err) : rc;
    if (info.inside_from)
        rc = cw_gzip_read(a, to_file, &scratch, err);
    return rc == CW_OK ? cw_delta_read(b, info.inside_from ? scratch : a, info.to, to_file, &out, err) : rc;
}

int main(int argc, char **argv)
{
    struct cw_err err = {.code = CW_OK};

    if (argc < 5 || argc > 6) {
        fprintf(stderr, "usage: cw-delta make OLD NEW DELTA [THREADS] | apply OLD DELTA NEW SHA256 | decode "
                        "OLD DELTA NEW\n");
        return 2;
    }
    if (run(argc, argv, &err) == CW_OK)
        return 0;
    fprintf(stderr, "cw-delta: %s\n", err.text);
    return cw_err_exit_code(err.code);
}
