/* SPDX-License-Identifier: ISC */
/*
 * See make_update.h. Fields are written in the order of their names, as canonical JSON has them. Any key that
 * is listed may be used or not; the input chooses.
 */
#include "tests/fuzz/make_update.h"

#include <stdarg.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "codec/hex.h"
#include "crypt/hash.h"
#include "crypt/sign.h"
#include "tests/fuzz/fuzz.h"

#define KEYS 6
#define TEXT_MAX 16384 /* twice what the largest takes */
#define DELEGATIONS_MAX 3
#define SPEC_VERSION "\"spec_version\":\"1.0.34\","
#define SHA256_EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static const char *const roles[] = {"a", "b", "c", "../x", "bin-0", "bin-1", "bin-2", "bin-3"};
static const char *const paths[] = {"f", "d/f", "d/g", "d/e/f"};
static const char *const patterns[] = {"*", "d/*", "?", "[d-f]*/?", "*/*/f", "d/g"};

struct text {
    char bytes[TEXT_MAX];
    size_t len;
};

/* The same in every run, made once. */
static struct cw_secret *secrets[KEYS];
static char keyids[KEYS][8]; /* opaque to a client */
static char keys[KEYS][256]; /* each a member of "keys" */

__attribute__((format(printf, 2, 3))) static void add(struct text *text, const char *format, ...)
{
    va_list ap;
    int n;

    va_start(ap, format);
    n = vsnprintf(text->bytes + text->len, TEXT_MAX - text->len, format, ap);
    va_end(ap);
    always(n >= 0 && (size_t)n < TEXT_MAX - text->len);
    text->len += (size_t)n;
}

/* For the second of several. */
static void add_comma(struct text *text)
{
    if (text->bytes[text->len - 1] != '{' && text->bytes[text->len - 1] != '[')
        add(text, ",");
}

static void make_keys(void)
{
    struct cw_err err;

    for (size_t k = 0; k < KEYS && secrets[k] == NULL; k++) {
        unsigned char seed[CW_ED25519_SEED] = {(unsigned char)k, 7};
        char public_key[2 * CW_ED25519_PUBLIC + 1];

        always(cw_secret_from_seed(&secrets[k], seed, &err) == CW_OK);
        cw_hex_format(public_key, cw_secret_public(secrets[k]), CW_ED25519_PUBLIC);
        snprintf(keyids[k], sizeof keyids[k], "key-%zu", k);
        snprintf(keys[k], sizeof keys[k],
                 "\"%s\":{\"keytype\":\"ed25519\",\"keyval\":{\"public\":\"%s\"},\"scheme\":\"ed25519\"}",
                 keyids[k], public_key);
    }
}

uint8_t fuzz_take(struct fuzz_input *input)
{
    if (input->left == 0)
        return 0;
    input->left--;
    return *input->data++;
}

/* --- fields --------------------------------------------------------------------------------------------- */

struct making {
    struct text *text;
    struct fuzz_input *input;
    const struct fuzz_trusted *trusted;
    int64_t version;
    char expires[CW_TIME_TEXT];
};

static void take_expires(struct making *making)
{
    static const int64_t late[] = {1, 1, 1, 1, 86400, 0, -1, -86400};

    cw_time_format(FUZZ_NOW + late[fuzz_take(making->input) % 8], making->expires);
}

/* What the file's name asks for, mostly. */
static void take_version(struct making *making, const char *name)
{
    uint8_t b = fuzz_take(making->input);
    int64_t asked = name[0] >= '1' && name[0] <= '9' ? strtoll(name, NULL, 10) : 1 + b % 8;

    making->version = b < 192 ? asked : 1 + b % 16;
}

static void add_version(struct making *making)
{
    add(making->text, "\"version\":%lld}", (long long)making->version);
}

/* The key of each bit that is set. */
static void add_keyids(struct text *text, unsigned mask)
{
    add(text, "\"keyids\":[");
    for (size_t k = 0; k < KEYS; k++) {
        if ((mask & (1U << k)) == 0)
            continue;
        add_comma(text);
        add(text, "\"%s\"", keyids[k]);
    }
    add(text, "],");
}

