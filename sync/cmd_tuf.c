/* SPDX-License-Identifier: ISC */
/*
 * causeway-sync tuf: the client for any TUF repository, outside of any site. Its verbs are words of its own, because other programs
 * call "init", "refresh" and "download" in the form in which clients are tested for conformance: exit code 0 or 1.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "fs/root.h"
#include "sync/commands.h"
#include "sync/pull_all.h"
#include "sync/tuf/client.h"
#include "sync/tuf/mirror.h"

#define URL_BYTES_MAX ((size_t)8192)

static const char *metadata_dir, *metadata_url, *target_dir, *target_base_url;
static struct cw_cli_list target_names;
static uint64_t max_root, max_timestamp, max_snapshot, max_targets;
static const char *root_file, *limit_rate, *retry_wait;
static struct cw_cli_list globs, mirrors;
static bool verify;
static int64_t max_time = CW_REMOTE_METADATA_SECONDS, max_target_time, stall_time = CW_REMOTE_STALL_SECONDS;

const struct cw_option cmd_tuf_options[] = {
    {CW_OPTION_STRING, "metadata-dir", &metadata_dir, "DIR", "the folder of the trusted metadata"},
    {CW_OPTION_STRING, "metadata-url", &metadata_url, "URL", "where the repository's metadata is"},
    {CW_OPTION_LIST, "target-name", &target_names, "PATH", "download this target (may be repeated)"},
    {CW_OPTION_STRING, "target-dir", &target_dir, "DIR", "the folder that targets are downloaded to"},
    {CW_OPTION_STRING, "target-base-url", &target_base_url, "URL", "where the repository's targets are"},
    {CW_OPTION_STRING, "root", &root_file, "FILE", "the root that a mirror trusts to begin with"},
    {CW_OPTION_LIST, "targets", &globs, "GLOB", "mirror these targets (may be repeated; all)"},
    {CW_OPTION_LIST, "mirror", &mirrors, "URL",
     "another mirror of it, asked where URL fails (may be repeated)"},
    {CW_OPTION_STRING, "limit-rate", &limit_rate, "SIZE", CW_PULL_LIMIT_RATE_HELP},
    {CW_OPTION_STRING, "retry-wait", &retry_wait, "TIME", CW_PULL_RETRY_WAIT_HELP},
    {CW_OPTION_FLAG, "verify", &verify, NULL, "look at every file of the mirror, though nothing is new"},
    {CW_OPTION_NUMBER, "max-root", &max_root, "BYTES", "the largest root file to take (512000)"},
    {CW_OPTION_NUMBER, "max-timestamp", &max_timestamp, "BYTES", "the largest timestamp (16384)"},
    {CW_OPTION_NUMBER, "max-snapshot", &max_snapshot, "BYTES", "the largest snapshot (5000000)"},
    {CW_OPTION_NUMBER, "max-targets", &max_targets, "BYTES", "the largest targets file (5000000)"},
    {CW_OPTION_DURATION, "max-time", &max_time, "TIME", "the longest a metadata file may take (5m)"},
    {CW_OPTION_DURATION, "max-target-time", &max_target_time, "TIME",
     "the longest a target may take (as long as it is not too slow)"},
    {CW_OPTION_DURATION, "stall-time", &stall_time, "TIME",
     "give up on what is slower than 100 bytes a second for so long (30s)"},
    {.kind = CW_OPTION_END},
};

static int need(const char *value, const char *option, const char *verb, struct cw_err *err)
{
    return value != NULL ? CW_OK : cw_err_set(err, CW_E_USAGE, "'tuf %s' needs '--%s'", verb, option);
}

static struct cw_remote_options remote_options(const char *metadata, const char *targets)
{
    return (struct cw_remote_options){.metadata_url = metadata,
                                      .target_urls = {targets},
                                      .target_url_count = targets != NULL,
                                      .metadata_seconds = (unsigned)max_time,
                                      .target_seconds = (unsigned)max_target_time,
                                      .stall_seconds = (unsigned)stall_time};
}

static struct cw_tuf_params params(void)
{
    return (struct cw_tuf_params){.now = cw_clock_now(),
                                  .root_max = max_root,
                                  .timestamp_max = max_timestamp,
                                  .snapshot_max = max_snapshot,
                                  .targets_max = max_targets};
}

static int tuf_init(struct cw_cli *cli, char **args, struct cw_err *err)
{
    int rc = need(metadata_dir, "metadata-dir", "init", err);

    if (rc == CW_OK)
        rc = cw_client_begin(metadata_dir, args[0], max_root, err);
    if (rc == CW_OK)
        cw_cli_say(cli, "'%s' is the trusted root of '%s'", args[0], metadata_dir);
    return rc;
}

static int refresh(struct cw_client *client, struct cw_remote *remote, const char *verb, struct cw_err *err)
{
    const struct cw_remote_options options = remote_options(metadata_url, target_base_url);
    const struct cw_tuf_params now = params();
    int rc = need(metadata_dir, "metadata-dir", verb, err);

    if (rc == CW_OK)
        rc = need(metadata_url, "metadata-url", verb, err);
    if (rc == CW_OK)
        rc = cw_remote_open(remote, &options, err);
    return rc == CW_OK ? cw_client_refresh(client, metadata_dir, remote, &now, err) : rc;
}

static int tell_versions(const struct cw_cli *cli, const struct cw_tuf_update *update, struct cw_err *err)
{
    long long root = cw_tuf_update_meta(update, "root")->version,
              timestamp = cw_tuf_update_meta(update, "timestamp")->version,
              snapshot = cw_tuf_update_meta(update, "snapshot")->version,
              targets = cw_tuf_update_meta(update, "targets")->version;
    json_auto_t *doc =
        json_pack("{s:I, s:I, s:I, s:I}", "root", (json_int_t)root, "timestamp", (json_int_t)timestamp,
                  "snapshot", (json_int_t)snapshot, "targets", (json_int_t)targets);

    cw_cli_say(cli, "root version %lld, timestamp version %lld, snapshot version %lld, targets version %lld",
               root, timestamp, snapshot, targets);
    return doc != NULL ? cw_cli_json(cli, doc, err) : cw_err_nomem(err);
}

static int tuf_refresh(struct cw_cli *cli, char **args, struct cw_err *err)
{
    CW_AUTO_REMOTE remote = {.metadata = NULL};
    CW_AUTO_CLIENT client = CW_CLIENT_INIT;
    int rc = refresh(&client, &remote, "refresh", err);

    (void)args;
    return rc == CW_OK ? tell_versions(cli, client.update, err) : rc;
}

static int note(json_t *list, const char *path, bool fetched, struct cw_err *err)
{
    json_t *entry = json_pack("{s:s, s:b}", "path", path, "fetched", fetched);

    return json_array_append_new(list, entry) != 0 ? cw_err_nomem(err) : CW_OK;
}

static int tuf_download(struct cw_cli *cli, char **args, struct cw_err *err)
{
    CW_AUTO_REMOTE remote = {.metadata = NULL};
    CW_AUTO_CLIENT client = CW_CLIENT_INIT;
    CW_AUTO_FD int to = -1;
    json_auto_t *doc = json_pack("{s:[]}", "targets");
    int rc = doc != NULL ? need(target_dir, "target-dir", "download", err) : cw_err_nomem(err);

    (void)args;
    if (rc == CW_OK)
        rc = need(target_base_url, "target-base-url", "download", err);
    if (rc == CW_OK)
        rc = need(target_names.count > 0 ? "" : NULL, "target-name", "download", err);
    if (rc == CW_OK)
        rc = cw_dir_create(&to, target_dir, err);
    if (rc == CW_OK)
        rc = refresh(&client, &remote, "download", err);
    for (size_t i = 0; i < target_names.count && rc == CW_OK; i++) {
        bool fetched;

        rc = cw_client_download(&client, &remote, target_names.items[i], to, &fetched, err);
        if (rc != CW_OK)
            return rc;
        cw_cli_say(cli, "%s: %s", target_names.items[i], fetched ? "downloaded" : "is there already");
        rc = note(json_object_get(doc, "targets"), target_names.items[i], fetched, err);
    }
    return rc == CW_OK ? cw_cli_json(cli, doc, err) : rc;
}

static int tell_mirror(const struct cw_cli *cli, const char *folder,
                       const struct cw_tuf_mirror_result *result, struct cw_err *err)
{
    char bytes[16];
    json_auto_t *doc =
        json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:b}", "root", (json_int_t)result->root,
                  "timestamp", (json_int_t)result->timestamp, "roles", (json_int_t)result->roles, "targets",
                  (json_int_t)result->targets, "fetched", (json_int_t)result->fetched_targets, "bytes",
                  (json_int_t)result->bytes, "left_out", (json_int_t)result->left_out, "changed",
                  result->written > 0 || result->fetched_targets > 0, "checked", !result->unchanged);

    cw_str_bytes(result->bytes, bytes);
    cw_cli_say(
        cli,
        "'%s': root version %lld, timestamp version %lld, %llu role%s, %llu target%s; %llu fetched, %s%s",
        folder, (long long)result->root, (long long)result->timestamp, (unsigned long long)result->roles,
        cw_str_plural(result->roles), (unsigned long long)result->targets, cw_str_plural(result->targets),
        (unsigned long long)result->fetched_targets, bytes,
        result->unchanged ? "; unchanged ('--verify' looks at every file)" : "");
    return doc != NULL ? cw_cli_json(cli, doc, err) : cw_err_nomem(err);
}

/* Where a repository is to be had, and how it is asked for. */
struct from {
    const char *urls[CW_REMOTE_MIRRORS_MAX]; /* it and its other mirrors */
    size_t count;
    struct cw_buf metadata, targets[CW_REMOTE_MIRRORS_MAX]; /* the places below them, of one round */
    struct cw_http_limit *limit;
    unsigned retry_ms;
};

