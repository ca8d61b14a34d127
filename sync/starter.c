/* SPDX-License-Identifier: ISC */
/*
 * Text of a new site's two Lua files.
 */
#include "sync/starter.h"

#include <string.h>

#include "base/str.h"

/* A Lua string: quotes and backslashes escaped, control characters as decimal escapes. */
static void add_string(struct cw_buf *buf, const char *text)
{
    cw_buf_addc(buf, '"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            cw_buf_addc(buf, '\\');
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            cw_buf_addf(buf, "\\%03u", (unsigned)*text);
        else
            cw_buf_addc(buf, *text);
    }
    cw_buf_addc(buf, '"');
}

static void add_list(struct cw_buf *buf, const struct cw_cli_list *list)
{
    size_t i;

    cw_buf_adds(buf, "{ ");
    for (i = 0; i < list->count; i++) {
        if (i > 0)
            cw_buf_adds(buf, ", ");
        add_string(buf, list->items[i]);
    }
    cw_buf_adds(buf, " }");
}

static void add_sources(struct cw_buf *buf, const struct cw_cli_list *sources)
{
    size_t i;

    cw_buf_adds(buf, "      -- Asked in this order; the first that answers is taken. removable "
                     "\"/media/*/causeway\" is a pattern of\n"
                     "      -- folders in which sticks appear.\n"
                     "      sources = {\n");
    for (i = 0; i < sources->count; i++) {
        const char *source = sources->items[i];

        cw_buf_adds(buf, "        ");
        if (source[0] == '/' && strpbrk(source, "*?[") != NULL)
            cw_buf_adds(buf, "removable ");
        add_string(buf, source);
        cw_buf_adds(buf, ",\n");
    }
    cw_buf_adds(buf, "      },\n");
}

static void add_upstream(struct cw_buf *buf, const struct cw_starter *starter)
{
    cw_buf_adds(buf, "    [");
    add_string(buf, starter->upstream);
    cw_buf_adds(buf, "] = {\n");
    add_sources(buf, starter->sources);
    cw_buf_adds(buf,
                "\n      -- The channel whose releases are taken, always as a whole set.\n      channel = ");
    add_string(buf, starter->channel);
    cw_buf_adds(buf, ",\n\n      -- Patterns of products; all of the channel's when left out.\n");
    cw_buf_adds(buf, starter->products->count > 0 ? "      products = "
                                                  : "      -- products = { \"gateway\", \"plc-*\" }");
    if (starter->products->count > 0)
        add_list(buf, starter->products);
    cw_buf_adds(buf, ",\n\n      -- The machines here, the preferred first; all platforms when left out.\n");
    cw_buf_adds(buf, starter->platforms->count > 0 ? "      platforms = "
                                                   : "      -- platforms = { \"linux-amd64\" }");
    if (starter->platforms->count > 0)
        add_list(buf, starter->platforms);
    cw_buf_adds(buf, ",\n\n      -- How far past its expiry metadata may still enter, by kind of source; "
                     "each use is logged.\n"
                     "      -- grace = { http = \"0s\", folder = \"7d\", removable = \"30d\" },\n"
                     "    },\n");
}

int cw_starter_site(struct cw_buf *buf, const struct cw_starter *starter, struct cw_err *err)
{
    cw_buf_adds(buf, "-- site.lua: what this site is, and whose software it takes from where. It returns one "
                     "table; what the site then\n"
                     "-- does with a verified set is decided in policy.lua. See causeway-policy(7).\n"
                     "return {\n  site = ");
    add_string(buf, starter->site);
    cw_buf_adds(buf, ",\n\n  upstreams = {\n");
    add_upstream(buf, starter);
    cw_buf_adds(buf, "  },\n\n"
                     "  -- Where releases are installed; without it this site only mirrors.\n");
    if (starter->install != NULL) {
        cw_buf_adds(buf, "  install = { root = ");
        add_string(buf, starter->install);
        cw_buf_adds(buf, " },\n");
    } else {
        cw_buf_adds(buf, "  -- install = { root = \"/opt/plant\" },\n");
    }
    cw_buf_adds(buf, "}\n");
    return cw_buf_check(buf, "site.lua", err);
}

/* The lines of the file, as they will be read. */
/* clang-format off */
int cw_starter_policy(struct cw_buf *buf, struct cw_err *err)
{
    cw_buf_adds(buf,
                "-- policy.lua: what this site does with a set that was verified. decide() is asked for every plan and only says what is\n"
                "-- meant; it has no files, no clock, no commands. Its answers:\n"
                "--   accept \"reason\"\n"
                "--   accept { reason = \"…\", window = \"Sat 02:00-06:00 Europe/Berlin\", not_before = \"2030-01-01T00:00:00Z\" }\n"
                "--   hold \"reason\"      not now; the next plan asks again\n"
                "--   reject \"reason\"    never this set\n"
                "function decide(set, site)\n"
                "  for _, release in ipairs(set.releases) do\n"
                "    -- Going back to an older version is for a person to decide.\n"
                "    if release.change == \"downgrade\" then\n"
                "      return hold(release.product .. \" would go back from \" .. release.from .. \" to \" .. release.version)\n"
                "    end\n"
                "  end\n"
                "  -- To wait for a window: if set.severity ~= \"critical\" then return accept { window = \"…\" } end\n"
                "  return accept(\"verified, and no downgrade\")\n"
                "end\n"
                "\n"
                "-- check() is asked for each release after the switch, and lists commands that must succeed; if one fails, the site goes\n"
                "-- back by itself.\n"
                "function check(release)\n"
                "  -- return { run { release.dir .. \"/bin/selftest\", timeout = \"60s\" } }\n"
                "  return {}\n"
                "end\n");
    return cw_buf_check(buf, "policy.lua", err);
}
/* clang-format on */
