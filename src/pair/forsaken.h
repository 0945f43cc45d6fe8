/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * forsaken.h - the end of a pair whose dmore-pair has died, and that no other one can take over
 */
#ifndef DMORE_PAIR_FORSAKEN_H
#define DMORE_PAIR_FORSAKEN_H

#include <gio/gio.h>

#include "pair/hostconfig.h"

/* forsaken_end() - kill both VMs and remove what is left of the pair; awaits
 *
 * Nothing is asked of anybody, so it ends a pair whose hypervisors hang, too. To everybody else it
 * is as if this host had gone down.
 *
 * Return: FALSE with DMORE_ERROR_BUSY when it has a dmore-pair that does not end, for a minute.
 */
gboolean forsaken_end(const HostConfig *host, const char *name, GError **error);

#endif
