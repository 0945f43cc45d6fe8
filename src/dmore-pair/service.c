/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dmore-pair/service.h"

#include <glib-unix.h>
#include <string.h>

#include "base/await.h"
#include "base/error.h"
#include "base/json.h"
#include "comigrate/source.h"
#include "dmore-pair/status.h"
#include "dmore-pair/undecided.h"
#include "pair/logs.h"
#include "pair/presence.h"
#include "pair/screenshot.h"
#include "pair/user-vm.h"

typedef void (*Procedure)(Service *service, Request *request);

struct Service {
    Pair *pair; /* borrowed; NULL while none is shown */
    Control *control;
    GCancellable *cancellable;
    guint signals[2];
    gboolean ending;   /* a signal has asked for the end of the pair */
    gboolean leaving;  /* or, for that was undecided, only for the end of this process */
    gboolean renewing; /* the user VM's display is being attached again */
    Arrival *arrival;
    Undecided *undecided; /* NULL when nothing is to be settled */

    Procedure queued; /* waits for service_run(), or is being run by it */
    Request *queued_request;
    char *host; /* of a queued migration */
    guint16 port;
    gint64 timeout_us;
    gboolean slow_down;
    GPtrArray *cancels; /* Request: who has asked to cancel it and waits for what comes of that */
    PairConfig *config; /* of a queued start of the user VM */

    const char *phase; /* of the co-migration that runs; NULL when none does */
};

/* There is nobody to ask: it is decided, or nobody can tell. */
static void tell_standstill(const Pair *pair, JsonObject *status)
{
    g_autofree char *words =
        g_strdup_printf("the user VM stands still, and could not be resumed or may run elsewhere: "
                        "the log tells. If it surely runs nowhere else, \"dmore resolve %s "
                        "--here\" runs it here",
                        pair->config->name);

    json_object_set_string_member(status, "note", words);
}

static void tell_lack(const char *lack, JsonObject *status)
{
    g_autofree char *words = g_strdup_printf("the console does not show the user VM's screen as it "
                                             "is, which is tried again: %s",
                                             lack);

    json_object_set_string_member(status, "note", words);
}

static JsonObject *make_status(const Service *service)
{
    JsonObject *status = status_make(service->pair);
    const char *lack = screen_life_trouble(service->pair);
    PairState state = service->pair->state;

    /* A co-migration that has gone back still has to be told to the other host, and so has what was
     * settled. */
    if (service->phase && state != PAIR_RUNNING)
        json_object_set_string_member(status, "phase", service->phase);
    if (service->undecided && state == PAIR_UNDECIDED)
        undecided_to_status(service->undecided, status);
    else if (arrival_is_waiting(service->arrival))
        arrival_to_status(service->arrival, status);
    else if (state == PAIR_UNDECIDED)
        tell_standstill(service->pair, status);
    else if (lack)
        tell_lack(lack, status);
    return status;
}

static void refuse(Request *request, int code, const char *format, ...) G_GNUC_PRINTF(3, 4);
static void refuse(Request *request, int code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_autofree char *message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_autoptr(GError) error = g_error_new_literal(DMORE_ERROR, code, message);
    request_error(request, error);
}

/* Procedures */

static void tell_progress(const ComigrationProgress *progress, gpointer data)
{
    Service *service = data;

    service->phase = phase_name(progress->phase);
    if (service->queued_request)
        request_progress(service->queued_request, progress_to_json(progress));
}

/* @error: how the co-migration that was to be cancelled has failed; NULL when it has not */
static void answer_cancels(Service *service, const GError *error)
{
    gboolean undone = service->pair->state == PAIR_RUNNING;

    for (guint i = 0; i < service->cancels->len; i++) {
        Request *request = g_ptr_array_index(service->cancels, i);
        if (undone)
            request_result(request, json_object_new());
        else if (error)
            request_error(request, error);
        else
            refuse(request, DMORE_ERROR_BUSY, "it was too late to cancel: %s runs on %s now",
                   service->pair->config->name, service->host);
    }
    g_ptr_array_set_size(service->cancels, 0);
}

