/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ring_test.c - one direction of a stream: wrapping, full, hostile indices, carried elsewhere
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>

#include "region/ring.h"
#include "scratch.h"

#define STREAM REGION_STREAM_POINTER
#define DIRECTION RING_TO_VM

/* What a test works with: a region, both ends of one ring in it, and the shared part, where the
 * test plays the hostile side. */
struct ends {
    struct region region;
    struct ring producer;
    struct ring consumer;
    struct ring_shared *shared;
};

static void take_ends(struct ends *ends)
{
    ends->producer = ring_producer(&ends->region, STREAM, DIRECTION);
    ends->consumer = ring_consumer(&ends->region, STREAM, DIRECTION);
    ends->shared = ends->producer.shared;
}

static int setup(void **state)
{
    struct ends *ends = malloc(sizeof(*ends));

    ends->region = scratch_region(REGION_MIN_SIZE);
    take_ends(ends);
    *state = ends;
    return 0;
}

static int teardown(void **state)
{
    struct ends *ends = *state;

    free(ends->region.base);
    free(ends);
    return 0;
}

/* start_at() - make the ring one through which @index bytes have gone */
static void start_at(struct ends *ends, uint32_t index)
{
    struct ring_state at = {index, index};

    assert_int_equal(ring_restore(&ends->region, STREAM, DIRECTION, &at, NULL, 0), 0);
    take_ends(ends);
}

/* pattern() - the byte at a place of a stream; its period is no power of two, so that a byte that
 * lands in the wrong place is a wrong byte */
static uint8_t pattern(uint32_t index)
{
    return (uint8_t)(index % 251);
}

static void fill_pattern(uint8_t *bytes, uint32_t index, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = pattern(index + (uint32_t)i);
}

static void empty_ring_has_nothing_to_read(void **state)
{
    struct ends *ends = *state;
    uint8_t byte = 7;

    assert_int_equal(ring_fill(&ends->consumer), 0);
    assert_int_equal(ring_space(&ends->producer), RING_CAPACITY);
    assert_int_equal(ring_read(&ends->consumer, &byte, 1), 0);
    assert_int_equal(ring_consume(&ends->consumer, 1), -EPROTO);
    assert_int_equal(byte, 7);
}

static void full_ring_takes_nothing(void **state)
{
    struct ends *ends = *state;
    uint8_t *sent = malloc(RING_CAPACITY + 1);
    uint8_t *got = malloc(RING_CAPACITY + 1);

    fill_pattern(sent, 0, RING_CAPACITY + 1);
    assert_int_equal(ring_write(&ends->producer, sent, RING_CAPACITY + 1), RING_CAPACITY);
    assert_int_equal(ring_space(&ends->producer), 0);
    assert_int_equal(ring_fill(&ends->consumer), RING_CAPACITY);
    assert_int_equal(ring_write(&ends->producer, sent, 1), 0);

    assert_int_equal(ring_read(&ends->consumer, got, RING_CAPACITY + 1), RING_CAPACITY);
    assert_memory_equal(got, sent, RING_CAPACITY);
    assert_int_equal(ring_space(&ends->producer), RING_CAPACITY);
    free(sent);
    free(got);
}

/* Small writes and reads of unequal sizes, from @start on, three times round the data. */
static void go_round(struct ends *ends, uint32_t start)
{
    uint32_t sent = start;
    uint32_t got = start;
    uint8_t bytes[4099];
    uint8_t expected[4099];

    start_at(ends, start);
    while (got - start < 3 * RING_CAPACITY) {
        fill_pattern(bytes, sent, sizeof(bytes));
        int written = ring_write(&ends->producer, bytes, sizeof(bytes));

        assert_true(written >= 0);
        sent += (uint32_t)written;

        int size = ring_read(&ends->consumer, bytes, 3001);

        assert_true(size > 0);
        fill_pattern(expected, got, (size_t)size);
        assert_memory_equal(bytes, expected, size);
        got += (uint32_t)size;
        assert_int_equal(ring_fill(&ends->consumer), sent - got);
        assert_int_equal(ring_space(&ends->producer), RING_CAPACITY - (sent - got));
    }
}

static void bytes_survive_the_end_of_the_data(void **state)
{
    go_round(*state, 0);
}

static void bytes_survive_the_end_of_the_indices(void **state)
{
    go_round(*state, UINT32_MAX - RING_CAPACITY - 17);
    go_round(*state, UINT32_MAX);
}

static void peek_does_not_consume(void **state)
{
    struct ends *ends = *state;
    uint8_t bytes[8] = "abcdefg";
    uint8_t got[8] = {0};

    assert_int_equal(ring_write(&ends->producer, bytes, 7), 7);
    assert_int_equal(ring_peek(&ends->consumer, got, 3), 3);
    assert_memory_equal(got, "abc", 3);
    assert_int_equal(ring_fill(&ends->consumer), 7);
    assert_int_equal(ring_consume(&ends->consumer, 2), 0);
    assert_int_equal(ring_consume(&ends->consumer, 6), -EPROTO);
    assert_int_equal(ring_read(&ends->consumer, got, sizeof(got)), 5);
    assert_memory_equal(got, "cdefg", 5);
}

