/* SPDX-License-Identifier: ISC */
/*
 * causeway-gen: turns a catalog of builds into a signed tree.
 * This file only finds the command; each command lives in its cmd_<verb>.c.
 */
#include <config.h>

#include <stdio.h>
#include <string.h>

static int usage(FILE *out)
{
    fputs("usage: causeway-gen [--help | --version] COMMAND ...\n", out);
    return out == stdout ? 0 : 2;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return usage(stderr);
    if (!strcmp(argv[1], "--help"))
        return usage(stdout);
    if (!strcmp(argv[1], "--version")) {
        puts("causeway-gen " PACKAGE_VERSION);
        return 0;
    }
    fprintf(stderr, "causeway-gen: unknown command '%s'; see causeway-gen --help\n", argv[1]);
    return 2;
}
