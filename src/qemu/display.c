/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * display.c - listens to a VM's screen (QEMU's D-Bus display, peer to peer)
 *
 * Theory of operation
 *
 * There are two connections. Over the first we ask QEMU's console to register a listener, and hand
 * it one end of the second. Over the second QEMU calls us: we serve the listener's interfaces
 * there. On both we are the client of the D-Bus handshake. QEMU does the handshake of the second,
 * and its ScanoutMap calls, with its main loop standing still until we answer; the guest's devices
 * wait meanwhile. GDBus reads in a thread of its own, so QEMU's calls are drained whatever we do;
 * they are served from the main context.
 *
 * A registration makes QEMU send the whole picture. After a change of size QEMU sends only what the
 * guest draws anew, in the plain form even without the new size. So when QEMU announces a size (a
 * property of the console, on the first connection) and the picture does not follow, we register
 * again.
 */
#include "qemu/display.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gio/gunixfdlist.h>

#include "base/await.h"
#include "base/error.h"
#include "qemu/display-listener.h"
#include "qemu/display-picture.h"

#define CONSOLE_PATH "/org/qemu/Display1/Console_0"
#define CONSOLE_INTERFACE "org.qemu.Display1.Console"

#define ATTACH_TIMEOUT_MS 20000

/* How long the picture may take to follow an announced size. The guest's next drawing usually
 * brings it, within QEMU's refresh interval of at most 30 ms. */
#define SIZE_PATIENCE_MS 100

struct Display {
    Picture *picture;
    const DisplayEvents *events;
    gpointer data;
    GCancellable *cancellable; /* of everything asynchronous here */
    GDBusConnection *main;
    GDBusConnection *listener_connection;
    Listener *listener;
    gboolean connecting; /* the second connection is under way */
    gboolean registered; /* QEMU has accepted the listener */
    gboolean attached;   /* display_attach() has returned it */
    gboolean detached;   /* by display_detach(), or lost */
    GError *failure;
    guint announced_width; /* pixels, 0: no change announced yet */
    guint announced_height;
    guint size_timer;
    guint size_signal; /* of the main connection: the announced size */
};

/* Asynchronous calls hold a reference each. */
static Display *display_ref(Display *display)
{
    return g_rc_box_acquire(display);
}

static void clear(gpointer data)
{
    Display *display = data;

    g_clear_object(&display->main);
    g_clear_object(&display->cancellable);
    g_clear_error(&display->failure);
    g_clear_pointer(&display->picture, picture_free);
}

static void display_unref(Display *display)
{
    g_rc_box_release_full(display, clear);
}
typedef Display DisplayReference;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DisplayReference, display_unref)

/* Ends */

static void drop_connection(Display *display, GDBusConnection **connection)
{
    if (*connection == NULL)
        return;
    g_signal_handlers_disconnect_by_data(*connection, display);
    g_dbus_connection_close(*connection, NULL, NULL, NULL);
    g_clear_object(connection);
}

static void drop_listener(Display *display)
{
    g_clear_pointer(&display->listener, listener_free);
    drop_connection(display, &display->listener_connection);
    display->registered = FALSE;
}

static void drop_all(Display *display)
{
    display->detached = TRUE;
    g_clear_handle_id(&display->size_timer, g_source_remove);
    /* A signal that waits for its turn keeps the connection, but is not delivered then. */
    if (display->size_signal)
        g_dbus_connection_signal_unsubscribe(display->main, display->size_signal);
    display->size_signal = 0;
    g_cancellable_cancel(display->cancellable);
    drop_listener(display);
    drop_connection(display, &display->main);
}

/* fail() - the display is of no use any more
 * @reason: (nullable): NULL when the peer just has closed a connection
 */
static void fail(Display *display, const GError *reason)
{
    if (display->detached)
        return;
    display->failure = g_error_new(DMORE_ERROR, DMORE_ERROR_FAILED,
                                   "the connection to QEMU's display has ended: %s",
                                   reason != NULL ? reason->message : "QEMU has closed it");
    drop_all(display);
    if (display->attached)
        display->events->lost(display->failure, display->data);
}

static void on_closed(GDBusConnection *connection, gboolean remote, GError *error, gpointer data)
{
    g_autoptr(DisplayReference) display = display_ref(data);

    fail(display, error);
}

/* take_connection() - the end of connect_dbus()
 * Return: FALSE when it has failed, or nobody needs it any more.
 */
static gboolean take_connection(Display *display, GAsyncResult *result, GDBusConnection **place)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GDBusConnection) connection = g_dbus_connection_new_finish(result, &error);

    if (display->detached)
        return FALSE;
    if (connection == NULL) {
        fail(display, error);
        return FALSE;
    }
    *place = g_steal_pointer(&connection);
    g_signal_connect(*place, "closed", G_CALLBACK(on_closed), display);
    return TRUE;
}

/* The second connection: the listener */

static void on_listener_ready(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(DisplayReference) display = data;
    g_autoptr(GError) error = NULL;

    display->connecting = FALSE;
    if (!take_connection(display, result, &display->listener_connection))
        return;
    display->listener = listener_new(display->listener_connection, display->picture,
                                     display->events, display->data, &error);
    if (display->listener != NULL)
        g_dbus_connection_start_message_processing(display->listener_connection);
    else
        fail(display, error);
}

static void on_registered(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(DisplayReference) display = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) nothing = g_dbus_connection_call_with_unix_fd_list_finish(
        G_DBUS_CONNECTION(source), NULL, result, &error);

    if (display->detached)
        return;
    if (nothing == NULL)
        fail(display, error);
    else
        display->registered = TRUE;
}

