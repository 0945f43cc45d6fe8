/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dmored/watch.h"

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "dmored/pulse.h"
#include "pair/beat.h"
#include "pair/pair-state.h"
#include "pair/rundir.h"

#define FIRST_WAIT_MS 1000

struct Watch {
    const HostConfig *host;
    char *program;
    int inotify;
    guint source;
    int directory;     /* inotify's number of the run directory */
    guint ticker;      /* source; 0 when no dmore-pair is judged */
    GHashTable *pairs; /* name: Watched */
};

/* A pair's directory. */
typedef struct {
    Watch *watch;
    char *name;
    int directory; /* inotify's number */
    int keeper;    /* pidfd; -1 when there is none */
    GPid keeper_pid;
    guint keeper_ended; /* source */
    gint64 kept_us;     /* since when there is that keeper; monotonic */
    GPid child;         /* the dmore-pair that was started here, which may be the keeper */
    guint child_ended;  /* source; 0 when there is none */
    Pulse pulse;        /* of the keeper, or of the child that is to become it */
    guint timer;        /* until the next attempt */
    guint attempts;
} Watched;

/* See to it that the pair has a keeper. */
static void look(Watched *pair);

static void forget_keeper(Watched *pair)
{
    if (pair->keeper < 0)
        return;
    g_source_remove(pair->keeper_ended);
    close(pair->keeper);
    pair->keeper = -1;
}

/* Its pair has gone before it, and with it what there was to be told. */
static void on_orphan_ended(GPid pid, int status, gpointer data)
{
    g_info("process %d, whose pair has gone, has ended", (int)pid);
}

static void watched_free(gpointer data)
{
    Watched *pair = data;

    forget_keeper(pair);
    if (pair->child_ended) {
        g_source_remove(pair->child_ended);
        g_child_watch_add(pair->child, on_orphan_ended, NULL); /* somebody has to wait for it */
    }
    g_clear_handle_id(&pair->timer, g_source_remove);
    inotify_rm_watch(pair->watch->inotify, pair->directory);
    g_free(pair->name);
    g_free(pair);
}

static gboolean on_keeper_ended(int fd, GIOCondition condition, gpointer data)
{
    Watched *pair = data;

    if (g_get_monotonic_time() - pair->kept_us > (gint64)WATCH_WELL_MS * 1000)
        pair->attempts = 0;
    forget_keeper(pair);
    look(pair);
    return G_SOURCE_CONTINUE; /* removed already */
}

/* Return: FALSE when that process has just ended: its number may be another's by now. */
static gboolean watch_keeper(Watched *pair, GPid pid)
{
    int fd = pidfd_open(pid, 0);

    if (fd < 0)
        return FALSE;
    if (rundir_keeper(pair->watch->host->run_dir, pair->name) != pid) {
        close(fd);
        return FALSE;
    }
    pair->keeper = fd;
    pair->keeper_pid = pid;
    pair->pulse = (Pulse){0};
    pair->kept_us = g_get_monotonic_time();
    pair->keeper_ended = g_unix_fd_add(fd, G_IO_IN, on_keeper_ended, pair);
    return TRUE;
}

static void become_session(gpointer data)
{
    setsid();
}

static void on_child_ended(GPid pid, int status, gpointer data)
{
    Watched *pair = data;

    pair->child_ended = 0;
    if (WIFSIGNALED(status))
        g_warning("process %d for the pair %s was killed by signal %d", (int)pid, pair->name,
                  WTERMSIG(status));
    else
        g_message("process %d for the pair %s has ended with status %d", (int)pid, pair->name,
                  WEXITSTATUS(status));
    look(pair);
}

/* Start a dmore-pair that takes the VMs over. */
static void adopt(Watched *pair)
{
    const char *const arguments[] = {
        pair->watch->program, "--config", pair->watch->host->path, "adopt", pair->name, NULL,
    };
    g_autoptr(GError) error = NULL;
    GPid pid = 0;

    pair->attempts++;
    if (!g_spawn_async("/", (char **)arguments, NULL, G_SPAWN_DO_NOT_REAP_CHILD, become_session,
                       NULL, &pid, &error)) {
        g_warning("no dmore-pair can be started for the pair %s: %s", pair->name, error->message);
        look(pair);
        return;
    }
    g_warning("the dmore-pair of %s has died, its VMs go on; process %d takes them over",
              pair->name, (int)pid);
    pair->child = pid;
    pair->pulse = (Pulse){0};
    pair->child_ended = g_child_watch_add(pid, on_child_ended, pair);
}