static void run_migrate(Service *service, Request *request)
{
    ComigrationOrder order = {
        .host = service->host,
        .port = service->port,
        .timeout_us = service->timeout_us,
        .slow_down = service->slow_down,
        .cancellable = service->cancellable,
        .progress = tell_progress,
        .data = service,
    };
    ComigrationReport report = {0};
    g_autoptr(GError) error = NULL;
    Note *undecided = NULL;

    g_message("co-migration to %s begins", service->host);
    gboolean done = source_run(service->pair, &order, &report, &undecided, &error);
    service->phase = NULL;
    if (undecided)
        service_set_undecided(service, undecided);
    if (done) {
        g_message("co-migration to %s is done: %.1f s, Domain R paused for %.1f ms, the user VM "
                  "for %.1f ms",
                  service->host, (double)report.total_us / 1e6,
                  (double)report.domain_r_pause_us / 1e3, (double)report.user_vm_pause_us / 1e3);
        request_result(request, report_to_json(&report));
    } else {
        g_message("co-migration to %s was not made: %s", service->host, error->message);
        request_error(request, error);
    }
    answer_cancels(service, error);
    g_free(report.host);
}

/* A pair that a signal ends, most likely because the host goes down, or whose VMs have both ended
 * by themselves, has not been given up by anybody: that it was here is told until somebody has read
 * it.
 */
static void run_down(Service *service, Request *request)
{
    const Pair *pair = service->pair;

    if (request)
        presence_remove(pair->host->state_dir, pair->config->name, pair->config->uuid);
    pair_end(service->pair);
    if (request)
        request_result(request, json_object_new());
}

/* Nobody has asked for it. */
static void run_replace(Service *service)
{
    g_autoptr(GError) error = NULL;

    g_cancellable_reset(service->cancellable);
    if (!domain_r_replace(service->pair, service->cancellable, &error))
        g_warning("Domain R could not be replaced: %s", error->message);
}

/* A user VM that could not be heard when it was to be resumed, or refused, runs all the same: by an
 * answer that came late, or an operator's hand. The pair is surely here, and nobody is asked for
 * it.
 */
static gboolean runs_after_all(const Service *service)
{
    const Pair *pair = service->pair;

    return pair->state == PAIR_UNDECIDED && !service->undecided &&
           !arrival_is_waiting(service->arrival) && vm_state(pair->user_vm) == VM_RUNNING &&
           vm_answers(pair->user_vm, 0);
}

static void run_after_all(Service *service)
{
    g_autoptr(GError) error = NULL;

    /* Not by an old answer, before a command that is still to be done. */
    if (!vm_refresh(service->pair->user_vm, NULL) || !runs_after_all(service))
        return;
    g_message("the user VM, which could not be resumed, runs after all");
    if (!pair_run_here(service->pair, &error))
        g_critical("the pair does not go on as it should: %s", error->message);
}

/* Nobody has asked for this either. */
static void run_renew_screen(Service *service)
{
    g_cancellable_reset(service->cancellable);
    service->renewing = TRUE;
    screen_life_renew(service->pair, service->cancellable);
    service->renewing = FALSE;
}

static void run_resolve(Service *service, Request *request)
{
    g_autoptr(GError) error = NULL;

    g_message("an operator has decided that the pair runs here");
    gboolean done = service->undecided ? undecided_run_here(service->undecided, &error)
                                       : pair_run_here(service->pair, &error);
    if (done) {
        g_clear_pointer(&service->undecided, undecided_free);
        request_result(request, json_object_new());
    } else {
        request_error(request, error);
    }
}

/* Until it is settled, or something else is to be done first. */
static void run_settlement(Service *service)
{
    if (undecided_settle(service->undecided))
        g_clear_pointer(&service->undecided, undecided_free);
}

static void run_up(Service *service, Request *request)
{
    g_autoptr(GError) error = NULL;

    if (user_vm_start(service->pair, g_steal_pointer(&service->config), service->cancellable,
                      &error)) {
        g_message("the user VM was started again");
        request_result(request, make_status(service));
        return;
    }
    g_message("the user VM was not started again: %s", error->message);
    request_error(request, error);
}

static void queue(Service *service, Procedure procedure, Request *request)
{
    service->queued = procedure;
    service->queued_request = request;
    /* So that what runs now cannot be cancelled by what has been cancelled before. */
    g_cancellable_reset(service->cancellable);
    if (service->undecided)
        undecided_interrupt(service->undecided);
}

/* Commands */