static void from_clear(struct from *from)
{
    cw_buf_clear(&from->metadata);
    for (size_t i = 0; i < CW_REMOTE_MIRRORS_MAX; i++)
        cw_buf_clear(&from->targets[i]);
    cw_http_limit_free(from->limit);
}

static int from_init(struct from *from, const char *url, struct cw_err *err)
{
    struct cw_pull_how how = {.retry_ms = 0};
    int rc = cw_pull_set_pause(&how, retry_wait, err);

    from->retry_ms = (unsigned)how.retry_ms;
    cw_buf_init(&from->metadata, URL_BYTES_MAX);
    for (size_t i = 0; i < CW_REMOTE_MIRRORS_MAX; i++)
        cw_buf_init(&from->targets[i], URL_BYTES_MAX);
    from->urls[from->count++] = url;
    for (size_t i = 0; i < mirrors.count && rc == CW_OK; i++) {
        if (from->count == CW_REMOTE_MIRRORS_MAX)
            return cw_err_set(err, CW_E_USAGE, "more than %d mirrors", CW_REMOTE_MIRRORS_MAX);
        from->urls[from->count++] = mirrors.items[i];
    }
    return rc == CW_OK ? cw_pull_limit_new(&from->limit, limit_rate, err) : rc;
}

/* The place of one kind of files of the repository or a mirror of it; for the first one options may name others. */
static int place_of(const char **place, struct cw_buf *buf, const struct from *from, size_t i,
                    const char *kind, const char *named, struct cw_err *err)
{
    int rc;

    *place = named;
    if (i == 0 && named != NULL)
        return CW_OK;
    cw_buf_reset(buf);
    rc = cw_http_join(buf, from->urls[i], kind, err);
    *place = cw_buf_text(buf);
    return rc;
}

