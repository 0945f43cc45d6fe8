/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ring.c - one direction of a stream
 *
 * Order of memory: the producer writes bytes and then publishes head (release); the consumer reads
 * head (acquire) and then the bytes. In the same way the consumer has done with the bytes before it
 * publishes tail, and the producer reads tail before it writes over them. Each function reads the
 * other side's index exactly once, so what was checked is what is used.
 */
#include "region/ring.h"

#include <errno.h>
#include <string.h>

_Static_assert((RING_CAPACITY & (RING_CAPACITY - 1)) == 0, "a power of two");

static struct ring_shared *ring_at(const struct region *region, enum region_stream_id stream,
                                   enum ring_direction direction)
{
    uint8_t *slot = region->base + REGION_STREAM_OFFSET + (size_t)stream * REGION_STREAM_SIZE;

    return (struct ring_shared *)slot + direction;
}

struct ring ring_producer(const struct region *region, enum region_stream_id stream,
                          enum ring_direction direction)
{
    struct ring_shared *shared = ring_at(region, stream, direction);

    return (struct ring){shared, atomic_load_explicit(&shared->head, memory_order_relaxed)};
}

struct ring ring_consumer(const struct region *region, enum region_stream_id stream,
                          enum ring_direction direction)
{
    struct ring_shared *shared = ring_at(region, stream, direction);

    return (struct ring){shared, atomic_load_explicit(&shared->tail, memory_order_relaxed)};
}

/* distance() - bytes between two indices, or -EPROTO when a ring cannot hold so many */
static int distance(uint32_t head, uint32_t tail)
{
    uint32_t fill = head - tail;

    return fill <= RING_CAPACITY ? (int)fill : -EPROTO;
}

/* copy_in(), copy_out() - @size bytes, at most RING_CAPACITY, to or from the place of @index */
static void copy_in(struct ring_shared *shared, uint32_t index, const uint8_t *bytes, size_t size)
{
    size_t at = index % RING_CAPACITY;
    size_t first = size < RING_CAPACITY - at ? size : RING_CAPACITY - at;

    if (size == 0)
        return;
    memcpy(shared->data + at, bytes, first);
    memcpy(shared->data, bytes + first, size - first);
}

static void copy_out(const struct ring_shared *shared, uint32_t index, uint8_t *bytes, size_t size)
{
    size_t at = index % RING_CAPACITY;
    size_t first = size < RING_CAPACITY - at ? size : RING_CAPACITY - at;

    if (size == 0)
        return;
    memcpy(bytes, shared->data + at, first);
    memcpy(bytes + first, shared->data, size - first);
}

int ring_space(const struct ring *ring)
{
    uint32_t tail = atomic_load_explicit(&ring->shared->tail, memory_order_acquire);
    int fill = distance(ring->own, tail);

    return fill < 0 ? fill : (int)RING_CAPACITY - fill;
}

int ring_fill(const struct ring *ring)
{
    uint32_t head = atomic_load_explicit(&ring->shared->head, memory_order_acquire);

    return distance(head, ring->own);
}

int ring_write(struct ring *ring, const void *bytes, size_t size)
{
    int space = ring_space(ring);

    if (space < 0)
        return space;
    if (size > (size_t)space)
        size = (size_t)space;

    copy_in(ring->shared, ring->own, bytes, size);
    ring->own += (uint32_t)size;
    atomic_store_explicit(&ring->shared->head, ring->own, memory_order_release);
    return (int)size;
}

int ring_peek(const struct ring *ring, void *bytes, size_t size)
{
    int fill = ring_fill(ring);

    if (fill < 0)
        return fill;
    if (size > (size_t)fill)
        size = (size_t)fill;

    copy_out(ring->shared, ring->own, bytes, size);
    return (int)size;
}

/* advance() - give @size bytes, known to be there, back to the producer */
static void advance(struct ring *ring, size_t size)
{
    ring->own += (uint32_t)size;
    atomic_store_explicit(&ring->shared->tail, ring->own, memory_order_release);
}

int ring_consume(struct ring *ring, size_t size)
{
    int fill = ring_fill(ring);

    if (fill < 0)
        return fill;
    if (size > (size_t)fill)
        return -EPROTO;

    advance(ring, size);
    return 0;
}

int ring_read(struct ring *ring, void *bytes, size_t size)
{
    int copied = ring_peek(ring, bytes, size);

    if (copied > 0)
        advance(ring, (size_t)copied);
    return copied;
}

int ring_save(const struct region *region, enum region_stream_id stream,
              enum ring_direction direction, struct ring_state *state, void *bytes)
{
    const struct ring_shared *shared = ring_at(region, stream, direction);
    uint32_t head = atomic_load_explicit(&shared->head, memory_order_acquire);
    uint32_t tail = atomic_load_explicit(&shared->tail, memory_order_relaxed);
    int fill = distance(head, tail);

    if (fill < 0)
        return fill;

    copy_out(shared, tail, bytes, (size_t)fill);
    *state = (struct ring_state){.head = head, .tail = tail};
    return fill;
}

int ring_restore(const struct region *region, enum region_stream_id stream,
                 enum ring_direction direction, const struct ring_state *state, const void *bytes,
                 size_t size)
{
    struct ring_shared *shared = ring_at(region, stream, direction);
    int fill = distance(state->head, state->tail);

    if (fill < 0 || size != (size_t)fill)
        return -EINVAL;

    copy_in(shared, state->tail, bytes, size);
    atomic_store_explicit(&shared->tail, state->tail, memory_order_relaxed);
    atomic_store_explicit(&shared->head, state->head, memory_order_release);
    return 0;
}

/* How much a producer may have written and not published. The indices are valid. */
static size_t ahead_max(const struct ring_state *state)
{
    size_t room = RING_CAPACITY - (state->head - state->tail);

    return room < RING_AHEAD ? room : RING_AHEAD;
}

size_t ring_save_ahead(const struct region *region, enum region_stream_id stream,
                       enum ring_direction direction, const struct ring_state *state, void *bytes)
{
    size_t size = ahead_max(state);
    const uint8_t *ahead = bytes;

    copy_out(ring_at(region, stream, direction), state->head, bytes, size);
    while (size > 0 && ahead[size - 1] == 0)
        size--;
    return size;
}

int ring_restore_ahead(const struct region *region, enum region_stream_id stream,
                       enum ring_direction direction, const struct ring_state *state,
                       const void *bytes, size_t size)
{
    if (distance(state->head, state->tail) < 0 || size > ahead_max(state))
        return -EINVAL;

    copy_in(ring_at(region, stream, direction), state->head, bytes, size);
    return 0;
}
