/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation
 *
 * dmore-pair is started as a daemon: a session of its own, its output in the pair's log. One end of
 * a socket pair is left with it, on which it tells how the start went. That end closes with the
 * process, so a death without a word is heard, too.
 */
#include "cli/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/await.h"
#include "base/error.h"
#include "base/json.h"
#include "cli/cli.h"
#include "pair/client.h"
#include "pair/program.h"
#include "pair/rundir.h"

#define READY_FD 3   /* in the process that is started */
#define LOG_LINES 10 /* of the log of a process that has died */

typedef struct {
    GPid pid;
    int exited;
    int status; /* of waitpid(2), once exited */
    gboolean interrupted;
    guint watches[3]; /* its exit, SIGINT, SIGTERM */
} Process;

static void on_exited(GPid pid, int status, gpointer data)
{
    Process *process = data;

    process->status = status;
    process->exited = TRUE;
    process->watches[0] = 0;
}

/* dmore-pair ends the pair in good order and tells that it did. */
static gboolean on_interrupt(gpointer data)
{
    Process *process = data;

    process->interrupted = TRUE;
    if (!process->exited)
        kill(process->pid, SIGTERM);
    return G_SOURCE_CONTINUE;
}

/* Before there is anything of the pair, so that no Ctrl-C ends this command alone. */
static void process_watch_signals(Process *process)
{
    process->watches[1] = g_unix_signal_add(SIGINT, on_interrupt, process);
    process->watches[2] = g_unix_signal_add(SIGTERM, on_interrupt, process);
}

static void process_clear(Process *process)
{
    for (gsize i = 0; i < G_N_ELEMENTS(process->watches); i++)
        if (process->watches[i])
            g_source_remove(process->watches[i]);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Process, process_clear)

static void become_session(gpointer data)
{
    setsid();
}

/* Start dmore-pair. Return: our end of the socket pair, or -1. */
static int spawn(const HostConfig *host, const char *const *verb, int log, GPid *pid,
                 GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autofree char *program = program_pair(error);
    g_autofree char *ready = g_strdup_printf("%d", READY_FD);
    g_autoptr(GPtrArray) arguments = g_ptr_array_new();
    int target = READY_FD;
    int ends[2];

    if (!program)
        return -1;
    g_ptr_array_add(arguments, program);
    if (host->path) {
        g_ptr_array_add(arguments, (gpointer) "--config");
        g_ptr_array_add(arguments, host->path);
    }
    g_ptr_array_add(arguments, (gpointer) "--ready-fd");
    g_ptr_array_add(arguments, ready);
    g_ptr_array_add(arguments, (gpointer)verb[0]);
    g_ptr_array_add(arguments, (gpointer)verb[1]);
    g_ptr_array_add(arguments, NULL);

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST, "cannot make a socket pair: %s",
                    g_strerror(errno));
        return -1;
    }

    gboolean started = g_spawn_async_with_pipes_and_fds(
        "/", (const char *const *)arguments->pdata, NULL, G_SPAWN_DO_NOT_REAP_CHILD, become_session,
        NULL, -1, log, log, &ends[1], &target, 1, pid, NULL, NULL, NULL, &cause);

    close(ends[1]);
    if (started)
        return ends[0];
    close(ends[0]);
    g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST, "cannot start %s: %s", program,
                cause->message);
    return -1;
}

/* The last lines of what has been written to the log since it was @begin bytes long. */
static char *log_tail(const char *path, off_t begin)
{
    g_autofree char *text = NULL;
    gsize length = 0;

    if (!g_file_get_contents(path, &text, &length, NULL) || (off_t)length <= begin)
        return g_strdup("nothing");

    g_autofree char *valid = g_utf8_make_valid(g_strchomp(text + begin), -1);
    const char *from = valid + strlen(valid);

    for (int lines = 0; from > valid && lines < LOG_LINES; lines++) {
        const char *before = g_strrstr_len(valid, from - valid, "\n");

        from = before ? before : valid;
    }
    return g_strdup(*from == '\n' ? from + 1 : from);
}

/* It has died: say how, and show what it has written to its log since that was @begin bytes long.
 */
static void explain_death(const Process *process, const char *log, off_t begin, GError **error)
{
    g_autofree char *tail = log_tail(log, begin);
    gboolean killed = WIFSIGNALED(process->status);

    g_set_error(error, DMORE_ERROR, DMORE_ERROR_FAILED,
                "dmore-pair has died without a word (%s %d); the end of its log, %s:\n%s",
                killed ? "signal" : "exit status",
                killed ? WTERMSIG(process->status) : WEXITSTATUS(process->status), log, tail);
}

/* Wait for what the process has to tell.
 * @died: set when it has told nothing
 */
static JsonObject *await_ready(Process *process, int fd, const char *log, off_t begin,
                               gboolean *died, GError **error)
{
    g_autoptr(Client) client = client_listen(fd, NULL, NULL);
    g_autoptr(GError) cause = NULL;
    g_autoptr(JsonObject) status = client_wait(client, -1, &cause);

    if (status && !process->interrupted)
        return g_steal_pointer(&status);

    /* Only then has it cleaned up, and is its log complete. */
    await_flag(&process->exited, -1, NULL, "dmore-pair's end", NULL);
    *died = !client_was_answered(client) && !process->interrupted;
    if (process->interrupted)
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_CANCELLED,
                    "interrupted; the pair is down again");
    else if (*died)
        explain_death(process, log, begin, error);
    else
        g_propagate_error(error, g_steal_pointer(&cause));
    return NULL;
}

JsonObject *launch_pair(const HostConfig *host, const char *verb, const char *argument,
                        const char *name, gboolean *died, GError **error)
{
    g_autofree char *log = rundir_path(host->run_dir, name, RUN_PAIR_LOG);
    g_auto(Process) process = {0};
    off_t begin = 0;
    int ready = -1;

    process_watch_signals(&process);
    if (!rundir_create(host->run_dir, name, error))
        return NULL;

    int log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    if (log_fd < 0) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST, "cannot write %s: %s", log,
                    g_strerror(errno));
        return NULL;
    }
    begin = lseek(log_fd, 0, SEEK_END);
    ready = spawn(host, (const char *const[]){verb, argument}, log_fd, &process.pid, error);
    close(log_fd);
    if (ready < 0)
        return NULL;
    process.watches[0] = g_child_watch_add(process.pid, on_exited, &process);
    return await_ready(&process, ready, log, begin, died, error);
}
