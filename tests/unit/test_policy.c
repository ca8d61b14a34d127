/* SPDX-License-Identifier: ISC */
/*
 * Policies: what decide() and check() may answer, what a broken policy does (nothing but hold), and that the
 * shipped examples decide as they say.
 */
#include "unit.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "fs/commit.h"
#include "fs/root.h"
#include "sync/deploy/policy.h"
#include "sync/library.h"

static char site_path[] = "/tmp/cw-policy-XXXXXX";
static int site = -1;

static int set_up(void **state)
{
    struct cw_err err;

    (void)state;
    return mkdtemp(site_path) == NULL ? -1 : cw_dir_open(&site, site_path, &err);
}

static int tear_down(void **state)
{
    (void)state;
    unlinkat(site, "policy.lua", 0);
    close(site);
    return rmdir(site_path);
}

static struct cw_policy *policy_of(const char *text)
{
    struct cw_policy *policy = NULL;
    struct cw_err err;

    assert_cw_ok(cw_file_replace(site, "policy.lua", text, strlen(text), 0644, &err), err);
    assert_cw_ok(cw_policy_open(&policy, site, &err), err);
    return policy;
}

/* The example of that name, from the source folder. */
static struct cw_policy *example(const char *name)
{
    const char *top = getenv("CW_SRCDIR");
    CW_AUTO_BUF text = CW_BUF_INIT(CW_POLICY_MAX);
    CW_AUTO_FD int dir = -1;
    struct cw_err err;
    char path[256];

    snprintf(path, sizeof(path), "lua/examples/%s.lua", name);
    assert_cw_ok(cw_dir_open(&dir, top != NULL ? top : ".", &err), err);
    assert_cw_ok(cw_at_read_file(&text, dir, path, &err), err);
    return policy_of(cw_buf_text(&text));
}

/* A set with one release as `decide` gets it; from NULL: new. */
static json_t *set_of(const char *severity, const char *change, const char *from, const char *version)
{
    return json_pack("{s:s,s:s,s:i,s:s,s:s,s:i,s:[{s:s,s:s,s:s*,s:s,s:s,s:s,s:[],s:{},s:s,s:i}]}", "upstream",
                     "acme", "channel", "stable", "serial", 4, "published", "2026-11-20T00:00:00Z",
                     "severity", severity, "bytes", 1000, "releases", "product", "gateway", "version",
                     version, "from", from, "change", change, "severity", severity, "notes", "", "features",
                     "requires", "platform", "linux-amd64", "bytes", 1000);
}

static struct cw_decision decide(const struct cw_policy *policy, json_t *set)
{
    json_auto_t *own = set;
    json_auto_t *where =
        json_pack("{s:s,s:i,s:{s:s}}", "name", "plant-7", "generation", 3, "installed", "gateway", "1.0.0");
    struct cw_decision decision;
    struct cw_err err;

    assert_non_null(own);
    assert_cw_ok(cw_policy_decide(&decision, policy, own, where, &err), err);
    return decision;
}

