/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * destination.h - the destination's side of a co-migration
 */
#ifndef DMORE_COMIGRATE_DESTINATION_H
#define DMORE_COMIGRATE_DESTINATION_H

#include "comigrate/link.h"
#include "comigrate/note.h"
#include "pair/pair.h"

/* What decides about a pair that is loaded here and waits for the commit. The first one is the
 * link's matter, which loses its say when there is another. */
typedef enum {
    VERDICT_NONE,
    VERDICT_RUN,   /* run it here: the source has asked with "commit", or an operator has decided */
    VERDICT_END,   /* end it: the source has asked with "abort", or an operator has decided */
    VERDICT_LEAVE, /* leave the VMs, loaded and paused, to another process: this one is to end */
} Verdict;

typedef struct {
    const HostConfig *host;
    GCancellable *cancellable; /* ends it before the pair is loaded */
    const Verdict *verdict;    /* looked at while a loaded pair waits for the commit */
    /* Called as soon as the pair exists here, so that it can be asked for; @pair and @note stay the
     * destination's until destination_run() returns the pair. FALSE: it cannot be, and the pair is
     * removed again. */
    gboolean (*appeared)(Pair *pair, Note *note, gpointer data, GError **error);
    /* Called when everything of a pair that had appeared has been removed again. */
    void (*disappeared)(Pair *pair, gpointer data);
    gpointer data;
} Destination;

/* destination_run() - receive a pair over @link; awaits
 * @offer: the message that was received already
 * @note: (out): what is noted of the co-migration here, once the pair runs here: "committed", or
 *	  nothing when the source has said that it has retired
 *
 * When the link is lost while a loaded pair waits for the commit, only the source can know whether
 * it has committed: the pair goes on waiting, until there is a verdict.
 *
 * Return: the pair, running here (or, with its state PAIR_UNDECIDED, left by VERDICT_LEAVE); NULL
 * with the reason when it does not come: nothing of it is left on this host then.
 */
Pair *destination_run(const Destination *destination, Link *link, const LinkMessage *offer,
                      Note **note, GError **error);

#endif
