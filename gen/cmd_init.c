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
#include "gen/ceremony.h"
#include "gen/commands.h"
#include "gen/first.h"
#include "gen/public_file.h"
#include "gen/rehearse.h"
#include "gen/repo.h"
#include "release/name.h"
#include "tree/layout.h"

#define MAKING CW_TMP_PREFIX "init"

static struct {
    struct cw_cli_list channels;
    struct cw_quorum root, targets, channel;
    int64_t expires[CW_LIFE_COUNT]; /* 0: the default */
    struct cw_passphrase passphrase;
    struct cw_cli_list root_keys, targets_keys, channel_keys; /* files of public halves */
    uint64_t deltas;
    bool plain, rehearse;
} given = {.deltas = UINT64_MAX,
           .root = {.keys = 3, .threshold = 2},
           .targets = {.keys = 3, .threshold = 2},
           .channel = {.keys = 1, .threshold = 1},
           .passphrase = CW_PASSPHRASE_INIT};

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
    {CW_OPTION_LIST, "root-key", &given.root_keys, "FILE",
     "the public half of a root key that is elsewhere; may be repeated"},
    {CW_OPTION_LIST, "targets-key", &given.targets_keys, "FILE", "the same for targets"},
    {CW_OPTION_LIST, "channel-key", &given.channel_keys, "FILE", "the same for all channels"},
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
    {CW_OPTION_FLAG, "rehearse", &given.rehearse, NULL,
     "go through the first ceremony, and one that replaces a key, with throwaway keys"},
    {CW_OPTION_NUMBER, "deltas", &given.deltas, "N",
     "from how many releases back 'publish' makes deltas (3)"},
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

/* A key is named after its file: "alice" for "sticks/alice.pub.pem". */
static int name_of_file(char name[CW_KEYS_NAME_MAX], const char *path, struct cw_err *err)
{
    static const char *const endings[] = {".pem", ".pub"};
    size_t i, len;

    snprintf(name, CW_KEYS_NAME_MAX, "%s", cw_str_basename(path));
    for (i = 0; i < CW_COUNT(endings); i++) {
        len = strlen(name);
        if (cw_str_ends(name, endings[i]))
            name[len - strlen(endings[i])] = '\0';
    }
    if (cw_name_check(name, "key", err) != CW_OK)
        return err->code = CW_E_USAGE;
    return CW_OK;
}

static int read_given(json_t *list, const char *path, struct cw_err *err)
{
    json_auto_t *object = NULL;
    char name[CW_KEYS_NAME_MAX];
    int rc = name_of_file(name, path, err);

    if (rc == CW_OK)
        rc = cw_public_file_read(&object, path, err);
    if (rc == CW_OK && object == NULL)
        return cw_err_set(err, CW_E_USAGE, "'%s' is a secret key: give its public half", path);
    if (rc == CW_OK && json_array_append_new(list, json_pack("{s:s, s:O}", "name", name, "key", object)) != 0)
        rc = cw_err_nomem(err);
    return rc;
}

/* Whose public halves are given: as many keys as that. */
static int read_all_given(struct cw_quorum *quorum, const struct cw_cli_list *files, struct cw_err *err)
{
    size_t i;
    int rc = CW_OK;

    if (files->count == 0)
        return CW_OK;
    quorum->keys = files->count;
    quorum->given = json_array();
    if (quorum->given == NULL)
        return cw_err_nomem(err);
    for (i = 0; i < files->count && rc == CW_OK; i++)
        rc = read_given(quorum->given, files->items[i], err);
    return rc;
}

static int read_keys(struct cw_err *err)
{
    int rc = read_all_given(&given.root, &given.root_keys, err);

    if (rc == CW_OK)
        rc = read_all_given(&given.targets, &given.targets_keys, err);
    return rc == CW_OK ? read_all_given(&given.channel, &given.channel_keys, err) : rc;
}

