/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation
 *
 * The phases are a table. source_run() goes down the table; when a phase fails, or the operator
 * cancels, it goes back up and undoes, in reverse order, what the failed phase and those before it
 * did. So each function answers for its own phase only, and the order of resuming - user VM before
 * Domain R - follows from the order of stopping.
 *
 * The commit is the point of no return, and it is a single message. Before it is sent the
 * destination never resumes anything, so undoing needs no word from there. Once it is sent, the
 * destination may have resumed both VMs, so this host never resumes them on its own: if no answer
 * comes the co-migration is undecided.
 */
#include "comigrate/source.h"

#include "base/await.h"
#include "base/error.h"
#include "base/json.h"
#include "comigrate/handover.h"
#include "comigrate/hold.h"
#include "comigrate/link.h"
#include "comigrate/offer.h"
#include "comigrate/valve.h"
#include "pair/frames.h"
#include "pair/screen-copy.h"

#define ANSWER_MS 10000  /* for what the destination does at once */
#define PREPARE_MS 60000 /* for starting two hypervisors */
#define SWITCHOVER_MS 10000
#define COMPLETE_MS 60000 /* for the rest of both VMs' state */
#define QUIESCE_MS 50     /* what the user VM has not read by then goes with the handover */
#define LOOK_MS 20        /* between two looks at the migrations */
#define PROGRESS_US 200000
#define OPENING_MS 120 /* until QEMU obeys an opened valve (valve.h) */

typedef struct {
    Pair *pair;
    const ComigrationOrder *order;
    ComigrationReport *report;
    Link *link;
    Valve user_vm;
    Valve domain_r;
    Phase phase;
    struct screen_tiles *changed; /* since the picture went ahead */
    char *user_vm_address;        /* where the destination's VMs listen for their state */
    char *domain_r_address;
    gint64 begun_us;
    gint64 told_us;             /* when progress was last told */
    FrameWatch *user_vm_frames; /* from its stop on */
    FrameWatch *domain_r_frames;
    gint64 domain_r_stopped_us;
    gint64 user_vm_stopped_us;
} Source;

static void tell_progress(Source *source)
{
    ComigrationProgress progress = {
        .phase = source->phase,
        .elapsed_us = g_get_monotonic_time() - source->begun_us,
        .user_vm = source->user_vm.status,
        .domain_r = source->domain_r.status,
    };

    source->told_us = g_get_monotonic_time();
    if (source->order->progress)
        source->order->progress(&progress, source->order->data);
}

/* Send a message that has nothing but its name and wait for its answer. */
static gboolean ask(Source *source, const char *message, const char *answer, int timeout_ms,
                    GError **error)
{
    if (!link_send(source->link, message, json_object_new(), NULL, error))
        return FALSE;
    g_autoptr(LinkMessage) reply =
        link_receive(source->link, answer, timeout_ms, source->order->cancellable, error);
    return reply != NULL;
}

static gboolean run_offer(Source *source, GError **error)
{
    const ComigrationOrder *order = source->order;

    source->link =
        link_connect(order->host, order->port, source->pair->host->key, order->cancellable, error);
    if (!source->link)
        return FALSE;
    if (!link_send(source->link, "offer", offer_make(source->pair), source->pair->settings, error))
        return FALSE;
    g_autoptr(LinkMessage) accepted =
        link_receive(source->link, "accepted", PREPARE_MS, order->cancellable, error);
    return accepted != NULL;
}

static gboolean run_prepare(Source *source, GError **error)
{
    if (!link_send(source->link, "prepare", json_object_new(), NULL, error))
        return FALSE;
    g_autoptr(LinkMessage) prepared =
        link_receive(source->link, "prepared", PREPARE_MS, source->order->cancellable, error);
    if (!prepared)
        return FALSE;

    source->user_vm_address = g_strdup(json_get_text(prepared->object, "user_vm", NULL));
    source->domain_r_address = g_strdup(json_get_text(prepared->object, "domain_r", NULL));
    if (!source->user_vm_address || !source->domain_r_address) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_PEER,
                    "%s is prepared but does not say where its VMs listen",
                    link_peer(source->link));
        return FALSE;
    }
    return TRUE;
}

static gboolean look_at_both(Source *source, GError **error)
{
    if (!valve_look(&source->user_vm, error) || !valve_look(&source->domain_r, error))
        return FALSE;
    if (g_get_monotonic_time() - source->told_us >= PROGRESS_US)
        tell_progress(source);
    /* The destination says at once when it fails; and without it there is nothing to go on for. */
    if (link_lost(source->link) || link_has_message(source->link)) {
        g_autoptr(LinkMessage) unexpected = link_receive(source->link, "nothing", 0, NULL, error);
        return FALSE;
    }
    return await_ms(LOOK_MS, source->order->cancellable, error);
}

