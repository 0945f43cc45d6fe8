/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vm-monitor.c - the sockets that lead to QEMU's monitor
 */
#include "qemu/vm-monitor.h"

#include <errno.h>
#include <string.h>
#include <sys/un.h>

#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>

#include "base/error.h"

static GSocketAddress *make_address(const char *path, GError **error)
{
    if (strlen(path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path)) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST, "the path of a socket is too long: %s",
                    path);
        return NULL;
    }
    return g_unix_socket_address_new(path);
}

static GSocket *make_socket(GError **error)
{
    return g_socket_new(G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT,
                        error);
}

GSocket *vm_monitor_listen(const char *path, GError **error)
{
    g_autoptr(GError) reason = NULL;
    g_autoptr(GSocketAddress) address = make_address(path, error);
    g_autoptr(GSocket) listener = NULL;

    if (address == NULL)
        return NULL;
    if (g_unlink(path) < 0 && errno != ENOENT) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST, "cannot remove %s: %s", path,
                    g_strerror(errno));
        return NULL;
    }
    listener = make_socket(&reason);
    if (listener == NULL || !g_socket_bind(listener, address, FALSE, &reason) ||
        !g_socket_listen(listener, &reason)) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST, "cannot listen on %s: %s", path,
                    reason->message);
        return NULL;
    }
    return g_steal_pointer(&listener);
}

GSocket *vm_monitor_connect(const char *path, GError **error)
{
    g_autoptr(GError) reason = NULL;
    g_autoptr(GSocketAddress) address = make_address(path, error);
    g_autoptr(GSocket) socket = NULL;

    if (address == NULL)
        return NULL;
    socket = make_socket(&reason);
    if (socket == NULL || !g_socket_connect(socket, address, NULL, &reason)) {
        gboolean nobody = g_error_matches(reason, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED) ||
                          g_error_matches(reason, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);

        g_set_error(error, DMORE_ERROR, nobody ? DMORE_ERROR_NOT_FOUND : DMORE_ERROR_FAILED,
                    "no monitor answers at %s: %s", path, reason->message);
        return NULL;
    }
    return g_steal_pointer(&socket);
}

gboolean vm_monitor_get_peer(GSocket *socket, GPid *pid, GError **error)
{
    g_autoptr(GError) reason = NULL;
    g_autoptr(GCredentials) credentials = g_socket_get_credentials(socket, &reason);

    *pid = credentials != NULL ? g_credentials_get_unix_pid(credentials, &reason) : -1;
    if (*pid > 0)
        return TRUE;
    g_set_error(error, DMORE_ERROR, DMORE_ERROR_FAILED,
                "it cannot be found out which process serves the monitor: %s", reason->message);
    return FALSE;
}
