/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rundir.c - the run directory: one directory for each pair of this host
 */
#include "pair/rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "pair/config.h"

static const struct {
    const char *name;
    gboolean is_socket;
} files[RUN_FILES] = {
    [RUN_CONTROL] = {"control", TRUE},
    [RUN_CONTROL_MADE] = {"control.new", TRUE},
    [RUN_USER_VM_QMP] = {"user-vm.qmp", TRUE},
    [RUN_USER_VM_MONITOR] = {"user-vm.monitor", TRUE},
    [RUN_DOMAIN_R_QMP] = {"domain-r.qmp", TRUE},
    [RUN_KICK] = {"kick", TRUE},
    [RUN_REGION] = {"region", FALSE},
    [RUN_USER_VM_LOG] = {"user-vm.log", FALSE},
    [RUN_DOMAIN_R_LOG] = {"domain-r.log", FALSE},
    [RUN_DOMAIN_R_CONSOLE] = {"domain-r.console", FALSE},
    [RUN_PAIR_LOG] = {"pair.log", FALSE},
    [RUN_PAIR_CONF] = {"pair.conf", FALSE},
    [RUN_SETTINGS] = {"settings", FALSE},
    [RUN_STATE] = {"state", FALSE},
    [RUN_MOVING] = {"moving", FALSE},
    [RUN_CLAIM] = {"claim", FALSE},
    [RUN_KEEPER] = {"keeper", FALSE},
};

static const struct flock whole_file = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

char *rundir_path(const char *run, const char *name, RunFile file)
{
    return g_build_filename(run, name, files[file].name, NULL);
}

static gboolean fail(GError **error, const char *what, const char *path)
{
    g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST, "cannot %s %s: %s", what, path,
                g_strerror(errno));
    return FALSE;
}

static gboolean check_socket_paths(const char *run, const char *name, GError **error)
{
    for (int i = 0; i < RUN_FILES; i++) {
        g_autofree char *path = rundir_path(run, name, i);

        if (files[i].is_socket && strlen(path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path)) {
            g_set_error(error, DMORE_ERROR, DMORE_ERROR_USAGE,
                        "%s has %" G_GSIZE_FORMAT
                        " bytes, and the path of a socket may have %" G_GSIZE_FORMAT
                        "; choose a shorter run-dir or name",
                        path, strlen(path), sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1);
            return FALSE;
        }
    }
    return TRUE;
}

gboolean rundir_create(const char *run, const char *name, GError **error)
{
    g_autofree char *directory = g_build_filename(run, name, NULL);

    if (!pair_name_check(name, error) || !check_socket_paths(run, name, error))
        return FALSE;
    if (g_mkdir_with_parents(directory, S_IRWXU) < 0)
        return fail(error, "make the directory", directory);
    return TRUE;
}

static gboolean remove_files(const char *run, const char *name, RunFile kept, GError **error)
{
    for (int i = 0; i < RUN_FILES; i++) {
        g_autofree char *path = rundir_path(run, name, i);

        if (i != (int)kept && i != RUN_CLAIM && i != RUN_KEEPER && unlink(path) < 0 &&
            errno != ENOENT)
            return fail(error, "remove", path);
    }
    return TRUE;
}

/* Whether an entry is what GLib writes first, to rename it to one of the files: somebody who was
 * killed in between has left it. Its name is the file's with six letters or digits more. */
static gboolean is_half_written(const char *entry)
{
    const char *ending = strrchr(entry, '.');

    if (!ending || strlen(ending) != 7)
        return FALSE;
    for (int i = 0; i < RUN_FILES; i++)
        if (strlen(files[i].name) == (gsize)(ending - entry) &&
            g_str_has_prefix(entry, files[i].name))
            return TRUE;
    return FALSE;
}

static gboolean remove_half_written(const char *directory, GError **error)
{
    g_autoptr(GDir) listing = g_dir_open(directory, 0, NULL);
    const char *entry = NULL;

    while (listing && (entry = g_dir_read_name(listing))) {
        g_autofree char *path = g_build_filename(directory, entry, NULL);
        if (is_half_written(entry) && unlink(path) < 0 && errno != ENOENT)
            return fail(error, "remove", path);
    }
    return TRUE;
}

/* Whether @fd is still the file at @path: it may have been removed before it was locked. */
static gboolean is_file_at(int fd, const char *path)
{
    struct stat open_file;
    struct stat named;

    return fstat(fd, &open_file) == 0 && stat(path, &named) == 0 &&
           open_file.st_ino == named.st_ino && open_file.st_dev == named.st_dev;
}

