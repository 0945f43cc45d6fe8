/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * client.c - one request to a dmore-pair and its answer
 */
#include "pair/client.h"

#include "base/await.h"
#include "base/error.h"
#include "base/json.h"
#include "base/jsonline.h"
#include "pair/config.h"
#include "pair/rundir.h"

#define LOOK_MS 5
#define CALL_MS 30000 /* for an answer that takes no work; a busy host may be slow */

struct Client {
    JsonLine *line; /* NULL when the other side has ended it */
    char *name;     /* of the pair, when what it was asked for changes something; else NULL */
    ClientProgress progress;
    gpointer data;
    int done;
    gboolean answered;
    JsonObject *result;
    GError *error; /* with done: set when there is no result */
};

static void on_received(JsonLine *line, JsonObject *object, gpointer data)
{
    Client *client = data;
    JsonObject *progress = json_get_object(object, "progress");
    JsonObject *result = json_get_object(object, "result");
    JsonObject *error = json_get_object(object, "error");

    if (client->done)
        return;
    if (progress && client->progress)
        client->progress(progress, client->data);
    if (result)
        client->result = json_object_ref(result);
    if (error)
        client->error =
            g_error_new(DMORE_ERROR, dmore_error_code(json_get_text(error, "code", "")), "%s",
                        json_get_text(error, "message", "dmore-pair gives no reason"));
    client->answered = client->done = result || error;
}

static void on_closed(JsonLine *line, const GError *error, gpointer data)
{
    Client *client = data;

    g_clear_pointer(&client->line, jsonline_free);
    if (client->done)
        return;
    client->done = TRUE;
    g_autofree char *where =
        client->name ? g_strdup_printf("; dmored, if it runs on this host, starts another one for "
                                       "the VMs, and \"dmore status %s\" tells how the pair is",
                                       client->name)
                     : g_strdup("");
    client->error =
        g_error_new(DMORE_ERROR, DMORE_ERROR_FAILED, "dmore-pair has ended without an answer%s%s%s",
                    error ? ": " : "", error ? error->message : "", where);
}

static Client *client_new(ClientProgress progress, gpointer data)
{
    Client *client = g_new0(Client, 1);

    client->progress = progress;
    client->data = data;
    return client;
}

Client *client_listen(int fd, ClientProgress progress, gpointer data)
{
    Client *client = client_new(progress, data);

    client->line = jsonline_new(fd, on_received, on_closed, client);
    return client;
}

/* Say why nobody listens on the control socket of @name. */
static void explain(const HostConfig *host, const char *name, GError **error)
{
    g_autofree char *directory = g_build_filename(host->run_dir, name, NULL);
    g_autofree char *log = rundir_path(host->run_dir, name, RUN_PAIR_LOG);

    if (!g_file_test(directory, G_FILE_TEST_IS_DIR))
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_NOT_FOUND,
                    "there is no pair called %s on this host; \"dmore status\" lists them", name);
    else if (rundir_is_forsaken(host->run_dir, name))
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_BUSY,
                    "the dmore-pair of %s has died; its VMs go on, and dmored, if it runs on this "
                    "host, starts another one for them; see %s",
                    name, log);
    else if (rundir_is_claimed(host->run_dir, name))
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_BUSY,
                    "%s does not listen: it is starting or ending; see %s", name, log);
    else
        g_set_error(
            error, DMORE_ERROR, DMORE_ERROR_NOT_FOUND,
            "%s does not run; %s is left over (its log is %s), and \"dmore down %s\" removes "
            "it",
            name, directory, log, name);
}

Client *client_ask(const HostConfig *host, const char *name, const char *command,
                   JsonObject *arguments, ClientProgress progress, gpointer data, GError **error)
{
    g_autoptr(JsonObject) request = json_object_new();
    g_autofree char *path = rundir_path(host->run_dir, name, RUN_CONTROL);
    g_autoptr(GError) cause = NULL;

    json_object_set_string_member(request, "command", command);
    if (arguments)
        json_object_set_object_member(request, "arguments", arguments);
    if (!pair_name_check(name, error))
        return NULL;

    Client *client = client_new(progress, data);

    client->name = g_strdup(name);
    client->line = jsonline_connect(path, on_received, on_closed, client, &cause);
    if (client->line) {
        jsonline_send(client->line, request, -1);
        return client;
    }
    client_free(client);
    if (g_error_matches(cause, DMORE_ERROR, DMORE_ERROR_NOT_FOUND))
        explain(host, name, error);
    else
        g_propagate_error(error, g_steal_pointer(&cause));
    return NULL;
}

JsonObject *client_wait(Client *client, int timeout_ms, GError **error)
{
    g_autoptr(GError) cause = NULL;

    if (!await_flag(&client->done, timeout_ms, NULL, "dmore-pair's answer", &cause)) {
        if (client->name)
            g_set_error(error, cause->domain, cause->code,
                        "%s; if it has been begun it is done all the same: \"dmore status %s\" "
                        "tells how the pair is",
                        cause->message, client->name);
        else
            g_propagate_error(error, g_steal_pointer(&cause));
        return NULL;
    }
    if (client->error) {
        g_propagate_error(error, g_steal_pointer(&client->error));
        return NULL;
    }
    return g_steal_pointer(&client->result);
}

gboolean client_is_done(const Client *client)
{
    return client->done;
}

gboolean client_was_answered(const Client *client)
{
    return client->answered;
}

void client_free(Client *client)
{
    g_clear_pointer(&client->line, jsonline_free);
    g_clear_pointer(&client->result, json_object_unref);
    g_clear_error(&client->error);
    g_free(client->name);
    g_free(client);
}

/* What is waited for: that somebody listens, or that nobody will. */
typedef struct {
    const HostConfig *host;
    const char *name;
} Listener;

static void on_nothing(JsonLine *line, JsonObject *object, gpointer data)
{
}

static void on_end(JsonLine *line, const GError *error, gpointer data)
{
}

static gboolean listens(gpointer data)
{
    const Listener *listener = data;
    g_autofree char *path = rundir_path(listener->host->run_dir, listener->name, RUN_CONTROL);
    g_autoptr(JsonLine) line = jsonline_connect(path, on_nothing, on_end, NULL, NULL);

    return line || rundir_keeper(listener->host->run_dir, listener->name) == 0;
}

static gboolean on_tick(gpointer data)
{
    return G_SOURCE_CONTINUE;
}

gboolean client_await_listening(const HostConfig *host, const char *name, int timeout_ms,
                                GError **error)
{
    g_autofree char *path = g_build_filename(host->run_dir, name, NULL);
    g_autoptr(GFile) directory = g_file_new_for_path(path);
    /* The socket appears when somebody listens; each change wakes the wait up. Nothing tells that a
     * dmore-pair has ended without having listened, and dmored soon starts another. */
    g_autoptr(GFileMonitor) monitor =
        g_file_monitor_directory(directory, G_FILE_MONITOR_WATCH_MOVES, NULL, error);
    Listener listener = {host, name};
    guint ticker = g_timeout_add(LOOK_MS, on_tick, NULL);
    gboolean done =
        monitor && await(listens, &listener, timeout_ms, NULL, "dmore-pair to listen", error);

    g_source_remove(ticker);
    return done;
}

JsonObject *client_call(const HostConfig *host, const char *name, const char *command,
                        JsonObject *arguments, GError **error)
{
    g_autoptr(Client) client = client_ask(host, name, command, arguments, NULL, NULL, error);

    if (client)
        g_clear_pointer(&client->name, g_free);
    return client ? client_wait(client, CALL_MS, error) : NULL;
}
