/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qmp.c - a client of QEMU's monitor protocol
 *
 * QEMU greets first. qmp_capabilities has to be the first command, so it is queued at once; all
 * that follows is queued behind it and needs no waiting for the greeting.
 *
 * Answers come in the order of the commands, but for those of the last paragraph. So while one of
 * them is overdue, none can come for another, and whoever asks next is told so at once: a way back
 * of many steps would wait its full time at each of them. What is refused so is not sent: nobody
 * wants it done when QEMU wakes up some day.
 *
 * QEMU does commands in its main thread, holding its big lock, and does none while another thread
 * holds that for long. What is sent as exec-oob is done by the monitor's own thread without it, and
 * answered past all others. That has to be asked for in qmp_capabilities; every QEMU that can be
 * used here offers it on a monitor that is a socket. It makes QEMU read ahead of what it does, and
 * it keeps only the last descriptor it has read: so no command with a descriptor is sent before the
 * one before is done.
 */
#include "qemu/qmp.h"

#include "base/await.h"
#include "base/error.h"
#include "base/json.h"
#include "base/jsonline.h"

#define OOB_TIMEOUT_MS 5000

struct Qmp {
    char *name;
    JsonLine *line; /* NULL once closed */
    const QmpEvents *events;
    gpointer data;
    GQueue pending_oob;            /* of Command, oldest first: those done out of band */
    GQueue pending;                /* the others */
    const struct command *overdue; /* the youngest of these that has taken too long */
    guint passing;                 /* how many of these have a descriptor */
    int patience_ms;
    gint64 last_number;
    gboolean ready;
    char *version;
    GError *closed;
};

typedef struct command {
    gint64 number;
    char *name;
    gboolean passes_fd;
    QmpReply reply; /* NULL: nobody waits */
    gpointer data;
} Command;

static void command_free(gpointer data)
{
    Command *command = data;

    g_free(command->name);
    g_free(command);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Command, command_free)

static void fail_all(const Qmp *qmp, GQueue *pending)
{
    Command *next;

    while ((next = g_queue_pop_head(pending)) != NULL) {
        g_autoptr(Command) command = next;

        if (command->reply != NULL)
            command->reply(NULL, qmp->closed, command->data);
    }
}

/* close_line() - the connection is of no use any more
 * @reason: a clause for the message
 */
static void close_line(Qmp *qmp, const char *reason)
{
    if (qmp->closed != NULL)
        return;
    qmp->closed =
        g_error_new(DMORE_ERROR, DMORE_ERROR_FAILED,
                    "%s: the connection to QEMU's monitor has ended: %s", qmp->name, reason);
    g_clear_pointer(&qmp->line, jsonline_free);
    qmp->overdue = NULL;
    qmp->passing = 0;
    fail_all(qmp, &qmp->pending);
    fail_all(qmp, &qmp->pending_oob);
    qmp->events->closed(qmp->closed, qmp->data);
}

static void on_closed(JsonLine *line, const GError *error, gpointer data)
{
    close_line(data, error != NULL ? error->message : "QEMU has closed it");
}

static void on_greeting(Qmp *qmp, JsonObject *greeting)
{
    JsonObject *version = json_get_object(greeting, "version");
    JsonObject *number = version != NULL ? json_get_object(version, "qemu") : NULL;

    if (number == NULL || qmp->version != NULL) {
        close_line(qmp, "its greeting is not that of QEMU");
        return;
    }
    qmp->version = g_strdup_printf("%d.%d.%d", (int)json_get_integer(number, "major", 0),
                                   (int)json_get_integer(number, "minor", 0),
                                   (int)json_get_integer(number, "micro", 0));
}

static void on_event(Qmp *qmp, const char *name, JsonObject *object)
{
    JsonObject *arguments = json_get_object(object, "data");
    g_autoptr(JsonObject) none = json_object_new();

    qmp->events->event(name, arguments != NULL ? arguments : none, qmp->data);
}

/* take_oldest() - (transfer full): the oldest of @pending if it has that number, or NULL */
static Command *take_oldest(GQueue *pending, gint64 number)
{
    const Command *oldest = g_queue_peek_head(pending);

    return oldest != NULL && oldest->number == number ? g_queue_pop_head(pending) : NULL;
}

