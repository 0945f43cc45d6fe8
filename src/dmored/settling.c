/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * settling.c - what a co-migration has left open, and no dmore-pair looks after
 */
#include "dmored/settling.h"

#include <gio/gio.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "comigrate/note.h"
#include "pair/rundir.h"

#define LOOK_S 1        /* while there are notes; what they wait for is not told by the directory */
#define LOOK_AGAIN_S 10 /* when they could not be looked through */
#define WAIT_MAX_S 60u  /* between processes that fail */
#define WELL_S 60       /* one that has asked for so long has not failed at once */

struct Settling {
    const HostConfig *host;
    char *program;
    GFileMonitor *monitor;
    guint timer;
    GHashTable *processes; /* by the id of the co-migration */
    GHashTable *failures;  /* Failure, by the same */
};

/* "dmore-pair settle" that was started here and has not ended. */
typedef struct {
    Settling *settling;
    char *id;
    GPid pid;
    gint64 since_us; /* monotonic */
    guint exit_watch;
} Process;

/* Those that have failed, one after the other, without having asked for long. */
typedef struct {
    guint count;
    gint64 until_us; /* when the next one may be started; monotonic */
} Failure;

static void look(Settling *settling);

static void process_free(gpointer data)
{
    Process *process = data;

    g_source_remove(process->exit_watch);
    g_free(process->id);
    g_free(process);
}

/* A process asks for as long as it takes, so one that fails does not get that far: the next one
 * will hardly get further, and waits, twice as long each time. */
static guint note_failure(const Process *process)
{
    GHashTable *failures = process->settling->failures;
    gint64 now_us = g_get_monotonic_time();
    Failure *failure = g_hash_table_lookup(failures, process->id);

    if (!failure) {
        failure = g_new0(Failure, 1);
        g_hash_table_insert(failures, g_strdup(process->id), failure);
    }
    if (now_us - process->since_us > (gint64)WELL_S * G_USEC_PER_SEC)
        failure->count = 0;
    guint wait_s = MIN(1u << MIN(failure->count, 16), WAIT_MAX_S);
    failure->count++;
    failure->until_us = now_us + (gint64)wait_s * G_USEC_PER_SEC;
    return wait_s;
}

static void on_exited(GPid pid, int status, gpointer data)
{
    Process *process = data;

    if (g_spawn_check_wait_status(status, NULL))
        g_hash_table_remove(process->settling->failures, process->id);
    else
        g_warning("process %d, which was to settle co-migration %s, has failed; it is tried again "
                  "in %u s",
                  (int)pid, process->id, note_failure(process));
    g_hash_table_remove(process->settling->processes, process->id);
}

static gboolean has_to_wait(const Settling *settling, const Note *note)
{
    const Failure *failure = g_hash_table_lookup(settling->failures, note->id);

    return failure && g_get_monotonic_time() < failure->until_us;
}

/* Its note has gone by other means: else another one would have been started. */
static gboolean is_forgotten(gpointer id, gpointer failure, gpointer data)
{
    const Failure *last = failure;

    return g_get_monotonic_time() - last->until_us > (gint64)WELL_S * G_USEC_PER_SEC;
}

/* Two for one note are of no use, so it does not outlive the dmored that knows of it by more than a
 * question that is under way: that is never given up (settle.h).
 */
static void end_with_parent(gpointer data)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != GPOINTER_TO_INT(data))
        _exit(1);
}

static void start(Settling *settling, const Note *note)
{
    const char *const arguments[] = {
        settling->program, "--config", settling->host->path, "settle", note->id, NULL,
    };
    g_autoptr(GError) error = NULL;
    GPid pid = 0;

    if (!g_spawn_async_with_pipes_and_fds("/", arguments, NULL, G_SPAWN_DO_NOT_REAP_CHILD,
                                          end_with_parent, GINT_TO_POINTER(getpid()), -1, -1, -1,
                                          NULL, NULL, 0, &pid, NULL, NULL, NULL, &error)) {
        g_warning("what became of %s cannot be asked: %s", note->name, error->message);
        return;
    }
    g_message("process %d asks %s what became of %s", (int)pid, note->host, note->name);

    Process *process = g_new(Process, 1);
    *process = (Process){.settling = settling,
                         .id = g_strdup(note->id),
                         .pid = pid,
                         .since_us = g_get_monotonic_time()};
    process->exit_watch = g_child_watch_add(pid, on_exited, process);
    g_hash_table_insert(settling->processes, process->id, process);
}

