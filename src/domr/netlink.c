/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netlink.c - interfaces, addresses and routes through rtnetlink(7)
 *
 * Each call opens a socket of its own, sends one request and reads the kernel's acknowledgement:
 * this happens a few times in the life of Domain R.
 */
#include "domr/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct request {
    struct nlmsghdr header;
    union {
        struct ifinfomsg link;
        struct ifaddrmsg address;
        struct rtmsg route;
    };
    uint8_t attributes[128];
};

static size_t address_size(const struct netlink_address *address)
{
    return address->family == AF_INET ? 4 : 16;
}

int netlink_parse(const char *text, struct netlink_address *address)
{
    const char *slash = strchr(text, '/');
    size_t length = slash ? (size_t)(slash - text) : strlen(text);
    char host[INET6_ADDRSTRLEN];
    unsigned long prefix;
    char *end;

    if (length >= sizeof(host))
        return -EINVAL;
    memcpy(host, text, length);
    host[length] = '\0';
    memset(address, 0, sizeof(*address));
    address->family = strchr(host, ':') ? AF_INET6 : AF_INET;
    if (inet_pton(address->family, host, address->bytes) != 1)
        return -EINVAL;
    address->prefix = (unsigned)address_size(address) * 8;
    if (slash) {
        prefix = strtoul(slash + 1, &end, 10);
        if (end == slash + 1 || *end || prefix > address->prefix)
            return -EINVAL;
        address->prefix = (unsigned)prefix;
    }
    return 0;
}

static void add_attribute(struct request *request, unsigned short type, const void *data,
                          size_t size)
{
    uint8_t *place = (uint8_t *)request + NLMSG_ALIGN(request->header.nlmsg_len);
    struct rtattr attribute = {.rta_len = (unsigned short)RTA_LENGTH(size), .rta_type = type};

    memcpy(place, &attribute, sizeof(attribute));
    memcpy(place + RTA_LENGTH(0), data, size);
    request->header.nlmsg_len =
        (uint32_t)(NLMSG_ALIGN(request->header.nlmsg_len) + RTA_ALIGN(attribute.rta_len));
}

static int transact(struct request *request)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
        uint8_t rest[512];
    } answer;
    ssize_t size;
    int status;

    if (fd < 0)
        return -errno;
    request->header.nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
    size = send(fd, request, request->header.nlmsg_len, 0);
    if (size >= 0)
        size = recv(fd, &answer, sizeof(answer), 0);
    if (size < 0)
        status = -errno;
    else if ((size_t)size < sizeof(answer.header) + sizeof(answer.error) ||
             answer.header.nlmsg_type != NLMSG_ERROR)
        status = -EPROTO;
    else
        status = answer.error.error;
    close(fd);
    return status;
}

int netlink_up(const char *interface)
{
    struct request request = {
        .header = {.nlmsg_type = RTM_NEWLINK, .nlmsg_len = NLMSG_LENGTH(sizeof(request.link))},
        .link = {.ifi_index = (int)if_nametoindex(interface),
                 .ifi_flags = IFF_UP,
                 .ifi_change = IFF_UP},
    };

    return request.link.ifi_index ? transact(&request) : -ENODEV;
}

static int change_address(const char *interface, const struct netlink_address *address,
                          unsigned short type, unsigned short flags)
{
    struct request request = {
        .header = {.nlmsg_type = type,
                   .nlmsg_flags = flags,
                   .nlmsg_len = NLMSG_LENGTH(sizeof(request.address))},
        .address = {.ifa_family = (unsigned char)address->family,
                    .ifa_prefixlen = (unsigned char)address->prefix,
                    .ifa_flags = IFA_F_NODAD,
                    .ifa_index = if_nametoindex(interface)},
    };

    if (request.address.ifa_index == 0)
        return -ENODEV;
    add_attribute(&request, IFA_LOCAL, address->bytes, address_size(address));
    add_attribute(&request, IFA_ADDRESS, address->bytes, address_size(address));
    return transact(&request);
}

int netlink_add_address(const char *interface, const struct netlink_address *address)
{
    return change_address(interface, address, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE);
}

/* remove4() - remove an address that getifaddrs() has told */
static int remove4(const char *interface, const struct sockaddr *host_any,
                   const struct sockaddr *mask_any)
{
    struct netlink_address address = {.family = AF_INET};
    struct sockaddr_in host;
    struct sockaddr_in mask;

    memcpy(&host, host_any, sizeof(host));
    memcpy(&mask, mask_any, sizeof(mask));
    memcpy(address.bytes, &host.sin_addr, sizeof(host.sin_addr));
    address.prefix = (unsigned)__builtin_popcount(mask.sin_addr.s_addr);
    return change_address(interface, &address, RTM_DELADDR, 0);
}

int netlink_flush_addresses4(const char *interface)
{
    struct ifaddrs *list = NULL;
    int status = 0;

    if (getifaddrs(&list) < 0)
        return -errno;
    for (const struct ifaddrs *item = list; item && status == 0; item = item->ifa_next) {
        if (item->ifa_addr && item->ifa_netmask && item->ifa_addr->sa_family == AF_INET &&
            strcmp(item->ifa_name, interface) == 0)
            status = remove4(interface, item->ifa_addr, item->ifa_netmask);
    }
    freeifaddrs(list);
    return status;
}

int netlink_set_gateway(const char *interface, const struct netlink_address *gateway)
{
    struct request request = {
        .header = {.nlmsg_type = RTM_NEWROUTE,
                   .nlmsg_flags = NLM_F_CREATE | NLM_F_REPLACE,
                   .nlmsg_len = NLMSG_LENGTH(sizeof(request.route))},
        .route = {.rtm_family = (unsigned char)gateway->family,
                  .rtm_table = RT_TABLE_MAIN,
                  .rtm_protocol = RTPROT_STATIC,
                  .rtm_scope = RT_SCOPE_UNIVERSE,
                  .rtm_type = RTN_UNICAST},
    };
    uint32_t index = if_nametoindex(interface);

    if (index == 0)
        return -ENODEV;
    add_attribute(&request, RTA_GATEWAY, gateway->bytes, address_size(gateway));
    add_attribute(&request, RTA_OIF, &index, sizeof(index));
    return transact(&request);
}
