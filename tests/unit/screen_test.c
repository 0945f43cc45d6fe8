/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * screen_test.c - pixels, damage and geometry between host and Domain R
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

static int setup(void **state)
{
    struct region *region = malloc(sizeof(*region));

    *region = scratch_region(REGION_MIN_SIZE); /* room for 2 MB of pixels */
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

/* What screen_take_damage() told. */
struct told {
    struct screen_rect rects[64];
    size_t count;
};

static void note(struct screen_rect rect, void *data)
{
    struct told *told = data;

    assert_true(told->count < sizeof(told->rects) / sizeof(told->rects[0]));
    told->rects[told->count++] = rect;
}

/* take() - take the damage; @tiles: how many damaged ones are expected */
static struct told take(const struct region *region, uint32_t width, uint32_t height, size_t tiles)
{
    struct told told = {.count = 0};
    struct screen_geometry geometry = {width, height};

    assert_int_equal(screen_take_damage(region, geometry, note, &told), tiles);
    return told;
}

static void assert_rect(struct screen_rect rect, uint32_t x, uint32_t y, uint32_t width,
                        uint32_t height)
{
    assert_int_equal(rect.x, x);
    assert_int_equal(rect.y, y);
    assert_int_equal(rect.width, width);
    assert_int_equal(rect.height, height);
}

static void fresh_region_has_no_screen(void **state)
{
    uint32_t sequence = 77;
    struct screen_geometry geometry = screen_geometry(*state, &sequence);

    assert_int_equal(geometry.width, 0);
    assert_int_equal(geometry.height, 0);
    assert_int_equal(sequence, 0);
    assert_int_equal(take(*state, SCREEN_MAX_WIDTH, SCREEN_MAX_HEIGHT, 0).count, 0);
}

static void geometry_is_told_with_a_new_sequence(void **state)
{
    uint32_t first;
    uint32_t second;

    assert_int_equal(screen_set_geometry(*state, 640, 480), 0);
    struct screen_geometry geometry = screen_geometry(*state, &first);

    assert_int_equal(geometry.width, 640);
    assert_int_equal(geometry.height, 480);
    assert_int_equal(first % 2, 0);

    assert_int_equal(screen_set_geometry(*state, 720, 400), 0);
    geometry = screen_geometry(*state, &second);
    assert_int_equal(geometry.width, 720);
    assert_int_equal(geometry.height, 400);
    assert_int_not_equal(first, second);
}

static void screen_too_big_changes_nothing(void **state)
{
    struct region *region = *state;
    uint32_t before;
    uint32_t after;

    assert_int_equal(screen_set_geometry(region, 640, 480), 0);
    (void)screen_geometry(region, &before);

    assert_true(screen_fits(region, 1024, 512)); /* exactly 2 MB */
    assert_false(screen_fits(region, 1024, 513));
    assert_int_equal(screen_set_geometry(region, 1024, 513), -E2BIG);
    assert_int_equal(screen_set_geometry(region, SCREEN_MAX_WIDTH + 1, 1), -E2BIG);
    assert_int_equal(screen_set_geometry(region, 1, SCREEN_MAX_HEIGHT + 1), -E2BIG);
    assert_int_equal(screen_set_geometry(region, 0x80000000, 2), -E2BIG);
    assert_int_equal(screen_set_geometry(region, UINT32_MAX, UINT32_MAX), -E2BIG);

    struct screen_geometry geometry = screen_geometry(region, &after);

    assert_int_equal(geometry.width, 640);
    assert_int_equal(geometry.height, 480);
    assert_int_equal(before, after);
}

static void hostile_geometry_is_no_screen(void **state)
{
    struct region *region = *state;
    struct screen_shared *shared = (void *)(region->base + REGION_SCREEN_OFFSET);
    static const uint32_t hostile[][2] = {
        {1024, 513},
        {SCREEN_MAX_WIDTH + 1, 1},
        {UINT32_MAX, UINT32_MAX},
        {0x10000, 0x10000},
        {0, 5},
        {5, 0},
    };
    uint32_t sequence;

    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        atomic_store(&shared->width, hostile[i][0]);
        atomic_store(&shared->height, hostile[i][1]);

        struct screen_geometry geometry = screen_geometry(region, &sequence);

        assert_int_equal(geometry.width, 0);
        assert_int_equal(geometry.height, 0);

        /* The host does not believe it either. */
        screen_damage(region, (struct screen_rect){0, 0, UINT32_MAX, UINT32_MAX});
        assert_int_equal(take(region, SCREEN_MAX_WIDTH, SCREEN_MAX_HEIGHT, 0).count, 0);
    }
}

