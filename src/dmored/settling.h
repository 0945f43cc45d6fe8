/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * settling.h - what a co-migration has left open, and no dmore-pair looks after
 *
 * Theory of operation
 *
 * The notes (comigrate/note.h) are looked through when dmored starts, and whenever one has changed.
 * One of a source that nobody looks after gets a process of its own, "dmore-pair settle", which
 * asks the other host until it is answered; a host that does not answer keeps nobody else waiting.
 * A pair that is undecided here is settled by its own dmore-pair, so its note is left to that until
 * the pair is gone. A note that was written just now belongs to who has written it: the link may be
 * there still, and then settles it sooner. A process that fails is started again after a wait that
 * doubles, up to a minute. doc/model.md, A host that rebooted, has the rules.
 */
#ifndef DMORE_DMORED_SETTLING_H
#define DMORE_DMORED_SETTLING_H

#include "pair/hostconfig.h"

#define SETTLING_LEAVE_S 6 /* a note is left alone for that long after it was written */

typedef struct Settling Settling;

/* settling_new() - begin to look after the notes, on the default main context
 * @host: outlives the result
 * @program: path of dmore-pair
 *
 * Return: NULL with DMORE_ERROR_HOST when the directory of the notes cannot be made or watched.
 */
Settling *settling_new(const HostConfig *host, const char *program, GError **error);

/* settling_free() - the processes are ended; the notes stay */
void settling_free(Settling *settling);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Settling, settling_free)

#endif
