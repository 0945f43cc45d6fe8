/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pair/relay-internal.h"

#include <errno.h>
#include <glib-unix.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"

const char *const relay_stream_names[REGION_STREAMS] = {
    [REGION_STREAM_KEYBOARD] = "keyboard",
    [REGION_STREAM_POINTER] = "pointer",
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
    g_warning("the %s stream is broken and stops: %s", relay_stream_names[stream->id], why);
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

/* What a socket call has said that is no number of bytes. */
static void check_failure(Stream *stream, int ret)
{
    if (ret < 0 && ret != -EAGAIN && ret != -EINTR)
        stream_break(stream, g_strerror(-ret));
}

/* Move one chunk of what is in the ring to the user VM. What the socket does not take is asked for
 * again when it has room.
 * Return: how many bytes went.
 */
static gsize move_to_vm(Stream *stream)
{
    Move *move = &stream->moves[RING_TO_VM];
    int n = ring_peek(&stream->to_vm, move->bytes, sizeof(move->bytes));

    if (n < 0)
        stream_break(stream, "Domain R has written an impossible index into its ring");
    if (n <= 0)
        return 0;

    int sent = move_send(move, stream->to_vm.own, stream->ends.host, (gsize)n);
    if (sent < n && !stream->out_source)
        stream->out_source = g_unix_fd_add(stream->ends.host, G_IO_OUT, ready, stream);
    check_failure(stream, sent);
    sent = MAX(sent, 0);
    if (ring_consume(&stream->to_vm, (gsize)sent) < 0)
        stream_break(stream, "Domain R has taken back bytes that it had written");
    move_end(move, (gsize)sent);
    return (gsize)sent;
}

/* Return: whether the ring has moved. */
static gboolean pump_to_vm(Stream *stream)
{
    gsize turn = 0;

    while (!stream->broken && !stream->out_source) {
        /* One that fills its ring as fast as it is emptied must not keep the others waiting. */
        if (turn >= RING_CAPACITY) {
            stream->out_source = g_unix_fd_add(stream->ends.host, G_IO_OUT, ready, stream);
            break;
        }
        gsize moved = move_to_vm(stream);
        if (moved == 0)
            break;
        turn += moved;
    }
    return turn > 0;
}

/* Move one chunk from the user VM that surely fits into the ring.
 * Return: how many bytes came.
 */
static gsize move_to_domain_r(Stream *stream, gsize space)
{
    Move *move = &stream->moves[RING_TO_DOMAIN_R];
    int received = move_receive(move, stream->to_domain_r.own, stream->ends.host, space);

    check_failure(stream, received);
    if (received == 0)
        stream_break(stream, "the user VM has closed it");
    received = MAX(received, 0);
    ring_write(&stream->to_domain_r, move->bytes, (gsize)received);
    move_end(move, (gsize)received);
    return (gsize)received;
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
            stream->in_source = g_unix_fd_add(stream->ends.host, G_IO_IN, ready, stream);
        if (move_to_domain_r(stream, (gsize)space) == 0)
            break;
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

void relay_take_rings(Stream *stream)
{
    stream->to_vm = ring_consumer(stream->relay->region, stream->id, RING_TO_VM);
    stream->to_domain_r = ring_producer(stream->relay->region, stream->id, RING_TO_DOMAIN_R);
}

/* A relay without sockets. */
static Relay *relay_alloc(const struct region *region)
{
    Relay *relay = g_new0(Relay, 1);

    relay->region = region;
    relay->frozen = TRUE;
    for (int i = 0; i < REGION_STREAMS; i++) {
        Stream *stream = &relay->streams[i];
        *stream = (Stream){.relay = relay, .id = i, .ends = {-1, -1}};
        relay_take_rings(stream);
    }
    return relay;
}

static void set_moving(Relay *relay, Moving *moving)
{
    relay->moving = moving;
    for (int i = 0; i < REGION_STREAMS; i++)
        relay->streams[i].moves = moving->streams[i];
}

Relay *relay_new(const struct region *region, const char *moving, GError **error)
{
    g_autoptr(Relay) relay = relay_alloc(region);
    Moving *made = moving_create(moving, error);

    if (!made)
        return NULL;
    set_moving(relay, made);
    for (int i = 0; i < REGION_STREAMS; i++) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
            g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST, "cannot make a socket pair: %s",
                        g_strerror(errno));
            return NULL;
        }
        relay->streams[i].ends = (RelayEnds){.host = pair[0], .vm = pair[1]};
    }
    return g_steal_pointer(&relay);
}