/* Make a file in the directory, which is made, too, and lock it.
 * @command: F_OFD_SETLK, or F_SETLK for a lock of this process alone
 *
 * Return: the descriptor, or -1, without an error when the lock is another's.
 */
static int lock_file(const char *run, const char *name, RunFile file, int command, GError **error)
{
    g_autofree char *path = rundir_path(run, name, file);
    struct flock lock = whole_file;

    if (!rundir_create(run, name, error))
        return -1;

    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);

    if (fd < 0) {
        fail(error, "open", path);
        return -1;
    }
    if (fcntl(fd, command, &lock) == 0 && is_file_at(fd, path))
        return fd;
    close(fd);
    return -1;
}

int rundir_claim(const char *run, const char *name, GError **error)
{
    g_autoptr(GError) failure = NULL;
    int fd = lock_file(run, name, RUN_CLAIM, F_OFD_SETLK, &failure);

    if (fd < 0) {
        if (!failure)
            failure = g_error_new(DMORE_ERROR, DMORE_ERROR_BUSY,
                                  "a pair called %s is on this host already (%s/%s); choose "
                                  "another name or \"dmore down %s\" first",
                                  name, run, name, name);
        g_propagate_error(error, g_steal_pointer(&failure));
        return -1;
    }
    if (!remove_files(run, name, RUN_PAIR_LOG, error)) {
        close(fd);
        return -1;
    }
    return fd;
}

gboolean rundir_is_claimed(const char *run, const char *name)
{
    g_autofree char *path = rundir_path(run, name, RUN_CLAIM);
    struct flock lock = whole_file;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    gboolean claimed = FALSE;

    if (fd < 0)
        return FALSE;
    claimed = fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    close(fd);
    return claimed;
}

int rundir_keep(const char *run, const char *name, GError **error)
{
    g_autoptr(GError) failure = NULL;
    int fd = lock_file(run, name, RUN_KEEPER, F_SETLK, &failure);

    if (fd >= 0)
        return fd;
    if (!failure)
        failure = g_error_new(DMORE_ERROR, DMORE_ERROR_BUSY,
                              "there is a dmore-pair for %s already (%s/%s)", name, run, name);
    g_propagate_error(error, g_steal_pointer(&failure));
    return -1;
}

GPid rundir_keeper(const char *run, const char *name)
{
    g_autofree char *path = rundir_path(run, name, RUN_KEEPER);
    struct flock lock = whole_file;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    GPid keeper = 0;

    if (fd < 0)
        return 0;
    if (fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK)
        keeper = lock.l_pid;
    close(fd);
    return keeper;
}

/* A dmore-pair becomes the keeper before it claims, and removes the claim's file before it ends. */
gboolean rundir_is_forsaken(const char *run, const char *name)
{
    return rundir_is_claimed(run, name) && rundir_keeper(run, name) == 0 &&
           rundir_is_claimed(run, name);
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

char **rundir_list(const char *run, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(GDir) directory = g_dir_open(run, 0, &cause);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    const char *name = NULL;

    if (!directory && !g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_NOENT)) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST, "cannot read the run directory %s: %s",
                    run, cause->message);
        return NULL;
    }
    while (directory && (name = g_dir_read_name(directory))) {
        g_autofree char *path = g_build_filename(run, name, NULL);

        if (pair_name_check(name, NULL) && g_file_test(path, G_FILE_TEST_IS_DIR))
            g_ptr_array_add(names, g_strdup(name));
    }
    g_ptr_array_sort(names, compare_names);
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&names), FALSE);
}

gboolean rundir_remove(const char *run, const char *name, GError **error)
{
    g_autofree char *directory = g_build_filename(run, name, NULL);
    g_autofree char *claim = rundir_path(run, name, RUN_CLAIM);
    g_autofree char *keeper = rundir_path(run, name, RUN_KEEPER);

    if (!remove_files(run, name, RUN_FILES, error) || !remove_half_written(directory, error))
        return FALSE;
    /* The locks go last: until then the name is taken. */
    if (unlink(claim) < 0 && errno != ENOENT)
        return fail(error, "remove", claim);
    if (unlink(keeper) < 0 && errno != ENOENT)
        return fail(error, "remove", keeper);
    if (rmdir(directory) < 0 && errno != ENOENT)
        return fail(error, "remove the directory", directory);
    return TRUE;
}

gboolean rundir_clean(const char *run, const char *name, GError **error)
{
    int keeper = rundir_keep(run, name, error);

    if (keeper < 0)
        return FALSE;

    gboolean done = rundir_is_claimed(run, name) || rundir_remove(run, name, error);

    close(keeper);
    return done;
}
