/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * migrate.c - dmore migrate NAME HOST[:PORT]: move a pair to another host, live
 *
 * The source's dmore-pair does the work and would do it without this command. Ctrl-C asks it to
 * cancel and waits for the outcome, which may be that it was too late; a second Ctrl-C ends the
 * waiting alone.
 */
#include "cli/cli.h"

#include <glib-unix.h>
#include <stdio.h>
#include <string.h>

#include "base/await.h"
#include "base/error.h"
#include "base/json.h"
#include "pair/client.h"
#include "cli/progress.h"
#include "cli/table.h"

typedef struct {
    const HostConfig *host;
    const char *name;
    Progress *progress;
    Client *cancel; /* the request that was made at the first Ctrl-C */
    int interrupts;
    int give_up;
} Move;

static void on_progress(JsonObject *progress, gpointer data)
{
    Move *move = data;

    progress_show(move->progress, progress);
}

static gboolean on_interrupt(gpointer data)
{
    Move *move = data;
    g_autoptr(GError) error = NULL;

    progress_end(move->progress);
    if (++move->interrupts > 1) {
        move->give_up = TRUE;
        return G_SOURCE_CONTINUE;
    }
    move->cancel = client_ask(move->host, move->name, "cancel", NULL, NULL, NULL, &error);
    fprintf(stderr, "dmore: %s\n", move->cancel ? "cancelling" : error->message);
    return G_SOURCE_CONTINUE;
}

static void print_result(const char *name, JsonObject *result)
{
    JsonArray *phases = json_get_array(result, "phases");
    g_autoptr(Table) table = table_new(2);
    g_autofree char *total =
        text_ms(json_object_get_double_member_with_default(result, "total_ms", 0));
    static const char *const amounts[][3] = {
        {"paused: Domain R", "domain_r_pause_ms", "ms"},
        {"paused: user VM", "user_vm_pause_ms", "ms"},
        {"sent: user VM", "user_vm_bytes", "bytes"},
        {"sent: Domain R", "domain_r_bytes", "bytes"},
        {"sent: handover", "handover_bytes", "bytes"},
    };

    for (guint i = 0; phases && i < json_array_get_length(phases); i++) {
        JsonObject *phase = json_array_get_object_element(phases, i);
        g_autofree char *time = text_ms(json_object_get_double_member_with_default(phase, "ms", 0));

        table_add(table, json_get_text(phase, "name", "?"), time);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(amounts); i++) {
        double number = json_object_get_double_member_with_default(result, amounts[i][1], 0);
        g_autofree char *text =
            strcmp(amounts[i][2], "ms") == 0 ? text_ms(number) : text_bytes((guint64)number);

        table_add(table, amounts[i][0], text);
    }
    cli_print("%s has moved to %s in %s\n", name, json_get_text(result, "to", "?"), total);
    table_print(table);
}

typedef struct {
    Client *client;
    Move *move;
} Wait;

static gboolean is_over(gpointer data)
{
    const Wait *wait = data;

    return client_is_done(wait->client) || wait->move->give_up;
}

static gboolean has_news(gpointer data)
{
    const Wait *wait = data;

    return is_over(data) || (wait->move->cancel && client_is_done(wait->move->cancel));
}

/* That the move could not be cancelled; that it was, its own outcome tells. */
static void tell_refusal(Move *move)
{
    g_autoptr(Client) cancel = g_steal_pointer(&move->cancel);
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonObject) result = client_wait(cancel, 0, &error);

    if (result)
        return;
    progress_end(move->progress);
    fprintf(stderr, "dmore: not cancelled: %s\n", cli_safe(error->message));
}

/* Wait for the outcome, or for the second Ctrl-C. */
static JsonObject *await_outcome(Move *move, JsonObject *arguments, GError **error)
{
    g_autoptr(Client) client =
        client_ask(move->host, move->name, "migrate", arguments, on_progress, move, error);

    if (!client)
        return NULL;

    Wait wait = {client, move};

    do {
        await(has_news, &wait, -1, NULL, "the outcome of the move", NULL);
        if (move->cancel && client_is_done(move->cancel))
            tell_refusal(move);
    } while (!is_over(&wait));
    progress_end(move->progress);
    if (client_is_done(client))
        return client_wait(client, -1, error);
    g_set_error(error, DMORE_ERROR, DMORE_ERROR_CANCELLED,
                "not waiting any more; \"dmore status %s\" tells where the move has got to",
                move->name);
    return NULL;
}

static JsonObject *run(Move *move, JsonObject *arguments, GError **error)
{
    /* Before the request, so that no Ctrl-C ends this command while the move goes on. */
    guint signals[] = {g_unix_signal_add(SIGINT, on_interrupt, move),
                       g_unix_signal_add(SIGTERM, on_interrupt, move)};
    JsonObject *result = await_outcome(move, arguments, error);

    for (gsize i = 0; i < G_N_ELEMENTS(signals); i++)
        g_source_remove(signals[i]);
    return result;
}

gboolean migrate_run(const HostConfig *host, int argc, char **argv, GError **error)
{
    gboolean json = FALSE;
    gboolean quiet = FALSE;
    gboolean cancel = FALSE;
    gboolean auto_converge = FALSE;
    int timeout = 0;
    const GOptionEntry entries[] = {
        {"json", 0, 0, G_OPTION_ARG_NONE, &json, "print the result as JSON", NULL},
        {"quiet", 'q', 0, G_OPTION_ARG_NONE, &quiet, "show no progress", NULL},
        {"timeout", 0, 0, G_OPTION_ARG_INT, &timeout,
         "give up when it has not come to the switch-over by then", "SECONDS"},
        {"auto-converge", 0, 0, G_OPTION_ARG_NONE, &auto_converge,
         "slow the guest down if it changes memory faster than it is sent", NULL},
        {"cancel", 0, 0, G_OPTION_ARG_NONE, &cancel, "the same as \"dmore cancel NAME\"", NULL},
        {0},
    };
    g_autofree char *to = NULL;
    guint16 port = 0;

    if (!cli_parse(&argc, &argv, "NAME HOST[:PORT]",
                   "Moves both VMs of a pair to another host, where dmored has to run. The guest "
                   "and the clients of its console notice a short pause. Ctrl-C cancels.",
                   entries, 1, 2, error))
        return FALSE;
    if (cancel && argc == 2)
        return cancel_run(host, argc, argv, error);
    if (cancel || argc < 3) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_USAGE,
                    "say \"dmore migrate NAME HOST[:PORT]\" or \"dmore migrate --cancel NAME\"");
        return FALSE;
    }
    if (timeout < 0) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_USAGE,
                    "--timeout takes seconds; without it a move takes as long as it takes");
        return FALSE;
    }
    if (!host_port_parse(argv[2], &to, &port, error))
        return FALSE;

    JsonObject *arguments = json_object_new();

    json_object_set_string_member(arguments, "host", to);
    json_object_set_int_member(arguments, "port", port);
    json_object_set_int_member(arguments, "timeout", timeout);
    json_object_set_boolean_member(arguments, "auto_converge", auto_converge);

    g_autoptr(Progress) progress = progress_new(quiet);
    Move move = {.host = host, .name = argv[1], .progress = progress};
    g_autoptr(JsonObject) result = run(&move, arguments, error);

    if (move.cancel && result)
        fputs("dmore: not cancelled: it was too late\n", stderr);
    g_clear_pointer(&move.cancel, client_free);
    if (!result)
        return FALSE;
    if (json)
        cli_print_json_object(result);
    else
        print_result(argv[1], result);
    return TRUE;
}
