/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cmdline.h - QEMU command lines for the two VMs of a pair
 */
#ifndef DMORE_QEMU_CMDLINE_H
#define DMORE_QEMU_CMDLINE_H

#include <glib.h>
#include "qemu/probe.h"

typedef struct {
    char *path;
    char *format;    /* "raw", "qcow2" */
    char *interface; /* "virtio", "ide", "scsi" */
    gboolean read_only;
} DiskSpec;

typedef struct {
    const char *name;
    const char *accelerator;   /* "kvm", "tcg" */
    const char *monitor_extra; /* (nullable): path of a second monitor, for the operator */
    const char *machine;       /* (nullable): versioned machine type; NULL: the newest q35 */
    const char *cpu;           /* (nullable): a named model; NULL: PROBE_DEFAULT_CPU */
    guint64 memory;            /* bytes */
    int cpus;
    const char *uuid;
    int network_fd; /* tap, or -1 for none */
    const char *mac;
    gboolean incoming; /* start as the destination of a migration */
} VmSpec;

typedef struct {
    VmSpec vm;
    const char *display; /* "virtio-vga", "std" */
    const DiskSpec *disks;
    gsize n_disks;
    const char *cdrom;  /* (nullable) */
    const char *kernel; /* (nullable), with initrd and append */
    const char *initrd;
    const char *append;
    const char *boot;         /* (nullable): QEMU's -boot order */
    const char *nic;          /* network card model, "virtio-net-pci" */
    int stream_fds[2];        /* the VM's ends of keyboard and pointer, enum region_stream_id */
    const char *const *extra; /* (nullable): further arguments, verbatim, last */
} UserVmSpec;

typedef struct {
    VmSpec vm;
    const char *kernel;
    const char *initrd;
    const char *region;      /* path of the region's file */
    guint64 region_size;     /* bytes */
    const char *kick;        /* path of the kick's socket, which QEMU creates and listens on */
    const char *console_log; /* path of the file that receives Domain R's serial console */
} DomainRSpec;

/* How the user VM's end of a stream is called: "keyboard" is the character device,
 * "keyboard-device" the USB device, at port STREAM_PORT(0) of STREAM_BUS. The index is enum
 * region_stream_id. */
extern const char *const cmdline_streams[2];
#define STREAM_BUS "usb.0"
#define STREAM_PORT(stream) ((stream) + 1)

/* The argument vectors, NULL-terminated, argv[0] being probe->binary; free with g_strfreev(). They
 * are for vm_launch(): the monitor's listening socket is VM_MONITOR_FD. All VMs start paused;
 * Domain R and user VM alike are started by vm_resume(). */
char **cmdline_user_vm(const Probe *probe, const UserVmSpec *spec);
char **cmdline_domain_r(const Probe *probe, const DomainRSpec *spec);

/* cmdline_machine() - the versioned machine type that "q35" or "pc" stands for on this QEMU, so
 * that both hosts of a migration use the same; "q35" -> "pc-q35-10.0". Awaits.
 * @cancellable: (nullable)
 *
 * Return: NULL with DMORE_ERROR_USAGE when there is no such type, with the code of inquire() when
 * QEMU does not tell.
 */
char *cmdline_machine(const Probe *probe, const char *machine, GCancellable *cancellable,
                      GError **error);

#endif