static void reader_does_not_hang_with_a_writer_that_died(void **state)
{
    struct region *region = *state;
    struct screen_shared *shared = (void *)(region->base + REGION_SCREEN_OFFSET);
    uint32_t sequence;

    assert_int_equal(screen_set_geometry(region, 640, 480), 0);
    atomic_fetch_add(&shared->sequence, 1);

    struct screen_geometry geometry = screen_geometry(region, &sequence);

    assert_int_equal(geometry.width, 0);
    assert_int_equal(sequence % 2, 1);

    /* Its successor makes it whole again. */
    assert_int_equal(screen_set_geometry(region, 720, 400), 0);
    geometry = screen_geometry(region, &sequence);
    assert_int_equal(geometry.width, 720);
    assert_int_equal(sequence % 2, 0);
}

static void damage_is_taken_once_in_tiles(void **state)
{
    struct told told;

    assert_int_equal(screen_set_geometry(*state, 640, 480), 0);
    screen_damage(*state, (struct screen_rect){17, 33, 1, 1});
    screen_damage(*state, (struct screen_rect){31, 47, 1, 1}); /* the same tile */
    told = take(*state, 640, 480, 1);
    assert_int_equal(told.count, 1);
    assert_rect(told.rects[0], 16, 32, 16, 16);
    assert_int_equal(take(*state, 640, 480, 0).count, 0);
}

static void rectangle_over_tile_borders_damages_every_tile_it_touches(void **state)
{
    struct told told;

    assert_int_equal(screen_set_geometry(*state, 640, 480), 0);
    screen_damage(*state, (struct screen_rect){15, 15, 18, 2});
    told = take(*state, 640, 480, 6);
    assert_int_equal(told.count, 2);
    assert_rect(told.rects[0], 0, 0, 48, 16);
    assert_rect(told.rects[1], 0, 16, 48, 16);
}

static void runs_are_told_apart_and_joined_over_words(void **state)
{
    struct region wide = scratch_region(REGION_DEFAULT_SIZE);
    struct told told;

    /* Tiles 62..65 span two words of the bitmap; tile 130 stands in the third alone. */
    assert_int_equal(screen_set_geometry(&wide, 3840, 16), 0);
    screen_damage(&wide, (struct screen_rect){62 * 16, 0, 64, 16});
    screen_damage(&wide, (struct screen_rect){130 * 16, 3, 1, 1});
    told = take(&wide, 3840, 16, 5);
    assert_int_equal(told.count, 2);
    assert_rect(told.rects[0], 62 * 16, 0, 64, 16);
    assert_rect(told.rects[1], 130 * 16, 0, 16, 16);

    /* A rectangle whose first and last word are not neighbours. */
    screen_damage(&wide, (struct screen_rect){16, 0, 3840 - 32, 16});
    told = take(&wide, 3840, 16, 238);
    assert_int_equal(told.count, 1);
    assert_rect(told.rects[0], 16, 0, 3840 - 32, 16);
    free(wide.base);
}

static void damage_is_clipped_to_the_screen(void **state)
{
    struct told told;

    assert_int_equal(screen_set_geometry(*state, 100, 50), 0);
    screen_damage(*state, (struct screen_rect){90, 40, UINT32_MAX, UINT32_MAX});
    told = take(*state, 100, 50, 4);
    assert_int_equal(told.count, 2);
    assert_rect(told.rects[0], 80, 32, 20, 16);
    assert_rect(told.rects[1], 80, 48, 20, 2);

    screen_damage(*state, (struct screen_rect){100, 0, 1, 1});
    screen_damage(*state, (struct screen_rect){0, 50, 1, 1});
    screen_damage(*state, (struct screen_rect){UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX});
    screen_damage(*state, (struct screen_rect){5, 5, 0, 10});
    screen_damage(*state, (struct screen_rect){5, 5, 10, 0});
    assert_int_equal(take(*state, SCREEN_MAX_WIDTH, SCREEN_MAX_HEIGHT, 0).count, 0);
}

