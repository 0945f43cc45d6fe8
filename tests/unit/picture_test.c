/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * picture_test.c - QEMU's display calls become pictures and updates: clipped, converted, checked
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <pixman.h>

#include "base/error.h"
#include "qemu/display-picture.h"

#define WIDTH 8
#define HEIGHT 4

struct seen {
    Picture *picture;
    int pictures;
    int updates;
    int cursors;
    int disabled;
    int width;
    int height;
    DisplayRect rect;
    guint32 first; /* pixels at the corners of what was told, without the unused byte */
    guint32 last;
    const guint8 *pixels;
};

static guint32 pixel(const guint8 *pixels, gsize stride, int x, int y)
{
    guint32 value;

    memcpy(&value, pixels + (gsize)y * stride + (gsize)x * 4, sizeof(value));
    return value & 0xffffff;
}

static void on_picture(int width, int height, const guint8 *pixels, gsize stride, gpointer data)
{
    struct seen *seen = data;

    seen->pictures++;
    seen->width = width;
    seen->height = height;
    seen->pixels = pixels;
    seen->first = pixel(pixels, stride, 0, 0);
    seen->last = pixel(pixels, stride, width - 1, height - 1);
}

static void on_update(DisplayRect rect, const guint8 *pixels, gsize stride, gpointer data)
{
    struct seen *seen = data;

    seen->updates++;
    seen->rect = rect;
    seen->pixels = pixels;
    seen->first = pixel(pixels, stride, 0, 0);
    seen->last = pixel(pixels, stride, rect.width - 1, rect.height - 1);
}

static void on_cursor(int width, int height, int hot_x, int hot_y, const guint32 *pixels,
                      gpointer data)
{
    struct seen *seen = data;

    seen->cursors++;
    seen->width = width;
    seen->height = height;
    seen->rect = (DisplayRect){hot_x, hot_y, 0, 0};
}

static void on_visible(gboolean visible, gpointer data)
{
}

static void on_disabled(gpointer data)
{
    ((struct seen *)data)->disabled++;
}

static void on_lost(const GError *error, gpointer data)
{
}

static const DisplayEvents events = {on_picture, on_update,   on_cursor,
                                     on_visible, on_disabled, on_lost};

static int setup(void **state)
{
    struct seen *seen = g_new0(struct seen, 1);

    seen->picture = picture_new(&events, seen);
    *state = seen;
    return 0;
}

static int teardown(void **state)
{
    struct seen *seen = *state;

    picture_free(seen->picture);
    g_free(seen);
    return 0;
}

/* number_pixels() - the pixel at (x, y) is 0x010000 * y + x */
static void number_pixels(guint32 *pixels, int width, int height)
{
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++)
            pixels[y * width + x] = (guint32)(y << 16 | x);
    }
}

static PictureSource source_of(const void *pixels, guint32 format, int width, int height)
{
    gsize size = (gsize)width * PIXMAN_FORMAT_BPP(format) / 8;

    return (PictureSource){format, (guint32)size, pixels, size * (gsize)height};
}

static void show_numbered(struct seen *seen, guint32 *pixels)
{
    PictureSource source = source_of(pixels, PIXMAN_x8r8g8b8, WIDTH, HEIGHT);

    number_pixels(pixels, WIDTH, HEIGHT);
    assert_true(picture_scanout(seen->picture, WIDTH, HEIGHT, &source, NULL));
}

static void test_scanout(void **state)
{
    struct seen *seen = *state;
    guint32 pixels[WIDTH * HEIGHT];

    assert_string_equal(picture_form(seen->picture), "none");
    show_numbered(seen, pixels);
    assert_int_equal(seen->pictures, 1);
    assert_int_equal(seen->width, WIDTH);
    assert_int_equal(seen->height, HEIGHT);
    assert_int_equal(seen->last, 0x030007);
    assert_ptr_equal(seen->pixels, pixels); /* not copied */
    assert_string_equal(picture_form(seen->picture), "plain");
    assert_int_equal(picture_updates(seen->picture), 1);
}

