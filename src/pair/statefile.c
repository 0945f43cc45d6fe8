/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pair/statefile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

#define SIZE_MAX_BYTES 65536 /* a file that is longer is none of ours */
#define HALF_WRITTEN ".new"

static gboolean fail(GError **error, const char *what, const char *path)
{
    g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST,
                "cannot %s %s: %s; this host's state-dir has to be writable", what, path,
                g_strerror(errno));
    return FALSE;
}

char *statefile_path(const char *state, const char *folder, const char *name)
{
    return g_build_filename(state, folder, name, NULL);
}

static gboolean flush_directory(const char *path, GError **error)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    gboolean flushed = fd >= 0 && fsync(fd) == 0;
    int cause = errno;

    if (fd >= 0)
        close(fd);
    errno = cause;
    return flushed || fail(error, "flush the directory", path);
}

/* A directory is there for good only when the one that names it has been flushed. */
static gboolean make_directory(const char *path, GError **error)
{
    if (g_file_test(path, G_FILE_TEST_IS_DIR))
        return TRUE;

    g_autofree char *parent = g_path_get_dirname(path);
    if (!g_str_equal(parent, path) && !make_directory(parent, error))
        return FALSE;
    if (mkdir(path, S_IRWXU) < 0 && errno != EEXIST)
        return fail(error, "make the directory", path);
    return flush_directory(parent, error);
}

char *statefile_folder(const char *state, const char *folder, GError **error)
{
    g_autofree char *path = g_build_filename(state, folder, NULL);

    return make_directory(path, error) ? g_steal_pointer(&path) : NULL;
}

gint64 statefile_time(const char *state, const char *folder, const char *name)
{
    g_autofree char *path = statefile_path(state, folder, name);
    struct stat status;

    return stat(path, &status) == 0 ? (gint64)status.st_mtime : 0;
}

static gboolean write_all(int fd, const char *text, gsize length)
{
    while (length > 0) {
        ssize_t n = write(fd, text, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return FALSE;
        text += n;
        length -= (gsize)n;
    }
    return TRUE;
}

static gboolean write_file(const char *path, const char *text, gsize length, gboolean stable,
                           GError **error)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
    gboolean written = fd >= 0 && write_all(fd, text, length) && (!stable || fsync(fd) == 0);
    int cause = errno;

    if (fd >= 0)
        close(fd);
    errno = cause;
    return written || fail(error, "write", path);
}

static char *half_path(const char *state, const char *folder, const char *name)
{
    g_autofree char *path = statefile_path(state, folder, name);

    return g_strconcat(path, HALF_WRITTEN, NULL);
}

static gboolean write_half(const char *state, const char *folder, const char *name, GKeyFile *text,
                           gboolean stable, GError **error)
{
    g_autofree char *directory = statefile_folder(state, folder, error);
    g_autofree char *half = half_path(state, folder, name);
    gsize length = 0;
    g_autofree char *data = g_key_file_to_data(text, &length, NULL);

    if (!directory)
        return FALSE;
    if (write_file(half, data, length, stable, error))
        return TRUE;
    unlink(half); /* nobody else would */
    return FALSE;
}

gboolean statefile_stage(const char *state, const char *folder, const char *name, GKeyFile *text,
                         GError **error)
{
    return write_half(state, folder, name, text, TRUE, error);
}

gboolean statefile_take(const char *state, const char *folder, const char *name, gboolean stable,
                        GError **error)
{
    g_autofree char *directory = g_build_filename(state, folder, NULL);
    g_autofree char *path = statefile_path(state, folder, name);
    g_autofree char *half = half_path(state, folder, name);

    if (rename(half, path) < 0)
        return fail(error, "replace", path);
    return !stable || flush_directory(directory, error);
}

gboolean statefile_write(const char *state, const char *folder, const char *name, GKeyFile *text,
                         gboolean stable, GError **error)
{
    return write_half(state, folder, name, text, stable, error) &&
           statefile_take(state, folder, name, stable, error);
}

GKeyFile *statefile_load(const char *state, const char *folder, const char *name, GError **error)
{
    g_autofree char *path = statefile_path(state, folder, name);
    g_autoptr(GKeyFile) text = g_key_file_new();
    g_autoptr(GError) cause = NULL;
    struct stat status;

    if (stat(path, &status) == 0 && status.st_size > SIZE_MAX_BYTES) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST, "%s is damaged: it is too long", path);
        return NULL;
    }
    if (g_key_file_load_from_file(text, path, G_KEY_FILE_NONE, &cause))
        return g_steal_pointer(&text);
    /* The cause quotes the line that cannot be read. */
    g_autofree char *reason = g_utf8_make_valid(cause->message, -1);
    if (g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_NOENT))
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_NOT_FOUND, "there is no %s", path);
    else
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST, "%s is damaged: %s", path, reason);
    return NULL;
}

gboolean statefile_remove(const char *state, const char *folder, const char *name, gboolean stable,
                          GError **error)
{
    g_autofree char *directory = g_build_filename(state, folder, NULL);
    g_autofree char *path = statefile_path(state, folder, name);
    g_autofree char *half = half_path(state, folder, name);

    if ((unlink(path) < 0 && errno != ENOENT) || (unlink(half) < 0 && errno != ENOENT))
        return fail(error, "remove", path);
    return !stable || flush_directory(directory, error);
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

char **statefile_list(const char *state, const char *folder, GError **error)
{
    g_autofree char *path = g_build_filename(state, folder, NULL);
    g_autoptr(GError) cause = NULL;
    g_autoptr(GDir) directory = g_dir_open(path, 0, &cause);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    const char *name = NULL;

    if (!directory && !g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_NOENT)) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST, "cannot read the directory %s: %s", path,
                    cause->message);
        return NULL;
    }
    while (directory && (name = g_dir_read_name(directory)))
        if (!g_str_has_suffix(name, HALF_WRITTEN))
            g_ptr_array_add(names, g_strdup(name));
    g_ptr_array_sort(names, compare_names);
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&names), FALSE);
}