static void add_keys(struct text *text, unsigned mask)
{
    add(text, "\"keys\":{");
    for (size_t k = 0; k < KEYS; k++) {
        if ((mask & (1U << k)) == 0)
            continue;
        add_comma(text);
        add(text, "%s", keys[k]);
    }
    add(text, "},");
}

/* One entry of a snapshot or a timestamp. Two bits say whether it tells version only, the length and hash of
 * what is trusted now, or some length. */
static void add_meta(struct making *making, const char *role, unsigned version, unsigned form, unsigned size)
{
    struct text *text = making->text;
    char name[64], sha256[CW_SHA256_TEXT] = SHA256_EMPTY;
    const void *bytes = "";
    size_t len = 0;
    struct cw_err err;

    add_comma(text);
    add(text, "\"%s.json\":{", role);
    snprintf(name, sizeof name, "%s.json", strcmp(role, "../x") == 0 ? "..%2Fx" : role);
    if (form == 2 && making->trusted->find(making->trusted->ctx, name, &bytes, &len)) {
        always(cw_sha256(sha256, bytes, len, &err) == CW_OK);
        add(text, "\"hashes\":{\"sha256\":\"%s\"},\"length\":%zu,", sha256, len);
    } else if (form == 3) {
        add(text, "\"length\":%lld,", size < 7 ? 300LL * size : 1LL << 40);
    }
    add(text, "\"version\":%u}", version);
}

/* --- bodies --------------------------------------------------------------------------------------------- */

static void make_root(struct making *making)
{
    static const size_t order[] = {0, 2, 3, 1}; /* of their names among those read */
    static const char *const top[] = {"root", "timestamp", "snapshot", "targets"};
    struct text *text = making->text;
    uint8_t masks[4], all = 0;
    bool consistent;

    take_expires(making);
    for (size_t i = 0; i < 4; i++) {
        masks[i] = fuzz_take(making->input);
        masks[i] = masks[i] != 0 ? masks[i] : 1;
        all |= masks[i];
    }
    consistent = fuzz_take(making->input) % 4 != 1;
    add(text, "{\"_type\":\"root\",\"consistent_snapshot\":%s,\"expires\":\"%s\",",
        consistent ? "true" : "false", making->expires);
    add_keys(text, all);
    add(text, "\"roles\":{");
    for (size_t i = 0; i < 4; i++) {
        uint8_t mask = masks[order[i]];

        add_comma(text);
        add(text, "\"%s\":{", top[order[i]]);
        add_keyids(text, mask);
        add(text, "\"threshold\":%d}", 1 + (mask >> 6) % 3);
    }
    add(text, "}," SPEC_VERSION);
    add_version(making);
}

static void make_timestamp(struct making *making)
{
    uint8_t b;

    take_expires(making);
    b = fuzz_take(making->input);
    add(making->text, "{\"_type\":\"timestamp\",\"expires\":\"%s\",\"meta\":{", making->expires);
    add_meta(making, "snapshot", 1 + b % 8, (b >> 3) % 4, b >> 5);
    add(making->text, "}," SPEC_VERSION);
    add_version(making);
}

static void make_snapshot(struct making *making)
{
    uint8_t mask = fuzz_take(making->input), b;

    take_expires(making);
    b = fuzz_take(making->input);
    add(making->text, "{\"_type\":\"snapshot\",\"expires\":\"%s\",\"meta\":{", making->expires);
    /* "../x" sorts before all others, "targets" after */
    for (size_t i = 0; i < CW_COUNT(roles); i++) {
        static const size_t order[CW_COUNT(roles)] = {3, 0, 1, 4, 5, 6, 7, 2};
        uint8_t one = (mask & (1U << order[i])) == 0 ? fuzz_take(making->input) : 0;

        if ((mask & (1U << order[i])) == 0)
            add_meta(making, roles[order[i]], 1 + one % 4, (one >> 2) % 4, one >> 4);
    }
    add_meta(making, "targets", 1 + b % 8, (b >> 3) % 4, b >> 5);
    add(making->text, "}," SPEC_VERSION);
    add_version(making);
}

/* A delegation as the input has it: who is trusted with what. */
struct delegation {
    uint8_t who, what;
};

static unsigned keys_of(const struct delegation *delegation)
{
    return 1 | (((unsigned)delegation->who >> 2) & 0x3E);
}

