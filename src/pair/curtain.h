/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * curtain.h - what a display shows while nobody is to see it yet
 *
 * On the destination of a co-migration the user VM's display shows things of its own before it
 * shows the guest's picture: "Guest has not initialized the display", then, when the state of a
 * graphics card is loaded, an empty picture that is drawn line by line. The curtain keeps a copy of
 * all that, and knows whether the picture that is there now has been drawn completely.
 */
#ifndef DMORE_PAIR_CURTAIN_H
#define DMORE_PAIR_CURTAIN_H

#include "qemu/display.h"

typedef struct Curtain Curtain;

Curtain *curtain_new(void);

/* curtain_picture() - the display has another picture now, of which nothing counts as drawn
 * Arguments as in DisplayEvents.
 */
void curtain_picture(Curtain *curtain, int width, int height, const guint8 *pixels, gsize stride);

/* curtain_update() - a rectangle of it has been drawn; outside of the picture it is cut off */
void curtain_update(Curtain *curtain, DisplayRect rect, const guint8 *pixels, gsize stride);

/* curtain_clear() - the display is switched off */
void curtain_clear(Curtain *curtain);

/* curtain_drawn() - whether every part of the picture has been drawn since it is there */
gboolean curtain_drawn(const Curtain *curtain);

/* curtain_pixels() - the picture, lines without padding; NULL when there is none */
const guint8 *curtain_pixels(const Curtain *curtain, int *width, int *height);

void curtain_free(Curtain *curtain);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Curtain, curtain_free)

#endif
