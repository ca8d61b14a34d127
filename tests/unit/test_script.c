/* SPDX-License-Identifier: ISC */
/*
 * Lua as a pure function: what a script can say, what it cannot reach, and that every hostile one ends. All
 * run in the jail, as the programs run them.
 */
#include "unit.h"

#include <jansson.h>
#include <stdlib.h>

#include "base/mem.h"
#include "codec/json.h"
#include "fs/root.h"
#include "jail/jail.h"
#include "script/script.h"

static const struct cw_script_limits limits = {.memory = (size_t)16 << 20, .instructions = 5000000};

/* f(args) where there is a function f, else what the script returned. */
static int answer(void *ctx, int in_fd, int out_fd, struct cw_err *err)
{
    const struct cw_script_source *source = ctx;
    CW_AUTO_BUF text = CW_BUF_INIT((size_t)8 << 20);
    json_auto_t *args = json_loads(
        "[{\"list\": [1, 2, {\"deep\": [true]}], \"none\": {}, \"empty\": [], \"text\": \"x\"}, 7]", 0, NULL);
    struct cw_script *script;
    json_t *value = NULL;
    int rc = cw_script_new(&script, source, 1, &limits, err);

    (void)in_fd;
    if (rc != CW_OK)
        return rc;
    if (cw_script_has(script, "f"))
        rc = cw_script_call(&value, script, "f", args, err);
    else
        rc = cw_script_result(&value, script, err);
    cw_script_free(script);
    if (rc == CW_OK)
        rc = cw_json_format_line(&text, value, err);
    json_decref(value);
    return rc != CW_OK ? rc : cw_fd_write_all(out_fd, text.data, text.len, "the answer", err);
}

static int run_bytes(struct cw_buf *out, const char *text, size_t len, unsigned cpu_seconds,
                     struct cw_err *err)
{
    const struct cw_jail_limits confined = {
        .cpu_seconds = cpu_seconds, .wall_seconds = 60, .memory = (size_t)64 << 20};
    struct cw_script_source source = {.name = "policy.lua", .text = text, .len = len};

    json_object_seed(0);
    return cw_jail_run(out, "policy.lua", &confined, answer, &source, err);
}

/* Time enough for all instructions, under sanitizers too. */
static int run(struct cw_buf *out, const char *text, struct cw_err *err)
{
    return run_bytes(out, text, strlen(text), 20, err);
}

static const struct {
    const char *script, *answer;
} answers[] = {
    {"", "null"},
    {"return 5", "5"},
    {"return 5.0", "5"},
    {"return {1, 2, 'x', {true, false}}", "[1,2,\"x\",[true,false]]"},
    {"return {b = 1, a = {c = 'gr\xc3\xbcn'}}", "{\"a\":{\"c\":\"gr\xc3\xbcn\"},\"b\":1}"},
    {"return {}", "[]"},
    {"function f(a) return a end",
     "{\"empty\":[],\"list\":[1,2,{\"deep\":[true]}],\"none\":{},\"text\":\"x\"}"},
    {"function f(a, b) return b * 2 end", "14"},
    {"function f(a) a.none.x = 1 return a.none end", "{\"x\":1}"},
    {"function f(a) return a.nothing == nil end", "true"},
    /* the language that is there */
    {"return ('x'):rep(3, '-') .. #'abc' .. ('%d'):format(7)", "\"x-x-x37\""},
    {"return select('#', 1, 2, 3)", "3"},
    {"local ok, e = pcall(error, {a = 1}) return e.a", "1"},
    {"return {xpcall(error, function(e) return e .. '!' end, 'x')}", "[false,\"x!\"]"},
    {"return {xpcall(function(...) return ... end, error, 1, 2)}", "[true,1,2]"},
    {"return {table.unpack({1, 2}), math.max(3, 4), utf8.len('\xc3\xbc')}", "[1,4,1]"},
    {"local t = {3, 1, 2} table.sort(t) return t", "[1,2,3]"},
    {"local t = setmetatable({}, {__index = function(_, k) return k .. '!' end}) return t.x", "\"x!\""},
    /* the same each time */
    {"local s = '' for k in pairs {z = 1, a = 1, [2] = 1, [1] = 1, m = 1, [true] = 1} do s = s .. "
     "tostring(k) end return s",
     "\"12amztrue\""},
    {"local t, s = {c = 1, a = 1, b = 1}, '' local k = next(t) while k do s = s .. k k = next(t, k) end "
     "return s",
     "\"abc\""},
    {"local t = {a = 1, b = 2, c = 3} for k in pairs(t) do t[k] = nil end return next(t) == nil", "true"},
    {"return {tostring({}), tostring(print), ('%s'):format({}), tostring(pcall)}",
     "[\"table\",\"nil\",\"table\",\"function\"]"},
    {"return tostring(setmetatable({}, {__tostring = function() return 'me' end}))", "\"me\""},
    /* what is not there */
    {"local t = {} for _, n in ipairs {'io', 'os', 'debug', 'package', 'coroutine', 'require', 'load', "
     "'loadstring', 'loadfile', 'dofile',"
     " 'print', 'warn', 'collectgarbage', '_G', 'rawnext'} do t[n] = pcall(function() return #_ENV[n] end) "
     "end"
     " for k, v in pairs(t) do if v then return k end end",
     "null"},
    {"return {tostring(string.dump), tostring(math.random), tostring(math.randomseed), "
     "tostring(getmetatable(''))}",
     "[\"nil\",\"nil\",\"nil\",\"false\"]"},
    {"return pcall(setmetatable, '', {})", "false"},
};