static void test_update_clipped(void **state)
{
    static const struct {
        DisplayRect given;
        DisplayRect told;
        guint32 first; /* numbers count from the corner of the given rectangle */
    } rows[] = {
        {{0, 0, 8, 4}, {0, 0, 8, 4}, 0},
        {{2, 1, 3, 2}, {2, 1, 3, 2}, 0},
        {{6, 3, 5, 5}, {6, 3, 2, 1}, 0},
        {{-2, -1, 4, 4}, {0, 0, 2, 3}, 0x010002},
        {{-5, -5, 100, 100}, {0, 0, 8, 4}, 0x050005},
    };
    struct seen *seen = *state;
    guint32 pixels[WIDTH * HEIGHT];
    guint32 update[100 * 100];

    show_numbered(seen, pixels);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        DisplayRect given = rows[i].given;
        PictureSource source = source_of(update, PIXMAN_a8r8g8b8, given.width, given.height);

        number_pixels(update, given.width, given.height);
        assert_true(picture_update(seen->picture, given, &source, NULL));
        assert_int_equal(seen->updates, i + 1);
        assert_memory_equal(&seen->rect, &rows[i].told, sizeof(seen->rect));
        assert_int_equal(seen->first, rows[i].first);
    }
}

/* Pixels outside of the picture are no error and tell nothing. */
static void test_update_outside(void **state)
{
    static const DisplayRect outside[] = {
        {8, 0, 2, 2}, {0, 4, 2, 2}, {-2, 0, 2, 2}, {INT_MAX, INT_MAX, 2, 2}, {INT_MIN, 0, 2, 2},
    };
    struct seen *seen = *state;
    guint32 pixels[WIDTH * HEIGHT];
    guint32 update[4] = {0};
    PictureSource source = source_of(update, PIXMAN_x8r8g8b8, 2, 2);

    assert_true(picture_update(seen->picture, (DisplayRect){0, 0, 2, 2}, &source, NULL));
    show_numbered(seen, pixels);
    for (gsize i = 0; i < G_N_ELEMENTS(outside); i++)
        assert_true(picture_update(seen->picture, outside[i], &source, NULL));
    assert_int_equal(seen->updates, 0);
}

static void test_formats(void **state)
{
    struct seen *seen = *state;
    const guint16 r5g6b5[] = {0xf800, 0x07e0, 0x001f, 0xffff};
    const guint32 x8b8g8r8[] = {0x00332211};
    const guint32 b8g8r8x8[] = {0x33221100};
    PictureSource source = source_of(r5g6b5, PIXMAN_r5g6b5, 4, 1);

    assert_true(picture_scanout(seen->picture, 4, 1, &source, NULL));
    assert_int_equal(seen->first, 0xff0000);
    assert_int_equal(seen->last, 0xffffff);

    /* An update of a part, out of a source that begins elsewhere. */
    source = source_of(r5g6b5, PIXMAN_r5g6b5, 4, 1);
    assert_true(picture_update(seen->picture, (DisplayRect){-1, 0, 4, 1}, &source, NULL));
    assert_int_equal(seen->rect.width, 3);
    assert_int_equal(seen->first, 0x00ff00);

    source = source_of(x8b8g8r8, PIXMAN_x8b8g8r8, 1, 1);
    assert_true(picture_scanout(seen->picture, 1, 1, &source, NULL));
    assert_int_equal(seen->first, 0x112233);

    source = source_of(b8g8r8x8, PIXMAN_b8g8r8x8, 1, 1);
    assert_true(picture_scanout(seen->picture, 1, 1, &source, NULL));
    assert_int_equal(seen->first, 0x112233);
}

