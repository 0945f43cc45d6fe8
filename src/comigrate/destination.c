/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation
 *
 * The source leads, the destination answers: each function here awaits the message that opens its
 * phase, does its part and answers. Until the commit nothing that the VMs would notice happens, so
 * whatever fails, or when the link is lost, everything is simply removed; the source finds both VMs
 * as it left them. The one exception is the time between the answer "loaded" and the commit: when
 * the link is lost just then, the source may or may not have committed and only it knows. The pair
 * stays loaded and paused, and is undecided until the source asks (settle.h), or an operator
 * decides. That the user VM may have run here is noted before it is resumed, and not forgotten
 * until the source has said that it has retired.
 */
#include "comigrate/destination.h"

#include "base/await.h"
#include "base/error.h"
#include "base/json.h"
#include "comigrate/handover.h"
#include "comigrate/hold.h"
#include "comigrate/offer.h"
#include "comigrate/phases.h"
#include "pair/frames.h"
#include "pair/presence.h"
#include "pair/screen-copy.h"

#define SOURCE_MS 60000  /* for what the source does at once */
#define PRE_COPY_MS (-1) /* as long as it takes; a lost link ends the wait */
#define LOADED_MS 60000
#define FAREWELL_MS 5000    /* for the last words, which can also do without */
#define FIRST_PICTURE_MS 80 /* after that Domain R resumes without a picture */

typedef struct {
    const Destination *destination;
    Link *link;
    const LinkMessage *offer;
    Note *note; /* once there is a pair */
    Pair *pair;
    gboolean appeared;
    struct screen_geometry picture; /* the size of the picture that came ahead, or 0x0 */
    struct screen_tiles owed;       /* what clients have not seen of it */
    gboolean unheard; /* the user VM has not answered its resume: it may run at any time, and until
                         it is known to, Domain R stands still */
} Run;

static LinkMessage *await_message(Run *run, const char *message, int timeout_ms, GError **error)
{
    return link_receive(run->link, message, timeout_ms, run->destination->cancellable, error);
}

static gboolean answer(Run *run, const char *message, GError **error)
{
    return link_send(run->link, message, json_object_new(), NULL, NULL, error);
}

static gboolean run_offer(Run *run, GError **error)
{
    const HostConfig *host = run->destination->host;
    JsonObject *offer = run->offer->object;

    if (!link_message_is(run->offer, "offer")) {
        g_set_error_literal(error, DMORE_ERROR, DMORE_ERROR_PEER,
                            "that is neither an offer nor a question; are both hosts of the same "
                            "version?");
        return FALSE;
    }
    run->pair = offer_take(host, offer, run->offer->bytes, run->destination->cancellable, error);
    const PairConfig *config = run->pair ? run->pair->config : NULL;
    /* Of two co-migrations that wait for an answer neither could tell what is here. */
    if (!config || !note_check_settled(host->state_dir, config->name, config->uuid, error))
        return FALSE;
    run->note = note_new(offer_id(offer, NULL), config->name, config->uuid, NULL, 0);
    return answer(run, "accepted", error);
}

static gboolean run_prepare(Run *run, GError **error)
{
    g_autoptr(LinkMessage) prepare = await_message(run, "prepare", SOURCE_MS, error);
    const HostConfig *host = run->destination->host;
    Pair *pair = run->pair;

    if (!prepare || !note_write(run->note, host->state_dir, NOTE_INCOMING, FALSE, error) ||
        !pair_claim(pair, TRUE, error))
        return FALSE;
    /* The claim says that nothing of an earlier one is left. */
    note_forget_incoming(host->state_dir, run->note);
    if (!pair_build(pair, run->destination->cancellable, error))
        return FALSE;
    run->appeared = TRUE;
    if (!run->destination->appeared(pair, run->note, run->destination->data, error))
        return FALSE;

    const char *address = host->migration_address ? host->migration_address : link_local(run->link);
    g_autofree char *user_vm =
        vm_migration_listen(pair->user_vm, address, FALSE, host->key_dir, error);
    if (!user_vm)
        return FALSE;
    g_autofree char *domain_r =
        vm_migration_listen(pair->domain_r, address, TRUE, host->key_dir, error);
    if (!domain_r)
        return FALSE;

    JsonObject *prepared = json_object_new();
    json_object_set_string_member(prepared, "user_vm", user_vm);
    json_object_set_string_member(prepared, "domain_r", domain_r);
    return link_send(run->link, "prepared", prepared, NULL, NULL, error);
}