/* on_reply() - the answer to the oldest command, or to the oldest of those done out of band */
static void on_reply(Qmp *qmp, JsonObject *object)
{
    gint64 number = json_get_integer(object, "id", -1);
    g_autoptr(Command) command = take_oldest(&qmp->pending, number);
    g_autoptr(GError) error = NULL;

    if (command == NULL)
        command = take_oldest(&qmp->pending_oob, number);
    /* Whoever waits for the true answer is told, too. */
    if (command == NULL) {
        close_line(qmp, "it has answered a command that was not asked");
        return;
    }
    if (command == qmp->overdue)
        qmp->overdue = NULL;
    if (command->passes_fd)
        qmp->passing--;
    if (command->reply == NULL)
        return;

    JsonNode *result = json_object_get_member(object, "return");
    JsonObject *refusal = json_get_object(object, "error");

    if (result == NULL || refusal != NULL) {
        error = g_error_new(DMORE_ERROR, DMORE_ERROR_FAILED, "%s: QEMU refuses '%s': %s", qmp->name,
                            command->name,
                            refusal != NULL ? json_get_text(refusal, "desc", "no reason given")
                                            : "no reason given");
        result = NULL;
    }
    command->reply(result, error, command->data);
}

static void on_received(JsonLine *line, JsonObject *object, gpointer data)
{
    Qmp *qmp = data;
    const char *event = json_get_text(object, "event", NULL);
    JsonObject *greeting = json_get_object(object, "QMP");

    if (greeting != NULL)
        on_greeting(qmp, greeting);
    else if (event != NULL)
        on_event(qmp, event, object);
    else
        on_reply(qmp, object);
}

static void on_capabilities(JsonNode *result, const GError *error, gpointer data)
{
    Qmp *qmp = data;

    if (error == NULL)
        qmp->ready = TRUE;
    else
        close_line(qmp, error->message);
}

Qmp *qmp_new(const char *name, int fd, const QmpEvents *events, gpointer data)
{
    Qmp *qmp = g_new0(Qmp, 1);

    qmp->name = g_strdup(name);
    qmp->events = events;
    qmp->data = data;
    g_queue_init(&qmp->pending);
    g_queue_init(&qmp->pending_oob);
    qmp->patience_ms = QMP_PATIENCE_MS;
    qmp->line = jsonline_new(fd, on_received, on_closed, qmp);
    qmp_send(qmp, "qmp_capabilities", g_variant_new_parsed("{'enable': <['oob']>}"), -1,
             on_capabilities, qmp);
    return qmp;
}

void qmp_free(Qmp *qmp)
{
    if (qmp == NULL)
        return;
    g_clear_pointer(&qmp->line, jsonline_free);
    g_queue_clear_full(&qmp->pending, command_free);
    g_queue_clear_full(&qmp->pending_oob, command_free);
    g_clear_error(&qmp->closed);
    g_free(qmp->version);
    g_free(qmp->name);
    g_free(qmp);
}

gboolean qmp_ready(const Qmp *qmp)
{
    return qmp->ready;
}

const GError *qmp_closed(const Qmp *qmp)
{
    return qmp->closed;
}

gboolean qmp_peer_has_gone(const Qmp *qmp)
{
    return qmp->closed != NULL || jsonline_peer_has_gone(qmp->line);
}

const char *qmp_version(const Qmp *qmp)
{
    return qmp->version;
}

static Command *command_new(Qmp *qmp, const char *name, QmpReply reply, gpointer data)
{
    Command *command = g_new0(Command, 1);

    command->number = ++qmp->last_number;
    command->name = g_strdup(name);
    command->reply = reply;
    command->data = data;
    return command;
}

/* submit() - as qmp_send()
 * @pending: where it awaits its answer, which says how it is to be done
 */
static gint64 submit(Qmp *qmp, GQueue *pending, const char *command, GVariant *arguments,
                     int pass_fd, QmpReply reply, gpointer data)
{
    g_autoptr(GVariant) sunk = arguments != NULL ? g_variant_ref_sink(arguments) : NULL;
    g_autoptr(JsonObject) object = json_object_new();
    gint64 number = qmp->last_number + 1;

    if (qmp->closed != NULL) {
        if (reply != NULL)
            reply(NULL, qmp->closed, data);
        return number;
    }

    json_object_set_string_member(object, pending == &qmp->pending_oob ? "exec-oob" : "execute",
                                  command);
    if (sunk != NULL)
        json_object_set_member(object, "arguments", json_gvariant_serialize(sunk));
    json_object_set_int_member(object, "id", number);

    Command *sent = command_new(qmp, command, reply, data);
    sent->passes_fd = pass_fd >= 0;
    qmp->passing += sent->passes_fd;
    g_queue_push_tail(pending, sent);
    jsonline_send(qmp->line, object, pass_fd);
    return number;
}

gint64 qmp_send(Qmp *qmp, const char *command, GVariant *arguments, int pass_fd, QmpReply reply,
                gpointer data)
{
    return submit(qmp, &qmp->pending, command, arguments, pass_fd, reply, data);
}

/* find_command() - the one of that number if it is still to be answered, or NULL */
static Command *find_command(const GQueue *pending, gint64 number)
{
    for (GList *item = pending->head; item != NULL; item = item->next) {
        Command *command = item->data;

        if (command->number == number)
            return command;
    }
    return NULL;
}

