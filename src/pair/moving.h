/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * moving.h - the bytes that a relay has in its hands, in memory that survives it
 *
 * Theory of operation
 *
 * A relay that is killed must not lose or double a byte, and it moves bytes in two steps: into or
 * out of a socket, and out of or into a ring. Between the two its successor has to know how many
 * bytes the socket took or gave, and no instruction of a program can note that in time: it may be
 * killed before it. But the kernel can. sendmmsg(2) and recvmmsg(2) store the number of bytes into
 * the message's header in memory before they return, and a signal takes effect only when they
 * return. So the header lies in a file that is mapped and locked into memory, together with the
 * bytes themselves and with the index that the ring had:
 *
 *	index = that of the ring, moved = 0, then under_way = 1
 *	sendmmsg() or recvmmsg(): the kernel has set `moved` when the socket has changed
 *	the ring's index goes on by `moved`
 *	under_way = 0
 *
 * Whoever finds `under_way` set compares the ring's index with the noted one, and if the ring has
 * not gone on, lets it go on by `moved`. Nothing is left to be guessed. (Linux, net/socket.c:
 * __sys_sendmmsg(), do_recvmmsg(); neither sleeps with MSG_DONTWAIT, and storing into memory that
 * is locked cannot fail.)
 */
#ifndef DMORE_PAIR_MOVING_H
#define DMORE_PAIR_MOVING_H

#include <glib.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include "region/ring.h"

#define MOVE_MAX 4096 /* bytes moved at a time; a report is 20 to 30 */

/* One direction of a stream. */
typedef struct {
    _Atomic guint32 under_way;
    guint32 index; /* of the ring, the relay's side, before the move */
    struct iovec vector;
    struct mmsghdr header; /* msg_len: bytes that the socket has taken or given */
    guint64 total;         /* bytes moved on this host, for dmore status */
    guint8 bytes[MOVE_MAX];
} Move;

typedef struct {
    Move streams[REGION_STREAMS][2]; /* enum ring_direction */
} Moving;

/* moving_create() - make the file, nothing under way
 * moving_open() - map that of a relay that has ended
 *
 * Return: NULL with DMORE_ERROR_HOST.
 */
Moving *moving_create(const char *path, GError **error);
Moving *moving_open(const char *path, GError **error);

/* moving_free() - the file stays */
void moving_free(Moving *moving);

/* move_send() - send the first @size of move->bytes, which ring_peek() has put there
 * move_receive() - receive at most @size bytes, MOVE_MAX at most, into move->bytes
 * @index: of the ring
 *
 * Neither waits. When the ring has gone on by what is returned, call move_end().
 * Return: bytes, 0 when move_receive() finds the socket closed; or a negative errno.
 */
int move_send(Move *move, guint32 index, int fd, gsize size);
int move_receive(Move *move, guint32 index, int fd, gsize size);
void move_end(Move *move, gsize size);

/* move_recover() - finish what a relay that has ended had begun; @ring is its side of the ring
 * Return: 0, or -EPROTO when Domain R has damaged the ring.
 */
int move_recover(Move *move, enum ring_direction direction, struct ring *ring);

#endif
