/* SPDX-License-Identifier: ISC */
/*
 * The rehearsal of a ceremony; see gen/rehearse.h. Each step is this program run with the words that are shown.
 */
#include "gen/rehearse.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "codec/json.h"
#include "fs/commit.h"
#include "fs/walk.h"
#include "gen/client.h"
#include "tree/layout.h"

#define SELF "/proc/self/exe"
#define WORDS_MAX 512 /* of one command: three for each of a role's keys, and some */
#define NEW "root-new"
#define END ((const char *)NULL) /* of a command's words */

struct rehearsal {
    const struct cw_cli *cli;
    const struct cw_first *first;
    int dir; /* of all of it */
    const char *path;
    char *words[WORDS_MAX + 1]; /* of the command being composed; owned */
    size_t count;
    int rc; /* the first failure of composing */
};

/* ---- commands ---- */

static void clear_words(struct rehearsal *r)
{
    while (r->count > 0)
        free(r->words[--r->count]);
    r->words[0] = NULL;
}

__attribute__((format(printf, 2, 3))) static void word(struct rehearsal *r, const char *fmt, ...)
{
    char text[CW_PATH_MAX];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (r->count == WORDS_MAX || (r->words[r->count] = strdup(text)) == NULL) {
        r->rc = CW_E_NOMEM;
        return;
    }
    r->words[++r->count] = NULL;
}

/* Begins a command of this program: its words, up to a NULL. */
static void command(struct rehearsal *r, const char *verb, ...)
{
    const char *text = verb;
    va_list args;

    clear_words(r);
    word(r, "%s", r->cli->program->name);
    va_start(args, verb);
    for (; text != NULL; text = va_arg(args, const char *))
        word(r, "%s", text);
    va_end(args);
}

static void show(const struct rehearsal *r)
{
    CW_AUTO_BUF line = CW_BUF_INIT((size_t)64 << 10);
    size_t i;

    for (i = 0; i < r->count; i++)
        cw_buf_addf(&line, " %s", r->words[i]);
    cw_cli_say(r->cli, "\n$%s", cw_buf_text(&line));
}

/* In the child; does not return. */
static void become(struct rehearsal *r)
{
    if (r->cli->quiet || r->cli->json)
        word(r, "-q");
    if (r->rc == CW_OK && fchdir(r->dir) == 0)
        execv(SELF, r->words);
    _exit(127);
}

/* Runs it in the rehearsal's folder; another exit code than the one expected ends the rehearsal. */
static int run(struct rehearsal *r, int expected, struct cw_err *err)
{
    int status = 0;
    pid_t pid;

    if (r->rc != CW_OK)
        return cw_err_nomem(err);
    show(r);
    fflush(stdout);
    pid = fork();
    if (pid == 0)
        become(r);
    if (pid < 0)
        return cw_err_errno(err, errno, "unable to start a process");
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return cw_err_errno(err, errno, "unable to learn how a command ended");
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == expected)
        return CW_OK;
    return cw_err_set(err, CW_E_FAIL, "the rehearsal failed: '%s %s' ended with %d, not with %d", r->words[0],
                      r->words[1], WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
                      expected);
}

/* ---- folders ---- */

struct copying {
    int dir;
    const char *from, *to;
};

static int copy_one(void *ctx, const char *path, const struct stat *st, struct cw_err *err)
{
    const struct copying *c = ctx;
    CW_AUTO_BUF bytes = CW_BUF_INIT(CW_TUF_TARGETS_MAX);
    char from[CW_PATH_MAX * 2], to[CW_PATH_MAX * 2];
    int rc;

    if (!S_ISREG(st->st_mode))
        return CW_OK;
    snprintf(from, sizeof from, "%s/%s", c->from, path);
    snprintf(to, sizeof to, "%s/%s", c->to, path);
    rc = cw_at_read_file(&bytes, c->dir, from, err);
    return rc == CW_OK ? cw_file_write(c->dir, to, cw_buf_text(&bytes), bytes.len, 0644, err) : rc;
}

/* As cp -r does, which is what people carry by. */
static int copy_folder(const struct rehearsal *r, const char *from, const char *to, struct cw_err *err)
{
    struct copying c = {.dir = r->dir, .from = from, .to = to};
    int rc = cw_remove_tree(r->dir, to, err);

    cw_cli_say(r->cli, "\n$ cp -r %s %s", from, to);
    return rc == CW_OK ? cw_walk(r->dir, from, copy_one, &c, err) : rc;
}

/* ---- the people ---- */

static bool holds(const struct cw_quorum *quorum, unsigned person)
{
    return person <= quorum->keys;
}

static int make_key(struct rehearsal *r, const char *role, unsigned person, struct cw_err *err)
{
    command(r, "key", "new", END);
    word(r, "%s-%u", role, person);
    word(r, "--to");
    word(r, "person-%u", person);
    word(r, "--insecure-plain-keys");
    return run(r, 0, err);
}

