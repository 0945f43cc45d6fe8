/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * up.c - dmore up FILE: start the pair that a file describes, or its user VM alone
 */
#include "cli/cli.h"

#include "base/error.h"
#include "base/json.h"
#include "cli/launch.h"
#include "pair/client.h"
#include "pair/config.h"
#include "pair/rundir.h"

#define START_AGAIN_MS 180000 /* for the old user VM to end and another one to start */

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

/* The name is taken: by a pair whose user VM has ended, perhaps, and can be started again. What of
 * the pair goes on has to be as the file says; a password that was made is in no file. */
static gboolean start_again(const HostConfig *host, PairConfig *config, GError **error)
{
    JsonObject *arguments = json_object_new();

    if (config->console.password_made)
        g_clear_pointer(&config->console.password, g_free);
    g_autofree char *text = pair_config_to_text(config);
    json_object_set_string_member(arguments, "config", text);

    g_autoptr(Client) client = client_ask(host, config->name, "up", arguments, NULL, NULL, error);
    g_autoptr(JsonObject) status = client ? client_wait(client, START_AGAIN_MS, error) : NULL;

    if (status)
        print_started(status, config->name);
    return status != NULL;
}

gboolean up_run(const HostConfig *host, int argc, char **argv, GError **error)
{
    if (!cli_parse(&argc, &argv, "FILE",
                   "Starts the pair that FILE describes; dmore-pair.conf(5) tells what it may say. "
                   "If the pair is there and its user VM has ended, that is started again, on the "
                   "same console.",
                   NULL, 1, 1, error))
        return FALSE;

    g_autoptr(PairConfig) config = pair_config_load(argv[1], error);

    if (!config)
        return FALSE;
    if (rundir_is_claimed(host->run_dir, config->name))
        return start_again(host, config, error);

    g_autofree char *directory = g_build_filename(host->run_dir, config->name, NULL);
    gboolean is_new = !g_file_test(directory, G_FILE_TEST_EXISTS);
    gboolean died = FALSE;
    g_autofree char *file = g_canonicalize_filename(argv[1], NULL);
    g_autoptr(JsonObject) status = launch_pair(host, "up", file, config->name, &died, error);

    if (status) {
        print_started(status, config->name);
        return TRUE;
    }
    /* A start that was refused leaves nothing behind; one that died leaves its log. */
    if (is_new && !died && !rundir_is_claimed(host->run_dir, config->name))
        rundir_clean(host->run_dir, config->name, NULL);
    return FALSE;
}
