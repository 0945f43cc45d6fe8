/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz-glib.c - what the harnesses of the host's code share */
#include "fuzz-glib.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#define TURNS_MAX 10000

static GLogWriterOutput write_log(GLogLevelFlags level, const GLogField *fields, gsize n_fields,
                                  gpointer data)
{
    if (!(level & (G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_ERROR)))
        return G_LOG_WRITER_HANDLED;

    g_autofree char *text = g_log_writer_format_fields(level, fields, n_fields, FALSE);

    dprintf(STDERR_FILENO, "%s\n", text);
    abort();
}

void fuzz_quiet_glib(void)
{
    g_log_set_writer_func(write_log, NULL, NULL);
}

void fuzz_settle(void)
{
    int turns = 0;

    while (g_main_context_iteration(NULL, FALSE))
        CHECK(++turns < TURNS_MAX);
}

static char *directory;

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
    return remove(path);
}

static void remove_directory(void)
{
    nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    g_free(directory);
}

char *fuzz_path(const char *name)
{
    if (directory == NULL) {
        directory = g_dir_make_tmp("fuzz-XXXXXX", NULL);
        CHECK(directory != NULL);
        CHECK(atexit(remove_directory) == 0);
    }

    char *path = g_build_filename(directory, name, NULL);

    g_unlink(path);
    return path;
}

const char *fuzz_file(const char *name, const void *bytes, gsize size)
{
    static char *path;

    g_free(path);
    path = fuzz_path(name);

    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);

    CHECK(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
    close(fd);
    return path;
}
