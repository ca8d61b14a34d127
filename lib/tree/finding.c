/* SPDX-License-Identifier: ISC */
/*
 * Counting and telling what a check of tree/check.h finds.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/str.h"
#include "tree/check.h"

void cw_finding_add(struct cw_tree_check *check, enum cw_finding kind, const char *path, const char *fmt, ...)
{
    char what[CW_ERR_TEXT_MAX];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    if (kind == CW_FINDING_BAD)
        check->bad++;
    else if (kind == CW_FINDING_MISSING)
        check->missing++;
    else
        check->orphans++;
    if (check->found != NULL)
        check->found(check->ctx, kind, path, what);
}

int cw_finding_from(struct cw_tree_check *check, const char *path, struct cw_err *err)
{
    bool missing = err->code == CW_E_NOTFOUND || err->code == CW_E_INCOMPLETE;

    if (err->code == CW_E_NOMEM)
        return CW_E_NOMEM;
    cw_finding_add(check, missing ? CW_FINDING_MISSING : CW_FINDING_BAD, path, "%s", err->text);
    cw_err_clear(err);
    return CW_OK;
}

int cw_finding_sum(const struct cw_tree_check *check, struct cw_err *err)
{
    if (check->bad == 0 && check->missing == 0)
        return CW_OK;
    if (check->bad == 0)
        return cw_err_set(err, CW_E_INCOMPLETE, "%" PRIu64 " file%s missing", check->missing,
                          check->missing == 1 ? " is" : "s are");
    if (check->missing == 0)
        return cw_err_set(err, CW_E_VERIFY, "%" PRIu64 " file%s bad", check->bad,
                          check->bad == 1 ? " is" : "s are");
    return cw_err_set(err, CW_E_VERIFY, "%" PRIu64 " file%s bad and %" PRIu64 " %s missing", check->bad,
                      check->bad == 1 ? " is" : "s are", check->missing, check->missing == 1 ? "is" : "are");
}
