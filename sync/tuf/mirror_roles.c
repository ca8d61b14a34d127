/* SPDX-License-Identifier: ISC */
/*
 * Every role of a repository, breadth first from the top-level targets role, and with each its targets. Roles that delegate are held to
 * the end, for every search passes them; the others may be forgotten when their targets are there.
 */
#include <string.h>

#include "sync/tuf/mirror_parts.h"

#define VERSION_DIGITS "0123456789"
#define EXPECTED 48 /* roles ahead of the one that is looked into: http/ahead.h has room for so many */

/* A static server decodes what is asked for and looks for a file of that name, or in that folder. */
static void check_servable(const struct cw_mirroring *mirroring, const char *role)
{
    CW_AUTO_BUF name = CW_BUF_INIT(CW_PATH_MAX);

    if (cw_tuf_role_filename(&name, role, NULL) == CW_OK && strchr(cw_buf_text(&name), '%') != NULL)
        cw_cli_warn(mirroring->cli,
                    "role '%s' is kept as '%s', which a static web server gives only to who asks for it "
                    "encoded twice",
                    role, cw_buf_text(&name));
}

/* Where names bear no version, a role "2.root" would have the file of the second root, and one that begins like a temporary file
 * would be swept away. */
static int check_name(const struct cw_mirroring *mirroring, const char *role, struct cw_err *err)
{
    static const char *const taken[] = {"root", "timestamp", "snapshot", "targets"};
    size_t digits = strspn(role, VERSION_DIGITS);

    if (cw_mirroring_is_consistent(mirroring))
        return CW_OK;
    if (strncmp(role, CW_TMP_PREFIX, strlen(CW_TMP_PREFIX)) == 0)
        return cw_err_set(err, CW_E_VERIFY,
                          "role '%s' cannot be mirrored: its file would have the name of a temporary one",
                          role);
    for (size_t i = 0; i < sizeof taken / sizeof taken[0] && digits > 0 && role[digits] == '.'; i++) {
        if (strcmp(role + digits + 1, taken[i]) == 0)
            return cw_err_set(err, CW_E_VERIFY,
                              "role '%s' cannot be mirrored: its file would have the name of a version of "
                              "%s, because this repository "
                              "has no consistent snapshots",
                              role, taken[i]);
    }
    return CW_OK;
}

static int note_role(struct cw_mirroring *mirroring, const char *role, bool listed, struct cw_err *err)
{
    return json_object_set_new(mirroring->roles, role, json_boolean(listed)) == 0 ? CW_OK : cw_err_nomem(err);
}

struct following {
    json_t *delegators; /* array of names: roles that delegate, parents first */
    size_t bytes;       /* of their files */
};

/* The role is held: its targets, and later those that it delegates to. */
static int take_role(struct cw_mirroring *mirroring, struct following *following, const char *role,
                     struct cw_err *err)
{
    size_t len = 0, count = cw_tuf_delegation_count(cw_tuf_update_meta(mirroring->update, role));
    int rc = note_role(mirroring, role, true, err);

    (void)cw_tuf_update_bytes(mirroring->update, role, &len);
    mirroring->result->roles++;
    if (count > 0) {
        following->bytes += len;
        if (rc == CW_OK && json_array_append_new(following->delegators, json_string(role)) != 0)
            rc = cw_err_nomem(err);
    }
    if (rc == CW_OK && count > CW_TUF_MIRROR_ROLES_MAX)
        rc = cw_err_set(err, CW_E_VERIFY, "role '%s' delegates to more than %d roles", role,
                        CW_TUF_MIRROR_ROLES_MAX);
    if (rc == CW_OK && following->bytes > CW_TUF_MIRROR_DELEGATORS_MAX)
        rc = cw_err_set(err, CW_E_VERIFY, "the roles that delegate have more than %zu bytes",
                        CW_TUF_MIRROR_DELEGATORS_MAX);
    return rc == CW_OK ? cw_mirroring_fetch_targets(mirroring, role, err) : rc;
}

/* Takes in a delegation that the snapshot lists; a client would not ask for another. */
static int follow(struct cw_mirroring *mirroring, struct following *following, const char *delegator,
                  size_t index, struct cw_err *err)
{
    struct cw_tuf_role role;
    struct cw_tuf_file file;
    int rc = cw_tuf_delegation_at(&role, cw_tuf_update_meta(mirroring->update, delegator), index, err);

    if (rc != CW_OK || json_object_get(mirroring->roles, role.name) != NULL)
        return rc;
    if (cw_tuf_meta_file(&file, cw_tuf_update_meta(mirroring->update, "snapshot"), role.name, NULL) !=
        CW_OK) {
        cw_cli_warn(mirroring->cli, "role '%s' is delegated to, but the snapshot does not list it",
                    role.name);
        return note_role(mirroring, role.name, false, err);
    }
    if (mirroring->result->roles >= CW_TUF_MIRROR_ROLES_MAX)
        return cw_err_set(err, CW_E_VERIFY, "there are more than %d roles", CW_TUF_MIRROR_ROLES_MAX);
    check_servable(mirroring, role.name);
    rc = check_name(mirroring, role.name, err);
    if (rc == CW_OK)
        rc = cw_tuf_update_take(mirroring->update, delegator, index, err);
    if (rc == CW_OK)
        rc = cw_mirroring_drive(mirroring, err);
    return rc == CW_OK ? take_role(mirroring, following, role.name, err) : rc;
}

int cw_mirroring_follow_roles(struct cw_mirroring *mirroring, struct cw_err *err)
{
    json_auto_t *delegators = json_array();
    struct following following = {.delegators = delegators};
    size_t i, index;
    int rc = delegators != NULL ? take_role(mirroring, &following, "targets", err) : cw_err_nomem(err);

    for (i = 0; rc == CW_OK && i < json_array_size(delegators); i++) {
        const char *name = json_string_value(json_array_get(delegators, i));
        size_t expected = 0, count = cw_tuf_delegation_count(cw_tuf_update_meta(mirroring->update, name));

        for (index = 0; rc == CW_OK && index < count; index++) {
            for (; expected < count && expected < index + EXPECTED; expected++)
                cw_mirroring_expect(mirroring, name, expected);
            rc = follow(mirroring, &following, name, index, err);
        }
    }
    return rc;
}
