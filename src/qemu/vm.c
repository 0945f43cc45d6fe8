/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vm.c - a virtual machine: its process, its monitor, its state
 *
 * Theory of operation
 *
 * QEMU tells by events that something has happened, but the events overlap (a power-off is a
 * SHUTDOWN and a STOP), so none of them is taken for the state itself: each only makes us ask
 * query-status, whose answers come in the order of the questions. A change that vm_pause(),
 * vm_resume() or a migration makes is expected and not reported.
 *
 * One thing has to be remembered of an event: that the guest has ended by itself. A migration that
 * runs takes the stop for its own and comes to finish-migrate before anybody can ask; only when it
 * is cancelled QEMU says again that the guest is off.
 */
#include "qemu/vm-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "base/await.h"
#include "base/error.h"
#include "base/json.h"
#include "qemu/vm-monitor.h"

/* How long a process may take until its monitor answers. A new one allocates memory and opens disks
 * first; on a loaded host without KVM that is seconds. */
#define LAUNCH_TIMEOUT_MS 60000
#define ADOPT_TIMEOUT_MS 30000 /* one that runs has nothing to do first */
#define END_OF_LOST_MS 10000   /* of a process whose monitor has closed */

#define LAST_WORDS_MAX 400 /* bytes of the log that go into a message */

/* State */

static const struct {
    const char *status; /* QEMU's RunState */
    VmState state;
} run_states[] = {
    {"running", VM_RUNNING},        {"suspended", VM_RUNNING}, /* the guest sleeps and can wake up
                                                                  by itself */
    {"inmigrate", VM_INCOMING},     {"postmigrate", VM_MIGRATED},   {"shutdown", VM_OFF},
    {"guest-panicked", VM_CRASHED}, {"internal-error", VM_CRASHED},
};

static VmState parse_state(Vm *vm, JsonNode *status)
{
    const char *text = JSON_NODE_HOLDS_OBJECT(status)
                           ? json_get_text(json_node_get_object(status), "status", "")
                           : "";

    vm->fresh = strcmp(text, "prelaunch") == 0;
    vm->migrating = strcmp(text, "finish-migrate") == 0;
    for (gsize i = 0; i < G_N_ELEMENTS(run_states); i++) {
        if (strcmp(run_states[i].status, text) == 0)
            return run_states[i].state;
    }
    /* prelaunch, paused, finish-migrate, io-error, watchdog, debug, ... */
    return vm->ended != VM_RUNNING ? vm->ended : VM_PAUSED;
}

static gboolean is_expected(const Vm *vm, VmState old, VmState state)
{
    switch (state) {
    case VM_INCOMING:
    case VM_MIGRATED:
        return TRUE;
    case VM_RUNNING:
    case VM_PAUSED:
        return vm->commanding || old == VM_INCOMING;
    default:
        return vm->ending;
    }
}

static void set_state(Vm *vm, VmState state)
{
    VmState old = vm->state;
    g_autofree char *detail = NULL;

    if (state == old || old == VM_GONE)
        return;
    vm->state = state;
    detail = g_steal_pointer(&vm->detail);
    if (!is_expected(vm, old, state))
        vm->events->state_changed(vm, state, detail != NULL ? detail : "", vm->data);
}

static void on_status(JsonNode *result, const GError *error, gpointer data)
{
    /* An error means that the monitor is gone; then the end of the process is heard of, too. */
    if (error == NULL)
        set_state(data, parse_state(data, result));
}

gboolean vm_refresh(Vm *vm, GError **error)
{
    g_autoptr(JsonNode) status = qmp_execute(vm->qmp, "query-status", NULL, -1, error);

    if (status == NULL)
        return FALSE;
    vm->unsettled = FALSE;
    set_state(vm, parse_state(vm, status));
    return TRUE;
}

/* Events */

static char *detail_power(JsonObject *event)
{
    return g_strdup_printf("shut down (%s)", json_get_text(event, "reason", "unknown reason"));
}

static char *detail_panic(JsonObject *event)
{
    return g_strdup("the guest has panicked");
}

