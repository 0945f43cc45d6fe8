/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vm-monitor.h - the sockets that lead to QEMU's monitor
 */
#ifndef DMORE_QEMU_VM_MONITOR_H
#define DMORE_QEMU_VM_MONITOR_H

#include <gio/gio.h>

/* vm_monitor_listen() - make the socket that QEMU is to serve, instead of whatever is at @path
 * Return: NULL with DMORE_ERROR_HOST.
 */
GSocket *vm_monitor_listen(const char *path, GError **error);

/* vm_monitor_connect() - connect to it; QEMU need not have started yet
 * Return: NULL with DMORE_ERROR_NOT_FOUND when nobody serves it, _FAILED when it is not accepted.
 */
GSocket *vm_monitor_connect(const char *path, GError **error);

/* vm_monitor_get_peer() - the process that serves the other end of @socket */
gboolean vm_monitor_get_peer(GSocket *socket, GPid *pid, GError **error);

#endif