static const struct {
    const char *policy;
    enum cw_verdict verdict;
    const char *reason; /* a part of it */
    const char *gates;  /* as JSON */
} cases[] = {
    {"function decide() return accept 'why not' end", CW_ACCEPT, "why not", "{}"},
    {"function decide() return accept() end", CW_ACCEPT, "accepted by policy", "{}"},
    {"function decide() return accept { reason = 'r', window = 'daily 02:00-03:00 UTC' } end", CW_ACCEPT, "r",
     "{\"window\": \"daily 02:00-03:00 UTC\"}"},
    {"function decide() return accept { not_before = '2030-01-01T00:00:00Z' } end", CW_ACCEPT,
     "accepted by policy", "{\"not_before\": \"2030-01-01T00:00:00Z\"}"},
    {"function decide() return hold 'not today' end", CW_HOLD, "not today", "{}"},
    {"function decide() return reject 'never' end", CW_REJECT, "never", "{}"},
    {"function decide(set, site) return hold(set.releases[1].product .. site.installed.gateway) end", CW_HOLD,
     "gateway1.0.0", "{}"},
    /* several rules: the strictest wins, gates add up, a rule may have no say */
    {"rule('a', function() return accept 'one' end) function decide() return hold 'two' end", CW_HOLD, "two",
     "[]"},
    {"rule('a', function() return reject 'one' end) rule('b', function() return hold 'two' end)", CW_REJECT,
     "one", "[]"},
    {"rule('a', function() return accept { window = 'daily 02:00-03:00 UTC' } end)"
     "rule('b', function() end)"
     "rule('c', function() return accept { reason = 'c', after_promotion = '7d', blackout = '2026-12-24 UTC' "
     "} end)",
     CW_ACCEPT, "accepted by policy; c",
     "[{\"window\": \"daily 02:00-03:00 UTC\"}, {\"after_promotion\": \"7d\", \"blackout\": [\"2026-12-24 "
     "UTC\"]}]"},
    {"rule('a', function() return accept { rollout = { '0d x', '7d *' } } end) function decide() return hold "
     "'h' end",
     CW_HOLD, "h", "[]"},
    {"rule('a', function(set) set.releases = nil error 'no' end)"
     "rule('b', function(set) return accept(set.releases[1].product) end)",
     CW_HOLD, "policy.lua:1: no", "[]"},
    {"rule('a', function(set) set.severity = 'x' end) rule('b', function(set) return accept(set.severity) "
     "end)",
     CW_ACCEPT, "normal", "[]"},
    {"rule('a', function() end) rule('b', function() end)", CW_HOLD,
     "policy.lua: its rules returned no decision", "[]"},
    {"rule('a', function() return 5 end)", CW_HOLD,
     "policy.lua:1: rule 'a' returned something else than accept, hold or reject: a number", "[]"},
    {"\nrule('a', function() return accept { window = 'Sat' } end)", CW_HOLD,
     "policy.lua:2: rule 'a': gate 'window'", "[]"},
    {"rule('a', function() while true do end end) rule('b', function() return accept 'x' end)", CW_HOLD,
     "exceeded its 20000000 instructions", "[]"},
    {"rule('a', 5)", CW_HOLD, "policy.lua:1: rule 'a': expected a function, got a number", "[]"},
    {"rule(function() end)", CW_HOLD, "policy.lua:1: rule: expected a name", "[]"},
    {"rule('a', function() end) rule('a', function() end)", CW_HOLD, "rule 'a' is there already", "[]"},
    /* versions */
    {"function decide(set) if satisfies(set.releases[1].version, '^1.0.0') then return hold 'in' end end",
     CW_HOLD, "in", "[]"},
    {"function decide() return hold(tostring(satisfies('2.0.0', '>=1.0.0 <2.0.0'))) end", CW_HOLD, "false",
     "[]"},
    {"function decide() return hold('' .. compare('1.10.0', '1.9.0')) end", CW_HOLD, "1", "[]"},
    {"function decide() return satisfies('1.0', '*') end", CW_HOLD, "policy.lua:1: satisfies: ", "[]"},
    {"function decide() return satisfies('1.0.0', '>>1') end", CW_HOLD, "policy.lua:1: satisfies: ", "[]"},
    {"function decide() return compare('1.0.0') end", CW_HOLD, "policy.lua:1: compare: expected two versions",
     "[]"},
    {"function decide() return hold(type(host)) end", CW_HOLD, "there is no variable 'host'", "[]"},
    /* what is not there is no nil that compares with nothing */
    {"function decide(set)\nif set.severity == critical then return accept 'x' end return hold 'y' end",
     CW_HOLD, "policy.lua:2: there is no variable 'critical'; texts have quotes", "[]"},
    {"function decide() return acept 'x' end", CW_HOLD, "'acept' (did you mean 'accept'?)", "[]"},
    {"function decide()\nreturn os.time() end", CW_HOLD,
     "policy.lua:2: there is no variable 'os'; texts have quotes, and causeway-policy(7) tells", "[]"},
    {"function decide(set)\nif set.severety == 'low' then return hold 'x' end return accept 'y' end", CW_HOLD,
     "policy.lua:2: a set has no 'severety' (did you mean 'severity'?)", "[]"},
    {"function decide(set)\nif set.releases[1].chang == 'x' then return hold 'x' end return accept 'y' end",
     CW_HOLD, "policy.lua:2: a release has no 'chang' (did you mean 'change'?)", "[]"},
    {"function decide(_, site) return hold(site.instaled.gateway) end", CW_HOLD,
     "policy.lua:1: site has no 'instaled' (did you mean 'installed'?)", "[]"},
    {"function decide(set, site) return hold(tostring(set.scan or site.installed.nothing)) end", CW_HOLD,
     "nil", "[]"},
    {"function decide(set)\nfor _ in ipairs(nil) do end end", CW_HOLD,
     "policy.lua:2: ipairs: expected a table, got nil", "[]"},
    {"rule('a', function()\nreject 'no' end) function decide() return accept 'x' end", CW_HOLD,
     "policy.lua:2: what reject gave is not returned: write 'return' before it", "[]"},
    {"function decide()\naccept 'x' end", CW_HOLD, "policy.lua:2: what accept gave is not returned", "[]"},
    {"\nfunction decide() return hold end", CW_HOLD,
     "policy.lua:2: decide() returned something else than accept, hold or reject: a function; call it", "[]"},
    /* broken ones hold, and say where */
    {"", CW_HOLD, "policy.lua: has no function 'decide'", "{}"},
    {"function decide(", CW_HOLD, "policy.lua:1:", "{}"},
    {"function decide() end", CW_HOLD,
     "policy.lua:1: decide() returned no decision: each way through it ends with return", "{}"},
    {"function decide() return true end", CW_HOLD, "something else than accept", "{}"},
    {"function decide() return {} end", CW_HOLD, "something else than accept", "{}"},
    {"function decide() return {verdict = 'ok', reason = ''} end", CW_HOLD, "'ok' is no verdict", "{}"},
    {"function decide() return {verdict = 'accept', reason = 'x', gates = {root = 'x'}} end", CW_HOLD,
     "unknown field 'root'", "{}"},
    {"\n\nfunction decide() error 'oops' end", CW_HOLD, "policy.lua:3: oops", "{}"},
    {"function decide() return accept { windw = 'x' } end", CW_HOLD,
     "policy.lua:1: accept: unknown word 'windw' (did you mean 'window'?)", "{}"},
    {"\nfunction decide() local a = accept { windw = 'x' } return a end", CW_HOLD,
     "policy.lua:2: accept: unknown word", "{}"},
    {"function decide() return accept { approval = 2 } end", CW_HOLD, "unknown word 'approval'", "{}"},
    {"function decide() return accept { window = 'Sat' } end", CW_HOLD,
     "policy.lua:1: decide(): gate 'window'", "{}"},
    {"function decide() return accept(5) end", CW_HOLD, "policy.lua:1: accept: expected a reason", "{}"},
    {"function decide() return hold() end", CW_HOLD, "policy.lua:1: hold: expected a reason", "{}"},
    {"function decide() return run { '/bin/true' } end", CW_HOLD, "decide(): unknown field 'run'", "{}"},
    {"function decide() while true do end end", CW_HOLD, "exceeded its 20000000 instructions", "{}"},
    {"function decide() local s = 'x' while true do s = s .. s end end", CW_HOLD, "exceeded its memory",
     "{}"},
    {"function decide() return io.open '/etc/passwd' end", CW_HOLD, "'io'", "{}"},
    {"function decide() return hold 'a\\nb\\27[31m\\u{9b}c' end", CW_HOLD, "a b [31m  c", "{}"},
};

