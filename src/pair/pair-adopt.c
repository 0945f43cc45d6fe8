/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pair-adopt.c - a pair whose dmore-pair has ended gets a new one
 *
 * Theory of operation
 *
 * What a pair is outlives its dmore-pair: two processes, which serve sockets in the run directory;
 * the region and two more files there; and as descriptors in these processes whatever would end
 * when the last descriptor is closed: claim, network interfaces, the streams' sockets. So adoption
 * opens everything again, asks the VMs how they are, and begins no VM, no file and no connection
 * anew. That there is only one successor is seen to by the keeper's lock.
 */
#include "pair/pair-internal.h"

#include <unistd.h>

#include "base/error.h"
#include "pair/beat.h"
#include "pair/pair-state.h"
#include "pair/tap.h"

/* Nobody may make the directory by asking for it. */
static gboolean check_there(const HostConfig *host, const char *name, GError **error)
{
    g_autofree char *state = rundir_path(host->run_dir, name, RUN_STATE);

    if (!pair_name_check(name, error))
        return FALSE;
    if (g_file_test(state, G_FILE_TEST_EXISTS))
        return TRUE;
    g_set_error(error, DMORE_ERROR, DMORE_ERROR_NOT_FOUND,
                "there is no pair called %s on this host", name);
    return FALSE;
}

static PairConfig *read_config(const HostConfig *host, const char *name, GError **error)
{
    g_autofree char *path = rundir_path(host->run_dir, name, RUN_PAIR_CONF);

    return pair_config_load(path, error);
}

static gboolean adopt_vms(Pair *pair, GError **error)
{
    g_autofree char *user_vm = pair_user_vm_name(pair);
    g_autofree char *user_vm_monitor = pair_path(pair, RUN_USER_VM_QMP);
    g_autofree char *user_vm_log = pair_path(pair, RUN_USER_VM_LOG);
    g_autofree char *domain_r = pair_domain_r_name(pair);
    g_autofree char *domain_r_monitor = pair_path(pair, RUN_DOMAIN_R_QMP);
    g_autofree char *domain_r_log = pair_path(pair, RUN_DOMAIN_R_LOG);

    pair->user_vm =
        vm_adopt(user_vm, user_vm_monitor, user_vm_log, &pair_user_vm_events, pair, error);
    if (!pair->user_vm)
        return FALSE;
    /* Another Domain R can be had, and the user VM needs a dmore-pair now. */
    pair->domain_r = vm_adopt_or_end(domain_r, domain_r_monitor, domain_r_log,
                                     &pair_domain_r_events, pair, error);
    return pair->domain_r != NULL;
}

static gboolean fetch(const Vm *vm, int number, int *fd, GError **error)
{
    *fd = vm_fetch_fd(vm, number, error);
    return *fd >= 0;
}

static gboolean fetch_tap(const Vm *vm, int *fd, char **interface, GError **error)
{
    if (!fetch(vm, PAIR_FD_TAP, fd, error))
        return FALSE;
    *interface = tap_name(*fd, error);
    return *interface != NULL;
}

/* What is in the VMs' processes. Of a VM that has ended there is nothing to be had: its interface
 * has ended, too. */
static gboolean fetch_fds(Pair *pair, GError **error)
{
    gboolean user_vm = vm_state(pair->user_vm) != VM_GONE;
    gboolean domain_r = vm_state(pair->domain_r) != VM_GONE;

    if ((user_vm || domain_r) &&
        !fetch(user_vm ? pair->user_vm : pair->domain_r, PAIR_FD_CLAIM, &pair->claim, error))
        return FALSE;
    return (!user_vm || !pair->config->user_vm.bridge ||
            fetch_tap(pair->user_vm, &pair->user_vm_tap, &pair->user_vm_interface, error)) &&
           (!domain_r || !pair->config->domain_r.bridge ||
            fetch_tap(pair->domain_r, &pair->domain_r_tap, &pair->domain_r_interface, error));
}

