/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * screen.c - the user VM's screen in the region
 *
 * Whatever is read from the shared part is read once, into a local, and bounded by constants and by
 * the region's size before it is used; so the worst that a hostile writer gets is a wrong picture.
 */
#include "region/screen.h"

#include <errno.h>
#include <string.h>

/* How often a reader starts over before it gives up. A writer is in the middle for microseconds and
 * kicks when it has done, so a reader that gives up is woken again; one that does not give up would
 * hang with a writer that died. */
#define READ_TRIES 64

static struct screen_shared *screen_at(const struct region *region)
{
    return (struct screen_shared *)(region->base + REGION_SCREEN_OFFSET);
}

static struct cursor_shared *cursor_at(const struct region *region)
{
    return (struct cursor_shared *)(region->base + REGION_CURSOR_OFFSET);
}

static uint32_t get(_Atomic uint32_t *from)
{
    return atomic_load_explicit(from, memory_order_relaxed);
}

static void set(_Atomic uint32_t *to, uint32_t value)
{
    atomic_store_explicit(to, value, memory_order_relaxed);
}

/* change_begin(), change_end() - the sequence number is odd in between. A number that is odd
 * already, left by a writer that died, stays odd. */
static void change_begin(_Atomic uint32_t *sequence)
{
    set(sequence, get(sequence) | 1);
    atomic_thread_fence(memory_order_release);
}

static void change_end(_Atomic uint32_t *sequence)
{
    atomic_store_explicit(sequence, (get(sequence) | 1) + 1, memory_order_release);
}

/* set_sequence() - end a change with a number from elsewhere; an odd one would mean no end */
static void set_sequence(_Atomic uint32_t *sequence, uint32_t value)
{
    atomic_store_explicit(sequence, value & ~1u, memory_order_release);
}

/* unchanged() - whether what was read since @sequence was loaded as @before is one state */
static bool unchanged(_Atomic uint32_t *sequence, uint32_t before)
{
    atomic_thread_fence(memory_order_acquire);
    return (before & 1) == 0 && get(sequence) == before;
}

