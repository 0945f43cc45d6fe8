/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * region_fuzz.c - the region as the host sees it, with a Domain R that writes where and what it
 * likes
 *
 * An input is a list of steps: Domain R scribbles, or the host does what it does with a region
 * while a pair runs and when it moves. Whatever Domain R has written:
 *  - a kick brings the user VM at most as many bytes as a ring holds, and comes to an end;
 *  - what the host saves for another host, another host can install, and it is the same there;
 *  - the host writes nowhere but in its own parts.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "comigrate/handover.h"
#include "fuzz-glib.h"
#include "pair/pair.h"
#include "pair/screen-copy.h"
#include "region/ring.h"
#include "region/screen.h"

enum step {
    SCRIBBLE,
    SCRIBBLE_NUMBER,
    KICK,
    USER_VM_SENDS,
    USER_VM_READS,
    DRAW,
    RESIZE,
    DEFINE_CURSOR,
    HAND_OVER,
    COPY_PICTURE,
    LOOK,
    BEGIN_ANEW,
    ADOPT,
    STEPS,
};

#define MAX_EDGE 64 /* pixels of a rectangle that is drawn, both ways */

typedef struct {
    struct region region;
    Relay *relay;
    char *moving;                    /* the path of what it has in its hands */
    struct screen_geometry geometry; /* as the host has set it */
    struct screen_tiles changed;
    gsize received[REGION_STREAMS]; /* by the user VM */
} World;

static uint8_t noise[4 * MAX_EDGE * MAX_EDGE];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    fuzz_quiet_glib();
    for (gsize i = 0; i < sizeof(noise); i++)
        noise[i] = (uint8_t)(i * 167 + i / 251);
    return 0;
}

/* The numbers in the region that mean something. */
static uint32_t *number_at(const struct region *region, uint8_t which)
{
    static const uint32_t numbers[] = {
        REGION_STATUS_OFFSET,
        REGION_STATUS_OFFSET + offsetof(struct region_status, clients),
        REGION_STATUS_OFFSET + offsetof(struct region_status, streams),
        REGION_STATUS_OFFSET + offsetof(struct region_status, streams) + 4,
        REGION_NOTICE_OFFSET,
        REGION_NOTICE_OFFSET + offsetof(struct region_notice, generations),
        REGION_SCREEN_OFFSET,
        REGION_SCREEN_OFFSET + offsetof(struct screen_shared, width),
        REGION_SCREEN_OFFSET + offsetof(struct screen_shared, height),
        REGION_CURSOR_OFFSET,
        offsetof(struct region_header, size),
        offsetof(struct region_header, settings_size),
    };
    const unsigned rings = 4 * REGION_STREAMS; /* indices */
    unsigned place = which % (rings + G_N_ELEMENTS(numbers));
    uint32_t offset;

    if (place >= rings)
        offset = numbers[place - rings];
    else
        offset = REGION_STREAM_OFFSET + place / 4 * REGION_STREAM_SIZE +
                 (uint32_t)(place / 2 % 2 * sizeof(struct ring_shared)) +
                 (place % 2 ? offsetof(struct ring_shared, tail) : 0);
    return (uint32_t *)(gpointer)(region->base + offset);
}

static void scribble(World *world, struct fuzz_input *input)
{
    uint32_t offset = fuzz_u32(input) % REGION_MIN_SIZE;
    size_t size = 0;
    const uint8_t *bytes = fuzz_take(input, fuzz_u8(input), &size);

    /* The settings stay, to see that nobody else writes there. */
    if (offset + size > REGION_SETTINGS_OFFSET && offset < REGION_STREAM_OFFSET)
        return;
    memcpy(world->region.base + offset, bytes, MIN(size, REGION_MIN_SIZE - offset));
}

/* The user VM reads all that has come. */
static void receive(World *world)
{
    static uint8_t bytes[RING_CAPACITY];
    ssize_t size;

    for (int i = 0; i < REGION_STREAMS; i++)
        while ((size = recv(relay_ends(world->relay, i).vm, bytes, sizeof(bytes), MSG_DONTWAIT)) >
               0)
            world->received[i] += (gsize)size;
}

static void kick(World *world)
{
    gsize before[REGION_STREAMS];

    receive(world);
    fuzz_settle();
    receive(world);
    memcpy(before, world->received, sizeof(before));
    relay_kicked(world->relay);
    /* The socket takes less than a ring: what is left goes when there is room. */
    for (int i = 0; i < 4; i++) {
        fuzz_settle();
        receive(world);
    }
    for (int i = 0; i < REGION_STREAMS; i++) {
        CHECK(world->received[i] - before[i] <= RING_CAPACITY);
        CHECK(world->received[i] == relay_stream_status(world->relay, i).to_vm_bytes);
    }
    CHECK(relay_drained(world->relay));
}

