/* SPDX-License-Identifier: ISC */
/*
 * The folder that is carried to people who sign: all that one of them needs to see what he signs, and to check that it hangs
 * together. It is copied freely; signatures from several copies are united (gen/ceremony.h).
 *
 *     ceremony.json               the one document of Causeway, see below
 *     metadata/<n>.<role>.json    to be signed: plain TUF metadata, whose "signatures" grow; any TUF tool may add one
 *     trusted/<n>.<role>.json     what is in force: root, targets, each delegated role or bin that is to be replaced, and products of
 *                                 which only bins are
 *     targets/channels/…          the channel manifests that the new and the old metadata name
 *
 *     {"_type": "causeway-ceremony", "format": "1.0", "composed": time, "first": bool, "renew": [role],
 *      "sign": [{"role", "version", "sha256": of the canonical form of its signed part,
 *                "bin_of"?: the product whose hash bin it is; those of one product stand together}],
 *      "files": {path: sha256}      of trusted/ and targets/ but bins, whose signatures are looked at
 *      "names": {keyid: name}}      for people; nothing is decided by them
 *
 * What counts are the signed parts: they are published as they are, byte for byte of their canonical form. Loading checks that every
 * file is what ceremony.json says; that the trusted root signs itself and the trusted targets, and those the roles; that each new
 * version follows the one in force; and every signature that is there. It does not say that the trusted root is the right one: a
 * person compares its fingerprint, which is shown.
 *
 * There may be thousands of bins with a million targets in them, so a bin's content is only in memory while somebody is at it
 * (cw_folder_open_role()).
 *
 * A signature is added by replacing one file, so a run that is killed leaves each file with or without it; those of many bins become
 * durable together.
 */
#ifndef CW_GEN_FOLDER_H
#define CW_GEN_FOLDER_H

#include "cli/cli.h"
#include "fs/commit.h"
#include "gen/keys.h"
#include "gen/state.h"
#include "tuf/meta.h"

#define CW_FOLDER_FILE "ceremony.json"
#define CW_FOLDER_TYPE "causeway-ceremony"
#define CW_FOLDER_MAX ((size_t)4 << 20) /* bytes of that document: some ten thousand roles and bins */

struct cw_folder_role { /* to be signed */
    const char *role;   /* this and the next two are borrowed from the document */
    const char *bin_of; /* NULL: no bin */
    const char *sha256;
    int64_t version, expires;
    json_t *signatures;        /* owned; those that are in the file, too */
    struct cw_tuf_meta meta;   /* doc NULL: a bin that is not open */
    struct cw_tuf_meta before; /* in force; doc NULL: the role is new, or a bin that is not open */
    struct cw_tuf_role needs
        [2]; /* whose signatures it takes: by what is in force, and by the next root where that differs */
    size_t need_count;
    struct cw_buf canonical; /* of its signed part: what is signed; empty where meta is */
};

struct cw_folder_product {   /* one whose bins are to be signed, and itself is not */
    const char *role;        /* borrowed from the document */
    struct cw_tuf_meta meta; /* in force */
};

struct cw_folder {
    int dir;                          /* open; owned */
    json_t *doc;                      /* owned */
    struct cw_buf text;               /* of ceremony.json, as it lies there */
    struct cw_tuf_meta root, targets; /* in force; doc NULL in a repository's first ceremony */
    char fingerprint[CW_SHA256_TEXT]; /* of the trusted root's file, or of the first root's signed part */
    struct cw_folder_role *roles;     /* root, targets, others, bins */
    size_t count;
    struct cw_folder_product *products;
    size_t product_count;
    struct cw_batch batch;        /* bins with more signatures, not in place yet */
    const struct cw_cli *cli;     /* borrowed; whoever waits while thousands of bins are read; NULL: nobody */
    struct cw_progress *progress; /* borrowed; of what is done with them now; NULL: nothing is */
};

#define CW_FOLDER_INIT                                                                                       \
    {                                                                                                        \
        .dir = -1                                                                                            \
    }

/* What a new folder is made of; all borrowed. */
struct cw_folder_spec {
    json_t *bodies;               /* role → signed part */
    const struct cw_state *state; /* in force; NULL: nothing is */
    const struct cw_keys *keys;   /* for the names */
    const char *composed;         /* time */
    const json_t *renew;          /* array of roles */
    const json_t *bins;           /* the rows of bins, whose files are there already; NULL: none */
};
/* Makes it as `path` beneath dir, not durable: cw_move_new() makes it so. Channel manifests are added by cw_folder_add_file(), bins by
 * cw_bins_carry(), before. */
