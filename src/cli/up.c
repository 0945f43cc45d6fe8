/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * up.c - dmore up FILE: start the pair that a file describes
 */
#include "cli/cli.h"

#include "base/error.h"
#include "base/json.h"
#include "cli/launch.h"
#include "pair/config.h"
#include "pair/rundir.h"

static void print_started(JsonObject *status, const char *name)
{
    const char *note = json_get_text(status, "accelerator_note", NULL);
    JsonObject *console = json_get_object(status, "console");
    JsonArray *addresses = console ? json_get_array(console, "address") : NULL;

    cli_print("%s runs (%s, QEMU %s)\n", name, json_get_text(status, "accelerator", "?"),
              json_get_text(status, "qemu_version", "?"));
    if (note)
        cli_print("note: %s\n", note);
    if (addresses && json_array_get_length(addresses) > 0)
        cli_print("console: %s port %d; ", json_array_get_string_element(addresses, 0),
                  (int)json_get_integer(console, "port", 0));
    else
        cli_print("console: ");
    cli_print("\"dmore console %s\" tells how to connect\n", name);
}

gboolean up_run(const HostConfig *host, int argc, char **argv, GError **error)
{
    if (!cli_parse(&argc, &argv, "FILE",
                   "Starts the pair that FILE describes; dmore-pair.conf(5) tells what it may say.",
                   NULL, 1, 1, error))
        return FALSE;

    g_autoptr(PairConfig) config = pair_config_load(argv[1], error);

    if (!config)
        return FALSE;
    if (rundir_is_claimed(host->run_dir, config->name)) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_BUSY,
                    "there is a pair called %s on this host already; \"dmore status %s\" shows it",
                    config->name, config->name);
        return FALSE;
    }

    g_autofree char *directory = g_build_filename(host->run_dir, config->name, NULL);
    gboolean is_new = !g_file_test(directory, G_FILE_TEST_EXISTS);

    if (!rundir_create(host->run_dir, config->name, error))
        return FALSE;

    gboolean died = FALSE;
    g_autofree char *file = g_canonicalize_filename(argv[1], NULL);
    g_autoptr(JsonObject) status = launch_pair(host, "up", file, config->name, &died, error);

    if (status) {
        print_started(status, config->name);
        return TRUE;
    }
    /* A start that was refused leaves nothing behind; one that died leaves its log. */
    if (is_new && !died && !rundir_is_claimed(host->run_dir, config->name))
        rundir_remove(host->run_dir, config->name, NULL);
    return FALSE;
}