static char *detail_io_error(JsonObject *event)
{
    return g_strdup_printf("I/O error on disk '%s': %s", json_get_text(event, "node-name", "?"),
                           json_get_text(event, "reason", "unknown reason"));
}

static char *detail_watchdog(JsonObject *event)
{
    return g_strdup("the guest's watchdog has expired");
}

/* The events after which the state may be another one, and what they say of the reason. */
static const struct {
    const char *name;
    char *(*detail)(JsonObject *event);
    VmState ended; /* what the guest has ended as; VM_RUNNING: it has not */
} state_events[] = {
    {"STOP", NULL, VM_RUNNING},
    {"RESUME", NULL, VM_RUNNING},
    {"SUSPEND", NULL, VM_RUNNING},
    {"WAKEUP", NULL, VM_RUNNING},
    {"RESET", NULL, VM_RUNNING},
    {"MIGRATION", NULL, VM_RUNNING},
    {"SHUTDOWN", detail_power, VM_OFF},
    {"GUEST_PANICKED", detail_panic, VM_CRASHED},
    {"BLOCK_IO_ERROR", detail_io_error, VM_RUNNING},
    {"WATCHDOG", detail_watchdog, VM_RUNNING},
};

static void on_event(const char *name, JsonObject *event, gpointer data)
{
    Vm *vm = data;

    for (gsize i = 0; i < G_N_ELEMENTS(state_events); i++) {
        if (strcmp(state_events[i].name, name) != 0)
            continue;
        if (state_events[i].detail != NULL) {
            g_free(vm->detail);
            vm->detail = state_events[i].detail(event);
        }
        if (state_events[i].ended != VM_RUNNING)
            vm->ended = state_events[i].ended;
        qmp_send(vm->qmp, "query-status", NULL, -1, on_status, vm);
    }
    if (strcmp(name, "MIGRATION") == 0)
        vm->migration = vm_migration_parse(json_get_text(event, "status", ""));
    if (strcmp(name, "RESET") == 0 || strcmp(name, "RESUME") == 0)
        vm->ended = VM_RUNNING;
    if (strcmp(name, "RESET") == 0 && vm->events->reset)
        vm->events->reset(vm, vm->data);
}

static void on_monitor_closed(const GError *error, gpointer data)
{
    /* The usual reason is the end of the process, which the pidfd tells in a moment. */
    g_info("%s", error->message);
}

/* last_words() - the last line that the process has printed, or all when it is short */
static char *last_words(const Vm *vm)
{
    g_autofree char *text = NULL;
    gsize size = 0;

    if (!g_file_get_contents(vm->log, &text, &size, NULL))
        return g_strdup("it has printed nothing");

    /* One that is shorter than it was has been cut to its last part meanwhile. */
    gsize start = size < (gsize)vm->log_start ? 0 : (gsize)vm->log_start;

    if (size == start)
        return g_strdup("it has printed nothing");

    char *words = g_strstrip(text + start);

    if (strlen(words) > LAST_WORDS_MAX && strrchr(words, '\n') != NULL)
        words = strrchr(words, '\n') + 1;
    g_strdelimit(words, "\r\n", ' ');
    return g_utf8_make_valid(words, MIN((gssize)strlen(words), LAST_WORDS_MAX));
}

static void on_process_ended(const char *how, gpointer data)
{
    Vm *vm = data;
    g_autofree char *words = last_words(vm);

    g_free(vm->detail);
    vm->detail = g_strdup_printf("%s; its last words: %s", how, words);
    set_state(vm, VM_GONE);
}

/* Start and adoption */

const QmpEvents vm_monitor_events = {on_event, on_monitor_closed};

static Vm *vm_new(const char *name, const char *log, const VmEvents *events, gpointer data)
{
    Vm *vm = g_new0(Vm, 1);

    vm->name = g_strdup(name);
    vm->log = g_strdup(log);
    vm->events = events;
    vm->data = data;
    vm->state = VM_PAUSED;
    return vm;
}

