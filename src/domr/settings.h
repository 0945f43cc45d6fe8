/* SPDX-License-Identifier: GPL-2.0-or-later */
/* settings.h - the settings of this Domain R, read from the region (region/settings.h) */
#ifndef DMORE_DOMR_SETTINGS_H
#define DMORE_DOMR_SETTINGS_H

#include <stddef.h>

#include "region/region.h"
#include "region/settings.h"

/* struct settings - all pointers point into the region, which the host does not change in this
 * part after Domain R has started; NULL for what is absent */
struct settings {
    const char *address4;
    const char *gateway4;
    const char *address6;
    const char *gateway6;
    const char *hostname;

    uint16_t port;
    const char *desktop_name;
    enum setting_auth auth;
    const char *password;
    const char *tls_key;
    const char *tls_certificate;
    const char *rsa_key;

    const struct setting_key *keys; /* sorted by keysym */
    size_t n_keys;
};

/* settings_read() - read and check all settings
 * Return: 0, or -EPROTO or -EINVAL after an error line that names the setting.
 */
int settings_read(struct settings *settings, const struct region *region);

#endif
