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
 * comes the co-migration is undecided, and has to be settled (settle.h).
 *
 * How far it has come is noted on the disk (note.h) before the step that makes it so.
 */
#include "comigrate/source-internal.h"

#include "base/await.h"
#include "base/error.h"
#include "base/json.h"
#include "comigrate/handover.h"
#include "comigrate/hold.h"
#include "comigrate/link.h"
#include "comigrate/offer.h"
#include "comigrate/settle.h"
#include "comigrate/valve.h"
#include "pair/frames.h"
#include "pair/presence.h"
#include "pair/screen-copy.h"

#define CONNECT_MS 10000
#define PREPARE_MS 60000   /* for what the destination does while both VMs run */
#define ANSWER_MS 5000     /* for what it does while they are stopped */
#define SWITCHOVER_MS 5000 /* for what was left of their memory when they stopped */
#define RUNNING_MS 30000   /* for it to resume both; then it is asked over another connection */
#define QUIESCE_MS 50      /* what the user VM has not read by then goes with the handover */
#define LOOK_MS 10         /* between two looks at the migrations */
#define LAST_MOMENT_MS 500 /* for which the host's bandwidth is no limit */
#define PROGRESS_US 200000

static void tell_progress(Source *source)
{
    ComigrationProgress progress = {
        .phase = source->phase,
        .elapsed_us = g_get_monotonic_time() - source->begun_us,
        .user_vm = source->user_vm.status,
        .domain_r = source->domain_r.status,
        .in_vain = valve_in_vain(&source->user_vm),
    };

    source->told_us = g_get_monotonic_time();
    if (source->order->progress)
        source->order->progress(&progress, source->order->data);
}

/* What an earlier co-migration of this pair to the same host has left open is settled first. */
static gboolean settle_earlier(Source *source, GError **error)
{
    const HostConfig *host = source->pair->host;
    const ComigrationOrder *order = source->order;
    g_autoptr(GPtrArray) notes = note_list(host->state_dir, error);

    for (guint i = 0; notes && i < notes->len; i++) {
        Note *note = g_ptr_array_index(notes, i);
        if ((note->word == NOTE_ABORT || note->word == NOTE_RETIRE) &&
            g_str_equal(note->uuid, source->pair->config->uuid) &&
            g_str_equal(note->host, order->host) && note->port == order->port &&
            !settle_note_once(host, note, order->cancellable, error)) {
            g_prefix_error(error, "an earlier move of %s to %s is not settled yet: ", note->name,
                           note->host);
            return FALSE;
        }
    }
    return notes != NULL;
}

static gboolean run_offer(Source *source, GError **error)
{
    const ComigrationOrder *order = source->order;

    /* What could not be handed over is better known now than when both VMs stand still. */
    if (!relay_check(source->pair->relay, error) || !settle_earlier(source, error))
        return FALSE;
    source->link = link_connect(order->host, order->port, source->pair->host->key, CONNECT_MS,
                                order->cancellable, error);
    if (!source->link)
        return FALSE;
    if (!link_send(source->link, "offer", offer_make(source->pair, source->note->id),
                   source->pair->settings, order->cancellable, error))
        return FALSE;
    g_autoptr(LinkMessage) accepted =
        link_receive(source->link, "accepted", PREPARE_MS, order->cancellable, error);
    return accepted != NULL;
}

static gboolean run_prepare(Source *source, GError **error)
{
    if (!link_send(source->link, "prepare", json_object_new(), NULL, source->order->cancellable,
                   error))
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
    return note_write(source->note, source->pair->host->state_dir, NOTE_OPEN, TRUE, error) &&
           note_stage(source->note, source->pair->host->state_dir, NOTE_COMMIT, error);
}

/* The destination says at once when it fails, and nothing else unasked; and without it there is
 * nothing to go on for.
 */
static gboolean check_link(Source *source, GError **error)
{
    if (!link_lost(source->link) && !link_has_message(source->link))
        return TRUE;
    g_autoptr(LinkMessage) unexpected = link_receive(source->link, "nothing", 0, NULL, error);
    return FALSE;
}

