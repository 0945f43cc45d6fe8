/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record.c - typed, length-checked records
 */
#include "region/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint32_t load32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void store32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static size_t padding(size_t length)
{
    return -length % 8;
}

int record_next(struct record_reader *reader, struct record *record)
{
    if (reader->left == 0)
        return 0;
    if (reader->left < RECORD_HEADER_SIZE)
        return -EPROTO;

    size_t room = reader->left - RECORD_HEADER_SIZE;
    uint32_t length = load32(reader->next + 4);

    if (length > room || padding(length) > room - length)
        return -EPROTO;

    *record = (struct record){
        .type = load32(reader->next),
        .length = length,
        .data = reader->next + RECORD_HEADER_SIZE,
    };
    size_t whole = RECORD_HEADER_SIZE + length + padding(length);
    reader->next += whole;
    reader->left -= whole;
    return 1;
}

int record_u32(const struct record *record, uint32_t *value)
{
    if (record->length != 4)
        return -EPROTO;
    *value = load32(record->data);
    return 0;
}

int record_u64(const struct record *record, uint64_t *value)
{
    if (record->length != 8)
        return -EPROTO;
    *value = (uint64_t)load32(record->data + 4) << 32 | load32(record->data);
    return 0;
}

const char *record_text(const struct record *record)
{
    if (record->length == 0)
        return NULL;
    if (memchr(record->data, '\0', record->length) != record->data + record->length - 1)
        return NULL;
    return (const char *)record->data;
}

int record_put(struct record_writer *writer, uint32_t type, const void *data, size_t length)
{
    if (length > UINT32_MAX)
        return -EOVERFLOW;

    size_t whole = RECORD_HEADER_SIZE + length + padding(length);

    if (whole > SIZE_MAX / 2 - writer->size)
        return -EOVERFLOW;
    if (whole > writer->room - writer->size) {
        size_t room = 2 * (writer->size + whole);
        uint8_t *bytes = realloc(writer->bytes, room);

        if (bytes == NULL)
            return -ENOMEM;
        writer->bytes = bytes;
        writer->room = room;
    }

    uint8_t *at = writer->bytes + writer->size;

    store32(at, type);
    store32(at + 4, (uint32_t)length);
    if (length > 0)
        memcpy(at + RECORD_HEADER_SIZE, data, length);
    memset(at + RECORD_HEADER_SIZE + length, 0, padding(length));
    writer->size += whole;
    return 0;
}

int record_put_u32(struct record_writer *writer, uint32_t type, uint32_t value)
{
    uint8_t bytes[4];

    store32(bytes, value);
    return record_put(writer, type, bytes, sizeof(bytes));
}

int record_put_u64(struct record_writer *writer, uint32_t type, uint64_t value)
{
    uint8_t bytes[8];

    store32(bytes, (uint32_t)value);
    store32(bytes + 4, (uint32_t)(value >> 32));
    return record_put(writer, type, bytes, sizeof(bytes));
}

int record_put_text(struct record_writer *writer, uint32_t type, const char *text)
{
    return record_put(writer, type, text, strlen(text) + 1);
}
