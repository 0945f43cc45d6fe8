/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * adopt.h - what becomes of a pair whose dmore-pair has ended, perhaps in the midst of a
 * co-migration
 */
#ifndef DMORE_COMIGRATE_ADOPT_H
#define DMORE_COMIGRATE_ADOPT_H

#include "comigrate/note.h"
#include "pair/pair.h"

/* adopt_run() - decide where an adopted pair runs, and see to it; awaits
 * @pair: from pair_adopt()
 * @note: (out) (nullable): what is still open: "commit" of a pair that is undecided here, for
 *	  settle_pair(), or "committed" of one that has come here
 *
 * Afterwards the pair runs here (PAIR_RUNNING), or is PAIR_UNDECIDED with both VMs paused, or has
 * ended here (pair->ended): a start or an arrival that was not complete, or an end that had begun.
 *
 * Return: FALSE when a note cannot be read; the pair is as it was then. A VM that is to
 * run here and cannot leaves it PAIR_UNDECIDED.
 */
gboolean adopt_run(Pair *pair, Note **note, GError **error);

#endif
