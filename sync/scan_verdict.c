/* SPDX-License-Identifier: ISC */
/*
 * What verdicts of the scanner come to, without scanning anything: the pure part of sync/scan.h.
 */
#include <string.h>

#include "base/mem.h"
#include "sync/scan.h"

/* From the best to the worst. */
static const char *const verdicts[] = {"clean", "missing", "failed", "bad"};

static size_t rank(const char *verdict)
{
    size_t i;

    for (i = 0; i < CW_COUNT(verdicts) && strcmp(verdicts[i], verdict) != 0; i++)
        ;
    return i;
}

bool cw_scan_is_verdict(const char *text)
{
    return rank(text) < CW_COUNT(verdicts);
}

const char *cw_scan_worse(const char *a, const char *b)
{
    if (a == NULL || b == NULL)
        return a != NULL ? a : b;
    return rank(a) >= rank(b) ? a : b;
}

const char *cw_scan_verdict(const json_t *scans, const json_t *artifacts, const char **which,
                            const char **said)
{
    const char *worst = verdicts[0];
    json_t *artifact;
    size_t i;

    if (which != NULL)
        *which = *said = NULL;
    if (scans == NULL)
        return NULL;
    json_array_foreach (artifacts, i, artifact) {
        const json_t *entry = json_object_get(scans, json_string_value(json_object_get(artifact, "sha256")));
        const char *verdict = json_string_value(json_object_get(entry, "verdict"));
        size_t at = verdict == NULL ? 1 : rank(verdict);

        if (at >= CW_COUNT(verdicts))
            at = rank("failed"); /* a word of a later version, or a damaged file: not known to be clean */
        if (at <= rank(worst))
            continue;
        worst = verdicts[at];
        if (which != NULL) {
            *which = json_string_value(json_object_get(artifact, "path"));
            *said = json_string_value(json_object_get(entry, "said"));
        }
    }
    return worst;
}

bool cw_scan_holds(const char *verdict, const json_t *gates)
{
    json_t *one;
    size_t i;

    if (verdict == NULL || strcmp(verdict, "clean") == 0)
        return false;
    json_array_foreach (gates, i, one) {
        const char *word = json_string_value(json_object_get(one, "scan"));

        if (word != NULL && strcmp(word, "ignore") == 0)
            return false;
    }
    return true;
}
