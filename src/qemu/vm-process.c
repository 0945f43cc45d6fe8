/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vm-process.c - the operating system's side of a VM
 *
 * A process is held by a pidfd, launched or adopted alike: it cannot be mistaken for another one
 * that got the same number later, and it becomes readable when the process ends.
 */
#include "qemu/vm-process.h"

#include <errno.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib-unix.h>

#include "base/await.h"
#include "base/error.h"

#define TERM_TIMEOUT_MS 10000

struct VmProcess {
    GPid pid;
    int pidfd;
    guint watch;
    char *how;
    VmProcessEnded ended;
    gpointer data;
};

/* describe_end() - reap the process; an adopted one is not ours to reap and leaves no status */
static char *describe_end(int pidfd)
{
    siginfo_t info = {0};

    if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0)
        return g_strdup("it has ended");
    if (info.si_code == CLD_EXITED)
        return g_strdup_printf("exit status %d", info.si_status);
    return g_strdup_printf("killed by signal %d (%s)", info.si_status, strsignal(info.si_status));
}

static gboolean on_ended(gint fd, GIOCondition condition, gpointer data)
{
    VmProcess *process = data;

    process->watch = 0;
    process->how = describe_end(fd);
    process->ended(process->how, process->data);
    return G_SOURCE_REMOVE;
}

VmProcess *vm_process_adopt(GPid pid, VmProcessEnded ended, gpointer data, GError **error)
{
    int pidfd = pidfd_open(pid, 0);

    if (pidfd < 0) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_NOT_FOUND, "there is no process %d: %s", pid,
                    g_strerror(errno));
        return NULL;
    }

    VmProcess *process = g_new0(VmProcess, 1);

    process->pid = pid;
    process->pidfd = pidfd;
    process->ended = ended;
    process->data = data;
    process->watch = g_unix_fd_add(pidfd, G_IO_IN, on_ended, process);
    return process;
}

/* child_setup() - runs in the child before exec; async-signal-safe calls only */
static void child_setup(gpointer data)
{
    sigset_t none;

    setsid();
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

VmProcess *vm_process_spawn(const char *const *arguments, const VmProcessFds *fds,
                            VmProcessEnded ended, gpointer data, GError **error)
{
    g_autoptr(GArray) sources = g_array_new(FALSE, FALSE, sizeof(int));
    g_autoptr(GArray) targets = g_array_new(FALSE, FALSE, sizeof(int));
    g_autoptr(GError) reason = NULL;
    const int monitor = VM_MONITOR_FD;
    GPid pid;

    g_array_append_val(sources, fds->monitor);
    g_array_append_val(targets, monitor);
    for (gsize i = 0; i < fds->n_fds; i++) {
        g_array_append_val(sources, fds->fds[i].fd);
        g_array_append_val(targets, fds->fds[i].number);
    }
    if (!g_spawn_async_with_pipes_and_fds(
            NULL, arguments, NULL, G_SPAWN_DO_NOT_REAP_CHILD, child_setup, NULL, -1, fds->log,
            fds->log, (const int *)(gpointer)sources->data, (const int *)(gpointer)targets->data,
            sources->len, &pid, NULL, NULL, NULL, &reason)) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST, "cannot start %s: %s", arguments[0],
                    reason->message);
        return NULL;
    }
    /* Not reaped yet, so its number is still its own. */
    VmProcess *process = vm_process_adopt(pid, ended, data, &reason);

    if (process == NULL) {
        /* Nobody would ever end it. */
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST, "cannot watch %s: %s", arguments[0],
                    reason->message);
    }
    return process;
}

void vm_process_free(VmProcess *process)
{
    if (process == NULL)
        return;
    g_clear_handle_id(&process->watch, g_source_remove);
    close(process->pidfd);
    g_free(process->how);
    g_free(process);
}

GPid vm_process_pid(const VmProcess *process)
{
    return process->pid;
}

int vm_process_fetch_fd(const VmProcess *process, int number, GError **error)
{
    int fd = pidfd_getfd(process->pidfd, number, 0);

    if (fd < 0)
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST,
                    "cannot fetch descriptor %d of process %d: %s%s", number, process->pid,
                    g_strerror(errno),
                    errno == EPERM ? "; this needs root, or CAP_SYS_PTRACE, and the sysctl "
                                     "kernel.yama.ptrace_scope below 3"
                                   : "");
    return fd;
}

const char *vm_process_how(const VmProcess *process)
{
    return process->how;
}

static gboolean has_ended(gpointer data)
{
    return ((VmProcess *)data)->how != NULL;
}

void vm_process_destroy(VmProcess *process)
{
    pidfd_send_signal(process->pidfd, SIGKILL, NULL, 0);
    await(has_ended, process, -1, NULL, "QEMU's end", NULL);
}

void vm_process_kill(VmProcess *process)
{
    g_autoptr(GError) error = NULL;

    pidfd_send_signal(process->pidfd, SIGTERM, NULL, 0);
    if (await(has_ended, process, TERM_TIMEOUT_MS, NULL, "QEMU's end", &error))
        return;
    g_warning("process %d does not end when asked, it is killed: %s", process->pid, error->message);
    vm_process_destroy(process);
}