static void do_status(Service *service, Request *request, JsonObject *arguments)
{
    request_result(request, make_status(service));
}

static void do_console(Service *service, Request *request, JsonObject *arguments)
{
    request_result(request, status_console(service->pair));
}

static void on_screenshot(GObject *source, GAsyncResult *result, gpointer data)
{
    Request *request = data;
    g_autoptr(GError) error = NULL;
    int width;
    int height;

    if (!screenshot_write_finish(result, &width, &height, &error)) {
        request_error(request, error);
        return;
    }
    JsonObject *object = json_object_new();
    json_object_set_int_member(object, "width", width);
    json_object_set_int_member(object, "height", height);
    request_result(request, object);
}

static void do_screenshot(Service *service, Request *request, JsonObject *arguments)
{
    const char *path = json_get_text(arguments, "path", NULL);

    if (!path || !g_path_is_absolute(path)) {
        refuse(request, DMORE_ERROR_USAGE, "a screenshot needs an absolute path");
        return;
    }
    if (!service->pair->region) {
        refuse(request, DMORE_ERROR_BUSY, "%s is starting and has no screen yet",
               service->pair->config->name);
        return;
    }
    screenshot_write_async(&service->pair->region->region, path, on_screenshot, request);
}

static void do_migrate(Service *service, Request *request, JsonObject *arguments)
{
    const char *host = json_get_text(arguments, "host", NULL);
    gint64 port = json_get_integer(arguments, "port", HOST_DEFAULT_PORT);
    g_autoptr(GError) error = NULL;

    gint64 timeout = json_get_integer(arguments, "timeout", 0); /* s */

    if (!host || port < 1 || port > G_MAXUINT16 || timeout < 0 || timeout > G_MAXINT32) {
        refuse(request, DMORE_ERROR_USAGE,
               "a move needs a host, a port from 1 to 65535, and no time below zero");
        return;
    }
    if (service->pair->state != PAIR_RUNNING) {
        refuse(request, DMORE_ERROR_BUSY, "%s cannot be moved now: it is %s",
               service->pair->config->name, pair_state_name(service->pair->state));
        return;
    }
    if (user_vm_has_ended(service->pair)) {
        refuse(request, DMORE_ERROR_BUSY,
               "%s cannot be moved: its user VM is %s; 'dmore up' starts it again",
               service->pair->config->name, vm_state_name(vm_state(service->pair->user_vm)));
        return;
    }
    if (!domain_r_check(service->pair, &error)) {
        request_error(request, error);
        return;
    }
    g_free(service->host);
    service->host = g_strdup(host);
    service->port = (guint16)port;
    service->timeout_us = timeout * G_USEC_PER_SEC;
    service->slow_down = json_get_boolean(arguments, "auto_converge", FALSE);
    queue(service, run_migrate, request);
}

static void do_cancel(Service *service, Request *request, JsonObject *arguments)
{
    PairState state = service->pair->state;

    if (state == PAIR_UNDECIDED || state == PAIR_STOPPING) {
        refuse(request, DMORE_ERROR_BUSY, "it is too late to cancel: %s",
               state == PAIR_STOPPING ? "the pair is leaving this host, or is being taken down"
                                      : "the move may be committed already");
        return;
    }
    /* It may have been accepted and wait for what is still under way. */
    if (state != PAIR_MIGRATING && state != PAIR_INCOMING && service->queued != run_migrate) {
        refuse(request, DMORE_ERROR_NOT_FOUND, "%s is not being moved",
               service->pair->config->name);
        return;
    }
    if (state == PAIR_MIGRATING || state == PAIR_INCOMING)
        g_cancellable_cancel(service->cancellable);
    /* A pair that was coming is gone in a moment, and with it the way to answer. */
    if (state == PAIR_INCOMING)
        request_result(request, json_object_new());
    else
        g_ptr_array_add(service->cancels, request);
}

static void do_down(Service *service, Request *request, JsonObject *arguments)
{
    const Pair *pair = service->pair;
    gboolean busy = pair->state == PAIR_STARTING || pair->life.busy || service->renewing;

    if (arrival_is_waiting(service->arrival)) {
        arrival_decide(service->arrival, request, VERDICT_END);
        return;
    }
    queue(service, run_down, request);
    if (busy)
        g_cancellable_cancel(service->cancellable);
}

