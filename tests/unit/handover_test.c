/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * handover_test.c - every byte of a stream arrives once and in order, across handovers and aborts
 *
 * The test plays both VMs: Domain R by the rings of a region, the user VM by its end of the socket
 * pair. Bytes are numbered, so a byte that is lost, doubled or out of order is seen at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <glib/gstdio.h>

#include "base/error.h"
#include "comigrate/handover.h"
#include "region/ring.h"
#include "region/screen.h"
#include "scratch.h"

#define HEADER_SIZE 16 /* magic, version, least compatible version */

/* One direction of a stream as the two who use it count it. */
typedef struct {
    guint32 sent;
    guint32 received;
} Count;

/* A stream of the pair, as Domain R and the user VM see it; both go along when the pair moves. */
typedef struct {
    enum region_stream_id id;
    struct ring to_vm;
    struct ring to_domain_r;
    Count down;    /* to the user VM */
    Count up;      /* to Domain R */
    guint32 ahead; /* bytes that Domain R has written and not published */
} Ends;

typedef struct {
    struct region region;
    char *directory;
    char *moving; /* path, in the directory */
    Relay *relay;
} Host;

typedef struct {
    GRand *random;
    Host *host;
    Ends ends[REGION_STREAMS];
    struct screen_tiles owed;
} World;

static Host *host_new(void)
{
    g_autoptr(GError) error = NULL;
    Host *host = g_new0(Host, 1);

    host->region = scratch_region(REGION_MIN_SIZE);
    host->directory = g_dir_make_tmp("dmore-handover-XXXXXX", NULL);
    host->moving = g_build_filename(host->directory, "moving", NULL);
    host->relay = relay_new(&host->region, host->moving, &error);
    assert_non_null(host->relay);
    return host;
}

static void host_free(Host *host)
{
    relay_free(host->relay);
    free(host->region.base);
    g_unlink(host->moving);
    g_rmdir(host->directory);
    g_free(host->moving);
    g_free(host->directory);
    g_free(host);
}

static int setup(void **state)
{
    World *world = g_new0(World, 1);

    world->random = g_rand_new_with_seed(20261122);
    world->host = host_new();
    for (int i = 0; i < REGION_STREAMS; i++) {
        world->ends[i].id = i;
        world->ends[i].to_vm = ring_producer(&world->host->region, i, RING_TO_VM);
        world->ends[i].to_domain_r = ring_consumer(&world->host->region, i, RING_TO_DOMAIN_R);
    }
    relay_thaw(world->host->relay);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    World *world = *state;

    host_free(world->host);
    g_rand_free(world->random);
    g_free(world);
    return 0;
}

static guint8 numbered(guint32 index)
{
    return (guint8)(index * 167 + index / 251);
}

static gsize amount(World *world, gsize most)
{
    return (gsize)g_rand_int_range(world->random, 0, (gint32)most + 1);
}

static void number(guint8 *bytes, gsize size, guint32 first)
{
    for (gsize i = 0; i < size; i++)
        bytes[i] = numbered(first + (guint32)i);
}

static void check_numbers(const guint8 *bytes, gsize size, Count *count)
{
    for (gsize i = 0; i < size; i++)
        if (bytes[i] != numbered(count->received + (guint32)i))
            fail_msg("byte %u is another", count->received + (guint32)i);
    count->received += (guint32)size;
}

/* Both VMs write and read some; the relay moves what it can. */
static void live(World *world, gsize most)
{
    g_autofree guint8 *bytes = g_malloc(most + 1);

    for (int i = 0; i < REGION_STREAMS; i++) {
        Ends *ends = &world->ends[i];
        int vm = relay_ends(world->host->relay, ends->id).vm;

        gsize n = amount(world, most);
        number(bytes, n, ends->down.sent);
        ends->down.sent += (guint32)ring_write(&ends->to_vm, bytes, n);

        n = amount(world, most);
        number(bytes, n, ends->up.sent);
        ssize_t sent = send(vm, bytes, n, MSG_DONTWAIT);
        ends->up.sent += sent > 0 ? (guint32)sent : 0;

        ssize_t received = recv(vm, bytes, amount(world, most) + 1, MSG_DONTWAIT);
        if (received > 0)
            check_numbers(bytes, (gsize)received, &ends->down);

        int read = ring_read(&ends->to_domain_r, bytes, amount(world, most));
        assert_true(read >= 0);
        check_numbers(bytes, (gsize)read, &ends->up);

        relay_kicked(world->host->relay);
        while (g_main_context_iteration(NULL, FALSE))
            ;
    }
}

