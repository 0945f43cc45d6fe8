/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pair/relay.h"

#include <errno.h>
#include <glib-unix.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "region/ring.h"

#define CHUNK 4096 /* bytes moved at a time; a report is 20 to 30 */

typedef struct {
    Relay *relay;
    enum region_stream_id id;
    int fd;    /* our end */
    int vm_fd; /* QEMU's end: handed to QEMU when it starts, read by us when it is stopped */
    struct ring to_vm;
    struct ring to_domain_r;
    GByteArray *unread;   /* goes to the user VM before anything in the ring */
    GByteArray *overflow; /* goes to Domain R before anything in the socket */
    guint in_source;
    guint out_source;
    guint64 to_vm_bytes;
    guint64 to_domain_r_bytes;
    gboolean anew;      /* Domain R has not taken the stream up yet */
    guint32 generation; /* with that: which it has to take up */
    gboolean restored;
    gboolean broken;
} Stream;

struct Relay {
    const struct region *region;
    Kick *kick;
    gboolean frozen;
    Stream streams[REGION_STREAMS];
};

static const char *const stream_names[REGION_STREAMS] = {
    [REGION_STREAM_KEYBOARD] = "keyboard",
    [REGION_STREAM_POINTER] = "pointer",
};

/* What a stream is made of in a handover: records inside the stream's record. */
enum stream_field {
    STREAM_ID = RECORD_MANDATORY | 1,
    STREAM_UNREAD = RECORD_MANDATORY | 2,
    STREAM_OVERFLOW = RECORD_MANDATORY | 3,
    STREAM_TO_VM_STATE = RECORD_MANDATORY | 4,
    STREAM_TO_VM_BYTES = RECORD_MANDATORY | 5,
    STREAM_TO_DOMAIN_R_STATE = RECORD_MANDATORY | 6,
    STREAM_TO_DOMAIN_R_BYTES = RECORD_MANDATORY | 7,
};

static void pump(Stream *stream);

static void stop_source(guint *source)
{
    if (*source)
        g_source_remove(*source);
    *source = 0;
}

static void stop_sources(Stream *stream)
{
    stop_source(&stream->in_source);
    stop_source(&stream->out_source);
}

static void stream_break(Stream *stream, const char *why)
{
    g_warning("the %s stream is broken and stops: %s", stream_names[stream->id], why);
    stream->broken = TRUE;
    stop_sources(stream);
}

static gboolean ready(gint fd, GIOCondition condition, gpointer user)
{
    Stream *stream = user;

    if (condition & G_IO_OUT)
        stream->out_source = 0;
    pump(stream);
    return condition & G_IO_OUT ? G_SOURCE_REMOVE : G_SOURCE_CONTINUE;
}

/* Send to the user VM; what the socket does not take is asked for again when it has room.
 * Return: how many bytes went.
 */
static gsize send_to_vm(Stream *stream, const void *bytes, gsize size)
{
    ssize_t n = send(stream->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        stream_break(stream, g_strerror(errno));
        return 0;
    }
    if (n < (ssize_t)size && !stream->out_source)
        stream->out_source = g_unix_fd_add(stream->fd, G_IO_OUT, ready, stream);
    if (n < 0)
        return 0;
    stream->to_vm_bytes += (guint64)n;
    return (gsize)n;
}

