/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * display-picture.h - what a VM's screen shows, made from QEMU's calls
 *
 * QEMU's calls say where pixels are and of which format; a picture checks that they can be true,
 * clips, converts, and tells the result by DisplayEvents. Numbers come from the hypervisor: a call
 * with impossible ones is refused and changes nothing.
 */
#ifndef DMORE_QEMU_DISPLAY_PICTURE_H
#define DMORE_QEMU_DISPLAY_PICTURE_H

#include "qemu/display.h"

#define PICTURE_MAX_SIZE 16384 /* pixels, both ways */

typedef struct Picture Picture;

/* Pixels as QEMU describes them. */
typedef struct {
    guint32 format; /* pixman_format_code_t */
    guint32 stride; /* bytes from line to line */
    const guint8 *pixels;
    gsize size; /* bytes at @pixels */
} PictureSource;

Picture *picture_new(const DisplayEvents *events, gpointer data);
void picture_free(Picture *picture);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Picture, picture_free)

/* The calls of the plain form. All of these return FALSE with DMORE_ERROR_FAILED when refused. */
gboolean picture_scanout(Picture *picture, guint width, guint height, const PictureSource *source,
                         GError **error);
gboolean picture_update(Picture *picture, DisplayRect rect, const PictureSource *source,
                        GError **error);

/* The calls of the map form.
 * @fd: the memory, borrowed
 * @offset: of the first pixel in it, in bytes
 * @source: format and stride only
 */
gboolean picture_scanout_map(Picture *picture, int fd, guint offset, guint width, guint height,
                             const PictureSource *source, GError **error);
gboolean picture_update_map(Picture *picture, DisplayRect rect, GError **error);

/* picture_cursor() - @pixels: width * height ARGB8888, @size bytes; no cursor when both are 0 */
gboolean picture_cursor(Picture *picture, int width, int height, int hot_x, int hot_y,
                        const guint8 *pixels, gsize size, GError **error);
void picture_disable(Picture *picture);

int picture_width(const Picture *picture);
int picture_height(const Picture *picture);
const char *picture_form(const Picture *picture);
guint64 picture_updates(const Picture *picture);

#endif
