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
#include "codec/json.h"
#include "fs/commit.h"
#include "sync/history.h"

#define FILE_END ".json"
#define PLAN_DIGITS 16 /* of the plan's id, with which a file's name begins */
/* Seconds: what it takes back may last CW_APPROVAL_LIFE_MAX, and the clock that signed it may be as far behind. */
#define REVOCATION_LIFE (2 * CW_APPROVAL_LIFE_MAX + CW_APPROVAL_SKEW_MAX)

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
    json_t *found, *revoked, *problems;
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
    return cw_json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s*, s:O*, s:s}", "plan", approval->plan, "action",
                        cw_approval_action_name(approval->action), "person", approval->approver, "keyid",
                        approval->keyid, "time", time, "expires", expires, "reason", approval->reason,
                        "follows", approval->follows, "envelope", cw_buf_text(text));
}

static bool same(const json_t *a, const json_t *b, bool action)
{
    return strcmp(text_in(a, "plan"), text_in(b, "plan")) == 0 &&
           strcmp(text_in(a, "person"), text_in(b, "person")) == 0 &&
           (!action || strcmp(text_in(a, "action"), text_in(b, "action")) == 0);
}

static int add_revocation(json_t *revoked, const struct cw_approval *approval, struct cw_err *err)
{
    json_t *entry = json_pack("{s:s, s:s, s:s}", "plan", approval->plan, "person", approval->approver, "id",
                              approval->id);

    return json_array_append_new(revoked, entry) == 0 ? CW_OK : cw_err_nomem(err);
}

/* A revocation of this site's counts whatever the clock says: no approval comes back by setting it. */
static int visit(void *ctx, const char *path, const struct cw_buf *text, struct cw_err *err)
{
    CW_AUTO_APPROVAL approval = {.doc = NULL};
    struct load *load = ctx;
    json_t *entry;
    int rc = text == NULL ? err->code
                          : cw_approval_read(&approval, load->people, cw_buf_text(text), text->len, err);

    if (rc == CW_OK && approval.action == CW_REVOKE && strcmp(approval.site, load->site->name) == 0)
        return add_revocation(load->revoked, &approval, err);
    if (rc == CW_OK)
        rc = cw_approval_check(&approval, load->site->name, load->now, err);
    if (rc == CW_E_EXPIRED) {
        cw_err_clear(err);
        return CW_OK;
    }
    if (rc != CW_OK)
        return add_problem(load, path, err);
    entry = entry_of(&approval, text);
    return json_array_append_new(load->found, entry) == 0 ? CW_OK : cw_err_nomem(err);
}

static bool is_revoked(const json_t *revoked, const json_t *entry)
{
    json_t *other;
    size_t i;

    json_array_foreach (revoked, i, other) {
        if (same(other, entry, false) &&
            !cw_approval_follows(json_object_get(entry, "follows"), text_in(other, "id")))
            return true;
    }
    return false;
}

/* Times of this form sort as texts. */
static bool is_newer(const json_t *a, const json_t *b)
{
    int order = strcmp(text_in(a, "time"), text_in(b, "time"));

    return order > 0 || (order == 0 && strcmp(text_in(a, "expires"), text_in(b, "expires")) > 0);
}

static int add_entry(json_t *list, json_t *entry, struct cw_err *err)
{
    json_t *other;
    size_t i;

    json_array_foreach (list, i, other) {
        if (!same(other, entry, true))
            continue;
        if (is_newer(entry, other) && json_array_set(list, i, entry) != 0)
            return cw_err_nomem(err);
        return CW_OK;
    }
    return json_array_append(list, entry) != 0 ? cw_err_nomem(err) : CW_OK;
}

/* What was taken back has no say in which is the newest. */
static int choose(json_t *list, const struct load *load, struct cw_err *err)
{
    json_t *entry;
    size_t i;
    int rc = CW_OK;

    json_array_foreach (load->found, i, entry) {
        if (rc == CW_OK && !is_revoked(load->revoked, entry))
            rc = add_entry(list, entry, err);
    }
    return rc;
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
    json_auto_t *found = json_array(), *revoked = json_array(), *chosen = json_array();
    struct load load = {
        .site = site, .people = people, .now = now, .found = found, .revoked = revoked, .problems = problems};
    int rc;

    *list = NULL;
    if (found == NULL || revoked == NULL || chosen == NULL)
        return cw_err_nomem(err);
    rc = each(site, visit, &load, err);
    if (rc == CW_OK)
        rc = choose(chosen, &load, err);
    return rc == CW_OK ? sorted(list, chosen, err) : rc;
}

/* A search for revocations under way. */
struct search {
    const struct cw_site *site;
    const struct cw_people *people;
    const char *plan, *person;
    json_t *ids;
    int64_t newest;
};

static int note_revocation(void *ctx, const char *path, const struct cw_buf *text, struct cw_err *err)
{
    CW_AUTO_APPROVAL approval = {.doc = NULL};
    struct search *search = ctx;
    int rc = text == NULL ? err->code
                          : cw_approval_read(&approval, search->people, cw_buf_text(text), text->len, err);

    (void)path;
    if (rc == CW_E_NOMEM)
        return rc;
    cw_err_clear(err); /* what is none is told of whenever a plan is made */
    if (rc != CW_OK || approval.action != CW_REVOKE || strcmp(approval.site, search->site->name) != 0 ||
        strcmp(approval.plan, search->plan) != 0 || strcmp(approval.approver, search->person) != 0)
        return CW_OK;
    if (approval.time > search->newest)
        search->newest = approval.time;
    return json_array_append_new(search->ids, json_string(approval.id)) == 0 ? CW_OK : cw_err_nomem(err);
}

int cw_approvals_revocations(json_t **ids, int64_t *newest, const struct cw_site *site,
                             const struct cw_people *people, const char *plan, const char *person,
                             struct cw_err *err)
{
    json_auto_t *found = json_array();
    struct search search = {
        .site = site, .people = people, .plan = plan, .person = person, .ids = found, .newest = INT64_MIN};
    int rc = found != NULL ? each(site, note_revocation, &search, err) : cw_err_nomem(err);

    *newest = search.newest;
    *ids = rc == CW_OK ? json_incref(found) : NULL;
    return rc;
}

/* One sweep under way. */
struct sweep {
    const struct cw_site *site;
    const struct cw_people *people;
    int64_t now;
};

/* A revocation goes when nothing that it takes back can still be valid, however wrong the clocks were by which both
 * were signed. */
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
    ends = approval.action == CW_REVOKE ? approval.time + REVOCATION_LIFE : approval.expires;
    return ends <= sweep->now ? cw_remove(sweep->site->fd, path, err) : CW_OK;
}

int cw_approvals_keep(char name[CW_PATH_MAX], const struct cw_site *site, const struct cw_people *people,
                      const struct cw_approval *approval, const struct cw_buf *text, int64_t now,
                      struct cw_err *err)
{
    struct sweep sweep = {.site = site, .people = people, .now = now};
    int rc;

    /* No older one takes the place of a newer one. */
    snprintf(name, CW_PATH_MAX, CW_APPROVALS_FOLDER "/%.*s-%.16s-%s-%lld" FILE_END, PLAN_DIGITS,
             approval->plan, approval->keyid, cw_approval_action_name(approval->action),
             (long long)approval->time);
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