/* Return: whether the ring has moved. */
static gboolean pump_to_vm(Stream *stream)
{
    gboolean moved = FALSE;
    gsize turn = 0;

    while (!stream->broken && !stream->out_source) {
        /* One that fills its ring as fast as it is emptied must not keep the others waiting. */
        if (turn >= RING_CAPACITY) {
            stream->out_source = g_unix_fd_add(stream->fd, G_IO_OUT, ready, stream);
            break;
        }
        if (stream->unread->len) {
            gsize sent = send_to_vm(stream, stream->unread->data, stream->unread->len);
            g_byte_array_remove_range(stream->unread, 0, (guint)sent);
            continue;
        }

        guint8 chunk[CHUNK];
        int n = ring_peek(&stream->to_vm, chunk, sizeof(chunk));
        if (n == 0)
            break;
        if (n < 0) {
            stream_break(stream, "Domain R has written an impossible index into its ring");
            break;
        }
        gsize sent = send_to_vm(stream, chunk, (gsize)n);
        if (ring_consume(&stream->to_vm, sent) < 0) {
            stream_break(stream, "Domain R has taken back bytes that it had written");
            break;
        }
        turn += sent;
        moved |= sent > 0;
    }
    return moved;
}

/* Read one chunk from the user VM that surely fits into the ring.
 * Return: its size; 0 when there is nothing now or the stream is broken.
 */
static gsize receive_from_vm(Stream *stream, guint8 *chunk, gsize space)
{
    ssize_t n = recv(stream->fd, chunk, MIN(space, (gsize)CHUNK), MSG_DONTWAIT);

    if (n > 0)
        return (gsize)n;
    if (n == 0)
        stream_break(stream, "the user VM has closed it");
    else if (errno != EAGAIN && errno != EINTR)
        stream_break(stream, g_strerror(errno));
    return 0;
}

/* Return: whether the ring has moved. */
static gboolean pump_to_domain_r(Stream *stream)
{
    gboolean moved = FALSE;

    while (!stream->broken) {
        int space = ring_space(&stream->to_domain_r);
        if (space < 0) {
            stream_break(stream, "Domain R has written an impossible index into its ring");
            break;
        }
        if (space == 0) {
            /* Domain R kicks when it has made room. */
            stop_source(&stream->in_source);
            break;
        }
        if (!stream->in_source)
            stream->in_source = g_unix_fd_add(stream->fd, G_IO_IN, ready, stream);

        guint8 chunk[CHUNK];
        gsize n;
        if (stream->overflow->len) {
            n = MIN((gsize)stream->overflow->len, MIN((gsize)space, sizeof(chunk)));
            memcpy(chunk, stream->overflow->data, n);
            g_byte_array_remove_range(stream->overflow, 0, (guint)n);
        } else {
            n = receive_from_vm(stream, chunk, (gsize)space);
        }
        if (n == 0)
            break;
        ring_write(&stream->to_domain_r, chunk, n);
        stream->to_domain_r_bytes += n;
        moved = TRUE;
    }
    return moved;
}

/* Domain R has begun its device anew if it says so: drop what it had sent before. */
static void take_up(Stream *stream)
{
    const struct region_status *status = region_status(stream->relay->region);

    if (atomic_load(&status->streams[stream->id].generation) != stream->generation)
        return;
    stream->anew = FALSE;
    guint32 begin = atomic_load(&status->streams[stream->id].begin);
    if (ring_consume(&stream->to_vm, begin - stream->to_vm.own) < 0)
        stream_break(stream, "Domain R says that it begins anew where nothing is");
}

static void pump(Stream *stream)
{
    if (stream->anew)
        take_up(stream);
    if (stream->broken || stream->anew || stream->relay->frozen)
        return;

    gboolean moved = pump_to_vm(stream);
    moved |= pump_to_domain_r(stream);
    if (moved && stream->relay->kick)
        kick_send(stream->relay->kick);
}

static gboolean stream_init(Stream *stream, GError **error)
{
    const struct region *region = stream->relay->region;
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST, "cannot make a socket pair: %s",
                    g_strerror(errno));
        return FALSE;
    }
    stream->fd = pair[0];
    stream->vm_fd = pair[1];
    stream->to_vm = ring_consumer(region, stream->id, RING_TO_VM);
    stream->to_domain_r = ring_producer(region, stream->id, RING_TO_DOMAIN_R);
    return TRUE;
}

