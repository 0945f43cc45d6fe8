/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * screen.h - the user VM's screen in the region: pixels, geometry, damage, cursor
 *
 * Theory of operation
 *
 * The host writes pixels, then sets damage bits, then kicks. Domain R takes the bits (reads and
 * clears them in one step) and reads the pixels. A pixel that changes while it is read has its
 * damage set again afterwards, so the last picture is always right; a picture in between may mix
 * two moments, as on any screen. Damage is a bitmap with one bit for a tile of 16x16 pixels:
 * setting it is idempotent, it never overflows, and nothing in it has to be believed.
 *
 * Geometry and cursor change under a sequence number that is odd while the host writes. The reader
 * takes a copy and starts over when the number has moved.
 *
 * Pixels are always 32 bits, XRGB8888 in the byte order of the machine (blue first in memory),
 * lines follow each other without padding: stride = width * 4.
 */
#ifndef DMORE_REGION_SCREEN_H
#define DMORE_REGION_SCREEN_H

#include "region/region.h"

#define SCREEN_TILE 16        /* pixels, both ways */
#define SCREEN_MAX_WIDTH 8192 /* pixels */
#define SCREEN_MAX_HEIGHT 8192
#define SCREEN_ROW_WORDS (SCREEN_MAX_WIDTH / SCREEN_TILE / 64)
#define SCREEN_TILE_ROWS (SCREEN_MAX_HEIGHT / SCREEN_TILE)

#define CURSOR_MAX_SIZE 256 /* pixels, both ways */

struct screen_geometry {
    uint32_t width; /* pixels; 0 while there is no screen */
    uint32_t height;
};

struct screen_shared {
    _Atomic uint32_t sequence; /* odd while the host changes the geometry */
    _Atomic uint32_t width;    /* struct screen_geometry */
    _Atomic uint32_t height;
    _Alignas(4096) _Atomic uint64_t damage[SCREEN_TILE_ROWS][SCREEN_ROW_WORDS];
};

struct cursor_shape {
    uint32_t width; /* pixels; 0: the guest has not defined a cursor */
    uint32_t height;
    uint32_t hot_x;
    uint32_t hot_y;
    uint32_t visible; /* bool */
};

struct cursor_shared {
    _Atomic uint32_t sequence; /* odd while the host changes shape or pixels */
    _Atomic uint32_t width;    /* struct cursor_shape */
    _Atomic uint32_t height;
    _Atomic uint32_t hot_x;
    _Atomic uint32_t hot_y;
    _Atomic uint32_t visible;
    /* ARGB8888, straight alpha, without padding between lines */
    _Alignas(64) _Atomic uint32_t pixels[CURSOR_MAX_SIZE * CURSOR_MAX_SIZE];
};

struct screen_rect {
    uint32_t x;
    uint32_t y;
    uint32_t width;
    uint32_t height;
};

/* screen_fits() - whether a screen of this size has room in the region */
bool screen_fits(const struct region *region, uint32_t width, uint32_t height);

/* Host side */

/* screen_set_geometry() - a new size; the caller then writes all pixels and damages all
 * Return: 0, or -E2BIG when screen_fits() says no (nothing is changed).
 */
int screen_set_geometry(const struct region *region, uint32_t width, uint32_t height);

/* struct screen_tiles - a set of tiles, bit n of a row's words being tile n of that row */
struct screen_tiles {
    uint64_t rows[SCREEN_TILE_ROWS][SCREEN_ROW_WORDS];
};

/* screen_pixels_size() - bytes that the pixels of a screen take */
size_t screen_pixels_size(struct screen_geometry geometry);

/* screen_write() - bring a rectangle of pixels up to date and set the damage of what has changed
 * @geometry: as the caller has set it, and it must fit; that in the region may be another by now,
 *	and writing by it could touch pixels for which there is no memory (pair/room.h)
 * @rect: clipped to the geometry
 * @pixels: the first pixel of the rectangle, XRGB8888; lines are @stride bytes apart
 * @changed: (may be NULL): tiles that have changed are added to it
 *
 * A tile whose pixels are those that are there already is left alone: a hypervisor tells more than
 * changes, and looking is much cheaper than encoding and sending for nothing.
 *
 * Return: whether anything has changed.
 */
bool screen_write(const struct region *region, struct screen_geometry geometry,
                  struct screen_rect rect, const void *pixels, size_t stride,
                  struct screen_tiles *changed);

/* screen_add_damage() - mark a set of tiles as changed; tiles outside of the geometry stay */
void screen_add_damage(const struct region *region, const struct screen_tiles *tiles);

/* screen_pending() - add the tiles whose damage Domain R has not taken yet to @tiles */
void screen_pending(const struct region *region, struct screen_tiles *tiles);

/* screen_damage() - mark a rectangle, clipped to the geometry, as changed */
void screen_damage(const struct region *region, struct screen_rect rect);

/* cursor_define() - the guest's cursor
 * @pixels: width * height ARGB8888; not read when the shape is empty
 * Return: 0, or -E2BIG (nothing is changed).
 */
int cursor_define(const struct region *region, const struct cursor_shape *shape,
                  const uint32_t *pixels);

/* struct screen_state - what a reader may remember of the screen, to be installed in another region
 *
 * Pixels, damage and cursor are not in it: the host of the other region has them from the user VM's
 * display and tells them anew. The sequence numbers are: a reader that meets, in another region, a
 * number it has seen already would take something new for what it knows.
 */
struct screen_state {
    struct screen_geometry geometry;
    uint32_t sequence;
    uint32_t cursor_sequence;
};

/* screen_save() - the state as it stands */
void screen_save(const struct region *region, struct screen_state *state);

/* screen_restore() - go on from a saved state; a reader sees no change
 * Return: 0, or -E2BIG when screen_fits() says no (nothing is changed).
 */
int screen_restore(const struct region *region, const struct screen_state *state);

/* Domain R's side */

/* screen_geometry() - a consistent copy of the geometry, bounded by what fits
 * @sequence: set to the number it belongs to; odd when the host was in the middle of a change for
 *	as long as this function was willing to look: keep what you had, a kick follows
 *
 * Return: the geometry; 0x0 when there is no screen and when @sequence is odd. A reader that sees
 * another sequence than last time takes the whole screen as damaged.
 */
struct screen_geometry screen_geometry(const struct region *region, uint32_t *sequence);

/* screen_pixels() - the first pixel; width * height of them can be read */
void *screen_pixels(const struct region *region);

/* screen_take_damage() - clear the damage and tell it, rectangle by rectangle
 * @geometry: what the caller believes the size to be; rectangles are clipped to it, and damage
 *	outside of it stays
 * @emit: called for each run of damaged tiles, top to bottom
 *
 * Return: how many tiles were damaged.
 */
size_t screen_take_damage(const struct region *region, struct screen_geometry geometry,
                          void (*emit)(struct screen_rect rect, void *data), void *data);

/* cursor_read() - a consistent copy of the cursor
 * @sequence: in: the number of the last copy; out: that of this one
 * @shape: set with a return of true; a cursor out of bounds is told as empty, a hot spot outside
 *	of it is moved inside
 * @pixels: CURSOR_MAX_SIZE * CURSOR_MAX_SIZE pixels of room; undefined with a return of false
 *
 * Return: whether it has changed since @sequence and was copied. False as well when the host was in
 * the middle of a change all the time; a kick follows then.
 */
bool cursor_read(const struct region *region, uint32_t *sequence, struct cursor_shape *shape,
                 uint32_t *pixels);

#endif