static void test_answers(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < CW_COUNT(answers); i++) {
        CW_AUTO_BUF out = CW_BUF_INIT((size_t)8 << 20);
        struct cw_err err;

        cw_err_clear(&err);
        if (run(&out, answers[i].script, &err) != CW_OK)
            fail_msg("%s: %s", answers[i].script, err.text);
        if (strncmp(cw_buf_text(&out), answers[i].answer, out.len - 1) != 0 ||
            strlen(answers[i].answer) != out.len - 1)
            fail_msg("%s: %s", answers[i].script, cw_buf_text(&out));
    }
}

static const struct {
    const char *script, *says;
} failures[] = {
    {"return", NULL},
    {"return (", "policy.lua:1: unexpected symbol near <eof>"},
    {"\n\nlocal x = nil + 1", "policy.lua:3: attempt to perform arithmetic"},
    {"error {}", "policy.lua: raised a table as its error"},
    {"error()", "policy.lua: raised a nil as its error"},
    {"x.y = 1", "policy.lua:1: attempt to index a nil value (global 'x')"},
    /* values that are no JSON */
    {"return 1.5", "the result is not a whole number"},
    {"return 0/0", "not a whole number"},
    {"return {1, nil, 3}", "list with gaps"},
    {"return {1, a = 2}", "mixes a list with named fields"},
    {"return {[0] = 1}", "a key that is neither"},
    {"return {[1.5] = 1}", "a key that is neither"},
    {"return {a = {b = {1, pcall}}}", "field 'a.b[2]' is a function"},
    {"return '\\xff'", "not UTF-8"},
    {"return {['\\xff'] = 1}", "not UTF-8"},
    {"return 'a\\0b'", "NUL byte"},
    {"local t = {} t.t = t return t", "nested too deep, or contains itself"},
    {"local t = {} for i = 1, 40 do t = {t, t} end return t", "makes the result too large"},
    {"local s, t = ('x'):rep(100000), {} for i = 1, 100 do t[i] = s end return t",
     "makes the result too large"},
    /* loops */
    {"while true do end", "exceeded its 5000000 instructions"},
    {"while true do pcall(function() while true do end end) end", "exceeded its 5000000 instructions"},
    {"local function f() while true do pcall(f) end end f()", "policy.lua"},
    {"while true do xpcall(error, function() while true do end end) end",
     "exceeded its 5000000 instructions"},
    {"for i = 1, 1e9 do pcall(error, 'x') end", "exceeded its 5000000 instructions"},
    {"function f() while true do end end", "exceeded its 5000000 instructions"},
    {"local t = setmetatable({}, {__index = function(t, k) return t[k] end}) return t.x", "policy.lua"},
    {"local function f() return f() end return f()", "exceeded its 5000000 instructions"},
    {"local t = setmetatable({}, {__close = function() while true do end end}) local x <close> = t",
     "exceeded its 5000000 instructions"},
    /* memory */
    {"local s = 'x' while true do s = s .. s end", "exceeded its memory (16384 KiB)"},
    {"return ('x'):rep(1e9)", "more than 1000000 repetitions"},
    {"return (('x'):rep(1e6)):rep(1e6)", "policy.lua"},
    {"local t = {} for i = 1, 1e9 do t[i] = {} end", "policy.lua"},
    {"local function f() return 1 + f() end f()", "policy.lua"},
    {"local s = ('x'):rep(1e6) return (s:gsub('x', s))", "exceeded its memory"},
    {"return table.concat({('x'):rep(1e6)}, '', 1, 1)", NULL},
    {"local t = {} for i = 1, 250 do t[i] = 'x' end return table.unpack(t, 1, 1e8)",
     "too many results to unpack"},
    {"return ('x'):rep(-1) .. string.char(table.unpack({}, 1, 1e7))", "policy.lua"},
    {"return #('%99.99f'):format(1e300)", NULL},
    /* keys to what is not allowed */
    {"setmetatable({}, {__gc = function() while true do end end})", "'__gc' is not available"},
    {"local m = {} setmetatable({}, m) m.__gc = function() while true do end end return 1", NULL},
    {"getmetatable('').__index = {}", "attempt to index a boolean value"},
    {"return ('%p'):format({})", "'%p' is not available"},
    {"return ('%-20p'):format({})", "'%p' is not available"},
    {"for k in pairs {[{}] = 1} do end", "policy.lua:1: pairs: a table as a key has no order"},
    {"pairs(nil)", "policy.lua:1: pairs: expected a table, got nil"},
    {"goto x", "no visible label 'x'"},
};