static void hostile_head_is_refused(void **state)
{
    struct ends *ends = *state;
    static const uint32_t hostile[] = {RING_CAPACITY + 1, 0x80000000, UINT32_MAX};
    uint8_t bytes[64];
    struct ring_state saved = {1, 2};

    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        atomic_store(&ends->shared->head, hostile[i]);
        assert_int_equal(ring_fill(&ends->consumer), -EPROTO);
        assert_int_equal(ring_peek(&ends->consumer, bytes, sizeof(bytes)), -EPROTO);
        assert_int_equal(ring_read(&ends->consumer, bytes, sizeof(bytes)), -EPROTO);
        assert_int_equal(ring_consume(&ends->consumer, 0), -EPROTO);
        assert_int_equal(ring_save(&ends->region, STREAM, DIRECTION, &saved, bytes), -EPROTO);
    }
    assert_int_equal(atomic_load(&ends->shared->tail), 0);
    assert_int_equal(saved.head, 1);
    assert_int_equal(saved.tail, 2);
}

static void hostile_tail_is_refused(void **state)
{
    struct ends *ends = *state;
    static const uint32_t hostile[] = {1, UINT32_MAX - RING_CAPACITY, 0x80000000};
    uint8_t bytes[64] = {0};

    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        atomic_store(&ends->shared->tail, hostile[i]);
        assert_int_equal(ring_space(&ends->producer), -EPROTO);
        assert_int_equal(ring_write(&ends->producer, bytes, sizeof(bytes)), -EPROTO);
    }
    assert_int_equal(atomic_load(&ends->shared->head), 0);
}

static void own_index_cannot_be_moved_by_the_other_side(void **state)
{
    struct ends *ends = *state;
    uint8_t got[4];

    assert_int_equal(ring_write(&ends->producer, "abcd", 4), 4);
    assert_int_equal(ring_read(&ends->consumer, got, 2), 2);

    atomic_store(&ends->shared->tail, 0);
    assert_int_equal(ring_read(&ends->consumer, got, 2), 2);
    assert_memory_equal(got, "cd", 2);
    assert_int_equal(atomic_load(&ends->shared->tail), 4);

    atomic_store(&ends->shared->head, 99);
    assert_int_equal(ring_write(&ends->producer, "e", 1), 1);
    assert_int_equal(atomic_load(&ends->shared->head), 5);
}

static void rings_do_not_touch_each_other(void **state)
{
    struct ends *ends = *state;
    uint8_t *bytes = malloc(RING_CAPACITY);
    int id = 0;

    for (int stream = 0; stream < REGION_STREAMS; stream++) {
        for (int direction = 0; direction < 2; direction++) {
            struct ring ring = ring_producer(&ends->region, stream, direction);

            memset(bytes, 'A' + id++, RING_CAPACITY);
            assert_int_equal(ring_write(&ring, bytes, RING_CAPACITY), RING_CAPACITY);
        }
    }
    id = 0;
    for (int stream = 0; stream < REGION_STREAMS; stream++) {
        for (int direction = 0; direction < 2; direction++) {
            struct ring ring = ring_consumer(&ends->region, stream, direction);

            assert_int_equal(ring_read(&ring, bytes, RING_CAPACITY), RING_CAPACITY);
            for (size_t i = 0; i < RING_CAPACITY; i++)
                assert_int_equal(bytes[i], 'A' + id);
            id++;
        }
    }
    free(bytes);
}

static void saved_ring_goes_on_elsewhere(void **state)
{
    struct ends *ends = *state;
    struct region other = scratch_region((size_t)2 * REGION_MIN_SIZE);
    uint8_t *bytes = malloc(RING_CAPACITY);
    uint8_t got[16] = {0};
    struct ring_state saved;

    start_at(ends, UINT32_MAX - 3);
    assert_int_equal(ring_write(&ends->producer, "0123456789", 10), 10);
    assert_int_equal(ring_read(&ends->consumer, got, 3), 3);

    int size = ring_save(&ends->region, STREAM, DIRECTION, &saved, bytes);

    assert_int_equal(size, 7);
    assert_int_equal(saved.head, 6);
    assert_int_equal(saved.tail, UINT32_MAX);
    assert_int_equal(ring_restore(&other, STREAM, DIRECTION, &saved, bytes, 7), 0);

    /* The side that moved with its private index goes on with it; the other side starts anew. */
    struct ring producer = {ring_producer(&other, STREAM, DIRECTION).shared, ends->producer.own};
    struct ring consumer = ring_consumer(&other, STREAM, DIRECTION);

    assert_int_equal(ring_write(&producer, "ab", 2), 2);
    assert_int_equal(ring_read(&consumer, got, sizeof(got)), 9);
    assert_memory_equal(got, "3456789ab", 9);
    free(bytes);
    free(other.base);
}

