/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pair/screen-copy.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "pair/room.h"

typedef struct {
    guint32 width; /* little-endian, as is all that travels */
    guint32 height;
} CopyHeader;

typedef struct {
    guint32 rows;
    guint32 words; /* in a row */
} TilesHeader;

GBytes *screen_copy_make(const struct region *region)
{
    uint32_t sequence;
    struct screen_geometry geometry = screen_geometry(region, &sequence);
    gsize size = screen_pixels_size(geometry);
    CopyHeader header = {GUINT32_TO_LE(geometry.width), GUINT32_TO_LE(geometry.height)};

    /* Domain R may have written any size there, and what is read must have memory, too. */
    if (size == 0 || size > SCREEN_COPY_MAX ||
        !room_for_screen(region, geometry.width, geometry.height, NULL))
        return g_bytes_new(NULL, 0);
    guint8 *bytes = g_malloc(sizeof(header) + size);
    memcpy(bytes, &header, sizeof(header));
    memcpy(bytes + sizeof(header), screen_pixels(region), size);
    return g_bytes_new_take(bytes, sizeof(header) + size);
}

gboolean screen_copy_install(const struct region *region, GBytes *copy,
                             struct screen_geometry *geometry, GError **error)
{
    gsize size = 0;
    const guint8 *bytes = g_bytes_get_data(copy, &size);
    CopyHeader header = {0};

    *geometry = (struct screen_geometry){0};
    if (size == 0)
        return TRUE;
    if (size >= sizeof(header))
        memcpy(&header, bytes, sizeof(header));
    struct screen_geometry told = {GUINT32_FROM_LE(header.width), GUINT32_FROM_LE(header.height)};
    if (!screen_fits(region, told.width, told.height) ||
        size != sizeof(header) + screen_pixels_size(told)) {
        g_set_error_literal(error, DMORE_ERROR, DMORE_ERROR_PEER,
                            "the picture from the other host makes no sense");
        return FALSE;
    }
    if (!room_for_screen(region, told.width, told.height, error))
        return FALSE;
    memcpy(screen_pixels(region), bytes + sizeof(header), screen_pixels_size(told));
    *geometry = told;
    return TRUE;
}

static guint32 tiles_for(guint32 pixels)
{
    return (pixels + SCREEN_TILE - 1) / SCREEN_TILE;
}

int screen_copy_put_tiles(struct record_writer *writer, uint32_t type,
                          struct screen_geometry geometry, const struct screen_tiles *tiles)
{
    guint32 rows = tiles_for(geometry.height);
    guint32 words = (tiles_for(geometry.width) + 63) / 64;
    TilesHeader header = {GUINT32_TO_LE(rows), GUINT32_TO_LE(words)};
    g_autoptr(GByteArray) bytes = g_byte_array_new();

    g_byte_array_append(bytes, (const guint8 *)&header, sizeof(header));
    for (guint32 row = 0; row < rows; row++)
        for (guint32 word = 0; word < words; word++) {
            guint64 bits = GUINT64_TO_LE(tiles->rows[row][word]);
            g_byte_array_append(bytes, (const guint8 *)&bits, sizeof(bits));
        }
    return record_put(writer, type, bytes->data, bytes->len);
}

int screen_copy_get_tiles(const struct record *record, struct screen_tiles *tiles)
{
    TilesHeader header;

    if (record->length < sizeof(header))
        return -EPROTO;
    memcpy(&header, record->data, sizeof(header));
    guint32 rows = GUINT32_FROM_LE(header.rows);
    guint32 words = GUINT32_FROM_LE(header.words);
    if (rows > SCREEN_TILE_ROWS || words > SCREEN_ROW_WORDS ||
        record->length != sizeof(header) + (gsize)rows * words * sizeof(guint64))
        return -EPROTO;

    const guint8 *from = record->data + sizeof(header);
    for (guint32 row = 0; row < rows; row++)
        for (guint32 word = 0; word < words; word++) {
            guint64 bits;
            memcpy(&bits, from, sizeof(bits));
            from += sizeof(bits);
            tiles->rows[row][word] |= GUINT64_FROM_LE(bits);
        }
    return 0;
}
