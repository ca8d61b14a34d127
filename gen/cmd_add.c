/* SPDX-License-Identifier: ISC */
/*
 * causeway-gen add: takes the builds of catalogs into the tree and stages their releases. All catalogs are
 * read and judged whole before the first byte is copied; all bytes are durable before the first release is
 * staged. So a killed or refused add leaves at most files that nothing names yet, and can be run again.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/passphrase.h"
#include "codec/json.h"
#include "gen/adding.h"
#include "gen/commands.h"
#include "gen/from.h"
#include "tree/layout.h"

static struct cw_passphrase passphrase = CW_PASSPHRASE_INIT;

static struct cw_from from;
static bool no_files;

const struct cw_option cmd_add_options[] = {
    {CW_OPTION_FLAG, "no-files", &no_files, NULL,
     "take hashes and lengths as given; the files come by other means"},
    CW_FROM_OPTIONS(from),
    CW_PASSPHRASE_OPTIONS(passphrase),
    {.kind = CW_OPTION_END},
};

#define REPORT_MAX 1000 /* lines for a person; all are in the JSON document */

static int refuse(const struct cw_adding *a, struct cw_err *err)
{
    cw_mistakes_print(&a->mistakes);
    return cw_err_set(err, CW_E_VERIFY, "%zu mistake%s; nothing was added", a->mistakes.count,
                      cw_str_plural(a->mistakes.count));
}

static int read_catalogs(struct cw_adding *a, int count, char **paths, struct cw_err *err)
{
    int i, rc;

    a->catalogs = calloc((size_t)count, sizeof *a->catalogs);
    if (a->catalogs == NULL)
        return cw_err_nomem(err);
    a->catalog_count = (size_t)count;
    from.repo = a->repo.dir;
    for (i = 0; i < count; i++) {
        bool lines = false;

        rc = from.format == NULL ? cw_catalog_is_lines(&lines, paths[i], err) : CW_OK;
        if (rc != CW_OK)
            return rc;
        if (lines) {
            a->catalogs[i] = (struct cw_catalog){.path = paths[i], .line = 1};
            continue;
        }
        rc = from.format != NULL ? cw_from_read(&a->catalogs[i], &from, paths[i], &a->mistakes, err)
                                 : cw_catalog_read(&a->catalogs[i], paths[i], no_files, &a->mistakes, err);
        if (rc != CW_OK && rc != CW_E_VERIFY)
            return rc;
        if (rc == CW_E_VERIFY && a->mistakes.count == 0)
            return rc;
    }
    return a->mistakes.count > 0 ? refuse(a, err) : CW_OK;
}

typedef int release_fn(struct cw_adding *a, const struct cw_catalog *catalog,
                       struct cw_catalog_release *release, struct cw_err *err);

/* Calls fn for each line's release. Mistakes of reading are collected, and judged when all lines are read. */
static int each_line(struct cw_adding *a, const char *path, release_fn *fn, struct cw_err *err)
{
    struct cw_catalog_lines lines;
    const struct cw_catalog_release *release;
    uint64_t before = 0;
    int rc = cw_catalog_lines_open(&lines, path, no_files, &a->mistakes, err);

    while (rc == CW_OK && (rc = cw_catalog_lines_next(&release, &lines, err)) == CW_OK && release != NULL) {
        rc = fn(a, &lines.catalog, lines.catalog.releases, err);
        if (no_files)
            cw_progress_add(&a->progress, lines.bytes - before);
        before = lines.bytes;
    }
    cw_catalog_lines_close(&lines);
    return rc;
}

/* Calls fn for every release of every catalog. */
static int each_release(struct cw_adding *a, release_fn *fn, struct cw_err *err)
{
    size_t i, j;
    int rc = CW_OK;

    for (i = 0; i < a->catalog_count && rc == CW_OK; i++) {
        if (a->catalogs[i].line != 0)
            rc = each_line(a, a->catalogs[i].path, fn, err);
        for (j = 0; j < a->catalogs[i].release_count && rc == CW_OK; j++)
            rc = fn(a, &a->catalogs[i], &a->catalogs[i].releases[j], err);
    }
    return rc;
}

