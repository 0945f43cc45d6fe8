/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cancel.c - dmore cancel NAME: cancel a move that has not been committed
 */
#include "cli/cli.h"

#include "pair/client.h"

gboolean cancel_run(const HostConfig *host, int argc, char **argv, GError **error)
{
    if (!cli_parse(&argc, &argv, "NAME",
                   "Cancels the move of a pair to another host, and waits until both VMs go on "
                   "here. A move that has been committed cannot be cancelled.",
                   NULL, 1, 1, error))
        return FALSE;

    /* However long it takes: only its end tells whether it was in time. */
    g_autoptr(Client) client = client_ask(host, argv[1], "cancel", NULL, NULL, NULL, error);
    g_autoptr(JsonObject) result = client ? client_wait(client, -1, error) : NULL;

    if (!result)
        return FALSE;
    cli_print("the move of %s was cancelled\n", argv[1]);
    return TRUE;
}