/* One rule's gates, or the list of several rules'. */
static json_t *gates_of(const char *text)
{
    json_t *gates = json_loads(text, 0, NULL);

    assert_non_null(gates);
    if (json_is_array(gates))
        return gates;
    return json_object_size(gates) > 0 ? json_pack("[o]", gates) : (json_decref(gates), json_array());
}

static void test_decisions(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < CW_COUNT(cases); i++) {
        struct cw_policy *policy = policy_of(cases[i].policy);
        struct cw_decision got = decide(policy, set_of("normal", "upgrade", "1.0.0", "1.1.0"));
        json_auto_t *gates = gates_of(cases[i].gates);

        if (got.verdict != cases[i].verdict || strstr(got.reason, cases[i].reason) == NULL ||
            !json_equal(gates, got.gates))
            fail_msg("%s: verdict %d, '%s'", cases[i].policy, (int)got.verdict, got.reason);
        cw_decision_clear(&got);
        cw_policy_free(policy);
    }
}

static void test_a_long_reason_is_cut_between_characters(void **state)
{
    struct cw_policy *policy = policy_of("function decide() return hold('x' .. ('\u00e4'):rep(300)) end");
    struct cw_decision got = decide(policy, set_of("normal", "same", "1.0.0", "1.0.0"));

    (void)state;
    assert_int_equal(strlen(got.reason), 255);
    assert_int_equal((unsigned char)got.reason[254], 0xa4);
    cw_decision_clear(&got);
    cw_policy_free(policy);
}

