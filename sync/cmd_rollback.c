/* SPDX-License-Identifier: ISC */
/*
 * causeway-sync rollback: back to the generation before, or to the one that is named. What is left is held
 * until unhold.
 */
#include "base/clock.h"
#include "base/str.h"
#include "sync/commands.h"
#include "sync/deploy/apply.h"
#include "sync/deploy/recover.h"
#include "sync/deploy/store.h"

static const char *reason;

const struct cw_option cmd_rollback_options[] = {
    {CW_OPTION_STRING, "reason", &reason, "TEXT", "why, for the hold on what is left"},
    {.kind = CW_OPTION_END},
};

int cmd_rollback(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    CW_AUTO_SITE site = CW_SITE_INIT;
    json_auto_t *doc = NULL;
    int64_t now = cw_clock_now(), number = 0;
    uint64_t to = 0;
    int rc;

    if (argc > 1 && (!cw_str_to_u64(argv[1], CW_GENERATION_MAX, &to) || to == 0))
        return cw_err_set(err, CW_E_USAGE, "'%s' is not a generation's number", argv[1]);
    rc = cw_recover_open_rollback(&site, &number, cli, now, err);
    /* Said again after it was interrupted, the same rollback is meant, not one more. */
    if (rc == CW_OK && (number == 0 || (to != 0 && (int64_t)to != number)))
        rc = cw_rollback(&number, &site, (int64_t)to, reason != NULL ? reason : "rolled back by hand", now,
                         err);
    if (rc != CW_OK)
        return rc;
    cw_cli_say(cli,
               "generation %lld runs; what was left is held: 'causeway-sync status' shows by what, "
               "'causeway-sync unhold' lifts it",
               (long long)number);
    doc = json_pack("{s:I}", "generation", (json_int_t)number);
    return doc != NULL ? cw_cli_json(cli, doc, err) : cw_err_nomem(err);
}
