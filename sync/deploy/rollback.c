/* SPDX-License-Identifier: ISC */
/*
 * Going back to a generation that is still there. What is left is held, else the next update would bring it
 * again.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "codec/json.h"
#include "sync/deploy/apply.h"
#include "sync/deploy/hold.h"
#include "sync/deploy/recalled.h"
#include "sync/deploy/recover.h"
#include "sync/deploy/store.h"

static bool is_same(const json_t *a, const json_t *b, const char *key)
{
    return strcmp(cw_json_text(a, key), cw_json_text(b, key)) == 0;
}

static int hold_sets(json_t *holds, const json_t *left, const json_t *target, struct cw_err *err)
{
    const char *upstream;
    json_t *set;

    json_object_foreach (json_object_get(left, "sets"), upstream, set) {
        if (is_same(set, json_object_get(json_object_get(target, "sets"), upstream), "sha256"))
            continue;
        if (json_array_append_new(holds, cw_hold_on_set(upstream, cw_json_text(set, "channel"),
                                                        json_integer_value(json_object_get(set, "serial")),
                                                        cw_json_text(set, "sha256"))) != 0)
            return cw_err_nomem(err);
    }
    return CW_OK;
}

/* Independent products are not part of their set's decision, so a hold on the set would not hold them. */
static int hold_independents(json_t *holds, const json_t *left, const json_t *target, struct cw_err *err)
{
    const char *product;
    json_t *entry;

    json_object_foreach (json_object_get(left, "products"), product, entry) {
        if (!json_is_true(json_object_get(entry, "independent")) ||
            is_same(entry, json_object_get(json_object_get(target, "products"), product), "version"))
            continue;
        if (json_array_append_new(holds, cw_hold_on_product(product, cw_json_text(entry, "version"))) != 0)
            return cw_err_nomem(err);
    }
    return CW_OK;
}

static int read_target(json_t **target, int root, int64_t current, int64_t to, struct cw_err *err)
{
    bool failed;
    int rc;

    if (to == 0)
        return cw_err_set(err, CW_E_FAIL, "there is no generation before %lld", (long long)current);
    if (to == current)
        return cw_err_set(err, CW_E_FAIL, "generation %lld runs already", (long long)to);
    rc = cw_store_read(target, root, to, err);
    if (rc == CW_E_NOTFOUND)
        return rc; /* it names the generation itself */
    if (rc == CW_OK)
        rc = cw_store_has_failed(&failed, root, to, err);
    if (rc == CW_OK && failed)
        return cw_err_set(err, CW_E_FAIL, "generation %lld failed its check; choose another", (long long)to);
    if (rc == CW_OK)
        rc = cw_store_is_whole(root, *target, err);
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "generation %lld", (long long)to);
}

static int prepare(struct cw_journal *journal, const struct cw_site *site, int root, int64_t to,
                   struct cw_err *err)
{
    json_auto_t *left = NULL, *target = NULL;
    int rc = cw_store_current(&journal->from, root, err);

    if (rc == CW_OK && journal->from == 0)
        return cw_err_set(err, CW_E_FAIL, "nothing is installed");
    if (rc == CW_OK)
        rc = cw_store_read(&left, root, journal->from, err);
    if (rc != CW_OK)
        return rc;
    journal->to = to != 0 ? to : json_integer_value(json_object_get(left, "previous"));
    rc = read_target(&target, root, journal->from, journal->to, err);
    if (rc == CW_OK && (rc = cw_recalled_check(site, left, target, err)) != CW_OK)
        return cw_err_prefix(err, "generation %lld", (long long)journal->to);
    if (rc != CW_OK)
        return rc;
    journal->holds = json_array();
    if (journal->holds == NULL)
        return cw_err_nomem(err);
    rc = hold_sets(journal->holds, left, target, err);
    return rc == CW_OK ? hold_independents(journal->holds, left, target, err) : rc;
}

/* What undoes the generations from the one that runs back to the target, the newest first. A target that does not
 * come before it has nothing to be undone by. */
static int collect_undo(struct cw_journal *journal, int root, struct cw_err *err)
{
    json_auto_t *undo = json_array();
    int64_t at = journal->from;

    if (undo == NULL)
        return cw_err_nomem(err);
    while (at > journal->to) {
        json_auto_t *record = NULL;
        json_t *steps;
        int rc = cw_store_read(&record, root, at, err);

        if (rc == CW_E_NOTFOUND) { /* removed by gc, which keeps what can be gone back to one by one */
            cw_err_clear(err);
            break;
        }
        if (rc != CW_OK)
            return rc;
        steps = json_object_get(record, "undo"); /* none in records of before there were actions */
        if (steps != NULL && json_array_extend(undo, steps) != 0)
            return cw_err_nomem(err);
        at = json_integer_value(json_object_get(record, "previous"));
    }
    if (at == journal->to)
        journal->undo = json_incref(undo);
    return CW_OK;
}

static int carry_out(const struct cw_site *site, int root, struct cw_journal *journal, int64_t now,
                     struct cw_err *err)
{
    const struct cw_step_run run = {.site = site, .now = now, .generation = journal->from};
    char trouble[CW_RECOVER_TEXT_MAX];
    int64_t to = journal->to;
    int rc = cw_journal_store(site->fd, journal, err);

    if (rc == CW_OK)
        rc = cw_recover_rollback(trouble, &run, root, journal, err);
    if (rc == CW_OK && trouble[0] != '\0')
        return cw_err_set(err, CW_E_FAIL, "generation %lld runs again, but %s", (long long)to, trouble);
    return rc;
}

int cw_rollback(int64_t *number, const struct cw_site *site, int64_t to, const char *reason, int64_t now,
                struct cw_err *err)
{
    CW_AUTO_JOURNAL journal = {.state = CW_JOURNAL_ROLLBACK};
    CW_AUTO_FD int root = -1;
    int rc;

    if (site->install_root == NULL)
        return cw_err_set(
            err, CW_E_USAGE,
            "site.lua names no install root, so this site only mirrors: add 'install = { root = \"/…\" }'");
    if (strlen(reason) >= sizeof journal.reason)
        return cw_err_set(err, CW_E_USAGE, "the reason is longer than %zu bytes", sizeof journal.reason - 1);
    rc = cw_dir_open(&root, site->install_root, err);
    if (rc == CW_OK)
        rc = prepare(&journal, site, root, to, err);
    if (rc == CW_OK)
        rc = collect_undo(&journal, root, err);
    if (rc != CW_OK)
        return rc;
    *number = journal.to;
    snprintf(journal.reason, sizeof journal.reason, "%s", reason);
    cw_time_format(now, journal.time);
    return carry_out(site, root, &journal, now, err);
}
