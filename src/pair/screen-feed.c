/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pair/screen-feed.h"

#include <string.h>

#include "base/error.h"
#include "pair/curtain.h"
#include "pair/room.h"

struct ScreenFeed {
    const struct region *region;
    Kick *kick;
    Curtain *curtain;          /* NULL when the feed is open */
    struct screen_tiles *owed; /* while it is to open soon */
    guint refresh_source;      /* likewise: until a refresh has passed */
    guint patience_source;
    struct screen_geometry geometry; /* as we have set it; what the region says is not believed */
    gsize room;                      /* bytes of pixels that have memory for sure */
    struct screen_tiles *record;     /* NULL while nobody wants to know what changes */
    struct cursor_shape cursor;
    guint32 *cursor_pixels;
    /* The last size that did not fit, so that it is said once. */
    int refused_width;
    int refused_height;
    gboolean starved; /* likewise, for that there was no memory for it */
};

ScreenFeed *screen_feed_new(const struct region *region)
{
    ScreenFeed *feed = g_new0(ScreenFeed, 1);

    feed->region = region;
    feed->curtain = curtain_new();
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
    /* Even if it goes back to a size that it had: the pixels of the other one are there now. */
    if (feed->record && (feed->geometry.width != width || feed->geometry.height != height))
        memset(feed->record, 0xff, sizeof(*feed->record));
    screen_set_geometry(feed->region, width, height);
    feed->geometry = (struct screen_geometry){.width = width, .height = height};
}

/* A size that was found in the region when the feed was opened has no memory yet; a picture comes
 * first, and brings it. */
static void write_rect(ScreenFeed *feed, struct screen_rect rect, const guint8 *pixels,
                       gsize stride)
{
    if (screen_pixels_size(feed->geometry) <= feed->room &&
        screen_write(feed->region, feed->geometry, rect, pixels, stride, feed->record))
        changed(feed);
}

static void refuse_picture(ScreenFeed *feed, int width, int height, const GError *why)
{
    if (feed->refused_width != width || feed->refused_height != height)
        g_warning("the user VM's screen of %dx%d is not shown: %s", width, height, why->message);
    feed->refused_width = width;
    feed->refused_height = height;
    feed->starved = g_error_matches(why, DMORE_ERROR, DMORE_ERROR_HOST);
    set_geometry(feed, 0, 0);
    room_give_back(feed->region);
    feed->room = 0;
    changed(feed);
}

static gboolean make_room(ScreenFeed *feed, struct screen_geometry all, GError **error)
{
    gsize size = screen_pixels_size(all);

    if (!screen_fits(feed->region, all.width, all.height)) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_USAGE,
                    "it is too large for the region; the largest screen that fits has %zu pixels",
                    (feed->region->size - REGION_PIXELS_OFFSET) / 4);
        return FALSE;
    }
    if (size <= feed->room)
        return TRUE;
    if (!room_for_screen(feed->region, all.width, all.height, error))
        return FALSE;
    feed->room = size;
    return TRUE;
}

static void show_picture(ScreenFeed *feed, int width, int height, const guint8 *pixels,
                         gsize stride)
{
    struct screen_geometry all = {.width = (uint32_t)width, .height = (uint32_t)height};
    g_autoptr(GError) error = NULL;

    if (!make_room(feed, all, &error)) {
        refuse_picture(feed, width, height, error);
        return;
    }
    if (feed->geometry.width != all.width || feed->geometry.height != all.height) {
        set_geometry(feed, all.width, all.height);
        changed(feed);
        g_info("the user VM's screen is %dx%d", width, height);
    }
    feed->refused_width = 0;
    feed->refused_height = 0;
    feed->starved = FALSE;
    write_rect(feed, (struct screen_rect){.width = all.width, .height = all.height}, pixels,
               stride);
}

/* To be opened soon, has nothing more to wait for. */
static void open_when_drawn(ScreenFeed *feed)
{
    if (feed->owed && !feed->refresh_source && curtain_drawn(feed->curtain))
        screen_feed_open(feed);
}

static void on_picture(int width, int height, const guint8 *pixels, gsize stride, gpointer data)
{
    ScreenFeed *feed = data;

    if (feed->curtain)
        curtain_picture(feed->curtain, width, height, pixels, stride);
    else
        show_picture(feed, width, height, pixels, stride);
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

    if (feed->curtain) {
        curtain_update(feed->curtain, rect, pixels, stride);
        open_when_drawn(feed);
    } else if (!feed->refused_width) {
        write_rect(feed, changed_rect, pixels, stride);
    }
}

static void publish_cursor(ScreenFeed *feed)
{
    if (feed->curtain)
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

    if (feed->curtain) {
        curtain_clear(feed->curtain);
        return;
    }
    feed->starved = FALSE;
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

static void stop_waiting(ScreenFeed *feed)
{
    g_clear_handle_id(&feed->refresh_source, g_source_remove);
    g_clear_handle_id(&feed->patience_source, g_source_remove);
    g_clear_pointer(&feed->owed, g_free);
}

void screen_feed_open(ScreenFeed *feed)
{
    g_autoptr(Curtain) curtain = g_steal_pointer(&feed->curtain);
    uint32_t sequence;
    int width;
    int height;

    feed->geometry = screen_geometry(feed->region, &sequence);
    const guint8 *pixels = curtain_pixels(curtain, &width, &height);
    if (pixels)
        show_picture(feed, width, height, pixels, 4 * (gsize)width);
    if (feed->owed)
        screen_add_damage(feed->region, feed->owed);
    stop_waiting(feed);
    if (feed->cursor.width)
        publish_cursor(feed);
    changed(feed);
}

static gboolean on_refreshed(gpointer data)
{
    ScreenFeed *feed = data;

    feed->refresh_source = 0;
    open_when_drawn(feed);
    return G_SOURCE_REMOVE;
}

static gboolean on_patience_ended(gpointer data)
{
    ScreenFeed *feed = data;

    g_info("the user VM's picture is shown although it may not be complete");
    feed->patience_source = 0;
    screen_feed_open(feed);
    return G_SOURCE_REMOVE;
}

void screen_feed_open_soon(ScreenFeed *feed, const struct screen_tiles *owed)
{
    if (!feed->curtain)
        return;
    stop_waiting(feed);
    feed->owed = g_memdup2(owed, sizeof(*owed));
    feed->refresh_source = g_timeout_add(FEED_REFRESH_MS, on_refreshed, feed);
    feed->patience_source = g_timeout_add(FEED_PATIENCE_MS, on_patience_ended, feed);
}

gboolean screen_feed_is_open(gpointer user)
{
    const ScreenFeed *feed = user;

    return !feed->curtain;
}

const char *screen_feed_lack(const ScreenFeed *feed)
{
    return feed->starved ? "there is no memory for its pixels; make room in the run directory"
                         : NULL;
}

gboolean screen_feed_has_room(const ScreenFeed *feed)
{
    return !feed->starved || room_for_screen(feed->region, (guint32)feed->refused_width,
                                             (guint32)feed->refused_height, NULL);
}

void screen_feed_record(ScreenFeed *feed, struct screen_tiles *tiles)
{
    if (tiles)
        *tiles = (struct screen_tiles){0};
    feed->record = tiles;
}

void screen_feed_free(ScreenFeed *feed)
{
    stop_waiting(feed);
    g_clear_pointer(&feed->curtain, curtain_free);
    g_free(feed->cursor_pixels);
    g_free(feed);
}
