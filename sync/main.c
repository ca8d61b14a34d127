/* SPDX-License-Identifier: ISC */
/*
 * causeway-sync: mirrors and verifies a tree, and applies what the site's policy wants.
 * This file only finds the command; each command lives in its cmd_<verb>.c.
 */
#include <config.h>

#include <stdio.h>
#include <string.h>

static int usage(FILE *out)
{
    fputs("usage: causeway-sync [--help | --version] COMMAND ...\n", out);
    return out == stdout ? 0 : 2;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return usage(stderr);
    if (!strcmp(argv[1], "--help"))
        return usage(stdout);
    if (!strcmp(argv[1], "--version")) {
        puts("causeway-sync " PACKAGE_VERSION);
        return 0;
    }
    fprintf(stderr, "causeway-sync: unknown command '%s'; see causeway-sync --help\n", argv[1]);
    return 2;
}
