/* SPDX-License-Identifier: ISC */
/*
 * From argv to one command's function and back to an exit code. Options may stand before or behind the
 * arguments; the words common to all commands are rows of a table like any other option.
 */
#include "cli/cli.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/help.h"
#include "cli/say.h"

/* What the common options set, before it is checked. */
struct common {
    const char *progress;
    bool help, version;
};

struct parser {
    struct cw_cli *cli;
    struct common common;
    struct cw_option shared[8]; /* the common options, a table of their own */
    char **args;                /* arguments found so far; args[0] is the command's name */
    int arg_count;
    bool options_ended;
};

static void fill_shared(struct parser *p)
{
    const struct cw_option rows[] = {
        {CW_OPTION_STRING, "C", &p->cli->folder, "DIR", "work in this folder"},
        {CW_OPTION_FLAG, "json", &p->cli->json, NULL, "print one JSON document"},
        {CW_OPTION_FLAG, "quiet", &p->cli->quiet, NULL, "print errors and warnings only"},
        {CW_OPTION_STRING, "progress", &p->common.progress, "auto|json|none", "how to show progress"},
        {CW_OPTION_FLAG, "help", &p->common.help, NULL, "print this help"},
        {CW_OPTION_FLAG, "version", &p->common.version, NULL, "print the version"},
        {CW_OPTION_FLAG, "dry-run", &p->cli->dry_run, NULL, "say what would be done, change nothing"},
        {.kind = CW_OPTION_END},
    };

    _Static_assert(sizeof rows == sizeof p->shared, "one row each");
    memcpy(p->shared, rows, sizeof rows);
}

static const struct cw_option *find_in(const struct cw_option *table, const char *name, size_t len)
{
    for (; table != NULL && table->kind != CW_OPTION_END; table++) {
        if (strlen(table->name) == len && memcmp(table->name, name, len) == 0)
            return table;
    }
    return NULL;
}

static const struct cw_option *find_option(const struct parser *p, const char *name, size_t len)
{
    const struct cw_command *command = p->cli->command;
    const struct cw_option *found = command != NULL ? find_in(command->options, name, len) : NULL;

    if (found == NULL)
        found = find_in(p->shared, name, len);
    if (found != NULL && found->value == &p->cli->dry_run && command != NULL && !command->dry_run)
        return NULL;
    return found;
}

static int unknown_option(const struct parser *p, const char *word, struct cw_err *err)
{
    const char *names[64];
    const char *near;
    size_t count = 0;
    const struct cw_option *row;

    for (row = p->cli->command != NULL ? p->cli->command->options : NULL;
         row != NULL && row->kind != CW_OPTION_END; row++) {
        if (count < CW_COUNT(names) - 8)
            names[count++] = row->name;
    }
    for (row = p->shared; row->kind != CW_OPTION_END; row++) {
        if (find_option(p, row->name, strlen(row->name)) != NULL)
            names[count++] = row->name;
    }
    names[count] = NULL;
    near = cw_str_nearest(word + strspn(word, "-"), names);
    if (near != NULL)
        return cw_err_set(err, CW_E_USAGE, "unknown option '%s' (did you mean '--%s'?)", word, near);
    return cw_err_set(err, CW_E_USAGE, "unknown option '%s'; see '%s%s%s --help'", word,
                      p->cli->program->name, p->cli->command != NULL ? " " : "",
                      p->cli->command != NULL ? p->cli->command->name : "");
}

static int set_list(const struct cw_option *option, const char *text, struct cw_err *err)
{
    struct cw_cli_list *list = option->value;

    if (list->count == CW_CLI_LIST_MAX)
        return cw_err_set(err, CW_E_USAGE, "'--%s' is given more than %d times", option->name,
                          CW_CLI_LIST_MAX);
    list->items[list->count++] = text;
    return CW_OK;
}

static int set_value(const struct cw_option *option, const char *text, struct cw_err *err)
{
    int64_t seconds;

    switch (option->kind) {
    case CW_OPTION_STRING:
        *(const char **)option->value = text;
        return CW_OK;
    case CW_OPTION_NUMBER:
        if (!cw_str_to_u64(text, INT64_MAX, option->value))
            return cw_err_set(err, CW_E_USAGE, "'--%s' takes a whole number, not '%s'", option->name, text);
        return CW_OK;
    case CW_OPTION_DURATION:
        if (cw_duration_parse(&seconds, text, err) != CW_OK) {
            cw_err_prefix(err, "'--%s'", option->name);
            return err->code = CW_E_USAGE;
        }
        *(int64_t *)option->value = seconds;
        return CW_OK;
    case CW_OPTION_LIST:
        return set_list(option, text, err);
    case CW_OPTION_FLAG:
    case CW_OPTION_END:
        break;
    }
    return CW_OK;
}

/* "--name", "--name=value", "--name value", "-C value": *next is the argument behind, used up where it is
 * taken. */
static int parse_option(struct parser *p, const char *word, char **next, bool *used_next, struct cw_err *err)
{
    const char *name = word + 1 + (word[1] == '-');
    size_t len = strcspn(name, "=");
    const struct cw_option *option;

    *used_next = false;
    if (strcmp(word, "-q") == 0 || strcmp(word, "-h") == 0) {
        option = find_option(p, word[1] == 'q' ? "quiet" : "help", word[1] == 'q' ? 5 : 4);
        len = 1;
    } else {
        bool is_short = word[1] != '-';

        option = find_option(p, name, len);
        if (option != NULL && is_short != (option->value == &p->cli->folder))
            option = NULL;
    }
    if (option == NULL)
        return unknown_option(p, word, err);
    if (option->kind == CW_OPTION_FLAG) {
        if (name[len] == '=')
            return cw_err_set(err, CW_E_USAGE, "'--%s' takes no value", option->name);
        *(bool *)option->value = true;
        return CW_OK;
    }
    if (name[len] == '=')
        return set_value(option, name + len + 1, err);
    if (*next == NULL)
        return cw_err_set(err, CW_E_USAGE, "'%s' needs a value: %s", word, option->arg);
    *used_next = true;
    return set_value(option, *next, err);
}

