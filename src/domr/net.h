/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * net.h - Domain R's network: the loopback and one interface, with fixed addresses or by DHCP
 */
#ifndef DMORE_DOMR_NET_H
#define DMORE_DOMR_NET_H

#include <stddef.h>

#include "domr/settings.h"

#define NET_INTERFACE "eth0"

/* net_configure() - bring loopback and interface up and set the fixed addresses
 * The interface has to be there. An IPv6 address is usable at once (no duplicate address detection:
 * the pair's configuration is the authority on who has it).
 *
 * Return: 0 or a negative errno after an error line.
 */
int net_configure(const struct settings *settings);

/* net_start_dhcp() - start the DHCP client if the settings want it, or start it again if it ended
 * The client stays and renews the lease. Call it when a child has ended.
 *
 * Return: 0 or a negative errno after an error line.
 */
int net_start_dhcp(const struct settings *settings);

/* net_child_ended() - tell that a child process has ended; it may have been the DHCP client */
void net_child_ended(int pid);

/* net_dhcp_event() - what the DHCP client runs (domr --dhcp-event) when it has something to tell
 * @action: "deconfig", "bound", "renew", "nak" or "leasefail"; the rest is in the environment
 *
 * Return: 0 or a negative errno after an error line.
 */
int net_dhcp_event(const char *action);

/* net_lease() - text about the DHCP lease, "" without one; @size bytes of room */
void net_lease(char *text, size_t size);

#endif
