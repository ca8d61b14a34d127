/* SPDX-License-Identifier: ISC */
/*
 * The two-key rule: nothing enters a site that the product's role and the channel's role do not both stand
 * for. TUF says who signed a target; the channel manifest says which release manifest is meant; the release
 * manifest says what lies in it. Here all three are held against each other. Whether bytes of artifacts match
 * is for whoever fetches them.
 */
#include "tree/set.h"

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "crypt/hash.h"
#include "release/memory.h"
#include "tree/layout.h"

#define FILES_OF_RELEASE 2 /* that are read for each: its role, its manifest */

/* What one load works with. */
struct load {
    struct cw_set *set;
    struct cw_tuf_update *update;
    const struct cw_set_source *source;
    const struct cw_set_wanted *wanted;
    bool *want_pin;               /* for each pin of the channel */
    struct cw_manifest *manifest; /* for each pin; doc NULL: not (yet) loaded */
    uint64_t channel_length;
};

/* An artifact that TUF is still to be asked about. */
struct turn {
    size_t file; /* of the set */
    size_t role; /* which of those that its product's role delegates to */
};

/* Is `signer` the role of that name, or the hash bin to which that role hands this target? A bin is its role's in all: the same
 * keys sign it, and the walk has verified it under them. */
static bool speaks_for(const struct load *load, const char *signer, const char *role, const char *target)
{
    const struct cw_tuf_meta *meta = cw_tuf_update_meta(load->update, role);
    struct cw_tuf_role bin;
    size_t index = 0;

    if (strcmp(signer, role) == 0)
        return true;
    return meta != NULL && cw_tuf_delegation_bins(meta) && cw_tuf_delegation_find(meta, target, &index) &&
           cw_tuf_delegation_at(&bin, meta, index, NULL) == CW_OK && strcmp(signer, bin.name) == 0;
}

/* TUF's word for a target, which must come from the role of the given name. */
static int find(struct load *load, const char *target, const char *role, struct cw_tuf_file *file,
                struct cw_err *err)
{
    const char *signer;
    int rc = cw_tuf_update_find(load->update, target, err);

    if (rc == CW_OK)
        rc = load->source->drive(load->source->ctx, load->update, err);
    if (rc != CW_OK)
        return rc;
    rc = cw_tuf_update_found(load->update, file, &signer, err);
    if (rc == CW_E_NOTFOUND)
        return cw_err_set(err, CW_E_VERIFY, "%s: no role signs it", target);
    if (rc != CW_OK)
        return rc;
    if (!speaks_for(load, signer, role, target))
        return cw_err_set(err, CW_E_VERIFY, "%s: signed by role '%s'; only role '%s' may", target, signer,
                          role);
    if (cw_tuf_file_sha256(file) == NULL || file->length < 0)
        return cw_err_set(err, CW_E_VERIFY, "%s: role '%s' states no length or no sha256", target, role);
    return CW_OK;
}

/* The same, and it must agree with what a manifest says of the file. `by` names that manifest. */
static int find_agreed(struct load *load, const char *target, const char *role, const char *sha256,
                       uint64_t length, const char *by, struct cw_tuf_file *file, struct cw_err *err)
{
    int rc = find(load, target, role, file, err);

    if (rc != CW_OK)
        return rc;
    if (strcmp(cw_tuf_file_sha256(file), sha256) != 0)
        return cw_err_set(err, CW_E_VERIFY, "%s: sha256 differs: %s says %s, but role '%s' signed %s", target,
                          by, sha256, role, cw_tuf_file_sha256(file));
    if ((uint64_t)file->length != length)
        return cw_err_set(err, CW_E_VERIFY,
                          "%s: length differs: %s says %" PRIu64 ", but role '%s' signed %" PRId64, target,
                          by, length, role, file->length);
    return CW_OK;
}

/* Reads a small target and checks it against all that TUF states of it. */
static int read_target(struct load *load, const char *target, const struct cw_tuf_file *file,
                       struct cw_buf *buf, struct cw_err *err)
{
    char path[CW_PATH_MAX];
    int rc;

