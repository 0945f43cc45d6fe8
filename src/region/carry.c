/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * carry.c - a region's contents other than its rings, as records
 */
#include "region/carry.h"

#include <errno.h>
#include <string.h>

#include "region/screen.h"

/* The numbers are part of what hosts of different releases say to each other. */
enum carry_record {
    CARRY_GEOMETRY = RECORD_MANDATORY | 1,  /* u64: width << 32 | height */
    CARRY_SEQUENCES = RECORD_MANDATORY | 2, /* u64: of the geometry << 32 | of the cursor */
    CARRY_STATE = 3,                        /* u32: this and the next are struct region_status */
    CARRY_HEARTBEAT = 4,
    CARRY_CLIENTS = 5,
    CARRY_LEDS = 6,
    CARRY_WRITE_BACK = 7,
    CARRY_ADDRESS = 8,  /* text */
    CARRY_MESSAGE = 9,  /* text */
    CARRY_USER_VM = 10, /* u32: struct region_notice */
    CARRY_MEMORY_FREE = 11,
    /* u64: stream << 32 | generation; a Domain R that found another one would begin it anew */
    CARRY_GENERATION = RECORD_MANDATORY | 12,
};

/* Everything that is carried, read and checked but not yet installed. */
struct contents {
    uint64_t geometry;
    uint64_t sequences;
    uint32_t state;
    uint32_t heartbeat;
    uint32_t clients;
    uint32_t leds;
    uint32_t write_back;
    uint32_t user_vm;
    uint32_t memory_free;
    uint32_t generations[REGION_STREAMS];
    char address[REGION_ADDRESS_SIZE];
    char message[REGION_MESSAGE_SIZE];
};

/* copy_text() - a text from the region, which need not end there; the copy does */
static void copy_text(char *to, const char *from, size_t size)
{
    memcpy(to, from, size - 1);
    to[size - 1] = '\0';
}

/* put_generations() - of streams that have begun anew; most never do */
static int put_generations(const struct region *region, struct record_writer *writer)
{
    struct region_notice *notice = region_notice(region);

    for (uint64_t i = 0; i < REGION_STREAMS; i++) {
        uint32_t generation = atomic_load(&notice->generations[i]);

        if (generation != 0 && record_put_u64(writer, CARRY_GENERATION, i << 32 | generation) < 0)
            return -ENOMEM;
    }
    return 0;
}

int carry_save(const struct region *region, struct record_writer *writer)
{
    struct region_status *status = region_status(region);
    struct screen_state screen;
    struct contents contents;

    screen_save(region, &screen);
    copy_text(contents.address, status->address, sizeof(contents.address));
    copy_text(contents.message, status->message, sizeof(contents.message));

    if (record_put_u64(writer, CARRY_GEOMETRY,
                       (uint64_t)screen.geometry.width << 32 | screen.geometry.height) < 0 ||
        record_put_u64(writer, CARRY_SEQUENCES,
                       (uint64_t)screen.sequence << 32 | screen.cursor_sequence) < 0 ||
        record_put_u32(writer, CARRY_STATE, atomic_load(&status->state)) < 0 ||
        record_put_u32(writer, CARRY_HEARTBEAT, atomic_load(&status->heartbeat)) < 0 ||
        record_put_u32(writer, CARRY_CLIENTS, atomic_load(&status->clients)) < 0 ||
        record_put_u32(writer, CARRY_LEDS, atomic_load(&status->leds)) < 0 ||
        record_put_u32(writer, CARRY_WRITE_BACK, atomic_load(&status->write_back)) < 0 ||
        record_put_text(writer, CARRY_ADDRESS, contents.address) < 0 ||
        record_put_text(writer, CARRY_MESSAGE, contents.message) < 0 ||
        record_put_u32(writer, CARRY_USER_VM, atomic_load(&region_notice(region)->user_vm)) < 0 ||
        record_put_u32(writer, CARRY_MEMORY_FREE, atomic_load(&status->memory_free)) < 0)
        return -ENOMEM;
    return put_generations(region, writer);
}

static int read_text(const struct record *record, char *to, size_t size)
{
    const char *text = record_text(record);

    if (text == NULL || record->length > size)
        return -EPROTO;
    memcpy(to, text, record->length);
    return 0;
}

static int read_generation(const struct record *record, struct contents *contents)
{
    uint64_t value;

    if (record_u64(record, &value) < 0 || value >> 32 >= REGION_STREAMS)
        return -EPROTO;
    contents->generations[value >> 32] = (uint32_t)value;
    return 0;
}

static int read_record(const struct record *record, struct contents *contents)
{
    switch (record->type) {
    case CARRY_GEOMETRY:
        return record_u64(record, &contents->geometry);
    case CARRY_SEQUENCES:
        return record_u64(record, &contents->sequences);
    case CARRY_STATE:
        return record_u32(record, &contents->state);
    case CARRY_HEARTBEAT:
        return record_u32(record, &contents->heartbeat);
    case CARRY_CLIENTS:
        return record_u32(record, &contents->clients);
    case CARRY_LEDS:
        return record_u32(record, &contents->leds);
    case CARRY_WRITE_BACK:
        return record_u32(record, &contents->write_back);
    case CARRY_ADDRESS:
        return read_text(record, contents->address, sizeof(contents->address));
    case CARRY_MESSAGE:
        return read_text(record, contents->message, sizeof(contents->message));
    case CARRY_USER_VM:
        return record_u32(record, &contents->user_vm);
    case CARRY_MEMORY_FREE:
        return record_u32(record, &contents->memory_free);
    case CARRY_GENERATION:
        return read_generation(record, contents);
    default:
        return record->type & RECORD_MANDATORY ? -EPROTO : 0;
    }
}

/* read_contents() - all records; geometry and sequences have to be among them */
static int read_contents(struct record_reader reader, struct contents *contents)
{
    bool geometry = false;
    bool sequences = false;
    struct record record;
    int more;

    while ((more = record_next(&reader, &record)) > 0) {
        if (read_record(&record, contents) < 0)
            return -EPROTO;
        geometry |= record.type == CARRY_GEOMETRY;
        sequences |= record.type == CARRY_SEQUENCES;
    }
    return more == 0 && geometry && sequences ? 0 : -EPROTO;
}

int carry_restore(const struct region *region, const void *bytes, size_t size)
{
    struct region_status *status = region_status(region);
    struct contents contents = {0};
    int result = read_contents((struct record_reader){bytes, size}, &contents);

    if (result < 0)
        return result;

    struct screen_state screen = {
        .geometry = {(uint32_t)(contents.geometry >> 32), (uint32_t)contents.geometry},
        .sequence = (uint32_t)(contents.sequences >> 32),
        .cursor_sequence = (uint32_t)contents.sequences,
    };

    result = screen_restore(region, &screen);
    if (result < 0)
        return result;

    memcpy(status->address, contents.address, sizeof(contents.address));
    memcpy(status->message, contents.message, sizeof(contents.message));
    atomic_store(&status->heartbeat, contents.heartbeat);
    atomic_store(&status->clients, contents.clients);
    atomic_store(&status->leds, contents.leds);
    atomic_store(&status->write_back, contents.write_back);
    atomic_store(&status->memory_free, contents.memory_free);
    atomic_store(&status->state, contents.state);
    atomic_store(&region_notice(region)->user_vm, contents.user_vm);
    for (size_t i = 0; i < REGION_STREAMS; i++) {
        atomic_store(&region_notice(region)->generations[i], contents.generations[i]);
        atomic_store(&status->streams[i].generation, contents.generations[i]);
    }
    return 0;
}