static int note_folder(json_t *folders, const char *product, const char *version, struct cw_err *err);

/* Collects mistakes over all releases; they are refused together. */
static int judge(struct cw_adding *a, const struct cw_catalog *catalog, struct cw_catalog_release *release,
                 struct cw_err *err)
{
    struct cw_known known = {.doc = NULL};
    size_t i, before = a->mistakes.count;
    int rc = cw_admit_known(&known, release, &a->state, &a->stage, err);

    if (rc == CW_OK)
        rc = cw_admit_check(catalog, release, &known, &a->state, &a->stage, &a->mistakes, err);
    cw_known_clear(&known);
    for (i = 0; i < release->file_count; i++)
        a->progress.total += release->files[i].size;
    if (rc == CW_OK)
        rc = cw_adding_want_key(a, release, err);
    if (rc == CW_OK)
        rc = note_folder(a->folders, release->product, release->version, err);
    return rc == CW_E_VERIFY && a->mistakes.count > before ? CW_OK : rc;
}

/* A new product gets a build key, once all is judged; its passphrase is the one of the keys that are here. */
static int unlock_for_new_key(struct cw_adding *a, struct cw_err *err)
{
    size_t i;
    int rc;

    if (a->repo.config.plain_keys || a->unlock != NULL)
        return CW_OK;
    rc = cw_unlock_new(&a->unlock, cw_passphrase_ask, &passphrase, err);
    for (i = a->keys.count;
         i-- > 0 && rc == CW_OK;) { /* from the end of the names: timestamp, targets, snapshot */
        if (a->keys.items[i].here && a->keys.items[i].locked)
            return cw_keys_unlock(&a->keys, &a->keys.items[i], a->unlock, err);
    }
    return rc;
}

int cw_adding_want_key(struct cw_adding *a, const struct cw_catalog_release *release, struct cw_err *err)
{
    char name[CW_KEYS_NAME_MAX];
    json_t *have;
    size_t i;

    snprintf(name, sizeof name, "product-%s", release->product);
    if (cw_state_product(&a->state, release->product) != NULL || cw_keys_named(&a->keys, name) != NULL)
        return CW_OK;
    json_array_foreach (a->new_keys, i, have) {
        if (strcmp(json_string_value(have), name) == 0)
            return CW_OK;
    }
    return json_array_append_new(a->new_keys, json_string(name)) == 0 ? CW_OK : cw_err_nomem(err);
}

static int make_keys(struct cw_adding *a, struct cw_err *err)
{
    json_t *name;
    size_t i;
    int rc = json_array_size(a->new_keys) > 0 ? unlock_for_new_key(a, err) : CW_OK;

    json_array_foreach (a->new_keys, i, name) {
        if (rc != CW_OK)
            break;
        rc = cw_keys_make(&a->keys, json_string_value(name), a->unlock, err);
    }
    return rc;
}

/* Into the incoming folder, once it is read as a site would read it, so that nothing is staged that could not be published. */
int cw_adding_put(struct cw_adding *a, const struct cw_catalog_release *release, const json_t *doc,
                  struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_MANIFEST_MAX);
    struct cw_manifest manifest = {.doc = NULL};
    int rc = cw_json_format(&text, doc, err);

    if (rc == CW_OK)
        rc = cw_manifest_parse(&manifest, text.data, text.len, err);
    cw_manifest_clear(&manifest);
    if (rc == CW_OK && cw_stage_has(&a->stage, release->product, release->version) &&
        cw_stage_is_elsewhere(&a->stage, release->product, release->version) != no_files)
        return cw_err_set(
            err, CW_E_VERIFY,
            "%s %s was added %s --no-files: add the rest of it so too, or remove what is staged of it",
            release->product, release->version, no_files ? "without" : "with");
    if (rc != CW_OK || a->cli->dry_run)
        return rc;
    return cw_stage_put_release(&a->stage, release->product, release->version, no_files, &text, err);
}

