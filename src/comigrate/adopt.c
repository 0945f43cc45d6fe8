/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation
 *
 * What was noted of a co-migration (note.h) decides first: doc/model.md, A new dmore-pair. The
 * pair's state says what else its dmore-pair was about when it ended; it, too, was noted before
 * anything of it was done:
 *
 * - starting: the start has failed, and whoever asked for it has been told: the pair is ended,
 *   unless the user VM runs already
 * - running: relay and screen go on; a user VM that stands still was not stopped by us, but one
 *   that has not run yet was to be started beside its Domain R: 'dmore up' is asked for again
 * - migrating: without a note nothing was sent: migrations are cancelled, what was stopped resumes,
 *   the user VM first
 * - incoming: nothing has run here and the source has its copy: it is ended
 * - undecided: without a note nobody can tell: nothing is touched until an operator decides
 * - incoming or undecided, without a note, while the user VM runs: it runs here, which could not be
 *   noted
 * - stopping: it is ended
 */
#include "comigrate/adopt.h"

#include "base/await.h"
#include "base/error.h"
#include "pair/presence.h"

#define MIGRATED_MS 1000 /* between the end of a migration and the state that says so */

static gboolean is_migrated(gpointer data)
{
    return vm_state(data) != VM_PAUSED;
}

/* Cancel a migration that is under way; one that has completed is about to stand still for good,
 * and only then takes a resume. */
static gboolean stop_migration(Vm *vm, GError **error)
{
    VmMigrationStatus status;

    if (!vm_migration_query(vm, &status, error))
        return FALSE;
    if (status.state != VM_MIGRATION_COMPLETED)
        return vm_migration_cancel(vm, error);
    /* The end of an earlier one is no more to come. */
    await(is_migrated, vm, MIGRATED_MS, NULL, "the end of the migration", NULL);
    return TRUE;
}

static gboolean bring_back(Vm *vm, GError **error)
{
    if (vm_state(vm) == VM_GONE)
        return TRUE;
    if (!stop_migration(vm, error))
        return FALSE;
    if (vm_state(vm) != VM_PAUSED && vm_state(vm) != VM_MIGRATED)
        return TRUE;
    return vm_resume(vm, error);
}

/* The pair runs here: relay and screen between the two resumes, as always. If the user VM does not
 * go on, an operator has somebody to talk to, and can try again.
 */
static void run_here(Pair *pair, gboolean was_migrating)
{
    g_autoptr(GError) error = NULL;

    if (was_migrating && !bring_back(pair->user_vm, &error)) {
        g_critical("the pair does not go on: %s", error->message);
        pair_set_state(pair, PAIR_UNDECIDED);
        return;
    }
    if (!was_migrating && vm_is_fresh(pair->user_vm))
        vm_kill(pair->user_vm);
    pair_show_screen(pair);
    relay_thaw(pair->relay);
    pair_tell_user_vm(pair, vm_state(pair->user_vm));
    /* One that stands still beside a user VM that runs is replaced. */
    if (!bring_back(pair->domain_r, &error))
        g_warning("%s", error->message);
    if (was_migrating)
        pair_announce(pair);
    pair_set_state(pair, PAIR_RUNNING);
}

/* One that a pair of the same uuid has left, which was coming here once, is none of a pair that
 * runs. */
static gboolean applies(const Note *note, const Pair *pair)
{
    return g_str_equal(note->uuid, pair->config->uuid) &&
           (note->word != NOTE_INCOMING ||
            (pair->state != PAIR_RUNNING && pair->state != PAIR_MIGRATING));
}

/* The note of the co-migration in whose midst the last dmore-pair ended, or by which the pair came:
 * of several the one that says most.
 */
static Note *find_note(const Pair *pair, GError **error)
{
    static const NoteWord telling[] = {NOTE_COMMIT,    NOTE_OPEN,  NOTE_INCOMING,
                                       NOTE_COMMITTED, NOTE_ABORT, NOTE_RETIRE};
    g_autoptr(GPtrArray) notes = note_list_all(pair->host->state_dir, error);

    for (gsize i = 0; notes && i < G_N_ELEMENTS(telling); i++)
        for (guint j = 0; j < notes->len; j++) {
            const Note *note = g_ptr_array_index(notes, j);
            if (note->word == telling[i] && applies(note, pair))
                return g_ptr_array_steal_index(notes, j);
        }
    return NULL;
}

