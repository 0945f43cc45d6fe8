/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record.h - typed, length-checked records one after the other
 *
 *	u32 type	u32 length	length bytes	padding with zeroes to a multiple of 8
 *
 * Little-endian whatever the machine, because the handover travels between hosts. A reader skips
 * types it does not know unless the type has RECORD_MANDATORY set, which is how a newer writer says
 * that it must not be skipped. The settings in the region and the handover are made of records.
 */
#ifndef DMORE_REGION_RECORD_H
#define DMORE_REGION_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_MANDATORY 0x80000000u
#define RECORD_HEADER_SIZE 8u

struct record {
    uint32_t type;
    uint32_t length;
    const uint8_t *data;
};

/* struct record_reader - walks over @size bytes; the bytes are not copied */
struct record_reader {
    const uint8_t *next;
    size_t left;
};

/* record_next() - the next record
 * Return: 1 with @record filled in, 0 at the end, -EPROTO when what is there is no record.
 */
int record_next(struct record_reader *reader, struct record *record);

/* record_u32(), record_u64() - the number in a record
 * Return: 0, or -EPROTO when the length is not that of such a number.
 */
int record_u32(const struct record *record, uint32_t *value);
int record_u64(const struct record *record, uint64_t *value);

/* record_text() - whether the data is a text: at least one byte, the last one NUL and no other
 * Return: the text, or NULL.
 */
const char *record_text(const struct record *record);

/* struct record_writer - grows by realloc(); start with {0}; free(bytes) is the caller's */
struct record_writer {
    uint8_t *bytes;
    size_t size;
    size_t room;
};

/* record_put() - append a record. Return: 0 or -ENOMEM or -EOVERFLOW; unchanged on failure. */
int record_put(struct record_writer *writer, uint32_t type, const void *data, size_t length);
int record_put_u32(struct record_writer *writer, uint32_t type, uint32_t value);
int record_put_u64(struct record_writer *writer, uint32_t type, uint64_t value);
int record_put_text(struct record_writer *writer, uint32_t type, const char *text);

#endif