/* A guest that dirties memory faster than it is sent keeps the pre-copy going for ever. Whether
 * that is to end is the operator's to say, before by a time or now by a cancel.
 */
static gboolean check_end_is_near(Source *source, GError **error)
{
    const ComigrationOrder *order = source->order;
    const VmMigrationStatus *now = &source->user_vm.status;
    gint64 elapsed_us = g_get_monotonic_time() - source->begun_us;
    gboolean in_vain = valve_in_vain(&source->user_vm);

    if (in_vain && !source->in_vain)
        g_message("pre-copy does not converge: %" G_GUINT64_FORMAT " MB are left after each pass, "
                  "because the guest changes %" G_GUINT64_FORMAT " MB a second",
                  now->remaining >> 20, now->dirty_rate >> 20);
    source->in_vain = in_vain;
    if (!order->timeout_us || elapsed_us < order->timeout_us)
        return TRUE;
    g_set_error(error, DMORE_ERROR, DMORE_ERROR_TIMEOUT,
                "after %.0f s there were still %" G_GUINT64_FORMAT " MB of the user VM's memory to "
                "be sent%s; both VMs go on here. Allow more time or bandwidth, let the guest be "
                "slowed down (--auto-converge), or choose a time at which it does less",
                (double)elapsed_us / G_USEC_PER_SEC, now->remaining >> 20,
                in_vain ? ", because the guest changes it as fast as it is sent" : "");
    return FALSE;
}

/* One that stands still would come out running on the other host. And QEMU does not hold the
 * migration of a guest that has been stopped, or sleeps (ACPI S3): it never becomes ready.
 */
static gboolean check_running(Vm *vm, GError **error)
{
    if (vm_state(vm) == VM_RUNNING)
        return TRUE;
    g_set_error(error, DMORE_ERROR, DMORE_ERROR_BUSY,
                "%s cannot be moved while it is %s; only a pair moves of which both VMs run",
                vm_name(vm), vm_state_name(vm_state(vm)));
    return FALSE;
}

static gboolean look_at_both(Source *source, GError **error)
{
    if (!valve_look(&source->user_vm, error) || !valve_look(&source->domain_r, error) ||
        !check_running(source->user_vm.vm, error) || !check_running(source->domain_r.vm, error) ||
        !check_end_is_near(source, error))
        return FALSE;
    if (g_get_monotonic_time() - source->told_us >= PROGRESS_US)
        tell_progress(source);
    if (!check_link(source, error))
        return FALSE;
    return await_ms(LOOK_MS, source->order->cancellable, error);
}

static gboolean start_migration(Source *source, Valve *valve, const char *address,
                                gboolean keep_shared, GError **error)
{
    VmMigrationOptions options = {
        .bandwidth = valve->bandwidth,
        .keep_shared = keep_shared,
        .slow_down = valve->slow_down,
        .key_dir = source->pair->host->key_dir,
    };

    valve_begin(valve);
    return vm_migration_start(valve->vm, address, &options, source->order->cancellable, error);
}