/* It cannot be known how far it had come, and needs not. That it cannot be noted, on a full disk
 * for one, keeps no VM from going on (as when a dmore-pair goes back).
 */
static void decide_open(Note *note, const char *state_dir, gboolean gone)
{
    g_autoptr(GError) error = NULL;

    if (gone)
        note_decide(note, state_dir, NOTE_COMMIT);
    else if (!note_abort(note, state_dir, &error))
        g_critical("%s", error->message);
}

/* What the state is to be taken for, after what the note says; the note is carried on. */
static void decide(Pair *pair, Note *note, PairState *state)
{
    gboolean gone = vm_state(pair->user_vm) == VM_GONE;

    switch (note->word) {
    case NOTE_OPEN:
        *state = gone ? PAIR_UNDECIDED : PAIR_MIGRATING;
        decide_open(note, pair->host->state_dir, gone);
        break;
    case NOTE_COMMIT:
        /* One that was ending here had heard that the other host runs it. */
        if (*state != PAIR_STOPPING)
            *state = PAIR_UNDECIDED;
        break;
    case NOTE_INCOMING:
        *state = PAIR_INCOMING;
        break;
    case NOTE_COMMITTED:
    case NOTE_ABORT:
        if (*state == PAIR_UNDECIDED || *state == PAIR_INCOMING)
            *state = PAIR_MIGRATING; /* decided, and perhaps not resumed yet */
        break;
    case NOTE_RETIRE:
    case NOTE_NONE:
    case NOTE_WORDS:
        break;
    }
}

static void end_here(Pair *pair, Note *note)
{
    g_autoptr(GError) error = NULL;

    g_message("what is left of it is ended");
    /* Of one that has ended by itself, 'dmore status' goes on telling that it was here. */
    if (pair->state == PAIR_STOPPING)
        presence_remove(pair->host->state_dir, pair->config->name, pair->config->uuid);
    pair_end(pair);
    if (note && note->word == NOTE_INCOMING &&
        !note_remove(note, pair->host->state_dir, FALSE, &error))
        g_warning("%s", error->message);
}

gboolean adopt_run(Pair *pair, Note **open, GError **error)
{
    g_autoptr(GError) unread = NULL;
    g_autoptr(Note) note = find_note(pair, &unread);
    PairState state = pair->state;

    if (unread) {
        g_propagate_error(error, g_steal_pointer(&unread));
        return FALSE;
    }
    if (note)
        decide(pair, note, &state);
    if (vm_state(pair->user_vm) == VM_GONE && vm_state(pair->domain_r) == VM_GONE) {
        g_message("both VMs have ended, too");
        state = PAIR_STOPPING;
    } else if (state == PAIR_STARTING) {
        state = vm_state(pair->user_vm) == VM_RUNNING ? PAIR_RUNNING : PAIR_STOPPING;
    } else if (!note && vm_state(pair->user_vm) == VM_RUNNING &&
               (state == PAIR_INCOMING || state == PAIR_UNDECIDED)) {
        state = PAIR_RUNNING; /* which could not be noted then */
    }
    g_message("a new dmore-pair goes on; the last one ended when the pair was %s, its note is '%s'",
              pair_state_name(pair->state), note_word_name(note ? note->word : NOTE_NONE));
    switch (state) {
    case PAIR_RUNNING:
    case PAIR_MIGRATING:
        run_here(pair, state == PAIR_MIGRATING);
        break;
    case PAIR_UNDECIDED:
        pair_set_state(pair, PAIR_UNDECIDED);
        break;
    case PAIR_STARTING:
    case PAIR_INCOMING:
    case PAIR_STOPPING:
        end_here(pair, note);
        return TRUE;
    }
    if (note && (note->word == NOTE_COMMIT || note->word == NOTE_COMMITTED))
        *open = g_steal_pointer(&note);
    return TRUE;
}