static const struct {
    const char *name, *severity, *change, *from, *version;
    enum cw_verdict verdict;
    const char *reason;
    bool gated;
} examples[] = {
    {"accept-all", "normal", "upgrade", "1.0.0", "2.0.0", CW_ACCEPT, "channel stable", false},
    {"weekend-window", "normal", "upgrade", "1.0.0", "1.1.0", CW_ACCEPT, "routine", true},
    {"weekend-window", "critical", "upgrade", "1.0.0", "1.1.0", CW_ACCEPT, "does not wait", false},
    {"weekend-window", "normal", "downgrade", "1.1.0", "1.0.0", CW_HOLD, "back from 1.1.0 to 1.0.0", false},
    {"hold-major", "normal", "upgrade", "1.9.0", "2.0.0", CW_HOLD,
     "gateway 2.0.0 is a new major version after 1.9.0", false},
    {"hold-major", "normal", "upgrade", "1.9.0", "1.10.0", CW_ACCEPT, "no new major", false},
    {"hold-major", "normal", "install", NULL, "2.0.0", CW_ACCEPT, "no new major", false},
    {"plant", "normal", "install", NULL, "2.0.0", CW_ACCEPT, "gateway 2.0.0", false},
    {"plant", "normal", "upgrade", "1.0.0", "2.0.0", CW_HOLD, "needs a person", false},
    {"plant", "normal", "downgrade", "1.1.0", "1.0.0", CW_REJECT, "older than the installed 1.1.0", false},
    {"plant", "normal", "same", "1.0.0", "1.0.0", CW_ACCEPT, "nothing new", false},
};

static void test_examples(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < CW_COUNT(examples); i++) {
        struct cw_policy *policy = example(examples[i].name);
        struct cw_decision got = decide(
            policy, set_of(examples[i].severity, examples[i].change, examples[i].from, examples[i].version));

        if (got.verdict != examples[i].verdict || strstr(got.reason, examples[i].reason) == NULL ||
            (json_array_size(got.gates) > 0) != examples[i].gated)
            fail_msg("%s, case %zu: verdict %d, '%s'", examples[i].name, i, (int)got.verdict, got.reason);
        cw_decision_clear(&got);
        cw_policy_free(policy);
    }
}

