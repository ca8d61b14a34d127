/* SPDX-License-Identifier: ISC */
/*
 * What --from reads without a file: lines of SHA256SUMS, and what names tell, as tables. The rest is in
 * tests/cli/gen-from.t.sh.
 */
#include "unit.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "gen/from_guess.h"
#include "gen/from_sums.h"

#define HEX "87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7"
#define UPPER "87428FC522803D31065E7BCE3CF03FE475096631E5E07BBD7A0FDE60C4CF25C7"

static const struct {
    const char *line, *name, *wrong; /* wrong NULL: it is read; name NULL: it has no sum */
} lines[] = {
    {HEX "  a", "a", NULL},
    {HEX " *a", "a", NULL},
    {HEX "  a\r", "a", NULL},
    {UPPER "  a", "a", NULL},
    {HEX "   a", " a", NULL},
    {HEX "  a  b", "a  b", NULL},
    {HEX "  d/a", "d/a", NULL},
    {"\\" HEX "  a\\nb\\\\c\\rd", "a\nb\\c\rd", NULL},
    {HEX "  a\\nb", "a\\nb", NULL},
    {"SHA256 (a) = " HEX, "a", NULL},
    {"SHA256 (a) = b) = " HEX, "a) = b", NULL},
    {"\\SHA256 (a\\nb) = " HEX, "a\nb", NULL},
    {"", NULL, NULL},
    {"# a remark", NULL, NULL},
    {"\r", NULL, NULL},
    {HEX, NULL, "no two characters"},
    {HEX " ", NULL, "no two characters"},
    {HEX "  ", NULL, "no file name"},
    {HEX "\ta", NULL, "no two characters"},
    {HEX "a  a", NULL, "64 hexadecimal digits"},
    {"abc  a", NULL, "64 hexadecimal digits"},
    {"hello", NULL, "64 hexadecimal digits"},
    {"\\" HEX "  a\\b", NULL, "escapes nothing"},
    {"\\" HEX "  a\\", NULL, "escapes nothing"},
    {"MD5 (a) = 900150983cd24fb0d6963f7d28e17f72", NULL, "of the kind 'MD5'"},
    {"SHA512 (a) = " HEX, NULL, "of the kind 'SHA512'"},
    {"SHA256 (a) = abc", NULL, "no sum of 64"},
    {"SHA256 (a) " HEX, NULL, "not of the form"},
    {"SHA256 (", NULL, "not of the form"},
    {"SHA256 () = " HEX, NULL, "not of the form"},
};

static void test_sums(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < CW_COUNT(lines); i++) {
        struct cw_sums_line got;
        struct cw_err err;

        if (lines[i].wrong != NULL) {
            assert_cw_fails(CW_E_VERIFY, lines[i].wrong,
                            cw_sums_parse(&got, lines[i].line, strlen(lines[i].line), &err), err);
            continue;
        }
        assert_cw_ok(cw_sums_parse(&got, lines[i].line, strlen(lines[i].line), &err), err);
        assert_string_equal(got.sha256, lines[i].name != NULL ? HEX : "");
        if (lines[i].name != NULL)
            assert_string_equal(got.name, lines[i].name);
    }
}

static void test_sums_nul(void **state)
{
    static const char line[] = HEX "  a\0b";
    struct cw_sums_line got;
    struct cw_err err;

    (void)state;
    assert_cw_fails(CW_E_VERIFY, "NUL byte", cw_sums_parse(&got, line, sizeof line - 1, &err), err);
}