/* Finish what the other relay had in its hands. */
static void recover_moves(Stream *stream)
{
    if (move_recover(&stream->moves[RING_TO_VM], RING_TO_VM, &stream->to_vm) < 0 ||
        move_recover(&stream->moves[RING_TO_DOMAIN_R], RING_TO_DOMAIN_R, &stream->to_domain_r) < 0)
        stream_break(stream, "Domain R has damaged its ring");
}

/* A stream that has begun anew: Domain R may not have taken it up yet, or it has and the other
 * relay has not dropped what was before. */
static void recover_generation(Stream *stream)
{
    const struct region *region = stream->relay->region;
    const struct region_status *status = region_status(region);

    stream->generation = atomic_load(&region_notice(region)->generations[stream->id]);
    stream->anew = atomic_load(&status->streams[stream->id].generation) != stream->generation;
    if (stream->anew || stream->generation == 0)
        return;

    guint32 before = atomic_load(&status->streams[stream->id].begin) - stream->to_vm.own;
    if (before <= RING_CAPACITY)
        ring_consume(&stream->to_vm, before);
}

Relay *relay_adopt(const struct region *region, const char *moving, const RelayEnds *ends,
                   GError **error)
{
    g_autoptr(Relay) relay = relay_alloc(region);

    for (int i = 0; i < REGION_STREAMS; i++)
        relay->streams[i].ends = ends[i];
    Moving *found = moving_open(moving, error);
    if (!found)
        return NULL;
    set_moving(relay, found);
    for (int i = 0; i < REGION_STREAMS; i++) {
        recover_moves(&relay->streams[i]);
        recover_generation(&relay->streams[i]);
    }
    return g_steal_pointer(&relay);
}

RelayEnds relay_ends(const Relay *relay, enum region_stream_id stream)
{
    return relay->streams[stream].ends;
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

        /* What is in the ring of one that begins anew is dropped. */
        if (stream->broken || stream->anew)
            continue;
        if (ioctl(stream->ends.host, SIOCOUTQ, &queued) < 0 || queued > 0)
            return FALSE;
        if (ring_fill(&stream->to_vm) > 0)
            return FALSE;
    }
    return TRUE;
}

void relay_freeze(Relay *relay)
{
    relay->frozen = TRUE;
    for (int i = 0; i < REGION_STREAMS; i++)
        stop_sources(&relay->streams[i]);
}

void relay_thaw(Relay *relay)
{
    relay->frozen = FALSE;
    relay_kicked(relay);
    if (relay->kick)
        kick_send(relay->kick);
}

static void drop_unread(int fd)
{
    guint8 bytes[MOVE_MAX];

    while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
        ;
}

/* Drop all that was under way between the two ends, neither of which is used now. */
static void drain(Stream *stream)
{
    stop_sources(stream);
    drop_unread(stream->ends.host);
    drop_unread(stream->ends.vm);
    stream->broken = FALSE;
}

void relay_reset(Relay *relay)
{
    for (int i = 0; i < REGION_STREAMS; i++) {
        Stream *stream = &relay->streams[i];
        drain(stream);
        stream->anew = FALSE;
        stream->generation = 0;
        relay_take_rings(stream);
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

RelayStreamStatus relay_stream_status(const Relay *relay, enum region_stream_id id)
{
    const Stream *stream = &relay->streams[id];

    return (RelayStreamStatus){
        .name = relay_stream_names[id],
        .to_vm_bytes = stream->moves[RING_TO_VM].total,
        .to_domain_r_bytes = stream->moves[RING_TO_DOMAIN_R].total,
        .broken = stream->broken,
    };
}

void relay_free(Relay *relay)
{
    for (int i = 0; i < REGION_STREAMS; i++) {
        Stream *stream = &relay->streams[i];
        stop_sources(stream);
        if (stream->ends.host >= 0)
            close(stream->ends.host);
        if (stream->ends.vm >= 0)
            close(stream->ends.vm);
    }
    g_clear_pointer(&relay->moving, moving_free);
    g_free(relay);
}
