/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * source.h - the source's side of a co-migration
 */
#ifndef DMORE_COMIGRATE_SOURCE_H
#define DMORE_COMIGRATE_SOURCE_H

#include <gio/gio.h>
#include "comigrate/note.h"
#include "comigrate/report.h"
#include "pair/pair.h"

typedef struct {
    const char *host; /* name or address of the destination's dmored */
    guint16 port;
    gint64 timeout_us;  /* to come to the switch-over; 0: as long as it takes */
    gboolean slow_down; /* slow the guest down when it dirties memory faster than it is sent */
    GCancellable *cancellable; /* obeyed until the commit */
    /* Called when a phase begins, and every now and then during pre-copy. */
    void (*progress)(const ComigrationProgress *progress, gpointer data);
    gpointer data;
} ComigrationOrder;

/* source_run() - move a running pair to another host; awaits
 * @report: filled in on success; its host is the caller's to free
 *
 * On success the VMs run on the other host and the pair has ended here. On failure both VMs run
 * here, as before, and the console never noticed; only DMORE_ERROR_UNDECIDED is different: then
 * both stand still here, the pair's state is PAIR_UNDECIDED, and @undecided is the note, with the
 * word "commit", that settle_pair() wants.
 *
 * What the other host could not be told is left in a note, for settle_note().
 */
gboolean source_run(Pair *pair, const ComigrationOrder *order, ComigrationReport *report,
                    Note **undecided, GError **error);

#endif
