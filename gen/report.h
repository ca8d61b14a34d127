/* SPDX-License-Identifier: ISC */
/*
 * What a publication changes, told to a person: the same lines from `publish`, its --dry-run, and `status`.
 */
#ifndef CW_GEN_REPORT_H
#define CW_GEN_REPORT_H

#include <jansson.h>

#include "cli/cli.h"
#include "gen/keys.h"

/* report is a struct cw_draft's; keys are those whose names are known here. */
void cw_report_say(const json_t *report, const struct cw_keys *keys, const struct cw_cli *cli);

#endif