/* When the next attempt is to begin; 0: now */
static guint wait_ms(const Watched *pair)
{
    guint doublings = pair->attempts - WATCH_AT_ONCE;

    if (pair->attempts < WATCH_AT_ONCE)
        return 0;
    return doublings < 6 ? FIRST_WAIT_MS << doublings : WATCH_WAIT_MAX_MS;
}

static void remove_left_over(Watched *pair)
{
    const char *run = pair->watch->host->run_dir;
    g_autoptr(GError) error = NULL;
    PairState state = pair_state_noted(run, pair->name);

    if (state != PAIR_INCOMING && state != PAIR_UNDECIDED && state != PAIR_STOPPING)
        return;
    if (rundir_clean(run, pair->name, &error))
        g_message("what was left of the pair %s, which was %s, is removed", pair->name,
                  pair_state_name(state));
    else if (!g_error_matches(error, DMORE_ERROR, DMORE_ERROR_BUSY))
        g_warning("what is left of the pair %s cannot be removed: %s", pair->name, error->message);
}

/* Whether somebody has to be started, now or in a while; a keeper is watched from here on. */
static gboolean is_forsaken(Watched *pair)
{
    const char *run = pair->watch->host->run_dir;

    if (pair->keeper >= 0)
        return FALSE;
    do {
        GPid keeper = rundir_keeper(run, pair->name);

        if (keeper && watch_keeper(pair, keeper))
            return FALSE;
        if (!keeper && pair->child_ended)
            return FALSE;
        if (!keeper && rundir_is_forsaken(run, pair->name))
            return TRUE;
    } while (rundir_keeper(run, pair->name) != 0 || rundir_is_claimed(run, pair->name));
    remove_left_over(pair);
    return FALSE;
}

static gboolean on_timer(gpointer data)
{
    Watched *pair = data;

    pair->timer = 0;
    if (is_forsaken(pair))
        adopt(pair);
    return G_SOURCE_REMOVE;
}

static void look(Watched *pair)
{
    if (pair->timer || !is_forsaken(pair))
        return;

    guint wait = wait_ms(pair);
    if (wait == 0) {
        adopt(pair);
        return;
    }
    g_warning("the pair %s has no dmore-pair; the next attempt to start one is in %u s", pair->name,
              wait / 1000);
    pair->timer = g_timeout_add(wait, on_timer, pair);
}

/* It ends as if it had died, and its end is told as that of one that has. */
static void end_keeper(const Watched *pair)
{
    if (pidfd_send_signal(pair->keeper, SIGKILL, NULL, 0) == 0)
        g_warning("the dmore-pair of %s, process %d, has given no sign of life for %u s and is "
                  "killed; the kernel said of it: %c",
                  pair->name, (int)pair->keeper_pid, pair->watch->host->watchdog,
                  pair->pulse.state);
}

/* It was started here and nobody else waits for it, so its number is still its own. */
static void end_child(const Watched *pair)
{
    g_warning("process %d, which was to take over the VMs of %s, has not come to it for %u s and "
              "is killed; the kernel said of it: %c",
              (int)pair->child, pair->name, pair->watch->host->watchdog, pair->pulse.state);
    kill(pair->child, SIGKILL);
}

/* A dmore-pair that hangs would keep its pair for ever: a process that is there is no proof. */
static void judge(Watched *pair)
{
    const HostConfig *host = pair->watch->host;
    gint64 beat = 0;

    /* A child becomes the keeper without a file that tells of it. */
    if (pair->keeper < 0 && pair->child_ended)
        look(pair);
    if (pair->keeper >= 0) {
        if (beat_read(host->run_dir, pair->name, pair->keeper_pid, &beat) &&
            pulse_look(&pair->pulse, pair->keeper_pid, beat, host->watchdog))
            end_keeper(pair);
    } else if (pair->child_ended) {
        if (pulse_look(&pair->pulse, pair->child, 0, host->watchdog))
            end_child(pair);
    }
}

