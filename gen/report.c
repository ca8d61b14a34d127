/* SPDX-License-Identifier: ISC */
/*
 * A draft's report in words; see gen/report.h.
 */
#include "gen/report.h"

#include "base/buf.h"
#include "base/str.h"
#include "codec/json.h"

static void say_channel(const struct cw_cli *cli, const json_t *row)
{
    const json_t *move;
    size_t i;

    cw_cli_say(cli, "channel %s, serial %lld:", cw_json_text_or_null(row, "channel"),
               (long long)json_integer_value(json_object_get(row, "serial")));
    json_array_foreach (json_object_get(row, "releases"), i, move) {
        const char *from = cw_json_text_or_null(move, "from"), *to = cw_json_text_or_null(move, "to");

        cw_cli_say(cli, "  %s %s%s%s", cw_json_text_or_null(move, "product"), from != NULL ? from : "",
                   from != NULL ? " -> " : "", to != NULL ? to : "(dropped)");
    }
    json_array_foreach (json_object_get(row, "withdrawn"), i, move) {
        cw_cli_say(cli, "  %s %s withdrawn: %s", cw_json_text_or_null(move, "product"),
                   cw_json_text_or_null(move, "version"), cw_json_text_or_null(move, "reason"));
    }
}

static void add_key(struct cw_buf *what, char sign, const struct cw_keys *keys, const char *id)
{
    const struct cw_key *key = cw_keys_find(keys, id);

    if (key != NULL)
        cw_buf_addf(what, " %c '%s' (%.16s)", sign, key->name, id);
    else
        cw_buf_addf(what, " %c %.16s", sign, id);
}

static void say_keys(const struct cw_cli *cli, const struct cw_keys *keys, const json_t *row)
{
    CW_AUTO_BUF what = CW_BUF_INIT(CW_ERR_TEXT_MAX);
    const json_t *id;
    size_t i;

    json_array_foreach (json_object_get(row, "removed"), i, id)
        add_key(&what, '-', keys, json_string_value(id));
    json_array_foreach (json_object_get(row, "added"), i, id)
        add_key(&what, '+', keys, json_string_value(id));
    cw_cli_say(cli, "keys of %s:%s, threshold %lld", cw_json_text_or_null(row, "role"), cw_buf_text(&what),
               (long long)json_integer_value(json_object_get(row, "threshold")));
}

void cw_report_say(const json_t *report, const struct cw_keys *keys, const struct cw_cli *cli)
{
    char size[16];
    json_t *row;
    size_t i;

    json_array_foreach (json_object_get(report, "keys"), i, row) {
        say_keys(cli, keys, row);
    }
    json_array_foreach (json_object_get(report, "products"), i, row) {
        cw_cli_say(cli, "new product %s", json_string_value(row));
    }
    json_array_foreach (json_object_get(report, "releases"), i, row) {
        json_int_t count = json_integer_value(json_object_get(row, "artifacts"));

        cw_str_bytes((uint64_t)json_integer_value(json_object_get(row, "bytes")), size);
        cw_cli_say(cli, "release %s %s: %lld artifact%s, %s, severity %s",
                   cw_json_text_or_null(row, "product"), cw_json_text_or_null(row, "version"),
                   (long long)count, cw_str_plural((uint64_t)count), size,
                   cw_json_text_or_null(row, "severity"));
    }
    json_array_foreach (json_object_get(report, "channels"), i, row) {
        say_channel(cli, row);
    }
    json_array_foreach (json_object_get(report, "renewed"), i, row) {
        cw_cli_say(cli, "renewed %s", json_string_value(row));
    }
    json_array_foreach (json_object_get(report, "not_renewed"), i, row) {
        cw_cli_warn(cli, "not renewed: %s, which expires at %s: %s", cw_json_text_or_null(row, "role"),
                    cw_json_text_or_null(row, "expires"), cw_json_text_or_null(row, "reason"));
    }
}
