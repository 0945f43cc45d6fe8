/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pair/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/if_ether.h>
#include <netinet/ip6.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"

/* The question who has an address. */
typedef struct {
    int family;
    struct in_addr four;
    struct in6_addr six;
    const char *bridge;
    int index; /* of the bridge */
    guint8 mac[ETH_ALEN];
    guint8 owner[ETH_ALEN]; /* who has answered */
} Question;

static gboolean parse(const char *address, Question *question)
{
    g_auto(GStrv) parts = g_strsplit(address ? address : "", "/", 2);

    if (!parts[0])
        return FALSE;
    if (inet_pton(AF_INET, parts[0], &question->four) == 1)
        question->family = AF_INET;
    else if (inet_pton(AF_INET6, parts[0], &question->six) == 1)
        question->family = AF_INET6;
    return question->family != 0;
}

static guint16 protocol(const Question *question)
{
    return htons(question->family == AF_INET ? ETH_P_ARP : ETH_P_IPV6);
}

static int open_socket(Question *question)
{
    struct sockaddr_ll here = {.sll_family = AF_PACKET, .sll_protocol = protocol(question)};
    int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct ifreq interface = {0};

    if (fd < 0)
        return -1;
    g_strlcpy(interface.ifr_name, question->bridge, IFNAMSIZ);
    here.sll_ifindex = question->index = (int)if_nametoindex(question->bridge);
    if (ioctl(fd, SIOCGIFHWADDR, &interface) < 0 ||
        bind(fd, (const struct sockaddr *)&here, sizeof(here)) < 0) {
        close(fd);
        return -1;
    }
    memcpy(question->mac, interface.ifr_hwaddr.sa_data, ETH_ALEN);
    return fd;
}

static void send_packet(int fd, const Question *question, const guint8 *to, const void *packet,
                        gsize size)
{
    struct sockaddr_ll receiver = {
        .sll_family = AF_PACKET,
        .sll_protocol = protocol(question),
        .sll_ifindex = question->index,
        .sll_halen = ETH_ALEN,
    };

    memcpy(receiver.sll_addr, to, ETH_ALEN);
    if (sendto(fd, packet, size, 0, (const struct sockaddr *)&receiver, sizeof(receiver)) < 0)
        g_info("cannot ask on %s who has an address: %s", question->bridge, g_strerror(errno));
}

