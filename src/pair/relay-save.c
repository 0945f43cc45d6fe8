/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * relay-save.c - the streams of a frozen relay as records, and those of another host in this one
 *
 * doc/handover.md is the specification of the records.
 */
#include "pair/relay-internal.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/error.h"

/* What a stream is made of in a handover: records inside the stream's record. */
enum stream_field {
    STREAM_ID = RECORD_MANDATORY | 1,
    STREAM_UNREAD = RECORD_MANDATORY | 2,
    STREAM_OVERFLOW = RECORD_MANDATORY | 3,
    STREAM_TO_VM_STATE = RECORD_MANDATORY | 4,
    STREAM_TO_VM_BYTES = RECORD_MANDATORY | 5,
    STREAM_TO_DOMAIN_R_STATE = RECORD_MANDATORY | 6,
    STREAM_TO_DOMAIN_R_BYTES = RECORD_MANDATORY | 7,
    STREAM_TO_VM_AHEAD = RECORD_MANDATORY | 8,
};

/* Append a copy of all that can be read from @fd as a record. */
static gboolean put_unread(int fd, uint32_t type, struct record_writer *writer)
{
    int size = 0;

    if (ioctl(fd, SIOCINQ, &size) < 0)
        return FALSE;
    g_autofree guint8 *bytes = g_malloc((gsize)size + 1);
    return (size == 0 || recv(fd, bytes, (gsize)size, MSG_PEEK | MSG_DONTWAIT) == size) &&
           record_put(writer, type, bytes, (size_t)size) == 0;
}

static gboolean put_ring(const Stream *stream, enum ring_direction direction, uint32_t state_type,
                         uint32_t bytes_type, struct record_writer *writer)
{
    g_autofree guint8 *bytes = g_malloc(RING_CAPACITY);
    struct ring_state state;
    int n = ring_save(stream->relay->region, stream->id, direction, &state, bytes);

    if (n < 0)
        return FALSE;
    if (record_put_u64(writer, state_type, (guint64)state.head << 32 | state.tail) < 0 ||
        record_put(writer, bytes_type, bytes, (size_t)n) < 0)
        return FALSE;
    if (direction != RING_TO_VM)
        return TRUE;
    /* Domain R was stopped anywhere, also between writing bytes and publishing them. */
    gsize ahead = ring_save_ahead(stream->relay->region, stream->id, direction, &state, bytes);
    return record_put(writer, STREAM_TO_VM_AHEAD, bytes, ahead) == 0;
}

static gboolean put_stream(const Stream *stream, struct record_writer *writer)
{
    return record_put_u32(writer, STREAM_ID, stream->id) == 0 &&
           put_unread(stream->ends.vm, STREAM_UNREAD, writer) &&
           put_unread(stream->ends.host, STREAM_OVERFLOW, writer) &&
           put_ring(stream, RING_TO_VM, STREAM_TO_VM_STATE, STREAM_TO_VM_BYTES, writer) &&
           put_ring(stream, RING_TO_DOMAIN_R, STREAM_TO_DOMAIN_R_STATE, STREAM_TO_DOMAIN_R_BYTES,
                    writer);
}

gboolean relay_check(const Relay *relay, GError **error)
{
    for (int i = 0; i < REGION_STREAMS; i++) {
        const Stream *stream = &relay->streams[i];

        if (!stream->broken && ring_fill(&stream->to_vm) >= 0 &&
            ring_space(&stream->to_domain_r) >= 0)
            continue;
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_FAILED,
                    "the %s stream is broken, and a pair cannot move without it: the log of the "
                    "pair tells since when; 'dmore down' and 'dmore up' start the pair anew",
                    relay_stream_names[stream->id]);
        return FALSE;
    }
    return TRUE;
}

gboolean relay_save(const Relay *relay, uint32_t type, struct record_writer *writer, GError **error)
{
    for (int i = 0; i < REGION_STREAMS; i++) {
        const Stream *stream = &relay->streams[i];
        struct record_writer inner = {0};
        gboolean saved =
            put_stream(stream, &inner) && record_put(writer, type, inner.bytes, inner.size) == 0;

        free(inner.bytes);
        if (!saved) {
            g_set_error(error, DMORE_ERROR, DMORE_ERROR_FAILED,
                        "cannot save the %s stream: Domain R has damaged its ring",
                        relay_stream_names[stream->id]);
            return FALSE;
        }
    }
    return TRUE;
}

/* A stream's record taken apart; the pointers point into the record. */
typedef struct {
    uint32_t id;
    struct record unread;
    struct record overflow;
    struct ring_state states[2];
    struct record bytes[2];
    struct record ahead; /* empty if it was not there */
    unsigned seen;       /* bit n: field n was there */
} SavedStream;

#define SAVED_NEEDED_FIELDS 0xfeu