static void user_vm_sends(World *world, struct fuzz_input *input)
{
    uint8_t stream = fuzz_u8(input) % REGION_STREAMS;
    size_t size = 0;
    const uint8_t *bytes = fuzz_take(input, fuzz_u8(input), &size);

    if (size > 0)
        send(relay_ends(world->relay, stream).vm, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void draw(World *world, struct fuzz_input *input)
{
    struct screen_rect rect = {
        .x = fuzz_u16(input),
        .y = fuzz_u16(input),
        .width = fuzz_u8(input) % (MAX_EDGE + 1),
        .height = fuzz_u8(input) % (MAX_EDGE + 1),
    };

    screen_write(&world->region, world->geometry, rect, noise, 4 * (size_t)MAX_EDGE,
                 &world->changed);
    screen_damage(&world->region, rect);
}

static void resize(World *world, uint32_t width, uint32_t height)
{
    if (screen_set_geometry(&world->region, width, height) == 0)
        world->geometry = (struct screen_geometry){.width = width, .height = height};
}

static void define_cursor(World *world, struct fuzz_input *input)
{
    struct cursor_shape shape = {
        .width = fuzz_u8(input) % MAX_EDGE,
        .height = fuzz_u8(input) % MAX_EDGE,
        .hot_x = fuzz_u8(input),
        .hot_y = fuzz_u8(input),
        .visible = TRUE,
    };

    CHECK(cursor_define(&world->region, &shape, (const uint32_t *)(gconstpointer)noise) == 0);
}

static Relay *make_relay(const struct region *region, const char *moving)
{
    Relay *relay = relay_new(region, moving, NULL);

    CHECK(relay != NULL);
    return relay;
}

/* hand_over() - to another host; then it is undone and the pair goes on here */
static void hand_over(World *world)
{
    g_autofree char *moving = fuzz_path("moving-there");
    g_autofree char *further_moving = fuzz_path("moving-further");
    static struct screen_tiles owed;
    g_autoptr(GBytes) handover = NULL;

    relay_freeze(world->relay);
    handover = handover_save(&world->region, world->relay, &world->changed, NULL);
    if (handover != NULL) {
        struct region there = fuzz_region(1);
        g_autoptr(Relay) relay = make_relay(&there, moving);

        memset(&owed, 0, sizeof(owed));
        CHECK(handover_restore(&there, relay, &owed, handover, NULL));
        g_autoptr(GBytes) again = handover_save(&there, relay, &owed, NULL);
        CHECK(again != NULL);
        /* An odd sequence number of the screen is made even, once. */
        g_autoptr(Relay) further_relay = make_relay(&there, further_moving);
        CHECK(handover_restore(&there, further_relay, &owed, again, NULL));
        g_autoptr(GBytes) further = handover_save(&there, further_relay, &owed, NULL);
        CHECK(g_bytes_equal(again, further));
        CHECK(g_bytes_get_size(handover) == g_bytes_get_size(again));
    }
    relay_thaw(world->relay);
}

/* adopt() - another relay goes on where this one is */
static void adopt(World *world)
{
    RelayEnds ends[REGION_STREAMS];

    for (int i = 0; i < REGION_STREAMS; i++) {
        RelayEnds old = relay_ends(world->relay, i);

        ends[i] = (RelayEnds){.host = dup(old.host), .vm = dup(old.vm)};
    }
    relay_free(world->relay);
    world->relay = relay_adopt(&world->region, world->moving, ends, NULL);
    CHECK(world->relay != NULL);
    relay_thaw(world->relay);
}

static void copy_picture(const World *world)
{
    g_autoptr(GBytes) copy = screen_copy_make(&world->region);
    struct region there = fuzz_region(1);
    struct screen_geometry geometry;

    CHECK(screen_copy_install(&there, copy, &geometry, NULL));
    CHECK(4 * (gsize)geometry.width * geometry.height <= REGION_MIN_SIZE - REGION_PIXELS_OFFSET);
}

/* What `dmore status` reads. */
static void look(const World *world)
{
    RegionFile file = {.region = world->region};
    Pair pair = {.region = &file};
    g_autofree char *message = pair_domain_r_message(&pair);

    CHECK(g_utf8_validate(message, -1, NULL));
    CHECK(strlen(message) < (gsize)3 * REGION_MESSAGE_SIZE);
}

static void take_step(World *world, struct fuzz_input *input)
{
    switch (fuzz_u8(input) % STEPS) {
    case SCRIBBLE:
        scribble(world, input);
        break;
    case SCRIBBLE_NUMBER: {
        uint32_t *number = number_at(&world->region, fuzz_u8(input));
        *number = fuzz_u32(input);
        break;
    }
    case KICK:
        kick(world);
        break;
    case USER_VM_SENDS:
        user_vm_sends(world, input);
        break;
    case USER_VM_READS:
        receive(world);
        break;
    case DRAW:
        draw(world, input);
        break;
    case RESIZE:
        resize(world, fuzz_u16(input), fuzz_u16(input));
        break;
    case DEFINE_CURSOR:
        define_cursor(world, input);
        break;
    case HAND_OVER:
        hand_over(world);
        break;
    case BEGIN_ANEW:
        fuzz_settle();
        receive(world);
        relay_begin_anew(world->relay, fuzz_u8(input) % REGION_STREAMS);
        break;
    case ADOPT:
        adopt(world);
        break;
    case COPY_PICTURE:
        copy_picture(world);
        break;
    default:
        look(world);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static World world;
    struct fuzz_input input = {bytes, size};
    static const uint8_t none[REGION_SETTINGS_CAPACITY];

    memset(&world, 0, sizeof(world));
    world.region = fuzz_region(0);
    world.moving = fuzz_path("moving");
    world.relay = make_relay(&world.region, world.moving);
    relay_thaw(world.relay);
    while (input.left > 0)
        take_step(&world, &input);
    CHECK(memcmp(world.region.base + REGION_SETTINGS_OFFSET, none, sizeof(none)) == 0);
    relay_free(world.relay);
    g_free(world.moving);
    return 0;
}
