/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * source-back.c - the way back: a phase has failed, or the operator has cancelled
 *
 * The table of the phases is gone up, and each phase that was begun is undone. That this host goes
 * back is noted before anything of it is done. Where it cannot go back, because the destination may
 * run the pair, the pair is undecided.
 */
#include "comigrate/source-internal.h"

#include "base/error.h"
#include "comigrate/settle.h"

/* What could not be undone is told to the operator along with the reason of the failure. */
static void note_trouble(GString *troubles, GError *error)
{
    if (!error)
        return;
    g_string_append_printf(troubles, "; and in undoing it: %s", error->message);
    g_error_free(error);
}

static void cancel_migration(Vm *vm, GString *troubles)
{
    GError *error = NULL;

    if (vm_state(vm) == VM_GONE)
        return;
    if (vm_state(vm) != VM_RUNNING)
        vm_migration_unblock(vm);
    if (!vm_migration_cancel(vm, &error))
        note_trouble(troubles, error);
}

void source_undo_pre_copy(Source *source, GString *troubles)
{
    cancel_migration(source->domain_r.vm, troubles);
    cancel_migration(source->user_vm.vm, troubles);
}

static gboolean has_completed(Vm *vm)
{
    VmMigrationStatus status;

    return vm_migration_query(vm, &status, NULL) && status.state == VM_MIGRATION_COMPLETED;
}

/* Resume a VM that was stopped, whether its migration waits for the switch-over or has completed,
 * or does so just when it is cancelled.
 */
static void undo_stop(Vm *vm, GString *troubles)
{
    GError *error = NULL;

    if (vm_has_ended(vm) || vm_state(vm) == VM_RUNNING)
        return;
    vm_migration_unblock(vm);
    if (!has_completed(vm) && !vm_migration_cancel(vm, &error) && has_completed(vm))
        g_clear_error(&error);
    note_trouble(troubles, g_steal_pointer(&error));
    /* One that has completed may be about to stand still for good: only then does it take a resume.
     */
    if (has_completed(vm) &&
        !vm_migration_await(vm, VM_MIGRATION_COMPLETED, COMPLETE_MS, NULL, &error))
        note_trouble(troubles, g_steal_pointer(&error));
    /* A guest that powered itself off just before the stop shows it now, and is not resumed. */
    if (!vm_has_ended(vm) && !vm_resume(vm, &error))
        note_trouble(troubles, error);
}

/* Whether Domain R has a user VM to be there for, or its end to show. */
static gboolean goes_on(const Vm *user_vm)
{
    return vm_state(user_vm) == VM_RUNNING || vm_has_ended(user_vm);
}

void source_undo_stop_r(Source *source, GString *troubles)
{
    g_clear_pointer(&source->domain_r_frames, frame_watch_free);
    /* Promise 2: without its user VM Domain R does not run, unless to show that it has ended. */
    if (!goes_on(source->user_vm.vm))
        return;
    undo_stop(source->domain_r.vm, troubles);
    kick_send(source->pair->kick);
}

void source_undo_stop_u(Source *source, GString *troubles)
{
    g_clear_pointer(&source->user_vm_frames, frame_watch_free);
    undo_stop(source->user_vm.vm, troubles);
    relay_thaw(source->pair->relay);
}

/* A VM that has ended ends the co-migration by the way of a cancel; that is what is to be told. */
static void explain(const Source *source, GError **failure)
{
    Vm *const vms[] = {source->user_vm.vm, source->domain_r.vm};
    static const char *const ends[] = {
        [VM_GONE] = "has ended during the co-migration; its log tells why",
        [VM_OFF] = "has been powered off by its guest during the co-migration, and stays here",
        [VM_CRASHED] = "has crashed during the co-migration, and stays here",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(vms); i++) {
        if (!vm_has_ended(vms[i]))
            continue;
        g_clear_error(failure);
        *failure = g_error_new(DMORE_ERROR, DMORE_ERROR_FAILED, "%s %s", vm_name(vms[i]),
                               ends[vm_state(vms[i])]);
        return;
    }
}

