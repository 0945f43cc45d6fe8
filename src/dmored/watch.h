/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * watch.h - sees to it that each pair of this host has its dmore-pair
 *
 * Theory of operation
 *
 * A pair that is claimed and has no keeper (pair/rundir.h) has lost its dmore-pair: its VMs go on,
 * but nobody carries their input and screen. The watch starts another one, "dmore-pair adopt".
 *
 * Whom to watch is found in the run directory, whoever started the pair and whenever: inotify(7)
 * tells of directories that come and of files that come in them, and each time the two locks are
 * looked at. A dmore-pair takes both before it makes any file. A keeper's end is told by its pidfd;
 * it has lost its lock by then. One that hangs (pulse.h) for as long as the host's watchdog says is
 * killed, and so has ended. Nothing is kept across a restart of dmored, as nothing has to be.
 *
 * The first WATCH_AT_ONCE attempts begin at once, later ones after a wait that doubles; the count
 * begins anew when a dmore-pair has lived for WATCH_WELL_MS.
 *
 * When even the VMs have ended, what is left of a pair that was arriving, undecided or ending is
 * removed. Other left-overs stay for the operator, who will want to know.
 */
#ifndef DMORE_DMORED_WATCH_H
#define DMORE_DMORED_WATCH_H

#include "pair/hostconfig.h"

#define WATCH_AT_ONCE 4
#define WATCH_WAIT_MAX_MS 60000
#define WATCH_WELL_MS 60000

typedef struct Watch Watch;

/* watch_new() - begin, on the default main context, with the pairs that are there
 * @host: outlives the result
 * @program: path of dmore-pair
 *
 * Return: NULL with DMORE_ERROR_HOST when the run directory cannot be watched.
 */
Watch *watch_new(const HostConfig *host, const char *program, GError **error);

/* watch_free() - the processes that were started go on */
void watch_free(Watch *watch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Watch, watch_free)

#endif
