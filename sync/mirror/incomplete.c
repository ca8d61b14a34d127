/* SPDX-License-Identifier: ISC */
/*
 * The end of a pull from a medium that does not have all of the set: the volume counts as taken in when every file of it was
 * good, and what is still to come, or why nothing will come, is told.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "closure/closure.h"
#include "sync/history.h"
#include "sync/identity.h"
#include "sync/mirror/pull.h"
#include "sync/mirror/taken.h"
#include "tree/layout.h"

#define TEXT_MAX CW_ERR_TEXT_MAX

/* The first missing file that the volume has a delta to: it starts from what is not here. */
static const struct cw_closure_file *find_baseless(const struct cw_closure *missing,
                                                   const struct cw_volume *volume)
{
    char path[CW_PATH_MAX];
    size_t i;

    for (i = 0; i < missing->count; i++) {
        if (cw_tree_hint_path(path, missing->files[i].sha256, NULL) == CW_OK &&
            cw_volume_carries(volume, path))
            return &missing->files[i];
    }
    return NULL;
}

/* The one that any of its volumes had, if it is still missing. */
static const struct cw_closure_file *find_unusable(const struct cw_closure *missing, const json_t *bundle)
{
    const char *path = json_string_value(json_object_get(bundle, "unusable"));
    size_t i;

    for (i = 0; path != NULL && i < missing->count; i++) {
        if (strcmp(missing->files[i].path, path) == 0)
            return &missing->files[i];
    }
    return NULL;
}

/* Was the bundle made for this site? A bundle that names nobody is for all. */
static bool is_for_us(const struct cw_pull *pull, const struct cw_volume *volume)
{
    const json_t *made_for = json_object_get(volume->doc, "for"), *entry;
    struct cw_identity identity;
    size_t i;

    if (made_for == NULL || cw_identity_read(&identity, pull->site->fd, NULL) != CW_OK)
        return true;
    json_array_foreach (made_for, i, entry) {
        if (strcmp(json_string_value(json_object_get(entry, "identity")), identity.id) == 0)
            return true;
    }
    return false;
}

static void name_sites(struct cw_buf *text, const struct cw_volume *volume)
{
    const json_t *made_for = json_object_get(volume->doc, "for"), *entry;
    size_t i;

    json_array_foreach (made_for, i, entry) {
        if (i == 3) {
            cw_buf_adds(text, ", …");
            break;
        }
        cw_buf_addf(text, "%s'%s'", i > 0 ? ", " : "", json_string_value(json_object_get(entry, "site")));
    }
}

static void tell_missing(struct cw_buf *text, const struct cw_closure *missing)
{
    char bytes[16];

    cw_str_bytes(cw_closure_bytes(missing), bytes);
    cw_buf_addf(text, "%zu file%s (%s) of the set %s missing: '%s'%s", missing->count,
                cw_str_plural(missing->count), bytes, missing->count == 1 ? "is" : "are",
                missing->files[0].path, missing->count > 1 ? ", …" : "");
}

/* Why no other volume helps, and what does. */
static void tell_remedy(struct cw_buf *text, const struct cw_pull *pull, const struct cw_volume *volume,
                        const struct cw_closure_file *baseless, bool damaged)
{
    bool narrowed =
        json_object_get(volume->doc, "for") != NULL || json_object_get(volume->doc, "since") != NULL;

    if (baseless != NULL)
        cw_buf_addf(text, "; '%s' comes as a delta from a file that %s", baseless->path,
                    damaged ? "is damaged in this site's mirror ('causeway-sync verify' names it)"
                            : "this site does not hold");
    if (!is_for_us(pull, volume)) {
        cw_buf_adds(text, "; this bundle was made for ");
        name_sites(text, volume);
        cw_buf_adds(text, ", not for this site");
    }
    if (narrowed || baseless != NULL)
        cw_buf_adds(text,
                    "; write a new receipt ('causeway-sync receipt DIR') and have the bundle made for that");
    else if (volume->of > 1)
        cw_buf_adds(text, "; pull each volume again");
    else
        cw_buf_adds(text, "; have the bundle exported anew");
}

static int explain(const struct cw_pull *pull, const struct cw_closure *missing,
                   const struct cw_volume *volume, const json_t *bundle, struct cw_err *err)
{
    const struct cw_closure_file *baseless = find_unusable(missing, bundle);
    CW_AUTO_BUF text = CW_BUF_INIT(TEXT_MAX), still = CW_BUF_INIT(TEXT_MAX);

    cw_taken_missing(&still, bundle);
    if (volume->of > 1)
        cw_buf_addf(&text, "volume %" PRId64 " of %" PRId64 " of bundle %.12s is taken in; ", volume->index,
                    volume->of, volume->bundle);
    if (still.len > 0)
        cw_buf_addf(&text, "still to come: %s; ", cw_buf_text(&still));
    tell_missing(&text, missing);
    if (still.len == 0 || baseless != NULL || !is_for_us(pull, volume))
        tell_remedy(&text, pull, volume, baseless, json_object_get(bundle, "damaged") != NULL);
    return cw_err_set(err, CW_E_INCOMPLETE, "%s", cw_buf_text(&text));
}

static int record(const struct cw_pull *pull, const struct cw_volume *volume, struct cw_err *err)
{
    const struct cw_pull_result *result = pull->result;
    json_auto_t *data = json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "upstream", pull->upstream->name,
                                  "source", cw_source_where(pull->source), "bundle", volume->bundle, "volume",
                                  (json_int_t)volume->index, "of", (json_int_t)volume->of, "files",
                                  (json_int_t)result->files, "bytes", (json_int_t)result->bytes);

    return data != NULL ? cw_history_append(pull->site->fd, pull->now, "volume", data, err)
                        : cw_err_nomem(err);
}

/* The entry of this bundle, which is the last. Borrowed from doc. */
static const json_t *last_bundle(const json_t *doc)
{
    const json_t *bundles = json_object_get(doc, "bundles");

    return json_array_get(bundles, json_array_size(bundles) - 1);
}

int cw_pull_incomplete(struct cw_pull *pull, const struct cw_set *set, struct cw_err *err)
{
    const struct cw_volume *volume = cw_source_volume(pull->source);
    CW_AUTO_CLOSURE all = CW_CLOSURE_INIT, missing = CW_CLOSURE_INIT;
    json_auto_t *doc = NULL;
    int rc;

    if (volume == NULL)
        return CW_E_INCOMPLETE; /* what err says is all there is to say */
    rc = cw_source_check_rest(pull->source, &pull->progress, err);
    if (rc == CW_OK)
        rc = cw_closure_add_set(&all, set, err);
    if (rc == CW_OK)
        rc = cw_closure_missing(&missing, &all, cw_pull_has_file, pull, err);
    if (rc == CW_OK && missing.count == 0)
        rc = cw_err_set(err, CW_E_TEMP, "the mirror was changed meanwhile; try again");
    if (rc == CW_OK) {
        const struct cw_closure_file *baseless = find_baseless(&missing, volume);

        rc = cw_taken_add(volume, baseless != NULL ? baseless->path : NULL, pull->damaged, pull->site,
                          pull->upstream, err);
    }
    if (rc == CW_OK && pull->result->files > 0)
        rc = record(pull, volume, err);
    if (rc == CW_OK)
        rc = cw_taken_load(&doc, pull->site, pull->upstream, err);
    return rc == CW_OK ? explain(pull, &missing, volume, last_bundle(doc), err) : rc;
}
