/* SPDX-License-Identifier: GPL-2.0-or-later */
/* status.h - what Domain R tells its host of itself (struct region_status) */
#ifndef DMORE_DOMR_STATUS_H
#define DMORE_DOMR_STATUS_H

#include <stdbool.h>

#include "region/region.h"

/* status_set_state() - a new state, with the reason for REGION_STATE_FAILED, else "" */
void status_set_state(const struct region *region, enum region_state state, const char *message);

/* status_set_memory() - how much memory the kernel says can still be used */
void status_set_memory(const struct region *region);

/* status_set_address() - the addresses that the console can be reached under, from the socket and
 * the interfaces as they are now
 * @fd: the listening socket
 *
 * Return: whether something has changed.
 */
bool status_set_address(const struct region *region, int fd);

#endif
