/* SPDX-License-Identifier: ISC */
/*
 * causeway-sync export: what this site mirrors, or what others lack of it, as a bundle on media or in any folder.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/str.h"
#include "codec/json.h"
#include "sync/commands.h"
#include "sync/mirror/export.h"

static const char *upstream_name, *volume_size;
static struct cw_cli_list receipts;
static uint64_t since;
static bool replace;

const struct cw_option cmd_export_options[] = {
    {CW_OPTION_STRING, "upstream", &upstream_name, "NAME", "export what came from this upstream"},
    {CW_OPTION_LIST, "for", &receipts, "RECEIPT",
     "carry what this site lacks; a receipt, or a folder with some; may be repeated"},
    {CW_OPTION_NUMBER, "since", &since, "SERIAL",
     "carry what is new since this serial, for sites that send no receipts"},
    {CW_OPTION_STRING, "volume-size", &volume_size, "SIZE",
     "split over media of this size: 700M, 16G; each in a folder of its own"},
    {CW_OPTION_FLAG, "replace", &replace, NULL,
     "replace another bundle in that folder; other files there are left alone"},
    {.kind = CW_OPTION_END},
};

static uint64_t number_of(const json_t *obj, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(obj, key));
}

/* Each file that travels, with the way it takes. */
static void list_files(const struct cw_cli *cli, const struct cw_export_result *result)
{
    const json_t *row;
    size_t i;

    json_array_foreach (result->carried, i, row) {
        const char *way = cw_json_text(row, "way");
        char bytes[16], length[16], parts[32] = "";

        cw_str_bytes(number_of(row, "bytes"), bytes);
        cw_str_bytes(number_of(row, "length"), length);
        if (json_object_get(row, "parts") != NULL)
            snprintf(parts, sizeof parts, ", in %llu parts", (unsigned long long)number_of(row, "parts"));
        if (json_object_get(row, "bytes") != NULL)
            cw_cli_say(cli, "volume %-3llu  %-10s  %10s of %10s  %s%s",
                       (unsigned long long)number_of(row, "volume"), way, bytes, length,
                       cw_json_text(row, "path"), parts);
    }
}

static void list_volumes(const struct cw_cli *cli, const struct cw_export_result *result)
{
    const json_t *row;
    char bytes[16];
    size_t i;

    json_array_foreach (result->sizes, i, row) {
        cw_str_bytes(number_of(row, "bytes"), bytes);
        cw_cli_say(cli, "volume %zu of %u: %llu file%s, %s", i + 1, result->volumes,
                   (unsigned long long)number_of(row, "files"), cw_str_plural(number_of(row, "files")),
                   bytes);
    }
}

static void tell(const struct cw_cli *cli, const struct cw_upstream *upstream,
                 const struct cw_export_result *result, const char *to)
{
    char bytes[16], held[64] = "";

    cw_str_bytes(result->bytes, bytes);
    if (result->held > 0)
        snprintf(held, sizeof held, "; %llu file%s not needed", (unsigned long long)result->held,
                 result->held == 1 ? " is" : "s are");
    if (cli->dry_run) {
        list_files(cli, result);
        list_volumes(cli, result);
        cw_cli_say(cli, "%s: %s serial %lld would be exported to '%s': %llu file%s, %s%s", upstream->name,
                   upstream->channel, (long long)result->serial, to, (unsigned long long)result->files,
                   cw_str_plural(result->files), bytes, held);
        return;
    }
    if (volume_size != NULL)
        list_volumes(cli, result);
    cw_cli_say(cli, "%s: %s serial %lld exported to '%s': %llu file%s, %s, bundle %.12s%s", upstream->name,
               upstream->channel, (long long)result->serial, to, (unsigned long long)result->files,
               cw_str_plural(result->files), bytes, result->bundle, held);
    if (volume_size != NULL)
        cw_cli_say(cli, "copy each of '%s/volume-*' to a medium of its own, with the folder or without", to);
    else
        cw_cli_say(cli, "all of it is on the medium, which may be pulled out");
}

static json_t *to_json(const struct cw_upstream *upstream, const struct cw_export_result *result,
                       const char *to)
{
    json_t *doc = json_pack("{s:s, s:s, s:I, s:s, s:I, s:I, s:I, s:I, s:O, s:O}", "upstream", upstream->name,
                            "channel", upstream->channel, "serial", (json_int_t)result->serial, "folder", to,
                            "files", (json_int_t)result->files, "bytes", (json_int_t)result->bytes, "written",
                            (json_int_t)result->written, "held", (json_int_t)result->held, "volumes",
                            result->sizes, "carried", result->carried);

    if (doc != NULL && result->bundle[0] != '\0')
        (void)json_object_set_new(doc, "bundle", json_string(result->bundle));
    return doc;
}

static int read_options(struct cw_export_options *options, struct cw_err *err)
{
    if (receipts.count > 0 && since != 0)
        return cw_err_set(err, CW_E_USAGE, "give --for or --since, not both");
    if (since > INT64_MAX)
        return cw_err_set(err, CW_E_USAGE, "'%llu' is no serial", (unsigned long long)since);
    if (volume_size != NULL && !cw_str_to_size(volume_size, &options->volume_size))
        return cw_err_set(err, CW_E_USAGE, "'%s' is no size; write it as 700M, 16G or 16GiB", volume_size);
    options->receipts = receipts.items;
    options->receipt_count = receipts.count;
    options->since = (int64_t)since;
    options->replace = replace;
    return CW_OK;
}

int cmd_export(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    CW_AUTO_SITE site = CW_SITE_INIT;
    struct cw_export_options options = {.to = argv[1], .plan_only = cli->dry_run};
    const struct cw_upstream *upstream;
    struct cw_export_result result = {.files = 0};
    json_auto_t *doc = NULL;
    int rc = read_options(&options, err);

    (void)argc;
    if (rc == CW_OK)
        rc = cw_site_open(&site, cli, true, err);
    if (rc == CW_OK)
        rc = cw_site_upstream(&upstream, &site, upstream_name, err);
    if (rc == CW_OK)
        rc = cw_mirror_export(&result, &site, upstream, &options, cw_clock_now(), cli, err);
    if (rc == CW_OK) {
        tell(cli, upstream, &result, argv[1]);
        doc = to_json(upstream, &result, argv[1]);
        rc = doc == NULL ? cw_err_nomem(err) : cw_cli_json(cli, doc, err);
    }
    cw_export_result_clear(&result);
    return rc;
}