/* A reader that still has the old geometry must not lose what it does not tell. */
static void damage_outside_of_the_readers_geometry_stays(void **state)
{
    struct told told;

    assert_int_equal(screen_set_geometry(*state, 640, 480), 0);
    screen_damage(*state, (struct screen_rect){0, 0, 640, 480});
    told = take(*state, 320, 16, 20);
    assert_rect(told.rects[0], 0, 0, 320, 16);
    told = take(*state, 640, 480, 40 * 30 - 20);
    assert_rect(told.rects[0], 320, 0, 320, 16);
    assert_rect(told.rects[1], 0, 16, 640, 16);
}

static void largest_screen_is_damaged_to_its_last_tile(void **state)
{
    struct region large = scratch_region(0x10400000);
    struct screen_shared *shared = (void *)(large.base + REGION_SCREEN_OFFSET);
    struct told told;

    assert_int_equal(screen_set_geometry(&large, SCREEN_MAX_WIDTH, SCREEN_MAX_HEIGHT), 0);
    screen_damage(&large, (struct screen_rect){SCREEN_MAX_WIDTH - 1, SCREEN_MAX_HEIGHT - 1, 9, 9});
    assert_true(atomic_load(&shared->damage[SCREEN_TILE_ROWS - 1][SCREEN_ROW_WORDS - 1]) ==
                UINT64_C(1) << 63);
    told = take(&large, UINT32_MAX, UINT32_MAX, 1); /* also bounded by the reader */
    assert_rect(told.rects[0], SCREEN_MAX_WIDTH - 16, SCREEN_MAX_HEIGHT - 16, 16, 16);
    free(large.base);
}

static void write_puts_pixels_in_their_place_and_damages_them(void **state)
{
    static const uint32_t source[3][5] = {
        {0x11, 0x12, 0x13, 0, 0}, {0x21, 0x22, 0x23, 0, 0}, {0x31, 0x32, 0x33, 0, 0}};
    const uint32_t *pixels = screen_pixels(*state);
    struct told told;

    assert_int_equal(screen_set_geometry(*state, 20, 10), 0);
    screen_write(*state, (struct screen_geometry){20, 10}, (struct screen_rect){4, 2, 3, 3}, source,
                 sizeof(source[0]), NULL);
    for (uint32_t y = 0; y < 10; y++) {
        for (uint32_t x = 0; x < 20; x++) {
            int inside = x >= 4 && x < 7 && y >= 2 && y < 5;

            assert_int_equal(pixels[y * 20 + x], inside ? source[y - 2][x - 4] : 0);
        }
    }
    told = take(*state, 20, 10, 1);
    assert_rect(told.rects[0], 0, 0, 16, 10);
}

static void write_damages_only_what_differs(void **state)
{
    enum {
        WIDTH = 100,
        HEIGHT = 40
    };
    uint32_t picture[HEIGHT][WIDTH] = {0};
    struct screen_geometry size = {WIDTH, HEIGHT};
    struct screen_rect all = {0, 0, WIDTH, HEIGHT};
    struct screen_tiles changed = {0};
    struct told told;

    assert_int_equal(screen_set_geometry(*state, WIDTH, HEIGHT), 0);
    assert_false(screen_write(*state, size, all, picture, sizeof(picture[0]), &changed));
    (void)take(*state, WIDTH, HEIGHT, 0);

    picture[39][99] = 1;
    picture[16][15] = 2;
    assert_true(screen_write(*state, size, all, picture, sizeof(picture[0]), &changed));
    assert_int_equal(((uint32_t *)screen_pixels(*state))[39 * WIDTH + 99], 1);
    assert_int_equal(((uint32_t *)screen_pixels(*state))[16 * WIDTH + 15], 2);
    told = take(*state, WIDTH, HEIGHT, 2);
    assert_rect(told.rects[0], 0, 16, 16, 16);
    assert_rect(told.rects[1], 96, 32, 4, 8);
    assert_true(changed.rows[0][0] == 0 && changed.rows[1][0] == 1 && changed.rows[2][0] == 64);

    assert_false(screen_write(*state, size, all, picture, sizeof(picture[0]), &changed));
    (void)take(*state, WIDTH, HEIGHT, 0);
}

