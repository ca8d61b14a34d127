/* SPDX-License-Identifier: ISC */
/*
 * The parts of an intake and what they share. Inside lib/intake only.
 *
 * Whatever is not constant after cw_intake_open() is touched with the mutex held, except the counters of progress, which are
 * atomic. A job belongs to one thread at a time: it is in one list, or in the hands of the thread that took it from there.
 */
#ifndef CW_INTAKE_PARTS_H
#define CW_INTAKE_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "fs/root.h"
#include "http/transfer.h"
#include "intake/intake.h"

#define CW_INTAKE_THREADS_MAX 4
#define CW_INTAKE_FED 0 /* the inbox of what is fed; the receiving threads have 1, 2, ... */
#define CW_INTAKE_INBOXES (1 + CW_INTAKE_THREADS_MAX)
#define CW_INTAKE_PLACE_DIGITS 32 /* of the hash of a path: no two ever have the same */
#define CW_INTAKE_NAME_MAX (CW_HASH_TEXT_MAX + CW_INTAKE_PLACE_DIGITS + 16)
#define CW_INTAKE_BIG (UINT64_C(1) << 20) /* such files are begun first: they take longest */
#define CW_INTAKE_BATCH_FILES 1024
#define CW_INTAKE_BATCH_BYTES (UINT64_C(256) << 20) /* what a power cut may cost */

struct cw_intake_job { /* one file */
    struct cw_intake_job *next, *next_of_all;
    struct cw_intake_file file;
    char place[CW_INTAKE_PLACE_DIGITS + 1]; /* the beginning of its path's SHA-256 */
    uint32_t tried;                         /* bits of the sources that do not have it */
    int inbox;                              /* where its part lies; -1: nowhere */
    uint64_t carried;
    int rc; /* how the first source failed that has it; CW_OK: none did; or CW_E_NOTFOUND: none has it */
    struct cw_err *err; /* owned; NULL while rc is CW_OK */
};

struct cw_intake_queue {
    struct cw_intake_job *head, **tail;
    size_t count;
    uint64_t bytes;
};

struct cw_intake_left { /* what an earlier run left in the inbox */
    char name[CW_INTAKE_NAME_MAX];
    int inbox;
    bool claimed;
};

struct cw_intake {
    struct cw_intake_options options;
    int inboxes[CW_INTAKE_INBOXES];
    struct cw_intake_left *left; /* sorted by name */
    size_t left_count;
    struct cw_intake_job *all; /* every job, newest first */

    pthread_mutex_t mutex;
    pthread_cond_t work, changed; /* for the receiving threads; for everybody else */
    struct cw_intake_queue todo, big,
        ready; /* big: of the files to be received those that keep a connection, and a processor, busy */
    size_t receiving_big[CW_INTAKE_THREADS_MAX]; /* by each thread */
    size_t pending;                              /* jobs that are neither ready nor given up */
    bool closing;                                /* no more jobs will be added */
    bool stop;      /* the first failure is in err, or the intake is closed: nothing more is received */
    bool committed; /* the committing thread is through */
    struct cw_err err;
    unsigned failures[CW_INTAKE_SOURCES_MAX]; /* files that each source failed to give */
    struct cw_intake_result result;
    atomic_uint_fast64_t came, finished; /* bytes and files, for progress */
    uint64_t told_bytes, told_files;

    pthread_t receivers[CW_INTAKE_THREADS_MAX], committer, writer;
    size_t receiver_count;
    bool has_committer;
    struct cw_intake_feed *feed; /* NULL: nothing was fed yet */
};

void cw_intake_queue_init(struct cw_intake_queue *queue);
void cw_intake_queue_add(struct cw_intake_queue *queue, struct cw_intake_job *job);
struct cw_intake_job *cw_intake_queue_take(struct cw_intake_queue *queue);

/* Is so much ready that it is to be committed? With the mutex held. */
bool cw_intake_batch_is_due(const struct cw_intake *intake);
/* Ends all with this failure, unless another did before. */
void cw_intake_fail(struct cw_intake *intake, const struct cw_err *err);
/* The job's part is whole and right. */
void cw_intake_ready(struct cw_intake *intake, struct cw_intake_job *job);
/* The job ends without a file; it is no failure of the whole. */
void cw_intake_give_up(struct cw_intake *intake, struct cw_intake_job *job);
bool cw_intake_stopped(struct cw_intake *intake);
/* The first failure; CW_OK: none. */
int cw_intake_failure(struct cw_intake *intake, struct cw_err *err);
/* A job for the file, not in any list yet. For the owner's thread, as the next one. */
int cw_intake_job_new(struct cw_intake_job **job, struct cw_intake *intake, const struct cw_intake_file *file,
                      struct cw_err *err);
/* Tells progress. */
void cw_intake_tell(struct cw_intake *intake);

/* inbox.c */
int cw_inbox_open(struct cw_intake *intake, struct cw_err *err);
void cw_inbox_close(struct cw_intake *intake);
/* Is there something of this job? Sets job->inbox. */
void cw_inbox_claim(struct cw_intake *intake, struct cw_intake_job *job);
/* Removes what nobody claimed. */
void cw_inbox_sweep(struct cw_intake *intake);
/* Removes the folders, if they are empty. */
void cw_inbox_remove(struct cw_intake *intake);
void cw_inbox_part_name(char name[CW_INTAKE_NAME_MAX], const struct cw_intake_job *job);
void cw_inbox_validator_name(char name[CW_INTAKE_NAME_MAX], const struct cw_intake_job *job);
/* Removes the job's part and its validator. */
void cw_inbox_discard(struct cw_intake *intake, struct cw_intake_job *job);

/* validator.c: of a part. "" where none is kept that is of this URL. */
void cw_inbox_read_validator(char validator[CW_HTTP_VALIDATOR_MAX], const struct cw_intake *intake,
                             const struct cw_intake_job *job, const char *url);
/* In the place of one that is there. */
void cw_inbox_write_validator(const struct cw_intake *intake, const struct cw_intake_job *job,
                              const char *validator, const char *url);
void cw_inbox_drop_validator(const struct cw_intake *intake, const struct cw_intake_job *job);

/* part.c: a file on its way. */
struct cw_part {
    struct cw_intake *intake;
    struct cw_intake_job *job;
    int fd; /* -1: not open */
    uint64_t length, written_back;
    struct cw_hash *hashes[CW_INTAKE_HASHES_MAX]; /* of sha256 and sha512, kept for the next file */
};
void cw_part_init(struct cw_part *part, struct cw_intake *intake);
void cw_part_clear(struct cw_part *part);
/* Starts the job's file anew in this inbox, forgetting what was there. */
int cw_part_create(struct cw_part *part, int inbox, struct cw_err *err);
/* Takes up what the inbox has, hashing it; length says how much that is. More than the file can have is discarded. */
int cw_part_take_up(struct cw_part *part, struct cw_err *err);
int cw_part_add(struct cw_part *part, const void *data, size_t len, struct cw_err *err);
/* All is there: is it right? CW_E_VERIFY. The hashes are ready for the next file afterwards. */
int cw_part_judge(struct cw_part *part, struct cw_err *err);
/* Closes the file; what is in the inbox stays there. */
void cw_part_close(struct cw_part *part);

/* receive.c, feed.c, commit.c: the threads. */
void *cw_intake_receive(void *receiver);
int cw_intake_start_receivers(struct cw_intake *intake, struct cw_err *err);
void *cw_intake_commit(void *intake);
/* Hands over what is still in the owner's block, and waits for the writer's end. */
void cw_intake_feed_end(struct cw_intake *intake);

#endif