static gboolean start_migration(Source *source, Valve *valve, const char *address,
                                gboolean keep_shared, GError **error)
{
    VmMigrationOptions options = {
        .bandwidth = valve->bandwidth,
        .keep_shared = keep_shared,
        .key_dir = source->pair->host->key_dir,
    };

    valve_begin(valve);
    return vm_migration_start(valve->vm, address, &options, error);
}

/* Shut the valve of a VM that is near its end, and let the other one have the whole bandwidth. */
static gboolean shut_when_near(Source *source, Valve *valve, Valve *other, GError **error)
{
    if (valve->shut || !valve_near(valve))
        return TRUE;
    return valve_shut(valve, error) && valve_widen(other, source->pair->host->bandwidth, error);
}

static gboolean run_pre_copy(Source *source, GError **error)
{
    Valve *user_vm = &source->user_vm;
    Valve *domain_r = &source->domain_r;

    if (!start_migration(source, user_vm, source->user_vm_address, FALSE, error) ||
        !start_migration(source, domain_r, source->domain_r_address, TRUE, error))
        return FALSE;
    while (!user_vm->shut || !domain_r->shut)
        if (!look_at_both(source, error) || !shut_when_near(source, user_vm, domain_r, error) ||
            !shut_when_near(source, domain_r, user_vm, error))
            return FALSE;
    return TRUE;
}

/* Let the picture go ahead; what changes of it from now on goes with the handover. */
static gboolean send_picture(Source *source, GError **error)
{
    screen_feed_record(source->pair->feed, source->changed);
    g_autoptr(GBytes) copy = screen_copy_make(&source->pair->region->region);

    return link_send(source->link, "picture", json_object_new(), copy, error);
}

static gboolean run_converged(Source *source, GError **error)
{
    if (!valve_open(&source->user_vm, error) || !valve_open(&source->domain_r, error) ||
        !send_picture(source, error) ||
        !await_ms(VALVE_OPENING_MS, source->order->cancellable, error))
        return FALSE;
    do {
        if (!look_at_both(source, error))
            return FALSE;
    } while (!valve_near(&source->user_vm) || !valve_near(&source->domain_r));
    return TRUE;
}

/* Frames are only saved to shorten the pause: without them it goes on. */
static FrameWatch *watch_frames(const char *interface)
{
    g_autoptr(GError) error = NULL;
    FrameWatch *watch = interface ? frame_watch_new(interface, &error) : NULL;

    if (error)
        g_warning("frames that arrive during the switch-over are lost: %s", error->message);
    return watch;
}

static gboolean run_stop_r(Source *source, GError **error)
{
    source->domain_r_frames = watch_frames(source->pair->domain_r_interface);
    source->domain_r_stopped_us = g_get_monotonic_time();
    return vm_pause(source->domain_r.vm, error);
}

static gboolean run_quiesce(Source *source, GError **error)
{
    g_autoptr(GError) left = NULL;

    if (await(relay_drained, source->pair->relay, QUIESCE_MS, source->order->cancellable,
              "the user VM to take its input", &left))
        return TRUE;
    if (!g_error_matches(left, DMORE_ERROR, DMORE_ERROR_TIMEOUT)) {
        g_propagate_error(error, g_steal_pointer(&left));
        return FALSE;
    }
    return TRUE;
}

static gboolean run_stop_u(Source *source, GError **error)
{
    source->user_vm_frames = watch_frames(source->pair->user_vm_interface);
    source->user_vm_stopped_us = g_get_monotonic_time();
    if (!vm_pause(source->user_vm.vm, error))
        return FALSE;
    relay_freeze(source->pair->relay);
    return TRUE;
}

static gboolean run_handover(Source *source, GError **error)
{
    Pair *pair = source->pair;
    g_autoptr(GBytes) handover =
        handover_save(&pair->region->region, pair->relay, source->changed, error);

    if (!handover)
        return FALSE;
    source->report->handover_bytes = g_bytes_get_size(handover);
    if (!link_send(source->link, "handover", json_object_new(), handover, error))
        return FALSE;
    g_autoptr(LinkMessage) installed =
        link_receive(source->link, "installed", ANSWER_MS, source->order->cancellable, error);
    return installed != NULL;
}

