/* SPDX-License-Identifier: ISC */
/*
 * Judging; see gen/judge.h.
 */
#include "gen/judge.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "gen/attest.h"

/* What was found for one demand. */
struct tally {
    bool (*vouched)[CW_DEMAND_KEYS_MAX]; /* for each artifact: which keys */
    size_t matching;                     /* attestations of its predicate */
    json_t *notes;                       /* why some of them do not count */
};

struct judging {
    struct cw_verdict *verdict;
    const char *product, *version;
    struct cw_demands demands;
    struct cw_attest_release release;
    struct tally tallies[CW_DEMANDS_MAX];
};

void cw_verdict_clear(struct cw_verdict *verdict)
{
    json_decref(verdict->missing);
    json_decref(verdict->demanded);
    json_decref(verdict->given);
    json_decref(verdict->attestors);
    *verdict = (struct cw_verdict){.missing = NULL};
}

static int say(json_t *list, const struct cw_demand *demand, struct cw_err *err, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Appends to the list what is wanting of a demand. */
static int say(json_t *list, const struct cw_demand *demand, struct cw_err *err, const char *fmt, ...)
{
    char text[CW_ERR_TEXT_MAX];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (json_array_append_new(list, json_sprintf("%s: %s", demand->predicate, text)) != 0)
        return cw_err_nomem(err);
    return CW_OK;
}

/* ---- each attestation ---- */

/* "'ci'", or "any of 'ci', 'lab'". */
static void name_keys(struct cw_buf *text, const struct cw_demand *demand)
{
    size_t i;

    for (i = 0; i < demand->key_count; i++)
        cw_buf_addf(text, "%s'%s'", i > 0 ? ", " : demand->key_count > 1 ? "any of " : "", demand->names[i]);
}

static int add_signers(json_t *signers, const struct cw_demand *demand, const bool *signed_by,
                       struct cw_err *err)
{
    size_t i, at;
    json_t *id;

    for (i = 0; i < demand->key_count; i++) {
        if (!signed_by[i])
            continue;
        json_array_foreach (signers, at, id) {
            if (strcmp(json_string_value(id), demand->ids[i]) == 0)
                break;
        }
        if (at == json_array_size(signers) &&
            json_array_append_new(signers, json_string(demand->ids[i])) != 0)
            return cw_err_nomem(err);
    }
    return CW_OK;
}

static void vouch(struct judging *j, size_t d, const struct cw_attested *attested, const bool *signed_by)
{
    struct tally *tally = &j->tallies[d];
    size_t i, k;

    for (i = 0; i < j->release.manifest.artifact_count; i++) {
        if (!cw_attest_covers(attested, &j->release, i))
            continue;
        for (k = 0; k < j->demands.items[d].key_count; k++)
            tally->vouched[i][k] = tally->vouched[i][k] || signed_by[k];
    }
}

/* Holds one attestation against one demand; adds to signers if it counts. */
static int weigh(struct judging *j, size_t d, const struct cw_attested *attested, json_t *signers,
                 struct cw_err *err)
{
    const struct cw_demand *demand = &j->demands.items[d];
    bool signed_by[CW_DEMAND_KEYS_MAX] = {false};
    CW_AUTO_BUF names = CW_BUF_INIT(CW_ERR_TEXT_MAX);
    json_t *notes = j->tallies[d].notes;
    int rc;

    if (demand->key_count == 0 ||
        !cw_predicate_matches(demand->predicate, attested->statement.predicate_type))
        return CW_OK;
    j->tallies[d].matching++;
    rc = cw_envelope_signers(signed_by, &attested->envelope, demand->keys, demand->key_count, err);
    if (rc != CW_OK)
        return rc;
    if (cw_envelope_count_keys(demand->keys, signed_by, demand->key_count) == 0) {
        name_keys(&names, demand);
        return say(notes, demand, err, "'%s' is not signed by %s", attested->path, cw_buf_text(&names));
    }
    switch (cw_statement_result(&attested->statement)) {
    case CW_RESULT_FAILED:
        return say(j->verdict->missing, demand, err,
                   "'%s' says FAILED; remove it only if a later run made it void", attested->path);
    case CW_RESULT_WARNED:
        return say(notes, demand, err, "'%s' says WARNED, which is not PASSED", attested->path);
    case CW_RESULT_NONE:
    case CW_RESULT_PASSED:
        break;
    }
    vouch(j, d, attested, signed_by);
    return add_signers(signers, demand, signed_by, err);
}

static int judge_one(void *ctx, const struct cw_attested *attested, struct cw_err *err)
{
    struct judging *j = ctx;
    json_auto_t *signers = json_array();
    size_t d;
    int rc = signers != NULL ? CW_OK : cw_err_nomem(err);

    if (rc == CW_OK && cw_attest_count(attested, &j->release) == 0)
        return CW_OK; /* about files that the staged release had before it was begun again */
    for (d = 0; d < j->demands.count && rc == CW_OK; d++)
        rc = weigh(j, d, attested, signers, err);
    if (rc != CW_OK || json_array_size(signers) == 0)
        return rc;
    if (json_array_append_new(j->verdict->given,
                              json_pack("{s:s, s:I, s:s, s:O}", "sha256", attested->sha256, "length",
                                        (json_int_t)attested->bytes.len, "predicate",
                                        attested->statement.predicate_type, "signers", signers)) != 0)
        return cw_err_nomem(err);
    return CW_OK;
}

/* ---- the sum ---- */

static int sum_artifacts(struct judging *j, size_t d, struct cw_err *err)
{
    const struct cw_demand *demand = &j->demands.items[d];
    const struct cw_manifest *manifest = &j->release.manifest;
    const char *first = NULL;
    size_t i, have, first_have = 0, lacking = 0;

    for (i = 0; i < manifest->artifact_count; i++) {
        have = cw_envelope_count_keys(demand->keys, j->tallies[d].vouched[i], demand->key_count);
        if (have >= demand->threshold)
            continue;
        if (lacking++ == 0) {
            first = cw_str_basename(manifest->artifacts[i].path);
            first_have = have;
        }
    }
    if (lacking == 0)
        return CW_OK;
    if (j->tallies[d].matching == 0)
        return say(j->verdict->missing, demand, err, "none was given");
    if (json_array_extend(j->verdict->missing, j->tallies[d].notes) != 0)
        return cw_err_nomem(err);
    if (lacking == manifest->artifact_count)
        return say(j->verdict->missing, demand, err, "vouched for by %zu of the %zu keys needed", first_have,
                   demand->threshold);
    return say(j->verdict->missing, demand, err,
               "'%s' is vouched for by %zu of the %zu keys needed (%zu of %zu artifacts lack some)", first,
               first_have, demand->threshold, lacking, manifest->artifact_count);
}

static int record(struct judging *j, const struct cw_demand *demand, struct cw_err *err)
{
    json_t *row = json_pack("{s:s, s:I, s:[]}", "predicate", demand->predicate, "threshold",
                            (json_int_t)demand->threshold, "keys");
    json_t *keys = json_object_get(row, "keys");
    size_t i;

    if (json_array_append_new(j->verdict->demanded, row) != 0)
        return cw_err_nomem(err);
    for (i = 0; i < demand->key_count; i++) {
        if (json_array_append_new(keys, json_string(demand->ids[i])) != 0 ||
            json_object_set(j->verdict->attestors, demand->ids[i], (json_t *)demand->objects[i]) != 0)
            return cw_err_nomem(err);
    }
    return CW_OK;
}

static int sum(struct judging *j, struct cw_err *err)
{
    size_t d;
    int rc = CW_OK;

    for (d = 0; d < j->demands.count && rc == CW_OK; d++) {
        const struct cw_demand *demand = &j->demands.items[d];

        rc = record(j, demand, err);
        if (rc == CW_OK && demand->key_count > 0)
            rc = sum_artifacts(j, d, err);
        else if (rc == CW_OK && !j->release.manifest.has_sbom)
            rc = say(j->verdict->missing, demand, err, "the release has none; a catalog names one as 'sbom'");
    }
    return rc;
}

int cw_judge_find_release(json_t **doc, const struct cw_state *state, const struct cw_stage *stage,
                          const char *product, const char *version, struct cw_err *err)
{
    struct cw_manifest manifest = {.doc = NULL};
    int rc = cw_stage_release(doc, stage, product, version, err);

    if (rc != CW_E_NOTFOUND)
        return rc;
    rc = cw_state_read_release(&manifest, state, product, version, err);
    *doc = json_incref(manifest.doc);
    cw_manifest_clear(&manifest);
    if (rc == CW_E_NOTFOUND)
        return cw_err_set(err, rc, "there is no %s %s, neither published nor staged; add it first", product,
                          version);
    return rc;
}

static int start(struct judging *j, const struct cw_draft_input *input, struct cw_err *err)
{
    json_auto_t *doc = NULL;
    size_t d;
    int rc = cw_judge_find_release(&doc, input->state, input->stage, j->product, j->version, err);

    if (rc == CW_OK)
        rc = cw_attest_release_set(&j->release, doc, err);
    for (d = 0; d < j->demands.count && rc == CW_OK; d++) {
        j->tallies[d].vouched = calloc(j->release.manifest.artifact_count + 1, sizeof *j->tallies[d].vouched);
        j->tallies[d].notes = json_array();
        if (j->tallies[d].vouched == NULL || j->tallies[d].notes == NULL)
            rc = cw_err_nomem(err);
    }
    return rc;
}

int cw_judge(struct cw_verdict *verdict, const struct cw_draft_input *input, const char *channel,
             const char *product, const char *version, struct cw_err *err)
{
    struct judging j = {.verdict = verdict, .product = product, .version = version};
    size_t d;
    int rc;

    *verdict = (struct cw_verdict){
        .missing = json_array(), .demanded = json_array(), .given = json_array(), .attestors = json_object()};
    if (verdict->missing == NULL || verdict->demanded == NULL || verdict->given == NULL ||
        verdict->attestors == NULL)
        return cw_err_nomem(err);
    rc = cw_demands_load(&j.demands, input->config, channel, err);
    if (rc == CW_OK && j.demands.count > 0) {
        rc = start(&j, input, err);
        if (rc == CW_OK)
            rc = cw_attest_each(input->stage->home, product, version, judge_one, &j, err);
        if (rc == CW_OK)
            rc = sum(&j, err);
    }
    for (d = 0; d < j.demands.count; d++) {
        free(j.tallies[d].vouched);
        json_decref(j.tallies[d].notes);
    }
    cw_attest_release_clear(&j.release);
    cw_demands_clear(&j.demands);
    return rc;
}

int cw_verdict_check(const struct cw_verdict *verdict, const char *product, const char *version,
                     struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(CW_ERR_TEXT_MAX);
    json_t *line;
    size_t i;

    if (json_array_size(verdict->missing) == 0)
        return CW_OK;
    json_array_foreach (verdict->missing, i, line)
        cw_buf_addf(&text, "%s%s", i > 0 ? "; " : "", json_string_value(line));
    return cw_err_set(err, CW_E_HELD, "%s %s lacks what the channel demands: %s", product, version,
                      cw_buf_text(&text));
}