/* Decide whether this host goes back, and note it before anything is done.
 *
 * Return: FALSE when there is nothing to go back to but the destination may have it all: it has to
 * be asked, and the pair is undecided.
 */
static gboolean note_going_back(Source *source, GString *troubles)
{
    const char *state_dir = source->pair->host->state_dir;
    gboolean gone = vm_state(source->user_vm.vm) == VM_GONE;
    GError *error = NULL;

    if (source->note->word == NOTE_NONE)
        return TRUE;
    if (gone && source->complete_sent && !link_peer_failed(source->link)) {
        if (source->note->word != NOTE_COMMIT)
            note_decide(source->note, state_dir, NOTE_COMMIT);
        pair_set_state(source->pair, PAIR_UNDECIDED);
        return FALSE;
    }
    gboolean noted = source->complete_sent && !gone
                         ? note_abort(source->note, state_dir, &error)
                         : note_remove(source->note, state_dir, FALSE, &error);
    if (!noted)
        note_trouble(troubles, error);
    return TRUE;
}

/* The destination learns at once that it is over; what it does not hear now it will be told later,
 * as the note says.
 */
static void tell_gone_back(Source *source, const GError *reason)
{
    g_autoptr(GError) untold = NULL;

    if (source->link && !link_lost(source->link)) {
        link_send_error(source->link, reason);
        /* When the operator hears of it, nothing is left on the other host. */
        link_await_end(source->link, FAREWELL_MS);
    }
    g_clear_pointer(&source->link, link_free);
    if (source->note->word == NOTE_ABORT &&
        !settle_note_once(source->pair->host, source->note, NULL, &untold))
        g_message("%s has yet to be told that the pair stays here: %s", source->order->host,
                  untold->message);
}

/* Back to where it began: both VMs run here. The VMs come first; the destination cannot do any harm
 * without a commit, so it may learn of it later. A user VM that was stopped and does not go on, for
 * whom somebody else has locked its disk, goes on when an operator says so.
 */
static void undo(Source *source, GString *troubles, GError **failure)
{
    for (int phase = (int)source->phase; phase >= 0; phase--)
        if (source_phases[phase].undo)
            source_phases[phase].undo(source, troubles);
    /* One that was loaded there has been announced there, whether or not it was heard of. */
    if (source->phase >= PHASE_COMPLETE)
        pair_announce(source->pair);
    gboolean stuck = source->phase >= PHASE_STOP_U && !goes_on(source->user_vm.vm);
    pair_set_state(source->pair, stuck ? PAIR_UNDECIDED : PAIR_RUNNING);
    g_message("co-migration to %s ends in phase %s: %s%s", source->order->host,
              phase_name(source->phase), (*failure)->message, troubles->str);
    tell_gone_back(source, *failure);
    if (troubles->len) {
        GError *extended = g_error_new(DMORE_ERROR, dmore_error_of(*failure), "%s%s",
                                       (*failure)->message, troubles->str);
        g_error_free(*failure);
        *failure = extended;
    }
}

/* Which host runs the pair only the destination can tell now. */
static void leave_undecided(Source *source, GError **failure)
{
    GError *undecided =
        g_error_new(DMORE_ERROR, DMORE_ERROR_UNDECIDED,
                    "it is not known whether %s runs the pair now: %s. It is asked until it "
                    "answers, and nothing runs here meanwhile; 'dmore status %s' tells more",
                    source->order->host, (*failure)->message, source->pair->config->name);

    g_error_free(*failure);
    *failure = undecided;
    g_clear_pointer(&source->link, link_free);
}

void source_fail(Source *source, GError **failure)
{
    g_autoptr(GString) troubles = g_string_new(NULL);

    /* What is decided here depends on whether there is a user VM to go back to. */
    vm_await_end_of_lost(source->user_vm.vm);
    vm_await_end_of_lost(source->domain_r.vm);

    if (source->pair->state == PAIR_MIGRATING)
        explain(source, failure);
    if (source->pair->state == PAIR_MIGRATING && note_going_back(source, troubles))
        undo(source, troubles, failure);
    else
        leave_undecided(source, failure);
}
