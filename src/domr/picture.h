/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * picture.h - brings the region's screen and cursor into the RFB server
 *
 * Theory of operation
 *
 * The RFB server encodes straight from the region's pixels: its framebuffer object is a view of
 * them, so a pixel is not copied here. The host may write pixels while an encoder thread reads
 * them. That is safe with the encoders of neatvnc 0.9.1, as each was read for it: raw and tight
 * read each pixel once and write a number of bytes that depends on the size of the rectangle only
 * (tight bounds deflate's and JPEG's output by its buffer), and zrle copies a tile first and
 * encodes the copy. A pixel that changes while it is read is damaged again afterwards
 * (region/screen.h), so it is encoded again, and the last picture is the right one.
 *
 * neatvnc as Debian has it would not bear that: it compares what it is fed with a hash of each tile
 * and swallows damage to tiles whose hash is what it was. If a tile goes from A to B and back to A,
 * and an encoder happened to read B without B having been fed, then A is swallowed and the clients
 * keep B. image/inside/neatvnc.patch takes that out: the damage in the region is exact already.
 */
#ifndef DMORE_DOMR_PICTURE_H
#define DMORE_DOMR_PICTURE_H

#include "region/screen.h"

struct nvnc;
struct picture;

/* picture_new() - show the region's screen through a server; something is shown from now on
 * Return: NULL when there is no memory.
 */
struct picture *picture_new(struct nvnc *server, const struct region *region);

/* picture_free() - after the server was closed */
void picture_free(struct picture *picture);

/* picture_look() - take what the host has changed of screen and cursor */
void picture_look(struct picture *picture);

/* picture_size() - the size that the clients see; 0x0 while there is no screen */
struct screen_geometry picture_size(const struct picture *picture);

#endif
