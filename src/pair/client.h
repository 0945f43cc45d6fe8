/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * client.h - one request to a dmore-pair and its answer
 *
 * An answer is any number of {"progress": {...}} and then one {"result": {...}} or
 * {"error": {"code": ..., "message": ...}}. dmore-pair speaks so on its control socket, and to
 * whoever starts it.
 */
#ifndef DMORE_PAIR_CLIENT_H
#define DMORE_PAIR_CLIENT_H

#include <json-glib/json-glib.h>

#include "pair/hostconfig.h"

typedef struct Client Client;

/* @progress: borrowed for the call */
typedef void (*ClientProgress)(JsonObject *progress, gpointer data);

/* client_ask() - send a request to the dmore-pair of a pair on this host
 * @arguments: (nullable) (transfer full)
 * @progress: (nullable)
 *
 * Return: NULL with DMORE_ERROR_NOT_FOUND when there is no such pair or its process has ended.
 */
Client *client_ask(const HostConfig *host, const char *name, const char *command,
                   JsonObject *arguments, ClientProgress progress, gpointer data, GError **error);

/* client_listen() - wait for an answer without having asked
 * @progress: (nullable)
 * @fd: taken over; a stream socket
 */
Client *client_listen(int fd, ClientProgress progress, gpointer data);

/* client_wait() - serve the main context until the answer is there
 * @timeout_ms: negative: for ever
 *
 * Return: (transfer full): the result; NULL with the error that the answer is, or
 * DMORE_ERROR_FAILED when the other side ends without one, or DMORE_ERROR_TIMEOUT. What was asked
 * for may be done all the same in these two cases, and the message says how to find out.
 */
JsonObject *client_wait(Client *client, int timeout_ms, GError **error);

/* client_is_done() - whether client_wait() would return at once */
gboolean client_is_done(const Client *client);

/* client_was_answered() - FALSE when the other side has ended without having answered */
gboolean client_was_answered(const Client *client);

void client_free(Client *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Client, client_free)

/* client_await_listening() - until the dmore-pair of a pair, which has one, can be asked
 * Return: TRUE also when there is none: client_ask() says why. FALSE with DMORE_ERROR_TIMEOUT.
 */
gboolean client_await_listening(const HostConfig *host, const char *name, int timeout_ms,
                                GError **error);

/* client_call() - client_ask() and client_wait() for what is answered at once and changes nothing
 */
JsonObject *client_call(const HostConfig *host, const char *name, const char *command,
                        JsonObject *arguments, GError **error);

#endif
