/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * picture_fuzz.c - what a user VM's display says of its screen, up to the region
 *
 * An input is a list of calls with their numbers. What is passed on lies in the picture, and its
 * pixels can be read; the feed puts them into a region, first from behind its curtain.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <pixman.h>

#include "fuzz-glib.h"
#include "pair/screen-feed.h"
#include "qemu/display-picture.h"

enum call {
    SCANOUT,
    UPDATE,
    SCANOUT_MAP,
    UPDATE_MAP,
    CURSOR,
    VISIBLE,
    DISABLE,
    OPEN,
    CALLS
};

#define MEMORY_SIZE 65536

/* The formats that QEMU uses, one that has half a byte, and one that needs a palette. */
static const guint32 formats[] = {
    PIXMAN_x8r8g8b8, PIXMAN_a8r8g8b8, PIXMAN_r8g8b8, PIXMAN_r5g6b5,      PIXMAN_x1r5g5b5,
    PIXMAN_b8g8r8x8, PIXMAN_x8b8g8r8, PIXMAN_c8,     PIXMAN_x2r10g10b10, PIXMAN_a1r1g1b1,
};

typedef struct {
    Picture *picture;
    ScreenFeed *feed;
    gboolean open;
} World;

static int memory = -1;

static uint32_t digest; /* of the pixels, so that they are read */

/* Every pixel of the lines is read: they have to be there. */
static void read_lines(int width, int height, const guint8 *pixels, gsize stride)
{
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            digest = digest * 31 + pixels[(gsize)y * stride + 4 * (gsize)x + 3];
}

static void on_picture(int width, int height, const guint8 *pixels, gsize stride, gpointer data)
{
    World *world = data;

    CHECK(width > 0 && height > 0 && stride >= 4 * (gsize)width);
    read_lines(width, height, pixels, stride);
    screen_feed_events.picture(width, height, pixels, stride, world->feed);
}

static void on_update(DisplayRect rect, const guint8 *pixels, gsize stride, gpointer data)
{
    World *world = data;

    CHECK(rect.x >= 0 && rect.y >= 0 && rect.width > 0 && rect.height > 0);
    CHECK(rect.width <= picture_width(world->picture) - rect.x);
    CHECK(rect.height <= picture_height(world->picture) - rect.y);
    read_lines(rect.width, rect.height, pixels, stride);
    screen_feed_events.update(rect, pixels, stride, world->feed);
}

static void on_cursor(int width, int height, int hot_x, int hot_y, const guint32 *pixels,
                      gpointer data)
{
    World *world = data;

    CHECK((width == 0 && height == 0) || (hot_x >= 0 && hot_x < width));
    CHECK((width == 0 && height == 0) || (hot_y >= 0 && hot_y < height));
    read_lines(width, height, (const guint8 *)pixels, 4 * (gsize)width);
    screen_feed_events.cursor(width, height, hot_x, hot_y, pixels, world->feed);
}

static void on_visible(gboolean visible, gpointer data)
{
    World *world = data;

    screen_feed_events.cursor_visible(visible, world->feed);
}

static void on_disabled(gpointer data)
{
    World *world = data;

    screen_feed_events.disabled(world->feed);
}

static const DisplayEvents events = {
    .picture = on_picture,
    .update = on_update,
    .cursor = on_cursor,
    .cursor_visible = on_visible,
    .disabled = on_disabled,
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    fuzz_quiet_glib();
    memory = memfd_create("picture", MFD_CLOEXEC);
    CHECK(memory >= 0 && ftruncate(memory, MEMORY_SIZE) == 0);
    return 0;
}

static guint32 take_format(struct fuzz_input *input)
{
    guint8 which = fuzz_u8(input);

    return which < 0x80 ? formats[which % G_N_ELEMENTS(formats)] : fuzz_u32(input);
}

/* take_source() - format, length of a line, and pixels of which there may be too few */
static PictureSource take_source(struct fuzz_input *input, uint8_t **pixels)
{
    PictureSource source = {.format = take_format(input), .stride = fuzz_u16(input)};
    gsize size = fuzz_u16(input);

    if (source.stride == 0xffff)
        source.stride = fuzz_u32(input);
    *pixels = g_malloc(MAX(size, 1)); /* exactly as many, so that reading behind them is seen */
    memset(*pixels, fuzz_u8(input), MAX(size, 1));
    source.pixels = *pixels;
    source.size = size;
    return source;
}

/* take_edge() - a number of pixels; mostly few */
static int take_edge(struct fuzz_input *input)
{
    guint8 value = fuzz_u8(input);

    return value < 0xf0 ? value : (int)fuzz_u32(input);
}

static DisplayRect take_rect(struct fuzz_input *input)
{
    int x = take_edge(input);
    int y = take_edge(input);
    int width = take_edge(input);

    return (DisplayRect){x, y, width, take_edge(input)};
}

static void plain_call(const World *world, enum call call, struct fuzz_input *input)
{
    g_autofree uint8_t *pixels = NULL;
    DisplayRect rect = take_rect(input);
    PictureSource source = take_source(input, &pixels);
    int before = picture_width(world->picture);
    g_autoptr(GError) error = NULL;
    gboolean taken = call == SCANOUT ? picture_scanout(world->picture, (guint)rect.width,
                                                       (guint)rect.height, &source, &error)
                     : call == UPDATE
                         ? picture_update(world->picture, rect, &source, &error)
                         : picture_cursor(world->picture, rect.width, rect.height, rect.x, rect.y,
                                          source.pixels, source.size, &error);

    CHECK(taken == (error == NULL));
    CHECK(taken || before == picture_width(world->picture));
}

static void map_call(const World *world, struct fuzz_input *input)
{
    guint offset = fuzz_u16(input);
    DisplayRect rect = take_rect(input);
    PictureSource source = {.format = take_format(input), .stride = fuzz_u16(input)};

    picture_scanout_map(world->picture, memory, offset, (guint)rect.width, (guint)rect.height,
                        &source, NULL);
}

static void make_call(World *world, struct fuzz_input *input)
{
    enum call call = fuzz_u8(input) % CALLS;

    switch (call) {
    case SCANOUT:
    case UPDATE:
    case CURSOR:
        plain_call(world, call, input);
        break;
    case SCANOUT_MAP:
        map_call(world, input);
        break;
    case UPDATE_MAP:
        picture_update_map(world->picture, take_rect(input), NULL);
        break;
    case VISIBLE:
        events.cursor_visible(fuzz_u8(input) & 1, world);
        break;
    case DISABLE:
        picture_disable(world->picture);
        break;
    default:
        if (!world->open)
            screen_feed_open(world->feed);
        world->open = TRUE;
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct fuzz_input input = {bytes, size};
    struct region region = fuzz_region(0);
    World world = {.feed = screen_feed_new(&region)};

    world.picture = picture_new(&events, &world);
    while (input.left > 0)
        make_call(&world, &input);
    picture_free(world.picture);
    screen_feed_free(world.feed);
    return 0;
}
