/* SPDX-License-Identifier: ISC */
/*
 * Words of file names as tables; see gen/from_guess.h.
 */
#include "gen/from_guess.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "release/manifest.h"

#define NAME_MAX_READ 256 /* bytes of a name that are looked at: no file system has longer ones */

#define UNIVERSAL "universal" /* Apple's: more than one processor in one file */

struct word {
    const char *word, *os, *arch; /* os or arch NULL: it says nothing of that */
};

/* Longer words stand before those they begin with. What was read is blanked out, so that x86_64 is no x86. */
static const struct word words[] = {
    {"linux64", "linux", "amd64"},
    {"linux32", "linux", "386"},
    {"win64", "windows", "amd64"},
    {"win32", "windows", "386"},
    {"linux-android", "android", NULL}, /* of a compiler's triple */
    {"linux", "linux", NULL},
    {"manylinux", "linux", NULL}, /* Python's wheels */
    {"manylinux1", "linux", NULL},
    {"manylinux2010", "linux", NULL},
    {"manylinux2014", "linux", NULL},
    {"musllinux", "linux", NULL},
    {"windows", "windows", NULL},
    {"win", "windows", NULL},
    {"darwin", "darwin", NULL},
    {"macosx", "darwin", NULL},
    {"macos", "darwin", NULL},
    {"mac", "darwin", NULL},
    {"osx", "darwin", NULL},
    {"apple-ios", "ios", NULL},
    {"apple", "darwin", NULL},
    {"ios", "ios", NULL},
    {"freebsd", "freebsd", NULL},
    {"openbsd", "openbsd", NULL},
    {"netbsd", "netbsd", NULL},
    {"dragonfly", "dragonfly", NULL},
    {"android", "android", NULL},
    {"illumos", "illumos", NULL},
    {"solaris", "solaris", NULL},
    {"aix", "aix", NULL},
    {"x86_64", NULL, "amd64"},
    {"x86-64", NULL, "amd64"},
    {"amd64", NULL, "amd64"},
    {"x64", NULL, "amd64"},
    {"64bit", NULL, "amd64"},
    {"aarch64", NULL, "arm64"},
    {"aarch_64", NULL, "arm64"},       /* Maven's words have '_' */
    {"arm64-v8a", "android", "arm64"}, /* Android's own words */
    {"armeabi-v7a", "android", "armv7"},
    {"arm64", NULL, "arm64"},
    {"armv8", NULL, "arm64"},
    {"armv7l", NULL, "armv7"},
    {"armv7", NULL, "armv7"},
    {"armhf", NULL, "armv7"},
    {"armv6l", NULL, "armv6"},
    {"armv6", NULL, "armv6"},
    {"armv5", NULL, "armv5"},
    {"armel", NULL, "armv5"},
    {"arm", NULL, "arm"},
    {"i386", NULL, "386"},
    {"i586", NULL, "386"},
    {"i686", NULL, "386"},
    {"386", NULL, "386"},
    {"x86_32", NULL, "386"},
    {"32bit", NULL, "386"},
    {"x86", NULL, "386"},
    {"riscv64", NULL, "riscv64"},
    {"ppc64le", NULL, "ppc64le"},
    {"ppc64el", NULL, "ppc64le"},
    {"powerpc64le", NULL, "ppc64le"},
    {"ppcle_64", NULL, "ppc64le"},
    {"powerpc64", NULL, "ppc64"},
    {"ppc64", NULL, "ppc64"},
    {"s390x", NULL, "s390x"},
    {"s390_64", NULL, "s390x"},
    {"loong64", NULL, "loong64"},
    {"loongarch64", NULL, "loong64"},
    {"mips64le", NULL, "mips64le"},
    {"mips64el", NULL, "mips64le"},
    {"mips64", NULL, "mips64"},
    {"mipsle", NULL, "mipsle"},
    {"mipsel", NULL, "mipsle"},
    {"mips", NULL, "mips"},
    {"universal_binary", NULL, UNIVERSAL},
    {"universal2", NULL, UNIVERSAL},
    {"universal", NULL, UNIVERSAL},
};

struct ending {
    const char *ending, *what;
};

static const struct ending kinds[] = {
    {".tar", "archive"},         {".tar.gz", "archive"},     {".tgz", "archive"},     {".tar.xz", "archive"},
    {".txz", "archive"},         {".tar.zst", "archive"},    {".tzst", "archive"},    {".tar.bz2", "archive"},
    {".tbz2", "archive"},        {".tbz", "archive"},        {".tar.lz4", "archive"}, {".zip", "archive"},
    {".cpio", "archive"},        {".cpio.gz", "archive"},    {".deb", "package"},     {".rpm", "package"},
    {".apk", "package"},         {".ipk", "package"},        {".opk", "package"},     {".msi", "package"},
    {".snap", "package"},        {".flatpak", "package"},    {".whl", "package"},     {".gem", "package"},
    {".pkg.tar.zst", "package"}, {".pkg.tar.xz", "package"}, {".fw", "firmware"},     {".hex", "firmware"},
    {".dfu", "firmware"},        {".uf2", "firmware"},       {".swu", "firmware"},    {".raucb", "firmware"},
    {".mender", "firmware"},
};