/* connect_dbus() - do the handshake over @fd, which is taken over */
static gboolean connect_dbus(Display *display, int fd, GDBusConnectionFlags flags,
                             GAsyncReadyCallback ready, GError **error)
{
    g_autoptr(GSocket) socket = g_socket_new_from_fd(fd, error);

    if (socket == NULL) {
        close(fd);
        return FALSE;
    }

    g_autoptr(GSocketConnection) stream = g_socket_connection_factory_create_connection(socket);

    g_dbus_connection_new(G_IO_STREAM(stream), NULL,
                          G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | flags, NULL,
                          display->cancellable, ready, display_ref(display));
    return TRUE;
}

static gboolean make_pair(int ends[2], GError **error)
{
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0)
        return TRUE;
    g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST, "cannot make a pair of sockets: %s",
                g_strerror(errno));
    return FALSE;
}

/* register_listener() - begin to register; ends in on_registered() and on_listener_ready()
 * QEMU waits for our part of the handshake, so it is begun at once.
 */
static gboolean register_listener(Display *display, GError **error)
{
    int ends[2];

    if (!make_pair(ends, error))
        return FALSE;

    g_autoptr(GUnixFDList) fds = g_unix_fd_list_new_from_array(&ends[1], 1);

    g_dbus_connection_call_with_unix_fd_list(
        display->main, NULL, CONSOLE_PATH, CONSOLE_INTERFACE, "RegisterListener",
        g_variant_new("(h)", 0), NULL, G_DBUS_CALL_FLAGS_NONE, ATTACH_TIMEOUT_MS, fds,
        display->cancellable, on_registered, display_ref(display));
    display->connecting = TRUE;
    return connect_dbus(display, ends[0], G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING,
                        on_listener_ready, error);
}

/* The announced size */

static gboolean follows(guint announced, int size)
{
    return announced == 0 || announced == (guint)size;
}

static gboolean on_size_timer(gpointer data)
{
    g_autoptr(DisplayReference) display = display_ref(data);
    g_autoptr(GError) error = NULL;

    /* What is under way brings the picture of that size, most likely; there is one connection. */
    if (display->connecting)
        return G_SOURCE_CONTINUE;
    display->size_timer = 0;
    if (follows(display->announced_width, picture_width(display->picture)) &&
        follows(display->announced_height, picture_height(display->picture)))
        return G_SOURCE_REMOVE;

    g_debug("the screen is %ux%u now, its picture is asked for", display->announced_width,
            display->announced_height);
    drop_listener(display);
    if (!register_listener(display, &error))
        fail(display, error);
    return G_SOURCE_REMOVE;
}

static void on_properties(GDBusConnection *connection, const char *sender, const char *path,
                          const char *interface, const char *signal, GVariant *parameters,
                          gpointer data)
{
    Display *display = data;
    g_autoptr(GVariant) changed = NULL;

    if (display->detached || !g_variant_is_of_type(parameters, G_VARIANT_TYPE("(sa{sv}as)")))
        return;
    changed = g_variant_get_child_value(parameters, 1);

    /* Only what has changed is in it. */
    gboolean width = g_variant_lookup(changed, "Width", "u", &display->announced_width);
    gboolean height = g_variant_lookup(changed, "Height", "u", &display->announced_height);

    if ((width || height) && display->size_timer == 0)
        display->size_timer = g_timeout_add(SIZE_PATIENCE_MS, on_size_timer, display);
}

/* The first connection */

static void on_main_ready(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(DisplayReference) display = data;
    g_autoptr(GError) error = NULL;

    if (!take_connection(display, result, &display->main))
        return;
    display->size_signal = g_dbus_connection_signal_subscribe(
        display->main, NULL, "org.freedesktop.DBus.Properties", "PropertiesChanged", CONSOLE_PATH,
        CONSOLE_INTERFACE, G_DBUS_SIGNAL_FLAGS_NONE, on_properties, display, NULL);
    if (!register_listener(display, &error))
        fail(display, error);
}

static gboolean attached_or_failed(gpointer data)
{
    const Display *display = data;

    return display->failure != NULL || (display->registered && display->listener != NULL);
}

/* open_display() - hand QEMU an end of the first connection, and await the registration */
static gboolean open_display(Display *display, Vm *vm, GCancellable *cancellable, GError **error)
{
    g_autofree char *what = g_strdup_printf("the display of %s", vm_name(vm));
    int ends[2];

    if (!make_pair(ends, error))
        return FALSE;

    gboolean added = vm_add_display_client(vm, ends[1], error);

    close(ends[1]);
    if (!added) {
        close(ends[0]);
        return FALSE;
    }
    if (!connect_dbus(display, ends[0], G_DBUS_CONNECTION_FLAGS_NONE, on_main_ready, error) ||
        !await(attached_or_failed, display, ATTACH_TIMEOUT_MS, cancellable, what, error))
        return FALSE;
    if (display->failure != NULL) {
        g_propagate_error(error, g_error_copy(display->failure));
        return FALSE;
    }
    return TRUE;
}

Display *display_attach(Vm *vm, const DisplayEvents *events, gpointer data,
                        GCancellable *cancellable, GError **error)
{
    g_autoptr(Display) display = g_rc_box_new0(Display);

    display->events = events;
    display->data = data;
    display->cancellable = g_cancellable_new();
    display->picture = picture_new(events, data);
    if (!open_display(display, vm, cancellable, error))
        return NULL;
    display->attached = TRUE;
    return g_steal_pointer(&display);
}

void display_detach(Display *display)
{
    if (display == NULL)
        return;
    if (!display->detached)
        drop_all(display);
    display_unref(display);
}

const char *display_lost(const Display *display)
{
    return display->failure != NULL ? display->failure->message : NULL;
}

const char *display_form(const Display *display)
{
    return picture_form(display->picture);
}

guint64 display_updates(const Display *display)
{
    return picture_updates(display->picture);
}
