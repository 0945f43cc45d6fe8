/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * handover.h - what the source's host tells the destination's about streams and screen
 *
 * Neither VM's memory holds the bytes that lie between the two VMs, nor the region's bookkeeping:
 * the handover does. It is made while both VMs are stopped and installed before either resumes.
 *
 *	"DMOREHND"  u32 version  u32 least compatible version  records (region/record.h)
 *
 * doc/handover.md is the specification of this format.
 */
#ifndef DMORE_COMIGRATE_HANDOVER_H
#define DMORE_COMIGRATE_HANDOVER_H

#include <glib.h>
#include "pair/relay.h"
#include "region/screen.h"

#define HANDOVER_VERSION 1
#define HANDOVER_COMPATIBLE 1

/* handover_save() - @relay is frozen and Domain R stopped
 * @changed: the tiles that have changed since the picture went ahead (pair/screen-copy.h)
 *
 * Return: NULL with DMORE_ERROR_FAILED when Domain R has damaged a ring.
 */
GBytes *handover_save(const struct region *region, const Relay *relay,
                      const struct screen_tiles *changed, GError **error);

/* handover_restore() - install a handover in a region and a relay that nothing has run on yet
 * @owed: tiles are added that clients have not seen as they will be found in the region
 *
 * Return: FALSE with DMORE_ERROR_PEER, nothing changed, when it cannot be read; DMORE_ERROR_HOST
 * when a stream's socket does not take its bytes or there is no memory for the screen. The pair
 * must not run then.
 */
gboolean handover_restore(const struct region *region, Relay *relay, struct screen_tiles *owed,
                          GBytes *handover, GError **error);

#endif
