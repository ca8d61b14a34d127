/* SPDX-License-Identifier: ISC */
/*
 * The inbox: its folders, and what an earlier run left in them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/search.h"
#include "base/str.h"
#include "intake/parts.h"

#define LEFT_MAX 65536 /* parts that are looked at: many times what a run has on its way */
#define PART ".part"
#define VALIDATOR ".validator"

/* Two files of the same content may be on their way at once, so the path is in the name too. */
static void name_of(char name[CW_INTAKE_NAME_MAX], const struct cw_intake_job *job, const char *suffix)
{
    snprintf(name, CW_INTAKE_NAME_MAX, "%s.%s%s", job->file.hashes[0].text, job->place, suffix);
}

void cw_inbox_part_name(char name[CW_INTAKE_NAME_MAX], const struct cw_intake_job *job)
{
    name_of(name, job, PART);
}

void cw_inbox_validator_name(char name[CW_INTAKE_NAME_MAX], const struct cw_intake_job *job)
{
    name_of(name, job, VALIDATOR);
}

static void folder_name(char name[32], int inbox)
{
    snprintf(name, 32, CW_INTAKE_FOLDER "/%d", inbox);
}

static int compare_left(const void *a, const void *b)
{
    return strcmp(((const struct cw_intake_left *)a)->name, ((const struct cw_intake_left *)b)->name);
}

static int note_left(struct cw_intake *intake, size_t *room, int inbox, const char *name, struct cw_err *err)
{
    struct cw_intake_left *left;

    if (intake->left_count == LEFT_MAX || strlen(name) >= CW_INTAKE_NAME_MAX)
        return CW_OK;
    if (intake->left_count == *room) {
        *room = *room != 0 ? *room * 2 : 64;
        left = reallocarray(intake->left, *room, sizeof *left);
        if (left == NULL)
            return cw_err_nomem(err);
        intake->left = left;
    }
    left = &intake->left[intake->left_count++];
    *left = (struct cw_intake_left){.inbox = inbox};
    memcpy(left->name, name, strlen(name) + 1);
    return CW_OK;
}

static int list_left(struct cw_intake *intake, size_t *room, int inbox, const char *folder,
                     struct cw_err *err)
{
    CW_AUTO_LIST DIR *stream = NULL;
    const char *name = NULL;
    int rc = cw_at_open_list(&stream, intake->options.dir, folder, err);

    while (rc == CW_OK && (rc = cw_dir_next(&name, stream, folder, err)) == CW_OK && name != NULL)
        rc = note_left(intake, room, inbox, name, err);
    return rc;
}

int cw_inbox_open(struct cw_intake *intake, struct cw_err *err)
{
    char folder[32];
    size_t room = 0;
    int i, rc = CW_OK;

    /* Not made durable: a crash may cost what is in it, and no more. */
    if (mkdirat(intake->options.dir, CW_INTAKE_FOLDER, 0755) != 0 && errno != EEXIST)
        return cw_err_errno(err, errno, "unable to make a folder for files on their way");
    for (i = 0; i < CW_INTAKE_INBOXES && rc == CW_OK; i++) {
        folder_name(folder, i);
        if (mkdirat(intake->options.dir, folder, 0755) != 0 && errno != EEXIST)
            return cw_err_errno(err, errno, "unable to make a folder for files on their way");
        rc = cw_at_open_dir(&intake->inboxes[i], intake->options.dir, folder, err);
        if (rc == CW_OK)
            rc = list_left(intake, &room, i, folder, err);
    }
    if (intake->left_count > 0)
        qsort(intake->left, intake->left_count, sizeof *intake->left, compare_left);
    return rc;
}

void cw_inbox_close(struct cw_intake *intake)
{
    int i;

    for (i = 0; i < CW_INTAKE_INBOXES; i++) {
        if (intake->inboxes[i] >= 0)
            close(intake->inboxes[i]);
    }
    free(intake->left);
}

static bool name_is_before(const void *left, const void *name)
{
    return strcmp(((const struct cw_intake_left *)left)->name, name) < 0;
}

/* The one in this inbox (-1: any) is the job's; others of its name, which a power cut may bring back, go at once: the sweep
 * would take the new file for one of them. The inbox it is in, or -1. */
static int claim(struct cw_intake *intake, const char *name, int inbox)
{
    size_t i = cw_lower_bound(name, intake->left, intake->left_count, sizeof *intake->left, name_is_before);
    int found = -1;

    for (; i < intake->left_count && strcmp(intake->left[i].name, name) == 0; i++) {
        struct cw_intake_left *left = &intake->left[i];

        if (left->claimed)
            continue;
        left->claimed = true;
        if (found < 0 && (inbox < 0 || left->inbox == inbox))
            found = left->inbox;
        else
            (void)unlinkat(intake->inboxes[left->inbox], name, 0);
    }
    return found;
}

void cw_inbox_claim(struct cw_intake *intake, struct cw_intake_job *job)
{
    char name[CW_INTAKE_NAME_MAX];

    cw_inbox_part_name(name, job);
    job->inbox = claim(intake, name, -1);
    cw_inbox_validator_name(name, job);
    if (job->inbox >= 0)
        (void)claim(intake, name, job->inbox);
}

void cw_inbox_sweep(struct cw_intake *intake)
{
    size_t i;

    for (i = 0; i < intake->left_count; i++) {
        if (!intake->left[i].claimed)
            (void)unlinkat(intake->inboxes[intake->left[i].inbox], intake->left[i].name, 0);
    }
    intake->left_count = 0;
}

void cw_inbox_remove(struct cw_intake *intake)
{
    char folder[32];
    int i;

    for (i = 0; i < CW_INTAKE_INBOXES; i++) {
        folder_name(folder, i);
        (void)unlinkat(intake->options.dir, folder, AT_REMOVEDIR);
    }
    (void)unlinkat(intake->options.dir, CW_INTAKE_FOLDER, AT_REMOVEDIR);
}

void cw_inbox_discard(struct cw_intake *intake, struct cw_intake_job *job)
{
    char name[CW_INTAKE_NAME_MAX];

    if (job->inbox < 0)
        return;
    cw_inbox_drop_validator(intake, job); /* first: what is left without one is only a part */
    cw_inbox_part_name(name, job);
    (void)unlinkat(intake->inboxes[job->inbox], name, 0);
    job->inbox = -1;
}
