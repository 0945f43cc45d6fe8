/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ring_fuzz.c - a ring whose other side writes what it likes into the shared part
 *
 * An input is a list of steps: what this side does with a ring of each direction, and numbers that
 * the other side puts into the shared indices.
 */
#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "region/ring.h"

enum step {
    WRITE,
    READ,
    CONSUME,
    SET_HEAD,
    SET_TAIL,
    SET_FILL,
    CARRY,
    STEPS
};

static uint8_t buffer[RING_CAPACITY + 4096];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    return 0;
}

/* check_moved() - at most what was asked for and what a ring can hold; the index moved as told */
static void check_moved(int moved, size_t asked, uint32_t before, uint32_t after)
{
    CHECK(moved == -EPROTO ||
          (moved >= 0 && (size_t)moved <= asked && moved <= (int)RING_CAPACITY));
    CHECK(after - before == (moved > 0 ? (uint32_t)moved : 0));
}

static void write_some(struct ring *ring, size_t size)
{
    uint32_t before = ring->own;
    int space = ring_space(ring);
    int written = ring_write(ring, buffer, size);

    check_moved(written, size, before, ring->own);
    CHECK((written < 0) == (space < 0) && written <= (space > 0 ? space : 0));
    CHECK(written < 0 || ring->shared->head == ring->own);
}

static void read_some(struct ring *ring, size_t size)
{
    uint32_t before = ring->own;
    int fill = ring_fill(ring);

    memset(buffer, 0xa5, sizeof(buffer));
    int got = ring_read(ring, buffer, size);

    check_moved(got, size, before, ring->own);
    CHECK((got < 0) == (fill < 0) && got <= (fill > 0 ? fill : 0));
    for (int i = 0; i < got; i++)
        CHECK(buffer[i] == ring->shared->data[(before + (uint32_t)i) % RING_CAPACITY]);
    for (size_t i = got > 0 ? (size_t)got : 0; i < size; i += 97)
        CHECK(buffer[i] == 0xa5);
}

static void consume_some(struct ring *ring, size_t size)
{
    uint32_t before = ring->own;
    int fill = ring_fill(ring);
    int consumed = ring_consume(ring, size);

    CHECK((consumed == 0) == (fill >= 0 && size <= (size_t)fill));
    CHECK(ring->own - before == (consumed == 0 ? (uint32_t)size : 0));
}

/* carry() - what is saved can be restored, and is the same when it is saved again */
static void carry(const struct region *from, enum ring_direction direction)
{
    static uint8_t first[RING_CAPACITY];
    static uint8_t second[RING_CAPACITY];
    struct region to = fuzz_region(1);
    struct ring_state state;
    struct ring_state again;
    int size = ring_save(from, REGION_STREAM_POINTER, direction, &state, first);

    CHECK(size == -EPROTO || (size >= 0 && size <= (int)RING_CAPACITY));
    if (size < 0)
        return;
    CHECK(ring_restore(&to, REGION_STREAM_POINTER, direction, &state, first, (size_t)size + 1) ==
          -EINVAL);
    CHECK(ring_restore(&to, REGION_STREAM_POINTER, direction, &state, first, (size_t)size) == 0);
    CHECK(ring_save(&to, REGION_STREAM_POINTER, direction, &again, second) == size);
    CHECK(state.head == again.head && state.tail == again.tail);
    CHECK(memcmp(first, second, (size_t)size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct fuzz_input input = {bytes, size};
    struct region region = fuzz_region(0);
    struct ring producer = ring_producer(&region, REGION_STREAM_POINTER, RING_TO_VM);
    struct ring consumer = ring_consumer(&region, REGION_STREAM_POINTER, RING_TO_DOMAIN_R);

    while (input.left > 0) {
        uint8_t step = fuzz_u8(&input);
        struct ring *ring = step & 0x80 ? &producer : &consumer;
        size_t amount = (size_t)fuzz_u16(&input) * 17 / 16;

        switch ((step & 0x7f) % STEPS) {
        case WRITE:
            write_some(&producer, amount);
            break;
        case READ:
            read_some(&consumer, amount);
            break;
        case CONSUME:
            consume_some(&consumer, amount);
            break;
        case SET_HEAD:
            ring->shared->head = fuzz_u32(&input);
            break;
        case SET_TAIL:
            ring->shared->tail = fuzz_u32(&input);
            break;
        case SET_FILL:
            ring->shared->head = ring->own + (uint32_t)amount;
            ring->shared->tail = ring->own - fuzz_u16(&input);
            break;
        default:
            carry(&region, ring == &producer ? RING_TO_VM : RING_TO_DOMAIN_R);
            break;
        }
    }
    return 0;
}