static gboolean run_converged(Run *run, GError **error)
{
    g_autoptr(LinkMessage) picture = await_message(run, "picture", PRE_COPY_MS, error);

    /* What takes time in noting the commit is done now, while both VMs run. */
    return picture &&
           screen_copy_install(&run->pair->region->region, picture->bytes, &run->picture, error) &&
           note_stage(run->note, run->destination->host->state_dir, NOTE_COMMITTED, error) &&
           answer(run, "shown", error);
}

static gboolean run_handover(Run *run, GError **error)
{
    /* Until the last moment has come, for which a busy guest lets it wait, the pre-copy goes on. */
    g_autoptr(LinkMessage) handover = await_message(run, "handover", PRE_COPY_MS, error);

    return handover &&
           handover_restore(&run->pair->region->region, run->pair->relay, &run->owed,
                            handover->bytes, error) &&
           answer(run, "installed", error);
}

static gboolean check_not_cancelled(GCancellable *cancellable, GError **error)
{
    if (!g_cancellable_is_cancelled(cancellable))
        return TRUE;
    g_set_error(error, DMORE_ERROR, DMORE_ERROR_CANCELLED, "cancelled when it was loaded");
    return FALSE;
}

static gboolean run_complete(Run *run, GError **error)
{
    g_autoptr(LinkMessage) complete = await_message(run, "complete", SOURCE_MS, error);
    GCancellable *cancellable = run->destination->cancellable;
    Pair *pair = run->pair;

    if (!complete || !vm_migration_await_loaded(pair->user_vm, LOADED_MS, cancellable, error) ||
        !vm_migration_await_loaded(pair->domain_r, LOADED_MS, cancellable, error))
        return FALSE;
    /* From the answer on only the source knows whether the pair is to run here, and no cancel is
     * accepted; one that came in the same turn is obeyed, also if the wait for it was over then. */
    if (!await_ms(0, cancellable, error) || !check_not_cancelled(cancellable, error))
        return FALSE;
    pair_set_state(pair, PAIR_UNDECIDED);
    hold_point(HOLD_LOADED);
    g_autoptr(GError) unsent = NULL;
    if (!answer(run, "loaded", &unsent))
        g_warning("the source does not know that the pair is loaded here: %s", unsent->message);
    return TRUE;
}

/* Whether the region holds the picture that Domain R had when it stopped. */
static gboolean has_picture(const Run *run)
{
    uint32_t sequence;
    struct screen_geometry now = screen_geometry(&run->pair->region->region, &sequence);

    return run->picture.width == now.width && run->picture.height == now.height;
}

/* Without a picture that came ahead - it was too large, or the screen has changed its size since -
 * Domain R would show an empty one: await the user VM's own one here, and show all of it. */
static void await_picture(Run *run)
{
    g_autoptr(GError) late = NULL;

    if (!await(screen_feed_is_open, run->pair->feed, FIRST_PICTURE_MS, NULL, "the picture", &late))
        g_info("the user VM's picture is not there yet: %s", late->message);
    screen_damage(&run->pair->region->region,
                  (struct screen_rect){.width = SCREEN_MAX_WIDTH, .height = SCREEN_MAX_HEIGHT});
}

/* resume() - run the pair here
 * @running: the times after @committed_us at which each VM ran
 *
 * Return: FALSE when the user VM had ended before or was refused to run, so that surely nothing has
 * run here. Whatever fails after that is told in the log and by `dmore status`: the pair belongs to
 * this host.
 */
static gboolean resume(Run *run, gint64 committed_us, JsonObject *running, GError **error)
{
    Pair *pair = run->pair;
    g_autoptr(GError) failure = NULL;

    if (vm_has_ended(pair->user_vm)) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_FAILED, "%s has ended before it was resumed",
                    vm_name(pair->user_vm));
        return FALSE;
    }
    if (!vm_resume(pair->user_vm, &failure)) {
        if (g_error_matches(failure, DMORE_ERROR, DMORE_ERROR_HOST)) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return FALSE;
        }
        g_critical("the user VM came here but may not run: %s", failure->message);
        run->unheard = g_error_matches(failure, DMORE_ERROR, DMORE_ERROR_TIMEOUT);
        if (run->unheard)
            return TRUE;
        g_clear_error(&failure);
    }
    json_object_set_int_member(running, "user_vm_us", g_get_monotonic_time() - committed_us);

    screen_feed_open_soon(pair->feed, &run->owed);
    if (!has_picture(run))
        await_picture(run);
    relay_thaw(pair->relay);
    if (!vm_resume(pair->domain_r, &failure))
        g_critical("Domain R came here but does not run: %s", failure->message);
    json_object_set_int_member(running, "domain_r_us", g_get_monotonic_time() - committed_us);
    pair_tell_user_vm(pair, vm_state(pair->user_vm));
    kick_send(pair->kick);
    return TRUE;
}

