/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pair-state.h - what the next dmore-pair has to know of a pair: RUN/NAME/state
 *
 * Most of a pair is found where it is: the processes by the sockets that they serve, sockets and
 * interfaces as descriptors of these processes, pixels in the region, configuration and settings in
 * files of their own. What is nowhere else is noted here, whenever it changes. The file is replaced
 * as a whole.
 */
#ifndef DMORE_PAIR_PAIR_STATE_H
#define DMORE_PAIR_PAIR_STATE_H

#include "pair/pair.h"

/* Of the file, of RUN_MOVING (moving.h), and of the numbers of descriptors in pair-internal.h. */
#define PAIR_STATE_VERSION 1

/* pair_state_write() - note state, platform, migrations, adoptions and the last migration
 * Return: FALSE with DMORE_ERROR_HOST.
 */
gboolean pair_state_write(const Pair *pair, GError **error);

/* pair_state_read() - fill in what pair_state_write() has noted
 * Return: FALSE with DMORE_ERROR_HOST, nothing changed, when it cannot be read.
 */
gboolean pair_state_read(Pair *pair, GError **error);

/* pair_state_noted() - the state alone, of any pair in a run directory
 * Return: PAIR_STARTING when none was noted.
 */
PairState pair_state_noted(const char *run, const char *name);

#endif
