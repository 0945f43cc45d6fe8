/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * link.h - the conversation between the two hosts of a co-migration
 *
 * A TCP connection under TLS 1.3 with a pre-shared key: whoever holds the same key file may talk,
 * nobody else. Over it go messages (message.h). A peer that fails says why with a message named
 * "error", which is turned into a GError here, so a procedure reads as if both hosts were one:
 * send, receive the named answer.
 *
 * The functions await (base/await.h).
 */
#ifndef DMORE_COMIGRATE_LINK_H
#define DMORE_COMIGRATE_LINK_H

#include <gio/gio.h>
#include "comigrate/message.h"

#define LINK_HANDSHAKE_MS 10000

typedef struct Link Link;

/* link_connect() - connect to the dmored of another host
 * @key: path of the file with the pre-shared key (pair/psk.h)
 * @timeout_ms: for the connection, whole seconds; the exchange of keys has LINK_HANDSHAKE_MS more
 *
 * Return: NULL with DMORE_ERROR_NOT_FOUND (nobody there) or DMORE_ERROR_PEER (another key).
 */
Link *link_connect(const char *host, guint16 port, const char *key, int timeout_ms,
                   GCancellable *cancellable, GError **error);

/* link_accept() - be the server on a connection that has been accepted; takes over @fd */
Link *link_accept(int fd, const char *key, GError **error);

/* link_peer(), link_local() - the numeric addresses of the two ends */
const char *link_peer(const Link *link);
const char *link_local(const Link *link);

/* link_send() - send a message
 * @object: (transfer full): its members; "message" is added
 * @bytes: (nullable): goes along
 * @cancellable: (nullable): a message that was cancelled half sent ends the link, as a timeout does
 */
gboolean link_send(Link *link, const char *message, JsonObject *object, GBytes *bytes,
                   GCancellable *cancellable, GError **error);

/* link_send_error() - tell the peer that, and why, it is over; best effort */
void link_send_error(Link *link, const GError *error);

/* link_receive() - await the next message, which has to be @message
 * @message: (nullable): NULL accepts any
 *
 * Return: NULL when the peer sent an error (its code and text), is gone (DMORE_ERROR_PEER), said
 * something else (DMORE_ERROR_PEER), or the wait ended.
 */
LinkMessage *link_receive(Link *link, const char *message, int timeout_ms,
                          GCancellable *cancellable, GError **error);

/* link_has_message() - whether link_receive() would not have to wait for a message */
gboolean link_has_message(const Link *link);

/* link_lost() - whether the connection has ended; what was received before can still be read */
gboolean link_lost(const Link *link);

/* link_await_end() - until the peer has closed the connection, or time has passed */
void link_await_end(Link *link, int timeout_ms);

/* link_peer_failed() - whether the peer has said, with an error, that it has ended */
gboolean link_peer_failed(const Link *link);

void link_free(Link *link);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Link, link_free)

#endif
