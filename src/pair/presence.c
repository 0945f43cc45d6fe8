/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pair/presence.h"

#include "base/error.h"
#include "pair/statefile.h"

#define FOLDER "pairs"
#define GROUP "pair"
#define BOOT_ID "/proc/sys/kernel/random/boot_id"

static char *read_boot_id(void)
{
    g_autoptr(GError) error = NULL;
    char *id = NULL;

    if (g_file_get_contents(BOOT_ID, &id, NULL, &error))
        return g_strstrip(id);
    g_warning("which boot of this host this is cannot be told: %s", error->message);
    return g_strdup("");
}

gboolean presence_write(const char *state, const char *name, const char *uuid, gboolean stable,
                        GError **error)
{
    g_autoptr(GKeyFile) text = g_key_file_new();
    g_autofree char *boot = read_boot_id();

    g_key_file_set_string(text, GROUP, "uuid", uuid);
    g_key_file_set_string(text, GROUP, "boot", boot);
    g_key_file_set_int64(text, GROUP, "since", g_get_real_time() / G_USEC_PER_SEC);
    return statefile_write(state, FOLDER, name, text, stable, error);
}

Presence *presence_load(const char *state, const char *name, GError **error)
{
    g_autoptr(GKeyFile) text = statefile_load(state, FOLDER, name, error);

    if (!text)
        return NULL;
    g_autofree char *boot = g_key_file_get_string(text, GROUP, "boot", NULL);
    g_autofree char *now = read_boot_id();
    g_autofree char *uuid = g_key_file_get_string(text, GROUP, "uuid", NULL);
    Presence *presence = g_new0(Presence, 1);

    presence->name = g_strdup(name);
    presence->uuid = uuid ? g_steal_pointer(&uuid) : g_strdup("");
    presence->since = g_key_file_get_int64(text, GROUP, "since", NULL);
    presence->earlier_boot = g_strcmp0(boot, now) != 0;
    return presence;
}

void presence_remove(const char *state, const char *name, const char *uuid)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Presence) presence = uuid ? presence_load(state, name, NULL) : NULL;

    if (uuid && (!presence || !g_str_equal(presence->uuid, uuid)))
        return;
    if (!statefile_remove(state, FOLDER, name, FALSE, &error))
        g_warning("%s", error->message);
}

char **presence_list(const char *state, GError **error)
{
    return statefile_list(state, FOLDER, error);
}

void presence_free(Presence *presence)
{
    g_free(presence->name);
    g_free(presence->uuid);
    g_free(presence);
}
