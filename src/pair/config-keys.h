/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config-keys.h - the keys that the file of a pair may hold; shared by config.c and config-keys.c
 */
#ifndef DMORE_PAIR_CONFIG_KEYS_H
#define DMORE_PAIR_CONFIG_KEYS_H

#include "pair/config.h"
#include "pair/ini.h"

#define PASSWORD_MAX 255 /* bytes: RSA-AES sends the length in one byte */

enum pair_key {
    PAIR_KEY_NAME,
    PAIR_KEY_UUID,
    PAIR_KEY_MEMORY,
    PAIR_KEY_CPUS,
    PAIR_KEY_MACHINE,
    PAIR_KEY_CPU,
    PAIR_KEY_DISPLAY,
    PAIR_KEY_DISK,
    PAIR_KEY_CDROM,
    PAIR_KEY_KERNEL,
    PAIR_KEY_INITRD,
    PAIR_KEY_APPEND,
    PAIR_KEY_BOOT,
    PAIR_KEY_BRIDGE,
    PAIR_KEY_MAC,
    PAIR_KEY_NIC,
    PAIR_KEY_EXTRA,
    PAIR_KEY_R_MEMORY,
    PAIR_KEY_R_ADDRESS,
    PAIR_KEY_R_GATEWAY,
    PAIR_KEY_R_ADDRESS6,
    PAIR_KEY_R_GATEWAY6,
    PAIR_KEY_R_BRIDGE,
    PAIR_KEY_R_MAC,
    PAIR_KEY_PORT,
    PAIR_KEY_LAYOUT,
    PAIR_KEY_AUTH,
    PAIR_KEY_PASSWORD,
    PAIR_KEY_PASSWORD_FILE,
    PAIR_KEYS,
};

/* Their order is that of enum pair_key; the target of the setters is a PairConfig. */
extern const IniKey pair_config_keys[PAIR_KEYS];

void disk_clear(DiskSpec *disk);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DiskSpec, disk_clear)

#endif
