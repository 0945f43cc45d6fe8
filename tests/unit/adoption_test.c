/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * adoption_test.c - a relay that is killed at any instruction loses and doubles nothing
 *
 * The relay lives in a child that this test goes through instruction by instruction (ptrace(2)) and
 * then kills; the next child adopts what it has left. The test itself plays both VMs: Domain R by
 * the rings of a region, the user VM by its end of the socket pair. Bytes are numbered.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "pair/moving.h"
#include "pair/relay.h"
#include "region/ring.h"

#define STREAM REGION_STREAM_KEYBOARD
#define KILLS 60
#define ADOPTIONS 12 /* one of so many is killed while it adopts, the others while they relay */
#define MOST 100     /* bytes sent before each kill, in each direction */

/* One direction of the stream as the two who use it count it. */
typedef struct {
    guint32 sent;
    guint32 received;
} Count;

typedef struct {
    char *directory;
    char *moving; /* path, in the directory */
    struct region region;
    RelayEnds ends[REGION_STREAMS]; /* as they are open in the user VM's process */
    struct ring to_vm;
    struct ring from_vm;
    Count down; /* to the user VM */
    Count up;   /* to Domain R */
    GRand *random;
} World;

/* What the user VM's process would pass on. */
static void duplicate(const RelayEnds *ends, RelayEnds *copies)
{
    for (int i = 0; i < REGION_STREAMS; i++)
        copies[i] = (RelayEnds){.host = fcntl(ends[i].host, F_DUPFD_CLOEXEC, 0),
                                .vm = fcntl(ends[i].vm, F_DUPFD_CLOEXEC, 0)};
}

static Relay *adopt(const World *world)
{
    RelayEnds ends[REGION_STREAMS];

    duplicate(world->ends, ends);
    return relay_adopt(&world->region, world->moving, ends, NULL);
}

static int setup(void **state)
{
    World *world = g_new0(World, 1);
    void *base =
        mmap(NULL, REGION_MIN_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    RelayEnds ends[REGION_STREAMS];

    assert_true(base != MAP_FAILED);
    assert_int_equal(region_format(base, REGION_MIN_SIZE, NULL, 0), 0);
    assert_int_equal(region_open(&world->region, base, REGION_MIN_SIZE), 0);
    world->directory = g_dir_make_tmp("dmore-adoption-XXXXXX", NULL);
    world->moving = g_build_filename(world->directory, "moving", NULL);
    world->random = g_rand_new_with_seed(20261122);
    world->to_vm = ring_producer(&world->region, STREAM, RING_TO_VM);
    world->from_vm = ring_consumer(&world->region, STREAM, RING_TO_DOMAIN_R);

    g_autoptr(Relay) first = relay_new(&world->region, world->moving, NULL);
    assert_non_null(first);
    for (int i = 0; i < REGION_STREAMS; i++)
        ends[i] = relay_ends(first, i);
    duplicate(ends, world->ends);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    World *world = *state;

    for (int i = 0; i < REGION_STREAMS; i++) {
        close(world->ends[i].host);
        close(world->ends[i].vm);
    }
    munmap(world->region.base, world->region.size);
    g_unlink(world->moving);
    g_rmdir(world->directory);
    g_rand_free(world->random);
    g_free(world->moving);
    g_free(world->directory);
    g_free(world);
    return 0;
}

static guint8 numbered(guint32 index)
{
    return (guint8)(index * 167 + index / 251);
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
    assert_true(count->received <= count->sent);
}

static void send_both_ways(World *world)
{
    guint8 bytes[MOST];
    gsize size = (gsize)g_rand_int_range(world->random, 1, MOST);

    number(bytes, size, world->down.sent);
    assert_int_equal(ring_write(&world->to_vm, bytes, size), size);
    world->down.sent += (guint32)size;
    number(bytes, size, world->up.sent);
    assert_int_equal(send(world->ends[STREAM].vm, bytes, size, MSG_DONTWAIT), size);
    world->up.sent += (guint32)size;
}

static void receive_both_ways(World *world)
{
    guint8 bytes[KILLS * MOST];
    ssize_t received = recv(world->ends[STREAM].vm, bytes, sizeof(bytes), MSG_DONTWAIT);

    if (received > 0)
        check_numbers(bytes, (gsize)received, &world->down);
    int read = ring_read(&world->from_vm, bytes, sizeof(bytes));
    assert_true(read >= 0);
    check_numbers(bytes, (gsize)read, &world->up);
}

/* The child: it adopts the streams, moves what is there and ends. It is traced from the beginning,
 * or from when it has adopted them. */
static void be_traced(const World *world, gboolean adopting)
{
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    if (adopting)
        raise(SIGSTOP);

    Relay *relay = adopt(world);
    if (!relay)
        _exit(1);
    relay_thaw(relay);
    if (!adopting)
        raise(SIGSTOP);
    relay_kicked(relay);
    _exit(0);
}

/* Run a child, to which both VMs send, for at most @steps instructions and kill it then.
 * Return: how many it has run.
 */
static guint run_child(World *world, gboolean adopting, guint steps)
{
    pid_t child = fork();
    int status = 0;
    guint ran = 0;

    assert_true(child >= 0);
    if (child == 0)
        be_traced(world, adopting);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSTOPPED(status));
    send_both_ways(world);
    while (ran < steps && WIFSTOPPED(status)) {
        assert_int_equal(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        ran++;
    }
    if (WIFSTOPPED(status)) {
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &status, 0), child);
    } else {
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    return ran;
}

