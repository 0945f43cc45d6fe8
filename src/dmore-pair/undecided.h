/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * undecided.h - a pair that was committed to another host which has not said that it runs there
 *
 * Both VMs stand still here. The other host is asked until it answers (comigrate/settle.h), unless
 * an operator decides before.
 */
#ifndef DMORE_PAIR_PROCESS_UNDECIDED_H
#define DMORE_PAIR_PROCESS_UNDECIDED_H

#include <json-glib/json-glib.h>
#include "comigrate/note.h"
#include "pair/pair.h"

typedef struct Undecided Undecided;

/* undecided_new()
 * @pair: outlives the result
 * @note: (transfer full): its word is "commit"
 */
Undecided *undecided_new(Pair *pair, Note *note);

/* undecided_settle() - ask until it is decided, or interrupted; awaits
 * Return: TRUE when it is decided: the pair runs here, or has ended here.
 */
gboolean undecided_settle(Undecided *undecided);

/* undecided_interrupt() - let undecided_settle() return, for something that comes first */
void undecided_interrupt(Undecided *undecided);

/* undecided_run_here() - the operator's word that the other host does not run the pair and will not
 * Return: FALSE, and it is undecided as before, when the user VM cannot run here.
 */
gboolean undecided_run_here(Undecided *undecided, GError **error);

/* undecided_to_status() - add the members "undecided" and "note" to the answer to `dmore status` */
void undecided_to_status(const Undecided *undecided, JsonObject *status);

void undecided_free(Undecided *undecided);

#endif