static gboolean answers_or_is_gone(gpointer data)
{
    const Vm *vm = data;

    return qmp_ready(vm->qmp) || vm_process_how(vm->process) != NULL;
}

/* vm_open() - talk over @socket and learn the state */
static gboolean vm_open(Vm *vm, GSocket *socket, int timeout_ms, GCancellable *cancellable,
                        GError **error)
{
    g_autofree char *what = g_strdup_printf("the first answer of QEMU's monitor (%s)", vm->name);
    int fd = fcntl(g_socket_get_fd(socket), F_DUPFD_CLOEXEC, 0);

    if (fd < 0) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST, "%s: cannot open its monitor: %s",
                    vm->name, g_strerror(errno));
        return FALSE;
    }
    vm->qmp = qmp_new(vm->name, fd, &vm_monitor_events, vm);
    if (!await(answers_or_is_gone, vm, timeout_ms, cancellable, what, error))
        return FALSE;
    if (!qmp_ready(vm->qmp)) {
        g_autofree char *words = last_words(vm);

        g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST, "%s does not start (%s): %s", vm->name,
                    vm_process_how(vm->process), words);
        return FALSE;
    }
    return vm_refresh(vm, error);
}

/* log_open() - for appending; an older log is kept, but its end not taken for this process's */
static int log_open(Vm *vm, GError **error)
{
    int fd = open(vm->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    if (fd < 0)
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST, "cannot write %s: %s", vm->log,
                    g_strerror(errno));
    else
        vm->log_start = lseek(fd, 0, SEEK_END);
    return fd;
}

static goffset log_size(const Vm *vm)
{
    GStatBuf status;

    return g_stat(vm->log, &status) == 0 ? status.st_size : 0;
}

static gboolean vm_spawn(Vm *vm, const char *const *arguments, const VmFd *fds, gsize n_fds,
                         GSocket *listener, GError **error)
{
    VmProcessFds passed = {fds, n_fds, g_socket_get_fd(listener), log_open(vm, error)};

    if (passed.log < 0)
        return FALSE;
    vm->process = vm_process_spawn(arguments, &passed, on_process_ended, vm, error);
    close(passed.log);
    return vm->process != NULL;
}

/* launch() - start the process of a new @vm and talk to it */
static gboolean launch(Vm *vm, const char *const *arguments, const VmFd *fds, gsize n_fds,
                       const char *monitor, GCancellable *cancellable, GError **error)
{
    g_autoptr(GSocket) listener = vm_monitor_listen(monitor, error);
    g_autoptr(GSocket) socket = listener != NULL ? vm_monitor_connect(monitor, error) : NULL;

    if (socket == NULL || !vm_spawn(vm, arguments, fds, n_fds, listener, error))
        return FALSE;

    /* Only QEMU holds it now: when QEMU ends before it accepts us, the connection ends, too. */
    g_clear_object(&listener);
    vm->ending = TRUE; /* an end now is returned, not reported */
    if (!vm_open(vm, socket, LAUNCH_TIMEOUT_MS, cancellable, error)) {
        vm_kill(vm);
        return FALSE;
    }
    vm->ending = FALSE;
    return TRUE;
}

Vm *vm_launch(const char *name, const char *const *arguments, const VmFd *fds, gsize n_fds,
              const char *monitor, const char *log, const VmEvents *events, gpointer data,
              GCancellable *cancellable, GError **error)
{
    Vm *vm = vm_new(name, log, events, data);

    if (!launch(vm, arguments, fds, n_fds, monitor, cancellable, error))
        g_clear_pointer(&vm, vm_free);
    return vm;
}

/* adopt_gone() - there is no process: have a monitor that has ended, as when it ends later */
static gboolean adopt_gone(Vm *vm, GError **error)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST, "cannot make a socket pair: %s",
                    g_strerror(errno));
        return FALSE;
    }
    close(ends[1]);
    vm->qmp = qmp_new(vm->name, ends[0], &vm_monitor_events, vm);
    vm->state = VM_GONE;
    return TRUE;
}