/* Not from the region, where Domain R could have put others for the next one. */
static GBytes *read_settings(const Pair *pair, GError **error)
{
    g_autofree char *path = pair_path(pair, RUN_SETTINGS);
    g_autoptr(GError) cause = NULL;
    char *bytes = NULL;
    gsize size = 0;

    if (g_file_get_contents(path, &bytes, &size, &cause))
        return g_bytes_new_take(bytes, size);
    g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST, "cannot read %s: %s", path, cause->message);
    return NULL;
}

static gboolean open_region(Pair *pair, GError **error)
{
    g_autofree char *path = pair_path(pair, RUN_REGION);

    pair->settings = read_settings(pair, error);
    if (!pair->settings)
        return FALSE;
    pair->region = region_file_open(path, error);
    if (!pair->region)
        return FALSE;
    pair->region_size = pair->region->region.size;
    return TRUE;
}

static void close_ends(const RelayEnds *ends)
{
    if (ends->host >= 0)
        close(ends->host);
    if (ends->vm >= 0)
        close(ends->vm);
}

static gboolean adopt_relay(Pair *pair, const char *moving, GError **error)
{
    RelayEnds ends[REGION_STREAMS] = {{-1, -1}, {-1, -1}};
    gboolean fetched = TRUE;

    for (int i = 0; i < REGION_STREAMS && fetched; i++)
        fetched = fetch(pair->user_vm, pair_stream_fd(i, PAIR_FD_HOST_END), &ends[i].host, error) &&
                  fetch(pair->user_vm, pair_stream_fd(i, PAIR_FD_VM_END), &ends[i].vm, error);
    if (fetched)
        pair->relay = relay_adopt(&pair->region->region, moving, ends, error);
    else
        for (int i = 0; i < REGION_STREAMS; i++)
            close_ends(&ends[i]);
    return pair->relay != NULL;
}

/* Without a user VM its sockets have ended, too: the relay waits for another one. */
static gboolean open_relay(Pair *pair, GError **error)
{
    g_autofree char *moving = pair_path(pair, RUN_MOVING);

    if (vm_state(pair->user_vm) != VM_GONE)
        return adopt_relay(pair, moving, error);
    unlink(moving);
    pair->relay = relay_new(&pair->region->region, moving, error);
    return pair->relay != NULL;
}

static gboolean open_parts(Pair *pair, GError **error)
{
    if (!open_region(pair, error) || !open_relay(pair, error))
        return FALSE;
    pair->feed = screen_feed_new(&pair->region->region);
    if (vm_state(pair->domain_r) != VM_GONE && !pair_attach_kick(pair, error))
        return FALSE;
    pair_tell_user_vm(pair, vm_state(pair->user_vm));
    if (vm_state(pair->user_vm) == VM_GONE)
        return TRUE;
    pair->display = display_attach(pair->user_vm, &screen_feed_events, pair->feed, NULL, error);
    return pair->display != NULL;
}

static gboolean adopt(Pair *pair, GError **error)
{
    if (!pair_state_read(pair, error) || !adopt_vms(pair, error) || !fetch_fds(pair, error))
        return FALSE;
    /* A start that was interrupted early may have left no more than that. */
    if (vm_state(pair->user_vm) == VM_GONE && vm_state(pair->domain_r) == VM_GONE)
        return TRUE;
    return open_parts(pair, error);
}

Pair *pair_adopt(const HostConfig *host, const char *name, GError **error)
{
    if (!check_there(host, name, error))
        return NULL;

    int keeper = rundir_keep(host->run_dir, name, error);
    PairConfig *config = keeper < 0 ? NULL : read_config(host, name, error);
    if (!config) {
        if (keeper >= 0)
            close(keeper);
        return NULL;
    }

    g_autoptr(Pair) pair = pair_alloc(host, config);
    pair->keeper = keeper;
    pair->beat = beat_begin(keeper);
    if (!adopt(pair, error))
        return NULL;
    pair->ended = FALSE;
    pair->adoptions++;
    pair_set_state(pair, pair->state);
    return g_steal_pointer(&pair);
}
