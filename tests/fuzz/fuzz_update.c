/* SPDX-License-Identifier: ISC */
/*
 * The whole client workflow against a repository that the input makes up as it is asked: each answer is
 * absence, raw bytes, or metadata built from a few bytes and truly signed by keys of the input's choice.
 * Several runs share one disk; what is stored there may never go back.
 */
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "tests/fuzz/fuzz.h"
#include "tuf/update.h"
#include "tuf/write.h"

#define NOW INT64_C(1800000000)
#define KEYS 6
#define DISK_MAX 16 /* names of roles that make() can think of, and some */
#define RUNS 3
#define ANSWERS_MAX 400 /* of one run: all roots and all delegations there may be */

static const char *const roles[] = {"a", "b", "c", "../x", "bin-0", "bin-1", "bin-2", "bin-3"};
static const char *const paths[] = {"f", "d/f", "d/g", "d/e/f"};
static const char *const patterns[] = {"*", "d/*", "?", "[d-f]*/?", "*/*/f", "d/g"};

struct file {
    char name[256];
    void *bytes;
    size_t len;
    int64_t version;
};

struct world {
    const uint8_t *data;
    size_t left;
    struct file disk[DISK_MAX];
    bool fresh_keys; /* a root was stored since the last refresh that succeeded */
};

/* The same in every run, made once: guarded memory is dear. */
static struct cw_secret *secrets[KEYS];

static void make_keys(void)
{
    struct cw_err err;

    for (size_t k = 0; k < KEYS && secrets[k] == NULL; k++) {
        unsigned char seed[CW_ED25519_SEED] = {(unsigned char)k, 7};

        always(cw_secret_from_seed(&secrets[k], seed, &err) == CW_OK);
    }
}

static uint8_t take(struct world *w)
{
    if (w->left == 0)
        return 0;
    w->left--;
    return *w->data++;
}

static struct file *on_disk(struct world *w, const char *name)
{
    size_t i;

    for (i = 0; i < DISK_MAX && w->disk[i].name[0] != '\0' && strcmp(w->disk[i].name, name) != 0; i++)
        ;
    return i < DISK_MAX ? &w->disk[i] : NULL;
}

/* --- making metadata ------------------------------------------------------------------------------------ */

static int64_t make_expires(struct world *w)
{
    static const int64_t late[] = {1, 1, 1, 1, 86400, 0, -1, -86400};

    return NOW + late[take(w) % 8];
}

/* What the file's name asks for, mostly. */
static int64_t make_version(struct world *w, const char *name)
{
    uint8_t b = take(w);
    int64_t asked = name[0] >= '1' && name[0] <= '9' ? strtoll(name, NULL, 10) : 1 + b % 8;

    return b < 192 ? asked : 1 + b % 16;
}

static json_t *make_root(struct world *w, int64_t version)
{
    static const char *const top[] = {"root", "timestamp", "snapshot", "targets"};
    json_t *root = NULL;
    struct cw_err err;

    always(cw_tuf_root_new(&root, version, make_expires(w), &err) == CW_OK);
    for (size_t i = 0; i < 4; i++) {
        uint8_t mask = take(w);

        if (mask == 0)
            mask = 1;
        for (size_t k = 0; k < KEYS; k++) {
            if ((mask & (1 << k)) != 0)
                always(cw_tuf_root_add_key(root, top[i], cw_secret_public(secrets[k]), &err) == CW_OK);
        }
        always(cw_tuf_root_set_threshold(root, top[i], 1 + (mask >> 6) % 3, &err) == CW_OK);
    }
    json_object_set_new(root, "consistent_snapshot", json_boolean(take(w) % 4 != 1));
    return root;
}

static json_t *make_timestamp(struct world *w, int64_t version)
{
    json_t *timestamp = NULL;
    struct cw_err err;

    always(cw_tuf_timestamp_new(&timestamp, version, make_expires(w), &err) == CW_OK);
    always(cw_tuf_meta_add(timestamp, "snapshot", 1 + take(w) % 8, -1, NULL, &err) == CW_OK);
    return timestamp;
}

static json_t *make_snapshot(struct world *w, int64_t version)
{
    uint8_t mask = take(w);
    json_t *snapshot = NULL;
    struct cw_err err;

    always(cw_tuf_snapshot_new(&snapshot, version, make_expires(w), &err) == CW_OK);
    always(cw_tuf_meta_add(snapshot, "targets", 1 + take(w) % 8, -1, NULL, &err) == CW_OK);
    for (size_t i = 0; i < CW_COUNT(roles); i++) {
        if ((mask & (1 << i)) == 0)
            always(cw_tuf_meta_add(snapshot, roles[i], 1 + (take(w) & 3), -1, NULL, &err) == CW_OK);
    }
    return snapshot;
}

