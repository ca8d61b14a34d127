/* SPDX-License-Identifier: ISC */
/*
 * causeway-sync update: pull, plan, and apply what may be applied; for timers. That policy holds is no
 * failure. An upstream that cannot be reached does not keep the others, or what is in the mirrors already,
 * from being applied; it is the exit code in the end.
 */
#include "base/clock.h"
#include "sync/commands.h"
#include "sync/deploy/recover.h"
#include "sync/deploy/run.h"
#include "sync/pull_all.h"

static const char *retry_wait;

const struct cw_option cmd_update_options[] = {
    {CW_OPTION_STRING, "retry-wait", &retry_wait, "TIME", CW_PULL_RETRY_WAIT_HELP},
    {.kind = CW_OPTION_END},
};

int cmd_update(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    CW_AUTO_SITE site = CW_SITE_INIT;
    json_auto_t *result = NULL;
    struct cw_err deploy = {0};
    struct cw_pull_how how = {.stall_seconds = CW_PULL_STALL_SECONDS};
    int64_t now = cw_clock_now();
    int pulled, rc = cw_pull_set_pause(&how, retry_wait, err);

    (void)argc;
    (void)argv;
    if (rc == CW_OK)
        rc = cw_recover_open(&site, cli, now, err);
    if (rc != CW_OK)
        return rc;
    pulled = cw_pull_all(NULL, &site, NULL, &how, now, cli, err);
    if (site.install_root == NULL)
        return pulled;
    rc = cw_deploy_run(&result, &site, NULL, true, now, cli, &deploy);
    if (rc != CW_OK && pulled != CW_OK && rc != CW_E_NOTFOUND)
        cw_cli_warn(cli, "%s", err->text);
    if (rc != CW_OK && (pulled == CW_OK || rc != CW_E_NOTFOUND)) {
        *err = deploy;
        return rc;
    }
    return pulled != CW_OK ? pulled : cw_cli_json(cli, result, err);
}
