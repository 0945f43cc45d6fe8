/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * jsonline.h - JSON objects, one a line, over a local stream socket
 *
 * QEMU's monitor and dmore-pair's control socket both speak so. Everything is asynchronous in the
 * default main context. A peer that sends a line over the limits, or no JSON object, is an error of
 * the connection, which is then closed.
 */
#ifndef DMORE_BASE_JSONLINE_H
#define DMORE_BASE_JSONLINE_H

#include <gio/gio.h>
#include <json-glib/json-glib.h>

#define JSONLINE_MAX (1u << 20) /* bytes in a line */

typedef struct JsonLine JsonLine;

/* @object: borrowed for the call */
typedef void (*JsonLineReceived)(JsonLine *line, JsonObject *object, gpointer data);

/* Called once, when the peer has gone or broken the protocol, after everything it had sent before;
 * @error is NULL at a plain end. The connection is closed then, @line is still the owner's to free.
 */
typedef void (*JsonLineClosed)(JsonLine *line, const GError *error, gpointer data);

/* jsonline_new() - takes over @fd, a connected stream socket (aborts if it is none)
 * Callbacks come from the main context, never from inside a call of this interface. A callback may
 * await() and may free the JsonLine.
 */
JsonLine *jsonline_new(int fd, JsonLineReceived received, JsonLineClosed closed, gpointer data);

/* jsonline_connect() - the same, connected to the socket at @path
 * Return: NULL and DMORE_ERROR_NOT_FOUND when nobody listens there.
 */
JsonLine *jsonline_connect(const char *path, JsonLineReceived received, JsonLineClosed closed,
                           gpointer data, GError **error);

/* jsonline_send() - queue an object; what cannot be written at once is written as room comes
 * @pass_fd: a file descriptor to send along (SCM_RIGHTS, borrowed: duplicated inside), or -1
 *
 * A failure ends the connection and is told by the closed callback; so is a peer that lets 16 MB
 * queue up. On a connection that has ended nothing happens.
 */
void jsonline_send(JsonLine *line, JsonObject *object, int pass_fd);

/* jsonline_peer_has_gone() - whether nobody is there any more, now, whatever it had sent before
 *
 * It is asked of the socket, so it is true before @closed is called. A peer that only sends nothing
 * more is still there.
 */
gboolean jsonline_peer_has_gone(const JsonLine *line);

/* jsonline_free() - closes; what is still queued is written if it goes without waiting */
void jsonline_free(JsonLine *line);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(JsonLine, jsonline_free)

#endif
