/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hostconfig.c - how this host is set up for D-MORE
 */
#include "pair/hostconfig.h"

#include <gio/gio.h>
#include <string.h>

#include "base/error.h"
#include "pair/ini.h"
#include "pair/values.h"

#define DEFAULT_FILE DMORE_SYSCONFDIR "/dmore/dmore.conf"
#define DEFAULT_KEY DMORE_SYSCONFDIR "/dmore/key/keys.psk"
#define DEFAULT_IMAGE DMORE_DATADIR "/dmore/image"
#define DEFAULT_RUN_DIR "/run/dmore"
#define DEFAULT_STATE_DIR "/var/lib/dmore"

#define MIN_BANDWIDTH (1u << 20) /* with less, no guest's memory ever gets across */
#define MAX_BANDWIDTH ((guint64)1 << 50)
#define MAX_WATCHDOG 3600 /* s */

gboolean host_port_parse(const char *text, char **host, guint16 *port, GError **error)
{
    g_autoptr(GSocketConnectable) address = g_network_address_parse(text, HOST_DEFAULT_PORT, NULL);

    if (!address || *g_network_address_get_hostname(G_NETWORK_ADDRESS(address)) == '\0' ||
        g_network_address_get_port(G_NETWORK_ADDRESS(address)) == 0)
        return value_error(
            error, "\"%s\" names no host; write HOST, HOST:PORT or [IPV6-ADDRESS]:PORT", text);
    g_free(*host);
    *host = g_strdup(g_network_address_get_hostname(G_NETWORK_ADDRESS(address)));
    *port = g_network_address_get_port(G_NETWORK_ADDRESS(address));
    return TRUE;
}

/* An address that this host can have. Loopback is one: two hosts may be two name spaces. */
static gboolean check_own_address(const char *text, GError **error)
{
    g_autoptr(GInetAddress) address = g_inet_address_new_from_string(text);

    if (!address)
        return value_error(error,
                           "\"%s\" is no numeric address; write this host's, as in "
                           "\"10.0.0.1\" or \"fd00::1\"",
                           text);
    if (g_inet_address_get_is_any(address) || g_inet_address_get_is_multicast(address))
        return value_error(error,
                           "%s is not one address of this host; name the one that other "
                           "hosts are to use",
                           text);
    return TRUE;
}

static gboolean set_listen(const IniContext *context, const char *value, GError **error)
{
    HostConfig *config = context->target;

    return host_port_parse(value, &config->listen_address, &config->listen_port, error) &&
           check_own_address(config->listen_address, error);
}

static gboolean set_migration_address(const IniContext *context, const char *value, GError **error)
{
    HostConfig *config = context->target;

    if (!check_own_address(value, error))
        return FALSE;
    config->migration_address = g_strdup(value);
    return TRUE;
}

static gboolean set_bandwidth(const IniContext *context, const char *value, GError **error)
{
    HostConfig *config = context->target;

    return value_size(value, MIN_BANDWIDTH, MAX_BANDWIDTH, &config->bandwidth, error);
}

static gboolean set_key(const IniContext *context, const char *value, GError **error)
{
    HostConfig *config = context->target;

    return value_path(value, context->directory, &config->key, error);
}

static gboolean set_image(const IniContext *context, const char *value, GError **error)
{
    HostConfig *config = context->target;

    return value_path(value, context->directory, &config->image, error);
}

static gboolean set_run_dir(const IniContext *context, const char *value, GError **error)
{
    HostConfig *config = context->target;

    return value_path(value, context->directory, &config->run_dir, error);
}

static gboolean set_state_dir(const IniContext *context, const char *value, GError **error)
{
    HostConfig *config = context->target;

    return value_path(value, context->directory, &config->state_dir, error);
}

static gboolean set_qemu(const IniContext *context, const char *value, GError **error)
{
    HostConfig *config = context->target;

    if (strchr(value, '/'))
        return value_path(value, context->directory, &config->qemu, error);
    config->qemu = g_strdup(value);
    return TRUE;
}

static gboolean set_watchdog(const IniContext *context, const char *value, GError **error)
{
    HostConfig *config = context->target;
    gint64 seconds = 0;

    if (!value_integer(value, 0, MAX_WATCHDOG, &seconds, error))
        return FALSE;
    config->watchdog = (guint)seconds;
    return TRUE;
}

static const IniKey keys[] = {
    {"host", "listen", set_listen, FALSE},
    {"host", "migration-address", set_migration_address, FALSE},
    {"host", "bandwidth", set_bandwidth, FALSE},
    {"host", "key", set_key, FALSE},
    {"host", "image", set_image, FALSE},
    {"host", "run-dir", set_run_dir, FALSE},
    {"host", "state-dir", set_state_dir, FALSE},
    {"host", "qemu", set_qemu, FALSE},
    {"host", "watchdog", set_watchdog, FALSE},
};

HostConfig *host_config_load(const char *path, GError **error)
{
    if (!path)
        path = g_getenv(HOST_CONFIG_ENVIRONMENT);
    if (!path && g_file_test(DEFAULT_FILE, G_FILE_TEST_EXISTS))
        path = DEFAULT_FILE;

    g_autofree char *absolute = path ? g_canonicalize_filename(path, NULL) : NULL;
    g_autofree char *directory = absolute ? g_path_get_dirname(absolute) : NULL;
    gsize length = 0;
    g_autofree char *text = path ? ini_load(path, &length, error) : g_strdup("");

    if (!text)
        return NULL;

    g_autoptr(HostConfig) config = g_new0(HostConfig, 1);
    IniContext context = {config, directory};
    int lines[G_N_ELEMENTS(keys)];

    config->path = g_steal_pointer(&absolute);
    config->listen_port = HOST_DEFAULT_PORT;
    config->bandwidth = HOST_UNLIMITED_BANDWIDTH;
    config->watchdog = HOST_DEFAULT_WATCHDOG;
    if (!ini_parse(text, length, path ? path : "", keys, G_N_ELEMENTS(keys), &context, lines,
                   error))
        return NULL;
    if (!config->migration_address)
        config->migration_address = g_strdup(config->listen_address);
    if (!config->key)
        config->key = g_strdup(DEFAULT_KEY);
    if (!config->image)
        config->image = g_strdup(DEFAULT_IMAGE);
    if (!config->run_dir)
        config->run_dir = g_strdup(DEFAULT_RUN_DIR);
    if (!config->state_dir)
        config->state_dir = g_strdup(DEFAULT_STATE_DIR);
    config->key_dir = g_path_get_dirname(config->key);
    return g_steal_pointer(&config);
}

void host_config_free(HostConfig *config)
{
    g_free(config->path);
    g_free(config->listen_address);
    g_free(config->migration_address);
    g_free(config->key);
    g_free(config->key_dir);
    g_free(config->image);
    g_free(config->run_dir);
    g_free(config->state_dir);
    g_free(config->qemu);
    g_free(config);
}