/* Nothing of a pair that was coming is there any more. */
static void forget(const Settling *settling, Note *note)
{
    g_autoptr(GError) error = NULL;

    if (!rundir_clean(settling->host->run_dir, note->name, &error) ||
        !note_remove(note, settling->host->state_dir, FALSE, &error))
        g_warning("%s", error->message);
}

static void look_at(Settling *settling, Note *note)
{
    gboolean here = rundir_is_claimed(settling->host->run_dir, note->name);
    gint64 age = g_get_real_time() / G_USEC_PER_SEC - note->written;

    /* A negative one is from another setting of the clock. */
    if (age >= 0 && age < SETTLING_LEAVE_S)
        return;

    switch (note->word) {
    case NOTE_OPEN:
    case NOTE_COMMIT:
        if (!here)
            start(settling, note);
        break;
    case NOTE_ABORT:
    case NOTE_RETIRE:
        start(settling, note);
        break;
    case NOTE_INCOMING:
        if (!here)
            forget(settling, note);
        break;
    case NOTE_COMMITTED: /* the other host asks */
    case NOTE_NONE:
    case NOTE_WORDS:
        break;
    }
}

static gboolean on_time(gpointer data)
{
    Settling *settling = data;

    settling->timer = 0;
    look(settling);
    return G_SOURCE_REMOVE;
}

static void look(Settling *settling)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) notes = note_list(settling->host->state_dir, &error);

    g_hash_table_foreach_remove(settling->failures, is_forgotten, NULL);
    if (!notes)
        g_warning("%s", error->message);
    for (guint i = 0; notes && i < notes->len; i++) {
        Note *note = g_ptr_array_index(notes, i);
        if (!g_hash_table_contains(settling->processes, note->id) && !has_to_wait(settling, note))
            look_at(settling, note);
    }
    if ((!notes || notes->len > 0) && !settling->timer)
        settling->timer = g_timeout_add_seconds(notes ? LOOK_S : LOOK_AGAIN_S, on_time, settling);
}

static void on_changed(GFileMonitor *monitor, GFile *file, GFile *other, GFileMonitorEvent event,
                       gpointer data)
{
    Settling *settling = data;

    if (!settling->timer)
        look(settling);
}

static GFileMonitor *watch(const HostConfig *host, GError **error)
{
    g_autofree char *path = note_directory(host->state_dir, error);

    if (!path)
        return NULL;

    g_autoptr(GFile) directory = g_file_new_for_path(path);
    g_autoptr(GError) cause = NULL;
    GFileMonitor *monitor = g_file_monitor_directory(directory, G_FILE_MONITOR_NONE, NULL, &cause);

    if (!monitor)
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST, "cannot watch %s: %s", path,
                    cause->message);
    return monitor;
}

Settling *settling_new(const HostConfig *host, const char *program, GError **error)
{
    GFileMonitor *monitor = watch(host, error);

    if (!monitor)
        return NULL;

    Settling *settling = g_new0(Settling, 1);
    settling->host = host;
    settling->program = g_strdup(program);
    settling->monitor = monitor;
    settling->processes = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, process_free);
    settling->failures = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_signal_connect(monitor, "changed", G_CALLBACK(on_changed), settling);
    look(settling);
    return settling;
}

void settling_free(Settling *settling)
{
    GHashTableIter iter;
    gpointer process = NULL;

    g_hash_table_iter_init(&iter, settling->processes);
    while (g_hash_table_iter_next(&iter, NULL, &process))
        kill(((Process *)process)->pid, SIGTERM);
    g_hash_table_unref(settling->processes);
    g_hash_table_unref(settling->failures);
    if (settling->timer)
        g_source_remove(settling->timer);
    g_object_unref(settling->monitor);
    g_free(settling->program);
    g_free(settling);
}