/* It is stopped between writing bytes, beyond the ring's end as it happens, and publishing them. */
static void producer_goes_on_elsewhere_in_the_midst_of_a_write(void **state)
{
    struct ends *ends = *state;
    struct region other = scratch_region((size_t)2 * REGION_MIN_SIZE);
    uint8_t *bytes = malloc(RING_CAPACITY);
    uint8_t *ahead = malloc(RING_AHEAD + 1);
    uint8_t got[16] = {0};
    struct ring_state saved;

    start_at(ends, RING_CAPACITY - 6);
    assert_int_equal(ring_write(&ends->producer, "01234", 5), 5);
    ends->shared->data[RING_CAPACITY - 1] = 'a';
    ends->shared->data[0] = 0;
    ends->shared->data[1] = 'b';

    int size = ring_save(&ends->region, STREAM, DIRECTION, &saved, bytes);
    size_t more = ring_save_ahead(&ends->region, STREAM, DIRECTION, &saved, ahead);

    assert_int_equal(size, 5);
    assert_int_equal(more, 3);
    assert_int_equal(ring_restore(&other, STREAM, DIRECTION, &saved, bytes, 5), 0);
    assert_int_equal(ring_restore_ahead(&other, STREAM, DIRECTION, &saved, ahead, more), 0);
    assert_int_equal(ring_restore_ahead(&other, STREAM, DIRECTION, &saved, ahead, RING_AHEAD + 1),
                     -EINVAL);

    struct ring consumer = ring_consumer(&other, STREAM, DIRECTION);

    assert_int_equal(ring_fill(&consumer), 5);
    atomic_store(&consumer.shared->head, saved.head + 3);
    assert_int_equal(ring_read(&consumer, got, sizeof(got)), 8);
    assert_memory_equal(got, "01234a\0b", 8);
    free(ahead);
    free(bytes);
    free(other.base);
}

static void state_that_contradicts_itself_is_refused(void **state)
{
    struct ends *ends = *state;
    struct ring_state wrong_size = {10, 5};
    struct ring_state too_full = {RING_CAPACITY + 1, 0};
    struct ring_state backwards = {5, 10};
    uint8_t *bytes = calloc(1, RING_CAPACITY + 1);

    start_at(ends, 77);
    assert_int_equal(ring_restore(&ends->region, STREAM, DIRECTION, &wrong_size, bytes, 4),
                     -EINVAL);
    assert_int_equal(
        ring_restore(&ends->region, STREAM, DIRECTION, &too_full, bytes, RING_CAPACITY + 1),
        -EINVAL);
    assert_int_equal(ring_restore(&ends->region, STREAM, DIRECTION, &backwards, bytes, 5), -EINVAL);
    assert_int_equal(atomic_load(&ends->shared->head), 77);
    assert_int_equal(atomic_load(&ends->shared->tail), 77);
    free(bytes);
}

/* Two threads, as the two sides are: four million bytes, each end in uneven pieces. */
#define THREAD_BYTES 4000000u

static void *produce(void *data)
{
    struct ring *producer = data;
    uint8_t bytes[1021];
    uint32_t sent = 0;

    while (sent < THREAD_BYTES) {
        size_t size = THREAD_BYTES - sent < sizeof(bytes) ? THREAD_BYTES - sent : sizeof(bytes);

        fill_pattern(bytes, sent, size);
        int written = ring_write(producer, bytes, size);

        if (written < 0)
            return (void *)1;
        if (written == 0)
            sched_yield();
        sent += (uint32_t)written;
    }
    return NULL;
}

static void two_threads_pass_every_byte_once_in_order(void **state)
{
    struct ends *ends = *state;
    pthread_t thread;
    uint8_t bytes[733];
    uint32_t got = 0;
    uint32_t wrong = 0;
    void *result;

    assert_int_equal(pthread_create(&thread, NULL, produce, &ends->producer), 0);
    while (got < THREAD_BYTES) {
        int size = ring_read(&ends->consumer, bytes, sizeof(bytes));

        assert_true(size >= 0);
        if (size == 0)
            sched_yield();
        for (int i = 0; i < size; i++)
            wrong += bytes[i] != pattern(got + (uint32_t)i);
        got += (uint32_t)size;
    }
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_null(result);
    assert_int_equal(wrong, 0);
    assert_int_equal(got, THREAD_BYTES);
    assert_int_equal(ring_fill(&ends->consumer), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(empty_ring_has_nothing_to_read, setup, teardown),
        cmocka_unit_test_setup_teardown(full_ring_takes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(bytes_survive_the_end_of_the_data, setup, teardown),
        cmocka_unit_test_setup_teardown(bytes_survive_the_end_of_the_indices, setup, teardown),
        cmocka_unit_test_setup_teardown(peek_does_not_consume, setup, teardown),
        cmocka_unit_test_setup_teardown(hostile_head_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(hostile_tail_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(own_index_cannot_be_moved_by_the_other_side, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(rings_do_not_touch_each_other, setup, teardown),
        cmocka_unit_test_setup_teardown(saved_ring_goes_on_elsewhere, setup, teardown),
        cmocka_unit_test_setup_teardown(producer_goes_on_elsewhere_in_the_midst_of_a_write, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(state_that_contradicts_itself_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(two_threads_pass_every_byte_once_in_order, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