static const struct {
    const char *policy;
    int code;
    const char *result; /* JSON, or a part of the error */
} checks[] = {
    {"", CW_OK, "{}"},
    {"function check() end", CW_OK, "{}"},
    {"function check() return {} end", CW_OK, "{}"},
    {"function check(r) return { run { r.dir .. '/bin/selftest', '-v', timeout = '2m' } } end", CW_OK,
     "{\"check\": [{\"run\": [\"/opt/plant/current/gateway/bin/selftest\", \"-v\"], \"timeout\": 120}]}"},
    {"function check() return { run { '/bin/true' } } end", CW_OK,
     "{\"check\": [{\"run\": [\"/bin/true\"], \"timeout\": 60}]}"},
    {"function before(r) return { run { r.dir, r.staged, env = { A_1 = 'x' }, user = 'plant', group = 'plc', "
     "dir = '/var', "
     "exit = 3 } } end function stage(r) return { run { r.dir } } end function after() end",
     CW_OK,
     "{\"before\": [{\"run\": [\"/opt/plant/current/gateway\", \"/opt/plant/releases/gateway/1.1.0/any\"], "
     "\"env\": {\"A_1\": \"x\"}, \"user\": \"plant\", \"group\": \"plc\", \"dir\": \"/var\", \"exit\": [3], "
     "\"timeout\": 60}], \"stage\": [{\"run\": [\"/opt/plant/releases/gateway/1.1.0/any\"], \"timeout\": "
     "60}]}"},
    {"function undo() return { run { '/bin/true', exit = {} } } end", CW_E_HELD,
     "undo(): action 1: 'exit' is neither"},
    {"function undo() return { run { '/bin/true', exit = 256 } } end", CW_E_HELD, "between 0 and 255"},
    {"function after() return { run { '/bin/true', env = { ['A B'] = 'x' } } } end", CW_E_HELD,
     "'A B' is no name"},
    {"function after() return { run { '/bin/true', env = { CAUSEWAY_X = 'x' } } } end", CW_E_HELD,
     "not beginning with CAUSEWAY_"},
    {"function after() return { run { '/bin/true', env = { A = 5 } } } end", CW_E_HELD,
     "policy.lua:1: run: env has"},
    {"function after() return { run { '/bin/true', user = 'a b' } } end", CW_E_HELD,
     "user 'a b' is not the name"},
    {"function after() return { run { '/bin/true', dir = 'x' } } end", CW_E_HELD,
     "dir 'x' is not an absolute path"},
    {"function after() return { run { '/bin/true', ('x'):rep(9000) } } end", CW_E_HELD,
     "longer than 8192 bytes"},
    {"function check() return { put { 'http://plc/', body = '' } } end", CW_E_HELD,
     "put belongs into a delivery"},
    {"function chek() end", CW_E_HELD, "unknown function 'chek' (did you mean 'check'?)"},
    {"function delivr() end", CW_E_HELD, "unknown function 'delivr' (did you mean 'deliver'?)"},
    {"local function chek() end function check() end function chekk() end", CW_OK, "{}"},
    {"after = 5", CW_E_HELD, "'after' is a number, not a function"},
    {"function check() return { run { 'true' } } end", CW_E_HELD,
     "policy.lua:1: run: the command is not an absolute path"},
    {"function check() return { run {} } end", CW_E_HELD, "run: the command is not an absolute path"},
    {"function check() return { run { '/bin/true', 5 } } end", CW_E_HELD, "run: argument 1 is a number"},
    {"function check() return { run { '/bin/true', timeut = '1s' } } end", CW_E_HELD,
     "did you mean 'timeout'"},
    {"function check() return { run { '/bin/true', timeout = '2h' } } end", CW_E_HELD,
     "not between 1s and 1h"},
    {"function check() return { run { '/bin/true', timeout = 'soon' } } end", CW_E_HELD, "soon"},
    {"function check() return { { run = 'x' } } end", CW_E_HELD, "not an array"},
    {"function check() return { { run = { 'sh' } } } end", CW_E_HELD, "absolute path"},
    {"function check() return { 5 } end", CW_E_HELD, "action 1"},
    {"function check() return 5 end", CW_E_HELD, "something else than a list"},
    {"\nfunction check() return run { '/bin/true' } end", CW_E_HELD,
     "policy.lua:2: check() returned an action, not a list of them: return { run"},
    {"function check()\nrun { '/bin/true' } end", CW_E_HELD,
     "policy.lua:2: what run gave is not returned: write 'return' before it"},
    {"function check(r) return { run { r.stagd .. '/x' } } end", CW_E_HELD,
     "policy.lua:1: a release has no 'stagd' (did you mean 'staged'?)"},
    {"\nfunction checks() end", CW_E_HELD, "policy.lua:2: unknown function 'checks' (did you mean 'check'?)"},
    {"function check() local t = {} for i = 1, 65 do t[i] = run { '/bin/true' } end return t end", CW_E_HELD,
     "more than 64 actions"},
    {"function check() error 'x' end", CW_E_HELD, "policy.lua:1: x"},
    {"error 'x'", CW_E_HELD, "policy.lua:1: x"},
};

/* As a plan asks about an update of gateway that brings firmware. */
static json_t *question_of(void)
{
    return json_pack("{s:{s:s,s:s,s:s}, s:{s:s,s:s,s:s,s:s,s:s}, s:[{s:s,s:s,s:s,s:s}]}", "release",
                     "product", "gateway", "version", "1.1.0", "from", "1.0.0", "dirs", "before",
                     "/opt/plant/current/gateway", "stage", "/opt/plant/releases/gateway/1.1.0/any", "check",
                     "/opt/plant/current/gateway", "after", "/opt/plant/current/gateway", "undo",
                     "/opt/plant/current/gateway", "artifacts", "path", "gateway/1.1.0/fw.bin", "name",
                     "fw.bin", "kind", "firmware", "file", "/fw.bin");
}