/* A probe has no sender address, so nobody's idea of who has the address is changed by it. */
static void send_arp(int fd, const Question *question)
{
    static const guint8 everybody[ETH_ALEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    struct ether_arp probe = {
        .ea_hdr = {.ar_hrd = htons(ARPHRD_ETHER),
                   .ar_pro = htons(ETHERTYPE_IP),
                   .ar_hln = ETH_ALEN,
                   .ar_pln = sizeof(question->four),
                   .ar_op = htons(ARPOP_REQUEST)},
    };

    memcpy(probe.arp_sha, question->mac, ETH_ALEN);
    memcpy(probe.arp_tpa, &question->four, sizeof(question->four));
    send_packet(fd, question, everybody, &probe, sizeof(probe));
}

static gboolean read_arp(int fd, Question *question)
{
    struct ether_arp packet;

    while (recv(fd, &packet, sizeof(packet), 0) == (ssize_t)sizeof(packet)) {
        if (memcmp(packet.arp_spa, &question->four, sizeof(question->four)) != 0)
            continue;
        memcpy(question->owner, packet.arp_sha, ETH_ALEN);
        return TRUE;
    }
    return FALSE;
}

typedef struct {
    struct ip6_hdr ip;
    union {
        struct nd_neighbor_solicit solicitation;
        struct nd_neighbor_advert advertisement;
    };
} NeighbourPacket;

/* The sum of RFC 4443, section 2.3, over the message and a pseudo-header. */
static guint16 checksum(const NeighbourPacket *packet, gsize size)
{
    struct {
        struct in6_addr source;
        struct in6_addr destination;
        guint32 length;
        guint8 zero[3];
        guint8 next;
        guint8 message[sizeof(struct nd_neighbor_solicit)];
    } sum = {
        packet->ip.ip6_src, packet->ip.ip6_dst, htonl((guint32)size), {0}, IPPROTO_ICMPV6, {0}};
    const guint8 *bytes = (const guint8 *)&sum;
    guint32 total = 0;

    memcpy(sum.message, &packet->solicitation, size);
    for (gsize i = 0; i < sizeof(sum); i += 2)
        total += (guint32)bytes[i] << 8 | bytes[i + 1];
    while (total >> 16)
        total = (total & 0xffff) + (total >> 16);
    return htons((guint16)~total);
}

/* As a host asks before it takes an address: nobody in particular asks, and all hear the answer. */
static void send_solicitation(int fd, const Question *question)
{
    NeighbourPacket packet = {
        .ip = {.ip6_dst.s6_addr = {0xff, 0x02, [11] = 0x01, [12] = 0xff}},
        .solicitation = {.nd_ns_type = ND_NEIGHBOR_SOLICIT, .nd_ns_target = question->six},
    };
    const gsize size = sizeof(packet.solicitation);
    guint8 group[ETH_ALEN] = {0x33, 0x33};

    memcpy(packet.ip.ip6_dst.s6_addr + 13, question->six.s6_addr + 13, 3);
    memcpy(group + 2, packet.ip.ip6_dst.s6_addr + 12, 4);
    packet.ip.ip6_flow = htonl(6u << 28);
    packet.ip.ip6_plen = htons((guint16)size);
    packet.ip.ip6_nxt = IPPROTO_ICMPV6;
    packet.ip.ip6_hlim = 255;
    packet.solicitation.nd_ns_cksum = checksum(&packet, size);
    send_packet(fd, question, group, &packet, sizeof(packet.ip) + size);
}

static gboolean read_advertisement(int fd, Question *question)
{
    NeighbourPacket packet;
    struct sockaddr_ll sender;
    socklen_t size = sizeof(sender);
    ssize_t length;

    while ((length = recvfrom(fd, &packet, sizeof(packet), 0, (struct sockaddr *)&sender, &size)) >=
           0) {
        if (length < (ssize_t)sizeof(packet) || packet.ip.ip6_nxt != IPPROTO_ICMPV6 ||
            packet.advertisement.nd_na_type != ND_NEIGHBOR_ADVERT ||
            memcmp(&packet.advertisement.nd_na_target, &question->six, sizeof(question->six)) != 0)
            continue;
        memcpy(question->owner, sender.sll_addr, ETH_ALEN);
        return TRUE;
    }
    return FALSE;
}

static gboolean is_taken(int fd, Question *question)
{
    gboolean four = question->family == AF_INET;

    for (int probe = 0; probe < ADDRESS_PROBES; probe++) {
        gint64 end_us = g_get_monotonic_time() + (gint64)ADDRESS_WAIT_MS * 1000;
        gint64 left_ms;

        if (four)
            send_arp(fd, question);
        else
            send_solicitation(fd, question);
        while ((left_ms = (end_us - g_get_monotonic_time()) / 1000) > 0) {
            struct pollfd answer = {.fd = fd, .events = POLLIN};
            if (poll(&answer, 1, (int)left_ms) > 0 &&
                (four ? read_arp(fd, question) : read_advertisement(fd, question)))
                return TRUE;
        }
    }
    return FALSE;
}

gboolean address_check_free(const char *address, const char *bridge, GError **error)
{
    Question question = {.bridge = bridge};
    const guint8 *owner = question.owner;

    if (!bridge || !parse(address, &question))
        return TRUE;
    int fd = open_socket(&question);
    if (fd < 0) {
        /* A bridge that is not there is told when the VM is plugged in. */
        g_info("cannot ask on %s who has %s: %s", bridge, address, g_strerror(errno));
        return TRUE;
    }
    gboolean taken = is_taken(fd, &question);
    close(fd);
    if (taken)
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST,
                    "the address %s of Domain R is in use: %02x:%02x:%02x:%02x:%02x:%02x has it; "
                    "choose another one, or end what has it",
                    address, owner[0], owner[1], owner[2], owner[3], owner[4], owner[5]);
    return !taken;
}
