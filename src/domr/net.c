/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * net.c - Domain R's network
 *
 * DHCP is busybox's udhcpc, which stays and renews. It runs a script for each event; the script is
 * one line that makes the kernel run this same program with --dhcp-event (net_dhcp_event()).
 */
#include "domr/net.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "domr/announce.h"
#include "domr/log.h"
#include "domr/netlink.h"

#define DHCP_CLIENT "/bin/busybox"
#define DHCP_SCRIPT "/run/dhcp-event"
#define DHCP_LEASE "/run/lease"

static int dhcp_pid;        /* 0: not running */
static time_t dhcp_started; /* monotonic seconds */

static bool wants_dhcp(const struct settings *settings)
{
    return settings->address4 && strcmp(settings->address4, "dhcp") == 0;
}

static int write_file(const char *path, mode_t mode, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    ssize_t size;
    int error;

    if (fd < 0)
        return -errno;
    size = write(fd, text, strlen(text));
    error = size < 0 ? -errno : 0;
    close(fd);
    return error;
}

/* IPv6 as the settings have it and nothing else: no addresses or routes from router advertisements,
 * and no second of waiting for duplicates. */
static void quiet_ipv6(void)
{
    static const char *const off[] = {"accept_ra", "accept_dad", "autoconf"};
    char path[128];

    for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++) {
        snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/" NET_INTERFACE "/%s", off[i]);
        if (write_file(path, 0644, "0") < 0)
            log_warning("cannot set %s", path);
    }
}

static int set_fixed(const char *text, const char *gateway_text)
{
    struct netlink_address address;
    struct netlink_address gateway;
    int status;

    if (text) {
        if (netlink_parse(text, &address) < 0) {
            log_error("the setting \"%s\" is no address with a prefix", text);
            return -EINVAL;
        }
        status = netlink_add_address(NET_INTERFACE, &address);
        if (status < 0) {
            log_error("cannot set the address %s: %s", text, strerror(-status));
            return status;
        }
        status = announce_address(NET_INTERFACE, &address);
        if (status < 0)
            log_warning("cannot announce the address %s: %s", text, strerror(-status));
    }
    if (gateway_text) {
        if (netlink_parse(gateway_text, &gateway) < 0) {
            log_error("the setting \"%s\" is no address of a gateway", gateway_text);
            return -EINVAL;
        }
        status = netlink_set_gateway(NET_INTERFACE, &gateway);
        if (status < 0) {
            log_error("cannot set the gateway %s: %s; it has to be in the same network as the "
                      "address",
                      gateway_text, strerror(-status));
            return status;
        }
    }
    return 0;
}

int net_configure(const struct settings *settings)
{
    int status = netlink_up("lo");

    if (status < 0)
        log_warning("cannot set the loopback interface up: %s", strerror(-status));
    quiet_ipv6();
    status = netlink_up(NET_INTERFACE);
    if (status < 0) {
        log_error("cannot set the interface " NET_INTERFACE " up: %s", strerror(-status));
        return status;
    }
    if (!wants_dhcp(settings)) {
        status = set_fixed(settings->address4, settings->gateway4);
        if (status < 0)
            return status;
    }
    return set_fixed(settings->address6, settings->gateway6);
}

static int write_script(void)
{
    char self[256];
    char text[300];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (length < 0)
        return -errno;
    self[length] = '\0';
    snprintf(text, sizeof(text), "#!%s --dhcp-event\n", self);
    return write_file(DHCP_SCRIPT, 0755, text);
}

static void run_client(const char *hostname)
{
    char option[300];
    sigset_t none;

    snprintf(option, sizeof(option), "hostname:%s", hostname ? hostname : "");
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    /* Five tries two seconds apart, a pause of five seconds, and again. */
    execl(DHCP_CLIENT, "udhcpc", "-f", "-i", NET_INTERFACE, "-s", DHCP_SCRIPT, "-t", "5", "-T", "2",
          "-A", "5", hostname ? "-x" : NULL, option, NULL);
    log_error("cannot run " DHCP_CLIENT ": %s", strerror(errno));
    _exit(127);
}

int net_start_dhcp(const struct settings *settings)
{
    struct timespec now;
    int status;

    clock_gettime(CLOCK_MONOTONIC, &now);
    /* A client that ends at once is started once a second. */
    if (!wants_dhcp(settings) || dhcp_pid != 0 || (dhcp_started && now.tv_sec <= dhcp_started))
        return 0;
    status = write_script();
    if (status < 0) {
        log_error("cannot write " DHCP_SCRIPT ": %s", strerror(-status));
        return status;
    }
    dhcp_started = now.tv_sec;
    dhcp_pid = fork();
    if (dhcp_pid == 0)
        run_client(settings->hostname);
    if (dhcp_pid < 0) {
        log_error("cannot start the DHCP client: %s", strerror(errno));
        dhcp_pid = 0;
        return -EAGAIN;
    }
    return 0;
}

void net_child_ended(int pid)
{
    if (pid != dhcp_pid)
        return;
    log_warning("the DHCP client has ended; it is started again");
    dhcp_pid = 0;
}

static int take_lease(void)
{
    const char *ip = getenv("ip");
    const char *mask = getenv("mask");
    const char *router = getenv("router");
    const char *lease = getenv("lease");
    char address[64];
    char gateway[64];
    char text[64];
    int status;

    if (!ip || !mask) {
        log_error("the DHCP client tells no address");
        return -EINVAL;
    }
    snprintf(address, sizeof(address), "%s/%s", ip, mask);
    if (router) /* the first of several */
        snprintf(gateway, sizeof(gateway), "%.*s", (int)strcspn(router, " "), router);
    status = set_fixed(address, router ? gateway : NULL);
    if (status < 0)
        return status;
    snprintf(text, sizeof(text), " (DHCP, lease of %s s)", lease ? lease : "?");
    status = write_file(DHCP_LEASE, 0644, text);
    if (status < 0)
        log_warning("cannot write " DHCP_LEASE ": %s", strerror(-status));
    return 0;
}

static int lose_lease(void)
{
    int status = netlink_flush_addresses4(NET_INTERFACE);

    unlink(DHCP_LEASE);
    if (status < 0)
        log_error("cannot remove the address of " NET_INTERFACE ": %s", strerror(-status));
    return status;
}

int net_dhcp_event(const char *action)
{
    if (strcmp(action, "bound") == 0 || strcmp(action, "renew") == 0)
        return take_lease();
    if (strcmp(action, "deconfig") == 0)
        return lose_lease();
    log_warning("DHCP: no lease yet (%s)", action);
    return 0;
}

void net_lease(char *text, size_t size)
{
    int fd = open(DHCP_LEASE, O_RDONLY | O_CLOEXEC);
    ssize_t length = 0;

    if (size == 0)
        return;
    if (fd >= 0) {
        length = read(fd, text, size - 1);
        close(fd);
    }
    text[length > 0 ? length : 0] = '\0';
}
