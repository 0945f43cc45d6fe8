/* SPDX-License-Identifier: GPL-2.0-or-later */
/* status.c - what Domain R tells its host of itself */
#include "domr/status.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "domr/net.h"

void status_set_state(const struct region *region, enum region_state state, const char *message)
{
    struct region_status *status = region_status(region);

    snprintf(status->message, sizeof(status->message), "%s", message);
    atomic_store(&status->state, state); /* after the message, so that who sees it sees both */
}

void status_set_memory(const struct region *region)
{
    static const char key[] = "MemAvailable:"; /* proc_meminfo(5); in kB */
    FILE *file = fopen("/proc/meminfo", "re");
    char line[128];
    uint32_t kib = 0;

    while (kib == 0 && file && fgets(line, sizeof(line), file))
        if (strncmp(line, key, strlen(key)) == 0)
            kib = (uint32_t)strtoul(line + strlen(key), NULL, 10);
    if (file)
        fclose(file);
    atomic_store(&region_status(region)->memory_free, kib);
}

union address {
    struct sockaddr any;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
};

/* Append "10.0.0.5:5900" or "[fd00::5]:5900" if it fits. */
static void append(char *text, size_t size, const union address *address, unsigned port)
{
    bool six = address->any.sa_family == AF_INET6;
    const void *bytes = six ? (const void *)&address->six.sin6_addr : &address->four.sin_addr;
    size_t used = strlen(text);
    char host[INET6_ADDRSTRLEN];
    int length;

    if (!inet_ntop(address->any.sa_family, bytes, host, sizeof(host)))
        return;
    length = snprintf(text + used, size - used, "%s%s%s%s:%u", used ? " " : "", six ? "[" : "",
                      host, six ? "]" : "", port);
    if ((size_t)length >= size - used)
        text[used] = '\0';
}

/* The addresses of all interfaces but the loopback. Link-local ones are left out: nobody outside
 * can use them without an interface's name. */
static void append_interfaces(char *text, size_t size, unsigned port)
{
    struct ifaddrs *list = NULL;

    if (getifaddrs(&list) < 0)
        return;
    for (const struct ifaddrs *item = list; item; item = item->ifa_next) {
        union address address = {0};

        if (!item->ifa_addr || item->ifa_flags & IFF_LOOPBACK)
            continue;
        if (item->ifa_addr->sa_family == AF_INET)
            memcpy(&address, item->ifa_addr, sizeof(address.four));
        else if (item->ifa_addr->sa_family == AF_INET6)
            memcpy(&address, item->ifa_addr, sizeof(address.six));
        else
            continue;
        if (address.any.sa_family == AF_INET || !IN6_IS_ADDR_LINKLOCAL(&address.six.sin6_addr))
            append(text, size, &address, port);
    }
    freeifaddrs(list);
}

static void describe(char *text, size_t size, int fd)
{
    union address address = {0};
    socklen_t length = sizeof(address);

    *text = '\0';
    if (getsockname(fd, &address.any, &length) < 0)
        return;
    if (address.any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&address.six.sin6_addr))
        append_interfaces(text, size, ntohs(address.six.sin6_port));
    else if (address.any.sa_family == AF_INET && address.four.sin_addr.s_addr == INADDR_ANY)
        append_interfaces(text, size, ntohs(address.four.sin_port));
    else
        append(text, size, &address, ntohs(address.four.sin_port));
}

bool status_set_address(const struct region *region, int fd)
{
    struct region_status *status = region_status(region);
    char text[sizeof(status->address)];
    size_t used;

    describe(text, sizeof(text), fd);
    used = strlen(text);
    net_lease(text + used, sizeof(text) - used);
    if (strncmp(status->address, text, sizeof(text)) == 0)
        return false;
    memcpy(status->address, text, sizeof(text));
    return true;
}