/* adopt() - watch the process that serves @monitor and talk to it
 * @or_end: end it when it does not answer
 */
static gboolean adopt(Vm *vm, const char *monitor, gboolean or_end, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(GSocket) socket = vm_monitor_connect(monitor, &failure);
    GPid pid = 0;

    if (g_error_matches(failure, DMORE_ERROR, DMORE_ERROR_NOT_FOUND))
        return adopt_gone(vm, error);
    if (socket == NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (!vm_monitor_get_peer(socket, &pid, error))
        return FALSE;
    vm->log_start = log_size(vm);
    vm->process = vm_process_adopt(pid, on_process_ended, vm, error);
    if (vm->process == NULL)
        return FALSE;
    vm->ending = TRUE;
    vm->commanding = TRUE; /* its state is no news */
    if (!vm_open(vm, socket, ADOPT_TIMEOUT_MS, NULL, &failure)) {
        if (!or_end || vm->qmp == NULL) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return FALSE;
        }
        g_warning("%s does not answer and is ended: %s", vm->name, failure->message);
        vm_destroy(vm);
    }
    vm->ending = FALSE;
    vm->commanding = FALSE;
    return TRUE;
}

Vm *vm_adopt(const char *name, const char *monitor, const char *log, const VmEvents *events,
             gpointer data, GError **error)
{
    Vm *vm = vm_new(name, log, events, data);

    if (!adopt(vm, monitor, FALSE, error))
        g_clear_pointer(&vm, vm_free);
    return vm;
}

Vm *vm_adopt_or_end(const char *name, const char *monitor, const char *log, const VmEvents *events,
                    gpointer data, GError **error)
{
    Vm *vm = vm_new(name, log, events, data);

    if (!adopt(vm, monitor, TRUE, error))
        g_clear_pointer(&vm, vm_free);
    return vm;
}

void vm_free(Vm *vm)
{
    if (vm == NULL)
        return;
    g_clear_pointer(&vm->qmp, qmp_free);
    g_clear_pointer(&vm->process, vm_process_free);
    g_free(vm->detail);
    g_free(vm->log);
    g_free(vm->name);
    g_free(vm);
}

/* What the rooms above ask for */

GPid vm_pid(const Vm *vm)
{
    return vm->process != NULL && vm->state != VM_GONE ? vm_process_pid(vm->process) : 0;
}

int vm_fetch_fd(const Vm *vm, int number, GError **error)
{
    if (vm->process != NULL)
        return vm_process_fetch_fd(vm->process, number, error);
    g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST, "%s has no process any more", vm->name);
    return -1;
}

const char *vm_name(const Vm *vm)
{
    return vm->name;
}

VmState vm_state(const Vm *vm)
{
    return vm->state;
}

static gboolean is_gone(gpointer data)
{
    return vm_state(data) == VM_GONE;
}

static gboolean answers(gpointer data)
{
    const Vm *vm = data;

    return qmp_overdue(vm->qmp) == NULL;
}

gboolean vm_answers(Vm *vm, int patience_ms)
{
    return await(answers, vm, patience_ms, NULL, "an overdue answer", NULL);
}

void vm_await_end_of_lost(Vm *vm)
{
    g_autoptr(GError) error = NULL;

    if (qmp_closed(vm->qmp) && !await(is_gone, vm, END_OF_LOST_MS, NULL, "its end", &error))
        g_warning("%s has closed its monitor and has not ended: %s", vm->name, error->message);
}

gboolean vm_is_fresh(const Vm *vm)
{
    return vm->fresh && vm->state == VM_PAUSED;
}

gboolean vm_has_ended(const Vm *vm)
{
    return vm->state == VM_OFF || vm->state == VM_CRASHED || vm->state == VM_GONE;
}

const char *vm_state_name(VmState state)
{
    static const char *const names[] = {"running", "paused",  "incoming", "migrated",
                                        "off",     "crashed", "gone"};

    return (gsize)state < G_N_ELEMENTS(names) ? names[state] : "unknown";
}

const char *vm_version(const Vm *vm)
{
    return qmp_version(vm->qmp);
}