static gboolean run_complete(Source *source, GError **error)
{
    GCancellable *cancellable = source->order->cancellable;
    Vm *user_vm = source->user_vm.vm;
    Vm *domain_r = source->domain_r.vm;

    /* What was left of both memories when they stopped has been on its way meanwhile. */
    if (!vm_migration_await(domain_r, VM_MIGRATION_SWITCHOVER, SWITCHOVER_MS, cancellable, error) ||
        !vm_migration_await(user_vm, VM_MIGRATION_SWITCHOVER, SWITCHOVER_MS, cancellable, error))
        return FALSE;
    if (!vm_migration_continue(user_vm, error) || !vm_migration_continue(domain_r, error))
        return FALSE;
    if (!ask(source, "complete", "loaded", COMPLETE_MS, error))
        return FALSE;
    return vm_migration_await(user_vm, VM_MIGRATION_COMPLETED, COMPLETE_MS, cancellable, error) &&
           vm_migration_await(domain_r, VM_MIGRATION_COMPLETED, COMPLETE_MS, cancellable, error);
}

/* What the two pauses were. The destination tells how long after the commit each VM resumed; of the
 * way of the message there, half of the round trip is assumed.
 */
static void measure_pauses(Source *source, gint64 sent_us, JsonObject *running)
{
    gint64 there_us = json_get_integer(running, "total_us", 0);
    gint64 round_trip_us = MAX(g_get_monotonic_time() - sent_us - there_us, 0);
    gint64 arrived_us = sent_us + round_trip_us / 2;

    source->report->user_vm_pause_us =
        arrived_us + json_get_integer(running, "user_vm_us", 0) - source->user_vm_stopped_us;
    source->report->domain_r_pause_us =
        arrived_us + json_get_integer(running, "domain_r_us", 0) - source->domain_r_stopped_us;
}

static LinkMessage *send_commit(Source *source, GError **error)
{
    if (!link_send(source->link, "commit", json_object_new(), NULL, error))
        return NULL;
    return link_receive(source->link, "running", COMPLETE_MS, NULL, error);
}

static gboolean run_commit(Source *source, GError **error)
{
    if (g_cancellable_is_cancelled(source->order->cancellable)) {
        g_set_error_literal(error, DMORE_ERROR, DMORE_ERROR_CANCELLED,
                            "cancelled before the commit");
        return FALSE;
    }

    g_autoptr(GError) failure = NULL;
    gint64 sent_us = g_get_monotonic_time();
    source->pair->state = PAIR_UNDECIDED;
    g_autoptr(LinkMessage) running = send_commit(source, &failure);
    if (!running) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_UNDECIDED,
                    "it is not known whether %s runs the pair now: %s; both VMs stay paused here "
                    "until the two hosts have spoken",
                    source->order->host, failure->message);
        return FALSE;
    }
    measure_pauses(source, sent_us, running->object);
    return TRUE;
}

static gboolean send_frames(Source *source, const char *message, FrameWatch *watch, GError **error)
{
    g_autoptr(GBytes) frames = watch ? frame_watch_take(watch) : NULL;

    return link_send(source->link, message, json_object_new(), frames, error);
}

static gboolean forward_frames(Source *source, GError **error)
{
    return send_frames(source, "domain-r-frames", source->domain_r_frames, error) &&
           send_frames(source, "user-vm-frames", source->user_vm_frames, error);
}

static gboolean run_retire(Source *source, GError **error)
{
    VmMigrationStatus status;
    g_autoptr(GError) untold = NULL;

    gboolean told = forward_frames(source, &untold);
    if (vm_migration_query(source->user_vm.vm, &status, NULL))
        source->report->user_vm_bytes = status.transferred;
    if (vm_migration_query(source->domain_r.vm, &status, NULL))
        source->report->domain_r_bytes = status.transferred;
    source->report->total_us = g_get_monotonic_time() - source->begun_us;
    if (!told || !link_send(source->link, "retire", report_to_json(source->report), NULL, &untold))
        g_message("%s was not told how the co-migration went: %s", source->order->host,
                  untold->message);
    pair_end(source->pair);
    return TRUE;
}

static void warn_undo(const char *what, GError *error)
{
    g_critical("%s, while undoing the co-migration: %s", what, error->message);
    g_error_free(error);
}

static void undo_offer(Source *source)
{
    g_clear_pointer(&source->link, link_free);
}

static void undo_pre_copy(Source *source)
{
    GError *error = NULL;

    if (!vm_migration_cancel(source->domain_r.vm, &error))
        warn_undo("the migration of Domain R could not be cancelled", error);
    error = NULL;
    if (!vm_migration_cancel(source->user_vm.vm, &error))
        warn_undo("the migration of the user VM could not be cancelled", error);
}

/* Resume a VM that was stopped, whether its migration waits for the switch-over or has completed.
 */
