/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * control.h - the control socket of a pair: `dmore` asks, dmore-pair answers
 *
 * A request is a line {"command": ..., "arguments": {...}}. It is answered by any number of lines
 * {"progress": {...}} and then one {"result": {...}} or {"error": {"code": ..., "message": ...}}.
 * The socket is open to root alone, by the permissions of its directory.
 *
 * A request of somebody who has gone before it is read is not taken: when this process had stood
 * still, what was asked for then may be the opposite of what has been done elsewhere since.
 */
#ifndef DMORE_PAIR_PROCESS_CONTROL_H
#define DMORE_PAIR_PROCESS_CONTROL_H

#include <gio/gio.h>
#include <json-glib/json-glib.h>

typedef struct Control Control;
typedef struct Request Request;

/* @request: to be answered, now or later, with request_result() or request_error()
 * @arguments: borrowed; never NULL
 */
typedef void (*ControlRequested)(Request *request, const char *command, JsonObject *arguments,
                                 gpointer data);

/* control_new() - listen on @path
 * @made: where the socket is made, in the same directory: at @path it appears when it listens
 */
Control *control_new(const char *path, const char *made, ControlRequested requested, gpointer data,
                     GError **error);

/* control_free() - stops listening; requests that are open are answered to nobody */
void control_free(Control *control);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Control, control_free)

/* request_is_forsaken() - whether who asked has gone */
gboolean request_is_forsaken(const Request *request);

/* Who asked may have gone meanwhile: then these say it to nobody. */

void request_progress(Request *request, JsonObject *progress /* (transfer full) */);

/* The last word; @request is gone afterwards. */
void request_result(Request *request, JsonObject *result /* (transfer full) */);
void request_error(Request *request, const GError *error);

#endif