int cw_adding_report(struct cw_adding *a, const struct cw_catalog_release *release, const char *what,
                     size_t artifacts, struct cw_err *err)
{
    json_t *row;

    a->releases++;
    a->changed = a->changed || strcmp(what, "same") != 0;
    if (!a->cli->json && json_array_size(a->report) >= REPORT_MAX)
        return CW_OK;
    row = json_pack("{s:s, s:s, s:s, s:I}", "product", release->product, "version", release->version, "state",
                    what, "artifacts", (json_int_t)artifacts);
    return json_array_append_new(a->report, row) == 0 ? CW_OK : cw_err_nomem(err);
}

int cw_adding_remember(struct cw_adding *a, const struct cw_catalog_release *release,
                       const struct cw_known *known, json_t *doc, struct cw_err *err)
{
    bool same = known->doc != NULL && json_equal(known->doc, doc);
    int rc = cw_adding_report(a, release,
                              same                 ? "same"
                              : known->doc != NULL ? "extended"
                                                   : "new",
                              json_array_size(json_object_get(doc, "artifacts")), err);

    return rc == CW_OK && !same ? cw_adding_put(a, release, doc, err) : rc;
}

/* A release whose files are being taken in. */
struct cw_taking {
    const struct cw_catalog *catalog;
    const struct cw_catalog_release *release;
    struct cw_known known;
    json_t *doc; /* its manifest */
};

static void say_where(const struct cw_taking *taking, const struct cw_catalog_file *file, struct cw_err *err)
{
    unsigned line = cw_catalog_line(taking->catalog, file->field);

    cw_err_prefix(err, "%s %s", taking->release->product, taking->release->version);
    if (line > 0)
        cw_err_prefix(err, "%s:%u", taking->catalog->path, line);
    else if (file->field[0] != '\0')
        cw_err_prefix(err, "%s: %s", taking->catalog->path, file->field);
}

/* One file of the release is in the tree, or is not as it should be. */
static int file_taken(void *ctx, const struct cw_ingested *file, struct cw_err *err)
{
    const struct cw_adding *a = ctx;
    struct cw_taking *taking = a->taking;
    int rc = file->rc;

    if (rc != CW_OK)
        *err = file->err;
    else if (!taking->known.published)
        rc = cw_admit_file(taking->doc, file->file, file->target, file->sha256, file->length, err);
    if (file->rc == CW_E_VERIFY && file->expected != file->file->sha256)
        cw_err_prefix(err, "is %s already, and a version never changes",
                      taking->known.published ? "published" : "staged");
    if (rc != CW_OK)
        say_where(taking, file->file, err);
    return rc;
}

static int take_files(struct cw_adding *a, const struct cw_taking *taking, struct cw_err *err)
{
    const struct cw_catalog_release *release = taking->release;
    char target[CW_PATH_MAX];
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < release->file_count && rc == CW_OK; i++) {
        const struct cw_catalog_file *file = &release->files[i];

        rc = cw_tree_artifact_target(target, release->product, release->version, file->name, err);
        if (rc == CW_OK)
            rc = cw_ingest_file(&a->ingest, file, target, cw_admit_expected(&taking->known, target, file),
                                err);
    }
    if (rc == CW_OK)
        rc = cw_ingest_settle(&a->ingest, err);
    cw_ingest_drop(&a->ingest);
    return rc;
}

/* Judged again, because an earlier catalog of this run may have brought the same version. */
static int take_release(struct cw_adding *a, const struct cw_catalog *catalog,
                        struct cw_catalog_release *release, struct cw_err *err)
{
    struct cw_taking taking = {.catalog = catalog, .release = release};
    int rc = cw_admit_known(&taking.known, release, &a->state, &a->stage, err);

