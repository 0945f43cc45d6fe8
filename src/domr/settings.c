/* SPDX-License-Identifier: GPL-2.0-or-later */
/* settings.c - the settings of this Domain R, read from the region */
#include "domr/settings.h"

#include <errno.h>
#include <stdbool.h>

#include "domr/log.h"
#include "region/record.h"

#define DEFAULT_PORT 5900

/* The settings that are texts, and where each goes. */
static const char **text_place(struct settings *settings, uint32_t type)
{
    switch (type) {
    case SETTING_ADDRESS4:
        return &settings->address4;
    case SETTING_GATEWAY4:
        return &settings->gateway4;
    case SETTING_ADDRESS6:
        return &settings->address6;
    case SETTING_GATEWAY6:
        return &settings->gateway6;
    case SETTING_HOSTNAME:
        return &settings->hostname;
    case SETTING_DESKTOP_NAME:
        return &settings->desktop_name;
    case SETTING_PASSWORD:
        return &settings->password;
    case SETTING_TLS_KEY:
        return &settings->tls_key;
    case SETTING_TLS_CERTIFICATE:
        return &settings->tls_certificate;
    case SETTING_RSA_KEY:
        return &settings->rsa_key;
    default:
        return NULL;
    }
}

static int read_keymap(struct settings *settings, const struct record *record)
{
    const void *data = record->data; /* records start at multiples of 8, so the array is aligned */
    const struct setting_key *keys = data;

    if (record->length % sizeof(*keys) != 0)
        return -EPROTO;
    settings->keys = keys;
    settings->n_keys = record->length / sizeof(*keys);
    for (size_t i = 1; i < settings->n_keys; i++) {
        if (keys[i - 1].keysym > keys[i].keysym)
            return -EPROTO;
    }
    return 0;
}

static int read_setting(struct settings *settings, const struct record *record)
{
    uint32_t number = 0;
    const char **text = text_place(settings, record->type & ~RECORD_MANDATORY);
    int status = 0;

    if (text) {
        *text = record_text(record);
        return *text ? 0 : -EPROTO;
    }
    switch (record->type & ~RECORD_MANDATORY) {
    case SETTING_PORT:
        status = record_u32(record, &number);
        if (status == 0 && (number == 0 || number > UINT16_MAX))
            status = -EINVAL;
        settings->port = (uint16_t)number;
        return status;
    case SETTING_AUTH:
        status = record_u32(record, &number);
        if (status == 0 && number != SETTING_AUTH_PASSWORD && number != SETTING_AUTH_NONE)
            status = -EINVAL;
        settings->auth = number == SETTING_AUTH_NONE ? SETTING_AUTH_NONE : SETTING_AUTH_PASSWORD;
        return status;
    case SETTING_KEYMAP:
        return read_keymap(settings, record);
    default:
        return record->type & RECORD_MANDATORY ? -ENOTSUP : 0;
    }
}

/* What is right in itself but not together. */
static int check(const struct settings *settings)
{
    if (settings->auth == SETTING_AUTH_NONE)
        return 0;
    if (!settings->password || !*settings->password) {
        log_error("the settings ask for a password but hold none; the console stays closed");
        return -EINVAL;
    }
    if (!settings->tls_key != !settings->tls_certificate) {
        log_error("the settings hold a TLS key or a TLS certificate, but not both");
        return -EINVAL;
    }
    if (!settings->tls_key && !settings->rsa_key) {
        log_error("the settings hold neither a TLS nor an RSA key, so a password cannot be asked "
                  "for safely; the console stays closed");
        return -EINVAL;
    }
    return 0;
}

int settings_read(struct settings *settings, const struct region *region)
{
    size_t size = 0;
    const void *bytes = region_settings(region, &size);
    struct record_reader reader = {.next = bytes, .left = size};
    struct record record;
    int status;

    *settings = (struct settings){.port = DEFAULT_PORT, .desktop_name = "D-MORE"};
    while ((status = record_next(&reader, &record)) > 0) {
        status = read_setting(settings, &record);
        if (status < 0) {
            log_error("setting %u in the region cannot be used by domr %s; the host that wrote it "
                      "is newer or broken",
                      record.type & ~RECORD_MANDATORY, DMORE_VERSION);
            return status;
        }
    }
    if (status < 0) {
        log_error("the settings in the region are damaged");
        return status;
    }
    return check(settings);
}