/* Another user VM for the Domain R that is there. */
static void do_up(Service *service, Request *request, JsonObject *arguments)
{
    const char *text = json_get_text(arguments, "config", "");
    g_autoptr(GError) error = NULL;

    g_clear_pointer(&service->config, pair_config_free);
    service->config = pair_config_parse(text, strlen(text), "the configuration", &error);
    if (service->config)
        queue(service, run_up, request);
    else
        request_error(request, error);
}

static void do_resolve(Service *service, Request *request, JsonObject *arguments)
{
    if (arrival_is_waiting(service->arrival))
        arrival_decide(service->arrival, request, VERDICT_RUN);
    else
        queue(service, run_resolve, request);
}

/* The other host asks, by way of dmored. */
static void do_settle(Service *service, Request *request, JsonObject *arguments)
{
    arrival_ask(service->arrival, request, json_get_text(arguments, "id", NULL),
                json_get_text(arguments, "word", NULL));
}

typedef void (*Command)(Service *service, Request *request, JsonObject *arguments);

static const struct {
    const char *name;
    Command run;
    gboolean procedure; /* refused while one runs, and by the states of may_begin() */
} commands[] = {
    {"status", do_status, FALSE},
    {"console", do_console, FALSE},
    {"screenshot", do_screenshot, FALSE},
    {"cancel", do_cancel, FALSE},
    {"settle", do_settle, FALSE},
    {"resolve", do_resolve, TRUE},
    {"migrate", do_migrate, TRUE},
    {"up", do_up, TRUE},
    {"down", do_down, TRUE},
};

/* One procedure at a time, and none on a pair that is on its way, but one that is starting can be
 * taken down. A pair of which nobody knows where it runs is an operator's, who has looked: to take
 * down here, or to run here.
 */
static gboolean may_begin(const Service *service, Command command)
{
    PairState state = service->pair->state;

    if (service->queued || service->ending)
        return FALSE;
    if (command == do_resolve)
        return state == PAIR_UNDECIDED;
    return state == PAIR_RUNNING ||
           ((state == PAIR_UNDECIDED || state == PAIR_STARTING) && command == do_down);
}

static void on_requested(Request *request, const char *command, JsonObject *arguments,
                         gpointer data)
{
    Service *service = data;

    for (gsize i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (!g_str_equal(commands[i].name, command))
            continue;
        if (commands[i].procedure && !may_begin(service, commands[i].run))
            refuse(request, DMORE_ERROR_BUSY, "'%s' is not possible while %s is %s", command,
                   service->pair->config->name, pair_state_name(service->pair->state));
        else
            commands[i].run(service, request, arguments);
        return;
    }
    refuse(request, DMORE_ERROR_USAGE, "there is no command '%s'", command);
}

static gboolean on_signal(gpointer data)
{
    Service *service = data;

    g_message("asked by a signal to end");
    service->ending = TRUE;
    /* It may be decided in this moment, but nobody has asked for the end of what runs then. */
    service->leaving |= service->pair && service->pair->state == PAIR_UNDECIDED;
    g_cancellable_cancel(service->cancellable);
    if (arrival_is_waiting(service->arrival))
        arrival_decide(service->arrival, NULL, VERDICT_LEAVE);
    if (service->undecided)
        undecided_interrupt(service->undecided);
    return G_SOURCE_CONTINUE;
}

/* A VM has ended or stopped by itself: whatever co-migration runs cannot go on. */
static void on_pair_changed(gpointer data)
{
    Service *service = data;
    const Pair *pair = service->pair;

    if (pair->state != PAIR_MIGRATING && pair->state != PAIR_INCOMING)
        return;
    if (vm_has_ended(pair->user_vm) || vm_has_ended(pair->domain_r))
        g_cancellable_cancel(service->cancellable);
}

Service *service_new(const HostConfig *host)
{
    Service *service = g_new0(Service, 1);

    service->cancellable = g_cancellable_new();
    service->cancels = g_ptr_array_new();
    service->arrival = arrival_new(host, service->cancellable);
    service->signals[0] = g_unix_signal_add(SIGTERM, on_signal, service);
    service->signals[1] = g_unix_signal_add(SIGINT, on_signal, service);
    return service;
}

