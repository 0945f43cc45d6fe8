/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hostconfig_fuzz.c - dmore.conf, a host's file; an input is its text */
#include <gio/gio.h>

#include "fuzz-glib.h"
#include "pair/hostconfig.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    fuzz_quiet_glib();
    return 0;
}

static void check_address(const char *text)
{
    g_autoptr(GInetAddress) address = text != NULL ? g_inet_address_new_from_string(text) : NULL;

    CHECK(text == NULL || (address != NULL && !g_inet_address_get_is_any(address)));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    g_autoptr(GError) error = NULL;
    const char *path = fuzz_file("dmore.conf", bytes, size);
    g_autoptr(HostConfig) config = host_config_load(path, &error);

    CHECK((config == NULL) == (error != NULL));
    if (config == NULL) {
        CHECK(g_utf8_validate(error->message, -1, NULL));
        return 0;
    }
    check_address(config->listen_address);
    check_address(config->migration_address);
    CHECK(config->listen_port != 0 && config->bandwidth > 0);
    CHECK(g_path_is_absolute(config->key) && g_path_is_absolute(config->key_dir));
    CHECK(g_path_is_absolute(config->image) && g_path_is_absolute(config->run_dir));
    return 0;
}
