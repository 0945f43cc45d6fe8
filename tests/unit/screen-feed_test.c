/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * screen-feed_test.c - what a display tells, in the region; the test plays the display
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "pair/screen-feed.h"
#include "scratch.h"

#define EDGE 64 /* pixels of the largest picture, both ways */

struct world {
    struct region region;
    ScreenFeed *feed;
};

static int setup(void **state)
{
    struct world *world = g_new0(struct world, 1);

    world->region = scratch_region(REGION_MIN_SIZE);
    world->feed = screen_feed_new(&world->region);
    screen_feed_open(world->feed);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;

    screen_feed_free(world->feed);
    free(world->region.base);
    g_free(world);
    return 0;
}

/* The guest shows a picture of one colour. */
static void show(struct world *world, int width, int height, guint32 colour)
{
    static guint32 pixels[EDGE * EDGE];

    for (int i = 0; i < width * height; i++)
        pixels[i] = colour;
    screen_feed_events.picture(width, height, (const guint8 *)pixels, 4 * (gsize)width,
                               world->feed);
}

static void only_what_changes_is_recorded(void **state)
{
    struct world *world = *state;
    g_autofree struct screen_tiles *tiles = g_new0(struct screen_tiles, 1);
    const guint32 dot = 0xffffff;

    show(world, 64, 64, 0);
    screen_feed_record(world->feed, tiles);
    show(world, 64, 64, 0);
    assert_int_equal(tiles->rows[1][0], 0);
    screen_feed_events.update((DisplayRect){33, 17, 1, 1}, (const guint8 *)&dot, 4, world->feed);
    assert_int_equal(tiles->rows[0][0], 0);
    assert_int_equal(tiles->rows[1][0], 1 << 2);
}

/* The picture that went ahead was of the size that the screen has again, and is not what lay under
 * the other one. */
static void a_size_that_was_left_is_recorded(void **state)
{
    struct world *world = *state;
    g_autofree struct screen_tiles *tiles = g_new0(struct screen_tiles, 1);

    show(world, 64, 64, 0xff);
    screen_feed_record(world->feed, tiles);
    show(world, 32, 32, 0xff);
    show(world, 64, 64, 0xff);
    for (int row = 0; row < 64 / SCREEN_TILE; row++)
        assert_int_equal(tiles->rows[row][0] & 0xf, 0xf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_what_changes_is_recorded, setup, teardown),
        cmocka_unit_test_setup_teardown(a_size_that_was_left_is_recorded, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
