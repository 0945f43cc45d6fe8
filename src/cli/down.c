/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * down.c - dmore down NAME: end a pair, or remove what a crash or a reboot has left of one
 */
#include "cli/cli.h"

#include "base/error.h"
#include "cli/launch.h"
#include "cli/past.h"
#include "pair/client.h"
#include "pair/config.h"
#include "pair/forsaken.h"
#include "pair/rundir.h"

#define DOWN_MS 120000 /* for both hypervisors to end */
/* For a dmore-pair that has just been started to listen. To VMs that hang it talks for half a
 * minute. */
#define ADOPTED_MS 60000

/* A directory without a process. Return: TRUE when there was one. */
static gboolean is_left_over(const HostConfig *host, const char *name)
{
    g_autofree char *directory = g_build_filename(host->run_dir, name, NULL);

    return g_file_test(directory, G_FILE_TEST_IS_DIR) && !rundir_is_claimed(host->run_dir, name);
}

/* Have a dmore-pair for a pair that has lost its own. */
static gboolean attend(const HostConfig *host, const char *name, GError **error)
{
    g_autoptr(GError) failure = NULL;
    gboolean died = FALSE;

    if (rundir_is_forsaken(host->run_dir, name)) {
        cli_print("the dmore-pair of %s has died; another one ends it\n", name);
        g_autoptr(JsonObject) status = launch_pair(host, "adopt", name, name, &died, &failure);
        /* dmored may have been faster. */
        if (!status && !g_error_matches(failure, DMORE_ERROR, DMORE_ERROR_BUSY)) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return FALSE;
        }
    }
    return client_await_listening(host, name, ADOPTED_MS, error);
}

/* Nobody can take the pair over, because one of its VMs hangs for one: ending needs nobody. */
static gboolean end_forsaken(const HostConfig *host, const char *name, GError **error)
{
    if (!forsaken_end(host, name, error))
        return FALSE;
    past_forget(host, name);
    cli_print("%s is down; no dmore-pair could take its VMs over, so they were killed\n", name);
    return TRUE;
}

gboolean down_run(const HostConfig *host, int argc, char **argv, GError **error)
{
    if (!cli_parse(
            &argc, &argv, "NAME",
            "Ends both VMs of a pair at once, as if their power was cut: shut the guest down "
            "first. Of a pair that does not run any more, what is left is removed.",
            NULL, 1, 1, error) ||
        !pair_name_check(argv[1], error))
        return FALSE;

    if (is_left_over(host, argv[1])) {
        if (!rundir_clean(host->run_dir, argv[1], error))
            return FALSE;
        past_forget(host, argv[1]);
        cli_print("%s did not run; what was left of it is removed\n", argv[1]);
        return TRUE;
    }
    if (!rundir_is_claimed(host->run_dir, argv[1]) && past_forget(host, argv[1])) {
        cli_print("%s did not run; that it was here is forgotten\n", argv[1]);
        return TRUE;
    }

    g_autoptr(GError) unattended = NULL;
    gboolean attended = attend(host, argv[1], &unattended);

    if (g_error_matches(unattended, DMORE_ERROR, DMORE_ERROR_CANCELLED)) {
        g_propagate_error(error, g_steal_pointer(&unattended));
        return FALSE;
    }
    if (!attended || rundir_is_forsaken(host->run_dir, argv[1]))
        return end_forsaken(host, argv[1], error);
    g_autoptr(Client) client = client_ask(host, argv[1], "down", NULL, NULL, NULL, error);
    g_autoptr(JsonObject) result = client ? client_wait(client, DOWN_MS, error) : NULL;

    if (!result)
        return FALSE;
    cli_print("%s is down\n", argv[1]);
    return TRUE;
}
