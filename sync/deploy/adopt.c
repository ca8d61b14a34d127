/* SPDX-License-Identifier: ISC */
/*
 * From a folder to a generation: see sync/deploy/adopt.h.
 */
#include "sync/deploy/adopt.h"

#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "codec/json.h"
#include "fs/root.h"
#include "sync/deploy/apply.h"
#include "sync/deploy/install.h"
#include "sync/deploy/store.h"

/* One adoption under way. */
struct adoption {
    struct cw_adopted *adopted;
    const char *named; /* the folder as the person named it */
    int folder;
    bool refused; /* it is something else */
};

/* The change of that product in the plan, and its unit. */
static const json_t *find_change(const json_t **unit, const json_t *plan, const char *product)
{
    json_t *one, *change;
    size_t i, k;

    json_array_foreach (json_object_get(plan, "units"), i, one) {
        json_array_foreach (json_object_get(one, "changes"), k, change) {
            *unit = one;
            if (strcmp(cw_json_text(change, "product"), product) == 0)
                return change;
        }
    }
    return NULL;
}

static int check_unit(const json_t *unit, const char *product, struct cw_err *err)
{
    const json_t *held = json_object_get(unit, "held");

    if (strcmp(cw_json_text(held, "by"), "withdrawn") == 0 &&
        strcmp(cw_json_text(held, "product"), product) == 0)
        return cw_err_set(err, CW_E_HELD, "%s %s was withdrawn by its publisher: %s", product,
                          cw_json_text(held, "version"), cw_json_text(held, "reason"));
    return CW_OK;
}

/* Whether a device or a package manager has something cannot be seen in a folder. */
static int check_artifacts(const json_t *change, struct cw_err *err)
{
    json_t *artifact;
    size_t i;

    json_array_foreach (json_object_get(change, "artifacts"), i, artifact) {
        const char *kind = cw_json_text(artifact, "kind");

        if (strcmp(kind, "package") == 0 || strcmp(kind, "firmware") == 0)
            return cw_err_set(err, CW_E_FAIL,
                              "'%s' is a %s, which is handed on to something that cannot be compared: "
                              "'causeway-sync apply' hands it on",
                              cw_json_text(artifact, "path"), kind);
    }
    return CW_OK;
}

/* What is to be adopted; NULL: it is installed already. */
static int choose(const json_t **change, const json_t **unit, const struct cw_world *world,
                  const json_t *plan, const char *product, struct cw_err *err)
{
    const json_t *installed = json_object_get(json_object_get(world->generation, "products"), product);
    int rc;

    *change = find_change(unit, plan, product);
    if (*change == NULL && installed != NULL)
        return CW_OK;
    if (*change == NULL)
        return cw_err_set(err, CW_E_NOTFOUND,
                          "no upstream's set has a product '%s' for this site: 'causeway-sync status' shows "
                          "what is followed",
                          product);
    if (installed != NULL)
        return cw_err_set(err, CW_E_FAIL,
                          "%s %s is installed, from upstream '%s': 'causeway-sync apply' updates it", product,
                          cw_json_text(installed, "version"), cw_json_text(installed, "upstream"));
    rc = check_unit(*unit, product, err);
    return rc == CW_OK ? check_artifacts(*change, err) : rc;
}

/* The plan to take that one change, and to do nothing. It is never a part of its set: the rest may not be there. */
static int derive(json_t **derived, const json_t *plan, const json_t *unit, const json_t *change,
                  struct cw_err *err)
{
    json_auto_t *made = cw_json_copy(plan), *bare = cw_json_copy(change);
    char id[CW_SHA256_TEXT];
    json_t *units;
    int rc;

    if (made == NULL || bare == NULL)
        return cw_err_nomem(err);
    (void)json_object_del(bare, "actions");
    (void)json_object_del(bare, "deliveries");
    (void)json_object_del(made, "approvals");
    units = json_pack("[{s:O, s:b, s:b, s:[O]}]", "upstream", json_object_get(unit, "upstream"),
                      "independent", true, "ready", true, "changes", bare);
    if (json_object_set_new(made, "units", units) != 0 ||
        json_object_set(made, "bytes", json_object_get(bare, "bytes")) != 0)
        return cw_err_nomem(err);
    rc = cw_plan_id(id, made, err);
    if (rc == CW_OK && json_object_set_new(made, "id", json_string(id)) != 0)
        rc = cw_err_nomem(err);
    if (rc == CW_OK)
        *derived = json_incref(made);
    return rc;
}

