/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmore-pair - runs one pair on this host
 *
 *	dmore-pair up FILE	start a pair; `dmore up` runs this
 *	dmore-pair incoming	receive a pair over a connection, or answer what became of one that
 *				came before; dmored runs this
 *	dmore-pair adopt NAME	go on for a dmore-pair that has died; dmored runs this, and
 *				`dmore down`
 *	dmore-pair settle ID	settle what a lost link has left open; dmored runs this
 *
 * Whoever starts it learns over the pipe --ready-fd how that went: JSON lines as on the control
 * socket, the last of them a result or an error. doc/dmore-pair.8 is its manual.
 */
#include <glib.h>
#include <locale.h>
#include <stdio.h>

#include "base/error.h"
#include "base/log.h"
#include "base/options.h"
#include "dmore-pair/verbs.h"

int main(int argc, char **argv)
{
    g_autofree char *config_path = NULL;
    Program program = {.ready_fd = -1, .fd = -1, .log_fd = -1};
    gboolean show_version = FALSE;
    const GOptionEntry entries[] = {
        {"config", 0, 0, G_OPTION_ARG_FILENAME, &config_path, "the host's configuration", "FILE"},
        {"ready-fd", 0, 0, G_OPTION_ARG_INT, &program.ready_fd, "pipe to tell how it went", "N"},
        {"fd", 0, 0, G_OPTION_ARG_INT, &program.fd, "the connection that a pair comes over", "N"},
        {"version", 0, 0, G_OPTION_ARG_NONE, &show_version, "print the version", NULL},
        {0},
    };
    g_autoptr(GOptionContext) context =
        g_option_context_new("up FILE | incoming | adopt NAME | settle ID");
    g_autoptr(GError) error = NULL;

    setlocale(LC_ALL, "");
    log_setup("dmore-pair");
    g_option_context_set_summary(context, "Runs one pair of a user VM and its Domain R. Started by "
                                          "dmore(1) and dmored(8).");
    g_option_context_add_main_entries(context, entries, NULL);
    if (!options_parse(context, &argc, &argv, &error)) {
        fprintf(stderr, "dmore-pair: %s; \"dmore-pair --help\" lists the options\n",
                error->message);
        return DMORE_ERROR_USAGE;
    }
    if (show_version) {
        puts("dmore-pair " DMORE_VERSION);
        return 0;
    }

    g_autoptr(HostConfig) host = host_config_load(config_path, &error);
    g_autoptr(Service) service = service_new(host);
    program.host = host;
    program.service = service;
    if (!host)
        return verb_failed(&program, error);

    const Verb *verb = verb_find(argc > 1 ? argv[1] : "", argc - 2);
    if (verb)
        return verb->run(&program, argv[2]);
    fputs("dmore-pair: say \"up FILE\", \"adopt NAME\", \"settle ID\", or \"incoming\" with --fd; "
          "see "
          "dmore-pair(8)\n",
          stderr);
    return DMORE_ERROR_USAGE;
}
