/* SPDX-License-Identifier: ISC */
/*
 * causeway-sync export: what this site mirrors, as a bundle on a medium or in any folder.
 */
#include "base/clock.h"
#include "base/str.h"
#include "sync/commands.h"
#include "sync/mirror/export.h"

static const char *upstream_name;
static bool replace;

const struct cw_option cmd_export_options[] = {
    {CW_OPTION_STRING, "upstream", &upstream_name, "NAME", "export what came from this upstream"},
    {CW_OPTION_FLAG, "replace", &replace, NULL,
     "replace another bundle in that folder; other files there are left alone"},
    {.kind = CW_OPTION_END},
};

int cmd_export(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    CW_AUTO_SITE site = CW_SITE_INIT;
    const struct cw_upstream *upstream;
    struct cw_export_result result;
    json_auto_t *doc = NULL;
    char bytes[16];
    int rc = cw_site_open(&site, cli, true, err);

    (void)argc;
    if (rc == CW_OK)
        rc = cw_site_upstream(&upstream, &site, upstream_name, err);
    if (rc == CW_OK)
        rc = cw_mirror_export(&result, &site, upstream, argv[1], replace, cw_clock_now(), cli, err);
    if (rc != CW_OK)
        return rc;
    cw_str_bytes(result.bytes, bytes);
    cw_cli_say(cli, "%s: %s serial %lld exported to '%s': %llu file%s, %s, bundle %.12s", upstream->name,
               upstream->channel, (long long)result.serial, argv[1], (unsigned long long)result.files,
               cw_str_plural(result.files), bytes, result.bundle);
    cw_cli_say(cli, "all of it is on the medium, which may be pulled out");
    doc = json_pack("{s:s, s:s, s:I, s:s, s:s, s:I, s:I, s:I}", "upstream", upstream->name, "channel",
                    upstream->channel, "serial", (json_int_t)result.serial, "folder", argv[1], "bundle",
                    result.bundle, "files", (json_int_t)result.files, "bytes", (json_int_t)result.bytes,
                    "written", (json_int_t)result.written);
    return doc == NULL ? cw_err_nomem(err) : cw_cli_json(cli, doc, err);
}
