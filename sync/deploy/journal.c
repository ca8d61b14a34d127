/* SPDX-License-Identifier: ISC */
/*
 * The journal's file. Steps and their order belong to apply.c and rollback.c, their undoing to recover.c.
 */
#include "sync/deploy/journal.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "codec/json_file.h"
#include "fs/commit.h"

#define JOURNAL_TYPE "causeway-journal"

static const char *const state_names[] = {
    [CW_JOURNAL_NONE] = "none",
    [CW_JOURNAL_PREPARE] = "preparing",
    [CW_JOURNAL_STAGE] = "staging",
    [CW_JOURNAL_SWITCH] = "switching",
    [CW_JOURNAL_CHECK] = "checking",
    [CW_JOURNAL_DELIVER] = "delivering",
    [CW_JOURNAL_PASSED] = "passed",
    [CW_JOURNAL_RETURN] = "returning",
    [CW_JOURNAL_ROLLBACK] = "rolling back",
    [CW_JOURNAL_UNDO] = "undoing",
    [CW_JOURNAL_FINISH] = "finishing",
};

const char *cw_journal_state_name(enum cw_journal_state state)
{
    return state_names[state];
}

static int parse_state(enum cw_journal_state *state, const char *text, struct cw_err *err)
{
    for (size_t i = CW_JOURNAL_NONE + 1; i < CW_COUNT(state_names); i++) {
        if (strcmp(text, state_names[i]) == 0) {
            *state = (enum cw_journal_state)i;
            return CW_OK;
        }
    }
    return cw_err_set(err, CW_E_VERIFY, "unknown state '%s': was it written by a newer version?", text);
}

/* The lists of steps, and where in them it stopped; absent in journals of before there were any. */
static int parse_steps(struct cw_journal *journal, const json_t *doc, struct cw_err *err)
{
    json_t *undo = NULL, *after = NULL;
    int rc = cw_json_opt_array(&undo, doc, "undo", err);

    if (rc == CW_OK)
        rc = cw_json_opt_array(&after, doc, "after", err);
    if (rc == CW_OK && json_object_get(doc, "next") != NULL)
        rc = cw_json_get_int(&journal->next, doc, "next", 0, INT64_MAX, err);
    if (rc == CW_OK && json_object_get(doc, "tries") != NULL)
        rc = cw_json_get_int(&journal->tries, doc, "tries", 0, INT64_MAX, err);
    if (rc != CW_OK)
        return rc;
    journal->undo = json_incref(undo);
    journal->after = json_incref(after);
    return CW_OK;
}

static int parse_doc(struct cw_journal *journal, const json_t *doc, struct cw_err *err)
{
    const char *state, *plan = "", *time = "", *reason = "";
    json_t *holds = NULL;
    int rc = cw_json_check_format(doc, JOURNAL_TYPE, err);

    if (rc == CW_OK)
        rc = cw_json_get_str(&state, doc, "state", err);
    if (rc == CW_OK)
        rc = parse_state(&journal->state, state, err);
    if (rc == CW_OK)
        rc = cw_json_get_int(&journal->from, doc, "from", 0, INT64_MAX, err);
    if (rc == CW_OK)
        rc = cw_json_get_int(&journal->to, doc, "to", 0, INT64_MAX, err);
    if (rc == CW_OK)
        rc = cw_json_get_int(&journal->checks, doc, "checks", 0, INT64_MAX, err);
    if (rc == CW_OK)
        rc = cw_json_opt_str(&plan, doc, "plan", err);
    if (rc == CW_OK)
        rc = cw_json_opt_str(&time, doc, "time", err);
    if (rc == CW_OK)
        rc = cw_json_opt_str(&reason, doc, "reason", err);
    if (rc == CW_OK)
        rc = cw_json_opt_array(&holds, doc, "holds", err);
    if (rc != CW_OK)
        return rc;
    snprintf(journal->plan, sizeof journal->plan, "%s", plan);
    snprintf(journal->time, sizeof journal->time, "%s", time);
    snprintf(journal->reason, sizeof journal->reason, "%s", reason);
    journal->holds = json_incref(holds);
    return parse_steps(journal, doc, err);
}

int cw_journal_load(struct cw_journal *journal, int site, struct cw_err *err)
{
    json_auto_t *doc = NULL;
    int rc = cw_json_file_read(&doc, site, CW_JOURNAL_FILE, CW_JSON_TEXT_MAX, err);

    *journal = (struct cw_journal){0};
    if (rc == CW_E_NOTFOUND) {
        cw_err_clear(err);
        return CW_OK;
    }
    if (rc == CW_OK)
        rc = parse_doc(journal, doc, err);
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "%s", CW_JOURNAL_FILE);
}

int cw_journal_store(int site, const struct cw_journal *journal, struct cw_err *err)
{
    json_auto_t *doc = NULL;

    if (journal->state == CW_JOURNAL_NONE)
        return cw_remove(site, CW_JOURNAL_FILE, err);
    doc = json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:s, s:s, s:s, s:O*, s:O*, s:O*, s:I, s:I}", "_type",
                    JOURNAL_TYPE, "format", "1.0", "state", state_names[journal->state], "from",
                    (json_int_t)journal->from, "to", (json_int_t)journal->to, "checks",
                    (json_int_t)journal->checks, "plan", journal->plan, "time", journal->time, "reason",
                    journal->reason, "holds", journal->holds, "undo", journal->undo, "after", journal->after,
                    "next", (json_int_t)journal->next, "tries", (json_int_t)journal->tries);
    return cw_json_file_replace(site, CW_JOURNAL_FILE, doc, CW_JSON_TEXT_MAX, err);
}

void cw_journal_clear(struct cw_journal *journal)
{
    json_decref(journal->holds);
    json_decref(journal->undo);
    json_decref(journal->after);
    *journal = (struct cw_journal){0};
}
