/* SPDX-License-Identifier: GPL-2.0-or-later */
/* announce.h - tell the network that an address is here now */
#ifndef DMORE_DOMR_ANNOUNCE_H
#define DMORE_DOMR_ANNOUNCE_H

#include "domr/netlink.h"

/* announce_address() - so that whoever knows the address at another place forgets that
 * @interface: its name; it is up and has @address
 *
 * One ARP announcement (RFC 5227, section 2.3) or unsolicited neighbour advertisement (RFC 4861,
 * section 7.2.6). Return: 0 or a negative errno.
 */
int announce_address(const char *interface, const struct netlink_address *address);

#endif
