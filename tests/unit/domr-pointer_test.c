/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * domr-pointer_test.c - the tablet: scaling, merging of positions, what is never merged
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "domr-guest.h"
#include "domr/pointer.h"

struct bench {
    struct guest guest;
    struct pointer pointer;
    uint64_t now;
};

static uint64_t talk(struct bench *bench)
{
    uint64_t again;
    bool moved;

    do {
        moved = false;
        again = pointer_run(&bench->pointer, bench->now, &moved);
        guest_run(&bench->guest);
    } while (moved);
    return again;
}

static void talk_to_the_end(struct bench *bench)
{
    uint64_t again;

    while ((again = talk(bench)) != UINT64_MAX)
        bench->now = again;
}

static void listen_and_settle(struct bench *bench)
{
    guest_listen(&bench->guest);
    talk(bench);
    bench->now += SETTLED;
    talk(bench);
}

static int setup(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));

    bench->now = 1000000;
    guest_open(&bench->guest, REGION_STREAM_POINTER);
    assert_int_equal(pointer_open(&bench->pointer, &bench->guest.region), 0);
    talk(bench);
    guest_configure(&bench->guest, 1);
    talk(bench);
    *state = bench;
    return 0;
}

static int setup_listening(void **state)
{
    struct bench *bench;

    setup(state);
    bench = *state;
    listen_and_settle(bench);
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;

    pointer_close(&bench->pointer);
    guest_close(&bench->guest);
    free(bench);
    return 0;
}

static void move(struct bench *bench, uint16_t x, uint16_t y, uint8_t buttons)
{
    const struct pointer_state state = {.x = x, .y = y, .buttons = buttons};

    pointer_move(&bench->pointer, &state);
}

static void turn(struct bench *bench, int8_t wheel)
{
    const struct pointer_state state = {.x = 5, .y = 6, .wheel = wheel};

    pointer_move(&bench->pointer, &state);
}

static void expect(const struct bench *bench, size_t index, uint8_t buttons, unsigned x, unsigned y,
                   int wheel)
{
    const uint8_t *report = bench->guest.reports[index];

    assert_true(index < bench->guest.n_reports);
    assert_int_equal(bench->guest.report_size, POINTER_REPORT_SIZE);
    assert_int_equal(report[0], buttons);
    assert_int_equal(report[1] | report[2] << 8, x);
    assert_int_equal(report[3] | report[4] << 8, y);
    assert_int_equal((int8_t)report[5], wheel);
    assert_int_equal(report[6], 0);
}

/* For every size a screen can have, and both ways in which guests compute back. */
static void each_pixel_comes_back(void **state)
{
    for (uint32_t size = 1; size <= 8192; size++) {
        /* All pixels of all sizes are 33 million; every third size is enough of them. */
        for (uint32_t pixel = 0; pixel < size; pixel += size % 3 == 0 ? 1 : 7) {
            uint64_t position = pointer_scale(pixel, size);

            assert_int_equal(position * size / 32768, pixel);
            assert_int_equal((2 * position * (size - 1) + 32767) / 65534, pixel);
        }
        assert_int_equal(pointer_scale(size - 1, size), pointer_scale(size, size));
        assert_int_equal(pointer_scale(size - 1, size), pointer_scale(UINT32_MAX, size));
    }
}

static void waiting_positions_are_merged(void **state)
{
    struct bench *bench = *state;

    for (uint16_t i = 1; i <= 1000; i++)
        move(bench, i, i, 0);
    assert_int_equal(bench->pointer.waiting, 1);
    listen_and_settle(bench);
    assert_int_equal(bench->guest.n_reports, 1);
    expect(bench, 0, 0, 1000, 1000, 0);
}

static void guest_that_begins_to_listen_is_not_moved(void **state)
{
    struct bench *bench = *state;

    listen_and_settle(bench);
    assert_int_equal(bench->guest.n_reports, 0);
}

