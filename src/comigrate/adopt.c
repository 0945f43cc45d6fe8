/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation
 *
 * A pair's state says what its dmore-pair was about when it ended, and it was noted before anything
 * of it was done:
 *
 *	starting	the start has failed, whoever asked for it has been told: it is ended,
 *unless the user VM runs already running		relay and screen go on. A user VM that
 *stands still was not stopped by us migrating	the commit was not sent: migrations are cancelled,
 *what was stopped resumes, the user VM first incoming	nothing has run here and the source has its
 *copy: it is ended undecided	nothing is touched until somebody knows more stopping	is ended
 */
#include "comigrate/adopt.h"

#include "base/await.h"
#include "base/error.h"

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

/* The pair runs here: relay and screen between the two resumes, as always. */
static gboolean run_here(Pair *pair, gboolean was_migrating, GError **error)
{
    if (was_migrating && !bring_back(pair->user_vm, error))
        return FALSE;
    pair_set_state(pair, PAIR_RUNNING);
    screen_feed_open(pair->feed);
    relay_thaw(pair->relay);
    return bring_back(pair->domain_r, error);
}

gboolean adopt_run(Pair *pair, GError **error)
{
    VmState user_vm = vm_state(pair->user_vm);
    PairState state = pair->state;

    if (user_vm == VM_GONE && vm_state(pair->domain_r) == VM_GONE) {
        g_message("both VMs have ended, too");
        state = PAIR_STOPPING;
    } else if (state == PAIR_STARTING) {
        state = user_vm == VM_RUNNING ? PAIR_RUNNING : PAIR_STOPPING;
    }
    g_message("a new dmore-pair goes on; the last one ended when the pair was %s",
              pair_state_name(pair->state));
    switch (state) {
    case PAIR_RUNNING:
    case PAIR_MIGRATING:
        return run_here(pair, state == PAIR_MIGRATING, error);
    case PAIR_UNDECIDED:
        return TRUE;
    case PAIR_STARTING:
    case PAIR_INCOMING:
    case PAIR_STOPPING:
        break;
    }
    g_message("what is left of it is ended");
    pair_end(pair);
    return TRUE;
}