static uint32_t lesser(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

size_t screen_pixels_size(struct screen_geometry geometry)
{
    return 4 * (size_t)geometry.width * geometry.height;
}

bool screen_fits(const struct region *region, uint32_t width, uint32_t height)
{
    struct screen_geometry geometry = {width, height};

    if (width > SCREEN_MAX_WIDTH || height > SCREEN_MAX_HEIGHT)
        return false;
    return screen_pixels_size(geometry) <= region->size - REGION_PIXELS_OFFSET;
}

/* believed() - a size from the shared part, or none if it cannot be right */
static struct screen_geometry believed(const struct region *region, uint32_t width, uint32_t height)
{
    if (width == 0 || height == 0 || !screen_fits(region, width, height))
        return (struct screen_geometry){0, 0};
    return (struct screen_geometry){width, height};
}

/* clip() - the part of @rect inside of @geometry */
static struct screen_rect clip(struct screen_rect rect, struct screen_geometry geometry)
{
    rect.x = lesser(rect.x, geometry.width);
    rect.y = lesser(rect.y, geometry.height);
    rect.width = lesser(rect.width, geometry.width - rect.x);
    rect.height = lesser(rect.height, geometry.height - rect.y);
    return rect;
}

int screen_set_geometry(const struct region *region, uint32_t width, uint32_t height)
{
    struct screen_shared *screen = screen_at(region);

    if (!screen_fits(region, width, height))
        return -E2BIG;

    change_begin(&screen->sequence);
    set(&screen->width, width);
    set(&screen->height, height);
    change_end(&screen->sequence);
    return 0;
}

/* host_geometry() - the geometry as the host has set it; as nobody else sets it, it needs no
 * sequence number, but Domain R may have scribbled on it */
static struct screen_geometry host_geometry(const struct region *region)
{
    struct screen_shared *screen = screen_at(region);

    return believed(region, get(&screen->width), get(&screen->height));
}

/* damage() - set the bits of all tiles that @rect, inside of the bounds, touches
 *
 * A bit that is set already is set again: to look first and leave it would race with a reader that
 * takes the bit and has read the old pixels.
 */
static void damage(const struct region *region, struct screen_rect rect)
{
    struct screen_shared *screen = screen_at(region);

    if (rect.width == 0 || rect.height == 0)
        return;

    uint32_t first = rect.x / SCREEN_TILE;
    uint32_t last = (rect.x + rect.width - 1) / SCREEN_TILE;
    uint32_t bottom = (rect.y + rect.height - 1) / SCREEN_TILE;

    for (uint32_t row = rect.y / SCREEN_TILE; row <= bottom; row++) {
        for (uint32_t word = first / 64; word <= last / 64; word++) {
            uint64_t bits = UINT64_MAX;

            if (word == first / 64)
                bits &= UINT64_MAX << first % 64;
            if (word == last / 64)
                bits &= UINT64_MAX >> (63 - last % 64);
            atomic_fetch_or_explicit(&screen->damage[row][word], bits, memory_order_release);
        }
    }
}

/* write_line() - bring one line of pixels up to date
 * @x: where it begins on the screen
 * @changed: the bits of tiles that were not are set
 */
static void write_line(uint8_t *to, const uint8_t *from, uint32_t x, uint32_t width,
                       uint64_t *changed)
{
    while (width > 0) {
        uint32_t tile = x / SCREEN_TILE;
        uint32_t pixels = lesser(width, SCREEN_TILE - x % SCREEN_TILE);
        size_t size = 4 * (size_t)pixels;

        if (memcmp(to, from, size) != 0) {
            memcpy(to, from, size);
            changed[tile / 64] |= UINT64_C(1) << tile % 64;
        }
        to += size;
        from += size;
        x += pixels;
        width -= pixels;
    }
}

/* damage_row() - set the bits of a row of tiles whose pixels have been written
 * Return: whether there were any.
 */
static bool damage_row(_Atomic uint64_t *row, const uint64_t *bits)
{
    bool any = false;

    for (uint32_t word = 0; word < SCREEN_ROW_WORDS; word++) {
        if (bits[word] == 0)
            continue;
        atomic_fetch_or_explicit(&row[word], bits[word], memory_order_release);
        any = true;
    }
    return any;
}

static void add_row(struct screen_tiles *tiles, uint32_t row, const uint64_t *bits)
{
    for (uint32_t word = 0; tiles != NULL && word < SCREEN_ROW_WORDS; word++)
        tiles->rows[row][word] |= bits[word];
}

bool screen_write(const struct region *region, struct screen_geometry geometry,
                  struct screen_rect rect, const void *pixels, size_t stride,
                  struct screen_tiles *changed)
{
    struct screen_shared *screen = screen_at(region);
    const uint8_t *from = pixels;
    bool any = false;

    rect = clip(rect, geometry);
    if (rect.width == 0)
        return false;

    uint8_t *to = (uint8_t *)screen_pixels(region) + 4 * ((size_t)rect.y * geometry.width + rect.x);
    uint32_t bottom = rect.y + rect.height;

    for (uint32_t y = rect.y; y < bottom;) {
        uint32_t row = y / SCREEN_TILE;
        uint64_t bits[SCREEN_ROW_WORDS] = {0};

        for (; y < bottom && y / SCREEN_TILE == row; y++) {
            write_line(to, from, rect.x, rect.width, bits);
            to += 4 * (size_t)geometry.width;
            from += stride;
        }
        any |= damage_row(screen->damage[row], bits);
        add_row(changed, row, bits);
    }
    return any;
}

void screen_add_damage(const struct region *region, const struct screen_tiles *tiles)
{
    struct screen_shared *screen = screen_at(region);

    for (uint32_t row = 0; row < SCREEN_TILE_ROWS; row++)
        damage_row(screen->damage[row], tiles->rows[row]);
}

void screen_pending(const struct region *region, struct screen_tiles *tiles)
{
    struct screen_shared *screen = screen_at(region);

    for (uint32_t row = 0; row < SCREEN_TILE_ROWS; row++)
        for (uint32_t word = 0; word < SCREEN_ROW_WORDS; word++)
            tiles->rows[row][word] |=
                atomic_load_explicit(&screen->damage[row][word], memory_order_relaxed);
}

void screen_damage(const struct region *region, struct screen_rect rect)
{
    damage(region, clip(rect, host_geometry(region)));
}

void screen_save(const struct region *region, struct screen_state *state)
{
    state->geometry = host_geometry(region);
    state->sequence = get(&screen_at(region)->sequence);
    state->cursor_sequence = get(&cursor_at(region)->sequence);
}

int screen_restore(const struct region *region, const struct screen_state *state)
{
    struct screen_shared *screen = screen_at(region);
    struct screen_geometry geometry = state->geometry;

    if (!screen_fits(region, geometry.width, geometry.height))
        return -E2BIG;

    change_begin(&screen->sequence);
    set(&screen->width, geometry.width);
    set(&screen->height, geometry.height);
    set_sequence(&screen->sequence, state->sequence);
    set_sequence(&cursor_at(region)->sequence, state->cursor_sequence);
    return 0;
}

struct screen_geometry screen_geometry(const struct region *region, uint32_t *sequence)
{
    struct screen_shared *screen = screen_at(region);
    uint32_t before = 1;

    for (int tries = 0; tries < READ_TRIES; tries++) {
        before = atomic_load_explicit(&screen->sequence, memory_order_acquire);
        uint32_t width = get(&screen->width);
        uint32_t height = get(&screen->height);

        if (unchanged(&screen->sequence, before)) {
            *sequence = before;
            return believed(region, width, height);
        }
    }
    *sequence = before | 1;
    return (struct screen_geometry){0, 0};
}

void *screen_pixels(const struct region *region)
{
    return region->base + REGION_PIXELS_OFFSET;
}

/* take_row() - clear the bits of the first @tiles tiles of a row of damage
 * @taken: receives them
 * Return: how many were set.
 */
static size_t take_row(_Atomic uint64_t *row, uint32_t tiles, uint64_t *taken)
{
    size_t count = 0;

    for (uint32_t word = 0; word * 64 < tiles; word++) {
        uint32_t rest = tiles - word * 64;
        uint64_t mask = rest < 64 ? (UINT64_C(1) << rest) - 1 : UINT64_MAX;

        taken[word] = 0;
        /* Looking first keeps the words of a quiet screen out of this processor's write set. */
        if (atomic_load_explicit(&row[word], memory_order_relaxed) & mask)
            taken[word] = atomic_fetch_and_explicit(&row[word], ~mask, memory_order_acquire) & mask;
        count += (size_t)__builtin_popcountll(taken[word]);
    }
    return count;
}

size_t screen_take_damage(const struct region *region, struct screen_geometry geometry,
                          void (*emit)(struct screen_rect rect, void *data), void *data)
{
    struct screen_shared *screen = screen_at(region);
    size_t count = 0;

    geometry.width = lesser(geometry.width, SCREEN_MAX_WIDTH);
    geometry.height = lesser(geometry.height, SCREEN_MAX_HEIGHT);

    uint32_t tiles = (geometry.width + SCREEN_TILE - 1) / SCREEN_TILE;

    for (uint32_t row = 0; row * SCREEN_TILE < geometry.height; row++) {
        uint64_t taken[SCREEN_ROW_WORDS];
        size_t in_row = take_row(screen->damage[row], tiles, taken);
        uint32_t run = 0; /* length of the run of damaged tiles that ends before this tile */

        if (in_row == 0)
            continue;
        count += in_row;
        for (uint32_t tile = 0; tile <= tiles; tile++) {
            if (tile < tiles && (taken[tile / 64] >> tile % 64 & 1)) {
                run++;
            } else if (run > 0) {
                struct screen_rect rect = {(tile - run) * SCREEN_TILE, row * SCREEN_TILE,
                                           run * SCREEN_TILE, SCREEN_TILE};
                emit(clip(rect, geometry), data);
                run = 0;
            }
        }
    }
    return count;
}

int cursor_define(const struct region *region, const struct cursor_shape *shape,
                  const uint32_t *pixels)
{
    struct cursor_shared *cursor = cursor_at(region);

    if (shape->width > CURSOR_MAX_SIZE || shape->height > CURSOR_MAX_SIZE)
        return -E2BIG;

    uint32_t count = shape->width * shape->height;

    change_begin(&cursor->sequence);
    set(&cursor->width, shape->width);
    set(&cursor->height, shape->height);
    set(&cursor->hot_x, shape->hot_x);
    set(&cursor->hot_y, shape->hot_y);
    set(&cursor->visible, shape->visible);
    for (uint32_t i = 0; i < count; i++)
        set(&cursor->pixels[i], pixels[i]);
    change_end(&cursor->sequence);
    return 0;
}

/* copy_cursor() - the cursor as it stands, perhaps in the middle of a change; always in bounds */
static struct cursor_shape copy_cursor(struct cursor_shared *cursor, uint32_t *pixels)
{
    struct cursor_shape shape = {
        .width = get(&cursor->width),
        .height = get(&cursor->height),
        .hot_x = get(&cursor->hot_x),
        .hot_y = get(&cursor->hot_y),
        .visible = get(&cursor->visible) != 0,
    };

    if (shape.width == 0 || shape.height == 0 || shape.width > CURSOR_MAX_SIZE ||
        shape.height > CURSOR_MAX_SIZE)
        return (struct cursor_shape){.visible = shape.visible};

    shape.hot_x = lesser(shape.hot_x, shape.width - 1);
    shape.hot_y = lesser(shape.hot_y, shape.height - 1);
    for (uint32_t i = 0; i < shape.width * shape.height; i++)
        pixels[i] = get(&cursor->pixels[i]);
    return shape;
}

bool cursor_read(const struct region *region, uint32_t *sequence, struct cursor_shape *shape,
                 uint32_t *pixels)
{
    struct cursor_shared *cursor = cursor_at(region);

    for (int tries = 0; tries < READ_TRIES; tries++) {
        uint32_t before = atomic_load_explicit(&cursor->sequence, memory_order_acquire);

        if (before == *sequence)
            return false;
        if (before & 1)
            continue;

        struct cursor_shape copy = copy_cursor(cursor, pixels);

        if (unchanged(&cursor->sequence, before)) {
            *shape = copy;
            *sequence = before;
            return true;
        }
    }
    return false;
}
