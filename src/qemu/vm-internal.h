/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vm-internal.h - what the files of vm.h share among each other
 */
#ifndef DMORE_QEMU_VM_INTERNAL_H
#define DMORE_QEMU_VM_INTERNAL_H

#include "qemu/qmp.h"
#include "qemu/vm.h"
#include "qemu/vm-process.h"

struct Vm {
    char *name;
    char *log;         /* path */
    goffset log_start; /* where this process's part of the log begins */
    VmProcess *process;
    Qmp *qmp;
    const VmEvents *events;
    gpointer data;
    VmState state;
    VmMigrationState migration; /* as last heard of */
    char *detail;               /* why the state is going to change, from the last event */
    VmState ended;              /* what the guest has ended as by itself; VM_RUNNING: it has not */
    gboolean fresh;             /* it has not run yet, and nothing has come for it */
    gboolean migrating;         /* it stands still for its migration, which is not over */
    gboolean commanding;        /* vm_pause() or vm_resume() is under way */
    gboolean unsettled;         /* one of them was sent, and what came of it is not known */
    gboolean ending;            /* vm_kill() is under way */
};

/* What a Vm does with what its monitor says; @data is the Vm. */
extern const QmpEvents vm_monitor_events;

/* vm_migration_parse() - QEMU's word for the state of a migration */
VmMigrationState vm_migration_parse(const char *status);

/* vm_set_key() - have the next migration use TLS with the key in @key_dir, or no TLS if that is
 * NULL
 * @server: for an incoming migration
 */
gboolean vm_set_key(Vm *vm, const char *key_dir, gboolean server, GError **error);

/* vm_connect() - connect to where a destination listens
 * @address: numeric, as vm_migration_listen() returns it
 *
 * Return: (transfer full): a connection whose socket does not block.
 */
GSocketConnection *vm_connect(const Vm *vm, const char *address, guint timeout_ms,
                              GCancellable *cancellable, GError **error);

#endif
