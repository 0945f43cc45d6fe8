/* SPDX-License-Identifier: GPL-2.0-or-later */
/* picture.c - brings the region's screen and cursor into the RFB server */
#include "domr/picture.h"

#include <stdlib.h>
#include <string.h>

#include <libdrm/drm_fourcc.h>
#include <neatvnc.h>
#include <pixman.h>

#include "domr/log.h"

/* What is shown while there is no screen: a dark picture, of a size that any guest's firmware
 * starts with, so that viewers do not resize their window twice. */
#define BLANK_WIDTH 640
#define BLANK_HEIGHT 480
#define BLANK_PIXEL 0x00202020u

struct picture {
    struct nvnc *server;
    const struct region *region;
    struct nvnc_display *display;
    struct nvnc_fb *view; /* of the region's pixels, or the blank picture */
    struct screen_geometry geometry;
    uint32_t geometry_sequence;
    uint32_t cursor_sequence;
    bool cursor_shown;
    uint32_t cursor_pixels[CURSOR_MAX_SIZE * CURSOR_MAX_SIZE];
};

static struct nvnc_fb *blank_view(void)
{
    struct nvnc_fb *view = nvnc_fb_new(BLANK_WIDTH, BLANK_HEIGHT, DRM_FORMAT_XRGB8888, BLANK_WIDTH);
    uint32_t *pixels;

    if (!view)
        return NULL;
    pixels = nvnc_fb_get_addr(view);
    for (size_t i = 0; i < (size_t)BLANK_WIDTH * BLANK_HEIGHT; i++)
        pixels[i] = BLANK_PIXEL;
    return view;
}

static struct nvnc_fb *make_view(const struct region *region, struct screen_geometry geometry)
{
    if (geometry.width == 0 || geometry.height == 0)
        return blank_view();
    return nvnc_fb_from_buffer(screen_pixels(region), (uint16_t)geometry.width,
                               (uint16_t)geometry.height, DRM_FORMAT_XRGB8888,
                               (int32_t)geometry.width);
}

static void feed_all(struct picture *picture)
{
    struct pixman_region16 damage;

    pixman_region_init_rect(&damage, 0, 0, nvnc_fb_get_width(picture->view),
                            nvnc_fb_get_height(picture->view));
    nvnc_display_feed_buffer(picture->display, picture->view, &damage);
    pixman_region_fini(&damage);
}

static bool take_geometry(struct picture *picture)
{
    uint32_t sequence = 0;
    struct screen_geometry geometry = screen_geometry(picture->region, &sequence);
    struct nvnc_fb *view;

    /* An odd number: the host is at it, and kicks when it has done. */
    if (picture->view && (sequence == picture->geometry_sequence || sequence & 1))
        return true;
    view = make_view(picture->region, geometry);
    if (!view) {
        log_error("no memory to show a screen of %ux%u", geometry.width, geometry.height);
        return picture->view;
    }
    nvnc_fb_unref(picture->view);
    picture->view = view;
    picture->geometry = geometry;
    picture->geometry_sequence = sequence;
    feed_all(picture);
    return true;
}

static void add_rect(struct screen_rect rect, void *data)
{
    struct pixman_region16 *damage = data;

    pixman_region_union_rect(damage, damage, (int)rect.x, (int)rect.y, rect.width, rect.height);
}

static void take_damage(struct picture *picture)
{
    struct pixman_region16 damage;

    if (picture->geometry.width == 0)
        return;
    pixman_region_init(&damage);
    if (screen_take_damage(picture->region, picture->geometry, add_rect, &damage) > 0)
        nvnc_display_feed_buffer(picture->display, picture->view, &damage);
    pixman_region_fini(&damage);
}

static void hide_cursor(struct picture *picture)
{
    if (picture->cursor_shown)
        nvnc_set_cursor(picture->server, NULL, 0, 0, 0, 0, true);
    picture->cursor_shown = false;
}

static void show_cursor(struct picture *picture, const struct cursor_shape *shape)
{
    /* neatvnc 0.9.1 reserves room for the mask as if its lines were packed bit by bit, but starts
     * each at a byte; with a width that is a multiple of 8 both are the same. */
    uint32_t width = (shape->width + 7) & ~7u;
    struct nvnc_fb *fb =
        nvnc_fb_new((uint16_t)width, (uint16_t)shape->height, DRM_FORMAT_ARGB8888, (uint16_t)width);
    uint32_t *pixels;

    if (!fb) {
        log_error("no memory to show the cursor");
        return;
    }
    pixels = nvnc_fb_get_addr(fb);
    memset(pixels, 0, (size_t)width * shape->height * sizeof(*pixels));
    for (size_t y = 0; y < shape->height; y++)
        memcpy(pixels + y * width, picture->cursor_pixels + y * shape->width,
               shape->width * sizeof(*pixels));
    nvnc_set_cursor(picture->server, fb, (uint16_t)width, (uint16_t)shape->height,
                    (uint16_t)shape->hot_x, (uint16_t)shape->hot_y, true);
    nvnc_fb_unref(fb);
    picture->cursor_shown = true;
}

static void take_cursor(struct picture *picture)
{
    struct cursor_shape shape;

    if (!cursor_read(picture->region, &picture->cursor_sequence, &shape, picture->cursor_pixels))
        return;
    if (shape.visible && shape.width > 0 && shape.height > 0)
        show_cursor(picture, &shape);
    else
        hide_cursor(picture);
}

void picture_look(struct picture *picture)
{
    /* A geometry that changes after this was read makes the damage taken now meaningless; then the
     * next look, for which the host kicks, shows everything anew. */
    if (take_geometry(picture))
        take_damage(picture);
    take_cursor(picture);
}

struct screen_geometry picture_size(const struct picture *picture)
{
    return picture->geometry;
}

struct picture *picture_new(struct nvnc *server, const struct region *region)
{
    struct picture *picture = calloc(1, sizeof(*picture));

    if (!picture)
        return NULL;
    picture->server = server;
    picture->region = region;
    picture->display = nvnc_display_new(0, 0);
    if (!picture->display) {
        free(picture);
        return NULL;
    }
    nvnc_add_display(server, picture->display);
    picture_look(picture);
    if (!picture->view) {
        picture_free(picture);
        return NULL;
    }
    return picture;
}

void picture_free(struct picture *picture)
{
    nvnc_display_unref(picture->display);
    nvnc_fb_unref(picture->view);
    free(picture);
}
