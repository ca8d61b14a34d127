/* SPDX-License-Identifier: ISC */
/*
 * Printing what the tables say.
 */
#include "cli/help.h"

#include <stdio.h>
#include <string.h>

#include <config.h>

#define COLUMN 30 /* where the explanations start */

/* What is too long for the column has its explanation on the next line. */
static void print_row(int width, const char *help)
{
    if (width >= COLUMN) {
        printf("\n");
        width = 0;
    }
    printf("%*s%s\n", COLUMN - width, "", help);
}

static void print_option(const struct cw_option *option)
{
    bool brief = strcmp(option->name, "quiet") == 0 || strcmp(option->name, "help") == 0;
    const char *dashes = strlen(option->name) == 1 ? "-" : "--";

    /* The two that have a letter too; see cli.c. */
    print_row((brief ? printf("  -%c, ", option->name[0]) : printf("  ")) +
                  printf("%s%s%s%s", dashes, option->name, option->arg != NULL ? " " : "",
                         option->arg != NULL ? option->arg : ""),
              option->help);
}

/* A command's own option goes before a common one of its name. */
static bool is_own(const struct cw_option *own, const char *name)
{
    for (; own != NULL && own->kind != CW_OPTION_END; own++) {
        if (strcmp(own->name, name) == 0)
            return true;
    }
    return false;
}

static void print_options(const char *title, const struct cw_option *options, const struct cw_option *own,
                          bool dry_run)
{
    if (options == NULL || options->kind == CW_OPTION_END)
        return;
    printf("\n%s:\n", title);
    for (; options->kind != CW_OPTION_END; options++) {
        if ((dry_run || strcmp(options->name, "dry-run") != 0) && !is_own(own, options->name))
            print_option(options);
    }
}

static void print_command(const struct cw_program *program, const struct cw_command *command,
                          const struct cw_option *shared)
{
    printf("usage: %s %s [options]%s%s\n\n%s\n", program->name, command->name,
           command->args[0] != '\0' ? " " : "", command->args, command->help);
    print_options("options", command->options, NULL, true);
    print_options("common options", shared, command->options, command->dry_run);
    printf("\nThe %s is found upward from the working folder, or by -C DIR or %s.\nSee %s(1).\n",
           program->folder, program->folder_env, program->name);
}

static void print_program(const struct cw_program *program, const struct cw_option *shared)
{
    const struct cw_command *command;

    printf("usage: %s COMMAND [options] [arguments]\n\n%s\n\ncommands:\n", program->name, program->summary);
    for (command = program->commands; command->name != NULL; command++) {
        print_row(printf("  %s %s", command->name, command->args), command->help);
    }
    print_options("common options", shared, NULL, true);
    printf("\n'%s COMMAND --help' tells more; %s(1) tells all.\n", program->name, program->name);
}

void cw_help_print(const struct cw_program *program, const struct cw_command *command,
                   const struct cw_option *shared)
{
    if (command != NULL)
        print_command(program, command, shared);
    else
        print_program(program, shared);
}

void cw_help_version(const struct cw_program *program)
{
    printf("%s %s\n", program->name, PACKAGE_VERSION);
}