static const struct {
    const char *name, *platform, *kind, *companion; /* platform "!x": only x is known */
} names[] = {
    {"gateway.tar", "any", "archive", NULL},
    {"gateway_2.1.0_linux_amd64.tar.gz", "linux-amd64", "archive", NULL},
    {"gateway-2.1.0-Linux-x86_64.tgz", "linux-amd64", "archive", NULL},
    {"gateway-x86_64-unknown-linux-gnu.tar.xz", "linux-amd64", "archive", NULL},
    {"gateway-aarch64-apple-darwin.tar.zst", "darwin-arm64", "archive", NULL},
    {"gateway-macos-arm64.zip", "darwin-arm64", "archive", NULL},
    {"gateway_win64.zip", "windows-amd64", "archive", NULL},
    {"gateway-windows-i686.exe", "windows-386", "file", NULL},
    {"gateway_amd64.exe", "windows-amd64", "file", NULL},
    {"gateway_1.0_arm64.deb", "linux-arm64", "package", NULL},
    {"gateway_1.0_armhf.deb", "linux-armv7", "package", NULL},
    {"gateway-1.0.x86_64.rpm", "linux-amd64", "package", NULL},
    {"gateway_linux_armv6.tar.gz", "linux-armv6", "archive", NULL},
    {"gateway-linux-mips64le", "linux-mips64le", "file", NULL},
    {"charm.bin", "any", "file", NULL},
    {"darwinian.txt", "any", "file", NULL},
    {"plc.hex", "any", "firmware", NULL},
    {"PLC.SWU", "any", "firmware", NULL},
    {"gateway_windows.zip", "!windows", "archive", NULL},
    {"gateway-arm64.tar", "!arm64", "archive", NULL},
    {"gateway-linux-amd64-arm64.tar", NULL, "archive", NULL},
    {"gateway-linux-windows-amd64.tar", NULL, "archive", NULL},
    {"gateway.deb", "!linux", "package", NULL},
    /* as compilers, wheels, Maven, Electron, Android, and people name them */
    {"gateway-14.1.0-powerpc64-unknown-linux-gnu.tar.gz", "linux-ppc64", "archive", NULL},
    {"gateway-armv7-unknown-linux-gnueabihf.tar.gz", "linux-armv7", "archive", NULL},
    {"gateway-x86_64-linux-android.tar.gz", "android-amd64", "archive", NULL},
    {"gateway-android-arm64-v8a.apk", "android-arm64", "package", NULL},
    {"gateway-0.4.4-arm64-v8a.apk", "android-arm64", "package", NULL},
    {"gateway-0.4.4-armeabi-v7a.apk", "android-armv7", "package", NULL},
    {"gateway-aarch64-apple-ios.zip", "ios-arm64", "archive", NULL},
    {"gateway_linux_amd64.apk", "linux-amd64", "package", NULL},
    {"gateway-universal-release.apk", "!linux-universal", "package", NULL},
    {"gateway-1.2.3-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", "linux-amd64", "package",
     NULL},
    {"gateway-1.2.3-cp311-cp311-macosx_11_0_arm64.whl", "darwin-arm64", "package", NULL},
    {"gateway-1.2.3-py3-none-any.whl", "any", "package", NULL},
    {"gateway-25.1-linux-aarch_64.zip", "linux-arm64", "archive", NULL},
    {"gateway-25.1-linux-ppcle_64.zip", "linux-ppc64le", "archive", NULL},
    {"gateway-25.1-linux-x86_32.zip", "linux-386", "archive", NULL},
    {"gateway-25.1-osx-universal_binary.zip", "darwin-universal", "archive", NULL},
    {"gateway_0.120_Linux-64bit.tar.gz", "linux-amd64", "archive", NULL},
    {"gateway_2.7.6_mac_amd64.tar.gz", "darwin-amd64", "archive", NULL},
    {"Gateway-1.2.3-mac.zip", "!darwin", "archive", NULL},
    {"Gateway-1.2.3-x86_64.AppImage", "linux-amd64", "file", NULL},
    {"gateway.appimage", "!linux", "file", NULL},
    {"gateway.exe.blockmap", "any", "file", "for another updater"},
    {"latest-linux.yml", "!linux", "file", "for another updater"},
    {"SHASUMS256.txt", "any", "file", "a checksum file"},
    {"", "any", "file", NULL},
    {"SHA256SUMS", "any", "file", "a checksum file"},
    {"gateway_1.0_checksums.txt", "any", "file", "a checksum file"},
    {"gateway.tar.gz.sha256", "any", "file", "a checksum file"},
    {"gateway.tar.gz.asc", "any", "file", "a signature"},
    {"gateway.tar.gz.sigstore.json", "any", "file", "a signature"},
    {"SHA256SUMS.gpg", "any", "file", "a signature"},
    {"SHA512SUMS.sign", "any", "file", "a signature"},
    {"vendor-archive-keyring.gpg", "any", "file", NULL},
    {"sha256sum.txt", "any", "file", "a checksum file"},
    {"B3SUMS", "any", "file", "a checksum file"},
    {"gateway.zip.sha256.txt", "any", "file", "a checksum file"},
    {"bom.json", "any", "file", "an SBOM"},
    {"gateway.cyclonedx.json", "any", "file", "an SBOM"},
    {"gateway.pem", "any", "file", "a certificate"},
    {"multiple.intoto.jsonl", "any", "file", "provenance"},
    {"gateway.tar.gz.sbom.json", "any", "file", "an SBOM"},
};

static void test_names(void **state)
{
    char got[CW_GUESS_MAX];
    size_t i;

    (void)state;
    for (i = 0; i < CW_COUNT(names); i++) {
        const char *wanted = names[i].platform;
        bool clear = wanted != NULL && wanted[0] != '!', found = cw_guess_platform(got, names[i].name);

        if (found != clear || (wanted != NULL && strcmp(got, wanted + !clear) != 0))
            fail_msg("'%s': platform '%s', %s", names[i].name, got, found ? "clear" : "unclear");
        assert_string_equal(cw_guess_kind(names[i].name), names[i].kind);
        if (names[i].companion == NULL)
            assert_null(cw_guess_companion(names[i].name));
        else
            assert_string_equal(cw_guess_companion(names[i].name), names[i].companion);
    }
}

/* Names go into messages. */
static void test_visible(void **state)
{
    char out[16];

    (void)state;
    cw_str_visible(out, sizeof out, "a\nb\x1b[2J");
    assert_string_equal(out, "a\\x0ab\\x1b[2J");
    cw_str_visible(out, sizeof out, "\xc3\xa4\xff");
    assert_string_equal(out, "\xc3\xa4\\xff");
    cw_str_visible(out, 5, "abc\n");
    assert_string_equal(out, "abc");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_sums_nul),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_visible),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
