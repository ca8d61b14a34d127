/* SPDX-License-Identifier: ISC */
/*
 * causeway-sync approve: a person's word on a plan. Given at the site (PLAN is an id), given elsewhere from the
 * plan's file alone and written to a file, carried in, or taken back. What is carried in is verified whole before
 * any of it is kept.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/secret.h"
#include "codec/json.h"
#include "fs/commit.h"
#include "sync/commands.h"
#include "sync/deploy/approvals.h"
#include "sync/deploy/plan_file.h"
#include "sync/deploy/recover.h"
#include "sync/deploy/run.h"
#include "sync/deploy/show.h"
#include "sync/history.h"
#include "tuf/write.h"

#define IMPORTS_MAX 64

static struct {
    struct cw_passphrase passphrase;
    const char *key, *out, *reason;
    int64_t expires;
    bool import, revoke, glass;
} given = {.passphrase = CW_PASSPHRASE_INIT};

const struct cw_option cmd_approve_options[] = {
    {CW_OPTION_STRING, "key", &given.key, "FILE",
     "sign with this key: of 'causeway-sync key new', or PKCS#8 in PEM"},
    {CW_OPTION_DURATION, "expires", &given.expires, "TIME",
     "how long it counts (7d; at most 90d; break-glass 4h, 24h)"},
    {CW_OPTION_STRING, "reason", &given.reason, "TEXT", "why, for whoever reads the history"},
    {CW_OPTION_FLAG, "break-glass", &given.glass, NULL, "pass over holds and windows; two persons have to"},
    {CW_OPTION_FLAG, "revoke", &given.revoke, NULL, "take back what this key's owner said of the plan"},
    {CW_OPTION_FLAG, "import", &given.import, NULL, "take in approvals that were made elsewhere"},
    {CW_OPTION_STRING, "out", &given.out, "FILE", "write the approval to this file, not into the site"},
    CW_PASSPHRASE_OPTIONS(given.passphrase),
    {.kind = CW_OPTION_END},
};

static enum cw_approval_action action_given(void)
{
    return given.revoke ? CW_REVOKE : given.glass ? CW_BREAK_GLASS : CW_APPROVE;
}

/* Opens the key, and finds out whose it is by what the plan says of people. */
static int open_key(struct cw_secret **secret, char keyid[CW_SHA256_TEXT], const char **person,
                    const json_t *plan, struct cw_err *err)
{
    CW_AUTO_UNLOCK *unlock = NULL;
    json_auto_t *key = NULL;
    int rc = cw_crypt_init(err);

    if (rc == CW_OK)
        rc = cw_unlock_new(&unlock, cw_passphrase_ask, &given.passphrase, err);
    if (rc == CW_OK)
        rc = cw_secret_read_file(secret, given.key, unlock, &given.passphrase, err);
    if (rc == CW_OK)
        rc = cw_tuf_key_new(&key, cw_secret_public(*secret), err);
    if (rc == CW_OK)
        rc = cw_tuf_key_id(keyid, key, err);
    if (rc != CW_OK)
        return rc;
    *person = cw_people_find(json_object_get(plan, "people"), keyid);
    if (*person == NULL)
        return cw_err_set(
            err, CW_E_FAIL,
            "'%s' is no approver's key at site '%s': its site.lua names them as approvers = { name = "
            "\"keys/name.pub\" }",
            given.key, cw_json_text(plan, "site"));
    return CW_OK;
}

static int check_glass(const json_t *plan, const char *person, struct cw_err *err)
{
    const json_t *may = json_object_get(json_object_get(plan, "people"), "break_glass");
    json_t *name;
    size_t i;

    if (!given.glass)
        return CW_OK;
    json_array_foreach (may, i, name) {
        if (json_is_string(name) && strcmp(json_string_value(name), person) == 0)
            return CW_OK;
    }
    return cw_err_set(err, CW_E_HELD,
                      "'%s' may not break the glass at site '%s': break_glass in its site.lua does "
                      "not name that person",
                      person, cw_json_text(plan, "site"));
}

/* What a site has to know to keep approvals. */
struct desk {
    struct cw_cli *cli;
    struct cw_site site;
    struct cw_world world;
    json_t *plan; /* the present one */
    int64_t now;  /* the later of clock and floor */
};

/* What the site knows of this person's revocations: an approval follows them all, and a revocation comes after them,
 * so that no two are the same. *follows is the caller's. */
