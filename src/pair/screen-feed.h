/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * screen-feed.h - from the user VM's display into the region
 *
 * Theory of operation
 *
 * An open feed makes the one copy that D-MORE makes of a changed pixel: from the memory of the user
 * VM's picture (or, in plain form, from the message that brought it) into the region, where Domain
 * R's encoder reads it; and only where it differs from what is there.
 *
 * A feed begins closed. Where a pair starts it is opened at once. On the destination of a
 * co-migration it stays closed behind a curtain (curtain.h) until the user VM runs there and its
 * display shows the guest's picture, complete, not something of its own. Domain R goes on with the
 * picture that came ahead meanwhile (screen-copy.h), and is told of all that its clients have not
 * seen when the feed opens.
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

/* screen_feed_open() - from now on write into the region, beginning with what is there now */
void screen_feed_open(ScreenFeed *feed);

/* screen_feed_open_soon() - the user VM has just resumed: open when its picture is complete
 * @owed: tiles that clients have not seen as they are in the region: damaged then; copied
 *
 * It opens after a refresh of the display at the earliest, and after FEED_PATIENCE_MS at the
 * latest.
 */
void screen_feed_open_soon(ScreenFeed *feed, const struct screen_tiles *owed);

#define FEED_REFRESH_MS 30 /* the display's interval; by then it has left its own pictures */
#define FEED_PATIENCE_MS 300

/* screen_feed_is_open() - fits await(); @feed is a ScreenFeed */
gboolean screen_feed_is_open(gpointer feed);

/* screen_feed_lack() - why the picture is not shown, if that may be over when it is told again: a
 * clause; NULL when it is shown or never can be */
const char *screen_feed_lack(const ScreenFeed *feed);

/* screen_feed_has_room() - whether there is memory now for the picture that there was none for */
gboolean screen_feed_has_room(const ScreenFeed *feed);

/* screen_feed_record() - note the tiles that change from now on, forgetting earlier notes
 * @tiles: zeroed here; NULL: note nothing any more
 */
void screen_feed_record(ScreenFeed *feed, struct screen_tiles *tiles);

void screen_feed_free(ScreenFeed *feed);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ScreenFeed, screen_feed_free)

#endif
