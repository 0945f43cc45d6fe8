/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * carry_test.c - what Domain R finds in the region it is given instead of its old one
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "region/carry.h"
#include "region/screen.h"
#include "scratch.h"

struct move {
    struct region from;
    struct region to;
    struct record_writer writer;
};

static int setup(void **state)
{
    struct move *move = calloc(1, sizeof(*move));

    move->from = scratch_region(2 * (size_t)REGION_MIN_SIZE);
    move->to = scratch_region(REGION_MIN_SIZE);
    *state = move;
    return 0;
}

static int teardown(void **state)
{
    struct move *move = *state;

    free(move->from.base);
    free(move->to.base);
    free(move->writer.bytes);
    free(move);
    return 0;
}

/* live() - a region that has been used */
static void live(const struct region *region)
{
    struct region_status *status = region_status(region);
    struct cursor_shape hidden = {0};

    assert_int_equal(screen_set_geometry(region, 640, 480), 0);
    assert_int_equal(screen_set_geometry(region, 800, 600), 0);
    assert_int_equal(cursor_define(region, &hidden, NULL), 0);
    atomic_store(&status->state, REGION_STATE_READY);
    atomic_store(&status->heartbeat, 11);
    atomic_store(&status->clients, 12);
    atomic_store(&status->leds, 5);
    atomic_store(&status->write_back, 1);
    atomic_store(&status->memory_free, 50000);
    strcpy(status->address, "10.0.0.5:5900");
    strcpy(status->message, "all is well");
    atomic_store(&region_notice(region)->user_vm, REGION_USER_VM_PAUSED);
    atomic_store(&region_notice(region)->generations[REGION_STREAM_POINTER], 3);
}

/* assert_blank() - a region into which nothing was installed */
static void assert_blank(const struct region *region)
{
    struct region blank = scratch_region(region->size);

    assert_memory_equal(region->base, blank.base, REGION_CURSOR_OFFSET + 4096);
    free(blank.base);
}

static void everything_said_is_there_again(void **state)
{
    struct move *move = *state;
    struct region_status *status = region_status(&move->to);
    uint32_t before;
    uint32_t after;

    live(&move->from);
    (void)screen_geometry(&move->from, &before);
    assert_int_equal(carry_save(&move->from, &move->writer), 0);
    assert_int_equal(carry_restore(&move->to, move->writer.bytes, move->writer.size), 0);

    struct screen_geometry geometry = screen_geometry(&move->to, &after);

    assert_int_equal(geometry.width, 800);
    assert_int_equal(geometry.height, 600);
    assert_int_equal(after, before);
    assert_int_equal(atomic_load(&status->state), REGION_STATE_READY);
    assert_int_equal(atomic_load(&status->heartbeat), 11);
    assert_int_equal(atomic_load(&status->clients), 12);
    assert_int_equal(atomic_load(&status->leds), 5);
    assert_int_equal(atomic_load(&status->write_back), 1);
    assert_int_equal(atomic_load(&status->memory_free), 50000);
    assert_string_equal(status->address, "10.0.0.5:5900");
    assert_string_equal(status->message, "all is well");
    assert_int_equal(atomic_load(&region_notice(&move->to)->user_vm), REGION_USER_VM_PAUSED);
    assert_int_equal(atomic_load(&region_notice(&move->to)->generations[0]), 0);
    assert_int_equal(atomic_load(&region_notice(&move->to)->generations[REGION_STREAM_POINTER]), 3);
}

static void text_without_end_is_cut(void **state)
{
    struct move *move = *state;
    struct region_status *status = region_status(&move->from);

    memset(status->address, 'a', sizeof(status->address));
    memset(status->message, 'm', sizeof(status->message));
    assert_int_equal(carry_save(&move->from, &move->writer), 0);
    assert_int_equal(carry_restore(&move->to, move->writer.bytes, move->writer.size), 0);
    assert_int_equal(strlen(region_status(&move->to)->address), REGION_ADDRESS_SIZE - 1);
    assert_int_equal(strlen(region_status(&move->to)->message), REGION_MESSAGE_SIZE - 1);
}

static void every_truncation_is_refused_or_whole(void **state)
{
    struct move *move = *state;
    size_t accepted = 0;

    live(&move->from);
    assert_int_equal(carry_save(&move->from, &move->writer), 0);
    for (size_t size = 0; size < move->writer.size; size++) {
        struct region to = scratch_region(REGION_MIN_SIZE);
        int result = carry_restore(&to, move->writer.bytes, size);

        /* Without the optional records at the end it is complete: what is cut there was not said.
         */
        if (result == 0) {
            accepted++;
            assert_int_equal(size % 8, 0);
        } else {
            assert_int_equal(result, -EPROTO);
            assert_blank(&to);
        }
        free(to.base);
    }
    assert_int_equal(accepted, 10); /* ten records need not be there */
}

/* expect() - what a good pair of mandatory records and then @extra make */
static void expect(struct move *move, int expected)
{
    int result = carry_restore(&move->to, move->writer.bytes, move->writer.size);

    assert_int_equal(result, expected);
    if (expected < 0)
        assert_blank(&move->to);
    move->writer.size = 0;
}

static void put_good(struct move *move, uint32_t width, uint32_t height)
{
    assert_int_equal(
        record_put_u64(&move->writer, RECORD_MANDATORY | 1, (uint64_t)width << 32 | height), 0);
    assert_int_equal(record_put_u64(&move->writer, RECORD_MANDATORY | 2, 4), 0);
    assert_int_equal(record_put_u32(&move->writer, 3, REGION_STATE_READY), 0);
}

static void what_makes_no_sense_changes_nothing(void **state)
{
    struct move *move = *state;
    char text[REGION_MESSAGE_SIZE + 1];

    put_good(move, 1024, 513); /* more pixels than this region has */
    expect(move, -E2BIG);

    put_good(move, 640, 480); /* mandatory, and from a later release */
    assert_int_equal(record_put_u32(&move->writer, RECORD_MANDATORY | 99, 1), 0);
    expect(move, -EPROTO);

    put_good(move, 640, 480); /* a number of the wrong length */
    assert_int_equal(record_put_u64(&move->writer, 3, 1), 0);
    expect(move, -EPROTO);

    put_good(move, 640, 480); /* a text that is longer than its place */
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(record_put_text(&move->writer, 9, text), 0);
    expect(move, -EPROTO);

    put_good(move, 640, 480); /* a text without an end */
    assert_int_equal(record_put(&move->writer, 8, "abc", 3), 0);
    expect(move, -EPROTO);

    put_good(move, 640, 480); /* and the same without a fault, with something to skip */
    assert_int_equal(record_put_text(&move->writer, 99, "of a later release"), 0);
    expect(move, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(everything_said_is_there_again),
        TEST(text_without_end_is_cut),
        TEST(every_truncation_is_refused_or_whole),
        TEST(what_makes_no_sense_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
