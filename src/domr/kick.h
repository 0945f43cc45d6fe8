/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kick.h - the event channel: a byte in either direction says "look at the region"
 *
 * The channel may be absent at any time, because the other side is not there at the moment. Then a
 * kick is kept and sent when it is back, and the channel is tried again after 10 ms, then less and
 * less often, down to once a second. Whenever it comes back, both sides look at the region.
 */
#ifndef DMORE_DOMR_KICK_H
#define DMORE_DOMR_KICK_H

#include <stdbool.h>

struct kick;

/* kick_open() - use the aml main loop that is the default one
 * @path: a virtio-serial port (/dev/vport...), or a Unix socket on which the other side listens
 * @on_kick: called with @data when the other side has kicked, and when it is back
 *
 * Return: NULL when there is no memory. That the path is not there is nothing final.
 */
struct kick *kick_open(const char *path, void (*on_kick)(void *data), void *data);
void kick_close(struct kick *kick);

/* kick_send() - kick the other side, now or when it is back */
void kick_send(struct kick *kick);

#endif
