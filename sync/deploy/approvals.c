/* SPDX-License-Identifier: ISC */
/*
 * The folder of approvals: see sync/deploy/approvals.h.
 */
#include "sync/deploy/approvals.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "fs/commit.h"
#include "sync/history.h"

#define FILE_END ".json"
#define PLAN_DIGITS 16 /* of the plan's id, with which a file's name begins */

typedef int visit_fn(void *ctx, const char *path, const struct cw_buf *text, struct cw_err *err);

static int read_and_visit(const struct cw_site *site, const char *name, visit_fn *fn, void *ctx,
                          struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_APPROVAL_MAX);
    char path[CW_PATH_MAX];
    int rc;

    snprintf(path, sizeof(path), CW_APPROVALS_FOLDER "/%s", name);
    rc = cw_at_read_file(&text, site->fd, path, err);
    if (rc != CW_OK && rc != CW_E_NOMEM && fn != NULL) {
        /* A file that cannot be read is told like one that is no approval. */
        cw_buf_reset(&text);
        return fn(ctx, path, NULL, err);
    }
    return rc == CW_OK ? fn(ctx, path, &text, err) : rc;
}

/* Calls fn for each file that could be an approval; text NULL: it could not be read, err says why. */
static int each(const struct cw_site *site, visit_fn *fn, void *ctx, struct cw_err *err)
{
    CW_AUTO_LIST DIR *stream = NULL;
    const char *name;
    size_t count = 0;
    int rc = cw_at_open_list(&stream, site->fd, CW_APPROVALS_FOLDER, err);

    if (rc == CW_E_NOTFOUND) {
        cw_err_clear(err);
        return CW_OK;
    }
    while (rc == CW_OK && (rc = cw_dir_next(&name, stream, CW_APPROVALS_FOLDER, err)) == CW_OK &&
           name != NULL) {
        if (name[0] == '.' || !cw_str_ends(name, FILE_END))
            continue;
        if (++count > CW_APPROVALS_MAX)
            return cw_err_set(err, CW_E_FAIL,
                              "'" CW_APPROVALS_FOLDER "' has more than %d files: remove old ones",
                              CW_APPROVALS_MAX);
        rc = read_and_visit(site, name, fn, ctx, err);
    }
    return rc;
}

/* One load under way. */
struct load {
    const struct cw_site *site;
    const struct cw_people *people;
    int64_t now;
    json_t *list, *revoked, *problems;
};

static int add_problem(const struct load *load, const char *path, struct cw_err *err)
{
    char name[CW_PATH_MAX];

    if (err->code == CW_E_NOMEM)
        return CW_E_NOMEM;
    cw_str_visible(name, sizeof(name), path);
    if (json_array_append_new(load->problems, json_sprintf("%s: %s", name, err->text)) != 0)
        return cw_err_nomem(err);
    cw_err_clear(err);
    return CW_OK;
}

static const char *text_in(const json_t *entry, const char *key)
{
    const char *text = json_string_value(json_object_get(entry, key));

    return text != NULL ? text : "";
}

static json_t *entry_of(const struct cw_approval *approval, const struct cw_buf *text)
{
    char time[CW_TIME_TEXT], expires[CW_TIME_TEXT];

    cw_time_format(approval->time, time);
    cw_time_format(approval->expires, expires);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s*, s:s}", "plan", approval->plan, "action",
                     cw_approval_action_name(approval->action), "person", approval->approver, "keyid",
                     approval->keyid, "time", time, "expires", expires, "reason", approval->reason,
                     "envelope", cw_buf_text(text));
}

static bool same(const json_t *a, const json_t *b, bool action)
{
    return strcmp(text_in(a, "plan"), text_in(b, "plan")) == 0 &&
           strcmp(text_in(a, "person"), text_in(b, "person")) == 0 &&
           (!action || strcmp(text_in(a, "action"), text_in(b, "action")) == 0);
}

/* Times of this form sort as texts. */
static int add_entry(json_t *list, const json_t *entry, struct cw_err *err)
{
    json_t *other;
    size_t i;

    json_array_foreach (list, i, other) {
        if (!same(other, entry, true))
            continue;
        if (strcmp(text_in(entry, "expires"), text_in(other, "expires")) > 0 &&
            json_array_set(list, i, (json_t *)entry) != 0)
            return cw_err_nomem(err);
        return CW_OK;
    }
    return json_array_append(list, (json_t *)entry) != 0 ? cw_err_nomem(err) : CW_OK;
}

static int visit(void *ctx, const char *path, const struct cw_buf *text, struct cw_err *err)
{
    CW_AUTO_APPROVAL approval = {.doc = NULL};
    struct load *load = ctx;
    json_auto_t *entry = NULL;
    int rc = text == NULL ? err->code
                          : cw_approval_read(&approval, load->people, cw_buf_text(text), text->len, err);

    if (rc == CW_OK)
        rc = cw_approval_check(&approval, load->site->name, load->now, err);
    if (rc == CW_E_EXPIRED) {
        cw_err_clear(err);
        return CW_OK;
    }
    if (rc != CW_OK)
        return add_problem(load, path, err);
    entry = entry_of(&approval, text);
    if (entry == NULL)
        return cw_err_nomem(err);
    if (approval.action == CW_REVOKE)
        return json_array_append(load->revoked, entry) != 0 ? cw_err_nomem(err) : CW_OK;
    return add_entry(load->list, entry, err);
}

static bool is_revoked(const json_t *revoked, const json_t *entry)
{
    json_t *other;
    size_t i;

    json_array_foreach (revoked, i, other) {
        if (same(other, entry, false) && strcmp(text_in(entry, "time"), text_in(other, "time")) <= 0)
            return true;
    }
    return false;
}

