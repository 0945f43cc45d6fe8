/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qmp.c - a client of QEMU's monitor protocol
 *
 * QEMU greets first. qmp_capabilities has to be the first command, so it is queued at once; all
 * that follows is queued behind it and needs no waiting for the greeting.
 *
 * Answers come in the order of the commands. So while one of them is overdue, none can come for
 * another, and whoever asks next is told so at once: a way back of many steps would wait its full
 * time at each of them. What is refused so is not sent: nobody wants it done when QEMU wakes up
 * some day.
 */
#include "qemu/qmp.h"

#include "base/await.h"
#include "base/error.h"
#include "base/json.h"
#include "base/jsonline.h"

/* How long QEMU may take for one command. `stop` waits for disk requests under way, which on
 * shared storage in trouble takes its time. */
#define REPLY_TIMEOUT_MS 60000

struct Qmp {
    char *name;
    JsonLine *line; /* NULL once closed */
    const QmpEvents *events;
    gpointer data;
    GQueue pending;                /* of Command, oldest first */
    const struct command *overdue; /* the youngest of them that has taken too long */
    int patience_ms;
    gint64 last_number;
    gboolean ready;
    char *version;
    GError *closed;
};

typedef struct command {
    gint64 number;
    char *name;
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

static void fail_pending(Qmp *qmp)
{
    Command *next;

    qmp->overdue = NULL;
    while ((next = g_queue_pop_head(&qmp->pending)) != NULL) {
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
    fail_pending(qmp);
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

/* on_reply() - the answer to the oldest command */
static void on_reply(Qmp *qmp, JsonObject *object)
{
    const Command *asked = g_queue_peek_head(&qmp->pending);
    g_autoptr(GError) error = NULL;

    /* Whoever waits for the true answer is told, too. */
    if (asked == NULL || json_get_integer(object, "id", -1) != asked->number) {
        close_line(qmp, "it has answered a command that was not asked");
        return;
    }

    g_autoptr(Command) command = g_queue_pop_head(&qmp->pending);

    if (command == qmp->overdue)
        qmp->overdue = NULL;
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
    qmp->patience_ms = REPLY_TIMEOUT_MS;
    qmp->line = jsonline_new(fd, on_received, on_closed, qmp);
    qmp_send(qmp, "qmp_capabilities", NULL, -1, on_capabilities, qmp);
    return qmp;
}

void qmp_free(Qmp *qmp)
{
    if (qmp == NULL)
        return;
    g_clear_pointer(&qmp->line, jsonline_free);
    g_queue_clear_full(&qmp->pending, command_free);
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

gint64 qmp_send(Qmp *qmp, const char *command, GVariant *arguments, int pass_fd, QmpReply reply,
                gpointer data)
{
    g_autoptr(GVariant) sunk = arguments != NULL ? g_variant_ref_sink(arguments) : NULL;
    g_autoptr(JsonObject) object = json_object_new();
    gint64 number = qmp->last_number + 1;

    if (qmp->closed != NULL) {
        if (reply != NULL)
            reply(NULL, qmp->closed, data);
        return number;
    }

    json_object_set_string_member(object, "execute", command);
    if (sunk != NULL)
        json_object_set_member(object, "arguments", json_gvariant_serialize(sunk));
    json_object_set_int_member(object, "id", number);

    g_queue_push_tail(&qmp->pending, command_new(qmp, command, reply, data));
    jsonline_send(qmp->line, object, pass_fd);
    return number;
}

/* find_command() - the one of that number if it is still to be answered, or NULL */
static Command *find_command(Qmp *qmp, gint64 number)
{
    for (GList *item = qmp->pending.head; item != NULL; item = item->next) {
        Command *command = item->data;

        if (command->number == number)
            return command;
    }
    return NULL;
}

void qmp_forget(Qmp *qmp, gint64 number)
{
    Command *command = find_command(qmp, number);

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

JsonNode *qmp_execute(Qmp *qmp, const char *command, GVariant *arguments, int pass_fd,
                      GError **error)
{
    g_autoptr(GVariant) taken = arguments != NULL ? g_variant_ref_sink(arguments) : NULL;

    if (qmp->overdue != NULL) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_TIMEOUT,
                    "%s: '%s' was not sent, because QEMU has not answered '%s' yet", qmp->name,
                    command, qmp->overdue->name);
        return NULL;
    }

    Answer answer = {FALSE, NULL, NULL};
    gint64 number = qmp_send(qmp, command, taken, pass_fd, on_answer, &answer);
    g_autofree char *what = g_strdup_printf("QEMU's answer to '%s' (%s)", command, qmp->name);

    if (!await_flag(&answer.done, qmp->patience_ms, NULL, what, error)) {
        qmp_forget(qmp, number);
        qmp->overdue = find_command(qmp, number);
        return NULL;
    }
    if (answer.error != NULL)
        g_propagate_error(error, answer.error);
    return answer.result;
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
