/* SPDX-License-Identifier: ISC */
/*
 * What both programs' command lines share: tables of commands and options, the words common to all commands
 * (-C, --json, -q, --dry-run, --progress, --help), messages, exit codes. A command is one row of a table and
 * one function; its help text comes from the same rows.
 *
 * Standard output carries what the command was asked for; everything else goes to standard error.
 */
#ifndef CW_CLI_CLI_H
#define CW_CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define CW_CLI_LIST_MAX 256 /* values of one option that may be repeated */

enum cw_option_kind {
    CW_OPTION_END,      /* ends a table */
    CW_OPTION_FLAG,     /* bool * */
    CW_OPTION_STRING,   /* const char ** */
    CW_OPTION_NUMBER,   /* uint64_t * */
    CW_OPTION_DURATION, /* int64_t *, seconds: "30d" */
    CW_OPTION_LIST,     /* struct cw_cli_list *: may be repeated */
};

struct cw_cli_list {
    const char *items[CW_CLI_LIST_MAX];
    size_t count;
};

struct cw_option {
    enum cw_option_kind kind;
    const char *name; /* without the dashes */
    void *value;      /* of the kind's type; keeps its value when the option is not given */
    const char *arg;  /* "FILE"; NULL for a flag */
    const char *help; /* one line, lower case, no full stop */
};

struct cw_cli;

struct cw_command {
    const char *name; /* NULL ends a table */
    const char *args; /* "CATALOG…", "[GENERATION]", "" */
    const char *help; /* one line */
    int (*run)(struct cw_cli *cli, int argc, char **argv,
               struct cw_err *err);  /* argv[0] is the command's name */
    const struct cw_option *options; /* may be NULL */
    int min_args, max_args;          /* max_args -1: any number */
    bool dry_run;                    /* takes --dry-run */
    bool fails_with_1;               /* whatever fails, its exit code is 1: for callers that know no other */
};

struct cw_program {
    const char *name;       /* "causeway-gen" */
    const char *summary;    /* one line */
    const char *folder;     /* what -C names: "repository", "site" */
    const char *folder_env; /* "CAUSEWAY_REPO" */
    const struct cw_command *commands;
};

enum cw_progress_mode { CW_PROGRESS_AUTO, CW_PROGRESS_JSON, CW_PROGRESS_NONE };

struct cw_cli {
    const struct cw_program *program;
    const struct cw_command *command;
    const char *folder; /* -C DIR or the environment's; NULL: search upward from the working folder */
    bool json, quiet, dry_run;
    enum cw_progress_mode progress;
};

/* All of a program: finds the command, reads options (before or behind the arguments, "--" ends them), checks
 * the number of arguments, runs it with argv holding the arguments only (argv[0] the command, then
 * arguments), prints the error if there is one ("causeway-gen: …", or {"error":…,"code":…} on standard output
 * with --json), and gives the exit code. */
int cw_cli_main(const struct cw_program *program, int argc, char **argv);

/* A line for the person on standard output; nothing with -q or --json. */
void cw_cli_say(const struct cw_cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A line on standard error that does not end the command: "causeway-gen: warning: …". Also with -q. */
void cw_cli_warn(const struct cw_cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The command's one JSON document on standard output, with --json only. doc stays the caller's. */
int cw_cli_json(const struct cw_cli *cli, const json_t *doc, struct cw_err *err);

/* Finds the folder a command works in: cli->folder, or the nearest folder at or above the working folder that
 * holds `marker`. The caller closes *fd. CW_E_USAGE naming -C and the variable when there is none. */
int cw_cli_open_folder(int *fd, const struct cw_cli *cli, const char *marker, struct cw_err *err);

#define CW_PROGRESS_MARKS 16

/* A bar on a terminal, JSON lines with --progress=json, else nothing. total 0: unknown, the bar is one of files where these are
 * counted. Redrawn at most ten times a second. The rate is that of the last seconds, so what an earlier run left, which is only
 * read again, and a line that was better before do not make the time left a wrong one for long. */
struct cw_progress {
    const struct cw_cli *cli;
    const char *what; /* borrowed: "pulling" */
    uint64_t total;   /* bytes */
    uint64_t done;
    uint64_t files_done, files_total; /* files_total 0: they are not counted; set after the start */
    int64_t started_ns, drawn_ns;
    struct {
        int64_t ns;
        uint64_t done;
    } marks[CW_PROGRESS_MARKS]; /* a ring: how far it was when */
    unsigned mark_count;        /* ever made */
    bool shown;
};
void cw_progress_start(struct cw_progress *progress, const struct cw_cli *cli, const char *what,
                       uint64_t total);
void cw_progress_add(struct cw_progress *progress, uint64_t bytes);
/* So many more files are done; drawn with the next bytes. */
void cw_progress_files(struct cw_progress *progress, uint64_t files);
void cw_progress_end(struct cw_progress *progress);

#endif