typedef struct {
    Run *run;
    gboolean lost_told;
} Waiting;

/* The source has spoken, there is a verdict, or a VM has ended here. A lost link decides nothing.
 */
static gboolean commit_decided(gpointer data)
{
    Waiting *waiting = data;
    const Run *run = waiting->run;

    if (link_lost(run->link) && !waiting->lost_told) {
        waiting->lost_told = TRUE;
        g_warning("the link to %s is lost; the pair is loaded here and waits to be asked for",
                  link_peer(run->link));
    }
    return *run->destination->verdict != VERDICT_NONE || link_has_message(run->link) ||
           vm_state(run->pair->user_vm) != VM_PAUSED || vm_state(run->pair->domain_r) != VM_PAUSED;
}

/* That it stands ready is asked of it, for its end may not have been heard of yet. */
static gboolean check_loaded(Vm *vm, GError **error)
{
    if (vm_state(vm) == VM_PAUSED && !vm_refresh(vm, error))
        return FALSE;
    if (vm_state(vm) == VM_PAUSED)
        return TRUE;
    g_set_error(error, DMORE_ERROR, DMORE_ERROR_FAILED, "%s is %s after it was loaded", vm_name(vm),
                vm_state_name(vm_state(vm)));
    return FALSE;
}

/* Whether the source, or whoever speaks in its place, has said that the pair is to run here. */
static gboolean check_committed(Run *run, GError **error)
{
    Verdict verdict = *run->destination->verdict;

    if (verdict == VERDICT_RUN)
        return TRUE;
    if (verdict == VERDICT_NONE) {
        g_autoptr(LinkMessage) commit = link_receive(run->link, "commit", 0, NULL, error);
        return commit != NULL;
    }
    g_set_error_literal(error, DMORE_ERROR, DMORE_ERROR_CANCELLED,
                        verdict == VERDICT_END ? "it is not to run here"
                                               : "it is left to another process");
    return FALSE;
}

static void note_presence(const Pair *pair, gboolean stable)
{
    g_autoptr(GError) error = NULL;

    if (!presence_write(pair->host->state_dir, pair->config->name, pair->config->uuid, stable,
                        &error))
        g_warning("after a reboot nothing will tell that the pair was here: %s", error->message);
}

/* A pair that was committed to and has surely not run: it may be ended. Where its note cannot be
 * written anew, on a full disk for one, it is removed: without one nobody says that it runs here.
 */
static gboolean take_back_note(Run *run)
{
    const char *state_dir = run->destination->host->state_dir;
    g_autoptr(GError) unwritten = NULL;
    g_autoptr(GError) unremoved = NULL;

    if (!note_write(run->note, state_dir, NOTE_INCOMING, TRUE, &unwritten)) {
        g_critical("%s", unwritten->message);
        if (!note_remove(run->note, state_dir, FALSE, &unremoved)) {
            /* It would be said to run here, by the note. So it has to stay, run or not. */
            g_critical("%s", unremoved->message);
            return FALSE;
        }
    }
    presence_remove(state_dir, run->note->name, run->note->uuid);
    return TRUE;
}

static gboolean run_commit(Run *run, GError **error)
{
    Pair *pair = run->pair;
    Waiting waiting = {.run = run};

    /* Only the source can end it now, so neither time nor a cancel does. But a pair that cannot run
     * here any more is refused, as long as nothing has run: then the source goes back. */
    await(commit_decided, &waiting, -1, NULL, "the commit", NULL);
    gint64 committed_us = g_get_monotonic_time();
    if (!check_loaded(pair->user_vm, error) || !check_loaded(pair->domain_r, error) ||
        !check_committed(run, error) ||
        !note_write(run->note, run->destination->host->state_dir, NOTE_COMMITTED, TRUE, error))
        return FALSE;
    /* If this host is lost right now, it says so when it is back; the flush has time. */
    note_presence(pair, FALSE);
    hold_point(HOLD_COMMITTED);

    g_autoptr(JsonObject) running = json_object_new();
    g_autoptr(GError) refused = NULL;
    gboolean resumed = resume(run, committed_us, running, &refused);
    if (!resumed && take_back_note(run)) {
        g_propagate_error(error, g_steal_pointer(&refused));
        return FALSE;
    }
    pair->migrations++;
    pair_set_state(pair, resumed && !run->unheard ? PAIR_RUNNING : PAIR_UNDECIDED);
    pair_announce(pair);

    json_object_set_int_member(running, "total_us", g_get_monotonic_time() - committed_us);
    hold_point(HOLD_RESUMED);
    g_autoptr(GError) unsent = NULL;
    if (!link_send(run->link, "running", json_object_ref(running), NULL, NULL, &unsent))
        g_warning("the source does not know yet that the pair runs here: %s", unsent->message);
    note_presence(pair, TRUE);
    return TRUE;
}