static void test_actions(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < CW_COUNT(checks); i++) {
        struct cw_policy *policy = policy_of(checks[i].policy);
        json_auto_t *answer = NULL, *question = question_of();
        struct cw_err err;

        json_array_clear(json_object_get(question, "artifacts"));
        if (checks[i].code != CW_OK) {
            assert_cw_fails(checks[i].code, checks[i].result,
                            cw_policy_actions(&answer, policy, question, &err), err);
        } else {
            json_auto_t *want = json_loads(checks[i].result, 0, NULL);

            assert_cw_ok(cw_policy_actions(&answer, policy, question, &err), err);
            if (!json_equal(want, json_object_get(answer, "actions")))
                fail_msg("%s: other actions", checks[i].policy);
        }
        cw_policy_free(policy);
    }
}

#define FAIL(text) CW_E_HELD, text
static const struct {
    const char *policy; /* what deliver(a) returns */
    int code;
    const char *result; /* JSON of the delivery without path and kind, or a part of the error */
} deliveries[] = {
    {"put { 'http://plc/fw', token_file = '/etc/t', timeout = '5m' }", CW_OK,
     "{\"send\": {\"put\": \"http://plc/fw\", \"file\": \"/fw.bin\", \"token_file\": \"/etc/t\", "
     "\"timeout\": 300}}"},
    {"delivery { post { 'https://plc/fw', status = 202 }, check = get { 'https://plc/v', contains = "
     "a.version or 'x' }, "
     "undo = run { '/bin/back', exit = { 0, 4 } } }",
     CW_OK,
     "{\"send\": {\"post\": \"https://plc/fw\", \"file\": \"/fw.bin\", \"timeout\": 60, \"status\": [202]}, "
     "\"check\": {\"get\": \"https://plc/v\", \"contains\": \"x\", \"timeout\": 60}, "
     "\"undo\": {\"run\": [\"/bin/back\"], \"timeout\": 60, \"exit\": [0, 4]}}"},
    {"delivery { run { '/usr/bin/dpkg', '-i', a.file } }", CW_OK,
     "{\"send\": {\"run\": [\"/usr/bin/dpkg\", \"-i\", \"/fw.bin\"], \"timeout\": 60}}"},
    {"delivery { put { 'http://plc/fw' }, undo = post { 'http://plc/back', body = '' } }", CW_OK,
     "{\"send\": {\"put\": \"http://plc/fw\", \"file\": \"/fw.bin\", \"timeout\": 60}, "
     "\"undo\": {\"post\": \"http://plc/back\", \"body\": \"\", \"timeout\": 60}}"},
    {"store 'devices fetch it'", CW_OK, "{\"stored\": \"devices fetch it\"}"},
    {"{}", FAIL("nothing delivers")},
    {"{ store 'x', 5 }", FAIL("neither delivery")},
    {"nil", FAIL("nothing delivers 'gateway/1.1.0/fw.bin', which is of kind firmware")},
    {"5", FAIL("neither delivery")},
    {"store()", FAIL("policy.lua:1: store: expected a reason")},
    {"get { 'http://plc/' }", FAIL("get delivers nothing")},
    {"put { 'ftp://plc/' }", FAIL("is not a URL")},
    {"put { 'http://u:p@plc/' }", FAIL("use a token_file")},
    {"put { 'http://plc/a b' }", FAIL("percent-encoded")},
    {"put {}", FAIL("policy.lua:1: put: expected one URL")},
    {"put { 'http://plc/', tokenfile = '/x' }", FAIL("did you mean 'token_file'")},
    {"put { 'http://plc/', token_file = 'x' }", FAIL("token_file 'x' is not an absolute path")},
    {"put { 'http://plc/', status = 99 }", FAIL("not a number between 100 and 599")},
    {"put { 'http://plc/', status = '200' }",
     FAIL("policy.lua:1: put: status is a string, neither a number nor")},
    {"put { 'http://plc/', body = 'x', file = '/x' }", FAIL("both 'file' and 'body'")},
    {"delivery { put { 'http://plc/' }, undo = put { 'http://plc/' } }",
     FAIL("undo: it does not say what is sent")},
    {"delivery { put { 'http://plc/' }, check = get { 'http://plc/', body = 'x' } }",
     FAIL("check: a get sends nothing")},
    {"delivery { put { 'http://plc/' }, chek = {} }",
     FAIL("delivery: unknown word 'chek' (did you mean 'check'?)")},
    {"delivery { check = run { '/bin/true' } }", FAIL("policy.lua:1: delivery: expected one action")},
    {"delivery 'x'", FAIL("policy.lua:1: delivery: expected a table")},
};

