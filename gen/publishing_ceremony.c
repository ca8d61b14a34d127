/* SPDX-License-Identifier: ISC */
/*
 * Publishing while a ceremony is open: completing it, or publishing what it is not about; see gen/publishing.h.
 */
#include "gen/publishing.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "gen/first.h"
#include "tree/layout.h"

static int unite(struct cw_publishing *p, struct cw_err *err)
{
    char **folder;
    size_t count;
    int rc = CW_OK;

    for (folder = p->folders; *folder != NULL && rc == CW_OK; folder++) {
        rc = cw_ceremony_unite(&count, &p->ceremony, *folder, err);
        if (rc == CW_OK)
            cw_cli_say(p->cli, "'%s': %zu new signature%s", *folder, count, cw_str_plural(count));
    }
    return rc;
}

/* As far as keys are here; what is missing then. */
static int sign_here(struct cw_publishing *p, struct cw_err *err)
{
    int rc = CW_OK;

    if (!p->cli->dry_run)
        rc = cw_folder_sign_here(&p->ceremony.folder, &p->keys, p->unlock, err);
    return rc == CW_OK ? cw_publishing_find_missing(p, err) : rc;
}

static int complete(struct cw_publishing *p, struct cw_err *err)
{
    bool done = false;
    int rc = cw_ceremony_check_state(&done, &p->rest, &p->ceremony, &p->state, p->input.now, err);

    json_decref(p->missing);
    p->missing = NULL;
    if (rc == CW_OK && !done)
        rc = cw_ceremony_compose(&p->draft, &p->input, &p->aside, &p->ceremony, p->rest, p->repo.dir, err);
    if (rc == CW_OK)
        rc = cw_ceremony_signatures(&p->gathered, &p->ceremony, err);
    p->input.gathered = p->gathered;
    if (rc == CW_OK && !done)
        rc = cw_publishing_write(p, err);
    if (rc == CW_OK)
        rc = cw_ceremony_close(&p->ceremony, p->repo.dir, err);
    if (rc == CW_OK)
        cw_cli_say(p->cli, "the ceremony is complete");
    if (rc == CW_OK && done) /* by a run that was killed */
        rc = cw_draft_init(&p->draft, err);
    return rc == CW_OK ? cw_publishing_report(p, true, err) : rc;
}

static int lock_roles(struct cw_publishing *p, struct cw_err *err)
{
    size_t i;

    p->locked = json_object();
    for (i = 0; i < p->ceremony.folder.count; i++) {
        if (json_object_set_new(p->locked, cw_folder_subject(&p->ceremony.folder.roles[i]), json_true()) != 0)
            return cw_err_nomem(err);
    }
    p->input.locked = p->locked;
    return p->locked != NULL ? CW_OK : cw_err_nomem(err);
}

/* Something was staged since that it is not about. */
static int publish_beside(struct cw_publishing *p, struct cw_err *err)
{
    const char *role;
    int rc = cw_draft_compose(&p->draft, &p->input, err);

    if (rc != CW_OK || cw_draft_is_empty(&p->draft))
        return rc == CW_OK ? cw_publishing_report_waiting(p, err) : rc;
    rc = cw_ceremony_check_free(&p->ceremony, &p->draft, err);
    if (rc == CW_OK)
        rc = cw_draft_lacks(&role, &p->draft, &p->input, err);
    if (rc == CW_E_NOTFOUND) {
        err->code = rc = CW_E_FAIL;
        cw_err_prefix(err, "a ceremony is open, and there can be one only");
    }
    if (rc == CW_OK)
        cw_cli_warn(p->cli, "this is published beside the ceremony that is open in '%s'", CW_CEREMONY_FOLDER);
    return rc == CW_OK ? cw_publishing_draft(p, err) : rc;
}

int cw_publishing_with_ceremony(struct cw_publishing *p, struct cw_err *err)
{
    int rc = lock_roles(p, err);

    if (rc == CW_OK && !p->cli->dry_run)
        rc = unite(p, err);
    if (rc == CW_OK && p->input.renew_within >= 0) {
        rc = cw_publishing_find_missing(p, err);
        if (rc == CW_OK)
            rc = cw_publishing_renew(p, err);
        return rc == CW_OK ? cw_publishing_draft(p, err) : rc;
    }
    if (rc == CW_OK)
        rc = sign_here(p, err);
    if (rc != CW_OK)
        return rc;
    if (json_array_size(p->missing) == 0 && !p->cli->dry_run)
        return complete(p, err);
    return publish_beside(p, err);
}

/* ---- the first ceremony of a repository ---- */

static int check_first(const struct cw_publishing *p, struct cw_err *err)
{
    size_t i;

    for (i = 0; i < p->ceremony.folder.count; i++) {
        const struct cw_folder_role *role = &p->ceremony.folder.roles[i];

        if (role->meta.expires <= p->input.now)
            return cw_err_set(
                err, CW_E_EXPIRED,
                "role '%s' expired while it waited for signatures: begin again, by 'init' in another folder",
                role->role);
    }
    return CW_OK;
}

static int write_first(const struct cw_publishing *p, char fingerprint[CW_SHA256_TEXT], struct cw_err *err)
{
    json_auto_t *envelopes = json_object();
    size_t i;
    int rc = check_first(p, err);

    for (i = 0; i < p->ceremony.folder.count && rc == CW_OK; i++) {
        const struct cw_folder_role *role = &p->ceremony.folder.roles[i];

        if (json_object_set(envelopes, role->role, role->meta.doc) != 0)
            rc = cw_err_nomem(err);
    }
    return rc == CW_OK ? cw_first_publish(envelopes, &p->repo.config, &p->keys, p->unlock, p->input.now,
                                          p->repo.tree, fingerprint, err)
                       : rc;
}

/* Killed when the timestamp was there, only the closing is left. */
static int complete_first(struct cw_publishing *p, struct cw_err *err)
{
    CW_AUTO_FD int root = -1;
    char fingerprint[CW_SHA256_TEXT];
    bool there;
    int rc = cw_at_has(&there, p->repo.tree, CW_TREE_TIMESTAMP, err);

    if (rc == CW_OK && !there)
        rc = write_first(p, fingerprint, err);
    if (rc == CW_OK)
        rc = cw_at_open_file(&root, p->repo.tree, CW_TREE_METADATA "/1.root.json", err);
    if (rc == CW_OK)
        rc = cw_sha256_fd(fingerprint, NULL, root, "1.root.json", err);
    if (rc == CW_OK)
        rc = cw_ceremony_close(&p->ceremony, p->repo.dir, err);
    if (rc != CW_OK)
        return rc;
    cw_cli_say(p->cli, "the ceremony is complete\n\nroot:        %s/%s/1.root.json\nfingerprint: %s",
               CW_REPO_TREE, CW_TREE_METADATA, fingerprint);
    cw_cli_say(p->cli, "give sites both, the fingerprint by another way than the file\n");
    json_decref(p->missing);
    p->missing = NULL;
    return cw_publishing_report(p, true, err);
}

int cw_publishing_first(struct cw_publishing *p, struct cw_err *err)
{
    int rc = cw_publishing_open_keys(p, err);

    if (rc == CW_OK)
        rc = cw_draft_init(&p->draft, err);
    if (rc == CW_OK && !p->cli->dry_run)
        rc = unite(p, err);
    if (rc == CW_OK)
        rc = sign_here(p, err);
    if (rc != CW_OK)
        return rc;
    if (json_array_size(p->missing) > 0 || p->cli->dry_run)
        return cw_publishing_report_waiting(p, err);
    return complete_first(p, err);
}