static void add_delegation(struct world *w, json_t *targets)
{
    uint8_t who = take(w), what = take(w);
    unsigned char keys[KEYS][CW_ED25519_PUBLIC];
    const char *covered[] = {patterns[what % CW_COUNT(patterns)], NULL};
    struct cw_tuf_delegation_spec spec = {.name = roles[who % 4],
                                          .paths = covered,
                                          .keys = (const unsigned char(*)[CW_ED25519_PUBLIC])keys,
                                          .threshold = 1 + (who >> 7),
                                          .terminating = (what & 0x80) != 0};
    struct cw_err err;

    for (size_t k = 0; k < KEYS; k++) {
        if (k == 0 || (who & (4 << k)) != 0)
            memcpy(keys[spec.key_count++], cw_secret_public(secrets[k]), CW_ED25519_PUBLIC);
    }
    always(cw_tuf_targets_delegate(targets, &spec, &err) == CW_OK);
}

/* Puts bins in the place of named roles. */
static void add_bins(struct world *w, json_t *targets)
{
    json_t *delegations = json_object_get(targets, "delegations"), *role;

    add_delegation(w, targets);
    role = json_array_get(json_object_get(delegations, "roles"), 0);
    json_object_set_new(delegations, "succinct_roles",
                        json_pack("{s:O, s:i, s:i, s:s}", "keyids", json_object_get(role, "keyids"),
                                  "threshold", 1, "bit_length", 2, "name_prefix", "bin"));
    json_object_del(delegations, "roles");
}