    if ((uint64_t)file->length > buf->max)
        return cw_err_set(err, CW_E_VERIFY, "%s: %" PRId64 " bytes are more than the %zu allowed", target,
                          file->length, buf->max);
    buf->max = (size_t)file->length;
    rc = cw_tree_target_path(path, target, cw_tuf_file_sha256(file), err);
    if (rc != CW_OK)
        return rc;
    rc = load->source->read(load->source->ctx, path, buf, err);
    if (rc != CW_OK)
        return rc;
    rc = cw_tuf_file_check(file, cw_buf_text(buf), buf->len, err);
    if (rc != CW_OK)
        cw_err_prefix(err, "%s", path);
    return rc;
}

static int load_channel(struct load *load, const char *name, struct cw_err *err)
{
    struct cw_set *set = load->set;
    CW_AUTO_BUF buf = CW_BUF_INIT(CW_CHANNEL_MAX);
    char target[CW_PATH_MAX];
    struct cw_tuf_file file;
    int rc = cw_tree_channel_target(target, name, err);

    if (rc == CW_OK)
        rc = find(load, target, name, &file, err);
    if (rc == CW_OK)
        rc = read_target(load, target, &file, &buf, err);
    if (rc == CW_OK)
        rc = cw_sha256(set->sha256, cw_buf_text(&buf), buf.len, err);
    if (rc == CW_OK)
        rc = cw_channel_parse(&set->channel, cw_buf_text(&buf), buf.len, err);
    if (rc == CW_OK && strcmp(set->channel.channel, name) != 0)
        rc = cw_err_set(err, CW_E_VERIFY, "%s: says that it is channel '%s'", target, set->channel.channel);
    load->channel_length = buf.len;
    return rc;
}

static int load_release(struct load *load, size_t index, struct cw_err *err)
{
    const struct cw_pin *pin = &load->set->channel.pins[index];
    struct cw_manifest *manifest = &load->manifest[index];
    CW_AUTO_BUF buf = CW_BUF_INIT(CW_MANIFEST_MAX);
    char target[CW_PATH_MAX];
    struct cw_tuf_file file;
    int rc = cw_tree_release_target(target, pin->product, pin->version, err);

    if (rc == CW_OK)
        rc = find_agreed(load, target, pin->product, pin->sha256, pin->length, "the channel", &file, err);
    if (rc == CW_OK)
        rc = read_target(load, target, &file, &buf, err);
    if (rc == CW_OK)
        rc = cw_manifest_parse(manifest, cw_buf_text(&buf), buf.len, err);
    if (rc == CW_OK)
        rc = cw_manifest_lighten(manifest, err);
    if (rc != CW_OK)
        return rc;
    if (strcmp(manifest->product, pin->product) != 0 || strcmp(manifest->version, pin->version) != 0)
        return cw_err_set(err, CW_E_VERIFY, "%s: says that it is %s %s", target, manifest->product,
                          manifest->version);
    return cw_channel_check_requires(&load->set->channel, pin->product, manifest->requires, err);
}

static bool in_list(const char *const *list, const char *text,
                    bool (*match)(const char *pattern, const char *text))
{
    if (list == NULL)
        return true;
    for (; *list != NULL; list++) {
        if (match(*list, text))
            return true;
    }
    return false;
}

