/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * display-listener.c - the D-Bus object that QEMU calls when the screen changes
 *
 * A call that cannot be true is answered with an error and a warning in the log. QEMU then gives up
 * the map form, if that was what failed, and goes on otherwise.
 */
#include "qemu/display-listener.h"

#include <unistd.h>

#include <gio/gunixfdlist.h>

#include "base/error.h"
#include "qemu/display-dbus.h"

#define LISTENER_PATH "/org/qemu/Display1/Listener"
#define MAP_INTERFACE "org.qemu.Display1.Listener.Unix.Map"

struct Listener {
    Picture *picture;
    const DisplayEvents *events;
    gpointer data;
    QemuListener *interface;
    QemuListenerUnixMap *map_interface;
};

/* answer() - the error of a refused call, if it was refused */
static gboolean answer(GDBusMethodInvocation *invocation, gboolean accepted, GError *error)
{
    g_autoptr(GError) reason = error;

    if (accepted)
        return TRUE;
    g_warning("%s", reason->message);
    g_dbus_method_invocation_return_error_literal(invocation, G_DBUS_ERROR,
                                                  G_DBUS_ERROR_INVALID_ARGS, reason->message);
    return FALSE;
}

static PictureSource source_of(guint format, guint stride, GVariant *pixels)
{
    PictureSource source = {format, stride, NULL, 0};

    source.pixels = g_variant_get_fixed_array(pixels, &source.size, 1);
    return source;
}

static gboolean on_scanout(QemuListener *interface, GDBusMethodInvocation *invocation, guint width,
                           guint height, guint stride, guint format, GVariant *pixels,
                           gpointer data)
{
    Listener *listener = data;
    PictureSource source = source_of(format, stride, pixels);
    GError *error = NULL;
    gboolean accepted = picture_scanout(listener->picture, width, height, &source, &error);

    if (answer(invocation, accepted, error))
        qemu_listener_complete_scanout(interface, invocation);
    return G_DBUS_METHOD_INVOCATION_HANDLED;
}

static gboolean on_update(QemuListener *interface, GDBusMethodInvocation *invocation, int x, int y,
                          int width, int height, guint stride, guint format, GVariant *pixels,
                          gpointer data)
{
    Listener *listener = data;
    DisplayRect rect = {x, y, width, height};
    PictureSource source = source_of(format, stride, pixels);
    GError *error = NULL;
    gboolean accepted = picture_update(listener->picture, rect, &source, &error);

    if (answer(invocation, accepted, error))
        qemu_listener_complete_update(interface, invocation);
    return G_DBUS_METHOD_INVOCATION_HANDLED;
}

static gboolean on_scanout_map(QemuListenerUnixMap *interface, GDBusMethodInvocation *invocation,
                               GUnixFDList *fds, GVariant *memory, guint offset, guint width,
                               guint height, guint stride, guint format, gpointer data)
{
    Listener *listener = data;
    PictureSource source = {format, stride, NULL, 0};
    GError *error = NULL;
    int fd = fds != NULL ? g_unix_fd_list_get(fds, g_variant_get_handle(memory), &error) : -1;
    gboolean accepted = fd >= 0 && picture_scanout_map(listener->picture, fd, offset, width, height,
                                                       &source, &error);

    if (fd >= 0)
        close(fd);
    else if (error == NULL)
        g_set_error(&error, DMORE_ERROR, DMORE_ERROR_FAILED,
                    "QEMU's display sends a map call without memory");
    if (answer(invocation, accepted, error))
        qemu_listener_unix_map_complete_scanout_map(interface, invocation, NULL);
    return G_DBUS_METHOD_INVOCATION_HANDLED;
}

static gboolean on_update_map(QemuListenerUnixMap *interface, GDBusMethodInvocation *invocation,
                              int x, int y, int width, int height, gpointer data)
{
    Listener *listener = data;
    GError *error = NULL;
    gboolean accepted =
        picture_update_map(listener->picture, (DisplayRect){x, y, width, height}, &error);

    if (answer(invocation, accepted, error))
        qemu_listener_unix_map_complete_update_map(interface, invocation);
    return G_DBUS_METHOD_INVOCATION_HANDLED;
}

static gboolean on_cursor_define(QemuListener *interface, GDBusMethodInvocation *invocation,
                                 int width, int height, int hot_x, int hot_y, GVariant *pixels,
                                 gpointer data)
{
    Listener *listener = data;
    PictureSource source = source_of(0, 0, pixels);
    GError *error = NULL;
    gboolean accepted = picture_cursor(listener->picture, width, height, hot_x, hot_y,
                                       source.pixels, source.size, &error);

    if (answer(invocation, accepted, error))
        qemu_listener_complete_cursor_define(interface, invocation);
    return G_DBUS_METHOD_INVOCATION_HANDLED;
}

static gboolean on_mouse_set(QemuListener *interface, GDBusMethodInvocation *invocation, int x,
                             int y, int on, gpointer data)
{
    Listener *listener = data;

    listener->events->cursor_visible(on != 0, listener->data);
    qemu_listener_complete_mouse_set(interface, invocation);
    return G_DBUS_METHOD_INVOCATION_HANDLED;
}

static gboolean on_disable(QemuListener *interface, GDBusMethodInvocation *invocation,
                           gpointer data)
{
    Listener *listener = data;

    picture_disable(listener->picture);
    qemu_listener_complete_disable(interface, invocation);
    return G_DBUS_METHOD_INVOCATION_HANDLED;
}

/* serve() - answer QEMU's calls on @connection */
static gboolean serve(Listener *listener, GDBusConnection *connection, GError **error)
{
    static const char *const interfaces[] = {MAP_INTERFACE, NULL};

    listener->interface = qemu_listener_skeleton_new();
    qemu_listener_set_interfaces(listener->interface, interfaces);
    g_object_connect(listener->interface, "signal::handle-scanout", on_scanout, listener,
                     "signal::handle-update", on_update, listener, "signal::handle-cursor-define",
                     on_cursor_define, listener, "signal::handle-mouse-set", on_mouse_set, listener,
                     "signal::handle-disable", on_disable, listener, NULL);
    listener->map_interface = qemu_listener_unix_map_skeleton_new();
    g_object_connect(listener->map_interface, "signal::handle-scanout-map", on_scanout_map,
                     listener, "signal::handle-update-map", on_update_map, listener, NULL);
    return g_dbus_interface_skeleton_export(G_DBUS_INTERFACE_SKELETON(listener->interface),
                                            connection, LISTENER_PATH, error) &&
           g_dbus_interface_skeleton_export(G_DBUS_INTERFACE_SKELETON(listener->map_interface),
                                            connection, LISTENER_PATH, error);
}

Listener *listener_new(GDBusConnection *connection, Picture *picture, const DisplayEvents *events,
                       gpointer data, GError **error)
{
    Listener *listener = g_new0(Listener, 1);

    listener->picture = picture;
    listener->events = events;
    listener->data = data;
    if (!serve(listener, connection, error))
        g_clear_pointer(&listener, listener_free);
    return listener;
}

static void drop_interface(Listener *listener, gpointer interface)
{
    if (interface == NULL)
        return;
    g_signal_handlers_disconnect_by_data(interface, listener);
    if (g_dbus_interface_skeleton_get_connection(interface) != NULL)
        g_dbus_interface_skeleton_unexport(interface);
    g_object_unref(interface);
}

void listener_free(Listener *listener)
{
    if (listener == NULL)
        return;
    drop_interface(listener, listener->interface);
    drop_interface(listener, listener->map_interface);
    g_free(listener);
}
