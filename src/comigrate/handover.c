/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "comigrate/handover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "pair/room.h"
#include "pair/screen-copy.h"
#include "region/carry.h"

#define MAGIC "DMOREHND"
#define MAGIC_SIZE 8

typedef struct {
    guint8 magic[MAGIC_SIZE];
    guint32 version;    /* little-endian */
    guint32 compatible; /* little-endian */
} HandoverHeader;

enum handover_record {
    HANDOVER_STREAM = RECORD_MANDATORY | 1, /* one for each stream (pair/relay-save.c) */
    HANDOVER_REGION = RECORD_MANDATORY | 2, /* the rest of the region (region/carry.h) */
    HANDOVER_DAMAGE = RECORD_MANDATORY | 3, /* tiles that clients have not seen as they are */
};

static gboolean put_region(const struct region *region, struct record_writer *writer,
                           GError **error)
{
    struct record_writer inner = {0};
    gboolean saved = carry_save(region, &inner) == 0 &&
                     record_put(writer, HANDOVER_REGION, inner.bytes, inner.size) == 0;

    free(inner.bytes);
    if (!saved)
        g_set_error_literal(error, DMORE_ERROR, DMORE_ERROR_FAILED, "no memory for the handover");
    return saved;
}

static gboolean put_damage(const struct region *region, const struct screen_tiles *changed,
                           struct record_writer *writer, GError **error)
{
    g_autofree struct screen_tiles *tiles = g_memdup2(changed, sizeof(*changed));
    struct screen_state screen;

    /* As the host has set it, whatever Domain R has made of the sequence number. */
    screen_save(region, &screen);
    screen_pending(region, tiles);
    if (screen_copy_put_tiles(writer, HANDOVER_DAMAGE, screen.geometry, tiles) == 0)
        return TRUE;
    g_set_error_literal(error, DMORE_ERROR, DMORE_ERROR_FAILED, "no memory for the handover");
    return FALSE;
}

static gboolean put_records(const struct region *region, const Relay *relay,
                            const struct screen_tiles *changed, struct record_writer *writer,
                            GError **error)
{
    return relay_save(relay, HANDOVER_STREAM, writer, error) && put_region(region, writer, error) &&
           put_damage(region, changed, writer, error);
}

GBytes *handover_save(const struct region *region, const Relay *relay,
                      const struct screen_tiles *changed, GError **error)
{
    HandoverHeader header = {
        .version = GUINT32_TO_LE(HANDOVER_VERSION),
        .compatible = GUINT32_TO_LE(HANDOVER_COMPATIBLE),
    };
    struct record_writer writer = {0};

    if (!put_records(region, relay, changed, &writer, error)) {
        free(writer.bytes);
        return NULL;
    }
    memcpy(header.magic, MAGIC, MAGIC_SIZE);
    GByteArray *bytes = g_byte_array_new();
    g_byte_array_append(bytes, (const guint8 *)&header, sizeof(header));
    g_byte_array_append(bytes, writer.bytes, (guint)writer.size);
    free(writer.bytes);
    return g_byte_array_free_to_bytes(bytes);
}

static gboolean refuse(GError **error, const char *why)
{
    g_set_error(error, DMORE_ERROR, DMORE_ERROR_PEER, "the handover cannot be read: %s", why);
    return FALSE;
}

/* A handover taken apart: its mandatory records; the bytes stay where they are. */
typedef struct {
    struct record streams[REGION_STREAMS];
    struct record region;
    struct record damage;
    int n_streams;
    int n_regions;
    int n_damages;
} Parts;

static gboolean sort_record(Parts *parts, const struct record *record, GError **error)
{
    switch (record->type) {
    case HANDOVER_STREAM:
        if (parts->n_streams == REGION_STREAMS)
            return refuse(error, "it holds more streams than there are");
        parts->streams[parts->n_streams++] = *record;
        return TRUE;
    case HANDOVER_REGION:
        parts->region = *record;
        parts->n_regions++;
        return TRUE;
    case HANDOVER_DAMAGE:
        parts->damage = *record;
        parts->n_damages++;
        return TRUE;
    default:
        if (record->type & RECORD_MANDATORY)
            return refuse(error, "it holds something that this version does not know");
        return TRUE;
    }
}

static gboolean take_apart(GBytes *handover, Parts *parts, GError **error)
{
    gsize size = 0;
    const guint8 *bytes = g_bytes_get_data(handover, &size);
    HandoverHeader header;

    if (size < sizeof(header))
        return refuse(error, "it is too short");
    memcpy(&header, bytes, sizeof(header));
    if (memcmp(header.magic, MAGIC, MAGIC_SIZE) != 0)
        return refuse(error, "it does not begin with the handover's magic");
    if (GUINT32_FROM_LE(header.compatible) > HANDOVER_VERSION) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_PEER,
                    "the handover is of version %u, which this D-MORE (version %d) cannot read; "
                    "upgrade this host",
                    GUINT32_FROM_LE(header.version), HANDOVER_VERSION);
        return FALSE;
    }

    struct record_reader reader = {.next = bytes + sizeof(header), .left = size - sizeof(header)};
    struct record record;
    int ret;
    while ((ret = record_next(&reader, &record)) > 0)
        if (!sort_record(parts, &record, error))
            return FALSE;
    if (ret < 0)
        return refuse(error, "it is cut or damaged");
    if (parts->n_streams != REGION_STREAMS || parts->n_regions != 1 || parts->n_damages != 1)
        return refuse(error, "something is missing from it, or is there twice");
    return TRUE;
}

/* Of a picture that did not go ahead the pixels are written when the pair runs here already, and
 * then it is too late to go back. */
static gboolean make_room(const struct region *region, GError **error)
{
    struct screen_state screen;

    screen_save(region, &screen);
    return room_for_screen(region, screen.geometry.width, screen.geometry.height, error);
}

gboolean handover_restore(const struct region *region, Relay *relay, struct screen_tiles *owed,
                          GBytes *handover, GError **error)
{
    g_autofree struct screen_tiles *tiles = g_memdup2(owed, sizeof(*owed));
    Parts parts = {0};

    if (!take_apart(handover, &parts, error) || !relay_check_records(relay, parts.streams, error))
        return FALSE;
    if (screen_copy_get_tiles(&parts.damage, tiles) < 0)
        return refuse(error, "what it says of the screen makes no sense");
    /* It checks before it installs. */
    if (carry_restore(region, parts.region.data, parts.region.length) < 0)
        return refuse(error, "what it says of the region makes no sense");
    *owed = *tiles;
    return make_room(region, error) && relay_restore(relay, parts.streams, error);
}
