/* SPDX-License-Identifier: ISC */
/*
 * Printing what a folder that was carried changes, and whose signatures it lacks; see gen/folder.h.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "gen/folder.h"

void cw_folder_row_name(char name[CW_FOLDER_ROW_NAME], const json_t *row)
{
    const json_t *bins = json_object_get(row, "bins");
    char role[CW_TUF_NAME_MAX];

    cw_str_visible(role, sizeof role, json_string_value(json_object_get(row, "role")));
    if (bins != NULL)
        snprintf(name, CW_FOLDER_ROW_NAME, "%lld hash bin%s of %s", (long long)json_integer_value(bins),
                 cw_str_plural((uint64_t)json_integer_value(bins)), role);
    else
        snprintf(name, CW_FOLDER_ROW_NAME, "%s", role);
}

/* "next gateway, version 3", "next 11 hash bins of gateway". */
static void say_title(const json_t *row, const struct cw_cli *cli)
{
    const json_t *version = json_object_get(row, "version");
    const char *what = json_is_true(json_object_get(row, "new")) ? "new" : "next";
    const char *expires = json_string_value(json_object_get(row, "expires"));
    char name[CW_FOLDER_ROW_NAME];

    cw_folder_row_name(name, row);
    if (version != NULL)
        cw_cli_say(cli, "%s %s, version %lld, good until %s", what, name,
                   (long long)json_integer_value(version), expires);
    else
        cw_cli_say(cli, "%s %s, good until %s", what, name, expires);
}

void cw_folder_say(const struct cw_folder *folder, const json_t *changes, const struct cw_cli *cli)
{
    const json_t *row, *line;
    size_t i, k;

    if (folder->root.doc != NULL)
        cw_cli_say(cli, "the root in force is version %lld, fingerprint %s", (long long)folder->root.version,
                   folder->fingerprint);
    else
        cw_cli_say(cli, "a repository's first root, whose content has the sha256 %s", folder->fingerprint);
    cw_cli_say(cli, "composed at %s\n", json_string_value(json_object_get(folder->doc, "composed")));
    json_array_foreach (changes, i, row) {
        say_title(row, cli);
        json_array_foreach (json_object_get(row, "changes"), k, line) {
            cw_cli_say(cli, "  %s", json_string_value(line));
        }
        if (k == 0)
            cw_cli_say(cli, "  %s",
                       json_is_true(json_object_get(row, "new")) ? "nothing is in it yet"
                                                                 : "nothing else changes");
    }
}

const char *cw_folder_row_keys(const json_t *row)
{
    const char *keys = json_string_value(json_object_get(row, "keys"));

    return keys == NULL ? "" : strcmp(keys, "old") == 0 ? ", by the old keys" : ", by the new keys";
}

void cw_folder_say_missing(const json_t *missing, const struct cw_cli *cli)
{
    const json_t *row, *name;
    size_t i, k;

    json_array_foreach (missing, i, row) {
        CW_AUTO_BUF list = CW_BUF_INIT(CW_ERR_TEXT_MAX);
        char shown[CW_ERR_TEXT_MAX], role[CW_FOLDER_ROW_NAME];

        json_array_foreach (json_object_get(row, "of"), k, name)
            cw_buf_addf(&list, "%s'%s'", k > 0 ? ", " : "", json_string_value(name));
        cw_str_visible(shown, sizeof shown, cw_buf_text(&list));
        cw_folder_row_name(role, row);
        cw_cli_say(cli, "missing for %s%s: %lld of %s", role, cw_folder_row_keys(row),
                   (long long)json_integer_value(json_object_get(row, "missing")), shown);
    }
}
