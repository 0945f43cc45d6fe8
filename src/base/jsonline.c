/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * jsonline.c - JSON objects, one a line, over a local stream socket
 *
 * Theory of operation
 *
 * There is always at most one input source, and it fires once: either `readable`, when the buffer
 * holds no whole line, or an idle source, when there is something to deliver: a line or, after the
 * last, the end. Before a callback is called the state is complete and the next source armed, so a
 * callback may await(), and what arrives meanwhile is delivered from inside of it, in order. It
 * also bounds the buffer: nothing is read while a line waits.
 *
 * Output goes out at once as far as the socket takes it; the rest is queued behind a source. A
 * write that fails shuts the socket down, so the input side finds the end behind the lines that the
 * peer had still sent, and reports it as it reports every end.
 *
 * jsonline_free() inside of a callback closes at once; the memory lives until the callback returns.
 */
#include "base/jsonline.h"

#include <string.h>

#include <gio/gunixfdmessage.h>
#include <gio/gunixsocketaddress.h>

#include "base/error.h"
#include "base/json.h"

#define CHUNK 16384           /* bytes read at once */
#define QUEUE_MAX (16u << 20) /* bytes queued for a peer that does not read */

struct JsonLine {
    grefcount references; /* the owner's, and one for each callback that is running */
    GSocket *socket;      /* NULL once closed */
    GSource *input;
    GSource *writable;
    GByteArray *received;
    gsize searched; /* so many bytes of @received are known to hold no end of line */
    GQueue queue;   /* of Outgoing */
    gsize queued;   /* bytes in it */
    gboolean ended; /* nothing more can be read */
    GError *error;  /* why it ended; NULL: plainly */
    JsonLineReceived on_received;
    JsonLineClosed on_closed;
    gpointer data;
};

/* A line to be sent. The descriptor goes with its first byte. */
typedef struct {
    char *text;
    gsize size;
    gsize sent;
    GSocketControlMessage *fds; /* or NULL */
} Outgoing;

static void outgoing_free(gpointer data)
{
    Outgoing *outgoing = data;

    g_clear_object(&outgoing->fds);
    g_free(outgoing->text);
    g_free(outgoing);
}

static void source_clear(GSource **source)
{
    if (*source != NULL) {
        g_source_destroy(*source);
        g_clear_pointer(source, g_source_unref);
    }
}

static void drop_queue(JsonLine *line)
{
    g_queue_clear_full(&line->queue, outgoing_free);
    line->queued = 0;
    source_clear(&line->writable);
}

static void release(JsonLine *line)
{
    if (!g_ref_count_dec(&line->references))
        return;
    g_byte_array_unref(line->received);
    g_clear_error(&line->error);
    g_free(line);
}

/* Input */

static void arm_input(JsonLine *line);

/* end_input() - nothing more is read; @error (taken over) tells why, unless a reason is known */
static void end_input(JsonLine *line, GError *error)
{
    line->ended = TRUE;
    if (line->error == NULL)
        line->error = error;
    else
        g_clear_error(&error);
}

/* line_length() - length of the first line, without its end
 * Return: FALSE when there is no whole line.
 */
static gboolean line_length(JsonLine *line, gsize *length)
{
    const guint8 *bytes = line->received->data;
    gsize size = line->received->len;

    if (line->searched == size)
        return FALSE;

    const guint8 *end = memchr(bytes + line->searched, '\n', size - line->searched);

    if (end == NULL) {
        line->searched = size;
        return FALSE;
    }
    *length = (gsize)(end - bytes);
    return TRUE;
}

/* parse() - the object in a line
 * Return: (transfer full): NULL with DMORE_ERROR_PEER when there is none.
 */
static JsonObject *parse(const char *text, gsize size, GError **error)
{
    if (size > JSONLINE_MAX) {
        g_set_error_literal(error, DMORE_ERROR, DMORE_ERROR_PEER,
                            "the peer has sent a line longer than allowed");
        return NULL;
    }

    JsonObject *object = json_parse(text, size, error);

    if (object == NULL)
        g_prefix_error(error, "the peer has sent a line that ");
    return object;
}

/* take_line() - the first line, of @length bytes, off the buffer
 * Return: (transfer full): NULL after having ended the input when it holds no object.
 */
static JsonObject *take_line(JsonLine *line, gsize length)
{
    GError *error = NULL;
    JsonObject *object = parse((const char *)line->received->data, length, &error);

    if (object == NULL) {
        end_input(line, error);
        g_byte_array_set_size(line->received, 0);
    } else {
        g_byte_array_remove_range(line->received, 0, (guint)length + 1);
    }
    line->searched = 0;
    return object;
}

