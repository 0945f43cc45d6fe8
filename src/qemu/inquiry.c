/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "qemu/inquiry.h"

#include "base/await.h"
#include "base/error.h"

#define INQUIRY_MS 30000 /* QEMU takes a few hundred when it is not in memory yet */

typedef struct {
    int done;
    char *answers;
    char *complaints;
    GError *error;
} Inquiry;

static void inquiry_clear(Inquiry *inquiry)
{
    g_free(inquiry->answers);
    g_free(inquiry->complaints);
    g_clear_error(&inquiry->error);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Inquiry, inquiry_clear)

static void on_ended(GObject *process, GAsyncResult *result, gpointer data)
{
    Inquiry *inquiry = data;

    g_subprocess_communicate_utf8_finish(G_SUBPROCESS(process), result, &inquiry->answers,
                                         &inquiry->complaints, &inquiry->error);
    inquiry->done = TRUE;
}

static GSubprocess *spawn(const char *const *arguments, int input, GError **error)
{
    g_autoptr(GError) reason = NULL;
    g_autoptr(GSubprocessLauncher) launcher =
        g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE);

    if (input >= 0)
        g_subprocess_launcher_take_stdin_fd(launcher, input);

    GSubprocess *process = g_subprocess_launcher_spawnv(launcher, arguments, &reason);

    if (process == NULL)
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST, "cannot start %s: %s", arguments[0],
                    reason->message);
    return process;
}

/* await_end() - Return: FALSE when it did not end, and was ended */
static gboolean await_end(GSubprocess *process, const char *name, Inquiry *inquiry,
                          GCancellable *cancellable, GError **error)
{
    g_autofree char *what = g_strdup_printf("%s to answer and to end", name);
    g_autoptr(GCancellable) given_up = g_cancellable_new();

    g_subprocess_communicate_utf8_async(process, NULL, given_up, on_ended, inquiry);
    if (await_flag(&inquiry->done, INQUIRY_MS, cancellable, what, error))
        return TRUE;
    g_subprocess_force_exit(process);
    g_cancellable_cancel(given_up);
    await_flag(&inquiry->done, -1, NULL, what, NULL);
    return FALSE;
}

char *inquire(const char *const *arguments, int input, GCancellable *cancellable, GError **error)
{
    g_autoptr(GSubprocess) process = spawn(arguments, input, error);
    g_auto(Inquiry) inquiry = {0};

    if (process == NULL || !await_end(process, arguments[0], &inquiry, cancellable, error))
        return NULL;
    if (inquiry.error == NULL && g_subprocess_get_successful(process))
        return g_steal_pointer(&inquiry.answers);

    const char *why =
        inquiry.error != NULL ? inquiry.error->message : g_strchomp(inquiry.complaints);

    g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST, "%s does not start: %s", arguments[0],
                why[0] != '\0' ? why : "it does not say why");
    return NULL;
}