static int make_keys(struct rehearsal *r, struct cw_err *err)
{
    unsigned i;
    int rc = CW_OK;

    cw_cli_say(r->cli, "each person makes keys on a machine of their own (really: with a passphrase)");
    for (i = 1; rc == CW_OK && (holds(&r->first->root, i) || holds(&r->first->targets, i)); i++) {
        if (holds(&r->first->root, i))
            rc = make_key(r, "root", i, err);
        if (rc == CW_OK && holds(&r->first->targets, i))
            rc = make_key(r, "targets", i, err);
    }
    return rc;
}

/* Carries the folder to a person, who signs with the keys that he has. */
static int sign(struct rehearsal *r, unsigned person, bool targets, struct cw_err *err)
{
    char copy[64];
    int rc;

    snprintf(copy, sizeof copy, "person-%u/to-sign", person);
    rc = copy_folder(r, "vendor/ceremony/to-sign", copy, err);
    command(r, "sign", copy, "--yes", END);
    if (holds(&r->first->root, person)) {
        word(r, "--key");
        word(r, "person-%u/root-%u.key", person, person);
    }
    if (targets && holds(&r->first->targets, person)) {
        word(r, "--key");
        word(r, "person-%u/targets-%u.key", person, person);
    }
    return rc == CW_OK ? run(r, 0, err) : rc;
}

static int sign_all(struct rehearsal *r, unsigned from, unsigned to, bool targets, struct cw_err *err)
{
    unsigned i;
    int rc = CW_OK;

    for (i = from; i <= to && rc == CW_OK; i++)
        rc = sign(r, i, targets, err);
    return rc;
}

/* ---- the client ---- */

static int check_client(struct rehearsal *r, int64_t expected, struct cw_err *err)
{
    CW_AUTO_FD int trust = -1;
    CW_AUTO_FD int tree = -1;
    CW_AUTO_BUF root = CW_BUF_INIT(CW_TUF_ROOT_MAX);
    bool began = false;
    int64_t version = 0;
    int rc = cw_at_make_dir(&trust, r->dir, "client", err);

    if (rc == CW_OK)
        rc = cw_at_open_dir(&tree, r->dir, "vendor/tree", err);
    if (rc == CW_OK)
        rc = cw_at_has(&began, trust, "root.json", err);
    if (rc == CW_OK && !began)
        rc = cw_at_read_file(&root, tree, "metadata/1.root.json", err);
    if (rc == CW_OK && !began)
        rc = cw_file_write(trust, "root.json", root.data, root.len, 0644, err);
    if (rc == CW_OK)
        rc = cw_client_refresh(&version, trust, tree, cw_clock_now(), err);
    if (rc == CW_OK && version != expected)
        rc = cw_err_set(err, CW_E_VERIFY, "it trusts root %lld, not %lld", (long long)version,
                        (long long)expected);
    if (rc != CW_OK)
        return cw_err_prefix(err, "the rehearsal failed: a client refuses the tree");
    cw_cli_say(r->cli, "\na client %s: it verified every role, and trusts root %lld",
               began ? "that trusted what was before refreshes" : "begins with the first root",
               (long long)version);
    return CW_OK;
}

/* ---- the two ceremonies ---- */

static unsigned larger(uint64_t a, uint64_t b)
{
    return (unsigned)(a > b ? a : b); /* at most CW_KEYS_ROLE_MAX */
}

static int init(struct rehearsal *r, struct cw_err *err)
{
    const struct cw_first *first = r->first;
    size_t i;

    command(r, "init", "vendor", "--insecure-plain-keys", END);
    for (i = 1; i <= first->root.keys; i++) {
        word(r, "--root-key");
        word(r, "person-%zu/root-%zu.pub", i, i);
    }
    word(r, "--root-threshold");
    word(r, "%" PRIu64, first->root.threshold);
    for (i = 1; i <= first->targets.keys; i++) {
        word(r, "--targets-key");
        word(r, "person-%zu/targets-%zu.pub", i, i);
    }
    word(r, "--targets-threshold");
    word(r, "%" PRIu64, first->targets.threshold);
    for (i = 0; i < first->channel_count; i++) {
        word(r, "--channel");
        word(r, "%s", first->channels[i]);
    }
    return run(r, 0, err);
}

static void bring_back(struct rehearsal *r, unsigned from, unsigned to)
{
    unsigned i;

    command(r, "-C", "vendor", "publish", END);
    for (i = from; i <= to; i++)
        word(r, "person-%u/to-sign", i);
}

