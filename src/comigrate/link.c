/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation
 *
 * The socket never blocks. Receiving is driven by the main loop: whatever TLS gives is appended to
 * `input`, and complete messages are cut from its front into `messages`, where link_receive() finds
 * them. Sending writes at once and awaits room in the socket when there is none. TLS 1.3 may need
 * to write in order to read and the other way round only for key updates, which neither side asks
 * for, so the two directions need not know of each other.
 *
 * A dead peer is noticed by TCP: keepalive when nothing is said, TCP_USER_TIMEOUT when something
 * is.
 */
#include "comigrate/link.h"

#include <errno.h>
#include <gio/gnetworking.h>
#include <glib-unix.h>
#include <gnutls/gnutls.h>
#include <string.h>
#include <unistd.h>

#include "base/await.h"
#include "base/error.h"
#include "base/json.h"
#include "pair/psk.h"

#define SEND_TIMEOUT_MS 30000
/* A link that loses a packet in ten still gets one through in this time; a cut one is noticed in
 * it.
 */
#define DEAD_PEER_MS 8000
#define PROBE_S 2
#define PRIORITY "NORMAL:-VERS-ALL:+VERS-TLS1.3:+ECDHE-PSK:+DHE-PSK:+PSK"

/* The two hosts take turns; only in the end are some messages sent behind each other. What waits is
 * bounded, so that a peer gone mad fills its own memory and not ours. */
#define MESSAGES_MAX 16

struct Link {
    int fd;
    gnutls_session_t session;
    gnutls_psk_client_credentials_t client_credentials;
    gnutls_psk_server_credentials_t server_credentials;
    guint source;
    GByteArray *input;
    GQueue messages; /* LinkMessage */
    gboolean peer_failed;
    GError *lost; /* why the connection has ended; NULL while it lives */
    char *peer;
    char *local;
};

static void set_lost(Link *link, const char *why)
{
    if (link->source)
        g_source_remove(link->source);
    link->source = 0;
    if (!link->lost)
        link->lost = g_error_new(DMORE_ERROR, DMORE_ERROR_PEER, "the connection to %s is lost: %s",
                                 link->peer, why);
}

static char *address_text(GSocketAddress *address)
{
    if (!G_IS_INET_SOCKET_ADDRESS(address))
        return g_strdup("local");
    return g_inet_address_to_string(
        g_inet_socket_address_get_address(G_INET_SOCKET_ADDRESS(address)));
}

/* Cut all messages that are complete from the front of the input. */
static void cut_messages(Link *link)
{
    while (!link->lost) {
        g_autoptr(GError) error = NULL;
        g_autoptr(LinkMessage) message = link_message_cut(link->input, &error);

        if (error)
            set_lost(link, error->message);
        else if (!message)
            return;
        else if (g_queue_get_length(&link->messages) == MESSAGES_MAX)
            set_lost(link, "it says more than it is asked");
        else
            g_queue_push_tail(&link->messages, g_steal_pointer(&message));
    }
}

static gboolean on_readable(gint fd, GIOCondition condition, gpointer user)
{
    Link *link = user;
    guint8 chunk[16384];

    /* TLS may hold decrypted bytes that poll() cannot see: read until it has none. */
    while (!link->lost) {
        ssize_t n = gnutls_record_recv(link->session, chunk, sizeof(chunk));
        if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)
            break;
        if (n == 0) {
            set_lost(link, "the other host has closed it");
        } else if (n < 0) {
            if (gnutls_error_is_fatal((int)n))
                set_lost(link, gnutls_strerror((int)n));
        } else {
            g_byte_array_append(link->input, chunk, (guint)n);
            cut_messages(link);
        }
    }
    return link->lost ? G_SOURCE_REMOVE : G_SOURCE_CONTINUE;
}

typedef struct {
    int ready;
    guint source;
} Readiness;

static gboolean on_ready(gint fd, GIOCondition condition, gpointer user)
{
    Readiness *readiness = user;

    readiness->ready = TRUE;
    readiness->source = 0;
    return G_SOURCE_REMOVE;
}

static gboolean await_fd(int fd, GIOCondition condition, int timeout_ms, GCancellable *cancellable,
                         const char *what, GError **error)
{
    Readiness readiness = {0};

    readiness.source = g_unix_fd_add(fd, condition, on_ready, &readiness);
    gboolean awaited = await_flag(&readiness.ready, timeout_ms, cancellable, what, error);
    if (readiness.source)
        g_source_remove(readiness.source);
    return awaited;
}