static struct ring_state unpack_state(guint64 packed)
{
    return (struct ring_state){.head = (uint32_t)(packed >> 32), .tail = (uint32_t)packed};
}

static int parse_field(SavedStream *saved, const struct record *field)
{
    uint64_t packed = 0;
    int ret = 0;

    switch (field->type) {
    case STREAM_ID:
        ret = record_u32(field, &saved->id);
        break;
    case STREAM_UNREAD:
        saved->unread = *field;
        break;
    case STREAM_OVERFLOW:
        saved->overflow = *field;
        break;
    case STREAM_TO_VM_STATE:
    case STREAM_TO_DOMAIN_R_STATE:
        ret = record_u64(field, &packed);
        saved->states[field->type == STREAM_TO_VM_STATE ? RING_TO_VM : RING_TO_DOMAIN_R] =
            unpack_state(packed);
        break;
    case STREAM_TO_VM_BYTES:
        saved->bytes[RING_TO_VM] = *field;
        break;
    case STREAM_TO_DOMAIN_R_BYTES:
        saved->bytes[RING_TO_DOMAIN_R] = *field;
        break;
    case STREAM_TO_VM_AHEAD:
        saved->ahead = *field;
        break;
    default:
        return field->type & RECORD_MANDATORY ? -EPROTO : 0;
    }
    saved->seen |= 1u << (field->type & ~RECORD_MANDATORY);
    return ret;
}

static gboolean parse_stream(const struct record *record, SavedStream *saved)
{
    struct record_reader reader = {.next = record->data, .left = record->length};
    struct record field;
    int ret;

    memset(saved, 0, sizeof(*saved));
    while ((ret = record_next(&reader, &field)) > 0)
        if (parse_field(saved, &field) < 0)
            return FALSE;
    if (ret < 0 || (saved->seen & SAVED_NEEDED_FIELDS) != SAVED_NEEDED_FIELDS ||
        saved->id >= REGION_STREAMS)
        return FALSE;
    for (int i = 0; i < 2; i++)
        if (saved->bytes[i].length > RING_CAPACITY ||
            saved->states[i].head - saved->states[i].tail != saved->bytes[i].length)
            return FALSE;
    uint32_t room = RING_CAPACITY - saved->bytes[RING_TO_VM].length;
    return saved->ahead.length <= MIN(RING_AHEAD, room);
}

gboolean relay_check_records(const Relay *relay, const struct record *records, GError **error)
{
    gboolean seen[REGION_STREAMS] = {FALSE};

    for (int i = 0; i < REGION_STREAMS; i++) {
        SavedStream saved;

        if (!parse_stream(&records[i], &saved) || seen[saved.id] ||
            relay->streams[saved.id].restored) {
            g_set_error_literal(error, DMORE_ERROR, DMORE_ERROR_PEER,
                                "the handover holds a stream that makes no sense");
            return FALSE;
        }
        seen[saved.id] = TRUE;
    }
    return TRUE;
}

/* Send bytes that were unread in a socket there into the socket here. */
static gboolean put_back(const Stream *stream, int fd, const struct record *bytes, GError **error)
{
    if (bytes->length == 0 ||
        send(fd, bytes->data, bytes->length, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)bytes->length)
        return TRUE;
    g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST,
                "the socket of the %s stream does not take the %u bytes that were in it on the "
                "other host",
                relay_stream_names[stream->id], bytes->length);
    return FALSE;
}

static gboolean restore_stream(Stream *stream, const SavedStream *saved, GError **error)
{
    for (enum ring_direction i = RING_TO_VM; i <= RING_TO_DOMAIN_R; i++)
        ring_restore(stream->relay->region, stream->id, i, &saved->states[i], saved->bytes[i].data,
                     saved->bytes[i].length);
    ring_restore_ahead(stream->relay->region, stream->id, RING_TO_VM, &saved->states[RING_TO_VM],
                       saved->ahead.data, saved->ahead.length);
    /* What lay before the stream's begin was dropped on the other host; a later dmore-pair, which
     * drops up to there, must find nothing to drop. */
    atomic_store(&region_status(stream->relay->region)->streams[stream->id].begin,
                 saved->states[RING_TO_VM].tail);
    stream->restored = TRUE;
    relay_take_rings(stream);
    return put_back(stream, stream->ends.host, &saved->unread, error) &&
           put_back(stream, stream->ends.vm, &saved->overflow, error);
}

gboolean relay_restore(Relay *relay, const struct record *records, GError **error)
{
    if (!relay_check_records(relay, records, error))
        return FALSE;
    for (int i = 0; i < REGION_STREAMS; i++) {
        SavedStream saved;

        parse_stream(&records[i], &saved);
        if (!restore_stream(&relay->streams[saved.id], &saved, error))
            return FALSE;
    }
    return TRUE;
}