/* Read until nothing is under way: all that was sent must have arrived. */
static void settle(World *world)
{
    for (int i = 0; i < REGION_STREAMS; i++) {
        Ends *ends = &world->ends[i];
        guint8 bytes[512];

        while (ends->down.received != ends->down.sent || ends->up.received != ends->up.sent) {
            guint32 before = ends->down.received + ends->up.received;
            ssize_t received = recv(relay_ends(world->host->relay, ends->id).vm, bytes,
                                    sizeof(bytes), MSG_DONTWAIT);
            if (received > 0)
                check_numbers(bytes, (gsize)received, &ends->down);
            check_numbers(bytes, (gsize)ring_read(&ends->to_domain_r, bytes, sizeof(bytes)),
                          &ends->up);
            relay_kicked(world->host->relay);
            while (g_main_context_iteration(NULL, FALSE))
                ;
            assert_true(ends->down.received + ends->up.received > before);
        }
    }
}

static GBytes *save(World *world)
{
    g_autoptr(GError) error = NULL;

    relay_freeze(world->host->relay);
    static const struct screen_tiles nothing;
    GBytes *handover = handover_save(&world->host->region, world->host->relay, &nothing, &error);
    assert_non_null(handover);
    return handover;
}

/* Domain R is stopped when it has written so many bytes more and not published them. */
static void write_ahead(World *world, gsize most)
{
    for (int i = 0; i < REGION_STREAMS; i++) {
        Ends *ends = &world->ends[i];
        gsize n = MIN(amount(world, most), (gsize)ring_space(&ends->to_vm));

        for (gsize k = 0; k < n; k++)
            ends->to_vm.shared->data[(ends->to_vm.own + k) % RING_CAPACITY] =
                numbered(ends->down.sent + (guint32)k);
        ends->ahead = (guint32)n;
    }
}

static void publish_ahead(Ends *ends)
{
    ends->to_vm.own += ends->ahead;
    ends->to_vm.shared->head = ends->to_vm.own;
    ends->down.sent += ends->ahead;
    ends->ahead = 0;
}

static void move(World *world)
{
    g_autoptr(GBytes) handover = save(world);
    g_autoptr(GError) error = NULL;
    Host *destination = host_new();

    assert_true(
        handover_restore(&destination->region, destination->relay, &world->owed, handover, &error));
    host_free(world->host);
    world->host = destination;
    /* Domain R keeps its own indices, and finds its rings in another region. */
    for (int i = 0; i < REGION_STREAMS; i++) {
        world->ends[i].to_vm.shared = ring_producer(&destination->region, i, RING_TO_VM).shared;
        world->ends[i].to_domain_r.shared =
            ring_consumer(&destination->region, i, RING_TO_DOMAIN_R).shared;
        publish_ahead(&world->ends[i]);
    }
    relay_thaw(destination->relay);
}

static void test_carries_every_byte(void **state)
{
    World *world = *state;

    for (int i = 0; i < 60; i++) {
        gsize most = i % 3 ? 64 : 3 * RING_CAPACITY;
        for (int turns = (int)amount(world, 6); turns > 0; turns--)
            live(world, most);
        write_ahead(world, i % 2 ? 64 : RING_AHEAD);
        move(world);
        if (i % 10 == 9)
            settle(world);
    }
    settle(world);
    assert_true(world->ends[REGION_STREAM_KEYBOARD].down.sent > RING_CAPACITY * 4);
}

static void test_abort_loses_nothing(void **state)
{
    World *world = *state;

    for (int i = 0; i < 100; i++) {
        live(world, i % 3 ? 64 : 3 * RING_CAPACITY);
        relay_freeze(world->host->relay);
        if (i % 2)
            relay_freeze(world->host->relay);
        relay_thaw(world->host->relay);
    }
    settle(world);
}

static void test_carries_the_geometry(void **state)
{
    World *world = *state;
    uint32_t sequence;

    assert_int_equal(screen_set_geometry(&world->host->region, 720, 400), 0);
    screen_damage(&world->host->region, (struct screen_rect){700, 390, 20, 10});
    move(world);
    assert_true(world->owed.rows[24][0] == UINT64_C(3) << 43);
    assert_int_equal(screen_geometry(&world->host->region, &sequence).width, 720);
    assert_int_equal(screen_geometry(&world->host->region, &sequence).height, 400);
}

