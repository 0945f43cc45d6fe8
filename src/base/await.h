/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * await.h - wait for an event in straight-line code while everything else goes on
 *
 * Theory of operation
 *
 * A host program is one thread with one GMainContext. Most of it are callbacks that never block. A
 * long procedure - starting a pair, a co-migration - is written as a plain function that awaits:
 * await() iterates the default main context until the awaited condition holds, so relay, display
 * and control socket are served meanwhile. Only one such procedure runs at a time in a program
 * (callbacks that would start a second one refuse with DMORE_ERROR_BUSY), so awaits nest one deep.
 */
#ifndef DMORE_BASE_AWAIT_H
#define DMORE_BASE_AWAIT_H

#include <gio/gio.h>

typedef gboolean (*AwaitCondition)(gpointer data);

/* await() - serve the default main context until @condition holds
 * @condition: asked before each iteration; cheap
 * @timeout_ms: from now; negative: for ever
 * @cancellable: (nullable): ends the wait as soon as it is cancelled
 * @what: for the message of a timeout: "... while waiting for @what"
 *
 * Return: TRUE when the condition holds, else FALSE with DMORE_ERROR_TIMEOUT or _CANCELLED.
 */
gboolean await(AwaitCondition condition, gpointer data, int timeout_ms, GCancellable *cancellable,
               const char *what, GError **error);

/* await_flag() - await() for *@flag to become non-zero */
gboolean await_flag(const int *flag, int timeout_ms, GCancellable *cancellable, const char *what,
                    GError **error);

/* await_ms() - serve the main context for a time, for a procedure that has to look again soon.
 * Return: FALSE with DMORE_ERROR_CANCELLED when cancelled.
 */
gboolean await_ms(int ms, GCancellable *cancellable, GError **error);

#endif
