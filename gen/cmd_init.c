/* SPDX-License-Identifier: ISC */
/*
 * causeway-gen init: makes a repository. Everything is made beside its place, in .tmp-init, and moved in with
 * causeway.json last; so a killed init leaves no repository, and the next one goes on or starts again.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/passphrase.h"
#include "crypt/hash.h"
#include "fs/commit.h"
#include "fs/lock.h"
#include "fs/root.h"
#include "gen/commands.h"
#include "gen/first.h"
#include "gen/repo.h"
#include "release/name.h"
#include "tree/layout.h"

#define MAKING CW_TMP_PREFIX "init"

static struct {
    struct cw_cli_list channels;
    struct cw_quorum root, targets, channel;
    int64_t expires[CW_LIFE_COUNT]; /* 0: the default */
    struct cw_passphrase passphrase;
    bool plain;
} given = {.root = {3, 2}, .targets = {3, 2}, .channel = {1, 1}, .passphrase = CW_PASSPHRASE_INIT};

const struct cw_option cmd_init_options[] = {
    {CW_OPTION_LIST, "channel", &given.channels, "NAME",
     "a channel; may be repeated (default: candidate and stable)"},
    {CW_OPTION_NUMBER, "root-keys", &given.root.keys, "N", "how many root keys to make (3)"},
    {CW_OPTION_NUMBER, "root-threshold", &given.root.threshold, "M", "how many of them must sign (2)"},
    {CW_OPTION_NUMBER, "targets-keys", &given.targets.keys, "N", "how many targets keys to make (3)"},
    {CW_OPTION_NUMBER, "targets-threshold", &given.targets.threshold, "M", "how many of them must sign (2)"},
    {CW_OPTION_NUMBER, "channel-keys", &given.channel.keys, "N",
     "how many keys to make for each channel (1)"},
    {CW_OPTION_NUMBER, "channel-threshold", &given.channel.threshold, "M", "how many of them must sign (1)"},
    {CW_OPTION_DURATION, "root-expires", &given.expires[CW_LIFE_ROOT], "TIME",
     "how long root is good for (1y)"},
    {CW_OPTION_DURATION, "targets-expires", &given.expires[CW_LIFE_TARGETS], "TIME",
     "how long targets is good for (1y)"},
    {CW_OPTION_DURATION, "product-expires", &given.expires[CW_LIFE_PRODUCT], "TIME",
     "how long a product's role is good for (1y)"},
    {CW_OPTION_DURATION, "channel-expires", &given.expires[CW_LIFE_CHANNEL], "TIME",
     "how long a channel's role is good for (90d)"},
    {CW_OPTION_DURATION, "snapshot-expires", &given.expires[CW_LIFE_SNAPSHOT], "TIME",
     "how long snapshot is good for (7d)"},
    {CW_OPTION_DURATION, "timestamp-expires", &given.expires[CW_LIFE_TIMESTAMP], "TIME",
     "how long timestamp is good for (7d)"},
    {CW_OPTION_FLAG, "insecure-plain-keys", &given.plain, NULL, "do not encrypt the secret keys"},
    CW_PASSPHRASE_OPTIONS(given.passphrase),
    {.kind = CW_OPTION_END},
};

static int check_quorum(const char *what, const struct cw_quorum *quorum, struct cw_err *err)
{
    if (quorum->keys < 1 || quorum->keys > CW_KEYS_ROLE_MAX)
        return cw_err_set(err, CW_E_USAGE, "'--%s-keys' takes 1 to %d, not %" PRIu64, what, CW_KEYS_ROLE_MAX,
                          quorum->keys);
    if (quorum->threshold < 1 || quorum->threshold > quorum->keys)
        return cw_err_set(err, CW_E_USAGE,
                          "'--%s-threshold' takes 1 to the number of keys (%" PRIu64 "), not %" PRIu64, what,
                          quorum->keys, quorum->threshold);
    return CW_OK;
}

