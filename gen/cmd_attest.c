/* SPDX-License-Identifier: ISC */
/*
 * causeway-gen attest: takes attestations of a release in. All files are read and judged before the first is
 * kept. Whether they open a channel's gate is said at once, and decided by promote and publish.
 */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "fs/root.h"
#include "gen/attest.h"
#include "gen/commands.h"
#include "gen/judge.h"
#include "gen/mistakes.h"
#include "gen/repo.h"
#include "release/name.h"
#include "release/semver.h"

struct attesting {
    const struct cw_cli *cli;
    const char *product, *version;
    char **files;
    size_t count;
    struct cw_repo repo;
    struct cw_state state;
    struct cw_stage stage;
    struct cw_attest_release release;
    struct cw_mistakes mistakes;
    json_t *doc; /* the report */
};

static int open_all(struct attesting *a, struct cw_err *err)
{
    json_auto_t *doc = NULL;
    int rc = cw_name_check_product(a->product, err);

    if (rc == CW_OK)
        rc = cw_semver_check(a->version, err);
    if (rc != CW_OK)
        return rc == CW_E_VERIFY ? err->code = CW_E_USAGE : rc;
    rc = cw_repo_open(&a->repo, a->cli, !a->cli->dry_run, err);
    if (rc == CW_OK)
        rc = cw_state_load(&a->state, a->repo.tree, err);
    if (rc == CW_OK)
        rc = cw_stage_load(&a->stage, a->repo.dir, err);
    if (rc == CW_OK)
        rc = cw_judge_find_release(&doc, &a->state, &a->stage, a->product, a->version, err);
    return rc == CW_OK ? cw_attest_release_set(&a->release, doc, err) : rc;
}

static int read_file(struct cw_attested *attested, const char *path, struct cw_err *err)
{
    int rc = cw_path_read_all(&attested->bytes, path, err);

    if (rc == CW_E_FAIL && attested->bytes.failed == CW_E_FAIL)
        rc = cw_err_set(err, CW_E_VERIFY, "is larger than %zu bytes", CW_ENVELOPE_MAX);
    return rc == CW_OK ? cw_attested_read(attested, err) : rc;
}

/* What is no attestation of this release is noted, and checking goes on. */
static int check_file(struct attesting *a, const char *path, struct cw_err *err)
{
    CW_AUTO_ATTESTED attested = CW_ATTESTED_INIT;
    int rc = read_file(&attested, path, err);

    if (rc == CW_E_VERIFY) {
        cw_mistakes_add(&a->mistakes, path, 0, "", "%s", err->text);
        return CW_OK;
    }
    if (rc == CW_OK && cw_attest_count(&attested, &a->release) == 0)
        cw_mistakes_add(&a->mistakes, path, 0, "",
                        "is about other files: none of its %zu sha256 is that of an artifact of %s %s or of "
                        "its release manifest",
                        attested.statement.subject_count, a->product, a->version);
    return rc;
}

static int keep_file(struct attesting *a, const char *path, struct cw_err *err)
{
    CW_AUTO_ATTESTED attested = CW_ATTESTED_INIT;
    size_t covered, all = a->release.manifest.artifact_count;
    const char *type;
    bool is_new = false;
    int rc = read_file(&attested, path, err);

    if (rc == CW_OK)
        rc = cw_attest_keep(&is_new, a->repo.dir, a->product, a->version, &attested, a->cli->dry_run, err);
    if (rc != CW_OK)
        return cw_err_prefix(err, "'%s'", path);
    covered = cw_attest_count(&attested, &a->release);
    type = attested.statement.predicate_type;
    cw_cli_say(a->cli, "%s: %s, about %zu of %zu artifact%s%s", path, type, covered, all, cw_str_plural(all),
               is_new ? "" : ", known already");
    if (json_array_append_new(json_object_get(a->doc, "attestations"),
                              json_pack("{s:s, s:s, s:s, s:I, s:I, s:b}", "file", path, "sha256",
                                        attested.sha256, "predicate", type, "artifacts", (json_int_t)covered,
                                        "of", (json_int_t)all, "new", is_new)) != 0)
        return cw_err_nomem(err);
    return CW_OK;
}

static int each_file(struct attesting *a,
                     int (*fn)(struct attesting *a, const char *path, struct cw_err *err), struct cw_err *err)
{
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < a->count && rc == CW_OK; i++)
        rc = fn(a, a->files[i], err);
    return rc;
}

/* What each channel that demands something still lacks. */
static int foresee(struct attesting *a, struct cw_err *err)
{
    const struct cw_draft_input input = {.state = &a->state, .stage = &a->stage, .config = &a->repo.config};
    const char *channel;
    json_t *obj, *line;
    size_t i;
    int rc;

    json_object_foreach (a->repo.config.channels, channel, obj) {
        CW_AUTO_VERDICT verdict = {.missing = NULL};

        rc = cw_judge(&verdict, &input, channel, a->product, a->version, err);
        if (rc != CW_OK)
            return rc;
        cw_cli_say(a->cli, "channel %s: %s", channel,
                   json_array_size(verdict.missing) == 0 ? "has all that it demands" : "still lacks");
        json_array_foreach (verdict.missing, i, line)
            cw_cli_say(a->cli, "  %s", json_string_value(line));
        if (json_object_set_new(json_object_get(a->doc, "channels"), channel,
                                json_pack("{s:O}", "missing", verdict.missing)) != 0)
            return cw_err_nomem(err);
    }
    return CW_OK;
}

static int attest(struct attesting *a, struct cw_err *err)
{
    int rc = open_all(a, err);

    if (rc == CW_OK)
        rc = each_file(a, check_file, err);
    if (rc != CW_OK)
        return rc;
    if (a->mistakes.count > 0) {
        cw_mistakes_print(&a->mistakes);
        return cw_err_set(err, CW_E_VERIFY, "%zu mistake%s; nothing was taken in", a->mistakes.count,
                          cw_str_plural(a->mistakes.count));
    }
    a->doc = json_pack("{s:s, s:s, s:[], s:{}, s:b}", "product", a->product, "version", a->version,
                       "attestations", "channels", "dry_run", a->cli->dry_run);
    if (a->doc == NULL)
        return cw_err_nomem(err);
    rc = each_file(a, keep_file, err);
    if (rc == CW_OK && !a->cli->dry_run)
        rc = foresee(a, err);
    return rc == CW_OK ? cw_cli_json(a->cli, a->doc, err) : rc;
}

int cmd_attest(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    struct attesting a = {.cli = cli,
                          .product = argv[1],
                          .version = argv[2],
                          .files = argv + 3,
                          .count = (size_t)(argc - 3),
                          .repo = CW_REPO_INIT,
                          .mistakes = CW_MISTAKES_INIT};
    int rc = attest(&a, err);

    json_decref(a.doc);
    cw_mistakes_clear(&a.mistakes);
    cw_attest_release_clear(&a.release);
    cw_stage_clear(&a.stage);
    cw_state_clear(&a.state);
    cw_repo_close(&a.repo);
    return rc;
}
