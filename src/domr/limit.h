/* SPDX-License-Identifier: GPL-2.0-or-later */
/* limit.h - how many clients the console has memory for */
#ifndef DMORE_DOMR_LIMIT_H
#define DMORE_DOMR_LIMIT_H

#include "region/screen.h"

#define LIMIT_LEAST                                                                                \
    2 /* so that whoever has lost his connection can come back before it is missed */
#define LIMIT_MOST 16

/* limit_clients() - how many clients may be connected at once
 * @memory: KiB that were free before the first of them
 * @size: of the screen
 *
 * What a client costs beside its session is the update that is encoded for it, until it has been
 * sent: at worst as much as its pixels. Of a large screen an update is a band.
 */
unsigned limit_clients(uint32_t memory, struct screen_geometry size);

#endif
