/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * beat.h - a dmore-pair's sign of life: what it writes into the keeper's file each second
 *
 * A process that hangs keeps its locks, so that it holds the keeper's is no sign of life. What it
 * writes is a number that changes, and its own process number: what another one has left in the
 * file, or a release that writes nothing, says nothing about this one.
 */
#ifndef DMORE_PAIR_BEAT_H
#define DMORE_PAIR_BEAT_H

#include <glib.h>

/* beat_begin() - from now on, for as long as the default main context is served
 * @keeper: from rundir_keep(), and open until the source has been removed: to open and close the
 *	    file once more would let go of the lock
 *
 * Return: the source.
 */
guint beat_begin(int keeper);

/* beat_read() - what @keeper has written last
 * @beat: (out): another number each time
 *
 * Not to be called by the keeper itself. Return: FALSE when it has written nothing.
 */
gboolean beat_read(const char *run, const char *name, GPid keeper, gint64 *beat);

#endif
