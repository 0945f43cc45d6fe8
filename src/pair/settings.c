/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pair/settings.h"

#include <stdlib.h>

#include "base/error.h"
#include "pair/credentials.h"
#include "pair/keymap.h"
#include "region/record.h"
#include "region/settings.h"

/* An absent text is an absent record. */
static int put_text(struct record_writer *writer, enum setting setting, const char *text)
{
    return text ? record_put_text(writer, setting, text) : 0;
}

static int put_network(struct record_writer *writer, const PairConfig *config)
{
    const PairDomainR *domain_r = &config->domain_r;

    return put_text(writer, SETTING_ADDRESS4, domain_r->address) |
           put_text(writer, SETTING_GATEWAY4, domain_r->gateway) |
           put_text(writer, SETTING_ADDRESS6, domain_r->address6) |
           put_text(writer, SETTING_GATEWAY6, domain_r->gateway6) |
           put_text(writer, SETTING_HOSTNAME, config->name);
}

static int put_console(struct record_writer *writer, const PairConfig *config,
                       const Credentials *credentials)
{
    const PairConsole *console = &config->console;
    int ret = record_put_u32(writer, SETTING_PORT, console->port) |
              put_text(writer, SETTING_DESKTOP_NAME, config->name) |
              record_put_u32(writer, SETTING_AUTH,
                             console->open ? SETTING_AUTH_NONE : SETTING_AUTH_PASSWORD);

    if (!console->open)
        ret |= put_text(writer, SETTING_PASSWORD, console->password) |
               put_text(writer, SETTING_TLS_KEY, credentials->tls_key) |
               put_text(writer, SETTING_TLS_CERTIFICATE, credentials->tls_certificate) |
               put_text(writer, SETTING_RSA_KEY, credentials->rsa_key);
    return ret;
}

GBytes *pair_settings_make(const PairConfig *config, GError **error)
{
    g_autoptr(GArray) keymap = keymap_compile(config->console.layout, error);
    if (!keymap)
        return NULL;

    g_autoptr(Credentials) credentials = NULL;
    if (!config->console.open) {
        credentials = credentials_generate(config->name, config->domain_r.address,
                                           config->domain_r.address6, error);
        if (!credentials)
            return NULL;
    }

    struct record_writer writer = {0};
    int ret =
        put_network(&writer, config) | put_console(&writer, config, credentials) |
        record_put(&writer, SETTING_KEYMAP, keymap->data, keymap->len * sizeof(struct setting_key));
    if (ret < 0) {
        free(writer.bytes);
        g_set_error_literal(error, DMORE_ERROR, DMORE_ERROR_FAILED,
                            "no memory for the settings of Domain R");
        return NULL;
    }
    return g_bytes_new_with_free_func(writer.bytes, writer.size, free, writer.bytes);
}
