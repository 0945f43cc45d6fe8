/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kick.h - the host's end of the kick: "look at the region", both ways
 *
 * A kick is a byte whose value says nothing. Kicks may be merged, lost or doubled without harm:
 * whoever is kicked looks at everything in the region.
 */
#ifndef DMORE_PAIR_KICK_H
#define DMORE_PAIR_KICK_H

#include <glib.h>

typedef struct Kick Kick;

/* kick_connect() - connect to the socket that Domain R's hypervisor listens on
 * @kicked: called from the main context when Domain R has kicked
 */
Kick *kick_connect(const char *path, void (*kicked)(gpointer data), gpointer data, GError **error);

/* kick_send() - kick Domain R, once for all calls within one turn of the main loop */
void kick_send(Kick *kick);

void kick_free(Kick *kick);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Kick, kick_free)

#endif