static gboolean handshake(Link *link, GCancellable *cancellable, GError **error)
{
    int ret;

    while ((ret = gnutls_handshake(link->session)) != GNUTLS_E_SUCCESS) {
        if (gnutls_error_is_fatal(ret)) {
            g_set_error(error, DMORE_ERROR, DMORE_ERROR_PEER,
                        "%s does not hold the same key as this host (%s); give both hosts the "
                        "same key file",
                        link->peer, gnutls_strerror(ret));
            return FALSE;
        }
        GIOCondition wait = gnutls_record_get_direction(link->session) ? G_IO_OUT : G_IO_IN;
        if (!await_fd(link->fd, wait, LINK_HANDSHAKE_MS, cancellable,
                      "the other host's key exchange", error))
            return FALSE;
    }
    return TRUE;
}

static void set_socket_options(int fd)
{
    int on = 1;
    int idle_s = PROBE_S;
    int dead_ms = DEAD_PEER_MS;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &idle_s, sizeof(idle_s));
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead_ms, sizeof(dead_ms));
}

static gboolean use_key(Link *link, gboolean server, const char *path, GError **error)
{
    g_autofree char *hex = psk_read(path, error);
    int ret;

    if (!hex)
        return FALSE;
    if (server) {
        gnutls_psk_allocate_server_credentials(&link->server_credentials);
        ret = gnutls_psk_set_server_credentials_file(link->server_credentials, path);
        gnutls_credentials_set(link->session, GNUTLS_CRD_PSK, link->server_credentials);
    } else {
        gnutls_datum_t key = {.data = (unsigned char *)hex, .size = (unsigned)strlen(hex)};
        gnutls_psk_allocate_client_credentials(&link->client_credentials);
        ret = gnutls_psk_set_client_credentials(link->client_credentials, PSK_USER, &key,
                                                GNUTLS_PSK_KEY_HEX);
        gnutls_credentials_set(link->session, GNUTLS_CRD_PSK, link->client_credentials);
    }
    if (ret < 0) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST, "cannot use the key in %s: %s", path,
                    gnutls_strerror(ret));
        return FALSE;
    }
    return TRUE;
}

/* Start TLS on a connected socket; takes over @fd. */
static Link *link_new(int fd, gboolean server, const char *key, GCancellable *cancellable,
                      GError **error)
{
    g_autoptr(Link) link = g_new0(Link, 1);
    link->fd = fd;
    link->input = g_byte_array_new();
    g_queue_init(&link->messages);

    g_autoptr(GSocket) socket = g_socket_new_from_fd(dup(fd), error);
    if (!socket)
        return NULL;
    g_autoptr(GSocketAddress) peer = g_socket_get_remote_address(socket, error);
    g_autoptr(GSocketAddress) local = peer ? g_socket_get_local_address(socket, error) : NULL;
    if (!local)
        return NULL;
    link->peer = address_text(peer);
    link->local = address_text(local);
    set_socket_options(fd);
    g_unix_set_fd_nonblocking(fd, TRUE, NULL);

    gnutls_init(&link->session,
                (server ? GNUTLS_SERVER : GNUTLS_CLIENT) | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);
    gnutls_priority_set_direct(link->session, PRIORITY, NULL);
    gnutls_transport_set_int(link->session, fd);
    if (!use_key(link, server, key, error) || !handshake(link, cancellable, error))
        return NULL;

    link->source = g_unix_fd_add(fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable, link);
    /* TLS may have read the first message along with the end of the handshake. */
    if (gnutls_record_check_pending(link->session))
        on_readable(fd, G_IO_IN, link);
    return g_steal_pointer(&link);
}

typedef struct {
    GSocketConnection *connection;
    GError *error;
    int done;
} Connecting;

static void on_connected(GObject *source, GAsyncResult *result, gpointer user)
{
    Connecting *connecting = user;

    connecting->connection =
        g_socket_client_connect_finish(G_SOCKET_CLIENT(source), result, &connecting->error);
    connecting->done = TRUE;
}