static int plan_first(struct cw_first *first, struct cw_err *err)
{
    int i, rc = read_keys(err);

    if (rc == CW_OK)
        rc = check_quorum("root", &given.root, err);
    if (rc == CW_OK)
        rc = check_quorum("targets", &given.targets, err);
    if (rc == CW_OK)
        rc = check_quorum("channel", &given.channel, err);
    if (rc == CW_OK)
        rc = check_channels(err);
    if (rc == CW_OK && given.deltas != UINT64_MAX)
        rc = cw_config_check_deltas(given.deltas, err);
    if (rc == CW_OK)
        rc = cw_clock_publish_time(&first->now, err);
    if (rc != CW_OK)
        return rc;
    cw_config_init(&first->config);
    first->config.plain_keys = given.plain;
    if (given.deltas != UINT64_MAX)
        first->config.deltas = given.deltas;
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

/* The metadata, where all keys are here; else a ceremony that it waits for. */
static int sign_first(const struct cw_first *first, const struct cw_keys *keys, struct cw_unlock *unlock,
                      int making, int tree, struct cw_err *err)
{
    json_auto_t *bodies = NULL;
    json_auto_t *envelopes = NULL;
    char fingerprint[CW_SHA256_TEXT];
    int rc = cw_first_compose(&bodies, first, keys, err);

    if (rc == CW_OK && cw_first_is_carried(first))
        return cw_ceremony_open_first(bodies, keys, first->now, unlock, making, err);
    if (rc == CW_OK)
        rc = cw_first_sign(&envelopes, bodies, keys, unlock, err);
    return rc == CW_OK
               ? cw_first_publish(envelopes, &first->config, keys, unlock, first->now, tree, fingerprint, err)
               : rc;
}

/* Keys, tree and configuration in the folder `making`, the configuration last. */
static int make(const struct cw_first *first, int making, struct cw_err *err)
{
    CW_AUTO_KEYS keys = {.dir = making};
    CW_AUTO_UNLOCK *unlock = NULL;
    CW_AUTO_FD int tree = -1;
    int rc = cw_crypt_init(err);

    if (rc == CW_OK && !given.plain)
        rc = cw_unlock_new(&unlock, cw_passphrase_ask, &given.passphrase, err);
    if (rc == CW_OK)
        rc = cw_first_make_keys(first, &keys, unlock, err);
    if (rc == CW_OK)
        rc = cw_at_make_dir(&tree, making, CW_REPO_TREE, err);
    if (rc == CW_OK)
        rc = sign_first(first, &keys, unlock, making, tree, err);
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
    static const char *const parts[] = {CW_REPO_TREE, CW_REPO_KEYS, CW_CEREMONY_DIR, CW_CONFIG_FILE};
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
    static const char *const parts[] = {CW_REPO_TREE, CW_REPO_KEYS, CW_REPO_STAGED, CW_CEREMONY_DIR};
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

/* There is no root yet that sites could be given. */
static int report_ceremony(const struct cw_cli *cli, int dir, const char *path, bool resumed,
                           struct cw_err *err)
{
    struct cw_ceremony ceremony = CW_CEREMONY_INIT;
    json_auto_t *missing = NULL;
    json_auto_t *doc = NULL;
    int rc = cw_ceremony_load(&ceremony, dir, cli, err);

    if (rc == CW_OK)
        rc = cw_folder_missing(&missing, &ceremony.folder, err);
    cw_ceremony_clear(&ceremony);
    if (rc != CW_OK)
        return rc;
    cw_cli_say(cli, "%s a repository in '%s'; its first root is not signed yet",
               resumed ? "finished" : "made", path);
    cw_folder_say_missing(missing, cli);
    cw_cli_say(cli, "next: carry '%s/%s' to those who sign, then '%s publish' with what they bring back",
               path, CW_CEREMONY_FOLDER, cli->program->name);
    doc = json_pack("{s:s, s:b, s:{s:s, s:O}}", "repository", path, "resumed", resumed, "ceremony", "folder",
                    CW_CEREMONY_FOLDER, "missing", missing);
    return doc != NULL ? cw_cli_json(cli, doc, err) : cw_err_nomem(err);
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

static int init(const struct cw_cli *cli, const struct cw_first *first, const char *path, struct cw_err *err)
{
    CW_AUTO_FD int dir = -1;
    CW_AUTO_FD int lock = -1;
    bool there, resumed, open;
    int rc = cw_dir_create(&dir, path, err);

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
        rc = make_beside(dir, first, err);
    if (rc == CW_OK)
        rc = move_in(dir, err);
    if (rc == CW_OK && given.plain && !resumed)
        cw_cli_warn(cli, "the secret keys are not encrypted: whoever reads '%s/%s' can publish", path,
                    CW_REPO_KEYS);
    if (rc == CW_OK)
        rc = cw_ceremony_is_open(&open, dir, err);
    if (rc != CW_OK)
        return rc;
    return open ? report_ceremony(cli, dir, path, resumed, err) : report(cli, dir, path, resumed, err);
}

static int rehearse(const struct cw_cli *cli, const struct cw_first *first, const char *path,
                    struct cw_err *err)
{
    if (cw_first_is_carried(first))
        return cw_err_set(err, CW_E_USAGE,
                          "'--rehearse' makes keys of its own: give their numbers, not their files");
    return cw_rehearse(cli, first, path, err);
}

int cmd_init(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    const char *path = argc > 1 ? argv[1] : cli->folder != NULL ? cli->folder : ".";
    struct cw_first first = {.now = 0};
    int rc = plan_first(&first, err);

    if (rc == CW_OK && given.rehearse)
        rc = rehearse(cli, &first, argc > 1 ? argv[1] : NULL, err);
    else if (rc == CW_OK)
        rc = init(cli, &first, path, err);
    json_decref(given.root.given);
    json_decref(given.targets.given);
    json_decref(given.channel.given);
    return rc;
}