static void drop_revoked(json_t *list, const json_t *revoked)
{
    for (size_t i = json_array_size(list); i-- > 0;) {
        if (is_revoked(revoked, json_array_get(list, i)))
            json_array_remove(list, i);
    }
}

static int by_person(const void *a, const void *b)
{
    const json_t *const *one = a, *const *two = b;
    int order = strcmp(text_in(*one, "person"), text_in(*two, "person"));

    return order != 0 ? order : strcmp(text_in(*one, "envelope"), text_in(*two, "envelope"));
}

/* In an order that does not depend on the folder's. */
static int sorted(json_t **list, const json_t *unsorted, struct cw_err *err)
{
    size_t count = json_array_size(unsorted);
    CW_AUTO_FREE json_t **entries = calloc(count + 1, sizeof(*entries));
    json_auto_t *made = json_array();

    if (entries == NULL || made == NULL)
        return cw_err_nomem(err);
    for (size_t i = 0; i < count; i++)
        entries[i] = json_array_get(unsorted, i);
    qsort(entries, count, sizeof(*entries), by_person);
    for (size_t i = 0; i < count; i++) {
        if (json_array_append(made, entries[i]) != 0)
            return cw_err_nomem(err);
    }
    *list = json_incref(made);
    return CW_OK;
}

int cw_approvals_load(json_t **list, json_t *problems, const struct cw_site *site,
                      const struct cw_people *people, int64_t now, struct cw_err *err)
{
    json_auto_t *found = json_array(), *revoked = json_array();
    struct load load = {
        .site = site, .people = people, .now = now, .list = found, .revoked = revoked, .problems = problems};
    int rc;

    *list = NULL;
    if (found == NULL || revoked == NULL)
        return cw_err_nomem(err);
    rc = each(site, visit, &load, err);
    if (rc != CW_OK)
        return rc;
    drop_revoked(found, revoked);
    return sorted(list, found, err);
}

int cw_approvals_is_revoked(bool *revoked, const struct cw_site *site, const struct cw_people *people,
                            const struct cw_approval *approval, int64_t now, struct cw_err *err)
{
    json_auto_t *found = json_array(), *taken_back = json_array(), *problems = json_array(), *entry = NULL;
    CW_AUTO_BUF none = CW_BUF_INIT(1);
    struct load load = {.site = site,
                        .people = people,
                        .now = now,
                        .list = found,
                        .revoked = taken_back,
                        .problems = problems};
    int rc;

    *revoked = false;
    entry = entry_of(approval, &none);
    if (found == NULL || taken_back == NULL || problems == NULL || entry == NULL)
        return cw_err_nomem(err);
    rc = each(site, visit, &load, err);
    *revoked = is_revoked(taken_back, entry);
    return rc;
}

/* One sweep under way. */
struct sweep {
    const struct cw_site *site;
    const struct cw_people *people;
    int64_t now;
};

/* A revocation goes when nothing that it takes back can still be valid. */
static int remove_expired(void *ctx, const char *path, const struct cw_buf *text, struct cw_err *err)
{
    CW_AUTO_APPROVAL approval = {.doc = NULL};
    const struct sweep *sweep = ctx;
    int64_t ends;
    int rc = text == NULL ? err->code
                          : cw_approval_read(&approval, sweep->people, cw_buf_text(text), text->len, err);

    if (rc == CW_E_NOMEM)
        return rc;
    if (rc != CW_OK) {
        cw_err_clear(err);
        return CW_OK; /* not ours to remove; it is told of whenever a plan is made */
    }
    ends = approval.action == CW_REVOKE ? approval.time + CW_APPROVAL_LIFE_MAX : approval.expires;
    return ends <= sweep->now ? cw_remove(sweep->site->fd, path, err) : CW_OK;
}

int cw_approvals_keep(char name[CW_PATH_MAX], const struct cw_site *site, const struct cw_people *people,
                      const struct cw_approval *approval, const struct cw_buf *text, int64_t now,
                      struct cw_err *err)
{
    struct sweep sweep = {.site = site, .people = people, .now = now};
    char when[24] = "";
    int rc;

    /* An older revocation may not take the place of a newer one. */
    if (approval->action == CW_REVOKE)
        snprintf(when, sizeof(when), "-%lld", (long long)approval->time);
    snprintf(name, CW_PATH_MAX, CW_APPROVALS_FOLDER "/%.*s-%.16s-%s%s" FILE_END, PLAN_DIGITS, approval->plan,
             approval->keyid, cw_approval_action_name(approval->action), when);
    rc = cw_file_replace(site->fd, name, text->data, text->len, 0644, err);
    return rc == CW_OK ? each(site, remove_expired, &sweep, err) : rc;
}

int cw_approvals_log(const struct cw_site *site, const json_t *plan, int64_t now, struct cw_err *err)
{
    json_t *approval;
    size_t i;
    int rc = CW_OK;

    json_array_foreach (json_object_get(plan, "approvals"), i, approval) {
        if (rc == CW_OK)
            rc = cw_history_append(site->fd, now, "approval", approval, err);
    }
    return rc;
}

bool cw_approvals_concern(const char *problem, const char *plan)
{
    const char *name = cw_str_starts(problem, CW_APPROVALS_FOLDER "/") ? strchr(problem, '/') + 1 : problem;

    return strspn(name, "0123456789abcdef") != PLAN_DIGITS || name[PLAN_DIGITS] != '-' ||
           strncmp(name, plan, PLAN_DIGITS) == 0;
}