/* Whether the child had something in its hands when it was killed. */
static gboolean was_moving(const World *world, enum ring_direction direction)
{
    Moving *moving = moving_open(world->moving, NULL);
    gboolean under_way = FALSE;

    assert_non_null(moving);
    under_way = atomic_load(&moving->streams[STREAM][direction].under_way) != 0;
    moving_free(moving);
    return under_way;
}

/* To go on one processor makes a step a mere switch from one process to the other. */
static void stay_on_one_processor(void)
{
    cpu_set_t processors;

    CPU_ZERO(&processors);
    CPU_SET(sched_getcpu(), &processors);
    assert_int_equal(sched_setaffinity(0, sizeof(processors), &processors), 0);
}

/* Not with sanitizers: most instructions would be theirs. */
G_GNUC_UNUSED static void killed_anywhere_it_loses_nothing(void **state)
{
    World *world = *state;
    guint caught[2] = {0};

    stay_on_one_processor();
    const guint all[] = {run_child(world, FALSE, G_MAXUINT), run_child(world, TRUE, G_MAXUINT)};
    for (guint i = 0; i < KILLS; i++) {
        gboolean adopting = i % ADOPTIONS == 0;
        run_child(world, adopting,
                  (guint)g_rand_int_range(world->random, 0, (gint32)all[adopting]));
        caught[RING_TO_VM] += was_moving(world, RING_TO_VM);
        caught[RING_TO_DOMAIN_R] += was_moving(world, RING_TO_DOMAIN_R);
        receive_both_ways(world);
    }
    /* Else the test would show nothing. */
    assert_true(caught[RING_TO_VM] > 0 && caught[RING_TO_DOMAIN_R] > 0);
    print_message("# %u instructions, %u to adopt; killed in the midst of a move: %u, %u\n", all[0],
                  all[1], caught[RING_TO_VM], caught[RING_TO_DOMAIN_R]);

    g_autoptr(Relay) relay = adopt(world);
    assert_non_null(relay);
    relay_thaw(relay);
    receive_both_ways(world);
    assert_int_equal(world->down.received, world->down.sent);
    assert_int_equal(world->up.received, world->up.sent);
}

/* A stream may wait for a Domain R that begins it anew when its relay ends. */
static void stream_that_begins_anew_is_adopted(void **state)
{
    World *world = *state;
    struct region_status *status = region_status(&world->region);
    guint8 byte = 0;

    Relay *relay = adopt(world);
    assert_non_null(relay);
    assert_int_equal(ring_write(&world->to_vm, "old", 3), 3);
    relay_begin_anew(relay, STREAM);
    relay_free(relay);

    relay = adopt(world);
    relay_thaw(relay);
    assert_false(relay_taken_up(relay));
    relay_free(relay);

    /* Domain R has taken it up, and nobody has seen it yet. */
    atomic_store(&status->streams[STREAM].begin, world->to_vm.own);
    atomic_store(&status->streams[STREAM].generation, 1);
    assert_int_equal(ring_write(&world->to_vm, "n", 1), 1);
    relay = adopt(world);
    relay_thaw(relay);
    assert_true(relay_taken_up(relay));
    assert_int_equal(recv(world->ends[STREAM].vm, &byte, 1, MSG_DONTWAIT), 1);
    assert_int_equal(byte, 'n');
    relay_free(relay);
}

static void file_of_another_version_is_refused(void **state)
{
    World *world = *state;
    g_autoptr(GError) error = NULL;
    RelayEnds ends[REGION_STREAMS];

    assert_int_equal(truncate(world->moving, 1), 0);
    duplicate(world->ends, ends);
    assert_null(relay_adopt(&world->region, world->moving, ends, &error));
    assert_non_null(strstr(error->message, "not of this version"));
    assert_int_equal(fcntl(ends[0].host, F_GETFD), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#ifndef __SANITIZE_ADDRESS__
        cmocka_unit_test_setup_teardown(killed_anywhere_it_loses_nothing, setup, teardown),
#endif
        cmocka_unit_test_setup_teardown(stream_that_begins_anew_is_adopted, setup, teardown),
        cmocka_unit_test_setup_teardown(file_of_another_version_is_refused, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