static int release_path(char path[CW_PATH_MAX], const json_t *change, struct cw_err *err)
{
    return cw_store_release_path(path, cw_json_text(change, "product"), cw_json_text(change, "to"),
                                 cw_json_text(change, "platform"), err);
}

static int write_data(json_t *data, const struct adoption *adoption, struct cw_err *err)
{
    const struct cw_likeness *likeness = &adoption->adopted->likeness;
    json_auto_t *more = json_pack("{s:s, s:I, s:I}", "folder", adoption->named, "same",
                                  (json_int_t)likeness->same, "more", (json_int_t)likeness->more);

    return more != NULL && json_object_update(data, more) == 0 ? CW_OK : cw_err_nomem(err);
}

/* The release is there, nothing was switched. */
static int compare(void *ctx, int root, json_t *data, struct cw_err *err)
{
    struct adoption *adoption = ctx;
    const json_t *change = adoption->adopted->change;
    struct cw_likeness *likeness = &adoption->adopted->likeness;
    CW_AUTO_FD int release = -1;
    char path[CW_PATH_MAX];
    int rc = release_path(path, change, err);

    if (rc == CW_OK)
        rc = cw_at_open_dir(&release, root, path, err);
    if (rc == CW_OK)
        rc = cw_likeness_compare(likeness, release, adoption->folder, err);
    adoption->refused = rc == CW_OK && likeness->differing > 0;
    if (adoption->refused)
        return cw_err_set(err, CW_E_VERIFY, "'%s' is not %s %s (%s): %llu differ%s", adoption->named,
                          cw_json_text(change, "product"), cw_json_text(change, "to"),
                          cw_json_text(change, "platform"), (unsigned long long)likeness->differing,
                          likeness->differing == 1 ? "s" : "");
    return rc == CW_OK ? write_data(data, adoption, err) : rc;
}

/* What was staged for nothing. If this run is killed before, 'gc' removes it. */
static void drop_staged(const struct cw_world *world, const json_t *change)
{
    CW_AUTO_FD int root = -1;
    char path[CW_PATH_MAX];
    struct cw_err ignored;
    bool there;

    if (cw_dir_open(&root, world->site->install_root, &ignored) == CW_OK &&
        release_path(path, change, &ignored) == CW_OK && cw_at_has(&there, root, path, &ignored) == CW_OK &&
        there)
        (void)cw_install_remove(root, path, &ignored);
}

int cw_adopt(struct cw_adopted *adopted, const struct cw_world *world, const json_t *plan,
             const char *product, const char *folder, const struct cw_cli *cli, struct cw_err *err)
{
    CW_AUTO_FD int fd = -1;
    struct adoption adoption = {.adopted = adopted, .named = folder};
    const struct cw_apply_way way = {.event = "adopt", .staged = compare, .ctx = &adoption};
    const json_t *change, *unit = NULL;
    json_auto_t *derived = NULL;
    bool had = false;
    int rc = choose(&change, &unit, world, plan, product, err);

    *adopted = (struct cw_adopted){.generation = world->current, .was_there = rc == CW_OK && change == NULL};
    if (rc != CW_OK || change == NULL)
        return rc;
    adopted->change = json_incref((json_t *)change);
    rc = cw_dir_open(&fd, folder, err);
    adoption.folder = fd;
    if (rc == CW_OK)
        rc = derive(&derived, plan, unit, change, err);
    if (rc == CW_OK && world->root >= 0)
        rc = cw_install_has(&had, world->root, change, err);
    if (rc != CW_OK)
        return rc;
    rc = cw_apply(&adopted->generation, world, derived, &way, cli, err);
    if (adoption.refused && !had) /* after any other failure it may be what runs */
        drop_staged(world, change);
    return rc;
}

void cw_adopted_clear(struct cw_adopted *adopted)
{
    json_decref(adopted->change);
    cw_likeness_clear(&adopted->likeness);
    *adopted = (struct cw_adopted){.generation = 0};
}
