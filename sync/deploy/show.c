/* SPDX-License-Identifier: ISC */
/*
 * Words for plans: see sync/deploy/show.h.
 */
#include "sync/deploy/show.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "codec/json.h"
#include "sync/deploy/action.h"

/* What hands an artifact on is not atomic, so what it takes to take it back is of interest before. */
static void show_delivery(const struct cw_cli *cli, const json_t *delivery)
{
    const json_t *check = json_object_get(delivery, "check"), *undo = json_object_get(delivery, "undo");
    const char *stored = json_string_value(json_object_get(delivery, "stored"));
    const char *name = cw_str_basename(cw_json_text(delivery, "path"));
    char text[CW_ACTION_DESCRIBED_MAX];

    if (stored != NULL) {
        cw_cli_say(cli, "    %s %s: stays in its folder: %s", cw_json_text(delivery, "kind"), name, stored);
        return;
    }
    cw_action_describe(text, json_object_get(delivery, "send"));
    cw_cli_say(cli, "    deliver %s %s, not atomic: %s", cw_json_text(delivery, "kind"), name, text);
    if (check != NULL)
        cw_action_describe(text, check);
    cw_cli_say(cli, "      proven by: %s", check != NULL ? text : "nothing but its success");
    if (undo != NULL)
        cw_action_describe(text, undo);
    cw_cli_say(cli, "      taken back by: %s",
               undo != NULL ? text : "nothing: if it fails, a person must see to it");
}

void cw_plan_show_actions(const struct cw_cli *cli, const json_t *change)
{
    static const char *const stages[] = {"before", "stage", "check", "after", "undo"};
    char text[CW_ACTION_DESCRIBED_MAX];
    json_t *item;
    size_t i, k;

    for (i = 0; i < CW_COUNT(stages); i++) {
        if (strcmp(stages[i], "after") == 0) {
            json_array_foreach (json_object_get(change, "deliveries"), k, item)
                show_delivery(cli, item);
        }
        json_array_foreach (json_object_get(json_object_get(change, "actions"), stages[i]), k, item) {
            cw_action_describe(text, item);
            cw_cli_say(cli, "    %s: %s", stages[i], text);
        }
    }
}

/* What has to be there with it, which is why it is held with it. */
static void show_needs(const struct cw_cli *cli, const json_t *requires)
{
    const char *product;
    json_t *range;

    json_object_foreach ((json_t *) requires, product, range)
        cw_cli_say(cli, "    needs %s %s", product, json_string_value(range));
}

static void show_change(const struct cw_cli *cli, const json_t *change)
{
    const char *from = cw_json_text(change, "from"), *to = cw_json_text(change, "to");
    char bytes[16];

    cw_str_bytes((uint64_t)json_integer_value(json_object_get(change, "bytes")), bytes);
    if (to[0] == '\0')
        cw_cli_say(cli, "  %-20s %s -> (gone)   remove", cw_json_text(change, "product"), from);
    else
        cw_cli_say(cli, "  %-20s %s -> %s   %s, %s, %s, %s", cw_json_text(change, "product"),
                   from[0] != '\0' ? from : "(new)", to, cw_json_text(change, "change"),
                   cw_json_text(change, "severity"), cw_json_text(change, "platform"), bytes);
    show_needs(cli, json_object_get(change, "requires"));
    cw_plan_show_actions(cli, change);
}

static void show_glass(const struct cw_cli *cli, const json_t *glass)
{
    json_t *entry;
    size_t i;

    json_array_foreach (glass, i, entry)
        cw_cli_say(cli, "  BREAK GLASS by %s until %s: %s", cw_json_text(entry, "person"),
                   cw_json_text(entry, "expires"), cw_json_text(entry, "reason"));
}

void cw_plan_show_approvals(const struct cw_cli *cli, const json_t *plan)
{
    json_t *approval;
    size_t i;

    json_array_foreach (json_object_get(plan, "approvals"), i, approval)
        cw_cli_say(cli, "%s by %s at %s, until %s%s%s",
                   strcmp(cw_json_text(approval, "action"), "approve") == 0 ? "approved"
                                                                            : "break-glass signed",
                   cw_json_text(approval, "person"), cw_json_text(approval, "time"),
                   cw_json_text(approval, "expires"), cw_json_text(approval, "reason")[0] != '\0' ? ": " : "",
                   cw_json_text(approval, "reason"));
}

static void show_unit(const struct cw_cli *cli, const json_t *unit)
{
    const json_t *decision = json_object_get(unit, "decision"), *change;
    char why[1024];
    size_t i;

    cw_plan_why(why, unit);
    cw_cli_say(cli, "%s%s: %s", cw_json_text(unit, "upstream"),
               json_is_true(json_object_get(unit, "independent")) ? " (independent)" : "",
               why[0] == '\0' ? "may be applied" : why);
    if (strcmp(cw_json_text(decision, "verdict"), "accept") == 0)
        cw_cli_say(cli, "  accepted by policy%s%s", cw_json_text(decision, "reason")[0] != '\0' ? ": " : "",
                   cw_json_text(decision, "reason"));
    show_glass(cli, json_object_get(unit, "break_glass"));
    json_array_foreach (json_object_get(unit, "changes"), i, change)
        show_change(cli, change);
}

void cw_plan_show(const struct cw_cli *cli, const json_t *plan)
{
    long long generation = (long long)json_integer_value(json_object_get(plan, "generation"));
    json_t *item;
    char bytes[16];
    size_t i;

    if (cw_plan_units(plan) == 0) {
        cw_cli_say(cli, "nothing to do: generation %lld is what the channels ask for", generation);
        return;
    }
    cw_str_bytes((uint64_t)json_integer_value(json_object_get(plan, "bytes")), bytes);
    cw_cli_say(cli, "plan %.*s for site %s, from generation %lld, %s", CW_PLAN_SHORT,
               cw_json_text(plan, "id"), cw_json_text(plan, "site"), generation, bytes);
    json_array_foreach (json_object_get(plan, "upstreams"), i, item)
        cw_cli_say(cli, "%s/%s serial %lld", cw_json_text(item, "upstream"), cw_json_text(item, "channel"),
                   (long long)json_integer_value(json_object_get(item, "serial")));
    json_array_foreach (json_object_get(plan, "units"), i, item)
        show_unit(cli, item);
    cw_plan_show_approvals(cli, plan);
}

void cw_plan_show_waiting(const struct cw_cli *cli, const json_t *plan)
{
    char why[1024];
    json_t *unit, *change;
    size_t i;

    json_array_foreach (json_object_get(plan, "units"), i, unit) {
        cw_plan_why(why, unit);
        if (why[0] == '\0')
            continue;
        change = json_array_get(json_object_get(unit, "changes"), 0);
        if (json_is_true(json_object_get(unit, "independent")))
            cw_cli_say(cli, "  %s of %s: %s", cw_json_text(change, "product"), cw_json_text(unit, "upstream"),
                       why);
        else
            cw_cli_say(cli, "  %s: %s", cw_json_text(unit, "upstream"), why);
    }
}
