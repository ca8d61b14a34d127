/* SPDX-License-Identifier: ISC */
/*
 * The whole client workflow against a repository that the input makes up as it is asked: each answer is
 * absence, raw bytes, or metadata built from a few bytes and truly signed by keys of the input's choice.
 * Several runs share one disk; what is stored there may never go back.
 */
#include <string.h>

#include "base/mem.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/make_update.h"
#include "tuf/update.h"

#define DISK_MAX 16 /* names of roles that fuzz_make() can think of, and some */
#define RUNS 3
#define ANSWERS_MAX 400 /* of one run: all roots and all delegations there may be */

static const char *const paths[] = {"f", "d/f", "d/g", "d/e/f"};

struct file {
    char name[256];
    void *bytes;
    size_t len;
    int64_t version;
};

struct world {
    struct fuzz_input input;
    struct file disk[DISK_MAX];
    bool fresh_keys; /* a root was stored since the last refresh that succeeded */
};

static struct file *on_disk(struct world *w, const char *name)
{
    size_t i;

    for (i = 0; i < DISK_MAX && w->disk[i].name[0] != '\0' && strcmp(w->disk[i].name, name) != 0; i++)
        ;
    return i < DISK_MAX ? &w->disk[i] : NULL;
}

static bool find_trusted(const void *ctx, const char *name, const void **bytes, size_t *len)
{
    const struct world *w = ctx;

    for (size_t i = 0; i < DISK_MAX; i++) {
        if (w->disk[i].bytes == NULL || strcmp(w->disk[i].name, name) != 0)
            continue;
        *bytes = w->disk[i].bytes;
        *len = w->disk[i].len;
        return true;
    }
    return false;
}

/* --- answering ------------------------------------------------------------------------------------------ */

/* Raw bytes of the input: as many as the next two bytes say. */
static int give_raw(struct world *w, struct cw_tuf_update *update, struct cw_err *err)
{
    size_t len = (size_t)fuzz_take(&w->input) << 8 | fuzz_take(&w->input);
    const uint8_t *bytes = w->input.data;

    len = len < w->input.left ? len : w->input.left;
    w->input.data += len;
    w->input.left -= len;
    return cw_tuf_update_give(update, bytes, len, err);
}

static int fetch(struct world *w, struct cw_tuf_update *update, const struct cw_tuf_want *want,
                 struct cw_err *err)
{
    const struct fuzz_trusted trusted = {.find = find_trusted, .ctx = w};
    uint8_t how = w->input.left > 0 ? fuzz_take(&w->input) : 0xFF;
    const char *text;
    size_t len;

    always(strchr(want->name, '/') == NULL && strlen(want->name) < 256);
    always(want->optional == (strcmp(want->role, "root") == 0));
    if (how >= (want->optional ? 0x50 : 0xF0)) /* mostly one root or two: long chains teach nothing more */
        return cw_tuf_update_absent(update, err);
    if (how >= (want->optional ? 0x48 : 0xE0))
        return give_raw(w, update, err);
    text = fuzz_make(&len, &w->input, &trusted, want->role, want->name);
    return cw_tuf_update_give(update, text, len, err);
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

/* What delegates to nobody goes and is wanted again where it is searched. */
static void forget(struct cw_tuf_update *update)
{
    const struct cw_tuf_meta *kept = cw_tuf_update_meta(update, "a");

    cw_tuf_update_trim(update, "a", 0);
    always(cw_tuf_update_meta(update, "targets") != NULL && cw_tuf_update_meta(update, "a") == kept);
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
        if (i == 1) /* the others are taken with what is held */
            forget(update);
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

/* What was not asked for is not taken, and harms nothing. */
static void give_unasked(struct cw_tuf_update *update)
{
    struct cw_err err;

    always(cw_tuf_update_give(update, "{}", 2, &err) != CW_OK);
    always(cw_tuf_update_absent(update, &err) != CW_OK);
}

/* A refresh that failed stays so. */
static void check_failed(struct cw_tuf_update *update)
{
    struct cw_tuf_want want;
    struct cw_err err;

    give_unasked(update);
    always(cw_tuf_update_next(update, &want, &err) != CW_OK && cw_tuf_update_stored(update, &err) != CW_OK);
    always(cw_tuf_update_find(update, "f", &err) != CW_OK &&
           cw_tuf_update_take(update, "targets", 0, &err) != CW_OK);
    always(!cw_tuf_update_is_older(update) || cw_tuf_update_meta(update, "root") != NULL);
}

static void run(struct world *w)
{
    const struct cw_tuf_params params = {.now = FUZZ_NOW, .grace = fuzz_take(&w->input) == 1 ? 86400 : 0};
    const struct file *root = on_disk(w, "root.json");
    struct cw_tuf_update *update = NULL;
    struct cw_err err = {.code = 0};
    int rc = cw_tuf_update_new(&update, &params, root->bytes, root->len, &err);

    if (rc == CW_OK)
        rc = drive(w, update, &err);
    if (rc == CW_OK) {
        w->fresh_keys = false;
        give_unasked(update);
        search(w, update);
        take_all(w, update);
    } else {
        always(err.text[0] != '\0');
        if (update != NULL)
            check_failed(update);
    }
    cw_tuf_update_free(update);
}

/* The root that the client begins with. False: its version is not 1, which would upset the count. */
static bool begin(struct world *w)
{
    struct file *root = on_disk(w, "root.json");
    const struct fuzz_trusted trusted = {.find = find_trusted, .ctx = w};
    bool is_first = w->input.left > 0 && w->input.data[0] < 192;
    const char *text = fuzz_make(&root->len, &w->input, &trusted, "root", "1.root.json");

    snprintf(root->name, sizeof root->name, "root.json");
    root->version = 1;
    root->bytes = malloc(root->len);
    always(root->bytes != NULL);
    memcpy(root->bytes, text, root->len);
    return is_first;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world w = {.input = {.data = data, .left = size}};

    if (begin(&w)) {
        for (int i = 0; i < RUNS && w.input.left > 0; i++)
            run(&w);
    }
    for (size_t i = 0; i < DISK_MAX; i++)
        free(w.disk[i].bytes);
    return 0;
}
