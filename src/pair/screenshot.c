/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pair/screenshot.h"

#include <png.h>
#include <string.h>

#include "base/error.h"
#include "pair/room.h"
#include "region/screen.h"

typedef struct {
    char *path;
    struct screen_geometry geometry;
    guint8 *pixels; /* XRGB8888 */
} Shot;

static void shot_free(Shot *shot)
{
    g_free(shot->path);
    g_free(shot->pixels);
    g_free(shot);
}

static void write_png(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
    Shot *shot = data;
    gsize pixels = (gsize)shot->geometry.width * shot->geometry.height;
    png_image image = {
        .version = PNG_IMAGE_VERSION,
        .width = shot->geometry.width,
        .height = shot->geometry.height,
        .format = PNG_FORMAT_BGR,
    };

    /* Drop the unused byte of each pixel in place. */
    for (gsize i = 0; i < pixels; i++)
        memmove(shot->pixels + i * 3, shot->pixels + i * 4, 3);
    if (!png_image_write_to_file(&image, shot->path, 0, shot->pixels, 0, NULL)) {
        g_task_return_new_error(task, DMORE_ERROR, DMORE_ERROR_FAILED,
                                "cannot write the picture to %s: %s", shot->path, image.message);
        return;
    }
    g_task_return_boolean(task, TRUE);
}

void screenshot_write_async(const struct region *region, const char *path,
                            GAsyncReadyCallback callback, gpointer data)
{
    g_autoptr(GTask) task = g_task_new(NULL, NULL, callback, data);
    Shot *shot = g_new0(Shot, 1);
    uint32_t sequence;

    g_task_set_task_data(task, shot, (GDestroyNotify)shot_free);
    shot->path = g_strdup(path);
    shot->geometry = screen_geometry(region, &sequence);
    gsize size = (gsize)shot->geometry.width * shot->geometry.height * 4;
    if (size == 0) {
        g_task_return_new_error(task, DMORE_ERROR, DMORE_ERROR_FAILED,
                                "the user VM shows no screen now");
        return;
    }
    g_autoptr(GError) error = NULL;
    if (!room_for_screen(region, shot->geometry.width, shot->geometry.height, &error)) {
        g_task_return_error(task, g_steal_pointer(&error));
        return;
    }
    shot->pixels = g_memdup2(screen_pixels(region), size);
    g_task_run_in_thread(task, write_png);
}

gboolean screenshot_write_finish(GAsyncResult *result, int *width, int *height, GError **error)
{
    const Shot *shot = g_task_get_task_data(G_TASK(result));

    *width = (int)shot->geometry.width;
    *height = (int)shot->geometry.height;
    return g_task_propagate_boolean(G_TASK(result), error);
}