Relay *relay_new(const struct region *region, GError **error)
{
    g_autoptr(Relay) relay = g_new0(Relay, 1);

    relay->region = region;
    relay->frozen = TRUE;
    for (int i = 0; i < REGION_STREAMS; i++) {
        relay->streams[i] = (Stream){.relay = relay, .id = i, .fd = -1, .vm_fd = -1};
        relay->streams[i].unread = g_byte_array_new();
        relay->streams[i].overflow = g_byte_array_new();
    }
    for (int i = 0; i < REGION_STREAMS; i++)
        if (!stream_init(&relay->streams[i], error))
            return NULL;
    return g_steal_pointer(&relay);
}

int relay_vm_fd(const Relay *relay, enum region_stream_id stream)
{
    return relay->streams[stream].vm_fd;
}

void relay_set_kick(Relay *relay, Kick *kick)
{
    relay->kick = kick;
}

void relay_kicked(Relay *relay)
{
    for (int i = 0; i < REGION_STREAMS; i++)
        pump(&relay->streams[i]);
}

gboolean relay_drained(gpointer user)
{
    Relay *relay = user;

    for (int i = 0; i < REGION_STREAMS; i++) {
        const Stream *stream = &relay->streams[i];
        int queued = 0;

        if (stream->broken)
            continue;
        if (ioctl(stream->fd, SIOCOUTQ, &queued) < 0 || queued > 0)
            return FALSE;
        if (stream->unread->len || ring_fill(&stream->to_vm) > 0)
            return FALSE;
    }
    return TRUE;
}

/* Append all that can be read from @fd now. */
static void take_all(int fd, GByteArray *bytes)
{
    guint8 chunk[CHUNK];
    ssize_t n;

    while ((n = recv(fd, chunk, sizeof(chunk), MSG_DONTWAIT)) > 0)
        g_byte_array_append(bytes, chunk, (guint)n);
}

void relay_freeze(Relay *relay)
{
    relay->frozen = TRUE;
    for (int i = 0; i < REGION_STREAMS; i++) {
        Stream *stream = &relay->streams[i];
        stop_sources(stream);

        /* What lies in the socket was sent before what we still keep. */
        g_autoptr(GByteArray) unread = g_byte_array_new();
        take_all(stream->vm_fd, unread);
        g_byte_array_prepend(stream->unread, unread->data, unread->len);
        take_all(stream->fd, stream->overflow);
    }
}

void relay_thaw(Relay *relay)
{
    relay->frozen = FALSE;
    relay_kicked(relay);
    if (relay->kick)
        kick_send(relay->kick);
}

/* Drop all that was under way between the two ends, neither of which is used now. */
static void drain(Stream *stream)
{
    stop_sources(stream);
    take_all(stream->vm_fd, stream->unread);
    take_all(stream->fd, stream->overflow);
    g_byte_array_set_size(stream->unread, 0);
    g_byte_array_set_size(stream->overflow, 0);
    stream->broken = FALSE;
}

void relay_reset(Relay *relay)
{
    for (int i = 0; i < REGION_STREAMS; i++) {
        Stream *stream = &relay->streams[i];
        drain(stream);
        stream->anew = FALSE;
        stream->to_vm = ring_consumer(relay->region, stream->id, RING_TO_VM);
        stream->to_domain_r = ring_producer(relay->region, stream->id, RING_TO_DOMAIN_R);
    }
}

void relay_begin_anew(Relay *relay, enum region_stream_id id)
{
    Stream *stream = &relay->streams[id];
    struct region_notice *notice = region_notice(relay->region);

    drain(stream);
    stream->anew = TRUE;
    stream->generation = atomic_load(&notice->generations[id]) + 1;
    atomic_store(&notice->generations[id], stream->generation);
    if (relay->kick)
        kick_send(relay->kick);
}

