/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * await.c - wait for an event in straight-line code
 *
 * The two things that end a wait other than the condition, time and cancellation, are sources of
 * the main context while the wait lasts, so the loop sleeps until one of the three can have come.
 */
#include "base/await.h"

#include "base/error.h"

static gboolean on_timeout(gpointer data)
{
    *(gboolean *)data = TRUE;
    return G_SOURCE_REMOVE;
}

static gboolean on_cancelled(GCancellable *cancellable, gpointer data)
{
    return G_SOURCE_REMOVE;
}

/* A source that leaves its context with the variable that holds it. */
typedef GSource AttachedSource;

static void attached_source_free(AttachedSource *source)
{
    g_source_destroy(source);
    g_source_unref(source);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AttachedSource, attached_source_free)

static AttachedSource *timeout_attach(int timeout_ms, gboolean *expired)
{
    GSource *source = g_timeout_source_new((guint)timeout_ms);

    g_source_set_callback(source, on_timeout, expired, NULL);
    g_source_attach(source, NULL);
    return source;
}

static AttachedSource *cancellable_attach(GCancellable *cancellable)
{
    GSource *source = g_cancellable_source_new(cancellable);

    g_source_set_callback(source, G_SOURCE_FUNC(on_cancelled), NULL, NULL);
    g_source_attach(source, NULL);
    return source;
}

gboolean await(AwaitCondition condition, gpointer data, int timeout_ms, GCancellable *cancellable,
               const char *what, GError **error)
{
    gboolean expired = FALSE;
    g_autoptr(AttachedSource) timeout =
        timeout_ms >= 0 ? timeout_attach(timeout_ms, &expired) : NULL;
    g_autoptr(AttachedSource) cancelled =
        cancellable != NULL ? cancellable_attach(cancellable) : NULL;

    while (!condition(data)) {
        if (g_cancellable_is_cancelled(cancellable)) {
            g_set_error(error, DMORE_ERROR, DMORE_ERROR_CANCELLED, "cancelled while waiting for %s",
                        what);
            return FALSE;
        }
        if (expired) {
            g_set_error(error, DMORE_ERROR, DMORE_ERROR_TIMEOUT,
                        "%d ms have passed while waiting for %s", timeout_ms, what);
            return FALSE;
        }
        g_main_context_iteration(NULL, TRUE);
    }
    return TRUE;
}

static gboolean flag_is_set(gpointer data)
{
    return *(const int *)data != 0;
}

gboolean await_flag(const int *flag, int timeout_ms, GCancellable *cancellable, const char *what,
                    GError **error)
{
    return await(flag_is_set, (gpointer)flag, timeout_ms, cancellable, what, error);
}

gboolean await_ms(int ms, GCancellable *cancellable, GError **error)
{
    gboolean expired = FALSE;
    g_autoptr(AttachedSource) timeout = timeout_attach(ms, &expired);

    return await_flag(&expired, -1, cancellable, "time to pass", error);
}
