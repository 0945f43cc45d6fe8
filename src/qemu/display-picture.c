/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * display-picture.c - what a VM's screen shows, made from QEMU's calls
 *
 * Pixels that have the right format already are passed on where they are, without a copy; others go
 * through a scratch buffer. The map form keeps QEMU's memory mapped: QEMU draws into it, and an
 * update says only where. That memory has its full size when it is mapped; QEMU is trusted not to
 * shrink it afterwards.
 */
#include "qemu/display-picture.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <pixman.h>

#include "base/error.h"

#define PIXEL_SIZE 4 /* bytes of a pixel that is passed on */

typedef enum {
    FORM_NONE,
    FORM_PLAIN,
    FORM_MAP,
} Form;

struct Picture {
    const DisplayEvents *events;
    gpointer data;
    Form form;
    int width;
    int height;
    void *map; /* in form FORM_MAP; else NULL */
    gsize map_size;
    PictureSource mapped; /* points into @map */
    GByteArray *scratch;
    guint64 updates;
};

Picture *picture_new(const DisplayEvents *events, gpointer data)
{
    Picture *picture = g_new0(Picture, 1);

    picture->events = events;
    picture->data = data;
    picture->scratch = g_byte_array_new();
    return picture;
}

static void drop_map(Picture *picture)
{
    if (picture->map != NULL)
        munmap(picture->map, picture->map_size);
    picture->map = NULL;
    picture->mapped = (PictureSource){0};
}

void picture_free(Picture *picture)
{
    if (picture == NULL)
        return;
    drop_map(picture);
    g_byte_array_unref(picture->scratch);
    g_free(picture);
}

int picture_width(const Picture *picture)
{
    return picture->width;
}

int picture_height(const Picture *picture)
{
    return picture->height;
}

const char *picture_form(const Picture *picture)
{
    static const char *const names[] = {"none", "plain", "map"};

    return names[picture->form];
}

guint64 picture_updates(const Picture *picture)
{
    return picture->updates;
}

static gboolean refuse(GError **error, const char *what)
{
    g_set_error(error, DMORE_ERROR, DMORE_ERROR_FAILED, "QEMU's display sends %s", what);
    return FALSE;
}

/* is_direct() - pixels of this format can be passed on as they are */
static gboolean is_direct(guint32 format)
{
    return format == PIXMAN_x8r8g8b8 || format == PIXMAN_a8r8g8b8;
}

static gboolean is_known(guint32 format)
{
    switch (PIXMAN_FORMAT_TYPE(format)) {
    case PIXMAN_TYPE_ARGB:
    case PIXMAN_TYPE_ABGR:
    case PIXMAN_TYPE_BGRA:
    case PIXMAN_TYPE_RGBA:
        /* Of whole bytes: some have 4 bits a pixel. */
        return PIXMAN_FORMAT_BPP(format) % 8 == 0 &&
               pixman_format_supported_source((pixman_format_code_t)format);
    default:
        return FALSE;
    }
}

static gsize pixel_size(guint32 format)
{
    return PIXMAN_FORMAT_BPP(format) / 8;
}

/* check_source() - whether width * height pixels can be where @source says */
static gboolean check_source(guint width, guint height, const PictureSource *source, GError **error)
{
    if (width == 0 || height == 0 || width > PICTURE_MAX_SIZE || height > PICTURE_MAX_SIZE)
        return refuse(error, "a picture of impossible size");
    if (!is_known(source->format))
        return refuse(error, "pixels of an unknown format");

    gsize line = width * pixel_size(source->format);

    /* pixman takes lines of whole 32-bit words only. */
    if (source->stride < line || source->stride % sizeof(guint32) != 0)
        return refuse(error, "lines of impossible length");
    if (source->size < (gsize)source->stride * (height - 1) + line)
        return refuse(error, "less pixels than it says");
    return TRUE;
}

/* clip() - cut @rect to width * height
 * Return: FALSE when nothing is left.
 */
static gboolean clip(DisplayRect *rect, int width, int height)
{
    gint64 left = MAX(rect->x, 0);
    gint64 top = MAX(rect->y, 0);
    gint64 right = MIN((gint64)rect->x + rect->width, width);
    gint64 bottom = MIN((gint64)rect->y + rect->height, height);

    if (left >= right || top >= bottom)
        return FALSE;
    *rect = (DisplayRect){(int)left, (int)top, (int)(right - left), (int)(bottom - top)};
    return TRUE;
}

/* at() - the same pixels from (x, y) on */
static PictureSource at(const PictureSource *source, int x, int y)
{
    PictureSource part = *source;
    gsize offset = (gsize)y * source->stride + (gsize)x * pixel_size(source->format);

    part.pixels += offset;
    part.size -= offset;
    return part;
}

