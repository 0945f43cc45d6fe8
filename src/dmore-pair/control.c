/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dmore-pair/control.h"

#include <errno.h>
#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "base/jsonline.h"

struct Control {
    GSocketService *service;
    ControlRequested requested;
    gpointer data;
    GPtrArray *connections; /* Connection */
};

typedef struct {
    grefcount references; /* the control's, and one for each open request */
    Control *control;     /* NULL when the control has gone */
    JsonLine *line;       /* NULL when the peer has gone */
} Connection;

struct Request {
    Connection *connection;
};

static void connection_unref(Connection *connection)
{
    if (!g_ref_count_dec(&connection->references))
        return;
    g_clear_pointer(&connection->line, jsonline_free);
    g_free(connection);
}

static void answer(Request *request, const char *name, JsonObject *object)
{
    g_autoptr(JsonObject) line = json_object_new();

    json_object_set_object_member(line, name, object);
    if (request->connection->line)
        jsonline_send(request->connection->line, line, -1);
}

void request_progress(Request *request, JsonObject *progress)
{
    answer(request, "progress", progress);
}

void request_result(Request *request, JsonObject *result)
{
    answer(request, "result", result);
    connection_unref(request->connection);
    g_free(request);
}

void request_error(Request *request, const GError *error)
{
    JsonObject *object = json_object_new();

    json_object_set_string_member(object, "code", dmore_error_name(dmore_error_of(error)));
    json_object_set_string_member(object, "message", error->message);
    answer(request, "error", object);
    connection_unref(request->connection);
    g_free(request);
}

gboolean request_is_forsaken(const Request *request)
{
    const JsonLine *line = request->connection->line;

    return !line || jsonline_peer_has_gone(line);
}

static void on_received(JsonLine *line, JsonObject *object, gpointer data)
{
    Connection *connection = data;
    const char *command = json_get_text(object, "command", "");

    if (jsonline_peer_has_gone(line)) {
        g_message("'%s' is not begun: who has asked for it has gone", command);
        return;
    }

    Request *request = g_new0(Request, 1);
    g_autoptr(JsonObject) empty = json_object_new();
    JsonObject *arguments = json_get_object(object, "arguments");

    g_ref_count_inc(&connection->references);
    request->connection = connection;
    connection->control->requested(request, command, arguments ? arguments : empty,
                                   connection->control->data);
}

static void on_closed(JsonLine *line, const GError *error, gpointer data)
{
    Connection *connection = data;

    if (error)
        g_info("a control connection was closed: %s", error->message);
    g_clear_pointer(&connection->line, jsonline_free);
    g_ptr_array_remove_fast(connection->control->connections, connection);
}

static gboolean on_incoming(GSocketService *service, GSocketConnection *incoming, GObject *source,
                            gpointer data)
{
    Control *control = data;
    int fd = dup(g_socket_get_fd(g_socket_connection_get_socket(incoming)));

    if (fd < 0) {
        g_warning("a control connection was refused: %s", g_strerror(errno));
        return TRUE;
    }
    Connection *connection = g_new0(Connection, 1);
    g_ref_count_init(&connection->references);
    connection->control = control;
    connection->line = jsonline_new(fd, on_received, on_closed, connection);
    g_ptr_array_add(control->connections, connection);
    return TRUE;
}

Control *control_new(const char *path, const char *made, ControlRequested requested, gpointer data,
                     GError **error)
{
    g_autoptr(Control) control = g_new0(Control, 1);
    g_autoptr(GSocketAddress) address = g_unix_socket_address_new(made);

    control->requested = requested;
    control->data = data;
    control->connections = g_ptr_array_new_with_free_func((GDestroyNotify)connection_unref);
    control->service = g_socket_service_new();
    unlink(made);
    if (!g_socket_listener_add_address(G_SOCKET_LISTENER(control->service), address,
                                       G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, NULL, NULL,
                                       error))
        return NULL;
    if (g_rename(made, path) < 0) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST, "cannot listen on %s: %s", path,
                    g_strerror(errno));
        return NULL;
    }
    g_signal_connect(control->service, "incoming", G_CALLBACK(on_incoming), control);
    g_socket_service_start(control->service);
    return g_steal_pointer(&control);
}

void control_free(Control *control)
{
    g_socket_service_stop(control->service);
    g_socket_listener_close(G_SOCKET_LISTENER(control->service));
    g_object_unref(control->service);
    for (guint i = 0; i < control->connections->len; i++) {
        Connection *connection = g_ptr_array_index(control->connections, i);
        connection->control = NULL;
        g_clear_pointer(&connection->line, jsonline_free);
    }
    g_ptr_array_unref(control->connections);
    g_free(control);
}