/* is_within_reach() - whether the next command is sent, and to somebody */
static gboolean is_within_reach(const Vm *vm)
{
    return qmp_overdue(vm->qmp) == NULL && !qmp_peer_has_gone(vm->qmp);
}

/* vm_command() - a command that changes the state to @wanted
 * @accepted: set when QEMU has done the command, whatever came of it
 */
static gboolean vm_command(Vm *vm, const char *command, VmState wanted, gboolean *accepted,
                           GError **error)
{
    vm->commanding = TRUE;
    vm->unsettled |= is_within_reach(vm);

    *accepted = qmp_do(vm->qmp, command, NULL, error);
    gboolean done = *accepted && vm_refresh(vm, error);

    vm->commanding = FALSE;
    if (!done)
        return FALSE;
    if (vm->state != wanted) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_FAILED, "%s is %s after '%s'", vm->name,
                    vm_state_name(vm->state), command);
        return FALSE;
    }
    return TRUE;
}

/* is_out_of_reach() - whether the next command is not even sent, or to nobody, and no earlier one
 * to stop or resume it may have been done or be done yet
 */
static gboolean is_out_of_reach(const Vm *vm)
{
    return !is_within_reach(vm) && !vm->unsettled;
}

gboolean vm_pause(Vm *vm, GError **error)
{
    g_autoptr(GError) failure = NULL;
    gboolean dropped = is_out_of_reach(vm);
    gboolean accepted = FALSE;

    if (vm_command(vm, "stop", VM_PAUSED, &accepted, &failure))
        return TRUE;
    /* It may do so at any time, so whoever goes back has to resume it. */
    if (!dropped && g_error_matches(failure, DMORE_ERROR, DMORE_ERROR_TIMEOUT) &&
        vm->state == VM_RUNNING)
        vm->state = VM_PAUSED;
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

gboolean vm_resume(Vm *vm, GError **error)
{
    /* QEMU would take `cont` now as leave to start by itself once it is loaded. */
    if (vm->state == VM_INCOMING) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_FAILED,
                    "%s cannot run: its state has not arrived yet", vm->name);
        return FALSE;
    }
    g_autoptr(GError) failure = NULL;
    gboolean dropped = is_out_of_reach(vm);
    gboolean accepted = FALSE;
    VmState before = vm->state;

    if (vm_command(vm, "cont", VM_RUNNING, &accepted, &failure))
        return TRUE;
    /* Not even sent, or to nobody, or refused, and asked again it says that it stands still as
     * before: then nothing of it has run. One that stands still after it was accepted has run, if
     * only until the next write that failed. */
    gboolean refused = !accepted && g_error_matches(failure, DMORE_ERROR, DMORE_ERROR_FAILED);
    if (before != VM_RUNNING &&
        (dropped || (refused && vm_refresh(vm, NULL) && vm->state == before)))
        failure->code = DMORE_ERROR_HOST;
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

gboolean vm_announce(Vm *vm, GError **error)
{
    /* Times in ms: five announcements within a second, the first at once. */
    return qmp_do(vm->qmp, "announce-self",
                  g_variant_new_parsed("{'initial': <50>, 'max': <550>, 'rounds': <5>,"
                                       " 'step': <100>}"),
                  error);
}

void vm_kill(Vm *vm)
{
    vm->ending = TRUE;
    if (vm->process != NULL)
        vm_process_kill(vm->process);
}

void vm_destroy(Vm *vm)
{
    vm->ending = TRUE;
    if (vm->process != NULL)
        vm_process_destroy(vm->process);
}

gboolean vm_add_display_client(Vm *vm, int fd, GError **error)
{
    g_autoptr(JsonNode) passed =
        qmp_execute(vm->qmp, "getfd", g_variant_new_parsed("{'fdname': <'display'>}"), fd, error);

    return passed != NULL && qmp_do(vm->qmp, "add_client",
                                    g_variant_new_parsed("{'protocol': <'@dbus-display'>,"
                                                         " 'fdname': <'display'>}"),
                                    error);
}