static int check_channels(struct cw_err *err)
{
    size_t i, j;
    int rc = CW_OK;

    if (given.channels.count == 0) {
        given.channels.items[given.channels.count++] = "candidate";
        given.channels.items[given.channels.count++] = "stable";
    }
    for (i = 0; i < given.channels.count && rc == CW_OK; i++) {
        rc = cw_name_check_channel(given.channels.items[i], err);
        if (rc != CW_OK)
            return rc == CW_E_VERIFY ? err->code = CW_E_USAGE : rc;
        for (j = 0; j < i; j++) {
            if (strcasecmp(given.channels.items[i], given.channels.items[j]) == 0)
                return cw_err_set(err, CW_E_USAGE, "channel '%s' is given twice", given.channels.items[i]);
        }
    }
    return rc;
}

static int plan_first(struct cw_first *first, struct cw_err *err)
{
    int i, rc = check_quorum("root", &given.root, err);

    if (rc == CW_OK)
        rc = check_quorum("targets", &given.targets, err);
    if (rc == CW_OK)
        rc = check_quorum("channel", &given.channel, err);
    if (rc == CW_OK)
        rc = check_channels(err);
    if (rc == CW_OK)
        rc = cw_clock_publish_time(&first->now, err);
    if (rc != CW_OK)
        return rc;
    cw_config_init(&first->config);
    first->config.plain_keys = given.plain;
    for (i = 0; i < CW_LIFE_COUNT; i++) {
        if (given.expires[i] != 0)
            first->config.expires[i] = given.expires[i];
    }
    first->root = given.root;
    first->targets = given.targets;
    first->channel = given.channel;
    first->channels = given.channels.items;
    first->channel_count = given.channels.count;
    return CW_OK;
}

/* Keys, tree and configuration in the folder `making`, the configuration last. */
static int make(const struct cw_first *first, int making, struct cw_err *err)
{
    CW_AUTO_KEYS keys = {.dir = making};
    CW_AUTO_UNLOCK *unlock = NULL;
    CW_AUTO_FD int tree = -1;
    char fingerprint[CW_SHA256_TEXT];
    int rc = cw_crypt_init(err);

    if (rc == CW_OK && !given.plain)
        rc = cw_unlock_new(&unlock, cw_passphrase_ask, &given.passphrase, err);
    if (rc == CW_OK)
        rc = cw_first_make_keys(first, &keys, unlock, err);
    if (rc == CW_OK)
        rc = cw_at_make_dir(&tree, making, CW_REPO_TREE, err);
    if (rc == CW_OK)
        rc = cw_first_write(first, &keys, tree, fingerprint, err);
    return rc == CW_OK ? cw_config_store(&first->config, making, CW_CONFIG_FILE, err) : rc;
}

static int make_beside(int dir, const struct cw_first *first, struct cw_err *err)
{
    CW_AUTO_FD int making = -1;
    struct cw_err ignored;
    int rc = cw_remove_tree(dir, MAKING, err);

    if (rc == CW_OK)
        rc = cw_at_make_dir(&making, dir, MAKING, err);
    if (rc == CW_OK)
        rc = make(first, making, err);
    if (rc != CW_OK)
        (void)cw_remove_tree(dir, MAKING, &ignored);
    return rc;
}

/* What is not there any more was moved by an init that was killed. */
static int move_in(int dir, struct cw_err *err)
{
    static const char *const parts[] = {CW_REPO_TREE, CW_REPO_KEYS, CW_CONFIG_FILE};
    char from[CW_PATH_MAX];
    bool there;
    size_t i;
    int rc = CW_OK;

    for (i = 0; i < CW_COUNT(parts) && rc == CW_OK; i++) {
        snprintf(from, sizeof from, "%s/%s", MAKING, parts[i]);
        rc = cw_at_has(&there, dir, from, err);
        if (rc == CW_OK && there)
            rc = cw_move_new(dir, from, parts[i], err);
    }
    return rc == CW_OK ? cw_remove_tree(dir, MAKING, err) : rc;
}

