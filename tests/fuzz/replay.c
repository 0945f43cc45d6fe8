/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * replay.c - goes through kept inputs with one harness, without libFuzzer
 *
 * usage: HARNESS DIRECTORY...
 *
 * Every file in the directories is given to the harness; a directory that does not exist holds no
 * regressions yet. No input at all is a failure.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

static int is_input(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* read_file() - its bytes; free() them */
static uint8_t *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "re");

    CHECK(file != NULL && fseek(file, 0, SEEK_END) == 0);
    *size = (size_t)ftell(file);
    CHECK(fseek(file, 0, SEEK_SET) == 0);

    /* Of exactly the size, so that a read behind its end is seen. */
    uint8_t *bytes = malloc(*size > 0 ? *size : 1);

    CHECK(bytes != NULL && fread(bytes, 1, *size, file) == *size);
    fclose(file);
    return bytes;
}

static void replay_file(const char *directory, const char *name)
{
    char path[4096];
    size_t size = 0;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    printf("%s\n", path);
    fflush(stdout); /* so that the last line names the input that ends the program */

    uint8_t *bytes = read_file(path, &size);

    LLVMFuzzerTestOneInput(bytes, size);
    free(bytes);
}

static size_t replay_directory(const char *path)
{
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, is_input, alphasort);

    if (count < 0) {
        CHECK(errno == ENOENT);
        return 0;
    }
    for (int i = 0; i < count; i++) {
        replay_file(path, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return (size_t)count;
}

int main(int argc, char **argv)
{
    size_t count = 0;

    LLVMFuzzerInitialize(&argc, &argv);
    for (int i = 1; i < argc; i++)
        count += replay_directory(argv[i]);
    printf("%zu inputs\n", count);
    return count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
