/* SPDX-License-Identifier: ISC */
/*
 * Adding releases whose files come into the tree by other means, of which the catalog knows hashes and lengths: in one pass, since there
 * may be a million files and there is nothing else to do for them.
 */
#include <string.h>

#include "base/mem.h"
#include "gen/adding.h"
#include "tree/layout.h"

/* The same manifest as is published or staged; *known: there is one, the same or not. */
static int compare(bool *same, bool *known, struct cw_adding *a, const struct cw_catalog_release *release,
                   const struct cw_buf *text, struct cw_err *err)
{
    const struct cw_state_role *role = cw_state_product(&a->state, release->product);
    CW_AUTO_BUF staged = CW_BUF_INIT(CW_MANIFEST_MAX);
    char target[CW_PATH_MAX], sha256[CW_SHA256_TEXT] = "";
    struct cw_state_target said;
    int rc = CW_OK;

    *same = *known = false;
    if (role != NULL)
        rc = cw_state_may_have(known, &a->state, role, release->version, err);
    if (rc == CW_OK && *known) {
        rc = cw_tree_release_target(target, release->product, release->version, err);
        if (rc == CW_OK)
            rc = cw_state_target(&said, &a->state, role, target, err);
        *known = rc == CW_OK;
        if (rc == CW_OK)
            rc = cw_sha256(sha256, cw_buf_text(text), text->len, err);
        *same = rc == CW_OK && strcmp(sha256, said.sha256) == 0;
        if (rc != CW_E_NOTFOUND)
            return rc;
    }
    if (!cw_stage_has(&a->stage, release->product, release->version))
        return rc == CW_E_NOTFOUND ? CW_OK : rc;
    *known = true;
    rc = cw_stage_read(&staged, &a->stage, release->product, release->version, err);
    *same = rc == CW_OK && staged.len == text->len && memcmp(staged.data, text->data, text->len) == 0;
    return rc;
}

/* What is known of the version already, and differs. */
static int extend(struct cw_adding *a, const struct cw_catalog *catalog,
                  const struct cw_catalog_release *release, struct cw_err *err)
{
    struct cw_known known = {.doc = NULL};
    json_auto_t *doc = NULL;
    size_t i, before = a->mistakes.count;
    int rc = cw_admit_known(&known, release, &a->state, &a->stage, err);

    if (rc == CW_OK)
        rc = cw_admit_check(catalog, release, &known, &a->state, &a->stage, &a->mistakes, err);
    if (rc == CW_OK)
        rc = cw_admit_start(&doc, &known, release, err);
    for (i = 0; i < release->file_count && rc == CW_OK; i++) {
        const struct cw_catalog_file *file = &release->files[i];
        char target[CW_PATH_MAX];

        rc = cw_tree_artifact_target(target, release->product, release->version, file->name, err);
        if (rc == CW_OK && strcmp(cw_admit_expected(&known, target, file), file->sha256) != 0)
            cw_mistakes_add(&a->mistakes, catalog->path, cw_catalog_line(catalog, file->field), file->field,
                            "'%s' has other bytes than what is %s as %s %s, and a version never changes",
                            file->name, known.published ? "published" : "staged", release->product,
                            release->version);
        else if (rc == CW_OK && !known.published)
            rc = cw_admit_file(doc, file, target, file->sha256, file->size, err);
    }
    if (rc == CW_OK && a->mistakes.count == before)
        rc = cw_adding_remember(a, release, &known, doc, err);
    cw_known_clear(&known);
    return rc == CW_E_VERIFY && a->mistakes.count > before ? CW_OK : rc;
}

int cw_adding_take_known(struct cw_adding *a, const struct cw_catalog *catalog,
                         struct cw_catalog_release *release, struct cw_err *err)
{
    static const struct cw_known nothing = {.doc = NULL};
    CW_AUTO_BUF text = CW_BUF_INIT(CW_MANIFEST_MAX);
    size_t before = a->mistakes.count;
    bool same, known;
    int rc = cw_adding_want_key(a, release, err);

    if (rc == CW_OK)
        rc = cw_admit_text(&text, release, err);
    if (rc == CW_OK)
        rc = compare(&same, &known, a, release, &text, err);
    if (rc != CW_OK)
        return rc;
    if (same)
        return cw_adding_report(a, release, "same", release->file_count, err);
    if (known)
        return extend(a, catalog, release, err);
    rc = cw_admit_check(catalog, release, &nothing, &a->state, &a->stage, &a->mistakes, err);
    if (rc == CW_E_VERIFY && a->mistakes.count > before)
        return CW_OK;
    if (rc == CW_OK)
        rc = cw_adding_report(a, release, "new", release->file_count, err);
    if (rc != CW_OK || a->cli->dry_run || a->mistakes.count > 0)
        return rc;
    return cw_stage_put_release(&a->stage, release->product, release->version, true, &text, err);
}
