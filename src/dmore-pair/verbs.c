/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dmore-pair/verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "comigrate/adopt.h"
#include "comigrate/destination.h"
#include "comigrate/link.h"
#include "dmore-pair/status.h"
#include "pair/address.h"

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

int verb_failed(Program *program, const GError *error)
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
        return verb_failed(program, error);
    log_setup(config->name);

    g_autoptr(Pair) pair = pair_new(program->host, config, NULL, &error);
    if (!pair || !pair_check_host(pair, &error) ||
        !address_check_free(pair->config->domain_r.address, pair->config->domain_r.bridge, &error))
        return verb_failed(program, error);
    if (!start_pair(program, pair, &error)) {
        service_end(program->service, pair);
        return verb_failed(program, error);
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

static int run_incoming(Program *program, const char *unused)
{
    g_autoptr(GError) error = NULL;

    if (program->fd < 0) {
        g_set_error_literal(&error, DMORE_ERROR, DMORE_ERROR_USAGE, "incoming needs --fd");
        return verb_failed(program, error);
    }
    g_autoptr(Link) link = link_accept(program->fd, program->host->key, &error);
    if (!link)
        return verb_failed(program, error);
    g_message("a pair comes from %s", link_peer(link));
    tell_ready(program, "result", json_object_new());

    Destination destination = {
        .host = program->host,
        .cancellable = service_cancellable(program->service),
        .appeared = on_appeared,
        .disappearing = on_disappearing,
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

static int run_adopt(Program *program, const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Pair) pair = pair_adopt(program->host, name, &error);

    if (!pair)
        return verb_failed(program, error);
    log_to_pair(pair);
    if (!service_show(program->service, pair, &error) || !adopt_run(pair, &error)) {
        service_hide(program->service);
        return verb_failed(program, error);
    }
    tell_ready(program, "result", pair->ended ? json_object_new() : status_make(pair));
    service_run(program->service);
    service_hide(program->service);
    return 0;
}

static const Verb verbs[] = {
    {"up", 1, run_up},
    {"incoming", 0, run_incoming},
    {"adopt", 1, run_adopt},
};

const Verb *verb_find(const char *name, int arguments)
{
    for (gsize i = 0; i < G_N_ELEMENTS(verbs); i++)
        if (g_str_equal(verbs[i].name, name) && verbs[i].arguments == arguments)
            return &verbs[i];
    return NULL;
}
