/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cursor_test.c - the guest's cursor between host and Domain R
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>

#include "region/screen.h"
#include "scratch.h"

static uint32_t got[CURSOR_MAX_SIZE * CURSOR_MAX_SIZE];

static int setup(void **state)
{
    struct region *region = malloc(sizeof(*region));

    *region = scratch_region(REGION_MIN_SIZE);
    *state = region;
    return 0;
}

static int teardown(void **state)
{
    struct region *region = *state;

    free(region->base);
    free(region);
    return 0;
}

static void cursor_is_read_once_for_each_change(void **state)
{
    static const uint32_t pixels[] = {0xff000001, 0x80000002, 3, 4, 5, 6};
    struct cursor_shape shape = {3, 2, 1, 1, 1};
    struct cursor_shape seen;
    uint32_t sequence = 0;

    assert_false(cursor_read(*state, &sequence, &seen, got));
    assert_int_equal(cursor_define(*state, &shape, pixels), 0);
    assert_true(cursor_read(*state, &sequence, &seen, got));
    assert_memory_equal(&seen, &shape, sizeof(shape));
    assert_memory_equal(got, pixels, sizeof(pixels));
    assert_false(cursor_read(*state, &sequence, &seen, got));

    shape.visible = 0;
    assert_int_equal(cursor_define(*state, &shape, pixels), 0);
    assert_true(cursor_read(*state, &sequence, &seen, got));
    assert_int_equal(seen.visible, 0);
}

static void empty_cursor_needs_no_pixels(void **state)
{
    struct cursor_shape shape = {0};
    struct cursor_shape seen;
    uint32_t sequence = 0;

    assert_int_equal(cursor_define(*state, &shape, NULL), 0);
    assert_true(cursor_read(*state, &sequence, &seen, got));
    assert_int_equal(seen.width, 0);
    assert_int_equal(seen.height, 0);
}

static void largest_cursor_is_taken_and_a_larger_one_changes_nothing(void **state)
{
    uint32_t *pixels = malloc(sizeof(got));
    struct cursor_shape shape = {CURSOR_MAX_SIZE, CURSOR_MAX_SIZE, 255, 255, 1};
    struct cursor_shape seen;
    uint32_t sequence = 0;

    for (uint32_t i = 0; i < CURSOR_MAX_SIZE * CURSOR_MAX_SIZE; i++)
        pixels[i] = i * 2654435761u;
    assert_int_equal(cursor_define(*state, &shape, pixels), 0);
    assert_true(cursor_read(*state, &sequence, &seen, got));
    assert_memory_equal(got, pixels, sizeof(got));

    shape.width = CURSOR_MAX_SIZE + 1;
    assert_int_equal(cursor_define(*state, &shape, pixels), -E2BIG);
    shape.width = 1;
    shape.height = UINT32_MAX;
    assert_int_equal(cursor_define(*state, &shape, pixels), -E2BIG);
    assert_false(cursor_read(*state, &sequence, &seen, got));
    free(pixels);
}

static void hostile_shape_is_an_empty_cursor(void **state)
{
    struct region *region = *state;
    struct cursor_shared *shared = (void *)(region->base + REGION_CURSOR_OFFSET);
    static const uint32_t hostile[][2] = {
        {CURSOR_MAX_SIZE + 1, 1}, {1, CURSOR_MAX_SIZE + 1}, {UINT32_MAX, UINT32_MAX}, {0, 9}};
    struct cursor_shape seen;
    uint32_t sequence = 0;

    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        atomic_store(&shared->width, hostile[i][0]);
        atomic_store(&shared->height, hostile[i][1]);
        atomic_fetch_add(&shared->sequence, 2);
        assert_true(cursor_read(region, &sequence, &seen, got));
        assert_int_equal(seen.width, 0);
        assert_int_equal(seen.height, 0);
    }
    atomic_store(&shared->width, 8);
    atomic_store(&shared->height, 4);
    atomic_store(&shared->hot_x, UINT32_MAX);
    atomic_store(&shared->hot_y, 4);
    atomic_fetch_add(&shared->sequence, 2);
    assert_true(cursor_read(region, &sequence, &seen, got));
    assert_int_equal(seen.hot_x, 7);
    assert_int_equal(seen.hot_y, 3);
}

static void reader_does_not_hang_with_a_writer_that_died(void **state)
{
    struct region *region = *state;
    struct cursor_shared *shared = (void *)(region->base + REGION_CURSOR_OFFSET);
    struct cursor_shape shape = {1, 1, 0, 0, 1};
    struct cursor_shape seen = {.width = 77};
    uint32_t pixel = 5;
    uint32_t sequence = 0;

    atomic_store(&shared->sequence, 41);
    assert_false(cursor_read(region, &sequence, &seen, got));
    assert_int_equal(sequence, 0);
    assert_int_equal(seen.width, 77);

    assert_int_equal(cursor_define(region, &shape, &pixel), 0);
    assert_true(cursor_read(region, &sequence, &seen, got));
    assert_int_equal(sequence, 42);
}

#define THREAD_WRITES 20000u

/* Every pixel of a cursor tells its number, and so does its size. */
static void *define(void *data)
{
    uint32_t pixels[16 * 16];

    for (uint32_t i = 1; i <= THREAD_WRITES; i++) {
        struct cursor_shape shape = {1 + i % 16, 1 + i % 16, 0, 0, 1};

        for (uint32_t pixel = 0; pixel < 16 * 16; pixel++)
            pixels[pixel] = i;
        (void)cursor_define(data, &shape, pixels);
    }
    return NULL;
}

static void cursor_is_never_mixed_with_two_threads(void **state)
{
    struct cursor_shape seen;
    uint32_t sequence = 0;
    bool running;
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, define, *state), 0);
    do { /* the last look is after the last change */
        running = pthread_tryjoin_np(thread, NULL) == EBUSY;
        if (!cursor_read(*state, &sequence, &seen, got))
            continue;
        assert_int_equal(seen.width, 1 + sequence / 2 % 16);
        assert_int_equal(seen.height, seen.width);
        for (uint32_t i = 0; i < seen.width * seen.height; i++)
            assert_int_equal(got[i], sequence / 2);
    } while (running);
    assert_int_equal(sequence, 2 * THREAD_WRITES);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(cursor_is_read_once_for_each_change),
        TEST(empty_cursor_needs_no_pixels),
        TEST(largest_cursor_is_taken_and_a_larger_one_changes_nothing),
        TEST(hostile_shape_is_an_empty_cursor),
        TEST(reader_does_not_hang_with_a_writer_that_died),
        TEST(cursor_is_never_mixed_with_two_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
