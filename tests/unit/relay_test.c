/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * relay_test.c - streams that begin anew; handover_test.c has the way of the bytes
 *
 * The test plays both VMs: Domain R by the rings of a region, the user VM by its end of the socket
 * pair.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "pair/relay.h"
#include "region/ring.h"
#include "scratch.h"

#define STREAM REGION_STREAM_KEYBOARD

struct ends {
    struct region region;
    char *directory;
    char *moving; /* path, in the directory */
    Relay *relay;
    struct ring to_vm;
    struct ring from_vm;
};

static int setup(void **state)
{
    g_autoptr(GError) error = NULL;
    struct ends *ends = g_new0(struct ends, 1);

    ends->region = scratch_region(REGION_MIN_SIZE);
    ends->directory = g_dir_make_tmp("dmore-relay-XXXXXX", NULL);
    ends->moving = g_build_filename(ends->directory, "moving", NULL);
    ends->relay = relay_new(&ends->region, ends->moving, &error);
    assert_non_null(ends->relay);
    ends->to_vm = ring_producer(&ends->region, STREAM, RING_TO_VM);
    ends->from_vm = ring_consumer(&ends->region, STREAM, RING_TO_DOMAIN_R);
    relay_thaw(ends->relay);
    *state = ends;
    return 0;
}

static int teardown(void **state)
{
    struct ends *ends = *state;

    relay_free(ends->relay);
    free(ends->region.base);
    g_unlink(ends->moving);
    g_rmdir(ends->directory);
    g_free(ends->moving);
    g_free(ends->directory);
    g_free(ends);
    return 0;
}

static void vm_sends(struct ends *ends, const char *text)
{
    assert_int_equal(send(relay_ends(ends->relay, STREAM).vm, text, strlen(text), 0), strlen(text));
}

static void domain_r_sends(struct ends *ends, const char *text)
{
    assert_int_equal(ring_write(&ends->to_vm, text, strlen(text)), strlen(text));
}

static void expect_vm(struct ends *ends, const char *text)
{
    char bytes[64] = "";
    ssize_t n = recv(relay_ends(ends->relay, STREAM).vm, bytes, sizeof(bytes) - 1, MSG_DONTWAIT);

    assert_string_equal(n > 0 ? bytes : "", text);
}

static void expect_domain_r(struct ends *ends, const char *text)
{
    char bytes[64] = "";

    assert_true(ring_read(&ends->from_vm, bytes, sizeof(bytes) - 1) >= 0);
    assert_string_equal(bytes, text);
}

/* What is on its way in both directions when an end goes: in the socket and in the ring. */
static void leave(struct ends *ends)
{
    domain_r_sends(ends, "unread");
    vm_sends(ends, "old");
    relay_kicked(ends->relay);
    relay_freeze(ends->relay);
    relay_thaw(ends->relay);
    domain_r_sends(ends, "old");
    vm_sends(ends, "old");
}

/* Domain R's part: it reads what is there, and begins behind what it has written. */
static void take_up(struct ends *ends, uint32_t begin)
{
    struct region_status *status = region_status(&ends->region);
    uint32_t generation = atomic_load(&region_notice(&ends->region)->generations[STREAM]);
    char bytes[64];

    assert_true(ring_read(&ends->from_vm, bytes, sizeof(bytes)) >= 0);
    atomic_store(&status->streams[STREAM].begin, begin);
    atomic_store(&status->streams[STREAM].generation, generation);
}

static void another_user_vm_gets_nothing_old(void **state)
{
    struct ends *ends = *state;

    leave(ends);
    relay_begin_anew(ends->relay, STREAM);
    assert_false(relay_taken_up(ends->relay));
    vm_sends(ends, "hello");
    domain_r_sends(ends, "old");
    relay_kicked(ends->relay);
    expect_vm(ends, "");

    take_up(ends, ends->to_vm.own);
    domain_r_sends(ends, "new");
    relay_kicked(ends->relay);
    assert_true(relay_taken_up(ends->relay));
    expect_vm(ends, "new");
    expect_domain_r(ends, "hello");
    assert_false(relay_stream_status(ends->relay, STREAM).broken);
}

