/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hold.h - lets a test stop a co-migration at a certain point
 *
 * With DMORE_TEST_HOLD=POINT in the environment of dmore-pair, a co-migration waits when it comes
 * to that point until it is cancelled or until the file that DMORE_TEST_RELEASE names exists. So a
 * test can do there what it wants, at leisure. Without the variable it does nothing. A value that
 * begins with "/" is the path of a file with the point's name, so that one pair serves for tests of
 * several; the co-migration is held as long as the file is there and says so.
 *
 * The points are the phases, each at its beginning on the source, and
 *
 *	complete-sent	source: the destination may have loaded both VMs, it has not been heard
 *	loaded		destination: it has loaded both VMs, the source has not been told
 *	commit-sent	source: the commit is out, its answer has not been heard
 *	committed	destination: it has noted that it was committed to, nothing runs yet
 *	resumed		destination: both VMs run, the source has not been told
 *	retire-noted	source: its VMs have ended, the destination has not been told
 *
 * dmored gives its environment to the dmore-pair of a pair that comes, so that holds a destination.
 */
#ifndef DMORE_COMIGRATE_HOLD_H
#define DMORE_COMIGRATE_HOLD_H

#include <gio/gio.h>
#include "comigrate/phases.h"

typedef enum {
    HOLD_COMPLETE_SENT,
    HOLD_LOADED,
    HOLD_COMMIT_SENT,
    HOLD_COMMITTED,
    HOLD_RESUMED,
    HOLD_RETIRE_NOTED,
    HOLD_POINTS,
} HoldPoint;

/* hold_phase() - Return: FALSE with DMORE_ERROR_CANCELLED when cancelled meanwhile */
gboolean hold_phase(Phase phase, GCancellable *cancellable, GError **error);

/* hold_point() - beyond these points nothing is cancelled */
void hold_point(HoldPoint point);

#endif
