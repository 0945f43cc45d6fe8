/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vm-connect.c - the connection over which a VM's state goes to another host
 *
 * QEMU could connect by itself, but it does the handshake of TLS then on a socket that blocks: a
 * destination that does not answer makes it, and the guest, stand still for as long as that lasts.
 * A socket that is handed to it ready-made stays as it is until the handshake is done, and can be
 * shut down from here when nobody wants to wait any longer.
 */
#include "qemu/vm-internal.h"

#include "base/await.h"
#include "base/error.h"

typedef struct {
    GSocketConnection *connection;
    GError *error;
    int done;
} Connecting;

static void on_connected(GObject *source, GAsyncResult *result, gpointer data)
{
    Connecting *connecting = data;

    connecting->connection =
        g_socket_client_connect_to_host_finish(G_SOCKET_CLIENT(source), result, &connecting->error);
    connecting->done = TRUE;
}

GSocketConnection *vm_connect(const Vm *vm, const char *address, guint timeout_ms,
                              GCancellable *cancellable, GError **error)
{
    g_autoptr(GSocketClient) client = g_socket_client_new();
    g_autoptr(GError) reason = NULL;
    Connecting connecting = {0};

    g_socket_client_set_enable_proxy(client, FALSE);
    g_socket_client_set_timeout(client, timeout_ms / 1000);
    g_socket_client_connect_to_host_async(client, address, 0, cancellable, on_connected,
                                          &connecting);
    /* The client has a timeout of its own and obeys the cancellable, so this always ends. */
    await_flag(&connecting.done, -1, NULL, "the destination", NULL);
    reason = connecting.error;
    if (reason != NULL) {
        gboolean cancelled = g_error_matches(reason, G_IO_ERROR, G_IO_ERROR_CANCELLED);

        g_set_error(error, DMORE_ERROR, cancelled ? DMORE_ERROR_CANCELLED : DMORE_ERROR_FAILED,
                    "%s: cannot connect to its destination %s: %s", vm->name, address,
                    reason->message);
    }
    return connecting.connection;
}