static int order(struct cw_approval *approval, json_t **follows, const struct desk *desk, struct cw_err *err)
{
    int64_t newest;
    int rc = cw_approvals_revocations(follows, &newest, &desk->site, &desk->world.people, approval->plan,
                                      approval->approver, err);

    if (rc != CW_OK)
        return rc;
    if (approval->action == CW_REVOKE && newest >= approval->time)
        approval->time = newest + 1;
    if (approval->action != CW_REVOKE && json_array_size(*follows) > 0)
        approval->follows = *follows;
    return CW_OK;
}

/* Signs the shown plan; desk NULL: without a site. `approval` borrows from plan and keyid. */
static int sign(struct cw_buf *text, struct cw_approval *approval, char keyid[CW_SHA256_TEXT],
                const json_t *plan, int64_t now, const struct desk *desk, struct cw_err *err)
{
    json_auto_t *follows = NULL;
    CW_AUTO_SECRET *secret = NULL;
    const char *person = NULL;
    int rc;

    if (given.glass && given.reason == NULL)
        return cw_err_set(err, CW_E_USAGE, "--break-glass needs a --reason");
    rc = open_key(&secret, keyid, &person, plan, err);
    if (rc == CW_OK)
        rc = check_glass(plan, person, err);
    if (rc != CW_OK)
        return rc;
    *approval = (struct cw_approval){.action = action_given(),
                                     .plan = cw_json_text(plan, "id"),
                                     .site = cw_json_text(plan, "site"),
                                     .approver = person,
                                     .reason = given.reason,
                                     .time = now,
                                     .keyid = keyid};
    approval->expires = now + (given.expires != 0 ? given.expires
                               : given.glass      ? CW_GLASS_LIFE
                                                  : CW_APPROVAL_LIFE);
    if (desk != NULL)
        rc = order(approval, &follows, desk, err);
    if (rc == CW_OK)
        rc = cw_approval_sign(text, approval, secret, err);
    approval->follows = NULL; /* it is in the text */
    return rc;
}

static void say(const struct cw_cli *cli, const struct cw_approval *approval, const char *where)
{
    char until[CW_TIME_TEXT];

    cw_time_format(approval->expires, until);
    if (approval->action == CW_REVOKE)
        cw_cli_say(cli, "'%s' takes back approval of plan %.*s: %s", approval->approver, CW_PLAN_SHORT,
                   approval->plan, where);
    else
        cw_cli_say(cli, "'%s' %s plan %.*s until %s: %s", approval->approver,
                   approval->action == CW_APPROVE ? "approves" : "breaks the glass for", CW_PLAN_SHORT,
                   approval->plan, until, where);
}

static json_t *describe(const struct cw_approval *approval)
{
    char time[CW_TIME_TEXT], expires[CW_TIME_TEXT];

    cw_time_format(approval->time, time);
    cw_time_format(approval->expires, expires);
    return cw_json_pack("{s:s, s:s, s:s, s:s, s:s, s:s*, s:s*}", "plan", approval->plan, "action",
                        cw_approval_action_name(approval->action), "person", approval->approver, "keyid",
                        approval->keyid, "time", time, "expires",
                        approval->action != CW_REVOKE ? expires : NULL, "reason", approval->reason);
}

static int write_out(struct cw_cli *cli, const struct cw_approval *approval, const struct cw_buf *text,
                     struct cw_err *err)
{
    CW_AUTO_FD int dir = -1;
    json_auto_t *doc = describe(approval);
    char own[64];
    const char *path = given.out, *name;
    int rc;

    if (path == NULL) {
        snprintf(own, sizeof(own), "%.12s-%.8s.%s.json", approval->plan, approval->keyid,
                 cw_approval_action_name(approval->action));
        path = own;
    }
    rc = doc != NULL ? cw_dir_open_parent(&dir, &name, path, err) : cw_err_nomem(err);
    if (rc == CW_OK)
        rc = cw_file_replace(dir, name, text->data, text->len, 0644, err);
    if (rc != CW_OK)
        return rc;
    say(cli, approval, path);
    if (json_object_set_new(doc, "file", json_string(path)) != 0)
        return cw_err_nomem(err);
    return cw_cli_json(cli, doc, err);
}

/* Without a site: from the plan's file. */
static int approve_file(struct cw_cli *cli, const char *path, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_APPROVAL_MAX);
    struct cw_approval approval = {.doc = NULL};
    char keyid[CW_SHA256_TEXT];
    json_auto_t *plan = NULL;
    int rc = cw_plan_read_file(&plan, path, err);

    if (rc == CW_E_NOTFOUND)
        return cw_err_set(err, CW_E_USAGE, "'%s' is neither a plan's id nor a file", path);
    if (rc != CW_OK)
        return rc;
    cw_plan_show(cli, plan);
    if (cli->dry_run)
        return cw_cli_json(cli, plan, err);
    rc = sign(&text, &approval, keyid, plan, cw_clock_now(), NULL, err);
    return rc == CW_OK ? write_out(cli, &approval, &text, err) : rc;
}