static int find_command(struct parser *p, const char *word, struct cw_err *err)
{
    const struct cw_command *row;
    const char *names[64];
    const char *near;
    size_t count = 0;

    for (row = p->cli->program->commands; row->name != NULL; row++) {
        if (strcmp(row->name, word) == 0) {
            p->cli->command = row;
            return CW_OK;
        }
        if (count < CW_COUNT(names) - 1)
            names[count++] = row->name;
    }
    names[count] = NULL;
    near = cw_str_nearest(word, names);
    if (near != NULL)
        return cw_err_set(err, CW_E_USAGE, "unknown command '%s' (did you mean '%s'?)", word, near);
    return cw_err_set(err, CW_E_USAGE, "unknown command '%s'; see '%s --help'", word, p->cli->program->name);
}

static int parse_word(struct parser *p, char **word, int *used, struct cw_err *err)
{
    bool used_next = false;
    int rc = CW_OK;

    *used = 1;
    if (!p->options_ended && strcmp(*word, "--") == 0) {
        p->options_ended = true;
    } else if (!p->options_ended && (*word)[0] == '-' && (*word)[1] != '\0') {
        rc = parse_option(p, *word, word + 1, &used_next, err);
        *used += used_next;
    } else {
        if (p->arg_count == 0)
            rc = find_command(p, *word, err);
        p->args[p->arg_count++] = *word;
    }
    return rc;
}

static int check_arguments(const struct parser *p, struct cw_err *err)
{
    const struct cw_command *command = p->cli->command;
    int count = p->arg_count - 1;

    if (command == NULL)
        return cw_err_set(err, CW_E_USAGE, "no command given; see '%s --help'", p->cli->program->name);
    if (count < command->min_args || (command->max_args >= 0 && count > command->max_args))
        return cw_err_set(err, CW_E_USAGE, "usage: %s %s%s%s", p->cli->program->name, command->name,
                          command->args[0] != '\0' ? " " : "", command->args);
    if (p->cli->dry_run && !command->dry_run) /* it stood before the command */
        return cw_err_set(err, CW_E_USAGE, "'%s %s' takes no '--dry-run'", p->cli->program->name,
                          command->name);
    return CW_OK;
}

static int check_progress(struct parser *p, struct cw_err *err)
{
    static const char *const words[] = {"auto", "json", "none"};
    size_t i;

    p->cli->progress = p->cli->quiet ? CW_PROGRESS_NONE : CW_PROGRESS_AUTO;
    if (p->common.progress == NULL)
        return CW_OK;
    for (i = 0; i < CW_COUNT(words); i++) {
        if (strcmp(words[i], p->common.progress) == 0) {
            p->cli->progress = (enum cw_progress_mode)i;
            return CW_OK;
        }
    }
    return cw_err_set(err, CW_E_USAGE, "'--progress' takes auto, json or none, not '%s'", p->common.progress);
}

static int run(struct parser *p, int argc, char **argv, struct cw_err *err)
{
    int i, used, rc = CW_OK;

    for (i = 1; i < argc && rc == CW_OK; i += used)
        rc = parse_word(p, argv + i, &used, err);
    if (rc == CW_OK && p->common.version) {
        cw_help_version(p->cli->program);
        return CW_OK;
    }
    if (p->common.help || argc < 2) {
        cw_help_print(p->cli->program, p->cli->command, p->shared);
        return argc < 2 ? cw_err_set(err, CW_E_USAGE, "no command given") : CW_OK;
    }
    if (rc == CW_OK)
        rc = check_progress(p, err);
    if (rc == CW_OK)
        rc = check_arguments(p, err);
    if (rc == CW_OK && p->cli->folder == NULL)
        p->cli->folder = getenv(p->cli->program->folder_env);
    return rc != CW_OK ? rc : p->cli->command->run(p->cli, p->arg_count, p->args, err);
}

int cw_cli_main(const struct cw_program *program, int argc, char **argv)
{
    struct cw_cli cli = {.program = program};
    struct parser parser = {.cli = &cli};
    struct cw_err err = {.code = CW_OK};
    int rc;

    /* A reader that went away (a pager, a jailed child) is an error of that write, not the end of an
     * apply. */
    signal(SIGPIPE, SIG_IGN);
    /* Some supervisors ignore it, and then nobody learns how a child ended: a check that passed would look
     * like one that hangs. */
    signal(SIGCHLD, SIG_DFL);
    fill_shared(&parser);
    parser.args = calloc((size_t)argc + 1, sizeof *parser.args);
    rc = parser.args == NULL ? cw_err_nomem(&err) : run(&parser, argc, argv, &err);
    if (rc != CW_OK && cli.command != NULL && cli.command->fails_with_1)
        rc = err.code = CW_E_FAIL;
    if (rc != CW_OK)
        cw_say_error(&cli, &err);
    if (fflush(stdout) != 0 && rc == CW_OK) {
        rc = cw_err_set(&err, CW_E_FAIL, "unable to write to standard output");
        cw_say_error(&cli, &err);
    }
    free(parser.args);
    return cw_err_exit_code(rc);
}