    a->taking = &taking;
    if (rc == CW_OK)
        rc = cw_admit_check(catalog, release, &taking.known, &a->state, &a->stage, &a->mistakes, err);
    if (rc == CW_E_VERIFY && a->mistakes.count > 0)
        refuse(a, err);
    if (rc == CW_OK)
        rc = cw_admit_start(&taking.doc, &taking.known, release, err);
    if (rc == CW_OK)
        rc = take_files(a, &taking, err);
    if (rc == CW_OK)
        rc = cw_adding_remember(a, release, &taking.known, taking.doc, err);
    a->taking = NULL;
    json_decref(taking.doc);
    cw_known_clear(&taking.known);
    return rc;
}

static int note_folder(json_t *folders, const char *product, const char *version, struct cw_err *err)
{
    json_t *path = json_sprintf("%s/%s/%s", CW_TREE_TARGETS, product, version);

    return json_array_append_new(folders, path) == 0 ? CW_OK : cw_err_nomem(err);
}

static int take_all_known(struct cw_adding *a, struct cw_err *err)
{
    struct stat st;
    size_t i;
    int rc;

    for (i = 0; i < a->catalog_count; i++)
        a->progress.total += stat(a->catalogs[i].path, &st) == 0 ? (uint64_t)st.st_size : 0;
    cw_progress_start(&a->progress, a->cli, "adding", a->progress.total);
    rc = each_release(a, cw_adding_take_known, err);
    cw_progress_end(&a->progress);
    if (rc == CW_OK && a->mistakes.count > 0)
        rc = refuse(a, err);
    if (rc == CW_OK && !a->cli->dry_run)
        rc = make_keys(a, err);
    return rc == CW_OK && !a->cli->dry_run ? cw_stage_commit(&a->stage, err) : rc;
}

/* Everything that changes the disk. */
static int take_all(struct cw_adding *a, struct cw_err *err)
{
    bool dry_run = a->cli->dry_run;
    int rc = dry_run ? CW_OK : cw_repo_note_folders(&a->repo, a->folders, err);

    if (rc != CW_OK)
        return rc;
    cw_progress_start(&a->progress, a->cli, dry_run ? "hashing" : "adding", a->progress.total);
    rc = cw_ingest_init(&a->ingest, a->repo.tree, dry_run, file_taken, a, &a->progress, err);
    if (rc == CW_OK)
        rc = each_release(a, take_release, err);
    if (rc == CW_OK)
        rc = cw_ingest_finish(&a->ingest, err);
    cw_ingest_clear(&a->ingest);
    cw_progress_end(&a->progress);
    if (rc == CW_OK && !dry_run)
        rc = make_keys(a, err);
    if (rc == CW_OK && !dry_run)
        rc = cw_stage_commit(&a->stage, err);
    return rc == CW_OK && !dry_run ? cw_repo_forget_folders(&a->repo, err) : rc;
}

static void say_release(const struct cw_adding *a, const json_t *row)
{
    const char *state = json_string_value(json_object_get(row, "state"));
    json_int_t artifacts = json_integer_value(json_object_get(row, "artifacts"));

    cw_cli_say(a->cli, "%s %s: %s, %lld artifact%s", json_string_value(json_object_get(row, "product")),
               json_string_value(json_object_get(row, "version")),
               strcmp(state, "same") == 0  ? "nothing new"
               : strcmp(state, "new") == 0 ? (a->cli->dry_run ? "would be staged" : "staged")
                                           : (a->cli->dry_run ? "would be extended" : "extended"),
               (long long)artifacts, cw_str_plural((uint64_t)artifacts));
}

