/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * incoming.h - the connections from other hosts: each gets a dmore-pair of its own
 *
 * Theory of operation
 *
 * dmored itself reads nothing from a connection. It starts dmore-pair with it, which checks that
 * the other side holds the key and then runs the pair for as long as that is on this host. So what
 * a stranger can reach is a process that has nothing to lose, and dmored can end, or be replaced,
 * without a pair noticing.
 *
 * Until a dmore-pair has told over its pipe that the other side is who it should be, it counts as a
 * stranger. There are at most INCOMING_STRANGERS of them, each for at most INCOMING_STRANGER_MS;
 * while there are so many no connection is accepted, and further ones wait in the kernel's queue.
 */
#ifndef DMORE_DMORED_INCOMING_H
#define DMORE_DMORED_INCOMING_H

#include "pair/hostconfig.h"

#define INCOMING_STRANGERS 16
#define INCOMING_STRANGER_MS 15000

typedef struct Incoming Incoming;

/* incoming_new() - listen where @host says, on the default main context
 * @host: outlives the result
 * @program: path of dmore-pair
 *
 * Return: NULL with DMORE_ERROR_HOST when this host cannot listen there.
 */
Incoming *incoming_new(const HostConfig *host, const char *program, GError **error);

/* incoming_free() - stop listening; the processes that were started go on */
void incoming_free(Incoming *incoming);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Incoming, incoming_free)

#endif