gboolean relay_taken_up(gpointer user)
{
    Relay *relay = user;

    for (int i = 0; i < REGION_STREAMS; i++)
        if (relay->streams[i].anew)
            return FALSE;
    return TRUE;
}

static gboolean put_ring(const Stream *stream, enum ring_direction direction, uint32_t state_type,
                         uint32_t bytes_type, struct record_writer *writer)
{
    g_autofree guint8 *bytes = g_malloc(RING_CAPACITY);
    struct ring_state state;
    int n = ring_save(stream->relay->region, stream->id, direction, &state, bytes);

    if (n < 0)
        return FALSE;
    return record_put_u64(writer, state_type, (guint64)state.head << 32 | state.tail) == 0 &&
           record_put(writer, bytes_type, bytes, (size_t)n) == 0;
}

static gboolean put_stream(const Stream *stream, struct record_writer *writer)
{
    return record_put_u32(writer, STREAM_ID, stream->id) == 0 &&
           record_put(writer, STREAM_UNREAD, stream->unread->data, stream->unread->len) == 0 &&
           record_put(writer, STREAM_OVERFLOW, stream->overflow->data, stream->overflow->len) ==
               0 &&
           put_ring(stream, RING_TO_VM, STREAM_TO_VM_STATE, STREAM_TO_VM_BYTES, writer) &&
           put_ring(stream, RING_TO_DOMAIN_R, STREAM_TO_DOMAIN_R_STATE, STREAM_TO_DOMAIN_R_BYTES,
                    writer);
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
                        stream_names[stream->id]);
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
    unsigned seen; /* bit n: field n was there */
} SavedStream;

#define SAVED_ALL_FIELDS 0xfeu

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
    if (ret < 0 || saved->seen != SAVED_ALL_FIELDS || saved->id >= REGION_STREAMS)
        return FALSE;
    for (int i = 0; i < 2; i++)
        if (saved->bytes[i].length > RING_CAPACITY ||
            saved->states[i].head - saved->states[i].tail != saved->bytes[i].length)
            return FALSE;
    return TRUE;
}

gboolean relay_restore(Relay *relay, const struct record *record, GError **error)
{
    SavedStream saved;

    if (!parse_stream(record, &saved) || relay->streams[saved.id].restored) {
        g_set_error_literal(error, DMORE_ERROR, DMORE_ERROR_PEER,
                            "the handover holds a stream that makes no sense");
        return FALSE;
    }

    Stream *stream = &relay->streams[saved.id];
    for (enum ring_direction i = RING_TO_VM; i <= RING_TO_DOMAIN_R; i++)
        ring_restore(relay->region, stream->id, i, &saved.states[i], saved.bytes[i].data,
                     saved.bytes[i].length);
    stream->restored = TRUE;
    stream->to_vm = ring_consumer(relay->region, stream->id, RING_TO_VM);
    stream->to_domain_r = ring_producer(relay->region, stream->id, RING_TO_DOMAIN_R);
    g_byte_array_append(stream->unread, saved.unread.data, saved.unread.length);
    g_byte_array_append(stream->overflow, saved.overflow.data, saved.overflow.length);
    return TRUE;
}

RelayStreamStatus relay_stream_status(const Relay *relay, enum region_stream_id id)
{
    const Stream *stream = &relay->streams[id];

    return (RelayStreamStatus){
        .name = stream_names[id],
        .to_vm_bytes = stream->to_vm_bytes,
        .to_domain_r_bytes = stream->to_domain_r_bytes,
        .broken = stream->broken,
    };
}

void relay_free(Relay *relay)
{
    for (int i = 0; i < REGION_STREAMS; i++) {
        Stream *stream = &relay->streams[i];
        stop_sources(stream);
        g_byte_array_unref(stream->unread);
        g_byte_array_unref(stream->overflow);
        if (stream->fd >= 0)
            close(stream->fd);
        if (stream->vm_fd >= 0)
            close(stream->vm_fd);
    }
    g_free(relay);
}