/* Shut the valve of a VM that is near its end, and let the other one have the whole bandwidth. */
static gboolean shut_when_near(Source *source, Valve *valve, Valve *other, GError **error)
{
    if (valve->shut || !valve_near(valve))
        return TRUE;
    return valve_shut(valve, error) && valve_set(other, source->pair->host->bandwidth, error);
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

/* Let the picture go ahead; what changes of it from now on goes with the handover. That it is
 * answered also shows, while both VMs still run, that the destination is ready to go on.
 */
static gboolean send_picture(Source *source, GError **error)
{
    GCancellable *cancellable = source->order->cancellable;

    screen_feed_record(source->pair->feed, source->changed);
    g_autoptr(GBytes) copy = screen_copy_make(&source->pair->region->region);
    if (!link_send(source->link, "picture", json_object_new(), copy, cancellable, error))
        return FALSE;
    g_autoptr(LinkMessage) shown =
        link_receive(source->link, "shown", PREPARE_MS, cancellable, error);
    return shown != NULL;
}

static gboolean both_ready(const Source *source)
{
    return valve_ready(&source->user_vm) && valve_ready(&source->domain_r);
}

static gboolean look_until_ready(Source *source, gint64 end_us, GError **error)
{
    do {
        if (!look_at_both(source, error))
            return FALSE;
    } while (!both_ready(source) && g_get_monotonic_time() < end_us);
    return TRUE;
}

static gboolean run_converged(Source *source, GError **error)
{
    Valve *user_vm = &source->user_vm;
    Valve *domain_r = &source->domain_r;
    gint64 end_us = 0;

    /* The picture first: what goes over the wire while the valves are open is in their way. */
    if (!send_picture(source, error) || !valve_open(user_vm, HOST_UNLIMITED_BANDWIDTH, error) ||
        !valve_open(domain_r, HOST_UNLIMITED_BANDWIDTH, error))
        return FALSE;
    end_us = g_get_monotonic_time() + (gint64)LAST_MOMENT_MS * 1000;
    if (!look_until_ready(source, end_us, error))
        return FALSE;
    if (both_ready(source))
        return TRUE;
    /* Then this is not the last moment, and the host's limit holds. */
    return valve_set(user_vm, user_vm->bandwidth, error) &&
           valve_set(domain_r, domain_r->bandwidth, error) &&
           look_until_ready(source, G_MAXINT64, error);
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

/* Nobody tells when the user VM's QEMU reads from a socket, so this looks again and again. */
static gboolean run_quiesce(Source *source, GError **error)
{
    gint64 end_us = g_get_monotonic_time() + (gint64)QUIESCE_MS * 1000;

    while (!relay_drained(source->pair->relay) && g_get_monotonic_time() < end_us)
        if (!await_ms(1, source->order->cancellable, error))
            return FALSE;
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
    if (!link_send(source->link, "handover", json_object_new(), handover,
                   source->order->cancellable, error))
        return FALSE;
    g_autoptr(LinkMessage) installed =
        link_receive(source->link, "installed", ANSWER_MS, source->order->cancellable, error);
    return installed != NULL;
}

/* Until the VM stands still for good, having sent everything. One that has ended does so, too. */
static gboolean await_completed(Vm *vm, GError **error)
{
    g_autoptr(GError) failure = NULL;

    if (vm_state(vm) == VM_GONE ||
        vm_migration_await(vm, VM_MIGRATION_COMPLETED, COMPLETE_MS, NULL, &failure))
        return TRUE;
    vm_await_end_of_lost(vm);
    if (vm_state(vm) == VM_GONE)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

/* A cancel ends the wait. But a VM that ends here meanwhile is no reason to go back: once the
 * destination has loaded both, its copies may be the only ones.
 */
static LinkMessage *receive_loaded(Source *source, GError **error)
{
    gint64 end_us = g_get_monotonic_time() + (gint64)COMPLETE_MS * 1000;
    g_autoptr(GError) failure = NULL;
    LinkMessage *loaded =
        link_receive(source->link, "loaded", COMPLETE_MS, source->order->cancellable, &failure);

    if (!loaded && g_error_matches(failure, DMORE_ERROR, DMORE_ERROR_CANCELLED) &&
        (vm_state(source->user_vm.vm) == VM_GONE || vm_state(source->domain_r.vm) == VM_GONE)) {
        g_clear_error(&failure);
        loaded =
            link_receive(source->link, "loaded",
                         (int)MAX((end_us - g_get_monotonic_time()) / 1000, 0), NULL, &failure);
    }
    if (failure)
        g_propagate_error(error, g_steal_pointer(&failure));
    return loaded;
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
    source->complete_sent = TRUE;
    if (!link_send(source->link, "complete", json_object_new(), NULL, NULL, error))
        return FALSE;
    hold_point(HOLD_COMPLETE_SENT);
    g_autoptr(LinkMessage) loaded = receive_loaded(source, error);
    return loaded && await_completed(user_vm, error) && await_completed(domain_r, error);
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

/* A destination that hangs is asked like one that is gone; that it merely takes long does not
 * matter either, for what it answers then is the same.
 */
static LinkMessage *send_commit(Source *source, GError **error)
{
    if (!link_send(source->link, "commit", json_object_new(), NULL, NULL, error))
        return NULL;
    hold_point(HOLD_COMMIT_SENT);
    return link_receive(source->link, "running", RUNNING_MS, NULL, error);
}

/* A cancel that has come by now is obeyed, but not one that only says that a VM has ended here. */
static gboolean check_not_cancelled(const Source *source, GError **error)
{
    g_autoptr(GError) failure = NULL;

    if (await_ms(0, source->order->cancellable, &failure) ||
        vm_state(source->user_vm.vm) == VM_GONE || vm_state(source->domain_r.vm) == VM_GONE)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

static gboolean run_commit(Source *source, GError **error)
{
    Pair *pair = source->pair;

    if (!check_not_cancelled(source, error) || !check_link(source, error) ||
        !note_write(source->note, pair->host->state_dir, NOTE_COMMIT, FALSE, error))
        return FALSE;

    gint64 sent_us = g_get_monotonic_time();
    pair_set_state(pair, PAIR_UNDECIDED);
    g_autoptr(LinkMessage) running = send_commit(source, error);
    if (running) {
        pair_set_state(pair, PAIR_STOPPING);
        measure_pauses(source, sent_us, running->object);
        return TRUE;
    }
    /* Then it has said that it runs nothing, and has removed the pair. */
    if (link_peer_failed(source->link))
        pair_set_state(pair, PAIR_MIGRATING);
    return FALSE;
}

static gboolean send_frames(Source *source, const char *message, FrameWatch *watch, GError **error)
{
    g_autoptr(GBytes) frames = watch ? frame_watch_take(watch) : NULL;

    return link_send(source->link, message, json_object_new(), frames, NULL, error);
}

static gboolean forward_frames(Source *source, GError **error)
{
    return send_frames(source, "domain-r-frames", source->domain_r_frames, error) &&
           send_frames(source, "user-vm-frames", source->user_vm_frames, error);
}

/* Tell the destination that nothing is left here, with what there is to be told of the way. */
static gboolean tell_retired(Source *source, GError **error)
{
    const char *state_dir = source->pair->host->state_dir;

    if (!note_write(source->note, state_dir, NOTE_RETIRE, TRUE, error))
        return FALSE;
    hold_point(HOLD_RETIRE_NOTED);
    if (!link_send(source->link, "retire", report_to_json(source->report), NULL, NULL, error))
        return FALSE;
    g_autoptr(LinkMessage) retired =
        link_receive(source->link, "retired", FAREWELL_MS, NULL, error);
    return retired && note_remove(source->note, state_dir, FALSE, error);
}

static gboolean run_retire(Source *source, GError **error)
{
    VmMigrationStatus status;
    g_autoptr(GError) untold = NULL;
    g_autoptr(GError) lost_frames = NULL;

    if (!forward_frames(source, &lost_frames))
        g_message("frames that have come to the old place are lost: %s", lost_frames->message);
    if (vm_migration_query(source->user_vm.vm, &status, NULL))
        source->report->user_vm_bytes = status.transferred;
    if (vm_migration_query(source->domain_r.vm, &status, NULL))
        source->report->domain_r_bytes = status.transferred;
    source->report->total_us = g_get_monotonic_time() - source->begun_us;
    presence_remove(source->pair->host->state_dir, source->note->name, source->note->uuid);
    pair_end(source->pair);
    if (!tell_retired(source, &untold))
        g_message("%s has yet to be told that nothing is left here: %s", source->order->host,
                  untold->message);
    return TRUE;
}

const SourcePhase source_phases[PHASE_COUNT] = {
    [PHASE_OFFER] = {run_offer, NULL},
    [PHASE_PREPARE] = {run_prepare, NULL},
    [PHASE_PRE_COPY] = {run_pre_copy, source_undo_pre_copy},
    [PHASE_CONVERGED] = {run_converged, NULL},
    [PHASE_STOP_R] = {run_stop_r, source_undo_stop_r},
    [PHASE_QUIESCE] = {run_quiesce, NULL},
    [PHASE_STOP_U] = {run_stop_u, source_undo_stop_u},
    [PHASE_HANDOVER] = {run_handover, NULL},
    [PHASE_COMPLETE] = {run_complete, NULL},
    [PHASE_COMMIT] = {run_commit, NULL},
    [PHASE_RETIRE] = {run_retire, NULL},
};

static gboolean run_phase(Source *source, GError **error)
{
    gint64 begun_us = g_get_monotonic_time();
    /* The commit looks for itself: it was cancelled, or a VM has ended, which it may ignore. */
    GCancellable *cancellable = source->phase < PHASE_COMMIT ? source->order->cancellable : NULL;

    g_message("phase %s", phase_name(source->phase));
    tell_progress(source);
    gboolean done = hold_phase(source->phase, cancellable, error) &&
                    source_phases[source->phase].run(source, error);
    gint64 took_us = g_get_monotonic_time() - begun_us;
    source->report->phase_us[source->phase] = took_us;
    if (done)
        g_message("phase %s took %.1f ms", phase_name(source->phase), (double)took_us / 1000.0);
    return done;
}

/* What may be undone is decided by the state alone: it is PAIR_MIGRATING until the commit is sent,
 * and again if the destination has refused it. The last phase does not fail.
 */
static gboolean run_phases(Source *source, GError **error)
{
    for (source->phase = 0; source->phase < PHASE_COUNT; source->phase++) {
        GError *failure = NULL;
        if (run_phase(source, &failure))
            continue;
        source_fail(source, &failure);
        g_propagate_error(error, failure);
        return FALSE;
    }
    return TRUE;
}

gboolean source_run(Pair *pair, const ComigrationOrder *order, ComigrationReport *report,
                    Note **undecided, GError **error)
{
    g_autofree char *id = note_id_make();
    Source source = {
        .pair = pair,
        .order = order,
        .report = report,
        .user_vm = {.vm = pair->user_vm,
                    .bandwidth = pair->host->bandwidth / 2,
                    .slow_down = order->slow_down},
        .domain_r = {.vm = pair->domain_r, .bandwidth = pair->host->bandwidth / 2},
        .begun_us = g_get_monotonic_time(),
    };
    g_autofree struct screen_tiles *changed = g_new0(struct screen_tiles, 1);

    if (pair->state != PAIR_RUNNING) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_BUSY, "%s cannot be moved: it is %s",
                    pair->config->name, pair_state_name(pair->state));
        return FALSE;
    }
    if (!check_running(pair->user_vm, error) || !check_running(pair->domain_r, error))
        return FALSE;
    *report = (ComigrationReport){.host = g_strdup(order->host)};
    source.note = note_new(id, pair->config->name, pair->config->uuid, order->host, order->port);
    source.changed = changed;
    pair_set_state(pair, PAIR_MIGRATING);
    gboolean done = run_phases(&source, error);
    if (pair->feed)
        screen_feed_record(pair->feed, NULL);
    report->total_us = g_get_monotonic_time() - source.begun_us;
    g_clear_pointer(&source.link, link_free);
    g_clear_pointer(&source.user_vm_frames, frame_watch_free);
    g_clear_pointer(&source.domain_r_frames, frame_watch_free);
    g_free(source.user_vm_address);
    g_free(source.domain_r_address);
    gboolean ask = pair->state == PAIR_UNDECIDED && source.note->word == NOTE_COMMIT;
    *undecided = ask ? g_steal_pointer(&source.note) : NULL;
    g_clear_pointer(&source.note, note_free);
    return done;
}