/* Frames that have reached the VM's old place go to the VM here. That some cannot be delivered is
 * no reason not to hear what the source says next.
 */
static gboolean receive_frames(Run *run, const char *message, const char *interface, GError **error)
{
    g_autoptr(LinkMessage) frames = link_receive(run->link, message, FAREWELL_MS, NULL, error);
    g_autoptr(GError) undelivered = NULL;

    if (!frames)
        return FALSE;
    if (interface && g_bytes_get_size(frames->bytes) > 0 &&
        !frames_deliver(interface, frames->bytes, &undelivered))
        g_warning("of what had reached a VM's old place: %s", undelivered->message);
    return TRUE;
}

/* @report: as it came, in a message */
static void note_arrival(Pair *pair, JsonObject *report)
{
    json_object_remove_member(report, LINK_MESSAGE_MEMBER);
    g_clear_pointer(&pair->last_migration, json_object_unref);
    pair->last_migration = json_object_ref(report);
    pair_set_state(pair, pair->state);
}

/* The pair runs here whatever comes of this: the source only tells what is left to be told. If it
 * does not, it will ask.
 */
static gboolean run_retire(Run *run, GError **error)
{
    g_autoptr(GError) untold = NULL;
    g_autoptr(LinkMessage) retire = NULL;

    if (receive_frames(run, "domain-r-frames", run->pair->domain_r_interface, &untold) &&
        receive_frames(run, "user-vm-frames", run->pair->user_vm_interface, &untold))
        retire = link_receive(run->link, "retire", FAREWELL_MS, NULL, &untold);
    if (retire)
        note_arrival(run->pair, retire->object);
    if (!retire || !note_remove(run->note, run->destination->host->state_dir, FALSE, &untold) ||
        !answer(run, "retired", &untold))
        g_message("the source has yet to ask once more: %s", untold->message);
    return TRUE;
}

static const struct {
    Phase phase;
    gboolean (*run)(Run *run, GError **error);
} phases[] = {
    {PHASE_OFFER, run_offer},         {PHASE_PREPARE, run_prepare},
    {PHASE_CONVERGED, run_converged}, {PHASE_HANDOVER, run_handover},
    {PHASE_COMPLETE, run_complete},   {PHASE_COMMIT, run_commit},
    {PHASE_RETIRE, run_retire},
};

static void remove_pair(Run *run)
{
    g_autoptr(GError) error = NULL;

    if (!run->pair)
        return;
    pair_end(run->pair);
    if (run->note && run->note->word == NOTE_INCOMING &&
        !note_remove(run->note, run->destination->host->state_dir, FALSE, &error))
        g_warning("%s", error->message);
    if (run->appeared)
        run->destination->disappeared(run->pair, run->destination->data);
    g_clear_pointer(&run->note, note_free);
    g_clear_pointer(&run->pair, pair_free);
}

static gboolean run_phases(Run *run, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS(phases); i++) {
        if (!phases[i].run(run, error))
            return FALSE;
        g_message("phase %s is done", phase_name(phases[i].phase));
    }
    return TRUE;
}

/* A VM that ends here ends the co-migration by the way of a cancel; that is what is to be told. */
static void explain(const Pair *pair, GError **failure)
{
    Vm *const vms[] = {pair->user_vm, pair->domain_r};

    if (!g_error_matches(*failure, DMORE_ERROR, DMORE_ERROR_CANCELLED))
        return;
    for (gsize i = 0; i < G_N_ELEMENTS(vms); i++) {
        if (!vms[i] || !vm_has_ended(vms[i]))
            continue;
        g_clear_error(failure);
        *failure = g_error_new(DMORE_ERROR, DMORE_ERROR_FAILED, "%s has ended", vm_name(vms[i]));
        return;
    }
}

Pair *destination_run(const Destination *destination, Link *link, const LinkMessage *offer,
                      Note **note, GError **error)
{
    Run run = {.destination = destination, .link = link, .offer = offer};
    g_autoptr(GError) failure = NULL;

    gboolean done = run_phases(&run, &failure);
    if (done ||
        (run.pair && run.pair->state == PAIR_UNDECIDED && *destination->verdict == VERDICT_LEAVE)) {
        *note = run.note;
        return run.pair;
    }
    if (run.pair)
        explain(run.pair, &failure);
    /* Removed first, so that the word is true when it is said. */
    remove_pair(&run);
    if (!link_lost(link))
        link_send_error(link, failure);
    g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
}