static void add_delegation(struct text *text, const struct delegation *delegation)
{
    size_t pattern = delegation->what % (CW_COUNT(patterns) + 1);

    add_comma(text);
    add(text, "{");
    add_keyids(text, keys_of(delegation));
    add(text, "\"name\":\"%s\",", roles[delegation->who % 4]);
    if (pattern < CW_COUNT(patterns))
        add(text, "\"paths\":[\"%s\"],", patterns[pattern]);
    else
        add(text, "\"path_hash_prefixes\":[\"2\",\"4\"],");
    add(text, "\"terminating\":%s,\"threshold\":%d}", (delegation->what & 0x80) != 0 ? "true" : "false",
        1 + (delegation->who >> 7));
}

static void add_delegations(struct making *making, bool bins, int count)
{
    struct delegation list[DELEGATIONS_MAX];
    struct text *text = making->text;
    unsigned all = 0;

    for (int i = 0; i < count; i++) {
        list[i].who = fuzz_take(making->input);
        list[i].what = fuzz_take(making->input);
        all |= keys_of(&list[i]);
    }
    add(text, "\"delegations\":{");
    add_keys(text, all);
    if (bins) {
        add(text, "\"succinct_roles\":{\"bit_length\":2,");
        add_keyids(text, keys_of(&list[0]));
        add(text, "\"name_prefix\":\"bin\",\"threshold\":1}},");
        return;
    }
    add(text, "\"roles\":[");
    for (int i = 0; i < count; i++) {
        bool twice = false; /* is refused as a whole, which need not be seen often */

        for (int j = 0; j < i && list[i].what % 16 != 15; j++)
            twice = twice || list[j].who % 4 == list[i].who % 4;
        if (!twice)
            add_delegation(text, &list[i]);
    }
    add(text, "]},");
}

static void make_targets(struct making *making)
{
    uint8_t shape = fuzz_take(making->input);
    struct text *text = making->text;
    bool bins = (shape & 0xC0) == 0xC0;
    static const size_t order[] = {3, 1, 2, 0}; /* of the paths' names */

    take_expires(making);
    add(text, "{\"_type\":\"targets\",");
    add_delegations(making, bins, bins ? 1 : (shape >> 4) % 4);
    add(text, "\"expires\":\"%s\",", making->expires);
    add(text, SPEC_VERSION "\"targets\":{");
    for (size_t i = 0; i < CW_COUNT(paths); i++) {
        if ((shape & (1U << order[i])) == 0)
            continue;
        add_comma(text);
        add(text, "\"%s\":{\"hashes\":{\"sha256\":\"" SHA256_EMPTY "\"},\"length\":0}", paths[order[i]]);
    }
    add(text, "},");
    add_version(making);
}

static void make_body(struct making *making, const char *role)
{
    static const struct {
        const char *role;
        void (*make)(struct making *making);
    } top[] = {{"root", make_root}, {"timestamp", make_timestamp}, {"snapshot", make_snapshot}};

    for (size_t i = 0; i < CW_COUNT(top); i++) {
        if (strcmp(role, top[i].role) == 0) {
            top[i].make(making);
            return;
        }
    }
    make_targets(making);
}

const char *fuzz_make(size_t *len, struct fuzz_input *input, const struct fuzz_trusted *trusted,
                      const char *role, const char *name)
{
    static struct text body, file;
    struct making making = {.text = &body, .input = input, .trusted = trusted};
    uint8_t signers;

    make_keys();
    body.len = file.len = 0;
    take_version(&making, name);
    make_body(&making, role);
    signers = fuzz_take(input);
    add(&file, "{\"signatures\":[");
    for (size_t k = 0; k < KEYS; k++) {
        unsigned char signature[CW_ED25519_SIGNATURE];
        char hex[2 * CW_ED25519_SIGNATURE + 1];
        struct cw_err err;

        if (k == 0 ? (signers & 1) != 0 : (signers & (1U << k)) == 0)
            continue;
        always(cw_ed25519_sign(signature, secrets[k], body.bytes, body.len, &err) == CW_OK);
        cw_hex_format(hex, signature, sizeof signature);
        add_comma(&file);
        add(&file, "{\"keyid\":\"%s\",\"sig\":\"%s\"}", keyids[k], hex);
    }
    add(&file, "],\"signed\":%s}", body.bytes);
    *len = file.len;
    return file.bytes;
}
