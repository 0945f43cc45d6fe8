/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hold.h - lets a test stop a co-migration at the beginning of a phase
 *
 * With DMORE_TEST_HOLD=PHASE in the environment of dmore-pair, a co-migration waits when it comes
 * to that phase until it is cancelled or until the file that DMORE_TEST_RELEASE names exists. So a
 * test can do to a phase what it wants, at leisure. Without the variable it does nothing. A value
 * that begins with "/" is the path of a file with the phase's name, so that one pair serves for
 * tests of several phases; the co-migration is held as long as the file is there and says so.
 */
#ifndef DMORE_COMIGRATE_HOLD_H
#define DMORE_COMIGRATE_HOLD_H

#include <gio/gio.h>
#include "comigrate/phases.h"

/* hold_phase() - Return: FALSE with DMORE_ERROR_CANCELLED when cancelled meanwhile */
gboolean hold_phase(Phase phase, GCancellable *cancellable, GError **error);

#endif