void qmp_forget(Qmp *qmp, gint64 number)
{
    Command *command = find_command(&qmp->pending, number);

    if (command == NULL)
        command = find_command(&qmp->pending_oob, number);
    if (command != NULL)
        command->reply = NULL;
}

const char *qmp_overdue(const Qmp *qmp)
{
    return qmp->overdue != NULL ? qmp->overdue->name : NULL;
}

void qmp_set_patience(Qmp *qmp, int ms)
{
    qmp->patience_ms = ms;
}

typedef struct {
    gboolean done;
    JsonNode *result;
    GError *error;
} Answer;

static void on_answer(JsonNode *result, const GError *error, gpointer data)
{
    Answer *answer = data;

    answer->done = TRUE;
    answer->result = result != NULL ? json_node_copy(result) : NULL;
    answer->error = error != NULL ? g_error_copy(error) : NULL;
}

/* execute() - submit() and await the answer; a command that is late is forgotten
 * @timeout_ms: after which it is
 */
static JsonNode *execute(Qmp *qmp, GQueue *pending, const char *command, GVariant *arguments,
                         int pass_fd, int timeout_ms, GError **error)
{
    Answer answer = {FALSE, NULL, NULL};
    gint64 number = submit(qmp, pending, command, arguments, pass_fd, on_answer, &answer);
    g_autofree char *what = g_strdup_printf("QEMU's answer to '%s' (%s)", command, qmp->name);

    if (!await_flag(&answer.done, timeout_ms, NULL, what, error)) {
        qmp_forget(qmp, number);
        if (pending == &qmp->pending)
            qmp->overdue = find_command(pending, number);
        return NULL;
    }
    if (answer.error != NULL)
        g_propagate_error(error, answer.error);
    return answer.result;
}

/* check_none_overdue() - before @command is sent
 * @overdue: (nullable): what QEMU has not answered in time and would have to answer first
 */
static gboolean check_none_overdue(const Qmp *qmp, const Command *overdue, const char *command,
                                   GError **error)
{
    if (overdue == NULL)
        return TRUE;
    g_set_error(error, DMORE_ERROR, DMORE_ERROR_TIMEOUT,
                "%s: '%s' was not sent, because QEMU has not answered '%s' yet", qmp->name, command,
                overdue->name);
    return FALSE;
}

static gboolean passes_none(gpointer data)
{
    return ((const Qmp *)data)->passing == 0;
}

JsonNode *qmp_execute(Qmp *qmp, const char *command, GVariant *arguments, int pass_fd,
                      GError **error)
{
    g_autoptr(GVariant) taken = arguments != NULL ? g_variant_ref_sink(arguments) : NULL;

    if (!check_none_overdue(qmp, qmp->overdue, command, error))
        return NULL;
    if (pass_fd >= 0 && !await(passes_none, qmp, qmp->patience_ms, NULL,
                               "an earlier descriptor to be taken by QEMU", error))
        return NULL;
    return execute(qmp, &qmp->pending, command, taken, pass_fd, qmp->patience_ms, error);
}

gboolean qmp_answers(Qmp *qmp, const char *command, int timeout_ms, GError **error)
{
    g_autoptr(JsonNode) result = NULL;

    if (!check_none_overdue(qmp, qmp->overdue, command, error))
        return FALSE;
    result = execute(qmp, &qmp->pending, command, NULL, -1, timeout_ms, error);
    return result != NULL;
}

JsonNode *qmp_ask(Qmp *qmp, const char *command, GVariant *arguments, JsonNodeType type,
                  GError **error)
{
    g_autoptr(JsonNode) result = qmp_execute(qmp, command, arguments, -1, error);

    if (result == NULL)
        return NULL;
    if (json_node_get_node_type(result) != type) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_FAILED,
                    "%s: QEMU's answer to '%s' is not what it should be", qmp->name, command);
        return NULL;
    }
    return g_steal_pointer(&result);
}

gboolean qmp_do(Qmp *qmp, const char *command, GVariant *arguments, GError **error)
{
    g_autoptr(JsonNode) result = qmp_execute(qmp, command, arguments, -1, error);

    return result != NULL;
}

gboolean qmp_do_oob(Qmp *qmp, const char *command, GVariant *arguments, GError **error)
{
    g_autoptr(GVariant) taken = arguments != NULL ? g_variant_ref_sink(arguments) : NULL;
    g_autoptr(JsonNode) result = NULL;

    /* One that is still pending is overdue: each takes no time, and they do not overlap. */
    if (!check_none_overdue(qmp, g_queue_peek_tail(&qmp->pending_oob), command, error))
        return FALSE;
    result = execute(qmp, &qmp->pending_oob, command, taken, -1, OOB_TIMEOUT_MS, error);
    return result != NULL;
}