static bool equal(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static bool wants_artifact(const struct load *load, const struct cw_artifact *artifact)
{
    return strcmp(artifact->platform, CW_PLATFORM_ANY) == 0 ||
           in_list(load->wanted->platforms, artifact->platform, equal);
}

/* The role of the product, and the release manifest that the channel pins. */
static void expect_release(const struct load *load, const struct cw_pin *pin)
{
    const struct cw_set_source *source = load->source;
    char target[CW_PATH_MAX], path[CW_PATH_MAX];

    if (cw_tree_release_target(target, pin->product, pin->version, NULL) != CW_OK ||
        cw_tree_target_path(path, target, pin->sha256, NULL) != CW_OK)
        return;
    if (source->expect != NULL)
        source->expect(source->ctx, load->update, target);
    if (source->expect_file != NULL && pin->length <= CW_MANIFEST_MAX)
        source->expect_file(source->ctx, path, (size_t)pin->length);
}

/* Of the releases that are wanted so far: what one of them requires is known when it is loaded. */
static void expect_releases(const struct load *load, size_t *told, size_t now)
{
    for (; *told < load->set->channel.pin_count && *told < now + CW_SET_AHEAD / FILES_OF_RELEASE; ++*told) {
        if (load->want_pin[*told])
            expect_release(load, &load->set->channel.pins[*told]);
    }
}

/* What a loaded release requires is wanted too. Its presence in the set was checked when it was loaded. */
static void want_required(struct load *load, const json_t *requires)
{
    const struct cw_channel *channel = &load->set->channel;
    const char *product;
    json_t *range;

    json_object_foreach ((json_t *) requires, product, range)
        load->want_pin[cw_channel_pin(channel, product) - channel->pins] = true;
}

/* Loads wanted releases until none is left: one of them may want others that stand before it. */
static int load_releases(struct load *load, struct cw_err *err)
{
    const struct cw_channel *channel = &load->set->channel;
    bool more = true;
    size_t i, told = 0;

    for (i = 0; i < channel->pin_count; i++)
        load->want_pin[i] = in_list(load->wanted->products, channel->pins[i].product, cw_str_glob);
    while (more) {
        more = false;
        for (i = 0; i < channel->pin_count; i++) {
            int rc;

            expect_releases(load, &told, i);
            if (!load->want_pin[i] || load->manifest[i].doc != NULL)
                continue;
            rc = load_release(load, i, err);
            if (rc != CW_OK) {
                cw_err_prefix(err, "%s %s", channel->pins[i].product, channel->pins[i].version);
                return rc;
            }
            want_required(load, load->manifest[i].requires);
            more = true;
        }
    }
    return CW_OK;
}

/* Moves what was loaded into the set, without gaps. */
static int keep_releases(struct load *load, struct cw_err *err)
{
    struct cw_set *set = load->set;
    size_t i;

    set->releases = calloc(set->channel.pin_count + 1, sizeof *set->releases);
    if (set->releases == NULL)
        return cw_err_nomem(err);
    for (i = 0; i < set->channel.pin_count; i++) {
        if (load->manifest[i].doc == NULL)
            continue;
        set->releases[set->release_count++] = load->manifest[i];
        load->manifest[i] = (struct cw_manifest){0};
    }
    return CW_OK;
}

static int add_file(struct cw_set *set, const struct cw_set_file *like, const char *target,
                    const char *sha256, struct cw_err *err)
{
    struct cw_set_file *file = &set->files[set->file_count++];

    *file = *like;
    file->target = strdup(target);
    file->sha256 = strdup(sha256);
    return file->target != NULL && file->sha256 != NULL ? CW_OK : cw_err_nomem(err);
}

/* TUF's word for an artifact or the SBOM, against the manifest's. */
static int agree_on_part(struct load *load, const struct cw_manifest *manifest,
                         const struct cw_artifact *part, struct cw_err *err)
{
    struct cw_tuf_file file;
    int rc = find_agreed(load, part->path, manifest->product, part->sha256, part->length,
                         "the release manifest", &file, err);

    return rc == CW_OK ? CW_OK : cw_err_prefix(err, "%s %s", manifest->product, manifest->version);
}

static int add_part(struct load *load, const struct cw_manifest *manifest, const struct cw_artifact *part,
                    bool is_artifact, struct cw_err *err)
{
    struct cw_set_file like = {
        .length = part->length, .artifact = is_artifact ? part : NULL, .manifest = manifest};

    return add_file(load->set, &like, part->path, part->sha256, err);
}

/* What the channel's role signs of the release. */
static int add_attestations(struct load *load, const struct cw_manifest *manifest, const struct cw_pin *pin,
                            struct cw_err *err)
{
    size_t i;

    for (i = 0; i < pin->attestation_count; i++) {
        const struct cw_attestation *attestation = &pin->attestations[i];
        struct cw_set_file like = {.length = attestation->length, .manifest = manifest};
        struct cw_tuf_file file;
        int rc = find_agreed(load, attestation->path, load->set->channel.channel, attestation->sha256,
                             attestation->length, "the channel", &file, err);

        if (rc == CW_OK)
            rc = add_file(load->set, &like, attestation->path, attestation->sha256, err);
        if (rc != CW_OK)
            return cw_err_prefix(err, "%s %s", pin->product, pin->version);
    }
    return CW_OK;
}

static int add_release(struct load *load, const struct cw_manifest *manifest, struct cw_err *err)
{
    const struct cw_pin *pin = cw_channel_pin(&load->set->channel, manifest->product);
    struct cw_set_file like = {.length = pin->length, .manifest = manifest};
    char target[CW_PATH_MAX];
    size_t i;
    int rc = cw_tree_release_target(target, manifest->product, manifest->version, err);

    if (rc == CW_OK)
        rc = add_file(load->set, &like, target, pin->sha256, err);
    for (i = 0; i < manifest->artifact_count && rc == CW_OK; i++) {
        if (wants_artifact(load, &manifest->artifacts[i]))
            rc = add_part(load, manifest, &manifest->artifacts[i], true, err);
    }
    if (rc == CW_OK && manifest->has_sbom)
        rc = agree_on_part(load, manifest, &manifest->sbom, err);
    if (rc == CW_OK && manifest->has_sbom)
        rc = add_part(load, manifest, &manifest->sbom, false, err);
    return rc == CW_OK ? add_attestations(load, manifest, pin, err) : rc;
}

/* No target comes twice: paths differ within a manifest, each release has its own folder, and so have the
 * attestations. */
static int list_files(struct load *load, struct cw_err *err)
{
    struct cw_set *set = load->set;
    struct cw_set_file like = {.length = load->channel_length};
    char target[CW_PATH_MAX];
    size_t i, most = 1 + set->channel.attestation_count;
    int rc;

    for (i = 0; i < set->release_count; i++)
        most += set->releases[i].artifact_count + 2;
    set->files = calloc(most, sizeof *set->files);
    if (set->files == NULL)
        return cw_err_nomem(err);
    rc = cw_tree_channel_target(target, set->channel.channel, err);
    if (rc == CW_OK)
        rc = add_file(set, &like, target, set->sha256, err);
    for (i = 0; i < set->release_count && rc == CW_OK; i++)
        rc = add_release(load, &set->releases[i], err);
    return rc;
}

static int compare_turns(const void *a, const void *b)
{
    const struct turn *left = a, *right = b;

    if (left->role != right->role)
        return left->role < right->role ? -1 : 1;
    return left->file < right->file ? -1 : left->file > right->file;
}

/* The artifacts of one release, from a file on, in the order of their hash bins: each bin is then fetched, parsed and looked
 * into once, and not for every target that is in it. */
static size_t line_up(struct turn *turns, const struct load *load, size_t first)
{
    const struct cw_set *set = load->set;
    const struct cw_manifest *manifest = set->files[first].manifest;
    const struct cw_tuf_meta *role = cw_tuf_update_meta(load->update, manifest->product);
    size_t i, count = 0;

    for (i = first; i < set->file_count && set->files[i].manifest == manifest; i++) {
        if (set->files[i].artifact == NULL)
            continue;
        turns[count] = (struct turn){.file = i};
        if (role != NULL && cw_tuf_delegation_bins(role))
            (void)cw_tuf_delegation_find(role, set->files[i].target, &turns[count].role);
        count++;
    }
    qsort(turns, count, sizeof *turns, compare_turns);
    return count;
}

static size_t line_up_all(struct turn *turns, const struct load *load)
{
    const struct cw_set *set = load->set;
    size_t i, count = 0;

    for (i = 0; i < set->file_count; i++) {
        if (set->files[i].manifest != NULL &&
            (i == 0 || set->files[i - 1].manifest != set->files[i].manifest))
            count += line_up(turns + count, load, i);
    }
    return count;
}

/* Is it in the bin that the one before it is in? */
static bool shares_role(const struct cw_set *set, const struct turn *turns, size_t i)
{
    return i > 0 && turns[i].role == turns[i - 1].role &&
           set->files[turns[i].file].manifest == set->files[turns[i - 1].file].manifest;
}

static int agree_on_artifacts(struct load *load, struct cw_err *err)
{
    const struct cw_set *set = load->set;
    const struct cw_set_source *source = load->source;
    CW_AUTO_FREE struct turn *turns = calloc(set->file_count + 1, sizeof *turns);
    size_t i, count, told = 0;
    int rc = CW_OK;

    if (turns == NULL)
        return cw_err_nomem(err);
    count = line_up_all(turns, load);
    for (i = 0; i < count && rc == CW_OK; i++) {
        const struct cw_set_file *file = &set->files[turns[i].file];

        for (; source->expect != NULL && told < count && told < i + CW_SET_AHEAD; told++) {
            if (!shares_role(set, turns, told))
                source->expect(source->ctx, load->update, set->files[turns[told].file].target);
        }
        rc = agree_on_part(load, file->manifest, file->artifact, err);
    }
    return rc;
}

/* All behind the channel manifest. */
static int load_rest(struct load *load, struct cw_err *err)
{
    size_t i, count = load->set->channel.pin_count;
    int rc = CW_OK;

    load->want_pin = calloc(count + 1, sizeof *load->want_pin);
    load->manifest = calloc(count + 1, sizeof *load->manifest);
    if (load->want_pin == NULL || load->manifest == NULL)
        rc = cw_err_nomem(err);
    if (rc == CW_OK)
        rc = load_releases(load, err);
    if (rc == CW_OK)
        rc = keep_releases(load, err);
    if (rc == CW_OK)
        rc = list_files(load, err);
    if (rc == CW_OK)
        rc = agree_on_artifacts(load, err);
    for (i = 0; load->manifest != NULL && i < count; i++)
        cw_manifest_clear(&load->manifest[i]);
    free(load->manifest);
    free(load->want_pin);
    return rc;
}

int cw_set_load(struct cw_set *set, struct cw_tuf_update *update, const char *channel,
                const struct cw_set_wanted *wanted, const struct cw_set_source *source, const json_t *memory,
                json_t **after, struct cw_err *err)
{
    static const struct cw_set_wanted everything = {0};
    struct load load = {
        .set = set, .update = update, .source = source, .wanted = wanted != NULL ? wanted : &everything};
    json_auto_t *next = NULL;
    int rc;

    *set = (struct cw_set){0};
    if (after != NULL)
        *after = NULL;
    rc = load_channel(&load, channel, err);
    if (rc == CW_OK && (memory != NULL || after != NULL))
        rc = cw_memory_advance(&next, memory, &set->channel, set->sha256, err);
    if (rc == CW_OK)
        rc = load_rest(&load, err);
    if (rc != CW_OK) {
        cw_set_clear(set);
        return rc;
    }
    if (after != NULL)
        *after = json_incref(next);
    return CW_OK;
}

void cw_set_clear(struct cw_set *set)
{
    size_t i;

    for (i = 0; i < set->file_count; i++) {
        free(set->files[i].target);
        free(set->files[i].sha256);
    }
    for (i = 0; i < set->release_count; i++)
        cw_manifest_clear(&set->releases[i]);
    free(set->files);
    free(set->releases);
    cw_channel_clear(&set->channel);
    *set = (struct cw_set){0};
}