static void close_socket(JsonLine *line)
{
    drop_queue(line);
    source_clear(&line->input);
    g_clear_object(&line->socket);
}

/* on_deliver() - the next line, or the end */
static gboolean on_deliver(gpointer data)
{
    JsonLine *line = data;
    g_autoptr(JsonObject) object = NULL;
    gsize length;

    g_ref_count_inc(&line->references);
    if (line_length(line, &length))
        object = take_line(line, length);

    if (object != NULL) {
        arm_input(line);
        line->on_received(line, object, line->data);
    } else {
        close_socket(line);
        line->on_closed(line, line->error, line->data);
    }
    release(line);
    return G_SOURCE_REMOVE;
}

/* read_some() - read once; what cannot go on ends the input */
static void read_some(JsonLine *line)
{
    char chunk[CHUNK];
    g_autoptr(GError) error = NULL;
    gssize size = g_socket_receive(line->socket, chunk, CHUNK, NULL, &error);

    if (size > 0) {
        g_byte_array_append(line->received, (const guint8 *)chunk, (guint)size);
    } else if (size == 0 && line->received->len > 0) {
        end_input(line, g_error_new(DMORE_ERROR, DMORE_ERROR_PEER,
                                    "the peer has gone in the middle of a line"));
    } else if (size == 0 || g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED)) {
        /* The latter: it went without having read everything. */
        end_input(line, NULL);
    } else if (!g_error_matches(error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK)) {
        end_input(line, g_error_new(DMORE_ERROR, DMORE_ERROR_PEER, "the connection broke: %s",
                                    error->message));
    }
}

static gboolean on_readable(GSocket *socket, GIOCondition condition, gpointer data)
{
    JsonLine *line = data;

    read_some(line);
    arm_input(line);
    return G_SOURCE_REMOVE;
}

/* arm_input() - wait for what comes next: to read, or to deliver */
static void arm_input(JsonLine *line)
{
    gsize length;
    gboolean whole = line_length(line, &length);

    if (!whole && !line->ended && line->received->len > JSONLINE_MAX)
        end_input(line, g_error_new(DMORE_ERROR, DMORE_ERROR_PEER,
                                    "the peer has sent a line longer than allowed"));

    source_clear(&line->input);
    if (whole || line->ended) {
        line->input = g_idle_source_new();
        g_source_set_priority(line->input, G_PRIORITY_DEFAULT);
        g_source_set_callback(line->input, on_deliver, line, NULL);
    } else {
        line->input = g_socket_create_source(line->socket, G_IO_IN, NULL);
        g_source_set_callback(line->input, G_SOURCE_FUNC(on_readable), line, NULL);
    }
    g_source_attach(line->input, NULL);
}

/* Output */

/* fail_output() - stop writing; the input side finds the end and reports @error (taken over) */
static void fail_output(JsonLine *line, GError *error)
{
    drop_queue(line);
    if (line->error == NULL)
        line->error = error;
    else
        g_clear_error(&error);
    g_socket_shutdown(line->socket, TRUE, TRUE, NULL);
}

/* send_some() - write from the first line of the queue
 * Return: bytes written, or -1.
 */
static gssize send_some(JsonLine *line, Outgoing *outgoing, GError **error)
{
    GOutputVector vector = {outgoing->text + outgoing->sent, outgoing->size - outgoing->sent};
    int messages = outgoing->fds != NULL ? 1 : 0;

    return g_socket_send_message(line->socket, NULL, &vector, 1, &outgoing->fds, messages, 0, NULL,
                                 error);
}

