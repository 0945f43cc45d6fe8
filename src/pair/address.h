/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * address.h - whether somebody has an address already
 */
#ifndef DMORE_PAIR_ADDRESS_H
#define DMORE_PAIR_ADDRESS_H

#include <glib.h>

/* address_check_free() - ask the network of a bridge whether anybody has an address
 * @address: "10.0.0.5/24" or "fd00::5/64"; anything else, such as "dhcp" or NULL, needs no asking
 * @bridge: name of the bridge
 *
 * Sends ARP probes as RFC 5227, section 2.1.1, has them, or neighbour solicitations of RFC 4862,
 * section 5.4.2, but waits less than they demand: for ADDRESS_PROBES times ADDRESS_WAIT_MS. Blocks
 * that long.
 *
 * Return: FALSE with DMORE_ERROR_HOST when somebody answers. That nobody could be asked is no
 * error.
 */
gboolean address_check_free(const char *address, const char *bridge, GError **error);

#define ADDRESS_PROBES 3
#define ADDRESS_WAIT_MS 100

#endif
