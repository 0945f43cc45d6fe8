/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * image.h - Domain R's image as it lies on this host: kernel, initial RAM file system, identity
 */
#ifndef DMORE_PAIR_IMAGE_H
#define DMORE_PAIR_IMAGE_H

#include <glib.h>

typedef struct {
    char *kernel; /* path */
    char *initrd; /* path */
    char *id;     /* SHA-256 over kernel and initrd, hexadecimal */
} Image;

/* image_open() - the image in @directory; reads both files and makes sure that they are the ones
 * that image.json names
 *
 * Return: NULL with DMORE_ERROR_HOST when a file is missing or not the one that was built.
 */
Image *image_open(const char *directory, GError **error);
void image_free(Image *image);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Image, image_free)

#endif