/* flush() - write what can be written without waiting */
static void flush(JsonLine *line)
{
    Outgoing *outgoing;

    while ((outgoing = g_queue_peek_head(&line->queue)) != NULL) {
        g_autoptr(GError) error = NULL;
        gssize size = send_some(line, outgoing, &error);

        if (size < 0 && g_error_matches(error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
            return;
        if (size < 0) {
            gboolean gone = g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED);

            fail_output(line, gone ? NULL
                                   : g_error_new(DMORE_ERROR, DMORE_ERROR_PEER,
                                                 "the connection broke: %s", error->message));
            return;
        }
        g_clear_object(&outgoing->fds);
        outgoing->sent += (gsize)size;
        line->queued -= (gsize)size;
        if (outgoing->sent == outgoing->size)
            outgoing_free(g_queue_pop_head(&line->queue));
    }
}

static gboolean on_writable(GSocket *socket, GIOCondition condition, gpointer data)
{
    JsonLine *line = data;

    flush(line);
    if (!g_queue_is_empty(&line->queue))
        return G_SOURCE_CONTINUE;
    source_clear(&line->writable);
    return G_SOURCE_REMOVE;
}

/* pack_fd() - a message that carries a duplicate of @fd */
static GSocketControlMessage *pack_fd(int fd, GError **error)
{
    g_autoptr(GSocketControlMessage) message = g_unix_fd_message_new();

    if (!g_unix_fd_message_append_fd(G_UNIX_FD_MESSAGE(message), fd, error))
        return NULL;
    return g_steal_pointer(&message);
}

void jsonline_send(JsonLine *line, JsonObject *object, int pass_fd)
{
    g_autoptr(JsonNode) node = json_node_init_object(json_node_alloc(), object);
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *json = json_to_string(node, FALSE);
    GSocketControlMessage *fds = NULL;
    GError *error = NULL;

    if (line->socket == NULL || g_socket_is_closed(line->socket))
        return;
    if (pass_fd >= 0 && (fds = pack_fd(pass_fd, &error)) == NULL) {
        fail_output(line, g_error_new(DMORE_ERROR, DMORE_ERROR_HOST,
                                      "cannot pass a file descriptor: %s", error->message));
        g_clear_error(&error);
        return;
    }
    g_string_append(text, json);
    g_string_append_c(text, '\n');
    if (line->queued + text->len > QUEUE_MAX) {
        g_clear_object(&fds);
        fail_output(line, g_error_new(DMORE_ERROR, DMORE_ERROR_PEER,
                                      "the peer does not read what is sent to it"));
        return;
    }

    Outgoing *outgoing = g_new0(Outgoing, 1);

    outgoing->size = text->len;
    outgoing->text = g_string_free(g_steal_pointer(&text), FALSE);
    outgoing->fds = fds;
    line->queued += outgoing->size;
    g_queue_push_tail(&line->queue, outgoing);

    if (line->writable != NULL)
        return;
    flush(line);
    if (!g_queue_is_empty(&line->queue)) {
        line->writable = g_socket_create_source(line->socket, G_IO_OUT, NULL);
        g_source_set_callback(line->writable, G_SOURCE_FUNC(on_writable), line, NULL);
        g_source_attach(line->writable, NULL);
    }
}

/* Life */

/* line_new() - takes over @socket */
static JsonLine *line_new(GSocket *socket, JsonLineReceived received, JsonLineClosed closed,
                          gpointer data)
{
    JsonLine *line = g_new0(JsonLine, 1);

    g_ref_count_init(&line->references);
    line->socket = socket;
    line->received = g_byte_array_new();
    g_queue_init(&line->queue);
    line->on_received = received;
    line->on_closed = closed;
    line->data = data;
    g_socket_set_blocking(socket, FALSE);
    arm_input(line);
    return line;
}

JsonLine *jsonline_new(int fd, JsonLineReceived received, JsonLineClosed closed, gpointer data)
{
    g_autoptr(GError) error = NULL;
    GSocket *socket = g_socket_new_from_fd(fd, &error);

    if (socket == NULL)
        g_error("a caller's bug: descriptor %d is no socket: %s", fd, error->message);
    return line_new(socket, received, closed, data);
}

JsonLine *jsonline_connect(const char *path, JsonLineReceived received, JsonLineClosed closed,
                           gpointer data, GError **error)
{
    g_autoptr(GError) reason = NULL;
    g_autoptr(GSocketAddress) address = g_unix_socket_address_new(path);
    g_autoptr(GSocket) socket = g_socket_new(G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM,
                                             G_SOCKET_PROTOCOL_DEFAULT, &reason);

    /* On a local socket this does not block, not even with a listener that does not accept. */
    if (socket == NULL || !g_socket_connect(socket, address, NULL, &reason)) {
        int code = DMORE_ERROR_FAILED;

        if (g_error_matches(reason, G_IO_ERROR, G_IO_ERROR_NOT_FOUND) ||
            g_error_matches(reason, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED))
            code = DMORE_ERROR_NOT_FOUND;
        else if (g_error_matches(reason, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
            code = DMORE_ERROR_BUSY;
        g_set_error(error, DMORE_ERROR, code, "cannot connect to %s: %s", path, reason->message);
        return NULL;
    }

    return line_new(g_steal_pointer(&socket), received, closed, data);
}

gboolean jsonline_peer_has_gone(const JsonLine *line)
{
    return line->socket == NULL ||
           (g_socket_condition_check(line->socket, G_IO_HUP | G_IO_ERR) & (G_IO_HUP | G_IO_ERR));
}

void jsonline_free(JsonLine *line)
{
    if (line == NULL)
        return;
    if (line->socket != NULL)
        flush(line);
    close_socket(line);
    release(line);
}
