/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * room.h - memory for what the host uses of the region, before it uses it
 *
 * The region is a file with holes, so that pixels which no screen uses take no memory. A hole is
 * filled when it is first touched, and if the file system has nothing left to fill it with, whoever
 * has touched it is killed (SIGBUS): a dmore-pair, and then its successor. So the host has a hole
 * filled by a call that can fail, first.
 */
#ifndef DMORE_PAIR_ROOM_H
#define DMORE_PAIR_ROOM_H

#include <glib.h>
#include "region/region.h"

/* room_for_parts() - for all that comes before the pixels, 2 MB
 * Return: FALSE with DMORE_ERROR_HOST and what to do, as the next one.
 */
gboolean room_for_parts(const struct region *region, GError **error);

/* room_for_screen() - for the pixels of a screen that fits; on failure a part of them may have it
 */
gboolean room_for_screen(const struct region *region, guint32 width, guint32 height,
                         GError **error);

/* room_give_back() - make a hole of all pixels */
void room_give_back(const struct region *region);

#endif
