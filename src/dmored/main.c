/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmored - lets pairs come from other hosts, and keeps those that are here
 *
 * It listens on the address that the host's configuration names, and starts a dmore-pair for each
 * connection (incoming.h), and another one for a pair whose dmore-pair has died or hangs (watch.h).
 * It settles what co-migrations have left open (settling.h). It stays in the foreground and logs to
 * standard error. doc/dmored.8 is its manual.
 */
#include <glib-unix.h>
#include <locale.h>
#include <stdio.h>

#include "base/error.h"
#include "base/log.h"
#include "base/options.h"
#include "dmored/incoming.h"
#include "dmored/settling.h"
#include "dmored/watch.h"
#include "pair/program.h"
#include "pair/psk.h"

static gboolean on_signal(gpointer data)
{
    GMainLoop *loop = data;

    g_message("asked by a signal to end; the pairs on this host go on");
    g_main_loop_quit(loop);
    return G_SOURCE_CONTINUE;
}

static gboolean serve(const char *config_path, GError **error)
{
    g_autoptr(HostConfig) host = host_config_load(config_path, error);

    if (!host)
        return FALSE;
    if (!host->listen_address) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_USAGE,
                    "%s does not say where to listen: set \"listen\" in its section [host] to the "
                    "address of this host that other hosts are to use",
                    host->path ? host->path : "the configuration");
        return FALSE;
    }

    /* Better now than when the first pair comes. */
    g_autofree char *key = psk_read(host->key, error);
    g_autofree char *program = key ? program_pair(error) : NULL;
    g_autoptr(Incoming) incoming = program ? incoming_new(host, program, error) : NULL;
    g_autoptr(Watch) watch = incoming ? watch_new(host, program, error) : NULL;

    g_autoptr(Settling) settling = watch ? settling_new(host, program, error) : NULL;

    if (!settling)
        return FALSE;

    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);

    g_unix_signal_add(SIGTERM, on_signal, loop);
    g_unix_signal_add(SIGINT, on_signal, loop);
    g_message("dmored " DMORE_VERSION " listens on %s port %u", host->listen_address,
              host->listen_port);
    g_main_loop_run(loop);
    return TRUE;
}

int main(int argc, char **argv)
{
    g_autofree char *config_path = NULL;
    gboolean show_version = FALSE;
    const GOptionEntry entries[] = {
        {"config", 0, 0, G_OPTION_ARG_FILENAME, &config_path, "the host's configuration", "FILE"},
        {"version", 0, 0, G_OPTION_ARG_NONE, &show_version, "print the version", NULL},
        {0},
    };
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GError) error = NULL;

    setlocale(LC_ALL, "");
    log_setup("dmored");
    g_option_context_set_summary(context,
                                 "Lets pairs of a user VM and its Domain R come from other "
                                 "hosts, and keeps those that are here: a dmore-pair that has "
                                 "died is replaced, what a move has left open is settled.");
    g_option_context_add_main_entries(context, entries, NULL);
    if (!options_parse(context, &argc, &argv, &error) || argc > 1) {
        fprintf(stderr, "dmored: %s; \"dmored --help\" lists the options\n",
                error ? error->message : "it takes no arguments");
        return DMORE_ERROR_USAGE;
    }
    if (show_version) {
        puts("dmored " DMORE_VERSION);
        return 0;
    }
    if (serve(config_path, &error))
        return 0;
    g_critical("%s", error->message);
    return dmore_error_of(error);
}