static int say(const struct cw_adding *a, struct cw_err *err)
{
    json_auto_t *doc = NULL;
    json_t *row;
    size_t i;

    json_array_foreach (a->report, i, row) {
        say_release(a, row);
    }
    if (a->releases > json_array_size(a->report))
        cw_cli_say(a->cli, "... and %llu more releases",
                   (unsigned long long)(a->releases - json_array_size(a->report)));
    cw_from_warn(&from, a->cli);
    (a->cli->dry_run ? cw_from_say : cw_from_say_left_out)(&from, a->cli);
    json_array_foreach (a->new_keys, i, row) {
        cw_cli_say(a->cli,
                   "new product: its build key %s 'keys/%s.key'; publishing it needs the targets keys once",
                   a->cli->dry_run ? "would be" : "is", json_string_value(row));
    }
    if (!a->changed)
        cw_cli_say(a->cli, "nothing to do");
    else if (!a->cli->dry_run)
        cw_cli_say(a->cli, "next: '%s promote PRODUCT VERSION CHANNEL', '%s publish'", a->cli->program->name,
                   a->cli->program->name);
    doc = json_pack("{s:O, s:O, s:I, s:I, s:b}", "releases", a->report, "new_keys", a->new_keys,
                    "copied_files", (json_int_t)a->ingest.copied_files, "copied_bytes",
                    (json_int_t)a->ingest.copied_bytes, "dry_run", a->cli->dry_run);
    if (doc != NULL && from.table != NULL && json_object_set(doc, "files", from.table) != 0)
        return cw_err_nomem(err);
    return doc != NULL ? cw_cli_json(a->cli, doc, err) : cw_err_nomem(err);
}

static int add(struct cw_adding *a, int count, char **paths, struct cw_err *err)
{
    int rc = cw_repo_open(&a->repo, a->cli, !a->cli->dry_run, err);

    if (rc == CW_OK)
        rc = cw_state_load(&a->state, a->repo.tree, err);
    if (rc == CW_OK)
        rc = cw_stage_load(&a->stage, a->repo.dir, err);
    if (rc == CW_OK)
        rc = cw_keys_load(&a->keys, a->repo.dir, err);
    if (rc == CW_OK)
        rc = read_catalogs(a, count, paths, err);
    if (rc == CW_OK && no_files) {
        rc = take_all_known(a, err);
        return rc == CW_OK ? say(a, err) : rc;
    }
    if (rc == CW_OK)
        rc = each_release(a, judge, err);
    if (rc == CW_OK && a->mistakes.count > 0)
        rc = refuse(a, err);
    if (rc == CW_OK)
        rc = take_all(a, err);
    return rc == CW_OK ? say(a, err) : rc;
}

static int check_options(int argc, struct cw_err *err)
{
    const char *stray = cw_from_stray(&from);

    if (stray != NULL)
        return cw_err_set(err, CW_E_USAGE, "'--%s' goes with '--from' only; a catalog says it itself", stray);
    if (from.format != NULL && no_files)
        return cw_err_set(err, CW_E_USAGE, "'--no-files' goes with a catalog, not with '--from'");
    if (from.format != NULL && argc != 2)
        return cw_err_set(err, CW_E_USAGE, "'--from %s' takes one file or folder at a time", from.format);
    return CW_OK;
}

int cmd_add(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    struct cw_adding a = {
        .cli = cli,
        .repo = CW_REPO_INIT,
        .mistakes = CW_MISTAKES_INIT,
        .new_keys = json_array(),
        .report = json_array(),
        .folders = json_array(),
    };
    size_t i;
    int rc = a.new_keys == NULL || a.report == NULL || a.folders == NULL ? cw_err_nomem(err)
                                                                         : check_options(argc, err);

    if (rc == CW_OK)
        rc = add(&a, argc - 1, argv + 1, err);
    for (i = 0; i < a.catalog_count; i++)
        cw_catalog_clear(&a.catalogs[i]);
    free(a.catalogs);
    cw_from_clear(&from);
    json_decref(a.new_keys);
    json_decref(a.report);
    json_decref(a.folders);
    cw_mistakes_clear(&a.mistakes);
    cw_keys_clear(&a.keys);
    cw_unlock_free(a.unlock);
    cw_stage_clear(&a.stage);
    cw_state_clear(&a.state);
    cw_repo_close(&a.repo);
    return rc;
}
