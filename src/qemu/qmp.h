/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qmp.h - a client of QEMU's monitor protocol
 *
 * Commands are answered in the order they are sent in, but for those that are done out of band;
 * events come in between. Specification: QEMU's docs/interop/qmp-spec.rst, commands in its QMP
 * reference manual.
 */
#ifndef DMORE_QEMU_QMP_H
#define DMORE_QEMU_QMP_H

#include <gio/gio.h>
#include <json-glib/json-glib.h>

/* How long a command may take until it is overdue. `stop` waits for disk requests under way, which
 * on shared storage in trouble takes its time. */
#define QMP_PATIENCE_MS 60000

typedef struct Qmp Qmp;

typedef struct {
    /* @arguments is borrowed for the call, and never NULL. */
    void (*event)(const char *name, JsonObject *arguments, gpointer data);
    /* Called once, when QEMU has gone or broken the protocol. */
    void (*closed)(const GError *error, gpointer data);
} QmpEvents;

/* @result: what the command returns; NULL when it failed with @error. Both are borrowed. */
typedef void (*QmpReply)(JsonNode *result, const GError *error, gpointer data);

/* qmp_new() - talk over @fd, a connected stream socket, which is taken over
 * @name: of the VM, for messages; copied
 */
Qmp *qmp_new(const char *name, int fd, const QmpEvents *events, gpointer data);

/* qmp_free() - replies that are still awaited do not come any more */
void qmp_free(Qmp *qmp);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Qmp, qmp_free)

/* qmp_ready() - whether QEMU has greeted and accepted us; commands may be sent before, too */
gboolean qmp_ready(const Qmp *qmp);

/* qmp_closed() - why there is no connection any more; NULL while there is one */
const GError *qmp_closed(const Qmp *qmp);

/* qmp_peer_has_gone() - whether nobody is there any more to do what is sent, now: this may be so
 * before qmp_closed() says it
 */
gboolean qmp_peer_has_gone(const Qmp *qmp);

/* qmp_version() - "10.0.2"; NULL before the greeting */
const char *qmp_version(const Qmp *qmp);

/* qmp_send() - send a command, do not wait
 * @arguments: (nullable): a dictionary; a floating reference is taken over
 * @pass_fd: a descriptor to send along, which stays the caller's; or -1
 * @reply: (nullable): called from the main context, or at once when there is no connection
 *
 * Return: the command's number, for qmp_forget().
 */
gint64 qmp_send(Qmp *qmp, const char *command, GVariant *arguments, int pass_fd, QmpReply reply,
                gpointer data);

/* qmp_forget() - the reply to a command is not called any more */
void qmp_forget(Qmp *qmp, gint64 number);

/* qmp_overdue() - the name of a command that has taken too long and is not answered yet; NULL when
 * there is none, so that the next one is sent
 */
const char *qmp_overdue(const Qmp *qmp);

/* qmp_set_patience() - instead of QMP_PATIENCE_MS */
void qmp_set_patience(Qmp *qmp, int ms);

/* qmp_execute() - send a command and await its reply; arguments as for qmp_send()
 *
 * Return: what the command returns, free with json_node_unref(); or NULL with
 * DMORE_ERROR_FAILED when QEMU refuses the command or goes away, _TIMEOUT when it does not answer:
 * in time, or because an older command is overdue, and then this one was not sent.
 */
JsonNode *qmp_execute(Qmp *qmp, const char *command, GVariant *arguments, int pass_fd,
                      GError **error);

/* qmp_answers() - whether QEMU does such a command within a time; it is overdue if not
 * @command: one that only asks, without arguments
 *
 * Return: FALSE with the errors of qmp_execute().
 */
gboolean qmp_answers(Qmp *qmp, const char *command, int timeout_ms, GError **error);

/* qmp_ask() - qmp_execute() for a command that returns an object or an array, as @type says
 * Return: NULL with DMORE_ERROR_FAILED when it returns something else.
 */
JsonNode *qmp_ask(Qmp *qmp, const char *command, GVariant *arguments, JsonNodeType type,
                  GError **error);

/* qmp_do() - qmp_execute() for a command that returns nothing of interest */
gboolean qmp_do(Qmp *qmp, const char *command, GVariant *arguments, GError **error);

/* qmp_do_oob() - the same out of band: QEMU does it at once, in its monitor's own thread, also
 * while other commands are overdue (up to seven; QEMU reads no further then). Only few commands can
 * be done so ("allow-oob" in the reference manual). They take no time, so one that is not answered
 * within seconds has failed, and until it is answered no other is sent.
 */
gboolean qmp_do_oob(Qmp *qmp, const char *command, GVariant *arguments, GError **error);

#endif
