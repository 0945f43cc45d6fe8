/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * forsaken.c - the end of a pair that nobody can take over
 *
 * Theory of operation
 *
 * A monitor that hangs does not even tell who serves it: once a few have asked, it has no room for
 * another connection. But both hypervisors have the pair's claim open, under a number that nobody
 * else uses, and the kernel tells who has.
 */
#include "pair/forsaken.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/await.h"
#include "base/error.h"
#include "pair/pair-internal.h"
#include "pair/rundir.h"
#include "qemu/vm-process.h"

#define KEEPER_MS 60000 /* longer than anybody talks to a VM that hangs */
#define LOOK_MS 2       /* shorter than it takes to start a process */

static void on_ended(const char *how, gpointer data)
{
}

static gboolean holds(const char *pid, const struct stat *claim)
{
    g_autofree char *path = g_strdup_printf("/proc/%s/fd/%d", pid, PAIR_FD_CLAIM);
    struct stat held;

    return stat(path, &held) == 0 && held.st_ino == claim->st_ino && held.st_dev == claim->st_dev;
}

/* Kill a process if it has the claim. It is held before that is looked for, so its number cannot
 * become another's in between.
 */
static void end_holder(const char *pid, const struct stat *claim)
{
    g_autoptr(VmProcess) process =
        vm_process_adopt((GPid)g_ascii_strtoll(pid, NULL, 10), on_ended, NULL, NULL);

    if (process && holds(pid, claim))
        vm_process_destroy(process);
}

static gboolean end_vms(const HostConfig *host, const char *name, GError **error)
{
    g_autofree char *path = rundir_path(host->run_dir, name, RUN_CLAIM);
    g_autoptr(GDir) processes = g_dir_open("/proc", 0, error);
    struct stat claim;
    const char *entry = NULL;

    if (!processes)
        return FALSE;
    if (stat(path, &claim) < 0)
        return TRUE; /* nobody has made it yet */
    while ((entry = g_dir_read_name(processes)))
        if (g_ascii_isdigit(*entry) && holds(entry, &claim))
            end_holder(entry, &claim);
    if (!rundir_is_claimed(host->run_dir, name))
        return TRUE;
    g_set_error(error, DMORE_ERROR, DMORE_ERROR_FAILED,
                "%s is still in use by a process that is none of its VMs: \"fuser %s\" names it",
                name, path);
    return FALSE;
}

/* Be the pair's keeper, as soon as nobody is: who tries to take it over fails in the end, and
 * dmored has the next one try at once.
 */
static int await_keeper(const HostConfig *host, const char *name, GError **error)
{
    gint64 end_us = g_get_monotonic_time() + (gint64)KEEPER_MS * 1000;

    for (;;) {
        g_autoptr(GError) failure = NULL;
        int keeper = rundir_keep(host->run_dir, name, &failure);

        if (keeper >= 0)
            return keeper;
        if (!g_error_matches(failure, DMORE_ERROR, DMORE_ERROR_BUSY) ||
            g_get_monotonic_time() > end_us) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return -1;
        }
        if (!await_ms(LOOK_MS, NULL, error))
            return -1;
    }
}

gboolean forsaken_end(const HostConfig *host, const char *name, GError **error)
{
    int keeper = await_keeper(host, name, error);

    if (keeper < 0)
        return FALSE;

    gboolean done = end_vms(host, name, error) && rundir_remove(host->run_dir, name, error);

    close(keeper);
    return done;
}
