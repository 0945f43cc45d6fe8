/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * region.c - the region's header: writing it, believing it
 *
 * The offsets of region.h are fixed for a version; that what they hold fits between them is
 * proven here, at compile time.
 */
#include "region/region.h"

#include <errno.h>
#include <string.h>

#include "region/ring.h"
#include "region/screen.h"

#define PAGE_SIZE 4096u
#define OLDEST_VERSION 1u /* the oldest version that this source can read */

_Static_assert(sizeof(struct region_header) == 32, "the header is a file format");
_Static_assert(sizeof(struct region_header) <= REGION_STATUS_OFFSET, "header fits");
_Static_assert(REGION_STATUS_OFFSET + sizeof(struct region_status) <= REGION_NOTICE_OFFSET,
               "status fits");
_Static_assert(REGION_NOTICE_OFFSET + sizeof(struct region_notice) <= REGION_SETTINGS_OFFSET,
               "notice fits");
_Static_assert(REGION_SETTINGS_OFFSET + REGION_SETTINGS_CAPACITY <= REGION_STREAM_OFFSET,
               "settings fit");
_Static_assert(2 * sizeof(struct ring_shared) <= REGION_STREAM_SIZE, "two rings fit");
_Static_assert(REGION_STREAM_OFFSET + REGION_STREAMS * REGION_STREAM_SIZE <= REGION_SCREEN_OFFSET,
               "streams fit");
_Static_assert(REGION_SCREEN_OFFSET + sizeof(struct screen_shared) <= REGION_CURSOR_OFFSET,
               "screen fits");
_Static_assert(REGION_CURSOR_OFFSET + sizeof(struct cursor_shared) <= REGION_PIXELS_OFFSET,
               "cursor fits");
_Static_assert(REGION_PIXELS_OFFSET < REGION_MIN_SIZE, "there are pixels in the least region");
_Static_assert(REGION_STREAM_OFFSET % PAGE_SIZE == 0 && REGION_STREAM_SIZE % PAGE_SIZE == 0 &&
                   REGION_SCREEN_OFFSET % PAGE_SIZE == 0 && REGION_CURSOR_OFFSET % PAGE_SIZE == 0 &&
                   REGION_PIXELS_OFFSET % PAGE_SIZE == 0,
               "parts begin at a page");
/* The places that doc/region.md tells. */
_Static_assert(offsetof(struct region_header, size) == 16, "header");
_Static_assert(offsetof(struct region_status, address) == 20, "status");
_Static_assert(offsetof(struct ring_shared, tail) == 64 &&
                   offsetof(struct ring_shared, data) == 4096 &&
                   sizeof(struct ring_shared) == 0x11000,
               "rings");
_Static_assert(offsetof(struct screen_shared, width) == 4 &&
                   offsetof(struct screen_shared, damage) == 4096 && SCREEN_ROW_WORDS == 8 &&
                   SCREEN_TILE_ROWS == 512,
               "screen");
_Static_assert(offsetof(struct cursor_shared, visible) == 20 &&
                   offsetof(struct cursor_shared, pixels) == 64,
               "cursor");
/* An atomic that needs a lock would keep the lock outside of the region. */
_Static_assert(ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_LLONG_LOCK_FREE == 2, "atomics without locks");

static bool valid_size(uint64_t size)
{
    return size >= REGION_MIN_SIZE && size <= REGION_MAX_SIZE && size % PAGE_SIZE == 0;
}

int region_format(void *base, size_t size, const void *settings, size_t settings_size)
{
    struct region_header header = {
        .version = REGION_VERSION,
        .compatible = REGION_COMPATIBLE,
        .size = size,
        .settings_size = (uint32_t)settings_size,
    };

    if (!valid_size(size))
        return -EINVAL;
    if (settings_size > REGION_SETTINGS_CAPACITY)
        return -ENOSPC;

    memcpy(header.magic, REGION_MAGIC, sizeof(header.magic));
    if (settings_size > 0)
        memcpy((uint8_t *)base + REGION_SETTINGS_OFFSET, settings, settings_size);
    memcpy(base, &header, sizeof(header));
    return 0;
}

int region_open(struct region *region, void *base, size_t size)
{
    if (size < sizeof(struct region_header))
        return -EINVAL;

    /* One read, so that what is checked is what is used: the other side can write here. */
    const struct region_header header = *(const volatile struct region_header *)base;

    if (memcmp(header.magic, REGION_MAGIC, sizeof(header.magic)) != 0)
        return -EPROTO;
    if (header.version < OLDEST_VERSION || header.compatible > REGION_VERSION)
        return -ENOTSUP;
    if (!valid_size(header.size) || header.size > size ||
        header.settings_size > REGION_SETTINGS_CAPACITY)
        return -EINVAL;

    region->base = base;
    region->size = (size_t)header.size;
    return 0;
}

const void *region_settings(const struct region *region, size_t *size)
{
    const volatile struct region_header *header =
        (const volatile struct region_header *)region->base;
    uint32_t told = header->settings_size;

    *size = told <= REGION_SETTINGS_CAPACITY ? told : REGION_SETTINGS_CAPACITY;
    return region->base + REGION_SETTINGS_OFFSET;
}

struct region_status *region_status(const struct region *region)
{
    return (struct region_status *)(region->base + REGION_STATUS_OFFSET);
}

struct region_notice *region_notice(const struct region *region)
{
    return (struct region_notice *)(region->base + REGION_NOTICE_OFFSET);
}
