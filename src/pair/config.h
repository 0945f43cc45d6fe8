/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config.h - what a pair consists of: the file that an operator writes and `dmore up` reads
 *
 * doc/dmore-pair.conf.5 describes the file. A PairConfig is complete: what the file leaves out has
 * been given its default, so the same structure results wherever and whenever its canonical text is
 * parsed. That text is what the source of a co-migration sends to the destination.
 */
#ifndef DMORE_PAIR_CONFIG_H
#define DMORE_PAIR_CONFIG_H

#include <glib.h>

#include "qemu/cmdline.h"

#define PAIR_NAME_MAX 32 /* characters in a name */

typedef struct {
    guint64 memory; /* bytes */
    int cpus;
    char *machine; /* (nullable): "q35", "pc" or a versioned one; NULL: the newest q35 */
    char *cpu;     /* (nullable) */
    char *display; /* "virtio-vga", "std" */
    DiskSpec *disks;
    gsize n_disks;
    char *cdrom;  /* (nullable): path */
    char *kernel; /* (nullable): path; initrd and append only with it */
    char *initrd;
    char *append;
    char *boot;   /* (nullable): QEMU's letters: c disk, d cdrom, n network */
    char *bridge; /* (nullable): NULL: the user VM has no network */
    char *mac;
    char *nic;    /* QEMU's device name: "virtio-net-pci", ... */
    char **extra; /* further arguments of QEMU, NULL-terminated, never NULL */
} PairUserVm;

typedef struct {
    guint64 memory; /* bytes */
    char *address;  /* (nullable): "10.0.0.5/24" or "dhcp" */
    char *gateway;  /* (nullable) */
    char *address6; /* (nullable): "fd00::5/64" */
    char *gateway6; /* (nullable) */
    char *bridge;
    char *mac;
} PairDomainR;

typedef struct {
    guint16 port;
    char *layout;           /* XKB: "us", "de(nodeadkeys)" */
    gboolean open;          /* auth = none: whoever reaches the console may use it */
    char *password;         /* NULL when open, else never NULL */
    gboolean password_made; /* by us, because the file has none */
} PairConsole;

typedef struct {
    char *name;
    char *uuid;
    PairUserVm user_vm;
    PairDomainR domain_r;
    PairConsole console;
} PairConfig;

/* pair_config_load() - read an operator's file; relative paths begin in the file's directory
 *
 * Return: NULL with DMORE_ERROR_USAGE, "file:line: sentence". The file is only read: whether disks,
 * bridges and addresses exist is not looked at.
 */
PairConfig *pair_config_load(const char *path, GError **error);

/* pair_config_parse() - the same from a text of @length bytes in which all paths are absolute
 * @origin: where the text is from, for messages
 */
PairConfig *pair_config_parse(const char *text, gsize length, const char *origin, GError **error);

/* pair_config_to_text() - the canonical text; parsed again it gives an equal configuration
 * It holds the console's password.
 */
char *pair_config_to_text(const PairConfig *config);

void pair_config_free(PairConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PairConfig, pair_config_free)

/* pair_name_check() - whether a text can be a pair's name: a-z, 0-9 and "-", the first no "-", at
 * most PAIR_NAME_MAX characters, so that it is safe as a name of a directory and as a host name
 */
gboolean pair_name_check(const char *name, GError **error);

#endif