static int check_free(int dir, const char *path, struct cw_err *err)
{
    static const char *const parts[] = {CW_REPO_TREE, CW_REPO_KEYS, CW_REPO_STAGED};
    bool there;
    size_t i;
    int rc;

    for (i = 0; i < CW_COUNT(parts); i++) {
        rc = cw_at_has(&there, dir, parts[i], err);
        if (rc != CW_OK)
            return rc;
        if (there)
            return cw_err_set(err, CW_E_FAIL,
                              "'%s' holds '%s' but no '%s'; choose another folder, or move it away", path,
                              parts[i], CW_CONFIG_FILE);
    }
    return CW_OK;
}

static void say_offline(const struct cw_cli *cli)
{
    cw_cli_say(cli, "\nmove offline, each key to a place of its own:");
    cw_cli_say(cli, "  %s/root*.key and %s/targets*.key", CW_REPO_KEYS, CW_REPO_KEYS);
    cw_cli_say(cli,
               "  (%" PRIu64 " of %" PRIu64 " sign for root, %" PRIu64 " of %" PRIu64
               " for targets; leave the .pub files here)",
               given.root.threshold, given.root.keys, given.targets.threshold, given.targets.keys);
    cw_cli_say(cli,
               "targets keys are needed again when a product is new, the others when '%s status' says so",
               cli->program->name);
}

static int report(const struct cw_cli *cli, int dir, const char *path, bool resumed, struct cw_err *err)
{
    CW_AUTO_FD int fd = -1;
    json_auto_t *doc = NULL;
    char fingerprint[CW_SHA256_TEXT];
    int rc = cw_at_open_file(&fd, dir, CW_REPO_TREE "/metadata/1.root.json", err);

    if (rc == CW_OK)
        rc = cw_sha256_fd(fingerprint, NULL, fd, "1.root.json", err);
    if (rc != CW_OK)
        return rc;
    if (resumed)
        cw_cli_say(
            cli,
            "finished the init that was interrupted in '%s', with the options and passphrase it was given",
            path);
    else
        cw_cli_say(cli, "made a repository in '%s'", path);
    cw_cli_say(cli, "\nroot:        %s/%s/metadata/1.root.json", path, CW_REPO_TREE);
    cw_cli_say(cli, "fingerprint: %s", fingerprint);
    cw_cli_say(cli, "give sites both, the fingerprint by another way than the file");
    if (!resumed)
        say_offline(cli);
    doc = json_pack("{s:s, s:s, s:s, s:b}", "repository", path, "root", CW_REPO_TREE "/metadata/1.root.json",
                    "fingerprint", fingerprint, "resumed", resumed);
    return doc != NULL ? cw_cli_json(cli, doc, err) : cw_err_nomem(err);
}

int cmd_init(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    const char *path = argc > 1 ? argv[1] : cli->folder != NULL ? cli->folder : ".";
    struct cw_first first = {.now = 0};
    CW_AUTO_FD int dir = -1;
    CW_AUTO_FD int lock = -1;
    bool there, resumed;
    int rc = plan_first(&first, err);

    if (rc == CW_OK)
        rc = cw_dir_create(&dir, path, err);
    if (rc == CW_OK)
        rc = cw_lock_take(&lock, dir, CW_REPO_LOCK, err);
    if (rc == CW_OK)
        rc = cw_at_has(&there, dir, CW_CONFIG_FILE, err);
    if (rc == CW_OK)
        rc = cw_at_has(&resumed, dir, MAKING "/" CW_CONFIG_FILE, err);
    if (rc != CW_OK)
        return rc;
    if (there)
        return cw_err_set(err, CW_E_FAIL, "'%s' is a repository already; nothing was changed", path);
    if (!resumed)
        rc = check_free(dir, path, err);
    if (rc == CW_OK && !resumed)
        rc = make_beside(dir, &first, err);
    if (rc == CW_OK)
        rc = move_in(dir, err);
    if (rc == CW_OK && given.plain && !resumed)
        cw_cli_warn(cli, "the secret keys are not encrypted: whoever reads '%s/%s' can publish", path,
                    CW_REPO_KEYS);
    return rc == CW_OK ? report(cli, dir, path, resumed, err) : rc;
}
