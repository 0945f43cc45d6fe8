/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tap.c - a VM's end of a network cable, plugged into a bridge
 *
 * The interface is opened with IFF_VNET_HDR: QEMU, which is given only the descriptor, asks the
 * kernel (TUNGETIFF) whether it has that header, and offers checksum and segmentation offload to a
 * virtio network card if so. Other cards work with it too.
 */
#include "pair/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <linux/sockios.h>
#include <unistd.h>

#include "base/error.h"

#define TAP_MAX_MTU (65535 - ETH_HLEN) /* drivers/net/tun.c */

typedef int Fd;
static void fd_clear(Fd *fd)
{
    if (*fd >= 0)
        close(*fd);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Fd, fd_clear)

static int fd_steal(Fd *fd)
{
    int stolen = *fd;

    *fd = -1;
    return stolen;
}

static gboolean fail(GError **error, const char *what, const char *name, const char *hint)
{
    g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST, "cannot %s %s: %s%s", what, name,
                g_strerror(errno), hint);
    return FALSE;
}

/* The address the host uses for the port: the VM's with the highest first byte that a single
 * machine's may have. A bridge takes the lowest address of its ports for its own, so this one never
 * becomes it, and the bridge's address does not change as VMs come and go. */
static void port_address(const char *mac, struct sockaddr *address)
{
    unsigned int b[6] = {0};

    sscanf(mac, "%x:%x:%x:%x:%x:%x", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5]);
    address->sa_family = ARPHRD_ETHER;
    address->sa_data[0] = (char)0xfe;
    for (int i = 1; i < 6; i++)
        address->sa_data[i] = (char)b[i];
}

static int create(const char *prefix, struct ifreq *request, GError **error)
{
    g_auto(Fd) fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

    if (fd < 0) {
        fail(error, "open", "/dev/net/tun", errno == ENOENT ? "; load the kernel module tun" : "");
        return -1;
    }
    *request = (struct ifreq){.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    g_snprintf(request->ifr_name, IFNAMSIZ, "%s%%d", prefix);
    if (ioctl(fd, TUNSETIFF, request) < 0) {
        fail(error, "make a tap interface", request->ifr_name,
             errno == EPERM ? "; this needs root or CAP_NET_ADMIN" : "");
        return -1;
    }
    return fd_steal(&fd);
}

/* Set address and MTU, plug it in, switch it on. @tap is the interface. */
static gboolean plug(const char *bridge, const char *mac, const char *tap, GError **error)
{
    g_auto(Fd) control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq port = {0};
    struct ifreq target = {0};

    if (control < 0)
        return fail(error, "open", "a socket", "");
    g_strlcpy(port.ifr_name, tap, IFNAMSIZ);
    g_strlcpy(target.ifr_name, bridge, IFNAMSIZ);

    port_address(mac, &port.ifr_hwaddr);
    if (ioctl(control, SIOCSIFHWADDR, &port) < 0)
        return fail(error, "set the address of", tap, "");

    /* A bridge has the least MTU of its ports: a port must not bring it down. */
    if (ioctl(control, SIOCGIFMTU, &target) < 0)
        return fail(error, "find the bridge", bridge,
                    "; \"ip link add NAME type bridge\" makes one");
    port.ifr_mtu = MIN(target.ifr_mtu, TAP_MAX_MTU);
    if (ioctl(control, SIOCSIFMTU, &port) < 0)
        return fail(error, "set the MTU of", tap, "");

    target.ifr_ifindex = (int)if_nametoindex(tap);
    if (ioctl(control, SIOCBRADDIF, &target) < 0)
        return fail(error, "make the VM a port of", bridge,
                    errno == EOPNOTSUPP ? "; it is not a bridge of the Linux kernel" : "");

    port.ifr_flags = 0;
    if (ioctl(control, SIOCGIFFLAGS, &port) < 0)
        return fail(error, "read the flags of", tap, "");
    port.ifr_flags |= IFF_UP;
    if (ioctl(control, SIOCSIFFLAGS, &port) < 0)
        return fail(error, "switch on", tap, "");
    return TRUE;
}

int tap_open(const char *bridge, const char *prefix, const char *mac, char **name, GError **error)
{
    struct ifreq request;
    g_auto(Fd) fd = create(prefix, &request, error);

    if (fd < 0 || !plug(bridge, mac, request.ifr_name, error))
        return -1;
    if (name)
        *name = g_strdup(request.ifr_name);
    return fd_steal(&fd);
}

char *tap_name(int fd, GError **error)
{
    struct ifreq request = {0};

    if (ioctl(fd, TUNGETIFF, &request) == 0)
        return g_strndup(request.ifr_name, IFNAMSIZ);
    fail(error, "find the name of", "a VM's tap interface", "");
    return NULL;
}
