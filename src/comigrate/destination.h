/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * destination.h - the destination's side of a co-migration
 */
#ifndef DMORE_COMIGRATE_DESTINATION_H
#define DMORE_COMIGRATE_DESTINATION_H

#include "comigrate/link.h"
#include "pair/pair.h"

typedef struct {
    const HostConfig *host;
    GCancellable *cancellable; /* ends it before the commit */
    /* Called as soon as the pair exists here, so that it can be asked for; @pair stays the
     * destination's until destination_run() returns it. */
    void (*appeared)(Pair *pair, gpointer data);
    /* Called before a pair that has appeared is taken away again. */
    void (*disappearing)(Pair *pair, gpointer data);
    gpointer data;
} Destination;

/* destination_run() - receive a pair over @link; awaits
 *
 * Return: the pair, running here (or, with its state PAIR_UNDECIDED, loaded and paused: the link
 * was lost when only the source could know whether it has committed); NULL with the reason when it
 * does not come: nothing of it is left on this host then.
 */
Pair *destination_run(const Destination *destination, Link *link, GError **error);

#endif
