/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * incoming.c - the connections from other hosts
 */
#include "dmored/incoming.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"

#define CONNECTION_FD 3 /* in the process that is started */
#define READY_FD 4
#define BACKLOG 64
#define PAUSE_MS 1000 /* after a connection that could not be accepted */

struct Incoming {
    const HostConfig *host;
    char *program;
    GSocket *socket;
    GSource *accept;  /* NULL while there are too many strangers, or in a pause */
    guint pause;      /* source; 0 when there is none */
    GList *processes; /* of Process, strangers or not */
    guint strangers;
};

/* A dmore-pair that was started here and has not ended. */
typedef struct {
    Incoming *incoming;
    GPid pid;
    char *peer;
    int ready_fd; /* read end; -1 when it is no stranger any more */
    guint exit_watch;
    guint ready_watch;
    guint timer;
} Process;

static void accept_more(Incoming *incoming);

/* The process is no stranger any more: it has reported, failed, or ended. */
static void acquaint(Process *process)
{
    if (process->ready_fd < 0)
        return;
    g_source_remove(process->ready_watch);
    g_source_remove(process->timer);
    close(process->ready_fd);
    process->ready_fd = -1;
    process->incoming->strangers--;
    accept_more(process->incoming);
}

static void process_free(gpointer data)
{
    Process *process = data;

    if (process->ready_fd >= 0) {
        g_source_remove(process->ready_watch);
        g_source_remove(process->timer);
        close(process->ready_fd);
    }
    g_source_remove(process->exit_watch);
    g_free(process->peer);
    g_free(process);
}

static void on_exited(GPid pid, int status, gpointer data)
{
    Process *process = data;
    Incoming *incoming = process->incoming;

    if (WIFSIGNALED(status))
        g_warning("process %d for the connection from %s was killed by signal %d", (int)pid,
                  process->peer, WTERMSIG(status));
    else
        g_message("process %d for the connection from %s has ended with status %d", (int)pid,
                  process->peer, WEXITSTATUS(status));
    acquaint(process);
    incoming->processes = g_list_remove(incoming->processes, process);
    process_free(process);
}

/* Whatever it tells, it is what it tells to the other host, too; that it tells something counts. */
static gboolean on_ready(int fd, GIOCondition condition, gpointer data)
{
    acquaint(data);
    return G_SOURCE_CONTINUE; /* removed already */
}

static gboolean on_too_late(gpointer data)
{
    Process *process = data;
    struct pollfd ready = {process->ready_fd, POLLIN, 0};

    /* It may have reported in the same moment; then nothing may happen to it. */
    if (poll(&ready, 1, 0) == 0) {
        g_warning("the connection from %s has not shown the key within %d s and is closed",
                  process->peer, INCOMING_STRANGER_MS / 1000);
        kill(process->pid, SIGKILL);
    }
    acquaint(process);
    return G_SOURCE_CONTINUE;
}

/* A session of its own: what ends dmored's terminal or service is not to end a pair. */
static void become_session(gpointer data)
{
    setsid();
}

static gboolean spawn(Incoming *incoming, int connection, int ready, GPid *pid, GError **error)
{
    const int sources[] = {connection, ready};
    const int targets[] = {CONNECTION_FD, READY_FD};
    const char *const arguments[] = {
        incoming->program,
        "--config",
        incoming->host->path,
        "--fd",
        G_STRINGIFY(CONNECTION_FD),
        "--ready-fd",
        G_STRINGIFY(READY_FD),
        "incoming",
        NULL,
    };

    return g_spawn_async_with_pipes_and_fds("/", arguments, NULL, G_SPAWN_DO_NOT_REAP_CHILD,
                                            become_session, NULL, -1, -1, -1, sources, targets, 2,
                                            pid, NULL, NULL, NULL, error);
}

static void process_new(Incoming *incoming, GPid pid, int ready_fd, char *peer)
{
    Process *process = g_new(Process, 1);

    *process = (Process){
        .incoming = incoming,
        .pid = pid,
        .peer = peer,
        .ready_fd = ready_fd,
        .exit_watch = g_child_watch_add(pid, on_exited, process),
        .ready_watch = g_unix_fd_add(ready_fd, G_IO_IN, on_ready, process),
        .timer = g_timeout_add(INCOMING_STRANGER_MS, on_too_late, process),
    };
    incoming->processes = g_list_prepend(incoming->processes, process);
    incoming->strangers++;
}

