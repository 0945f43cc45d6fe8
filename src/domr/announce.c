/* SPDX-License-Identifier: GPL-2.0-or-later */
/* announce.c - tell the network that an address is here now */
#include "domr/announce.h"

#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/if_ether.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

struct advertisement {
    struct nd_neighbor_advert head;
    struct nd_opt_hdr option; /* the link-layer address */
    unsigned char mac[ETH_ALEN];
};

static int read_mac(int fd, const char *interface, unsigned char *mac)
{
    struct ifreq request = {0};

    if (strlen(interface) >= sizeof(request.ifr_name))
        return -ENODEV;
    memcpy(request.ifr_name, interface, strlen(interface));
    if (ioctl(fd, SIOCGIFHWADDR, &request) < 0)
        return -errno;
    memcpy(mac, request.ifr_hwaddr.sa_data, ETH_ALEN);
    return 0;
}

static int send_arp(int fd, const char *interface, const struct netlink_address *address)
{
    struct ether_arp packet = {
        .ea_hdr = {.ar_hrd = htons(ARPHRD_ETHER),
                   .ar_pro = htons(ETHERTYPE_IP),
                   .ar_hln = ETH_ALEN,
                   .ar_pln = sizeof(packet.arp_spa),
                   .ar_op = htons(ARPOP_REQUEST)},
    };
    struct sockaddr_ll everybody = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(ETH_P_ARP),
        .sll_ifindex = (int)if_nametoindex(interface),
        .sll_halen = ETH_ALEN,
        .sll_addr = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
    };
    int status = read_mac(fd, interface, packet.arp_sha);

    if (status < 0)
        return status;
    memcpy(packet.arp_spa, address->bytes, sizeof(packet.arp_spa));
    memcpy(packet.arp_tpa, address->bytes, sizeof(packet.arp_tpa));
    return sendto(fd, &packet, sizeof(packet), 0, (const struct sockaddr *)&everybody,
                  sizeof(everybody)) < 0
               ? -errno
               : 0;
}

/* The kernel fills in the checksum. */
static int send_advertisement(int fd, const char *interface, const struct netlink_address *address)
{
    struct advertisement packet = {
        .head = {.nd_na_type = ND_NEIGHBOR_ADVERT, .nd_na_flags_reserved = ND_NA_FLAG_OVERRIDE},
        .option = {.nd_opt_type = ND_OPT_TARGET_LINKADDR, .nd_opt_len = 1},
    };
    struct sockaddr_in6 here = {.sin6_family = AF_INET6};
    struct sockaddr_in6 everybody = {
        .sin6_family = AF_INET6,
        .sin6_addr.s6_addr = {0xff, 0x02, [15] = 1},
        .sin6_scope_id = if_nametoindex(interface),
    };
    int hops = 255; /* what has come over a router is not believed */
    int status = read_mac(fd, interface, packet.mac);

    if (status < 0)
        return status;
    memcpy(&packet.head.nd_na_target, address->bytes, sizeof(packet.head.nd_na_target));
    memcpy(&here.sin6_addr, address->bytes, sizeof(here.sin6_addr));
    if (setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof(hops)) < 0 ||
        bind(fd, (const struct sockaddr *)&here, sizeof(here)) < 0 ||
        sendto(fd, &packet, sizeof(packet), 0, (const struct sockaddr *)&everybody,
               sizeof(everybody)) < 0)
        return -errno;
    return 0;
}

int announce_address(const char *interface, const struct netlink_address *address)
{
    bool four = address->family == AF_INET;
    int fd = four ? socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0)
                  : socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6);
    int status;

    if (fd < 0)
        return -errno;
    status = four ? send_arp(fd, interface, address) : send_advertisement(fd, interface, address);
    close(fd);
    return status;
}