/* Numbers that cannot be true are refused, and the picture stays. */
static void test_refused(void **state)
{
    struct seen *seen = *state;
    guint32 pixels[WIDTH * HEIGHT];
    const struct {
        guint width;
        guint height;
        PictureSource source;
    } rows[] = {
        {0, 4, {PIXMAN_x8r8g8b8, 32, (guint8 *)pixels, 128}},
        {8, 0, {PIXMAN_x8r8g8b8, 32, (guint8 *)pixels, 128}},
        {PICTURE_MAX_SIZE + 1, 1, {PIXMAN_x8r8g8b8, UINT32_MAX & ~3u, (guint8 *)pixels, 128}},
        {UINT_MAX, UINT_MAX, {PIXMAN_x8r8g8b8, 32, (guint8 *)pixels, 128}},
        {8, 4, {PIXMAN_x8r8g8b8, 28, (guint8 *)pixels, 128}},  /* lines too short */
        {8, 4, {PIXMAN_x8r8g8b8, 33, (guint8 *)pixels, 1000}}, /* no whole words */
        {8, 4, {PIXMAN_x8r8g8b8, 32, (guint8 *)pixels, 127}},  /* a byte is missing */
        {8, 4, {PIXMAN_x8r8g8b8, UINT32_MAX - 3, (guint8 *)pixels, 128}},
        {8, 4, {0, 32, (guint8 *)pixels, 128}},
        {8, 4, {UINT32_MAX, 32, (guint8 *)pixels, 128}},
        {8, 4, {PIXMAN_a1r1g1b1, 0, (guint8 *)pixels, 0}}, /* half a byte each */
        {8, 4, {PIXMAN_c8, 32, (guint8 *)pixels, 128}},    /* needs a palette */
    };

    show_numbered(seen, pixels);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        DisplayRect rect = {0, 0, (int)rows[i].width, (int)rows[i].height};

        assert_false(
            picture_scanout(seen->picture, rows[i].width, rows[i].height, &rows[i].source, &error));
        assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_FAILED));
        assert_false(picture_update(seen->picture, rect, &rows[i].source, NULL));
    }
    assert_int_equal(seen->pictures, 1);
    assert_int_equal(seen->updates, 0);
    assert_int_equal(picture_width(seen->picture), WIDTH);
}

#define OFFSET 64