/* convert() - width * height pixels at (x, y) in @source, into the scratch buffer */
static PictureSource convert(Picture *picture, const PictureSource *source, int x, int y, int width,
                             int height)
{
    guint stride = (guint)width * PIXEL_SIZE;

    g_byte_array_set_size(picture->scratch, stride * (guint)height);

    /* pixman does not write to the source of a composition. */
    pixman_image_t *from =
        pixman_image_create_bits((pixman_format_code_t)source->format, x + width, y + height,
                                 (guint32 *)(gpointer)source->pixels, (int)source->stride);
    pixman_image_t *to = pixman_image_create_bits(
        PIXMAN_x8r8g8b8, width, height, (guint32 *)(gpointer)picture->scratch->data, (int)stride);

    pixman_image_composite32(PIXMAN_OP_SRC, from, NULL, to, x, y, 0, 0, 0, 0, width, height);
    pixman_image_unref(from);
    pixman_image_unref(to);
    return (PictureSource){PIXMAN_x8r8g8b8, stride, picture->scratch->data, picture->scratch->len};
}

/* show() - pass on @rect of the picture, whose first pixel is at (x, y) in @source */
static void show(Picture *picture, DisplayRect rect, const PictureSource *source, int x, int y)
{
    PictureSource part = is_direct(source->format)
                             ? at(source, x, y)
                             : convert(picture, source, x, y, rect.width, rect.height);

    picture->events->update(rect, part.pixels, part.stride, picture->data);
}

/* show_all() - pass on a new picture */
static void show_all(Picture *picture, const PictureSource *source)
{
    PictureSource all = is_direct(source->format)
                            ? *source
                            : convert(picture, source, 0, 0, picture->width, picture->height);

    picture->events->picture(picture->width, picture->height, all.pixels, all.stride,
                             picture->data);
}

gboolean picture_scanout(Picture *picture, guint width, guint height, const PictureSource *source,
                         GError **error)
{
    if (!check_source(width, height, source, error))
        return FALSE;
    drop_map(picture);
    picture->form = FORM_PLAIN;
    picture->width = (int)width;
    picture->height = (int)height;
    picture->updates++;
    show_all(picture, source);
    return TRUE;
}

gboolean picture_update(Picture *picture, DisplayRect rect, const PictureSource *source,
                        GError **error)
{
    DisplayRect visible = rect;

    /* A negative number is too large a one for the check. */
    if (!check_source((guint)rect.width, (guint)rect.height, source, error))
        return FALSE;
    picture->updates++;
    /* Pixels outside of the picture are those of a new size whose picture has still to come. */
    if (clip(&visible, picture->width, picture->height))
        show(picture, visible, source, visible.x - rect.x, visible.y - rect.y);
    return TRUE;
}

/* map_memory() - @size bytes of @fd, which must really be there: reading behind the end of a file
 * ends this process */
static void *map_memory(int fd, gsize size, GError **error)
{
    struct stat status;

    if (fstat(fd, &status) < 0 || status.st_size < 0 || (guint64)status.st_size < size) {
        refuse(error, "memory that is smaller than the picture in it");
        return NULL;
    }

    void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);

    if (map == MAP_FAILED) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_FAILED,
                    "cannot map the memory of QEMU's display: %s", g_strerror(errno));
        return NULL;
    }
    return map;
}

gboolean picture_scanout_map(Picture *picture, int fd, guint offset, guint width, guint height,
                             const PictureSource *source, GError **error)
{
    PictureSource mapped = *source;

    mapped.size = (gsize)source->stride * height;
    if (!check_source(width, height, &mapped, error))
        return FALSE;
    if (offset % sizeof(guint32) != 0)
        return refuse(error, "pixels at an odd place");

    gsize map_size = offset + mapped.size;
    guint8 *map = map_memory(fd, map_size, error);

    if (map == NULL)
        return FALSE;
    mapped.pixels = map + offset;

    drop_map(picture);
    picture->form = FORM_MAP;
    picture->width = (int)width;
    picture->height = (int)height;
    picture->map = map;
    picture->map_size = map_size;
    picture->mapped = mapped;
    picture->updates++;
    show_all(picture, &picture->mapped);
    return TRUE;
}

gboolean picture_update_map(Picture *picture, DisplayRect rect, GError **error)
{
    if (picture->form != FORM_MAP)
        return refuse(error, "an update of memory that it has not handed over");
    picture->updates++;
    if (clip(&rect, picture->width, picture->height))
        show(picture, rect, &picture->mapped, rect.x, rect.y);
    return TRUE;
}

gboolean picture_cursor(Picture *picture, int width, int height, int hot_x, int hot_y,
                        const guint8 *pixels, gsize size, GError **error)
{
    PictureSource source = {PIXMAN_a8r8g8b8, (guint32)width * PIXEL_SIZE, pixels, size};

    if (width == 0 && height == 0) {
        picture->events->cursor(0, 0, 0, 0, NULL, picture->data);
        return TRUE;
    }
    /* A negative number is too large a one for the check. */
    if (!check_source((guint)width, (guint)height, &source, error))
        return FALSE;
    picture->events->cursor(width, height, CLAMP(hot_x, 0, width - 1), CLAMP(hot_y, 0, height - 1),
                            (const guint32 *)(gconstpointer)pixels, picture->data);
    return TRUE;
}

void picture_disable(Picture *picture)
{
    drop_map(picture);
    picture->form = FORM_NONE;
    picture->width = 0;
    picture->height = 0;
    picture->events->disabled(picture->data);
}