GCancellable *service_cancellable(Service *service)
{
    return service->cancellable;
}

Arrival *service_arrival(Service *service)
{
    return service->arrival;
}

void service_set_undecided(Service *service, Note *note)
{
    service->undecided = undecided_new(service->pair, note);
}

gboolean service_show(Service *service, Pair *pair, GError **error)
{
    g_autofree char *path = pair_path(pair, RUN_CONTROL);
    g_autofree char *made = pair_path(pair, RUN_CONTROL_MADE);

    service->pair = pair;
    service->control = control_new(path, made, on_requested, service, error);
    if (!service->control) {
        service->pair = NULL;
        return FALSE;
    }
    pair->changed = on_pair_changed;
    pair->changed_data = service;
    return TRUE;
}

void service_hide(Service *service)
{
    g_clear_pointer(&service->control, control_free);
    if (service->pair)
        service->pair->changed = NULL;
    service->pair = NULL;
}

/* Whether nothing can come here any more of an undecided pair about which nobody is asked: both VMs
 * have ended. */
static gboolean is_lost(const Service *service)
{
    const Pair *pair = service->pair;

    return pair->state == PAIR_UNDECIDED && !service->undecided &&
           vm_state(pair->user_vm) == VM_GONE && vm_state(pair->domain_r) == VM_GONE;
}

/* Who asked may have given up while something else was still under way, and decided otherwise; only
 * a move is cancelled then.
 */
static void run_queued(Service *service)
{
    const char *reason = NULL;

    if (request_is_forsaken(service->queued_request))
        reason = "nobody waits for it";
    else if (service->cancels->len > 0)
        reason = "it was cancelled before it began";
    if (reason) {
        g_message("what was asked for is not begun: %s", reason);
        refuse(service->queued_request, DMORE_ERROR_CANCELLED, "%s", reason);
        answer_cancels(service, NULL);
    } else {
        service->queued(service, service->queued_request);
    }
    service->queued = NULL;
    service->queued_request = NULL;
}

static gboolean has_work(gpointer data)
{
    const Service *service = data;

    return service->queued || service->ending || is_lost(service) || runs_after_all(service) ||
           domain_r_is_due(service->pair) || screen_life_is_due(service->pair);
}

static gboolean on_second(gpointer data)
{
    Service *service = data;

    domain_r_look(service->pair);
    logs_cut(service->pair->host->run_dir, service->pair->config->name);
    return G_SOURCE_CONTINUE;
}

/* It was asked for while the pair was found to be another host's. */
static void refuse_queued(Service *service)
{
    if (service->queued_request)
        refuse(service->queued_request, DMORE_ERROR_NOT_FOUND,
               "%s runs on the other host, which has answered just now",
               service->pair->config->name);
}

void service_run(Service *service)
{
    guint ticker = g_timeout_add_seconds(1, on_second, service);

    while (!service->pair->ended) {
        if (service->undecided && !has_work(service))
            run_settlement(service);
        else
            await(has_work, service, -1, NULL, "a request", NULL);
        if (service->pair->ended) {
            refuse_queued(service);
            break;
        }
        if (service->queued)
            run_queued(service);
        else if (service->ending && !is_lost(service) &&
                 (service->leaving || service->pair->state == PAIR_UNDECIDED))
            break; /* never end VMs that may be the only ones */
        else if (service->ending || is_lost(service))
            run_down(service, NULL);
        else if (runs_after_all(service))
            run_after_all(service);
        else if (domain_r_is_due(service->pair))
            run_replace(service);
        else if (screen_life_is_due(service->pair))
            run_renew_screen(service);
    }
    g_source_remove(ticker);
}

void service_end(Service *service, Pair *pair)
{
    if (service->queued)
        service->queued(service, service->queued_request);
    else
        pair_end(pair);
    service_hide(service);
}

void service_free(Service *service)
{
    service_hide(service);
    for (gsize i = 0; i < G_N_ELEMENTS(service->signals); i++)
        g_source_remove(service->signals[i]);
    g_clear_pointer(&service->undecided, undecided_free);
    arrival_free(service->arrival);
    g_object_unref(service->cancellable);
    g_ptr_array_unref(service->cancels);
    g_clear_pointer(&service->config, pair_config_free);
    g_free(service->host);
    g_free(service);
}