static json_t *make_targets(struct world *w, int64_t version)
{
    static const char sha256[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    uint8_t shape = take(w);
    json_t *targets = NULL;
    struct cw_err err;

    always(cw_tuf_targets_new(&targets, version, make_expires(w), true, &err) == CW_OK);
    for (size_t i = 0; i < CW_COUNT(paths); i++) {
        if ((shape & (1 << i)) != 0)
            always(cw_tuf_targets_add(targets, paths[i], 0, sha256, NULL, &err) == CW_OK);
    }
    if ((shape & 0xC0) == 0xC0)
        add_bins(w, targets);
    else
        for (int i = 0; i < (shape >> 4) % 4; i++)
            add_delegation(w, targets);
    return targets;
}

static void make(struct cw_buf *buf, struct world *w, const char *role, const char *name)
{
    int64_t version = make_version(w, name);
    json_auto_t *signed_ = strcmp(role, "root") == 0        ? make_root(w, version)
                           : strcmp(role, "timestamp") == 0 ? make_timestamp(w, version)
                           : strcmp(role, "snapshot") == 0  ? make_snapshot(w, version)
                                                            : make_targets(w, version);
    json_auto_t *envelope = NULL;
    uint8_t signers = take(w);
    struct cw_err err;

    always(cw_tuf_envelope_new(&envelope, signed_, &err) == CW_OK);
    for (size_t k = 0; k < KEYS; k++) {
        if (k == 0 ? (signers & 1) == 0 : (signers & (1 << k)) != 0)
            always(cw_tuf_envelope_sign(envelope, secrets[k], &err) == CW_OK);
    }
    always(cw_tuf_envelope_format(buf, envelope, &err) == CW_OK);
}

/* --- answering ------------------------------------------------------------------------------------------ */

/* Raw bytes of the input: as many as the next two bytes say. */
static int give_raw(struct world *w, struct cw_tuf_update *update, struct cw_err *err)
{
    size_t len = (size_t)take(w) << 8 | take(w);
    const uint8_t *bytes = w->data;

    len = len < w->left ? len : w->left;
    w->data += len;
    w->left -= len;
    return cw_tuf_update_give(update, bytes, len, err);
}

static int fetch(struct world *w, struct cw_tuf_update *update, const struct cw_tuf_want *want,
                 struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(1 << 20);
    uint8_t how = w->left > 0 ? take(w) : 0xFF;

    always(strchr(want->name, '/') == NULL && strlen(want->name) < 256);
    always(want->optional == (strcmp(want->role, "root") == 0));
    if (how >= 0xF0)
        return cw_tuf_update_absent(update, err);
    if (how >= 0xE0)
        return give_raw(w, update, err);
    make(&text, w, want->role, want->name);
    return cw_tuf_update_give(update, text.data, text.len, err);
}

static int load(struct world *w, struct cw_tuf_update *update, const struct cw_tuf_want *want,
                struct cw_err *err)
{
    const struct file *file = on_disk(w, want->name);

    if (file == NULL || file->bytes == NULL)
        return cw_tuf_update_absent(update, err);
    return cw_tuf_update_give(update, file->bytes, file->len, err);
}

/* What was trusted does not go back, unless the root took keys away. */
static void check_order(struct world *w, const struct file *file, const struct cw_tuf_want *want)
{
    if (strcmp(want->role, "root") == 0) {
        always(want->version == file->version + 1);
        w->fresh_keys = true;
    } else if (file->bytes != NULL && !w->fresh_keys && strcmp(want->role, "timestamp") == 0) {
        always(want->version > file->version);
    } else if (file->bytes != NULL && !w->fresh_keys &&
               (strcmp(want->role, "snapshot") == 0 || strcmp(want->role, "targets") == 0)) {
        always(want->version >= file->version);
    }
}

static int store(struct world *w, struct cw_tuf_update *update, const struct cw_tuf_want *want,
                 struct cw_err *err)
{
    struct file *file = on_disk(w, want->name);

    always(file != NULL);
    check_order(w, file, want);
    free(file->bytes);
    snprintf(file->name, sizeof file->name, "%s", want->name);
    file->bytes = malloc(want->len);
    always(file->bytes != NULL);
    memcpy(file->bytes, want->bytes, want->len);
    file->len = want->len;
    file->version = want->version;
    return cw_tuf_update_stored(update, err);
}

static int drive(struct world *w, struct cw_tuf_update *update, struct cw_err *err)
{
    struct cw_tuf_want want;
    int rc, answers = 0;

    while ((rc = cw_tuf_update_next(update, &want, err)) == CW_OK && want.kind != CW_TUF_DONE) {
        always(answers++ < ANSWERS_MAX);
        rc = want.kind == CW_TUF_FETCH  ? fetch(w, update, &want, err)
             : want.kind == CW_TUF_LOAD ? load(w, update, &want, err)
                                        : store(w, update, &want, err);
        if (rc != CW_OK)
            break;
    }
    return rc;
}

static void search(struct world *w, struct cw_tuf_update *update)
{
    struct cw_tuf_file file;
    const char *role;
    struct cw_err err;

    for (size_t i = 0; i < CW_COUNT(paths); i++) {
        int rc = cw_tuf_update_find(update, paths[i], &err);

        if (rc == CW_OK)
            rc = drive(w, update, &err);
        if (rc == CW_OK && cw_tuf_update_found(update, &file, &role, &err) == CW_OK)
            always(cw_tuf_update_meta(update, role) != NULL && file.length == 0);
    }
}

static int look_at(void *ctx, const char *role, const struct cw_tuf_meta *meta, const void *bytes, size_t len,
                   struct cw_err *err)
{
    size_t own;

    (void)err;
    always(cw_tuf_update_meta(ctx, role) == meta);
    always(cw_tuf_update_bytes(ctx, role, &own) == bytes && own == len);
    return CW_OK;
}

/* Every delegation of the top-level role, as a mirror takes them; the first failure is final. */
static void take_all(struct world *w, struct cw_tuf_update *update)
{
    struct cw_err err;
    int rc = CW_OK;

    for (size_t i = 0; i < cw_tuf_delegation_count(cw_tuf_update_meta(update, "targets")) && rc == CW_OK;
         i++) {
        rc = cw_tuf_update_take(update, "targets", i, &err);
        if (rc == CW_OK)
            rc = drive(w, update, &err);
    }
    if (rc != CW_OK)
        always(cw_tuf_update_find(update, "f", &err) != CW_OK);
    always(cw_tuf_update_each(update, look_at, update, &err) == CW_OK);
    always(cw_tuf_update_grace_used(update) >= 0);
}

static void run(struct world *w)
{
    const struct cw_tuf_params params = {.now = NOW, .grace = take(w) == 1 ? 86400 : 0};
    const struct file *root = on_disk(w, "root.json");
    struct cw_tuf_update *update = NULL;
    struct cw_err err = {.code = 0};
    int rc = cw_tuf_update_new(&update, &params, root->bytes, root->len, &err);

    if (rc == CW_OK)
        rc = drive(w, update, &err);
    if (rc == CW_OK) {
        w->fresh_keys = false;
        search(w, update);
        take_all(w, update);
    } else {
        always(err.text[0] != '\0');
    }
    cw_tuf_update_free(update);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world w = {.data = data, .left = size};
    struct file *root = on_disk(&w, "root.json");
    CW_AUTO_BUF text = CW_BUF_INIT(1 << 20);

    make_keys();
    make(&text, &w, "root", "1.root.json");
    snprintf(root->name, sizeof root->name, "root.json");
    root->version = 1;
    root->len = text.len;
    root->bytes = cw_buf_take(&text);
    always(root->bytes != NULL);
    if (w.left > 0 && data[0] < 192) /* a version of its own would upset the count */
        for (int i = 0; i < RUNS && w.left > 0; i++)
            run(&w);
    for (size_t i = 0; i < DISK_MAX; i++)
        free(w.disk[i].bytes);
    return 0;
}