static int desk_open(struct desk *desk, struct cw_err *err)
{
    int64_t now = cw_clock_now();
    int rc = cw_recover_open(&desk->site, desk->cli, now, err);

    if (rc == CW_OK)
        rc = cw_world_load(&desk->world, &desk->site, now, err);
    if (rc == CW_OK)
        rc = cw_world_plan(&desk->plan, &desk->world, err);
    desk->now = now > desk->world.floor ? now : desk->world.floor;
    return rc;
}

static void desk_close(struct desk *desk)
{
    json_decref(desk->plan);
    if (desk->world.site != NULL)
        cw_world_clear(&desk->world);
    cw_site_close(&desk->site);
}

/* The history first: an entry for what a power cut then kept out is better than an approval nobody can explain. */
static int keep(struct desk *desk, const struct cw_approval *approval, const struct cw_buf *text,
                const char *from, struct cw_err *err)
{
    json_auto_t *data = describe(approval);
    char name[CW_PATH_MAX];
    int rc;

    if (data == NULL || (from != NULL && json_object_set_new(data, "from", json_string(from)) != 0))
        return cw_err_nomem(err);
    rc = cw_history_append(desk->site.fd, desk->world.now, cw_approval_action_name(approval->action), data,
                           err);
    if (rc == CW_OK)
        rc = cw_approvals_keep(name, &desk->site, &desk->world.people, approval, text, desk->now, err);
    if (rc == CW_OK)
        say(desk->cli, approval, name);
    return rc;
}

/* What the plan waits for now. */
static int show_rest(struct desk *desk, struct cw_err *err)
{
    json_auto_t *approvals = NULL, *problems = json_array();
    struct cw_plan_moment moment = {.now = desk->world.now,
                                    .clock_trusted = desk->world.now >= desk->world.floor};
    int rc;

    if (problems == NULL)
        return cw_err_nomem(err);
    rc = cw_approvals_load(&approvals, problems, &desk->site, &desk->world.people, desk->now, err);
    moment.approvals = approvals;
    if (rc == CW_OK)
        rc = cw_plan_judge(desk->plan, &moment, err);
    if (rc != CW_OK)
        return rc;
    if (cw_plan_ready(desk->plan) == cw_plan_units(desk->plan) && cw_plan_units(desk->plan) > 0)
        cw_cli_say(desk->cli, "it may be applied");
    cw_plan_show_waiting(desk->cli, desk->plan);
    return cw_cli_json(desk->cli, desk->plan, err);
}

/* The plan that `which` names must be the present one to be approved; to be taken back it may be any. */
static int find_plan(json_t **plan, const struct desk *desk, const char *which, struct cw_err *err)
{
    json_auto_t *meant = NULL;
    int rc = CW_OK;

    if (cw_str_starts(cw_json_text(desk->plan, "id"), which))
        meant = json_incref(desk->plan);
    else
        rc = cw_plan_find(&meant, desk->site.fd, which, err);
    if (rc == CW_OK && !given.revoke)
        rc = cw_plan_is_current(desk->plan, meant, err);
    if (rc == CW_OK && cw_plan_units(meant) == 0)
        rc = cw_err_set(err, CW_E_FAIL, "there is nothing to approve: the plan is to do nothing");
    if (rc == CW_OK)
        *plan = json_incref(meant);
    return rc;
}

static int approve_at_site(struct desk *desk, const char *which, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_APPROVAL_MAX);
    struct cw_approval approval = {.doc = NULL};
    char keyid[CW_SHA256_TEXT];
    json_auto_t *plan = NULL;
    int rc = find_plan(&plan, desk, which, err);

    if (rc != CW_OK)
        return rc;
    cw_world_warn(&desk->world, plan, desk->cli);
    cw_plan_show(desk->cli, plan);
    if (desk->cli->dry_run)
        return cw_cli_json(desk->cli, plan, err);
    rc = sign(&text, &approval, keyid, plan, desk->now, desk, err);
    if (rc == CW_OK && given.out != NULL)
        return write_out(desk->cli, &approval, &text, err);
    if (rc == CW_OK)
        rc = keep(desk, &approval, &text, NULL, err);
    return rc == CW_OK ? show_rest(desk, err) : rc;
}