static const struct ending companions[] = {
    {".sha256", "a checksum file"},
    {".sha256sum", "a checksum file"},
    {".sha512", "a checksum file"},
    {".sha512sum", "a checksum file"},
    {".sha1", "a checksum file"},
    {".md5", "a checksum file"},
    {"sha256sums", "a checksum file"},
    {"sha512sums", "a checksum file"},
    {"checksums.txt", "a checksum file"},
    {"sha256sums.txt", "a checksum file"},
    {"shasums256.txt", "a checksum file"},
    {".sha256.txt", "a checksum file"},
    {"sha256sum.txt", "a checksum file"},
    {"sha512sums.txt", "a checksum file"},
    {"sha1sums", "a checksum file"},
    {"md5sums", "a checksum file"},
    {"b2sums", "a checksum file"},
    {"b3sums", "a checksum file"},
    {"sums.gpg", "a signature"},
    {"sums.txt.gpg", "a signature"},
    {".sign", "a signature"},
    {".sig", "a signature"},
    {".asc", "a signature"},
    {".minisig", "a signature"},
    {".sigstore", "a signature"},
    {".sigstore.json", "a signature"},
    {".cosign.bundle", "a signature"},
    {".pem", "a certificate"},
    {".crt", "a certificate"},
    {".intoto.jsonl", "provenance"},
    {".sbom.json", "an SBOM"},
    {".spdx.json", "an SBOM"},
    {".cdx.json", "an SBOM"},
    {".sbom", "an SBOM"},
    {".spdx", "an SBOM"},
    {".cyclonedx.json", "an SBOM"},
    {"bom.json", "an SBOM"},
    {"bom.xml", "an SBOM"},
    {".blockmap", "for another updater"},
    {".zsync", "for another updater"},
    {"latest.yml", "for another updater"},
    {"latest-mac.yml", "for another updater"},
    {"latest-linux.yml", "for another updater"},
    {"latest-linux-arm64.yml", "for another updater"},
};

/* The formats that say for which system they are, where no word does: an .apk may be Alpine's or Android's. */
static const struct ending systems[] = {
    {".deb", "linux"}, {".rpm", "linux"},   {".apk", "linux"},   {".snap", "linux"}, {".flatpak", "linux"},
    {".ipk", "linux"}, {".exe", "windows"}, {".msi", "windows"}, {".dmg", "darwin"}, {".appimage", "linux"},
};

/* The longest ending of the table that the name has, in any case. */
static const char *find_ending(const struct ending *table, size_t count, const char *name)
{
    size_t i, best = 0, len = strlen(name);
    const char *what = NULL;

    for (i = 0; i < count; i++) {
        size_t n = strlen(table[i].ending);

        if (n > best && n <= len && strcasecmp(name + len - n, table[i].ending) == 0) {
            best = n;
            what = table[i].what;
        }
    }
    return what;
}

const char *cw_guess_kind(const char *name)
{
    const char *kind = find_ending(kinds, CW_COUNT(kinds), name);

    return kind != NULL ? kind : cw_kind_name(CW_KIND_FILE);
}

const char *cw_guess_companion(const char *name)
{
    return find_ending(companions, CW_COUNT(companions), name);
}

/* Blanks out every place where the word stands alone. */
static bool take_word(char *text, const char *word)
{
    size_t n = strlen(word);
    bool found = false;
    char *at = text;

    while ((at = strstr(at, word)) != NULL) {
        if ((at == text || !isalnum((unsigned char)at[-1])) && !isalnum((unsigned char)at[n])) {
            memset(at, ' ', n);
            found = true;
        }
        at += n;
    }
    return found;
}

bool cw_guess_platform(char out[CW_GUESS_MAX], const char *name)
{
    const char *os = NULL, *arch = NULL;
    char text[NAME_MAX_READ];
    bool twice = false;
    size_t i;

    for (i = 0; i < sizeof text - 1 && name[i] != '\0'; i++)
        text[i] = (char)tolower((unsigned char)name[i]);
    text[i] = '\0';
    for (i = 0; i < CW_COUNT(words); i++) {
        if (!take_word(text, words[i].word))
            continue;
        twice = twice || (words[i].os != NULL && os != NULL && strcmp(os, words[i].os) != 0) ||
                (words[i].arch != NULL && arch != NULL && strcmp(arch, words[i].arch) != 0);
        os = words[i].os != NULL ? words[i].os : os;
        arch = words[i].arch != NULL ? words[i].arch : arch;
    }
    if (os == NULL)
        os = find_ending(systems, CW_COUNT(systems), name);
    if (os == NULL && arch == NULL)
        snprintf(out, CW_GUESS_MAX, "%s", CW_PLATFORM_ANY);
    else
        snprintf(out, CW_GUESS_MAX, "%s%s%s", os != NULL ? os : "", os != NULL && arch != NULL ? "-" : "",
                 arch != NULL ? arch : "");
    if (arch != NULL && strcmp(arch, UNIVERSAL) == 0 && (os == NULL || strcmp(os, "darwin") != 0))
        return false;
    return !twice && (os == NULL) == (arch == NULL);
}