static void damage_is_told_and_set_as_tiles(void **state)
{
    struct screen_tiles tiles = {0};
    struct screen_tiles pending = {0};

    assert_int_equal(screen_set_geometry(*state, 640, 480), 0);
    tiles.rows[3][0] = UINT64_C(1) << 39;
    screen_add_damage(*state, &tiles);
    screen_damage(*state, (struct screen_rect){0, 0, 1, 1});
    screen_pending(*state, &pending);
    assert_true(pending.rows[3][0] == UINT64_C(1) << 39 && pending.rows[0][0] == 1);
    (void)take(*state, 640, 480, 2);
}

static void write_is_clipped_and_reads_no_more_than_that(void **state)
{
    const uint32_t *pixels = screen_pixels(*state);
    /* Only what is inside exists: the sanitizer sees a read outside of it. The first line is four
     * pixels, the last only the two that are inside. */
    uint32_t *source = malloc(6 * sizeof(*source));
    struct screen_geometry size = {10, 10};

    for (uint32_t i = 0; i < 6; i++)
        source[i] = i + 1;
    assert_int_equal(screen_set_geometry(*state, 10, 10), 0);
    screen_write(*state, size, (struct screen_rect){8, 8, 4, 4}, source, 4 * sizeof(*source), NULL);
    assert_int_equal(pixels[88], 1);
    assert_int_equal(pixels[89], 2);
    assert_int_equal(pixels[90], 0);
    assert_int_equal(pixels[98], 5);
    assert_int_equal(pixels[99], 6);
    assert_int_equal(pixels[100], 0);

    screen_write(*state, size, (struct screen_rect){10, 0, 1, 1}, NULL, 0, NULL);
    screen_write(*state, size, (struct screen_rect){0, 10, 1, 1}, NULL, 0, NULL);
    free(source);
}

/* A reader that moved with its private copy of the numbers sees no change in the other region, and
 * every change after it, in whatever number that region's own changes would have come. */
static void reader_goes_on_in_another_region(void **state)
{
    struct region other = scratch_region(REGION_MIN_SIZE);
    struct cursor_shape shape = {1, 1, 0, 0, 1};
    struct cursor_shape seen;
    struct screen_state saved;
    uint32_t pixel = 7;
    static uint32_t pixels[CURSOR_MAX_SIZE * CURSOR_MAX_SIZE];
    uint32_t cursor = 0;
    uint32_t before;
    uint32_t after;

    assert_int_equal(screen_set_geometry(*state, 640, 480), 0);
    assert_int_equal(screen_set_geometry(*state, 320, 200), 0);
    assert_int_equal(cursor_define(*state, &shape, &pixel), 0);
    (void)screen_geometry(*state, &before);
    assert_true(cursor_read(*state, &cursor, &seen, pixels));

    screen_save(*state, &saved);
    assert_int_equal(screen_restore(&other, &saved), 0);
    struct screen_geometry geometry = screen_geometry(&other, &after);

    assert_int_equal(geometry.width, 320);
    assert_int_equal(geometry.height, 200);
    assert_int_equal(after, before);
    assert_false(cursor_read(&other, &cursor, &seen, pixels));

    assert_int_equal(screen_set_geometry(&other, 720, 400), 0);
    assert_int_equal(cursor_define(&other, &shape, &pixel), 0);
    (void)screen_geometry(&other, &after);
    assert_int_not_equal(after, before);
    assert_true(cursor_read(&other, &cursor, &seen, pixels));
    free(other.base);
}

static void state_that_does_not_fit_is_refused(void **state)
{
    struct screen_state hostile = {{1024, 513}, 8, 8};
    uint32_t sequence;

    assert_int_equal(screen_set_geometry(*state, 640, 480), 0);
    assert_int_equal(screen_restore(*state, &hostile), -E2BIG);
    struct screen_geometry geometry = screen_geometry(*state, &sequence);

    assert_int_equal(geometry.width, 640);
    assert_int_equal(sequence, 2);

    /* A number that would mean "in the middle of a change" for ever is made even. */
    hostile = (struct screen_state){{640, 480}, 9, 11};
    assert_int_equal(screen_restore(*state, &hostile), 0);
    geometry = screen_geometry(*state, &sequence);
    assert_int_equal(geometry.width, 640);
    assert_int_equal(sequence, 8);
}