static char *peer_text(GSocket *connection)
{
    g_autoptr(GSocketAddress) address = g_socket_get_remote_address(connection, NULL);

    return address ? g_socket_connectable_to_string(G_SOCKET_CONNECTABLE(address))
                   : g_strdup("a host that has gone");
}

static void take_connection(Incoming *incoming, GSocket *connection)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *peer = peer_text(connection);
    int ends[2];
    GPid pid = 0;

    if (!g_unix_open_pipe(ends, FD_CLOEXEC, &error)) {
        g_warning("the connection from %s is refused: %s", peer, error->message);
        return;
    }

    gboolean started = spawn(incoming, g_socket_get_fd(connection), ends[1], &pid, &error);

    close(ends[1]);
    if (!started) {
        close(ends[0]);
        g_warning("the connection from %s is refused: %s", peer, error->message);
        return;
    }
    g_message("process %d takes the connection from %s", (int)pid, peer);
    process_new(incoming, pid, ends[0], g_steal_pointer(&peer));
}

static gboolean on_pause_over(gpointer data)
{
    Incoming *incoming = data;

    incoming->pause = 0;
    accept_more(incoming);
    return G_SOURCE_REMOVE;
}

/* The connection goes on waiting, and would be told of at once for as long as there is no
 * descriptor for it. */
static void begin_pause(Incoming *incoming, const GError *cause)
{
    g_warning("cannot accept a connection, which is tried again in %d ms: %s", PAUSE_MS,
              cause->message);
    incoming->pause = g_timeout_add(PAUSE_MS, on_pause_over, incoming);
}

static gboolean on_connection(GSocket *socket, GIOCondition condition, gpointer data)
{
    Incoming *incoming = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(GSocket) connection = g_socket_accept(socket, NULL, &error);

    if (connection) {
        /* A blocking descriptor is what a new process expects; GLib's never are. */
        g_unix_set_fd_nonblocking(g_socket_get_fd(connection), FALSE, NULL);
        take_connection(incoming, connection);
    } else if (!g_error_matches(error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK)) {
        begin_pause(incoming, error);
    }
    if (incoming->strangers < INCOMING_STRANGERS && !incoming->pause)
        return G_SOURCE_CONTINUE;
    if (!incoming->pause)
        g_message("%u connections have yet to show the key; further ones wait",
                  incoming->strangers);
    g_clear_pointer(&incoming->accept, g_source_unref);
    return G_SOURCE_REMOVE;
}

static void accept_more(Incoming *incoming)
{
    if (incoming->accept || incoming->pause || incoming->strangers >= INCOMING_STRANGERS)
        return;
    incoming->accept = g_socket_create_source(incoming->socket, G_IO_IN, NULL);
    g_source_set_callback(incoming->accept, G_SOURCE_FUNC(on_connection), incoming, NULL);
    g_source_attach(incoming->accept, NULL);
}

static GSocket *listen_on(const char *host, guint16 port, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(GSocketAddress) address = g_inet_socket_address_new_from_string(host, port);
    g_autoptr(GSocket) socket = g_socket_new(g_socket_address_get_family(address),
                                             G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, &cause);

    if (socket) {
        g_socket_set_blocking(socket, FALSE);
        g_socket_set_listen_backlog(socket, BACKLOG);
        if (g_socket_bind(socket, address, TRUE, &cause) && g_socket_listen(socket, &cause))
            return g_steal_pointer(&socket);
    }
    g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST, "cannot listen on %s port %u: %s", host, port,
                cause->message);
    return NULL;
}

Incoming *incoming_new(const HostConfig *host, const char *program, GError **error)
{
    GSocket *socket = listen_on(host->listen_address, host->listen_port, error);

    if (!socket)
        return NULL;

    Incoming *incoming = g_new0(Incoming, 1);

    incoming->host = host;
    incoming->program = g_strdup(program);
    incoming->socket = socket;
    accept_more(incoming);
    return incoming;
}

void incoming_free(Incoming *incoming)
{
    if (incoming->accept) {
        g_source_destroy(incoming->accept);
        g_source_unref(incoming->accept);
    }
    g_clear_handle_id(&incoming->pause, g_source_remove);
    g_object_unref(incoming->socket);
    g_list_free_full(incoming->processes, process_free);
    g_free(incoming->program);
    g_free(incoming);
}
