/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * screenshot.h - the user VM's screen as a PNG file
 */
#ifndef DMORE_PAIR_SCREENSHOT_H
#define DMORE_PAIR_SCREENSHOT_H

#include <gio/gio.h>
#include "region/region.h"

/* screenshot_write_async() - take the picture now, compress and write it in a thread
 * @path: absolute; replaced if it is there
 */
void screenshot_write_async(const struct region *region, const char *path,
                            GAsyncReadyCallback callback, gpointer data);

/* screenshot_write_finish() - Return: FALSE with DMORE_ERROR_FAILED (no screen, cannot write) */
gboolean screenshot_write_finish(GAsyncResult *result, int *width, int *height, GError **error);

#endif
