/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pair/kick.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"

struct Kick {
    int fd;
    guint receive_source; /* 0 after the hypervisor has gone */
    guint send_source;    /* non-zero while a kick waits for the end of this turn */
    void (*kicked)(gpointer data);
    gpointer data;
};

static gboolean receive(gint fd, GIOCondition condition, gpointer user)
{
    Kick *kick = user;
    char bytes[256];
    ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        /* The hypervisor has ended; whoever watches the process deals with that. */
        kick->receive_source = 0;
        return G_SOURCE_REMOVE;
    }
    if (n > 0)
        kick->kicked(kick->data);
    return G_SOURCE_CONTINUE;
}

Kick *kick_connect(const char *path, void (*kicked)(gpointer data), gpointer data, GError **error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    /* A hypervisor that hangs takes nobody in; that is not waited for. */
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_FAILED,
                    "cannot connect to the kick of Domain R at %s: %s", path, g_strerror(errno));
        if (fd >= 0)
            close(fd);
        return NULL;
    }

    Kick *kick = g_new0(Kick, 1);
    kick->fd = fd;
    kick->kicked = kicked;
    kick->data = data;
    kick->receive_source = g_unix_fd_add(fd, G_IO_IN, receive, kick);
    return kick;
}

static gboolean send_now(gpointer user)
{
    Kick *kick = user;

    kick->send_source = 0;
    /* A full socket already holds a kick that Domain R has not seen, so this one may be dropped;
     * and to a hypervisor that has gone there is nothing to say. */
    ssize_t n = send(kick->fd, "k", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EPIPE && errno != ECONNRESET)
        g_warning("a kick to Domain R was lost: %s", g_strerror(errno));
    return G_SOURCE_REMOVE;
}

void kick_send(Kick *kick)
{
    if (!kick->send_source)
        kick->send_source = g_idle_add_full(G_PRIORITY_DEFAULT, send_now, kick, NULL);
}

void kick_free(Kick *kick)
{
    if (kick->receive_source)
        g_source_remove(kick->receive_source);
    if (kick->send_source)
        g_source_remove(kick->send_source);
    close(kick->fd);
    g_free(kick);
}