static int check_not_revoked(const struct desk *desk, const struct cw_approval *approval, struct cw_err *err)
{
    json_auto_t *revocations = NULL;
    int64_t newest;
    json_t *id;
    size_t i;
    int rc = approval->action == CW_REVOKE
                 ? CW_OK
                 : cw_approvals_revocations(&revocations, &newest, &desk->site, &desk->world.people,
                                            approval->plan, approval->approver, err);

    json_array_foreach (revocations, i, id) {
        if (!cw_approval_follows(approval->follows, json_string_value(id)))
            return cw_err_set(err, CW_E_HELD,
                              "'%s' took this approval back: it has to be given anew, at the site",
                              approval->approver);
    }
    return rc;
}

/* One file that is carried in. */
struct import {
    struct cw_buf text;
    struct cw_approval approval;
};

static int read_import(struct import *import, const struct desk *desk, const char *path, struct cw_err *err)
{
    CW_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const char *id = cw_json_text(desk->plan, "id");
    int rc;

    if (fd < 0)
        return cw_err_errno(err, errno, "unable to open '%s'", path);
    rc = cw_fd_read_all(&import->text, fd, path, err);
    if (rc == CW_OK)
        rc = cw_approval_read(&import->approval, &desk->world.people, cw_buf_text(&import->text),
                              import->text.len, err);
    if (rc == CW_OK)
        rc = cw_approval_check(&import->approval, desk->site.name, desk->now, err);
    if (rc == CW_OK && import->approval.action != CW_REVOKE && strcmp(import->approval.plan, id) != 0)
        rc = cw_err_set(err, CW_E_FAIL, "is about plan %.*s; the present one is %.*s", CW_PLAN_SHORT,
                        import->approval.plan, CW_PLAN_SHORT, id);
    if (rc == CW_OK)
        rc = check_not_revoked(desk, &import->approval, err);
    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "'%s'", path);
}

static int import_all(struct desk *desk, int count, char **paths, struct cw_err *err)
{
    struct import imports[IMPORTS_MAX];
    int i, rc = CW_OK;

    for (i = 0; i < count; i++)
        imports[i] = (struct import){.text = CW_BUF_INIT(CW_APPROVAL_MAX)};
    for (i = 0; i < count && rc == CW_OK; i++)
        rc = read_import(&imports[i], desk, paths[i], err);
    for (i = 0; i < count && rc == CW_OK && !desk->cli->dry_run; i++)
        rc = keep(desk, &imports[i].approval, &imports[i].text, cw_str_basename(paths[i]), err);
    for (i = 0; i < count; i++) {
        cw_approval_clear(&imports[i].approval);
        cw_buf_clear(&imports[i].text);
    }
    return rc == CW_OK ? show_rest(desk, err) : rc;
}

static int check_words(int argc, char **argv, struct cw_err *err)
{
    if (given.import && (given.key != NULL || given.revoke || given.glass || given.out != NULL))
        return cw_err_set(err, CW_E_USAGE, "--import takes files only");
    if (given.import && (argc < 2 || argc - 1 > IMPORTS_MAX))
        return cw_err_set(err, CW_E_USAGE, "--import takes 1 to %d files", IMPORTS_MAX);
    if (!given.import && argc != 2)
        return cw_err_set(err, CW_E_USAGE, "one plan is to be named; 'causeway-sync plan' shows its id");
    if (!given.import && strlen(argv[1]) < 4)
        return cw_err_set(err, CW_E_USAGE, "'%s' is not a plan's id: at least 4 of its digits", argv[1]);
    if (given.revoke && given.glass)
        return cw_err_set(err, CW_E_USAGE, "--revoke and --break-glass do not go together");
    return CW_OK;
}

int cmd_approve(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    struct desk desk = {.cli = cli, .site = CW_SITE_INIT, .world = CW_WORLD_INIT};
    int rc = check_words(argc, argv, err);

    if (rc == CW_OK && !given.import && given.key == NULL && !cli->dry_run)
        rc = cw_err_set(err, CW_E_USAGE,
                        "name the key to sign with: --key FILE; --dry-run only shows the plan");
    if (rc != CW_OK)
        return rc;
    if (!given.import && !cw_plan_is_id(argv[1]))
        return approve_file(cli, argv[1], err);
    rc = desk_open(&desk, err);
    if (rc == CW_OK)
        rc = given.import ? import_all(&desk, argc - 1, argv + 1, err) : approve_at_site(&desk, argv[1], err);
    desk_close(&desk);
    return rc;
}
