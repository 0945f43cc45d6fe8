/* SPDX-License-Identifier: GPL-2.0-or-later */
/* listen.c - the one socket on which the console waits for clients */
#include "domr/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "domr/log.h"

#define KEEPALIVE_IDLE 30 /* seconds */
#define KEEPALIVE_INTERVAL 10
#define KEEPALIVE_PROBES 6

/* Take "host:port", "[host]:port", "host" or "[host]" apart, in place. Return: the host. */
static char *split(char *address, char **port)
{
    char *end;

    *port = NULL;
    if (*address == '[') {
        end = strchr(address, ']');
        if (!end)
            return NULL;
        *end = '\0';
        if (end[1] == ':')
            *port = end + 2;
        return address + 1;
    }
    end = strchr(address, ':');
    if (end && !strchr(end + 1, ':')) { /* two colons: IPv6 */
        *end = '\0';
        *port = end + 1;
    }
    return address;
}

static void set(int fd, int level, int option, int value)
{
    if (setsockopt(fd, level, option, &value, sizeof(value)) < 0)
        log_warning("cannot set socket option %d: %s", option, strerror(errno));
}

static int bind_to(const struct addrinfo *address)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int error;

    if (fd < 0)
        return -errno;
    set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (address->ai_family == AF_INET6)
        set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE);
    set(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL);
    set(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
    if (bind(fd, address->ai_addr, address->ai_addrlen) < 0) {
        error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

static int bind_all(uint16_t port)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct addrinfo both = {
        .ai_family = AF_INET6, .ai_addr = (struct sockaddr *)&six, .ai_addrlen = sizeof(six)};
    struct addrinfo only_four = {
        .ai_family = AF_INET, .ai_addr = (struct sockaddr *)&four, .ai_addrlen = sizeof(four)};
    int fd = bind_to(&both);

    return fd == -EAFNOSUPPORT ? bind_to(&only_four) : fd;
}

static int bind_one(const char *text, uint16_t port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *address = NULL;
    char *copy = strdup(text);
    char digits[8];
    char *host;
    char *service;
    int status = -EINVAL;

    if (!copy)
        return -ENOMEM;
    snprintf(digits, sizeof(digits), "%u", port);
    host = split(copy, &service);
    if (host && getaddrinfo(host, service ? service : digits, &hints, &address) == 0) {
        status = bind_to(address);
        freeaddrinfo(address);
    }
    free(copy);
    return status;
}

int listen_open(const char *address, uint16_t port)
{
    int fd = address ? bind_one(address, port) : bind_all(port);

    if (fd == -EINVAL)
        log_error("\"%s\" is no address to listen on; give one as 127.0.0.1:5900 or [::1]:5900",
                  address);
    else if (fd < 0)
        log_error("cannot listen on %s, port %u: %s", address ? address : "all addresses", port,
                  strerror(-fd));
    return fd;
}
