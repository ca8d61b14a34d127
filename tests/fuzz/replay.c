/* SPDX-License-Identifier: ISC */
/*
 * Runs a fuzz target over its corpus without libFuzzer, so that each `make check` does: every file of
 * tests/fuzz/corpus/<target>, or those named on the command line. A finding ends the program.
 */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/str.h"
#include "tests/fuzz/fuzz.h"

static void replay(const char *path)
{
    CW_AUTO_FREE uint8_t *bytes = NULL;
    FILE *file = fopen(path, "rb");
    struct stat st;

    always(file != NULL && fstat(fileno(file), &st) == 0);
    bytes = malloc((size_t)st.st_size + 1);
    always(bytes != NULL && fread(bytes, 1, (size_t)st.st_size, file) == (size_t)st.st_size);
    fclose(file);
    LLVMFuzzerTestOneInput(bytes, (size_t)st.st_size);
}

static int replay_folder(const char *target)
{
    CW_AUTO_FREE char *folder = cw_str_format("%s/tests/fuzz/corpus/%s", getenv("CW_SRCDIR"), target);
    DIR *dir = folder != NULL ? opendir(folder) : NULL;
    struct dirent *entry;
    int count = 0;

    printf("1..1\n");
    if (dir == NULL) {
        printf("not ok 1 - there is no '%s'\n", folder);
        return 1;
    }
    while ((entry = readdir(dir)) != NULL) {
        CW_AUTO_FREE char *path = cw_str_format("%s/%s", folder, entry->d_name);

        if (entry->d_name[0] == '.')
            continue;
        always(path != NULL);
        replay(path);
        count++;
    }
    closedir(dir);
    printf("%s 1 - %d inputs of %s\n", count > 0 ? "ok" : "not ok", count, target);
    return count > 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    const char *target = cw_str_basename(argv[0]);

    for (int i = 1; i < argc; i++)
        replay(argv[i]);
    if (argc > 1)
        return 0;
    if (getenv("CW_SRCDIR") == NULL) {
        fprintf(stderr, "%s: name files, or set CW_SRCDIR\n", target);
        return 2;
    }
    return replay_folder(cw_str_starts(target, "fuzz_") ? target + strlen("fuzz_") : target);
}
