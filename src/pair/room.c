/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pair/room.h"

#include <errno.h>
#include <sys/mman.h>

#include "base/error.h"

#define PAGE 4096u

/* Kernels before 5.14 do not know the call; there everything is as if it had not been made. */
static gboolean fill(const struct region *region, gsize offset, gsize size)
{
    gsize pages = (size + PAGE - 1) / PAGE;

    return madvise(region->base + offset, pages * PAGE, MADV_POPULATE_WRITE) == 0 ||
           errno == EINVAL;
}

static gboolean fail(GError **error, const char *what, gsize size)
{
    g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST,
                "there is no memory for %s, %" G_GSIZE_FORMAT
                " kB: the file system of the run directory is full, or the host's memory is; make "
                "room there",
                what, size >> 10);
    return FALSE;
}

gboolean room_for_parts(const struct region *region, GError **error)
{
    return fill(region, 0, REGION_PIXELS_OFFSET) ||
           fail(error, "the region of a pair", REGION_PIXELS_OFFSET);
}

gboolean room_for_screen(const struct region *region, guint32 width, guint32 height, GError **error)
{
    gsize size = (gsize)width * height * 4;

    return fill(region, REGION_PIXELS_OFFSET, size) ||
           fail(error, "the pixels of the user VM's screen", size);
}

void room_give_back(const struct region *region)
{
    madvise(region->base + REGION_PIXELS_OFFSET, region->size - REGION_PIXELS_OFFSET, MADV_REMOVE);
}
