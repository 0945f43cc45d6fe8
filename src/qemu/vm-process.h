/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vm-process.h - the operating system's side of a VM: a process that is started, watched and ended
 */
#ifndef DMORE_QEMU_VM_PROCESS_H
#define DMORE_QEMU_VM_PROCESS_H

#include <gio/gio.h>

#include "qemu/vm.h"

typedef struct VmProcess VmProcess;

/* @how: a clause: "exit status 1", "killed by signal 9" */
typedef void (*VmProcessEnded)(const char *how, gpointer data);

/* What a new process gets besides its arguments. Descriptors stay the caller's. */
typedef struct {
    const VmFd *fds;
    gsize n_fds;
    int monitor; /* passed on as VM_MONITOR_FD */
    int log;     /* its standard output and error */
} VmProcessFds;

/* vm_process_spawn() - start a process in a session of its own
 * @ended: called once from the main context
 *
 * Return: NULL with DMORE_ERROR_HOST when it cannot be started.
 */
VmProcess *vm_process_spawn(const char *const *arguments, const VmProcessFds *fds,
                            VmProcessEnded ended, gpointer data, GError **error);

/* vm_process_adopt() - watch a process that somebody else has started
 * Return: NULL with DMORE_ERROR_NOT_FOUND when there is none.
 */
VmProcess *vm_process_adopt(GPid pid, VmProcessEnded ended, gpointer data, GError **error);

/* vm_process_free() - stop watching; the process goes on */
void vm_process_free(VmProcess *process);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VmProcess, vm_process_free)

GPid vm_process_pid(const VmProcess *process);

/* vm_process_fetch_fd() - a duplicate of a descriptor of the process (pidfd_getfd(2))
 * Return: -1 with DMORE_ERROR_HOST.
 */
int vm_process_fetch_fd(const VmProcess *process, int number, GError **error);

/* vm_process_how() - how it has ended; NULL while it runs */
const char *vm_process_how(const VmProcess *process);

/* vm_process_kill() - end it and await its end
 *
 * It is asked first (SIGTERM), so that it writes out what it holds of the disks' metadata, and has
 * some seconds for that.
 */
void vm_process_kill(VmProcess *process);

/* vm_process_destroy() - end it without asking, also when it hangs */
void vm_process_destroy(VmProcess *process);

#endif
