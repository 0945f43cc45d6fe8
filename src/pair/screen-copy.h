/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * screen-copy.h - the picture goes ahead of the VMs, so that Domain R finds it when it resumes
 *
 * Theory of operation
 *
 * The pixels of the region are not part of any VM's memory. Shortly before the switch-over the
 * source sends them as they are, and from then on notes which tiles change (screen_feed_record()).
 * The destination puts them into its region. When the user VM runs there its display brings the
 * whole picture, of which only the tiles that differ are written and damaged. That would miss a
 * tile that has changed after the copy was made and back again by then, and which the clients have
 * seen in between; so the noted tiles, and those whose damage Domain R had not taken when it
 * stopped, travel with the handover and are damaged on the destination. Clients are thus sent what
 * they have not seen and nothing else.
 */
#ifndef DMORE_PAIR_SCREEN_COPY_H
#define DMORE_PAIR_SCREEN_COPY_H

#include <glib.h>
#include "region/record.h"
#include "region/screen.h"

#define SCREEN_COPY_MAX (15u << 20) /* bytes; a larger picture does not go ahead */

/* screen_copy_make() - the picture as it is now: u32 width, u32 height, pixels, little-endian
 * Return: empty when there is no screen or it is larger than SCREEN_COPY_MAX or, by
 * Domain R's doing, of a size that there is no memory for.
 */
GBytes *screen_copy_make(const struct region *region);

/* screen_copy_install() - put a picture into a region that Domain R does not run on yet
 * @geometry: (out): its size, 0x0 when @copy is empty
 *
 * Return: FALSE with DMORE_ERROR_PEER, nothing changed, when it is no picture or does not fit;
 * DMORE_ERROR_HOST when there is no memory for it.
 */
gboolean screen_copy_install(const struct region *region, GBytes *copy,
                             struct screen_geometry *geometry, GError **error);

/* screen_copy_put_tiles() - append a record with a set of tiles: u32 rows, u32 words in a row, u64
 * words, little-endian; as many of them as @geometry needs. Return: as record_put().
 */
int screen_copy_put_tiles(struct record_writer *writer, uint32_t type,
                          struct screen_geometry geometry, const struct screen_tiles *tiles);

/* screen_copy_get_tiles() - add the tiles of such a record to a set
 * Return: 0, or -EPROTO, nothing changed, when it makes no sense.
 */
int screen_copy_get_tiles(const struct record *record, struct screen_tiles *tiles);

#endif
