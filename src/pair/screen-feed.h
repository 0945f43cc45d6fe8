/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * screen-feed.h - from the user VM's display into the region
 *
 * The one copy that D-MORE makes of a changed pixel: from the memory of the user VM's picture (or,
 * in plain form, from the message that brought it) into the region, where Domain R's encoder reads
 * it; and only of those that differ from what is there. A feed that is closed looks at what the
 * display brings but leaves the region alone, because a destination's display shows something of
 * its own until the user VM's state is there.
 */
#ifndef DMORE_PAIR_SCREEN_FEED_H
#define DMORE_PAIR_SCREEN_FEED_H

#include "pair/kick.h"
#include "qemu/display.h"
#include "region/screen.h"

typedef struct ScreenFeed ScreenFeed;

/* screen_feed_new() - @region outlives the feed; the feed is closed */
ScreenFeed *screen_feed_new(const struct region *region);

/* screen_feed_events() - give these, with the feed as data, to display_attach() */
extern const DisplayEvents screen_feed_events;

/* screen_feed_set_kick() - whom to kick after a change; NULL for nobody */
void screen_feed_set_kick(ScreenFeed *feed, Kick *kick);

/* screen_feed_open() - from now on write into the region */
void screen_feed_open(ScreenFeed *feed);

/* screen_feed_complete() - whether a whole picture has come since the feed was opened
 * Fits await(); @feed is a ScreenFeed.
 */
gboolean screen_feed_complete(gpointer feed);

/* screen_feed_record() - note the tiles that change from now on, forgetting earlier notes
 * @tiles: zeroed here; NULL: note nothing any more
 */
void screen_feed_record(ScreenFeed *feed, struct screen_tiles *tiles);

void screen_feed_free(ScreenFeed *feed);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ScreenFeed, screen_feed_free)

#endif
