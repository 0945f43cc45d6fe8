/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hostconfig.h - how this host is set up for D-MORE: /etc/dmore/dmore.conf, doc/dmore.conf.5
 */
#ifndef DMORE_PAIR_HOSTCONFIG_H
#define DMORE_PAIR_HOSTCONFIG_H

#include <glib.h>

#define HOST_CONFIG_ENVIRONMENT "DMORE_CONFIG"
#define HOST_DEFAULT_PORT 7643
#define HOST_DEFAULT_WATCHDOG 30 /* s: more than a busy host without KVM lets a VM wait */
#define HOST_UNLIMITED_BANDWIDTH 1000000000u /* bytes a second: no limit in practice */

typedef struct {
    char *path;           /* (nullable): the file it is from; NULL: all of it are defaults */
    char *listen_address; /* (nullable): numeric; dmored does not start without it */
    guint16 listen_port;
    char *migration_address; /* (nullable): numeric, for the memory streams; listen_address if
                              * that is set */
    guint64 bandwidth;       /* bytes a second for both memory streams together */
    char *key;               /* path of the key file, psk.h */
    char *key_dir;           /* the directory it lies in, for the hypervisor */
    char *image;             /* directory with vmlinuz, initrd, image.json of Domain R */
    char *run_dir;
    char
        *state_dir; /* what has to survive a reboot: notes of co-migrations, which pairs are here */
    guint watchdog; /* seconds without a sign of life after which Domain R or a dmore-pair is
                       replaced; 0: never */
    char *qemu;     /* (nullable): name or path of the binary */
} HostConfig;

/* host_config_load() - read a host's configuration
 * @path: (nullable): the file; NULL: the one that $DMORE_CONFIG names, else the default one, which
 *	  may be absent
 *
 * Return: NULL with DMORE_ERROR_USAGE, "file:line: sentence".
 */
HostConfig *host_config_load(const char *path, GError **error);

void host_config_free(HostConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HostConfig, host_config_free)

/* host_port_parse() - take "HOST", "HOST:PORT", "[IPV6]:PORT" apart
 * @host: (out): without brackets
 * @port: (out): HOST_DEFAULT_PORT when there is none
 *
 * Return: FALSE with DMORE_ERROR_USAGE.
 */
gboolean host_port_parse(const char *text, char **host, guint16 *port, GError **error);

#endif