static void click_waits_until_the_guest_has_settled(void **state)
{
    struct bench *bench = *state;

    move(bench, 1, 1, POINTER_LEFT);
    guest_listen(&bench->guest);
    assert_int_equal(talk(bench), bench->now + SETTLED);
    assert_int_equal(bench->guest.n_reports, 0);
    bench->now += SETTLED;
    talk(bench);
    expect(bench, 0, POINTER_LEFT, 1, 1, 0);
}

static void clicks_and_turns_are_not_merged(void **state)
{
    struct bench *bench = *state;
    size_t at = 0;

    move(bench, 1, 1, 0);
    move(bench, 2, 2, 0);
    move(bench, 2, 2, POINTER_LEFT);
    move(bench, 3, 3, POINTER_LEFT);
    move(bench, 4, 4, POINTER_LEFT);
    move(bench, 4, 4, 0);
    turn(bench, 1);
    turn(bench, 1);
    turn(bench, -1);
    move(bench, 7, 7, 0);
    move(bench, 8, 8, 0);
    listen_and_settle(bench);
    expect(bench, at++, 0, 2, 2, 0);
    expect(bench, at++, POINTER_LEFT, 2, 2, 0);
    expect(bench, at++, POINTER_LEFT, 4, 4, 0);
    expect(bench, at++, 0, 4, 4, 0);
    expect(bench, at++, 0, 5, 6, 1);
    expect(bench, at++, 0, 5, 6, 1);
    expect(bench, at++, 0, 5, 6, -1);
    expect(bench, at++, 0, 8, 8, 0);
    assert_int_equal(bench->guest.n_reports, at);
}

/* A wheel's turn is told once, even if the state has to be told again. */
static void turn_is_not_repeated(void **state)
{
    struct bench *bench = *state;

    turn(bench, 1);
    talk(bench);
    expect(bench, 0, 0, 5, 6, 1);
    guest_stop_listening(&bench->guest);
    listen_and_settle(bench);
    assert_int_equal(bench->guest.n_reports, 2);
    expect(bench, 1, 0, 5, 6, 0);
}

static void reports_are_paced(void **state)
{
    struct bench *bench = *state;
    uint64_t start = bench->now;

    for (int i = 0; i < 100; i++)
        turn(bench, 1);
    talk(bench);
    assert_int_equal(bench->guest.n_reports, 16);
    talk_to_the_end(bench);
    assert_int_equal(bench->guest.n_reports, 100);
    assert_int_equal(bench->now - start, (100 - 16) * 4000);
}

static void full_queue_ends_in_the_right_state(void **state)
{
    struct bench *bench = *state;

    for (int i = 0; i < POINTER_QUEUE; i++) {
        move(bench, 1, 1, POINTER_RIGHT);
        move(bench, 1, 1, 0);
    }
    turn(bench, 100);
    turn(bench, 100);
    move(bench, 9, 10, POINTER_LEFT);
    assert_int_equal(bench->pointer.waiting, POINTER_QUEUE);
    guest_listen(&bench->guest);
    talk_to_the_end(bench);
    expect(bench, bench->guest.n_reports - 1, POINTER_LEFT, 9, 10, 127);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_pixel_comes_back),
        cmocka_unit_test_setup_teardown(waiting_positions_are_merged, setup, teardown),
        cmocka_unit_test_setup_teardown(guest_that_begins_to_listen_is_not_moved, setup, teardown),
        cmocka_unit_test_setup_teardown(click_waits_until_the_guest_has_settled, setup, teardown),
        cmocka_unit_test_setup_teardown(clicks_and_turns_are_not_merged, setup, teardown),
        cmocka_unit_test_setup_teardown(turn_is_not_repeated, setup_listening, teardown),
        cmocka_unit_test_setup_teardown(reports_are_paced, setup_listening, teardown),
        cmocka_unit_test_setup_teardown(full_queue_ends_in_the_right_state, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