/* A ring in which more lies than has room is known as damaged before anything is stopped. */
static void test_damage_is_known_at_once(void **state)
{
    World *world = *state;
    struct ring *rings[] = {&world->ends[0].to_vm, &world->ends[REGION_STREAMS - 1].to_domain_r};

    for (gsize i = 0; i < G_N_ELEMENTS(rings); i++) {
        struct ring_shared *shared = rings[i]->shared;
        _Atomic uint32_t *index = i == 0 ? &shared->head : &shared->tail;
        uint32_t before = *index;
        g_autoptr(GError) error = NULL;

        assert_true(relay_check(world->host->relay, NULL));
        *index = before + RING_CAPACITY + 1;
        assert_false(relay_check(world->host->relay, &error));
        assert_non_null(strstr(error->message, i == 0 ? "keyboard" : "pointer"));
        *index = before;
    }
    ring_write(&world->ends[0].to_vm, "x", 1);
    world->ends[0].to_vm.shared->head += RING_CAPACITY;
    relay_kicked(world->host->relay);
    world->ends[0].to_vm.shared->head -= RING_CAPACITY;
    assert_false(relay_check(world->host->relay, NULL)); /* it has been met, and stays broken */
}

static GBytes *save_host(Host *host, const struct screen_tiles *owed)
{
    GBytes *handover = handover_save(&host->region, host->relay, owed, NULL);

    assert_non_null(handover);
    return handover;
}

/* Refused by a host with these words, and nothing is changed. */
static void assert_refused_by(Host *host, GByteArray *bytes, const char *words)
{
    g_autoptr(GBytes) handover = g_bytes_new(bytes->data, bytes->len);
    g_autoptr(GError) error = NULL;
    static struct screen_tiles owed;
    g_autoptr(GBytes) before = save_host(host, &owed);

    assert_false(handover_restore(&host->region, host->relay, &owed, handover, &error));
    assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_PEER));
    if (!strstr(error->message, words))
        fail_msg("\"%s\" does not say \"%s\"", error->message, words);
    g_autoptr(GBytes) after = save_host(host, &owed);
    assert_true(g_bytes_equal(before, after));
}

static void assert_refused(GByteArray *bytes, const char *words)
{
    Host *host = host_new();

    assert_refused_by(host, bytes, words);
    host_free(host);
}

static GByteArray *copy(GBytes *bytes)
{
    gsize size;
    const guint8 *data = g_bytes_get_data(bytes, &size);
    GByteArray *array = g_byte_array_new();

    return g_byte_array_append(array, data, (guint)size);
}

static void test_refuses_what_is_no_handover(void **state)
{
    g_autoptr(GBytes) good = save(*state);
    g_autoptr(GByteArray) bytes = copy(good);

    bytes->data[0] = 'X';
    assert_refused(bytes, "magic");
    g_byte_array_set_size(bytes, HEADER_SIZE - 1);
    assert_refused(bytes, "too short");
}

static void test_refuses_a_newer_version(void **state)
{
    g_autoptr(GBytes) good = save(*state);
    g_autoptr(GByteArray) bytes = copy(good);

    bytes->data[12] = HANDOVER_VERSION + 1; /* least compatible version, low byte */
    assert_refused(bytes, "upgrade this host");
}

static void test_refuses_every_cut(void **state)
{
    World *world = *state;

    live(world, 100);
    g_autoptr(GBytes) good = save(world);
    Host *host = host_new();
    for (guint size = HEADER_SIZE; size < g_bytes_get_size(good); size += 8) {
        g_autoptr(GByteArray) bytes = copy(good);
        g_byte_array_set_size(bytes, size);
        assert_refused_by(host, bytes, "handover");
    }
    host_free(host);
}

static void test_refuses_a_stream_twice(void **state)
{
    g_autoptr(GBytes) good = save(*state);
    g_autoptr(GByteArray) bytes = copy(good);
    struct record_reader reader = {bytes->data + HEADER_SIZE, bytes->len - HEADER_SIZE};
    struct record first;

    assert_int_equal(record_next(&reader, &first), 1);
    g_autoptr(GByteArray) doubled = copy(good);
    g_byte_array_append(doubled, first.data - RECORD_HEADER_SIZE,
                        (guint)(reader.next - first.data) + RECORD_HEADER_SIZE);
    assert_refused(doubled, "more streams than there are");
}

static void test_refuses_an_unknown_mandatory_record(void **state)
{
    g_autoptr(GBytes) good = save(*state);
    g_autoptr(GByteArray) bytes = copy(good);
    struct record_writer writer = {0};

    assert_int_equal(record_put_u32(&writer, RECORD_MANDATORY | 0x7777, 1), 0);
    g_byte_array_append(bytes, writer.bytes, (guint)writer.size);
    free(writer.bytes);
    assert_refused(bytes, "does not know");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_carries_every_byte, setup, teardown),
        cmocka_unit_test_setup_teardown(test_abort_loses_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_carries_the_geometry, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damage_is_known_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refuses_what_is_no_handover, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refuses_a_newer_version, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refuses_every_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refuses_a_stream_twice, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refuses_an_unknown_mandatory_record, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
