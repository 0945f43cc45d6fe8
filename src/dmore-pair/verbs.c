/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dmore-pair/verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "comigrate/adopt.h"
#include "comigrate/answer.h"
#include "comigrate/destination.h"
#include "comigrate/link.h"
#include "comigrate/note.h"
#include "comigrate/settle.h"
#include "dmore-pair/status.h"
#include "pair/address.h"
#include "pair/presence.h"

#define FIRST_MESSAGE_MS 60000

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

    g_autoptr(Pair) pair =
        pair_new(program->host, config, NULL, service_cancellable(program->service), &error);
    if (!pair || !pair_check_host(pair, &error) ||
        !note_check_settled(program->host->state_dir, pair->config->name, pair->config->uuid,
                            &error) ||
        !address_check_free(pair->config->domain_r.address, pair->config->domain_r.bridge,
                            &error) ||
        !address_check_free(pair->config->domain_r.address6, pair->config->domain_r.bridge, &error))
        return verb_failed(program, error);
    if (!start_pair(program, pair, &error)) {
        service_end(program->service, pair);
        return verb_failed(program, error);
    }

    if (!presence_write(program->host->state_dir, pair->config->name, pair->config->uuid, TRUE,
                        &error))
        g_warning("after a reboot nothing will tell that the pair was here: %s", error->message);
    g_message("the pair runs; accelerator %s, QEMU %s", pair->platform.accelerator,
              pair->platform.qemu_version);
    tell_ready(program, "result", status_make(pair));
    service_run(program->service);
    service_hide(program->service);
    return 0;
}

static void log_to(int fd, const char *name)
{
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    log_setup(name);
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
    log_to(fd, pair->config->name);
    close(fd);
}

static void forget_log(Program *program)
{
    if (program->log_fd >= 0)
        close(program->log_fd);
    program->log_fd = -1;
}

static gboolean on_appeared(Pair *pair, Note *note, gpointer data, GError **error)
{
    Program *program = data;

    program->log_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    log_to_pair(pair);
    arrival_begin(service_arrival(program->service), pair, note, program->peer);
    return service_show(program->service, pair, error);
}

static void on_disappeared(Pair *pair, gpointer data)
{
    Program *program = data;

    arrival_end(service_arrival(program->service), NULL);
    service_hide(program->service);
    /* The log of a pair that is gone is nobody's to read: what there is still to be said goes where
     * it went before. */
    if (program->log_fd >= 0)
        log_to(program->log_fd, pair->config->name);
    forget_log(program);
}

/* Takes over @connection. */
static int receive_pair(Program *program, Link *connection, const LinkMessage *offer)
{
    g_autoptr(Link) link = connection;
    g_autoptr(GError) error = NULL;
    Destination destination = {
        .host = program->host,
        .cancellable = service_cancellable(program->service),
        .verdict = arrival_verdict(service_arrival(program->service)),
        .appeared = on_appeared,
        .disappeared = on_disappeared,
        .data = program,
    };
    Note *note = NULL;

    g_message("a pair comes from %s", link_peer(link));
    program->peer = link_peer(link);
    g_autoptr(Pair) pair = destination_run(&destination, link, offer, &note, &error);
    if (!pair) {
        g_message("the pair does not come: %s", error->message);
        return 1;
    }
    forget_log(program);
    arrival_end(service_arrival(program->service), note);
    g_clear_pointer(&link, link_free);
    service_run(program->service);
    service_hide(program->service);
    return 0;
}

/* The first message tells what the other host wants: to send a pair, or to settle what became of
 * one that it has sent before.
 */
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
    tell_ready(program, "result", json_object_new());

    g_autoptr(LinkMessage) first =
        link_receive(link, NULL, FIRST_MESSAGE_MS, service_cancellable(program->service), &error);
    if (!first) {
        g_message("the connection from %s ends: %s", link_peer(link), error->message);
        return 1;
    }
    if (!link_message_is(first, "settle"))
        return receive_pair(program, g_steal_pointer(&link), first);
    answer_questions(program->host, link, first);
    return 0;
}

/* Settle a co-migration for which no pair is needed. */
static int run_settle(Program *program, const char *id)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Note) note = note_load(program->host->state_dir, id, &error);
    g_auto(Settlement) settlement = {0};

    if (!note)
        return verb_failed(program, error);
    log_setup(note->name);
    /* There is nothing to go back to. */
    if (note->word == NOTE_OPEN)
        note_decide(note, program->host->state_dir, NOTE_COMMIT);
    return settle_note(program->host, note, &settlement, service_cancellable(program->service),
                       &error)
               ? 0
               : verb_failed(program, error);
}

/* What is left open of the co-migration in whose midst the last dmore-pair ended. */
static void take_note(Program *program, Note *note)
{
    if (note && note->word == NOTE_COMMIT)
        service_set_undecided(program->service, note);
    else if (note)
        arrival_end(service_arrival(program->service), note);
}

static int run_adopt(Program *program, const char *name)
{
    g_autoptr(GError) error = NULL;
    /* Before anything is opened: each attempt that fails after that leaves a display listener's
     * descriptor in the user VM's QEMU. They are read again when nobody else may write them. */
    g_autoptr(GPtrArray) notes = note_list_all(program->host->state_dir, &error);
    g_autoptr(Pair) pair = notes ? pair_adopt(program->host, name, &error) : NULL;
    Note *note = NULL;

    if (!pair)
        return verb_failed(program, error);
    log_to_pair(pair);
    /* Nobody is answered before it is decided what the pair is. */
    if (!adopt_run(pair, &note, &error))
        return verb_failed(program, error);
    if (pair->ended) {
        tell_ready(program, "result", json_object_new());
        return 0;
    }
    if (!service_show(program->service, pair, &error))
        return verb_failed(program, error);
    take_note(program, note);
    tell_ready(program, "result", status_make(pair));
    service_run(program->service);
    service_hide(program->service);
    return 0;
}

static const Verb verbs[] = {
    {"up", 1, run_up},
    {"incoming", 0, run_incoming},
    {"adopt", 1, run_adopt},
    {"settle", 1, run_settle},
};

const Verb *verb_find(const char *name, int arguments)
{
    for (gsize i = 0; i < G_N_ELEMENTS(verbs); i++)
        if (g_str_equal(verbs[i].name, name) && verbs[i].arguments == arguments)
            return &verbs[i];
    return NULL;
}
