/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pair/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/if_ether.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"

static gboolean parse(const char *address, struct in_addr *parsed)
{
    g_auto(GStrv) parts = g_strsplit(address ? address : "", "/", 2);

    return parts[0] && inet_pton(AF_INET, parts[0], parsed) == 1;
}

static int open_socket(const char *bridge, struct ifreq *interface)
{
    struct sockaddr_ll here = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ARP)};
    int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -1;
    g_strlcpy(interface->ifr_name, bridge, IFNAMSIZ);
    here.sll_ifindex = (int)if_nametoindex(bridge);
    if (ioctl(fd, SIOCGIFHWADDR, interface) < 0 ||
        bind(fd, (const struct sockaddr *)&here, sizeof(here)) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* A probe has no sender address, so nobody's idea of who has the address is changed by it. */
static void send_probe(int fd, const char *bridge, const struct ifreq *interface,
                       struct in_addr address)
{
    struct ether_arp probe = {
        .ea_hdr = {.ar_hrd = htons(ARPHRD_ETHER),
                   .ar_pro = htons(ETHERTYPE_IP),
                   .ar_hln = ETH_ALEN,
                   .ar_pln = sizeof(address),
                   .ar_op = htons(ARPOP_REQUEST)},
    };
    struct sockaddr_ll everybody = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(ETH_P_ARP),
        .sll_ifindex = (int)if_nametoindex(bridge),
        .sll_halen = ETH_ALEN,
    };

    memset(everybody.sll_addr, 0xff, ETH_ALEN);
    memcpy(probe.arp_sha, interface->ifr_hwaddr.sa_data, ETH_ALEN);
    memcpy(probe.arp_tpa, &address, sizeof(address));
    if (sendto(fd, &probe, sizeof(probe), 0, (const struct sockaddr *)&everybody,
               sizeof(everybody)) < 0)
        g_info("cannot ask on %s who has an address: %s", bridge, g_strerror(errno));
}

/* Read what has come. Return: whether it says that somebody has the address, and @owner who. */
static gboolean read_answer(int fd, struct in_addr address, guint8 *owner)
{
    struct ether_arp packet;

    while (recv(fd, &packet, sizeof(packet), 0) == (ssize_t)sizeof(packet)) {
        if (memcmp(packet.arp_spa, &address, sizeof(address)) != 0)
            continue;
        memcpy(owner, packet.arp_sha, ETH_ALEN);
        return TRUE;
    }
    return FALSE;
}

static gboolean is_taken(int fd, const char *bridge, const struct ifreq *interface,
                         struct in_addr address, guint8 *owner)
{
    for (int probe = 0; probe < ADDRESS_PROBES; probe++) {
        gint64 end_us = g_get_monotonic_time() + (gint64)ADDRESS_WAIT_MS * 1000;
        gint64 left_ms;

        send_probe(fd, bridge, interface, address);
        while ((left_ms = (end_us - g_get_monotonic_time()) / 1000) > 0) {
            struct pollfd answer = {.fd = fd, .events = POLLIN};
            if (poll(&answer, 1, (int)left_ms) > 0 && read_answer(fd, address, owner))
                return TRUE;
        }
    }
    return FALSE;
}

gboolean address_check_free(const char *address, const char *bridge, GError **error)
{
    struct ifreq interface = {0};
    guint8 owner[ETH_ALEN];
    struct in_addr wanted;

    if (!bridge || !parse(address, &wanted))
        return TRUE;
    int fd = open_socket(bridge, &interface);
    if (fd < 0) {
        /* A bridge that is not there is told when the VM is plugged in. */
        g_info("cannot ask on %s who has %s: %s", bridge, address, g_strerror(errno));
        return TRUE;
    }
    gboolean taken = is_taken(fd, bridge, &interface, wanted, owner);
    close(fd);
    if (taken)
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST,
                    "the address %s of Domain R is in use: %02x:%02x:%02x:%02x:%02x:%02x has it; "
                    "choose another one, or end what has it",
                    address, owner[0], owner[1], owner[2], owner[3], owner[4], owner[5]);
    return !taken;
}