/* The i-th is asked for metadata, and for targets before the others, which follow in their order. */
static int options_of(struct cw_remote_options *options, struct from *from, size_t first, struct cw_err *err)
{
    const char *metadata;
    int rc = place_of(&metadata, &from->metadata, from, first, "metadata", metadata_url, err);

    *options = remote_options(metadata, NULL);
    options->tries = CW_HTTP_TRIES;
    options->retry_ms = from->retry_ms;
    options->limit = from->limit;
    options->target_url_count = from->count;
    for (size_t i = 0, at = 1; i < from->count && rc == CW_OK; i++)
        rc = place_of(&options->target_urls[i == first ? 0 : at++], &from->targets[i], from, i, "targets",
                      target_base_url, err);
    return rc;
}

static int mirror_from(struct cw_tuf_mirror_result *result, struct from *from, size_t first,
                       const char *folder, struct cw_cli *cli, struct cw_err *err)
{
    const struct cw_tuf_mirror_options options = {
        .folder = folder, .root_file = root_file, .globs = &globs, .verify = verify, .params = params()};
    CW_AUTO_REMOTE remote = {.metadata = NULL};
    struct cw_remote_options how;
    int rc = options_of(&how, from, first, err);

    if (rc == CW_OK)
        rc = cw_remote_open(&remote, &how, err);
    return rc == CW_OK ? cw_tuf_mirror(result, &remote, &options, cli, err) : rc;
}

/* Each round goes on where the one before ended. */
static int tuf_mirror(struct cw_cli *cli, char **args, struct cw_err *err)
{
    __attribute__((cleanup(from_clear))) struct from from = {.count = 0};
    struct cw_tuf_mirror_result result = {.begun = false};
    int rc = need(root_file, "root", "mirror", err);

    if (rc == CW_OK)
        rc = from_init(&from, args[0], err);
    if (rc == CW_OK)
        rc = mirror_from(&result, &from, 0, args[1], cli, err);
    for (size_t i = 1; i < from.count && rc == CW_E_TEMP && result.begun; i++) {
        cw_cli_warn(cli, "%s; trying the next mirror", err->text);
        rc = mirror_from(&result, &from, i, args[1], cli, err);
    }
    return rc == CW_OK ? tell_mirror(cli, args[1], &result, err) : rc;
}

static const struct {
    const char *name;
    int arg_count;
    const char *args;
    int (*run)(struct cw_cli *cli, char **args, struct cw_err *err);
} verbs[] = {
    {"init", 1, " ROOT_FILE", tuf_init},
    {"refresh", 0, "", tuf_refresh},
    {"download", 0, "", tuf_download},
    {"mirror", 2, " URL DIR", tuf_mirror},
};

int cmd_tuf(struct cw_cli *cli, int argc, char **argv, struct cw_err *err)
{
    for (size_t i = 0; i < CW_COUNT(verbs); i++) {
        if (strcmp(argv[1], verbs[i].name) != 0)
            continue;
        if (argc - 2 != verbs[i].arg_count)
            return cw_err_set(err, CW_E_USAGE, "usage: %s tuf %s%s", cli->program->name, verbs[i].name,
                              verbs[i].args);
        return verbs[i].run(cli, argv + 2, err);
    }
    return cw_err_set(err, CW_E_USAGE, "unknown 'tuf %s'; see '%s tuf --help'", argv[1], cli->program->name);
}
