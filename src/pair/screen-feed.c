/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pair/screen-feed.h"

struct ScreenFeed {
    const struct region *region;
    Kick *kick;
    gboolean open;
    struct screen_geometry geometry; /* as we have set it; what the region says is not believed */
    gboolean complete;               /* every pixel has been written since the feed was opened */
    struct screen_tiles *record;     /* NULL while nobody wants to know what changes */
    struct cursor_shape cursor;
    guint32 *cursor_pixels;
    /* The last size that did not fit, so that it is said once. */
    int refused_width;
    int refused_height;
};

ScreenFeed *screen_feed_new(const struct region *region)
{
    ScreenFeed *feed = g_new0(ScreenFeed, 1);

    feed->region = region;
    return feed;
}

void screen_feed_set_kick(ScreenFeed *feed, Kick *kick)
{
    feed->kick = kick;
}

static void changed(ScreenFeed *feed)
{
    if (feed->kick)
        kick_send(feed->kick);
}

static void set_geometry(ScreenFeed *feed, uint32_t width, uint32_t height)
{
    screen_set_geometry(feed->region, width, height);
    feed->geometry = (struct screen_geometry){.width = width, .height = height};
}

static gboolean covers(struct screen_rect rect, struct screen_geometry geometry)
{
    return rect.x == 0 && rect.y == 0 && rect.width >= geometry.width &&
           rect.height >= geometry.height;
}

static void write_rect(ScreenFeed *feed, struct screen_rect rect, const guint8 *pixels,
                       gsize stride)
{
    if (screen_write(feed->region, rect, pixels, stride, feed->record))
        changed(feed);
    if (covers(rect, feed->geometry))
        feed->complete = TRUE;
}

static void refuse_picture(ScreenFeed *feed, int width, int height)
{
    if (feed->refused_width != width || feed->refused_height != height)
        g_warning("the user VM's screen of %dx%d is too large for the region and is not shown; the "
                  "largest screen that fits has %zu pixels",
                  width, height, (feed->region->size - REGION_PIXELS_OFFSET) / 4);
    feed->refused_width = width;
    feed->refused_height = height;
    set_geometry(feed, 0, 0);
    changed(feed);
}

static void on_picture(int width, int height, const guint8 *pixels, gsize stride, gpointer data)
{
    ScreenFeed *feed = data;
    struct screen_rect all = {.width = (uint32_t)width, .height = (uint32_t)height};

    if (!feed->open)
        return;

    if (!screen_fits(feed->region, all.width, all.height)) {
        refuse_picture(feed, width, height);
        return;
    }
    if (feed->geometry.width != all.width || feed->geometry.height != all.height) {
        set_geometry(feed, all.width, all.height);
        changed(feed);
        g_info("the user VM's screen is %dx%d", width, height);
    }
    feed->refused_width = 0;
    feed->refused_height = 0;
    write_rect(feed, all, pixels, stride);
}

static void on_update(DisplayRect rect, const guint8 *pixels, gsize stride, gpointer data)
{
    ScreenFeed *feed = data;
    struct screen_rect changed_rect = {
        .x = (uint32_t)rect.x,
        .y = (uint32_t)rect.y,
        .width = (uint32_t)rect.width,
        .height = (uint32_t)rect.height,
    };

    if (feed->open && !feed->refused_width)
        write_rect(feed, changed_rect, pixels, stride);
}

static void publish_cursor(ScreenFeed *feed)
{
    if (!feed->open)
        return;
    cursor_define(feed->region, &feed->cursor, feed->cursor_pixels);
    changed(feed);
}

/* The cursor is kept while the feed is closed, too: a display tells it once, when it is attached.
 */
static void on_cursor(int width, int height, int hot_x, int hot_y, const guint32 *pixels,
                      gpointer data)
{
    ScreenFeed *feed = data;

    if (width > CURSOR_MAX_SIZE || height > CURSOR_MAX_SIZE) {
        g_info("a cursor of %dx%d is too large and not shown", width, height);
        width = 0;
        height = 0;
    }
    g_free(feed->cursor_pixels);
    feed->cursor_pixels = g_memdup2(pixels, (gsize)width * (gsize)height * sizeof(*pixels));
    feed->cursor.width = (uint32_t)width;
    feed->cursor.height = (uint32_t)height;
    feed->cursor.hot_x = (uint32_t)hot_x;
    feed->cursor.hot_y = (uint32_t)hot_y;
    publish_cursor(feed);
}

static void on_cursor_visible(gboolean visible, gpointer data)
{
    ScreenFeed *feed = data;

    if (feed->cursor.visible == (uint32_t)visible)
        return;
    feed->cursor.visible = (uint32_t)visible;
    publish_cursor(feed);
}

static void on_disabled(gpointer data)
{
    ScreenFeed *feed = data;

    if (!feed->open)
        return;
    set_geometry(feed, 0, 0);
    changed(feed);
}

static void on_lost(const GError *error, gpointer data)
{
    g_warning("the user VM's display is not heard any more: %s",
              error ? error->message : "the connection was closed");
}

const DisplayEvents screen_feed_events = {
    .picture = on_picture,
    .update = on_update,
    .cursor = on_cursor,
    .cursor_visible = on_cursor_visible,
    .disabled = on_disabled,
    .lost = on_lost,
};

void screen_feed_open(ScreenFeed *feed)
{
    uint32_t sequence;

    feed->open = TRUE;
    feed->complete = FALSE;
    feed->geometry = screen_geometry(feed->region, &sequence);
    if (feed->cursor.width)
        publish_cursor(feed);
}

void screen_feed_record(ScreenFeed *feed, struct screen_tiles *tiles)
{
    if (tiles)
        *tiles = (struct screen_tiles){0};
    feed->record = tiles;
}

gboolean screen_feed_complete(gpointer user)
{
    const ScreenFeed *feed = user;

    return feed->complete;
}

void screen_feed_free(ScreenFeed *feed)
{
    g_free(feed->cursor_pixels);
    g_free(feed);
}
