/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pair/frames.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "region/record.h"

#define FRAME 1 /* record type: a virtio_net_hdr, then the frame */

/* With segmentation offload a frame may be as long as an IP packet, whatever the MTU is. */
#define FRAME_MAX (sizeof(struct virtio_net_hdr) + ETH_HLEN + 4 + 65535)

struct FrameWatch {
    int fd;
};

/* A packet socket on an interface; with the header that tells what a frame still needs (checksum,
 * segmentation), so that frames between VMs and hosts with offloads come through unharmed.
 */
static int open_packet_socket(const char *interface, int protocol, GError **error)
{
    struct sockaddr_ll address = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons((guint16)protocol),
        .sll_ifindex = (int)if_nametoindex(interface),
    };
    int on = 1;

    /* With 0 the socket would be bound to all interfaces of the host. */
    if (address.sll_ifindex == 0) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_FAILED, "there is no interface %s: %s",
                    interface, g_strerror(errno));
        return -1;
    }
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) < 0 ||
        bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_FAILED, "cannot open a packet socket on %s: %s",
                    interface, g_strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

FrameWatch *frame_watch_new(const char *interface, GError **error)
{
    int room = FRAMES_MAX;
    int fd = open_packet_socket(interface, ETH_P_ALL, error);

    if (fd < 0)
        return NULL;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) < 0)
        g_info("few frames will be kept on %s: %s", interface, g_strerror(errno));
    FrameWatch *watch = g_new0(FrameWatch, 1);
    watch->fd = fd;
    return watch;
}

GBytes *frame_watch_take(FrameWatch *watch)
{
    g_autofree guint8 *frame = g_malloc(FRAME_MAX);
    struct record_writer writer = {0};
    struct sockaddr_ll from = {0};
    socklen_t from_size = sizeof(from);
    ssize_t n;

    while ((n = recvfrom(watch->fd, frame, FRAME_MAX, 0, (struct sockaddr *)&from, &from_size)) >
           0) {
        from_size = sizeof(from);
        /* "Outgoing" is what the host sends over the interface: to the VM. */
        if (from.sll_pkttype != PACKET_OUTGOING)
            continue;
        if (writer.size + (gsize)n > FRAMES_MAX || record_put(&writer, FRAME, frame, (gsize)n) < 0)
            break;
    }
    return g_bytes_new_with_free_func(writer.bytes, writer.size, free, writer.bytes);
}

void frame_watch_free(FrameWatch *watch)
{
    close(watch->fd);
    g_free(watch);
}

/* Send one frame. A full queue loses frames on any network, which is no failure. */
static int send_frame(int fd, const struct record *record)
{
    if (send(fd, record->data, record->length, 0) >= 0 || errno == ENOBUFS || errno == EAGAIN)
        return 0;
    return -errno;
}

gboolean frames_send(int fd, const char *interface, GBytes *frames, GError **error)
{
    struct record_reader reader = {0};
    struct record record;
    guint refused = 0;
    int cause = 0;
    int ret;

    reader.next = g_bytes_get_data(frames, &reader.left);
    while ((ret = record_next(&reader, &record)) > 0) {
        int sent = record.type == FRAME ? send_frame(fd, &record) : 0;

        /* That one is too large, say, does not mean that the others are. */
        refused += sent < 0;
        cause = sent < 0 ? -sent : cause;
    }
    if (ret < 0) {
        g_set_error_literal(error, DMORE_ERROR, DMORE_ERROR_PEER,
                            "the frames from the other host are damaged");
        return FALSE;
    }
    if (refused == 0)
        return TRUE;
    g_set_error(error, DMORE_ERROR, DMORE_ERROR_FAILED,
                "%u of the frames could not be sent over %s: %s", refused, interface,
                g_strerror(cause));
    return FALSE;
}

gboolean frames_deliver(const char *interface, GBytes *frames, GError **error)
{
    /* Protocol 0: this socket only sends. */
    int fd = open_packet_socket(interface, 0, error);

    if (fd < 0)
        return FALSE;
    gboolean delivered = frames_send(fd, interface, frames, error);
    close(fd);
    return delivered;
}
