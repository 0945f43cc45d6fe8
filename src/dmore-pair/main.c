/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmore-pair - runs one pair on this host
 *
 *	dmore-pair up FILE	start a pair; `dmore up` runs this
 *	dmore-pair incoming	receive a pair over a connection; dmored runs this
 *
 * Whoever starts it learns over the pipe --ready-fd how that went: JSON lines as on the control
 * socket, the last of them a result or an error. doc/dmore-pair.8 is its manual.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "comigrate/destination.h"
#include "comigrate/link.h"
#include "dmore-pair/service.h"
#include "dmore-pair/status.h"
#include "pair/address.h"

typedef struct {
    const HostConfig *host;
    Service *service;
    int ready_fd;
} Program;

/* The last word to whoever started this process; further ones are not said. */
static void tell_ready(Program *program, const char *name, JsonObject *object)
{
    g_autoptr(JsonNode) node = json_node_new(JSON_NODE_OBJECT);
    JsonObject *line = json_object_new();

    json_object_set_object_member(line, name, object);
    json_node_take_object(node, line);
    if (program->ready_fd < 0)
        return;
    g_autofree char *text = json_to_string(node, FALSE);
    g_autofree char *with_newline = g_strconcat(text, "\n", NULL);
    if (write(program->ready_fd, with_newline, strlen(with_newline)) < 0)
        g_warning("whoever started this has gone: %s", g_strerror(errno));
    close(program->ready_fd);
    program->ready_fd = -1;
}

static int tell_failure(Program *program, const GError *error)
{
    JsonObject *object = json_object_new();

    g_critical("%s", error->message);
    json_object_set_string_member(object, "code", dmore_error_name(dmore_error_of(error)));
    json_object_set_string_member(object, "message", error->message);
    tell_ready(program, "error", object);
    return 1;
}

static gboolean start_pair(Program *program, Pair *pair, GError **error)
{
    GCancellable *cancellable = service_cancellable(program->service);

    /* It can be asked for, and taken down, from the beginning. */
    return pair_claim(pair, FALSE, error) && service_show(program->service, pair, error) &&
           pair_build(pair, cancellable, error) && pair_start(pair, cancellable, error);
}

static int run_up(Program *program, const char *path)
{
    g_autoptr(GError) error = NULL;
    PairConfig *config = pair_config_load(path, &error);
    if (!config)
        return tell_failure(program, error);
    log_setup(config->name);

    g_autoptr(Pair) pair = pair_new(program->host, config, NULL, &error);
    if (!pair || !pair_check_host(pair, &error) ||
        !address_check_free(pair->config->domain_r.address, pair->config->domain_r.bridge, &error))
        return tell_failure(program, error);
    if (!start_pair(program, pair, &error)) {
        service_end(program->service, pair);
        return tell_failure(program, error);
    }

    g_message("the pair runs; accelerator %s, QEMU %s", pair->platform.accelerator,
              pair->platform.qemu_version);
    tell_ready(program, "result", status_make(pair));
    service_run(program->service);
    service_hide(program->service);
    return 0;
}

/* Until here this process has logged to dmored's log; from here on to that of the pair. */
static void log_to_pair(const Pair *pair)
{
    g_autofree char *path = pair_path(pair, RUN_PAIR_LOG);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    if (fd < 0) {
        g_warning("cannot log to %s: %s", path, g_strerror(errno));
        return;
    }
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    close(fd);
    log_setup(pair->config->name);
}

static void on_appeared(Pair *pair, gpointer data)
{
    Program *program = data;
    g_autoptr(GError) error = NULL;

    log_to_pair(pair);
    if (!service_show(program->service, pair, &error))
        g_warning("the pair cannot be asked for: %s", error->message);
}

static void on_disappearing(Pair *pair, gpointer data)
{
    Program *program = data;

    service_hide(program->service);
}

static void on_arrived(JsonObject *report, gpointer data)
{
    Program *program = data;

    service_note_migration(program->service, report);
}

static int run_incoming(Program *program, int fd)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Link) link = link_accept(fd, program->host->key, &error);
    if (!link)
        return tell_failure(program, error);
    g_message("a pair comes from %s", link_peer(link));
    tell_ready(program, "result", json_object_new());

    Destination destination = {
        .host = program->host,
        .cancellable = service_cancellable(program->service),
        .appeared = on_appeared,
        .disappearing = on_disappearing,
        .arrived = on_arrived,
        .data = program,
    };
    g_autoptr(Pair) pair = destination_run(&destination, link, &error);
    if (!pair) {
        g_message("the pair does not come: %s", error->message);
        return 1;
    }
    g_clear_pointer(&link, link_free);
    service_run(program->service);
    service_hide(program->service);
    return 0;
}

int main(int argc, char **argv)
{
    g_autofree char *config_path = NULL;
    int fd = -1;
    Program program = {.ready_fd = -1};
    gboolean show_version = FALSE;
    const GOptionEntry entries[] = {
        {"config", 0, 0, G_OPTION_ARG_FILENAME, &config_path, "the host's configuration", "FILE"},
        {"ready-fd", 0, 0, G_OPTION_ARG_INT, &program.ready_fd, "pipe to tell how it went", "N"},
        {"fd", 0, 0, G_OPTION_ARG_INT, &fd, "the connection that a pair comes over", "N"},
        {"version", 0, 0, G_OPTION_ARG_NONE, &show_version, "print the version", NULL},
        {0},
    };
    g_autoptr(GOptionContext) context = g_option_context_new("up FILE | incoming");
    g_autoptr(GError) error = NULL;

    log_setup("dmore-pair");
    g_option_context_set_summary(context, "Runs one pair of a user VM and its Domain R. Started by "
                                          "dmore(1) and dmored(8).");
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error)) {
        g_printerr("dmore-pair: %s\n", error->message);
        return 2;
    }
    if (show_version) {
        g_print("dmore-pair %s\n", DMORE_VERSION);
        return 0;
    }

    g_autoptr(HostConfig) host = host_config_load(config_path, &error);
    g_autoptr(Service) service = service_new();
    program.host = host;
    program.service = service;
    if (!host)
        return tell_failure(&program, error);
    if (argc == 3 && g_str_equal(argv[1], "up"))
        return run_up(&program, argv[2]);
    if (argc == 2 && g_str_equal(argv[1], "incoming") && fd >= 0)
        return run_incoming(&program, fd);
    g_printerr("dmore-pair: say 'up FILE', or 'incoming' with --fd; see dmore-pair(8)\n");
    return 2;
}
