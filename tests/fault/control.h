/* SPDX-License-Identifier: ISC */
/*
 * The page that the runner (cw-fault) and the preloaded shim share: what to break, what was counted, and a
 * log of all changes to the disk with what is needed to undo them. It is a file mapped MAP_SHARED, so it
 * outlives fork, exec, closed descriptors, a seccomp filter and SIGKILL. Plain data: no pointers.
 */
#ifndef CW_TESTS_FAULT_CONTROL_H
#define CW_TESTS_FAULT_CONTROL_H

#include <stdint.h>

/* Kinds of calls. All but alloc, mmap and spawn count only when they concern something beneath the root. */
/* clang-format off */
#define CW_FAULT_KINDS(X)                                                                       \
    X(open) X(create) X(read) X(write) X(truncate) X(copy) X(rename) X(link) X(unlink) X(mkdir) \
    X(sync) X(close) X(chmod) X(stat) X(readdir) X(lock) X(alloc) X(mmap) X(spawn)
/* clang-format on */

enum fault_kind {
#define X(name) KIND_##name,
    CW_FAULT_KINDS(X)
#undef X
        KIND_change, /* any call that changes the disk, or what of it is durable: the points at which to kill */
    KIND_MAX
};

enum fault_mode { MODE_COUNT, MODE_FAIL, MODE_KILL };
/* No error to the caller: do only half of it (read, write); change a bit of what was read. */
enum fault_error { FAULT_HALF = 0, FAULT_FLIP = -1 };
enum fault_moment { AT_AFTER, AT_BEFORE, AT_HALF };

/* One change to the disk. */
enum fault_op {
    OP_NEW,  /* a file was made: dir/name, or nameless (O_TMPFILE) */
    OP_LINK, /* a further name: link, symlink, mknod */
    OP_MKDIR,
    OP_UNLINK,   /* spare: a hard link to what was unlinked */
    OP_RMDIR,    /* mode */
    OP_RENAME,   /* dir/name -> dir2/name2; spare: what was replaced */
    OP_EXCHANGE, /* dir/name <-> dir2/name2 */
    OP_WRITE,    /* bytes off..off+len of ino, which was old_size long; spare: the bytes overwritten */
    OP_TRUNCATE, /* ino was old_size long, is len long; spare: the bytes cut off */
    OP_SYNC,     /* ino, a file or a folder, is durable */
    OP_SYNC_ALL, /* everything is */
    OP_META,     /* mode, owner, times: a place to kill at, but not undone */
};

#define FAULT_OFF_UNKNOWN (-1) /* off of a write by a process that may not ask (a seccomp filter) */

struct fault_record {
    uint32_t size; /* of this record with its text, a multiple of 8 */
    uint16_t op;
    uint16_t pad;
    uint32_t mode;  /* of a folder that was removed or replaced */
    uint32_t spare; /* number of a file in the spare folder, 0 = none */
    uint64_t ino;   /* of the object; all objects lie on one filesystem */
    uint64_t dir, dir2;
    uint64_t replaced_dir; /* inode of the empty folder that a rename replaced */
    int64_t off, len, old_size;
    uint16_t at_dir, at_name, at_dir2, at_name2; /* where in text: paths relative to the root; 0 = none */
    char text[];
};

/* One distinct way (call stack) by which a kind of call was reached. Only kept when counting. */
struct fault_path {
    uint64_t key;
    uint32_t kind;
    uint32_t first, last; /* the first and last n */
    uint64_t site;        /* offset of the call in its object */
    char object[32];
};

#define FAULT_PATHS 8192        /* far above the call stacks of one small command */
#define FAULT_MAGIC 0x63776661u /* "cwfa" */
#define FAULT_ROOT_MAX 1024

struct fault_control {
    uint32_t magic;
    uint32_t mode, kind, moment;
    uint32_t n;       /* which call, from 1; 0 = none */
    uint32_t onwards; /* this one and all later ones fail (a disk that stays full) */
    int32_t error;    /* errno to give, or one of enum fault_error */
    int32_t main_pid;
    uint64_t root_dev;
    char root[FAULT_ROOT_MAX], spare[FAULT_ROOT_MAX + 16];
    char only[64]; /* count only in programs of this name; empty = in all */

    uint32_t lock;
    uint32_t fired;    /* the fault has happened; when killing, nobody may change anything from here on */
    uint32_t overflow; /* the log is full, so nothing can be said */
    uint32_t
        unseen; /* files beneath the root opened for writing by stdio, whose writes the shim cannot see */
    uint32_t spares; /* last number given out */
    uint32_t count[KIND_MAX];
    char hit[256]; /* which call it was, for the report */
    struct fault_path paths[FAULT_PATHS];

    uint64_t log_max, log_used;
    char log[] __attribute__((aligned(8)));
};

#endif
