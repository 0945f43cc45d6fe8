/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * arrival.h - the co-migration by which the pair came, or is coming, to this host
 *
 * It is remembered for as long as the source has not said that it has retired, and answers for the
 * pair when the source asks (comigrate/answer.h passes the questions on). While the pair is loaded
 * and waits for the commit it takes the verdict, the source's or an operator's. What is asked while
 * the answer is being made is answered when it is there.
 */
#ifndef DMORE_PAIR_PROCESS_ARRIVAL_H
#define DMORE_PAIR_PROCESS_ARRIVAL_H

#include "comigrate/destination.h"
#include "comigrate/note.h"
#include "dmore-pair/control.h"
#include "pair/pair.h"

typedef struct Arrival Arrival;

/* arrival_new() - of a pair that did not come by a co-migration, so far
 * @host: outlives the result
 * @cancellable: cancelled when a pair that is not loaded yet is not to come any more
 */
Arrival *arrival_new(const HostConfig *host, GCancellable *cancellable);

/* arrival_begin() - a pair is coming
 * @pair, @note: borrowed until arrival_end()
 * @peer: the host that it comes from
 */
void arrival_begin(Arrival *arrival, const Pair *pair, Note *note, const char *peer);

/* arrival_verdict() - for Destination; it is the arrival's */
const Verdict *arrival_verdict(const Arrival *arrival);

/* arrival_is_waiting() - whether a pair is loaded here and there is no verdict yet */
gboolean arrival_is_waiting(const Arrival *arrival);

/* arrival_to_status() - of a pair that waits: add the members "undecided" and "note" to the answer
 * to `dmore status`
 */
void arrival_to_status(const Arrival *arrival, JsonObject *status);

/* arrival_ask() - the source asks
 * @request: answered, now or later, with {"answer": ...}; "unknown" when it is about another
 *	     co-migration
 */
void arrival_ask(Arrival *arrival, Request *request, const char *id, const char *word);

/* arrival_decide() - an operator, or a signal, decides about a pair that waits
 * @request: (nullable): answered when it is done
 */
void arrival_decide(Arrival *arrival, Request *request, Verdict verdict);

/* arrival_end() - it is over
 * @note: (nullable) (transfer full): of the pair that runs here now; NULL: it has not come
 *
 * A successor of the process that received the pair calls this alone, with the note that it found.
 */
void arrival_end(Arrival *arrival, Note *note);

void arrival_free(Arrival *arrival);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Arrival, arrival_free)

#endif