int cw_folder_make(int dir, const char *path, const struct cw_folder_spec *spec, json_t *files,
                   struct cw_err *err);
/* Puts a file into the folder at `path` to be made, and notes its hash in files. */
int cw_folder_add_file(json_t *files, int dir, const char *path, const char *name, const struct cw_buf *bytes,
                       struct cw_err *err);

/* Opens and checks a folder; dir as from cw_dir_open() or cw_at_open_dir(), taken over also on failure. CW_E_VERIFY names the file
 * that is not as it was. cli, which may be NULL, gets progress from here on. */
int cw_folder_load(struct cw_folder *folder, int dir, const struct cw_cli *cli, struct cw_err *err);
void cw_folder_clear(struct cw_folder *folder); /* harmless on CW_FOLDER_INIT */
#define CW_AUTO_FOLDER __attribute__((cleanup(cw_folder_clear))) struct cw_folder

/* Reads again what is not kept of a bin, and makes sure that it is as it was; nothing for others, and for one that is open. */
int cw_folder_open_role(struct cw_folder_role *role, const struct cw_folder *folder, struct cw_err *err);
/* Lets go of it; nothing for others than bins. */
void cw_folder_rest_role(struct cw_folder_role *role);
/* Begins and ends showing how far all bins were opened, which each step does once. `what`: "signing". */
void cw_folder_begin(struct cw_folder *folder, struct cw_progress *progress, const char *what);
void cw_folder_end(struct cw_folder *folder);
/* NULL: no such role is to be signed. */
struct cw_folder_role *cw_folder_find(const struct cw_folder *folder, const char *role);
/* Whose targets it is about: the role itself, or the product whose bin it is. */
const char *cw_folder_subject(const struct cw_folder_role *role);
/* How many roles from number `first` on are bins of the same product as that one; 1 when it is no bin. */
size_t cw_folder_run(const struct cw_folder *folder, size_t first);

/* A key's name, or its keyid. */
const char *cw_folder_key_name(const struct cw_folder *folder, const char *keyid);
/* The key object of a key that some role of the folder wants; NULL: none does. word: its name or keyid. *keyid (may be NULL) is borrowed. */
const json_t *cw_folder_key(const char **keyid, const struct cw_folder *folder, const char *word);

/* Does this role want a signature by that key, and does it lack it? */
bool cw_folder_wants(const struct cw_folder_role *role, const char *keyid);
bool cw_folder_has(const struct cw_folder_role *role, const char *keyid);
/* CW_E_VERIFY unless the signature is by a key that the role wants, and holds. The role is open, here and below. */
int cw_folder_check(const struct cw_folder_role *role, const char *keyid, const char *hex,
                    struct cw_err *err);
/* Takes a signature in, which must be by a key that the role wants, and hold. Twice is once; *added says which. */
int cw_folder_add(bool *added, struct cw_folder_role *role, const char *keyid, const char *hex,
                  struct cw_err *err);
/* Makes a role's signatures durable; a bin's together with those of others, the last by cw_folder_finish(). */
int cw_folder_write(struct cw_folder *folder, const struct cw_folder_role *role, struct cw_err *err);
int cw_folder_finish(struct cw_folder *folder, struct cw_err *err);
/* Signs with every key that can sign here, as far as thresholds ask for it. Writes. */
int cw_folder_sign_here(struct cw_folder *folder, const struct cw_keys *keys, struct cw_unlock *unlock,
                        struct cw_err *err);

/* [{"role", "keys"?, "missing": how many, "of": [name or keyid], "bins"?: how many bins of that role}] of every threshold that is not
 * reached; empty: all are. "keys" is "old" or "new" where the next root changes the role's keys, so that both have to sign. */
int cw_folder_missing(json_t **missing, const struct cw_folder *folder, struct cw_err *err);

/* What changes, for people and programs (gen/folder_words.c): [{"role", "version", "expires", "new": bool, "changes": [text]}]; of a
 * product's bins, all together, "bins", how many, in place of "version", and the earliest expiry. */
int cw_folder_changes(json_t **changes, struct cw_folder *folder, struct cw_err *err);
/* What such a row is about: "gateway", or "11 hash bins of gateway". */
#define CW_FOLDER_ROW_NAME (CW_TUF_NAME_MAX + 40)
void cw_folder_row_name(char name[CW_FOLDER_ROW_NAME], const json_t *row);
/* Of what is missing: ", by the old keys", ", by the new keys", or "" where there is only one set. */
const char *cw_folder_row_keys(const json_t *row);
void cw_folder_say(const struct cw_folder *folder, const json_t *changes, const struct cw_cli *cli);
void cw_folder_say_missing(const json_t *missing, const struct cw_cli *cli);

#endif