static void test_deliveries(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < CW_COUNT(deliveries); i++) {
        char text[1024];
        struct cw_policy *policy;
        json_auto_t *answer = NULL, *question = question_of();
        struct cw_err err;

        snprintf(text, sizeof(text), "function deliver(a) return %s end", deliveries[i].policy);
        policy = policy_of(text);
        if (deliveries[i].code != CW_OK) {
            assert_cw_fails(deliveries[i].code, deliveries[i].result,
                            cw_policy_actions(&answer, policy, question, &err), err);
        } else {
            json_auto_t *want = json_loads(deliveries[i].result, 0, NULL);
            json_t *got;

            assert_cw_ok(cw_policy_actions(&answer, policy, question, &err), err);
            got = json_array_get(json_object_get(answer, "deliveries"), 0);
            json_object_del(got, "path");
            json_object_del(got, "kind");
            if (want == NULL || !json_equal(want, got))
                fail_msg("%s: other delivery", deliveries[i].policy);
        }
        cw_policy_free(policy);
    }
}

static void test_the_plants_selftest(void **state)
{
    struct cw_policy *policy = example("plant");
    json_auto_t *answer = NULL, *question = question_of();
    struct cw_err err;

    (void)state;
    json_array_clear(json_object_get(question, "artifacts"));
    assert_cw_ok(cw_policy_actions(&answer, policy, question, &err), err);
    assert_int_equal(json_array_size(json_object_get(json_object_get(answer, "actions"), "check")), 1);
    cw_policy_free(policy);
}

static void test_opening(void **state)
{
    struct cw_policy *policy;
    struct cw_err err;

    (void)state;
    assert_cw_ok(cw_remove(site, "policy.lua", &err), err);
    assert_cw_fails(CW_E_NOTFOUND, "no policy.lua", cw_policy_open(&policy, site, &err), err);
    assert_int_equal(symlinkat("/etc/passwd", site, "policy.lua"), 0);
    assert_cw_fails(CW_E_VERIFY, "symbolic link", cw_policy_open(&policy, site, &err), err);
    assert_cw_ok(cw_remove(site, "policy.lua", &err), err);
    assert_cw_ok(cw_file_replace(site, "policy.lua", "x", 1, 0644, &err), err);
    assert_int_equal(fchmodat(site, "policy.lua", 0666, 0), 0);
    assert_cw_fails(CW_E_FAIL, "chmod o-w", cw_policy_open(&policy, site, &err), err);
    assert_int_equal(fchmodat(site, "policy.lua", 0644, 0), 0);
    assert_cw_ok(cw_policy_open(&policy, site, &err), err);
    assert_string_equal(cw_policy_sha256(policy),
                        "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881");
    cw_policy_free(policy);
}

static void test_site_configuration(void **state)
{
    const char *text = "local r = removable '/media/*/causeway'\nreturn { site = 'plant-7', sources = { "
                       "'https://x/', r }, keep = { versions = 2 } }";
    struct cw_script_source source = {.name = "site.lua", .text = text, .len = strlen(text)};
    json_auto_t *want = json_loads(
        "{\"site\": \"plant-7\", \"sources\": [\"https://x/\", {\"removable\": \"/media/*/causeway\"}], "
        "\"keep\": {\"versions\": 2}}",
        0, NULL);
    json_auto_t *got = NULL, *none = NULL;
    struct cw_err err;

    (void)state;
    assert_cw_ok(cw_library_run(&got, CW_LIBRARY_SITE, &source, NULL, NULL, &err), err);
    assert_true(json_equal(want, got));
    source.text = "\nreturn { r = removable() }";
    source.len = strlen(source.text);
    assert_cw_fails(CW_E_FAIL, "site.lua:2: removable",
                    cw_library_run(&none, CW_LIBRARY_SITE, &source, NULL, NULL, &err), err);
    source.text = "return accept()"; /* a policy's word is none here */
    source.len = strlen(source.text);
    assert_cw_fails(CW_E_FAIL,
                    "site.lua:1:", cw_library_run(&none, CW_LIBRARY_SITE, &source, NULL, NULL, &err), err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decisions),  cmocka_unit_test(test_a_long_reason_is_cut_between_characters),
        cmocka_unit_test(test_examples),   cmocka_unit_test(test_actions),
        cmocka_unit_test(test_deliveries), cmocka_unit_test(test_the_plants_selftest),
        cmocka_unit_test(test_opening),    cmocka_unit_test(test_site_configuration),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