static void undo_stop(Vm *vm)
{
    GError *error = NULL;
    gboolean completed = vm_state(vm) == VM_MIGRATED;

    if (!completed && !vm_migration_cancel(vm, &error)) {
        warn_undo("a migration could not be cancelled", error);
        error = NULL;
    }
    if (!vm_resume(vm, &error)) {
        warn_undo("a VM could not be resumed", error);
        return;
    }
    if (completed && !vm_announce(vm, &error))
        warn_undo("a VM could not be announced", error);
}

static void undo_converged(Source *source)
{
    screen_feed_record(source->pair->feed, NULL);
}

static void undo_stop_r(Source *source)
{
    g_clear_pointer(&source->domain_r_frames, frame_watch_free);
    undo_stop(source->domain_r.vm);
    kick_send(source->pair->kick);
}

static void undo_stop_u(Source *source)
{
    g_clear_pointer(&source->user_vm_frames, frame_watch_free);
    undo_stop(source->user_vm.vm);
    relay_thaw(source->pair->relay);
}

static const struct {
    gboolean (*run)(Source *source, GError **error);
    void (*undo)(Source *source); /* NULL: nothing to undo */
} phases[PHASE_COUNT] = {
    [PHASE_OFFER] = {run_offer, undo_offer},
    [PHASE_PREPARE] = {run_prepare, NULL},
    [PHASE_PRE_COPY] = {run_pre_copy, undo_pre_copy},
    [PHASE_CONVERGED] = {run_converged, undo_converged},
    [PHASE_STOP_R] = {run_stop_r, undo_stop_r},
    [PHASE_QUIESCE] = {run_quiesce, NULL},
    [PHASE_STOP_U] = {run_stop_u, undo_stop_u},
    [PHASE_HANDOVER] = {run_handover, NULL},
    [PHASE_COMPLETE] = {run_complete, NULL},
    [PHASE_COMMIT] = {run_commit, NULL},
    [PHASE_RETIRE] = {run_retire, NULL},
};

/* Back to where it began: both VMs run here. */
static void undo(Source *source, const GError *reason)
{
    g_message("co-migration to %s ends in phase %s: %s", source->order->host,
              phase_name(source->phase), reason->message);
    if (source->link && !link_lost(source->link))
        link_send_error(source->link, reason);
    for (int phase = (int)source->phase; phase >= 0; phase--)
        if (phases[phase].undo)
            phases[phase].undo(source);
    source->pair->state = PAIR_RUNNING;
}

static gboolean run_phase(Source *source, GError **error)
{
    gint64 begun_us = g_get_monotonic_time();

    g_message("phase %s", phase_name(source->phase));
    tell_progress(source);
    gboolean done = hold_phase(source->phase, source->order->cancellable, error) &&
                    phases[source->phase].run(source, error);
    gint64 took_us = g_get_monotonic_time() - begun_us;
    source->report->phase_us[source->phase] = took_us;
    if (done)
        g_message("phase %s took %.1f ms", phase_name(source->phase), (double)took_us / 1000.0);
    return done;
}

static gboolean run_phases(Source *source, GError **error)
{
    for (source->phase = 0; source->phase < PHASE_COUNT; source->phase++) {
        g_autoptr(GError) failure = NULL;
        if (run_phase(source, &failure))
            continue;
        if (!g_error_matches(failure, DMORE_ERROR, DMORE_ERROR_UNDECIDED))
            undo(source, failure);
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    return TRUE;
}

gboolean source_run(Pair *pair, const ComigrationOrder *order, ComigrationReport *report,
                    GError **error)
{
    Source source = {
        .pair = pair,
        .order = order,
        .report = report,
        .user_vm = {.vm = pair->user_vm, .bandwidth = pair->host->bandwidth / 2},
        .domain_r = {.vm = pair->domain_r, .bandwidth = pair->host->bandwidth / 2},
        .begun_us = g_get_monotonic_time(),
    };
    g_autofree struct screen_tiles *changed = g_new0(struct screen_tiles, 1);

    if (pair->state != PAIR_RUNNING) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_BUSY, "%s cannot be migrated: it is %s",
                    pair->config->name, pair_state_name(pair->state));
        return FALSE;
    }
    *report = (ComigrationReport){.host = g_strdup(order->host)};
    source.changed = changed;
    pair->state = PAIR_MIGRATING;
    gboolean done = run_phases(&source, error);
    report->total_us = g_get_monotonic_time() - source.begun_us;
    g_clear_pointer(&source.link, link_free);
    g_clear_pointer(&source.user_vm_frames, frame_watch_free);
    g_clear_pointer(&source.domain_r_frames, frame_watch_free);
    g_free(source.user_vm_address);
    g_free(source.domain_r_address);
    return done;
}
