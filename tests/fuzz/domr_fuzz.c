/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * domr_fuzz.c - the region as Domain R sees it, with a host that writes where and what it likes
 *
 * An input is a list of steps: the host scribbles, or domr looks, as it does after each kick.
 */
#include <string.h>

#include "domr/input.h"
#include "domr/settings.h"
#include "fuzz.h"
#include "region/ring.h"
#include "region/screen.h"

enum step {
    SCRIBBLE,
    SCRIBBLE_NUMBER,
    OPEN,
    LOOK_AT_SCREEN,
    LOOK_AT_CURSOR,
    TYPE,
    RUN,
    STEPS
};

static struct keyboard keyboard;
static struct pointer pointer;

struct world {
    struct region region;
    struct input input;
    struct input_client *client;
    uint64_t now; /* µs */
    uint32_t cursor_sequence;
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    fuzz_quiet();
    return 0;
}

static void scribble(const struct world *world, struct fuzz_input *input)
{
    uint32_t offset = fuzz_u32(input) % REGION_MIN_SIZE;
    size_t size = 0;
    const uint8_t *bytes = fuzz_take(input, fuzz_u8(input), &size);

    if (size > REGION_MIN_SIZE - offset)
        size = REGION_MIN_SIZE - offset;
    memcpy(world->region.base + offset, bytes, size);
}

/* Where the host's numbers are. */
static void scribble_number(const struct world *world, struct fuzz_input *input)
{
    static const uint32_t offsets[] = {
        offsetof(struct region_header, version),
        offsetof(struct region_header, compatible),
        offsetof(struct region_header, size),
        offsetof(struct region_header, settings_size),
        REGION_NOTICE_OFFSET,
        REGION_NOTICE_OFFSET + offsetof(struct region_notice, generations),
        REGION_STREAM_OFFSET + offsetof(struct ring_shared, tail),
        REGION_STREAM_OFFSET + sizeof(struct ring_shared),
        REGION_STREAM_OFFSET + REGION_STREAM_SIZE + offsetof(struct ring_shared, tail),
        REGION_STREAM_OFFSET + REGION_STREAM_SIZE + sizeof(struct ring_shared),
        REGION_SCREEN_OFFSET,
        REGION_SCREEN_OFFSET + offsetof(struct screen_shared, width),
        REGION_SCREEN_OFFSET + offsetof(struct screen_shared, height),
        REGION_CURSOR_OFFSET,
        REGION_CURSOR_OFFSET + offsetof(struct cursor_shared, width),
        REGION_CURSOR_OFFSET + offsetof(struct cursor_shared, height),
        REGION_CURSOR_OFFSET + offsetof(struct cursor_shared, hot_x),
        REGION_CURSOR_OFFSET + offsetof(struct cursor_shared, hot_y),
        REGION_SETTINGS_OFFSET,
        REGION_SETTINGS_OFFSET + 4,
    };
    uint32_t offset = offsets[fuzz_u8(input) % (sizeof(offsets) / sizeof(offsets[0]))];
    uint32_t value = fuzz_u32(input);

    memcpy(world->region.base + offset, &value, sizeof(value));
}

static void open_region(const struct world *world)
{
    struct region region;
    struct settings settings;

    if (region_open(&region, world->region.base, REGION_MIN_SIZE) < 0)
        return;
    CHECK(region.size >= REGION_MIN_SIZE && region.size <= REGION_MIN_SIZE);
    if (settings_read(&settings, &region) == 0)
        CHECK(settings.auth == SETTING_AUTH_NONE || *settings.password);
}

struct looking {
    struct screen_geometry geometry;
    size_t tiles;
};

static void on_damage(struct screen_rect rect, void *data)
{
    struct looking *looking = data;

    CHECK(rect.width > 0 && rect.height > 0);
    CHECK(rect.x < looking->geometry.width && rect.y < looking->geometry.height);
    CHECK(rect.width <= looking->geometry.width - rect.x);
    CHECK(rect.height <= looking->geometry.height - rect.y);
    looking->tiles += (rect.width + SCREEN_TILE - 1) / SCREEN_TILE;
}

static void look_at_screen(const struct world *world)
{
    uint32_t sequence = 0;
    struct looking looking = {.geometry = screen_geometry(&world->region, &sequence)};

    CHECK(screen_fits(&world->region, looking.geometry.width, looking.geometry.height));
    CHECK((sequence & 1) == 0 || looking.geometry.width == 0);

    size_t damaged = screen_take_damage(&world->region, looking.geometry, on_damage, &looking);

    CHECK(damaged == looking.tiles);
    CHECK(screen_take_damage(&world->region, looking.geometry, on_damage, &looking) == 0);
}

static void look_at_cursor(struct world *world)
{
    static uint32_t pixels[CURSOR_MAX_SIZE * CURSOR_MAX_SIZE];
    struct cursor_shape shape;

    if (!cursor_read(&world->region, &world->cursor_sequence, &shape, pixels))
        return;
    CHECK(shape.width <= CURSOR_MAX_SIZE && shape.height <= CURSOR_MAX_SIZE);
    CHECK((shape.width == 0) == (shape.height == 0));
    CHECK(shape.width == 0 || (shape.hot_x < shape.width && shape.hot_y < shape.height));
    CHECK(shape.visible <= 1);
}

static void type(struct world *world, struct fuzz_input *input)
{
    uint8_t code = fuzz_u8(input);

    input_code(&world->input, world->client, code & 0x7f, code & 0x80);
    input_pointer(&world->input, world->client, fuzz_u16(input), code, code, 1024, 768);
}

static void run(struct world *world, struct fuzz_input *input)
{
    bool moved = false;

    world->now += (uint64_t)fuzz_u8(input) * 1000;

    uint64_t again = keyboard_run(&keyboard, world->now, &moved);

    CHECK(again > world->now);
    again = pointer_run(&pointer, world->now, &moved);
    CHECK(again > world->now);
}

static void on_leds(uint8_t leds, void *data)
{
    CHECK(leds <= 7);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct fuzz_input input = {bytes, size};
    struct world world = {.region = fuzz_region(0), .now = 1000000};

    CHECK(keyboard_open(&keyboard, &world.region, on_leds, NULL) == 0);
    CHECK(pointer_open(&pointer, &world.region) == 0);
    input_init(&world.input, &keyboard, &pointer, NULL, 0);
    world.client = input_add_client(&world.input);
    CHECK(world.client != NULL);
    while (input.left > 0) {
        switch (fuzz_u8(&input) % STEPS) {
        case SCRIBBLE:
            scribble(&world, &input);
            break;
        case SCRIBBLE_NUMBER:
            scribble_number(&world, &input);
            break;
        case OPEN:
            open_region(&world);
            break;
        case LOOK_AT_SCREEN:
            look_at_screen(&world);
            break;
        case LOOK_AT_CURSOR:
            look_at_cursor(&world);
            break;
        case TYPE:
            type(&world, &input);
            break;
        default:
            run(&world, &input);
            break;
        }
    }
    input_remove_client(&world.input, world.client);
    CHECK(keyboard.wanted.n_keys == 0 && keyboard.wanted.modifiers == 0);
    pointer_close(&pointer);
    keyboard_close(&keyboard);
    return 0;
}
