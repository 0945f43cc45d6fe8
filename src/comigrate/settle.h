/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * settle.h - two hosts that were torn apart find out who runs the pair: the side that asks
 *
 * Theory of operation
 *
 * Only the source asks, and what it asks follows from its note: it sends the note's word to the
 * destination's dmored over a connection of its own (link.h), whose first message is "settle" where
 * that of a co-migration is "offer". The answer is one word, and each pair of words leads to one
 * thing to do; doc/model.md, The settlement, has the table. No failure, however often, changes a
 * note: only an answer does. answer.h is the other side.
 */
#ifndef DMORE_COMIGRATE_SETTLE_H
#define DMORE_COMIGRATE_SETTLE_H

#include <gio/gio.h>
#include "comigrate/note.h"
#include "pair/pair.h"

typedef enum {
    ANSWER_RUNNING, /* the user VM was resumed there, or is now because of the question */
    ANSWER_ENDED,   /* it was never resumed there, never will be, and nothing of it is left */
    ANSWER_RETIRED, /* the destination has forgotten the co-migration */
    ANSWER_WAIT,    /* nobody can tell just now */
    ANSWERS,
} Answer;

/* answer_name() - "running", "ended", ... */
const char *answer_name(Answer answer);

/* answer_from_name() - ANSWERS for a name that is none */
Answer answer_from_name(const char *name);

typedef struct {
    gint64 since_us;    /* when the asking began, monotonic */
    guint attempts;     /* so far */
    char *last;         /* (nullable): what came of the last one, for an operator */
    gboolean lost;      /* the user VM was lost: it ran nowhere when that was found out */
    gboolean elsewhere; /* the pair runs on the other host and has been ended here */
} Settlement;

void settlement_clear(Settlement *settlement);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Settlement, settlement_clear)

/* settle_pair() - settle the commit of an undecided pair, whose VMs are here; awaits
 * @note: its word is "commit"; kept up to date, also on the disk
 * @settlement: kept up to date while this goes on, so that it can be told meanwhile
 * @cancellable: (nullable): does not end a question that is under way, whose answer comes within 15
 * s
 *
 * Return: TRUE when it is decided: the pair runs here, or has ended here because it runs on the
 * other host; the note may be left to be settled by settle_note(). FALSE with DMORE_ERROR_CANCELLED
 * alone, and everything is as it was.
 */
gboolean settle_pair(Pair *pair, Note *note, Settlement *settlement, GCancellable *cancellable,
                     GError **error);

/* settle_note() - settle a co-migration for which no VMs are needed, or are there; awaits
 * @note: of a source; updated
 *
 * Return: TRUE when nothing is left to be settled, and the note is gone; FALSE with
 * DMORE_ERROR_CANCELLED.
 */
gboolean settle_note(const HostConfig *host, Note *note, Settlement *settlement,
                     GCancellable *cancellable, GError **error);

/* settle_note_once() - the same, but for one attempt
 * Return: FALSE with the reason when the note could not be settled now.
 */
gboolean settle_note_once(const HostConfig *host, Note *note, GCancellable *cancellable,
                          GError **error);

#endif
