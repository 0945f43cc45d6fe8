/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netlink.h - interfaces, addresses and routes through rtnetlink(7); no more than domr needs */
#ifndef DMORE_DOMR_NETLINK_H
#define DMORE_DOMR_NETLINK_H

/* struct netlink_address - an address with its prefix */
struct netlink_address {
    int family; /* AF_INET or AF_INET6 */
    unsigned prefix;
    unsigned char bytes[16];
};

/* netlink_parse() - "10.0.0.5/24" or "fd00::5/64"; without a prefix it is that of one host
 * Return: 0 or -EINVAL.
 */
int netlink_parse(const char *text, struct netlink_address *address);

/* The others: @interface is a name. Return: 0 or a negative errno. */

/* netlink_up() - set an interface up */
int netlink_up(const char *interface);

/* netlink_add_address() - add an address, or change it if it is there; no duplicate detection */
int netlink_add_address(const char *interface, const struct netlink_address *address);

/* netlink_flush_addresses4() - remove all IPv4 addresses */
int netlink_flush_addresses4(const char *interface);

/* netlink_set_gateway() - the default route of the gateway's family goes through it */
int netlink_set_gateway(const char *interface, const struct netlink_address *gateway);

#endif