static gboolean on_second(gpointer data)
{
    const Watch *watch = data;
    GHashTableIter iter;
    gpointer pair = NULL;

    g_hash_table_iter_init(&iter, watch->pairs);
    while (g_hash_table_iter_next(&iter, NULL, &pair))
        judge(pair);
    return G_SOURCE_CONTINUE;
}

static void add_pair(Watch *watch, const char *name)
{
    g_autofree char *path = g_build_filename(watch->host->run_dir, name, NULL);
    int directory = -1;

    if (g_hash_table_contains(watch->pairs, name))
        return;
    directory = inotify_add_watch(watch->inotify, path, IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
    if (directory < 0) {
        if (errno != ENOENT && errno != ENOTDIR)
            g_warning("cannot watch the pair %s: %s", name, g_strerror(errno));
        return;
    }

    Watched *pair = g_new0(Watched, 1);
    pair->watch = watch;
    pair->name = g_strdup(name);
    pair->directory = directory;
    pair->keeper = -1;
    g_hash_table_insert(watch->pairs, pair->name, pair);
    look(pair);
}

/* Whatever is there, whether it has been told of or not. */
static void add_pairs(Watch *watch)
{
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) names = rundir_list(watch->host->run_dir, &error);

    if (!names)
        g_warning("%s", error->message);
    for (char **name = names; name && *name; name++)
        add_pair(watch, *name);
}

static Watched *find_directory(Watch *watch, int directory)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, watch->pairs);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        if (((Watched *)value)->directory == directory)
            return value;
    return NULL;
}

/* The kernel had more to tell than it keeps: a keeper that came, or a directory that went and one
 * of the same name that came, may be among what is lost. So nothing that is known holds any more.
 */
static void begin_anew(Watch *watch)
{
    g_warning("too much has changed in %s at once; all pairs are looked at anew",
              watch->host->run_dir);
    g_hash_table_remove_all(watch->pairs);
    add_pairs(watch);
}

static void take_event(Watch *watch, const struct inotify_event *event)
{
    Watched *pair = find_directory(watch, event->wd);

    /* A directory that is removed is gone for us at once: the kernel goes on watching it for as
     * long as anybody has a file of it open, and the next one of that name is another. */
    if (event->wd == watch->directory && event->mask & IN_DELETE)
        g_hash_table_remove(watch->pairs, event->name);
    if (event->mask & IN_Q_OVERFLOW) {
        begin_anew(watch);
    } else if (event->wd == watch->directory) {
        add_pairs(watch);
    } else if (pair && event->mask & IN_IGNORED) {
        g_hash_table_remove(watch->pairs, pair->name);
        add_pairs(watch);
    } else if (pair) {
        look(pair);
    }
}

static gboolean on_events(int fd, GIOCondition condition, gpointer data)
{
    _Alignas(struct inotify_event) char events[4096];
    ssize_t size = read(fd, events, sizeof(events));
    const struct inotify_event *event = NULL;

    for (ssize_t at = 0; at < size; at += (ssize_t)(sizeof(*event) + event->len)) {
        event = (const struct inotify_event *)(gpointer)(events + at);
        take_event(data, event);
    }
    return G_SOURCE_CONTINUE;
}

Watch *watch_new(const HostConfig *host, const char *program, GError **error)
{
    g_autoptr(Watch) watch = g_new0(Watch, 1);

    watch->host = host;
    watch->program = g_strdup(program);
    watch->pairs = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, watched_free);
    watch->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (watch->inotify >= 0 && g_mkdir_with_parents(host->run_dir, S_IRWXU) == 0)
        watch->directory = inotify_add_watch(watch->inotify, host->run_dir,
                                             IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_ONLYDIR);
    if (watch->directory <= 0) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST, "cannot watch the run directory %s: %s",
                    host->run_dir, g_strerror(errno));
        return NULL;
    }
    watch->source = g_unix_fd_add(watch->inotify, G_IO_IN, on_events, watch);
    if (host->watchdog)
        watch->ticker = g_timeout_add_seconds(1, on_second, watch);
    add_pairs(watch);
    return g_steal_pointer(&watch);
}

void watch_free(Watch *watch)
{
    g_hash_table_unref(watch->pairs);
    g_clear_handle_id(&watch->source, g_source_remove);
    g_clear_handle_id(&watch->ticker, g_source_remove);
    if (watch->inotify >= 0)
        close(watch->inotify);
    g_free(watch->program);
    g_free(watch);
}
