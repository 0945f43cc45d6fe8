/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * resolve.c - dmore resolve NAME --here: decide where an undecided pair runs
 */
#include "cli/cli.h"

#include "base/error.h"
#include "cli/past.h"
#include "pair/client.h"
#include "pair/config.h"
#include "pair/rundir.h"

gboolean resolve_run(const HostConfig *host, int argc, char **argv, GError **error)
{
    gboolean here = FALSE;
    const GOptionEntry entries[] = {
        {"here", 0, 0, G_OPTION_ARG_NONE, &here, "it runs on this host, and nowhere else", NULL},
        {0},
    };

    if (!cli_parse(&argc, &argv, "NAME --here",
                   "Runs an undecided pair on this host: one whose other host was lost just when "
                   "the move was committed. Make sure first that the pair does not run there: two "
                   "copies of a VM destroy its disks.",
                   entries, 1, 1, error))
        return FALSE;
    if (!here) {
        g_set_error_literal(error, DMORE_ERROR, DMORE_ERROR_USAGE,
                            "say --here if the pair is to run on this host; if it runs on the "
                            "other one, \"dmore down\" removes what is left here");
        return FALSE;
    }

    if (!pair_name_check(argv[1], error))
        return FALSE;
    if (!rundir_is_claimed(host->run_dir, argv[1])) {
        if (!past_resolve(host, argv[1], error))
            return FALSE;
        cli_print("%s is taken to run nowhere; \"dmore up\" starts it anew\n", argv[1]);
        return TRUE;
    }

    /* However long it takes: who is not answered may say it on the other host, and must not while
     * it can still be done here. Ctrl-C ends the wait, and what is not begun then never is. */
    g_autoptr(Client) client = client_ask(host, argv[1], "resolve", NULL, NULL, NULL, error);
    g_autoptr(JsonObject) result = client ? client_wait(client, -1, error) : NULL;

    if (!result)
        return FALSE;
    cli_print("%s runs here\n", argv[1]);
    return TRUE;
}