static void test_failures(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < CW_COUNT(failures); i++) {
        CW_AUTO_BUF out = CW_BUF_INIT((size_t)8 << 20);
        struct cw_err err;
        int rc;

        cw_err_clear(&err);
        rc = run(&out, failures[i].script, &err);
        if (failures[i].says == NULL ? rc != CW_OK
                                     : rc == CW_OK || strstr(err.text, failures[i].says) == NULL)
            fail_msg("%s: %d, '%s'", failures[i].script, rc, err.text);
    }
}

/* One call of C that never comes to the counting of instructions. */
static void test_only_the_jail_stops(void **state)
{
    static const char *const scripts[] = {"return ('a'):rep(40):find(('a*'):rep(30) .. 'b')",
                                          "return table.move({}, 1, math.maxinteger - 1, 2)"};

    (void)state;
    for (size_t i = 0; i < CW_COUNT(scripts); i++) {
        CW_AUTO_BUF out = CW_BUF_INIT((size_t)8 << 20);
        struct cw_err err;

        assert_cw_fails(CW_E_VERIFY, "exceeded its 1 s of CPU time",
                        run_bytes(&out, scripts[i], strlen(scripts[i]), 1, &err), err);
    }
}

static void test_bytecode_is_refused(void **state)
{
    static const char bytecode[] = "\x1bLua\x54\x00\x19\x93\r\n\x1a\n";
    CW_AUTO_BUF out = CW_BUF_INIT(1000);
    struct cw_err err;

    (void)state;
    assert_cw_fails(CW_E_FAIL, "attempt to load a binary chunk",
                    run_bytes(&out, bytecode, sizeof(bytecode) - 1, 1, &err), err);
}

static void test_sources_share_an_environment(void **state)
{
    const struct cw_script_source sources[] = {{"library", "function word() return 'x' end", 30},
                                               {"site.lua", "return {w = word()}", 19}};
    json_auto_t *value = NULL, *none = NULL;
    struct cw_script *script;
    struct cw_err err;

    (void)state;
    assert_cw_ok(cw_script_new(&script, sources, 2, &limits, &err), err);
    assert_cw_ok(cw_script_result(&value, script, &err), err);
    assert_string_equal(json_string_value(json_object_get(value, "w")), "x");
    assert_true(cw_script_has(script, "word"));
    assert_false(cw_script_has(script, "string"));
    assert_cw_fails(CW_E_NOTFOUND, "site.lua: has no function 'decide'",
                    cw_script_call(&none, script, "decide", NULL, &err), err);
    cw_script_free(script);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_only_the_jail_stops),
        cmocka_unit_test(test_bytecode_is_refused),
        cmocka_unit_test(test_sources_share_an_environment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
