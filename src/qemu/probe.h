/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe.h - what this host's hypervisor can do
 */
#ifndef DMORE_QEMU_PROBE_H
#define DMORE_QEMU_PROBE_H

#include <gio/gio.h>

/* The default CPU model: the newest that software emulation has all of, so that both accelerators
 * provide it and a VM can move between unlike hosts. Never "host". */
#define PROBE_DEFAULT_CPU "Westmere"

typedef struct {
    char *binary;  /* absolute path */
    char *version; /* "10.0.2" */
    int major;
    gboolean kvm;           /* a guest has really run with KVM */
    char *accelerator_note; /* why not, in a sentence; NULL when KVM is used or was never there */
} Probe;

/* probe_qemu() - find QEMU, its version, its modules, whether KVM works
 * @binary: (nullable): name or path; NULL: "qemu-system-x86_64"
 *
 * @cancellable: (nullable)
 *
 * Awaits. Takes a few hundred milliseconds, most of it the trial of KVM, which blocks for 3 s at
 * most.
 *
 * Return: NULL with DMORE_ERROR_HOST naming the Debian package to install when QEMU is missing,
 * older than 10.0, or lacks one of the devices, displays and objects that D-MORE uses; with
 * DMORE_ERROR_TIMEOUT when it does not answer, or _CANCELLED.
 */
Probe *probe_qemu(const char *binary, GCancellable *cancellable, GError **error);
void probe_free(Probe *probe);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Probe, probe_free)

/* probe_accelerator() - "kvm" or "tcg" */
const char *probe_accelerator(const Probe *probe);

#endif