static int first_ceremony(struct rehearsal *r, struct cw_err *err)
{
    unsigned most = larger(r->first->root.threshold, r->first->targets.threshold);
    int rc = make_keys(r, err);

    if (rc == CW_OK)
        rc = init(r, err);
    if (rc == CW_OK)
        rc = sign_all(r, 1, most, true, err);
    bring_back(r, 1, most);
    if (rc == CW_OK)
        rc = run(r, 0, err);
    return rc == CW_OK ? check_client(r, 1, err) : rc;
}

static int stage_rotation(struct rehearsal *r, struct cw_err *err)
{
    int rc;

    cw_cli_say(r->cli, "\nthe first root key is lost, and another one takes its place");
    command(r, "key", "new", NEW, "--to", "person-new", "--insecure-plain-keys", END);
    rc = run(r, 0, err);
    command(r, "-C", "vendor", "key", "import", NEW, "person-new/" NEW ".pub", END);
    if (rc == CW_OK)
        rc = run(r, 0, err);
    command(r, "-C", "vendor", "key", "rotate", "root", "root-1", NEW, END);
    if (rc == CW_OK)
        rc = run(r, 0, err);
    command(r, "-C", "vendor", "publish", END);
    return rc == CW_OK ? run(r, 7, err) : rc;
}

/* As many others as the threshold asks for; where there are no others, the one that is lost had to be found for it. */
static int second_ceremony(struct rehearsal *r, struct cw_err *err)
{
    const struct cw_quorum *root = &r->first->root;
    unsigned from = root->keys > root->threshold ? 2 : 1, to = from + (unsigned)root->threshold - 1;
    int rc = stage_rotation(r, err);

    if (rc == CW_OK)
        rc = sign_all(r, from, to, false, err);
    if (rc == CW_OK)
        rc = copy_folder(r, "vendor/ceremony/to-sign", "person-new/to-sign", err);
    command(r, "sign", "person-new/to-sign", "--yes", "--key", "person-new/" NEW ".key", END);
    if (rc == CW_OK)
        rc = run(r, 0, err);
    bring_back(r, from, to);
    word(r, "person-new/to-sign");
    if (rc == CW_OK)
        rc = run(r, 0, err);
    return rc == CW_OK ? check_client(r, 2, err) : rc;
}

static int rehearse(struct rehearsal *r, struct cw_err *err)
{
    int rc = first_ceremony(r, err);

    return rc == CW_OK ? second_ceremony(r, err) : rc;
}

/* ---- where ---- */

static int check_empty(const struct rehearsal *r, struct cw_err *err)
{
    CW_AUTO_LIST DIR *stream = NULL;
    const char *name = NULL;
    int rc = cw_at_open_list(&stream, r->dir, "", err);

    if (rc == CW_OK)
        rc = cw_dir_next(&name, stream, r->path, err);
    if (rc == CW_OK && name != NULL)
        return cw_err_set(err, CW_E_FAIL, "'%s' is not empty: a rehearsal takes a folder of its own",
                          r->path);
    return rc;
}

static int report(const struct rehearsal *r, bool kept, struct cw_err *err)
{
    json_auto_t *doc = cw_json_pack("{s:b, s:s*}", "rehearsed", 1, "folder", kept ? r->path : NULL);

    cw_cli_say(r->cli, "\nthe rehearsal went well%s%s",
               kept ? "; all of it is in " : "; its keys and folders are gone", kept ? r->path : "");
    return doc != NULL ? cw_cli_json(r->cli, doc, err) : cw_err_nomem(err);
}

static void remove_made(const struct cw_cli *cli, char *path)
{
    CW_AUTO_FD int parent = -1;
    char *name = strrchr(path, '/');
    struct cw_err err;

    *name++ = '\0';
    if (cw_dir_open(&parent, path, &err) != CW_OK || cw_remove_tree(parent, name, &err) != CW_OK)
        cw_cli_warn(cli, "%s", err.text);
}

int cw_rehearse(const struct cw_cli *cli, const struct cw_first *first, const char *path, struct cw_err *err)
{
    const char *tmp = getenv("TMPDIR");
    CW_AUTO_FREE char *made = cw_str_format("%s/causeway-rehearsal.XXXXXX", tmp != NULL ? tmp : "/tmp");
    CW_AUTO_FD int dir = -1;
    struct rehearsal r = {.cli = cli, .first = first, .path = path};
    int rc = CW_OK;

    if (made == NULL)
        return cw_err_nomem(err);
    if (path == NULL && (r.path = mkdtemp(made)) == NULL)
        return cw_err_errno(err, errno, "unable to make '%s'", made);
    rc = cw_dir_create(&dir, r.path, err);
    r.dir = dir;
    if (rc == CW_OK)
        rc = check_empty(&r, err);
    if (rc == CW_OK)
        rc = rehearse(&r, err);
    clear_words(&r);
    if (path == NULL)
        remove_made(cli, made);
    return rc == CW_OK ? report(&r, path != NULL, err) : rc;
}