/* make_memory() - a file with room for the picture at OFFSET */
static int make_memory(guint32 **pixels)
{
    const gsize size = OFFSET + sizeof(guint32) * WIDTH * HEIGHT;
    int fd = memfd_create("picture", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    guint8 *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    assert_ptr_not_equal(map, MAP_FAILED);
    *pixels = (guint32 *)(gpointer)(map + OFFSET);
    number_pixels(*pixels, WIDTH, HEIGHT);
    return fd;
}

static void drop_memory(int fd, guint32 *pixels)
{
    munmap((guint8 *)pixels - OFFSET, OFFSET + sizeof(guint32) * WIDTH * HEIGHT);
    close(fd);
}

static void test_map(void **state)
{
    struct seen *seen = *state;
    const PictureSource source = {PIXMAN_x8r8g8b8, WIDTH * 4, NULL, 0};
    guint32 *pixels;
    int fd = make_memory(&pixels);

    assert_true(picture_scanout_map(seen->picture, fd, OFFSET, WIDTH, HEIGHT, &source, NULL));
    assert_string_equal(picture_form(seen->picture), "map");
    assert_int_equal(seen->pictures, 1);
    assert_int_equal(seen->last, 0x030007);

    /* QEMU draws in its memory, then says where. */
    pixels[2 * WIDTH + 5] = 0xabcdef;
    assert_true(picture_update_map(seen->picture, (DisplayRect){5, 2, 100, 1}, NULL));
    assert_int_equal(seen->rect.width, 3);
    assert_int_equal(seen->first, 0xabcdef);

    /* The plain form ends the map. */
    PictureSource plain = source_of(pixels, PIXMAN_x8r8g8b8, WIDTH, HEIGHT);

    assert_true(picture_scanout(seen->picture, WIDTH, HEIGHT, &plain, NULL));
    assert_false(picture_update_map(seen->picture, (DisplayRect){0, 0, 1, 1}, NULL));
    drop_memory(fd, pixels);
}

static void test_map_converted(void **state)
{
    struct seen *seen = *state;
    const PictureSource source = {PIXMAN_x8b8g8r8, WIDTH * 4, NULL, 0};
    guint32 *pixels;
    int fd = make_memory(&pixels);

    assert_true(picture_scanout_map(seen->picture, fd, OFFSET, WIDTH, HEIGHT, &source, NULL));
    assert_int_equal(seen->last, 0x070003);
    assert_true(picture_update_map(seen->picture, (DisplayRect){1, 2, 2, 2}, NULL));
    assert_int_equal(seen->first, 0x010002);
    assert_int_equal(seen->last, 0x020003);
    drop_memory(fd, pixels);
}

/* Memory that is smaller than the picture is never mapped: reading it would end the process. */
static void test_map_refused(void **state)
{
    struct seen *seen = *state;
    const PictureSource source = {PIXMAN_x8r8g8b8, WIDTH * 4, NULL, 0};
    Picture *picture = seen->picture;
    guint32 *pixels;
    int fd = make_memory(&pixels);

    assert_false(picture_update_map(picture, (DisplayRect){0, 0, 1, 1}, NULL));
    assert_false(picture_scanout_map(picture, fd, OFFSET, WIDTH, HEIGHT + 1, &source, NULL));
    assert_false(picture_scanout_map(picture, fd, OFFSET + 4, WIDTH, HEIGHT, &source, NULL));
    assert_false(picture_scanout_map(picture, fd, OFFSET - 1, WIDTH, HEIGHT, &source, NULL));
    assert_false(picture_scanout_map(picture, fd, UINT_MAX - 3, WIDTH, HEIGHT, &source, NULL));
    assert_false(picture_scanout_map(picture, -1, 0, WIDTH, HEIGHT, &source, NULL));
    assert_int_equal(seen->pictures, 0);
    assert_string_equal(picture_form(picture), "none");
    drop_memory(fd, pixels);
}

static void test_cursor(void **state)
{
    struct seen *seen = *state;
    const guint32 pixels[4] = {0};
    const guint8 *bytes = (const guint8 *)pixels;

    assert_true(picture_cursor(seen->picture, 2, 2, 5, -1, bytes, sizeof(pixels), NULL));
    assert_int_equal(seen->width, 2);
    assert_int_equal(seen->rect.x, 1); /* the hot spot is inside */
    assert_int_equal(seen->rect.y, 0);
    assert_true(picture_cursor(seen->picture, 0, 0, 0, 0, NULL, 0, NULL));
    assert_int_equal(seen->cursors, 2);
    assert_false(picture_cursor(seen->picture, 2, 3, 0, 0, bytes, sizeof(pixels), NULL));
    assert_false(picture_cursor(seen->picture, -1, 1, 0, 0, bytes, sizeof(pixels), NULL));
    assert_false(picture_cursor(seen->picture, INT_MIN, INT_MIN, 0, 0, bytes, 16, NULL));
    assert_int_equal(seen->cursors, 2);
}

static void test_disable(void **state)
{
    struct seen *seen = *state;
    guint32 pixels[WIDTH * HEIGHT];

    show_numbered(seen, pixels);
    picture_disable(seen->picture);
    assert_int_equal(seen->disabled, 1);
    assert_int_equal(picture_width(seen->picture), 0);
    assert_string_equal(picture_form(seen->picture), "none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_scanout, setup, teardown),
        cmocka_unit_test_setup_teardown(test_update_clipped, setup, teardown),
        cmocka_unit_test_setup_teardown(test_update_outside, setup, teardown),
        cmocka_unit_test_setup_teardown(test_formats, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_map, setup, teardown),
        cmocka_unit_test_setup_teardown(test_map_converted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_map_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cursor, setup, teardown),
        cmocka_unit_test_setup_teardown(test_disable, setup, teardown),
    };

    return cmocka_run_group_tests_name("picture", tests, NULL, NULL);
}