static void impossible_begin_breaks_the_stream(void **state)
{
    struct ends *ends = *state;

    domain_r_sends(ends, "old");
    relay_begin_anew(ends->relay, STREAM);
    take_up(ends, ends->to_vm.own + 1);
    relay_kicked(ends->relay);
    assert_true(relay_taken_up(ends->relay));
    assert_true(relay_stream_status(ends->relay, STREAM).broken);
    assert_false(relay_stream_status(ends->relay, REGION_STREAM_POINTER).broken);

    relay_begin_anew(ends->relay, STREAM);
    take_up(ends, ends->to_vm.own);
    domain_r_sends(ends, "new");
    relay_kicked(ends->relay);
    expect_vm(ends, "new");
}

static void another_domain_r_gets_nothing_old(void **state)
{
    struct ends *ends = *state;

    leave(ends);
    memset(ends->region.base, 0, ends->region.size);
    assert_int_equal(region_format(ends->region.base, ends->region.size, NULL, 0), 0);
    relay_reset(ends->relay);
    ends->to_vm = ring_producer(&ends->region, STREAM, RING_TO_VM);
    ends->from_vm = ring_consumer(&ends->region, STREAM, RING_TO_DOMAIN_R);

    vm_sends(ends, "hello");
    domain_r_sends(ends, "new");
    relay_kicked(ends->relay);
    expect_vm(ends, "new");
    expect_domain_r(ends, "hello");
}

/* A host of its own for the pair that came, with the generation that the region's records brought.
 */
static struct ends *arrive(const struct record_writer *saved, uint32_t generation)
{
    g_autoptr(GError) error = NULL;
    struct record_reader reader = {.next = saved->bytes, .left = saved->size};
    struct record records[REGION_STREAMS];
    void *state = NULL;

    setup(&state);
    struct ends *there = state;
    relay_freeze(there->relay);
    atomic_store(&region_notice(&there->region)->generations[STREAM], generation);
    atomic_store(&region_status(&there->region)->streams[STREAM].generation, generation);
    for (int i = 0; i < REGION_STREAMS; i++)
        assert_int_equal(record_next(&reader, &records[i]), 1);
    assert_true(relay_restore(there->relay, records, &error));
    return there;
}

/* Another dmore-pair takes over: the sockets live on in the user VM's process. */
static void adopt(struct ends *ends)
{
    g_autoptr(GError) error = NULL;
    RelayEnds kept[REGION_STREAMS];

    for (int i = 0; i < REGION_STREAMS; i++) {
        RelayEnds of_old = relay_ends(ends->relay, i);
        kept[i] = (RelayEnds){.host = dup(of_old.host), .vm = dup(of_old.vm)};
    }
    relay_free(ends->relay);
    ends->relay = relay_adopt(&ends->region, ends->moving, kept, &error);
    assert_non_null(ends->relay);
}

/* An index counts from birth and wraps, so that any number may be one of bytes still to come. */
static void what_came_is_not_taken_for_old(void **state)
{
    struct ends *ends = *state;
    const struct ring_state state_here = {.head = UINT32_MAX - 1, .tail = UINT32_MAX - 1};
    struct record_writer saved = {0};
    g_autoptr(GError) error = NULL;

    ring_restore(&ends->region, STREAM, RING_TO_VM, &state_here, NULL, 0);
    relay_reset(ends->relay);
    ends->to_vm = ring_producer(&ends->region, STREAM, RING_TO_VM);
    relay_begin_anew(ends->relay, STREAM);
    take_up(ends, ends->to_vm.own);
    relay_kicked(ends->relay);
    assert_true(relay_taken_up(ends->relay));
    relay_freeze(ends->relay);
    domain_r_sends(ends, "new");
    assert_true(relay_save(ends->relay, 1, &saved, &error));

    void *there = arrive(&saved, 1);
    adopt(there);
    relay_thaw(((struct ends *)there)->relay);
    expect_vm(there, "new");
    teardown(&there);
    free(saved.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(another_user_vm_gets_nothing_old, setup, teardown),
        cmocka_unit_test_setup_teardown(impossible_begin_breaks_the_stream, setup, teardown),
        cmocka_unit_test_setup_teardown(another_domain_r_gets_nothing_old, setup, teardown),
        cmocka_unit_test_setup_teardown(what_came_is_not_taken_for_old, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
