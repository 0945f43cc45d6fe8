/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ring.h - one direction of a stream: a byte ring with one producer and one consumer
 *
 * Theory of operation
 *
 * Indices count bytes from the birth of the stream and wrap at 2^32; a byte's place in the data is
 * its index modulo RING_CAPACITY, a power of two. The producer owns `head`, the consumer owns
 * `tail`. Each side keeps its own index in private memory (struct ring) and only publishes it in
 * the shared part, so the other side cannot move it. The index read from the other side is valid
 * only if it makes the fill at most RING_CAPACITY; anything else is -EPROTO, and the ring is then
 * not used again.
 *
 * Because an index counts from birth, the two numbers and the bytes between them are the state of a
 * ring: ring_save() and ring_restore() carry it into another region, and a side that kept its
 * private index goes on as if nothing had happened. Of a producer that may have been stopped in the
 * midst of a write, what it has written and not published belongs to it: ring_save_ahead().
 */
#ifndef DMORE_REGION_RING_H
#define DMORE_REGION_RING_H

#include "region/region.h"

#define RING_CAPACITY 0x10000u /* bytes */
#define RING_AHEAD 4096u /* bytes that a producer who may be stopped writes at once, at most */

struct ring_shared {
    _Alignas(64) _Atomic uint32_t head; /* bytes ever produced */
    _Alignas(64) _Atomic uint32_t tail; /* bytes ever consumed */
    _Alignas(4096) uint8_t data[RING_CAPACITY];
};

/* struct ring - one side's handle on a ring; it is either the producer's or the consumer's */
struct ring {
    struct ring_shared *shared;
    uint32_t own;
};

enum ring_direction {
    RING_TO_VM = 0,       /* Domain R -> user VM */
    RING_TO_DOMAIN_R = 1, /* user VM -> Domain R */
};

/* ring_producer(), ring_consumer() - take one side of a ring, going on from the published index */
struct ring ring_producer(const struct region *region, enum region_stream_id stream,
                          enum ring_direction direction);
struct ring ring_consumer(const struct region *region, enum region_stream_id stream,
                          enum ring_direction direction);

/* ring_space() - bytes that the producer can write now, or -EPROTO */
int ring_space(const struct ring *ring);

/* ring_fill() - bytes that the consumer can read now, or -EPROTO */
int ring_fill(const struct ring *ring);

/* ring_write() - produce up to @size bytes
 * Return: how many were taken (0 when full), or -EPROTO.
 */
int ring_write(struct ring *ring, const void *bytes, size_t size);

/* ring_peek() - copy up to @size bytes without consuming them
 * Return: how many were copied (0 when empty), or -EPROTO.
 */
int ring_peek(const struct ring *ring, void *bytes, size_t size);

/* ring_consume() - drop @size bytes that ring_peek() has shown
 * Return: 0, or -EPROTO when fewer are there.
 */
int ring_consume(struct ring *ring, size_t size);

/* ring_read() - ring_peek() and ring_consume() in one */
int ring_read(struct ring *ring, void *bytes, size_t size);

/* struct ring_state - a ring as it stands, to be installed in another region */
struct ring_state {
    uint32_t head;
    uint32_t tail;
};

/* ring_save() - the state of a ring of which this side holds one end
 * @bytes: receives the bytes between tail and head, RING_CAPACITY bytes of room
 *
 * The other side must be stopped. Return: how many bytes are in @bytes, or -EPROTO.
 */
int ring_save(const struct region *region, enum region_stream_id stream,
              enum ring_direction direction, struct ring_state *state, void *bytes);

/* ring_restore() - install a saved state; handles taken before are void
 * Return: 0, or -EINVAL when @size is not the distance of the indices; nothing is changed then.
 */
int ring_restore(const struct region *region, enum region_stream_id stream,
                 enum ring_direction direction, const struct ring_state *state, const void *bytes,
                 size_t size);

/* ring_save_ahead() - what lies beyond head, up to the last byte that is not zero
 * @bytes: RING_AHEAD bytes of room
 *
 * For a producer that was stopped anywhere: it may have written bytes and not published them yet,
 * and will publish them without writing them again. Return: how many bytes are in @bytes.
 */
size_t ring_save_ahead(const struct region *region, enum region_stream_id stream,
                       enum ring_direction direction, const struct ring_state *state, void *bytes);

/* ring_restore_ahead() - after ring_restore(), into a region that was empty
 * Return: 0, or -EINVAL when @size is more than can be there; nothing is changed then.
 */
int ring_restore_ahead(const struct region *region, enum region_stream_id stream,
                       enum ring_direction direction, const struct ring_state *state,
                       const void *bytes, size_t size);

#endif
