/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pair/curtain.h"

#include <string.h>

#define TILE 16 /* pixels, both ways: how finely it is noted what has been drawn */

struct Curtain {
    int width;
    int height;
    guint8 *pixels; /* XRGB8888 */
    guint8 *drawn;  /* a byte for each tile */
    int missing;    /* tiles that have not been drawn */
};

Curtain *curtain_new(void)
{
    return g_new0(Curtain, 1);
}

static int tiles(int pixels)
{
    return (pixels + TILE - 1) / TILE;
}

void curtain_clear(Curtain *curtain)
{
    g_clear_pointer(&curtain->pixels, g_free);
    g_clear_pointer(&curtain->drawn, g_free);
    *curtain = (Curtain){0};
}

static void copy(Curtain *curtain, DisplayRect rect, const guint8 *pixels, gsize stride)
{
    for (int line = 0; line < rect.height; line++)
        memcpy(curtain->pixels +
                   4 * ((gsize)(rect.y + line) * (gsize)curtain->width + (gsize)rect.x),
               pixels + (gsize)line * stride, 4 * (gsize)rect.width);
}

void curtain_picture(Curtain *curtain, int width, int height, const guint8 *pixels, gsize stride)
{
    curtain_clear(curtain);
    curtain->width = width;
    curtain->height = height;
    curtain->missing = tiles(width) * tiles(height);
    curtain->pixels = g_malloc(4 * (gsize)width * (gsize)height);
    curtain->drawn = g_malloc0((gsize)curtain->missing);
    copy(curtain, (DisplayRect){0, 0, width, height}, pixels, stride);
}

static void note_drawn(Curtain *curtain, DisplayRect rect)
{
    for (int row = rect.y / TILE; row < tiles(rect.y + rect.height); row++)
        for (int column = rect.x / TILE; column < tiles(rect.x + rect.width); column++) {
            guint8 *drawn = &curtain->drawn[row * tiles(curtain->width) + column];
            curtain->missing -= !*drawn;
            *drawn = TRUE;
        }
}

void curtain_update(Curtain *curtain, DisplayRect rect, const guint8 *pixels, gsize stride)
{
    rect.width = MIN(rect.width, curtain->width - rect.x);
    rect.height = MIN(rect.height, curtain->height - rect.y);
    if (rect.x < 0 || rect.y < 0 || rect.width <= 0 || rect.height <= 0)
        return;
    copy(curtain, rect, pixels, stride);
    note_drawn(curtain, rect);
}

gboolean curtain_drawn(const Curtain *curtain)
{
    return curtain->pixels && curtain->missing == 0;
}

const guint8 *curtain_pixels(const Curtain *curtain, int *width, int *height)
{
    *width = curtain->width;
    *height = curtain->height;
    return curtain->pixels;
}

void curtain_free(Curtain *curtain)
{
    curtain_clear(curtain);
    g_free(curtain);
}
