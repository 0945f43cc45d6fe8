/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * screen-life.h - the user VM's screen is listened to as long as the user VM is there
 *
 * Theory of operation
 *
 * QEMU has one listener for its display. Whoever asks for the display over the operator's monitor
 * takes it away from us, and a connection may end by itself; the picture would stand still for all
 * clients from then on. So the display is attached again, which makes it tell its whole picture.
 * That is also what brings a picture for which there was no memory when it was told, as soon as
 * there is.
 *
 * The first wait is long enough for the end of a QEMU to be heard of, which ends the display as
 * well; waits grow when it does not last. All this is for a pair that runs here (PAIR_RUNNING).
 */
#ifndef DMORE_PAIR_SCREEN_LIFE_H
#define DMORE_PAIR_SCREEN_LIFE_H

#include <gio/gio.h>

typedef struct Pair Pair;

/* What a pair remembers of that. */
typedef struct {
    gint64 due_us;   /* when the display is to be attached again, monotonic; 0: it need not be */
    gint64 since_us; /* when that was done last, or has failed; 0: never */
    guint failures;  /* how often in a row it has not lasted */
} ScreenLife;

/* screen_life_trouble() - why the picture does not follow the user VM's screen, although it should:
 * a clause, valid until the next callback; NULL when it does, or the pair is about something else
 */
const char *screen_life_trouble(const Pair *pair);

/* screen_life_is_due() - whether screen_life_renew() is to be called now; cheap */
gboolean screen_life_is_due(Pair *pair);

/* screen_life_renew() - attach the display again; awaits. When that fails it is due again later. */
void screen_life_renew(Pair *pair, GCancellable *cancellable);

#endif
