/* SPDX-License-Identifier: ISC */
/*
 * causeway-sync adopt: takes what was installed by hand for the installed release, if it is that release to the last byte.
 */
#include "base/clock.h"
#include "base/str.h"
#include "codec/json.h"
#include "sync/commands.h"
#include "sync/deploy/adopt.h"
#include "sync/deploy/recover.h"

static void tell_list(const struct cw_cli *cli, const char *what, const json_t *list, uint64_t count)
{
    json_t *text;
    size_t i;

    json_array_foreach (list, i, text)
        cw_cli_warn(cli, "%s%s", what, json_string_value(text));
    if (count > json_array_size(list))
        cw_cli_warn(cli, "%sand %llu more", what, (unsigned long long)(count - json_array_size(list)));
}

static int tell(struct cw_cli *cli, const struct cw_adopted *adopted, const struct cw_site *site,
                const char *product, const char *folder, struct cw_err *err)
{
    const struct cw_likeness *likeness = &adopted->likeness;
    json_auto_t *doc =
        cw_json_pack("{s:b, s:I, s:s, s:s*, s:s*, s:s, s:I, s:I}", "adopted", !adopted->was_there,
                     "generation", (json_int_t)adopted->generation, "product", product, "version",
                     json_string_value(json_object_get(adopted->change, "to")), "platform",
                     json_string_value(json_object_get(adopted->change, "platform")), "folder", folder,
                     "same", (json_int_t)likeness->same, "more", (json_int_t)likeness->more);

    if (doc == NULL)
        return cw_err_nomem(err);
    if (adopted->was_there) {
        cw_cli_say(cli, "nothing to do: '%s' is installed, in generation %lld", product,
                   (long long)adopted->generation);
        return cw_cli_json(cli, doc, err);
    }
    tell_list(cli, "not of the release, and not taken: ", likeness->additions, likeness->more);
    cw_cli_say(cli, "'%s' is %s %s (%s): all %llu files as they were signed", folder, product,
               cw_json_text(adopted->change, "to"), cw_json_text(adopted->change, "platform"),
               (unsigned long long)likeness->same);
    cw_cli_say(
        cli,
        "generation %lld has it. What runs from '%s' was left alone: have it started from '%s/current/%s', "
        "and what it keeps moved to '%s/data/%s'",
        (long long)adopted->generation, folder, site->install_root, product, site->install_root, product);
    return cw_cli_json(cli, doc, err);
}

int cmd_adopt(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    CW_AUTO_SITE site = CW_SITE_INIT;
    CW_AUTO_WORLD world = CW_WORLD_INIT;
    CW_AUTO_ADOPTED adopted = {.generation = 0};
    json_auto_t *plan = NULL;
    int64_t now = cw_clock_now();
    int rc = cw_recover_open(&site, cli, now, err);

    (void)argc;
    if (rc == CW_OK)
        rc = cw_world_load(&world, &site, now, err);
    if (rc == CW_OK)
        rc = cw_world_plan(&plan, &world, err);
    if (rc == CW_OK)
        rc = cw_adopt(&adopted, &world, plan, argv[1], argv[2], cli, err);
    if (rc == CW_E_VERIFY)
        tell_list(cli, "", adopted.likeness.differences, adopted.likeness.differing);
    return rc == CW_OK ? tell(cli, &adopted, &site, argv[1], argv[2], err) : rc;
}