/* Two threads, as the two sides are: the host numbers its writes and tells the last that it has
 * done; a reader who takes the damage after that must have seen it. */
#define THREAD_WRITES 200000u

struct painting {
    struct region *region;
    struct screen_geometry geometry;
    _Atomic uint32_t done; /* number of the last write */
    uint32_t seen[30][40]; /* the reader's picture, the first pixel of each tile */
};

static struct screen_rect place(uint32_t number)
{
    return (struct screen_rect){number % 40 * 16, number % 30 * 16, 1, 1};
}

static void *paint(void *data)
{
    struct painting *painting = data;

    for (uint32_t i = 1; i <= THREAD_WRITES; i++) {
        screen_write(painting->region, painting->geometry, place(i), &i, 4, NULL);
        atomic_store(&painting->done, i);
    }
    return NULL;
}

static void look(struct screen_rect rect, void *data)
{
    struct painting *painting = data;
    _Atomic uint32_t *pixels = screen_pixels(painting->region);

    for (uint32_t x = rect.x; x < rect.x + rect.width; x += 16)
        painting->seen[rect.y / 16][x / 16] =
            atomic_load_explicit(&pixels[rect.y * 640 + x], memory_order_relaxed);
}

static void damage_taken_after_a_write_shows_it_with_two_threads(void **state)
{
    struct screen_geometry geometry = {640, 480};
    struct painting painting = {.region = *state, .geometry = geometry};
    uint32_t done;
    pthread_t thread;

    assert_int_equal(screen_set_geometry(*state, 640, 480), 0);
    assert_int_equal(pthread_create(&thread, NULL, paint, &painting), 0);
    do {
        done = atomic_load(&painting.done);
        (void)screen_take_damage(*state, geometry, look, &painting);

        struct screen_rect last = place(done);

        assert_true(painting.seen[last.y / 16][last.x / 16] >= done);
    } while (done < THREAD_WRITES);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

/* Geometry under change: width and height always belong together. */
static void *resize(void *data)
{
    for (uint32_t i = 1; i <= THREAD_WRITES; i++)
        (void)screen_set_geometry(data, 1 + i % 500, 2 * (1 + i % 500));
    return NULL;
}

static void geometry_is_never_mixed_with_two_threads(void **state)
{
    struct region *region = *state;
    pthread_t thread;
    uint32_t sequence = 0;
    bool running;

    assert_int_equal(pthread_create(&thread, NULL, resize, region), 0);
    do {
        running = pthread_tryjoin_np(thread, NULL) == EBUSY;
        struct screen_geometry geometry = screen_geometry(region, &sequence);

        assert_int_equal(geometry.height, 2 * geometry.width);
    } while (running);
    assert_int_equal(sequence, 2 * THREAD_WRITES);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(fresh_region_has_no_screen),
        TEST(geometry_is_told_with_a_new_sequence),
        TEST(screen_too_big_changes_nothing),
        TEST(hostile_geometry_is_no_screen),
        TEST(reader_does_not_hang_with_a_writer_that_died),
        TEST(damage_is_taken_once_in_tiles),
        TEST(rectangle_over_tile_borders_damages_every_tile_it_touches),
        TEST(runs_are_told_apart_and_joined_over_words),
        TEST(damage_is_clipped_to_the_screen),
        TEST(damage_outside_of_the_readers_geometry_stays),
        TEST(largest_screen_is_damaged_to_its_last_tile),
        TEST(write_puts_pixels_in_their_place_and_damages_them),
        TEST(write_damages_only_what_differs),
        TEST(damage_is_told_and_set_as_tiles),
        TEST(write_is_clipped_and_reads_no_more_than_that),
        TEST(reader_goes_on_in_another_region),
        TEST(state_that_does_not_fit_is_refused),
        TEST(damage_taken_after_a_write_shows_it_with_two_threads),
        TEST(geometry_is_never_mixed_with_two_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