Link *link_connect(const char *host, guint16 port, const char *key, int timeout_ms,
                   GCancellable *cancellable, GError **error)
{
    g_autoptr(GSocketClient) client = g_socket_client_new();
    g_autoptr(GSocketConnectable) address = g_network_address_new(host, port);
    Connecting connecting = {0};

    g_socket_client_set_enable_proxy(client, FALSE);
    g_socket_client_set_timeout(client, (guint)timeout_ms / 1000);
    g_socket_client_connect_async(client, address, cancellable, on_connected, &connecting);
    /* The client has a timeout of its own and obeys the cancellable, so this always ends. */
    await_flag(&connecting.done, -1, NULL, "the other host", NULL);
    if (!connecting.connection) {
        gboolean cancelled = g_error_matches(connecting.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
        g_set_error(error, DMORE_ERROR, cancelled ? DMORE_ERROR_CANCELLED : DMORE_ERROR_NOT_FOUND,
                    "cannot reach dmored on %s port %u: %s", host, port, connecting.error->message);
        g_clear_error(&connecting.error);
        return NULL;
    }

    int fd = dup(g_socket_get_fd(g_socket_connection_get_socket(connecting.connection)));
    g_object_unref(connecting.connection);
    return link_new(fd, FALSE, key, cancellable, error);
}

Link *link_accept(int fd, const char *key, GError **error)
{
    return link_new(fd, TRUE, key, NULL, error);
}

const char *link_peer(const Link *link)
{
    return link->peer;
}

const char *link_local(const Link *link)
{
    return link->local;
}

gboolean link_lost(const Link *link)
{
    return link->lost != NULL;
}

gboolean link_peer_failed(const Link *link)
{
    return link->peer_failed;
}

/* Nothing can follow a message of which only a part has gone, so when this fails the link is lost.
 */
static gboolean send_all(Link *link, const guint8 *bytes, gsize size, GCancellable *cancellable,
                         GError **error)
{
    while (size > 0 && !link->lost) {
        ssize_t n = gnutls_record_send(link->session, bytes, size);
        if (n > 0) {
            bytes += n;
            size -= (gsize)n;
        } else if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED) {
            if (!await_fd(link->fd, G_IO_OUT, SEND_TIMEOUT_MS, cancellable,
                          "the other host to take a message", error)) {
                set_lost(link, "it has not taken a message");
                return FALSE;
            }
        } else {
            set_lost(link, gnutls_strerror((int)n));
        }
    }
    if (link->lost) {
        g_propagate_error(error, g_error_copy(link->lost));
        return FALSE;
    }
    return TRUE;
}

gboolean link_send(Link *link, const char *message, JsonObject *object, GBytes *bytes,
                   GCancellable *cancellable, GError **error)
{
    g_autoptr(JsonObject) members = object;
    g_autoptr(GByteArray) wire = link_message_pack(message, members, bytes, error);

    if (!wire)
        return FALSE;
    return send_all(link, wire->data, wire->len, cancellable, error);
}

void link_send_error(Link *link, const GError *reason)
{
    g_autoptr(GError) failure = NULL;
    JsonObject *object = json_object_new();

    json_object_set_string_member(object, "code", dmore_error_name(dmore_error_of(reason)));
    json_object_set_string_member(object, "text", reason->message);
    if (!link_send(link, "error", object, NULL, NULL, &failure))
        g_info("could not tell %s why it is over: %s", link->peer, failure->message);
}

gboolean link_has_message(const Link *link)
{
    return !g_queue_is_empty((GQueue *)&link->messages);
}

static gboolean has_ended(gpointer user)
{
    return link_lost(user);
}

void link_await_end(Link *link, int timeout_ms)
{
    await(has_ended, link, timeout_ms, NULL, "the other host to hang up", NULL);
}

static gboolean has_message(gpointer user)
{
    Link *link = user;

    return link_has_message(link) || link_lost(link);
}

LinkMessage *link_receive(Link *link, const char *expected, int timeout_ms,
                          GCancellable *cancellable, GError **error)
{
    g_autofree char *what = g_strdup_printf("%s to answer%s%s", link->peer,
                                            expected ? " with " : "", expected ? expected : "");

    if (!await(has_message, link, timeout_ms, cancellable, what, error))
        return NULL;
    g_autoptr(LinkMessage) message = g_queue_pop_head(&link->messages);
    if (!message) {
        g_propagate_error(error, g_error_copy(link->lost));
        return NULL;
    }

    const char *name = json_get_text(message->object, "message", "(none)");
    if (g_str_equal(name, "error")) {
        link->peer_failed = TRUE;
        const char *code = json_get_text(message->object, "code", "failed");
        const char *text = json_get_text(message->object, "text", "no reason given");
        g_set_error(error, DMORE_ERROR, dmore_error_code(code), "%s says: %s", link->peer, text);
        return NULL;
    }
    if (expected && !g_str_equal(name, expected)) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_PEER,
                    "%s answered '%s' where '%s' was expected; are both hosts of the same "
                    "version?",
                    link->peer, name, expected);
        return NULL;
    }
    return g_steal_pointer(&message);
}

void link_free(Link *link)
{
    if (link->source)
        g_source_remove(link->source);
    if (link->session) {
        if (!link->lost)
            gnutls_bye(link->session, GNUTLS_SHUT_WR);
        gnutls_deinit(link->session);
    }
    if (link->client_credentials)
        gnutls_psk_free_client_credentials(link->client_credentials);
    if (link->server_credentials)
        gnutls_psk_free_server_credentials(link->server_credentials);
    g_queue_clear_full(&link->messages, (GDestroyNotify)link_message_free);
    g_byte_array_unref(link->input);
    g_clear_error(&link->lost);
    g_free(link->peer);
    g_free(link->local);
    close(link->fd);
    g_free(link);
}
