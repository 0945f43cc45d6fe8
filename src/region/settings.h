/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * settings.h - what a host tells Domain R before it starts: the records at REGION_SETTINGS_OFFSET
 *
 * Texts are NUL-terminated. A setting that is absent has the value said here.
 */
#ifndef DMORE_REGION_SETTINGS_H
#define DMORE_REGION_SETTINGS_H

#include <stdint.h>

enum setting {
    /* Network of Domain R; its one interface. */
    SETTING_ADDRESS4 = 1, /* "10.0.0.5/24", or "dhcp"; absent: no IPv4 */
    SETTING_GATEWAY4 = 2, /* "10.0.0.1"; absent: none */
    SETTING_ADDRESS6 = 3, /* "fd00::5/64"; absent: only the link-local address */
    SETTING_GATEWAY6 = 4,
    SETTING_HOSTNAME = 5, /* sent with DHCP; the pair's name */

    /* The console. */
    SETTING_PORT = 16,            /* u32; absent: 5900 */
    SETTING_DESKTOP_NAME = 17,    /* absent: "D-MORE" */
    SETTING_AUTH = 18,            /* u32, enum setting_auth; absent: password */
    SETTING_PASSWORD = 19,        /* required with SETTING_AUTH_PASSWORD */
    SETTING_TLS_KEY = 20,         /* PEM */
    SETTING_TLS_CERTIFICATE = 21, /* PEM */
    SETTING_RSA_KEY = 22,         /* PEM, PKCS#1, for RSA-AES */

    /* Keyboard: array of struct setting_key, sorted by keysym. */
    SETTING_KEYMAP = 32,
};

enum setting_auth {
    SETTING_AUTH_PASSWORD = 0,
    SETTING_AUTH_NONE = 1,
};

/* How a keysym is typed on the layout that the guest is set to. Made on the host from an XKB layout
 * (so Domain R needs no XKB data), used for clients that do not tell physical keys. */
enum setting_key_modifier {
    SETTING_KEY_SHIFT = 1 << 0,
    SETTING_KEY_ALTGR = 1 << 1,
    SETTING_KEY_CAPS = 1 << 2, /* Caps Lock inverts Shift for this key: a letter */
    SETTING_KEY_NUM = 1 << 3,  /* Num Lock has to be on: a digit of the keypad */
};

struct setting_key {
    uint32_t keysym; /* X11 keysym */
    uint16_t code;   /* Linux evdev code, KEY_... */
    uint16_t
        modifiers; /* enum setting_key_modifier: the modifiers that must be held, and CAPS, NUM */
};

#endif
