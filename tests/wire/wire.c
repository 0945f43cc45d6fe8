/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wire.c - a cable between two name spaces that can be bad
 *
 *	wire LEFT-NAMESPACE LEFT-INTERFACE RIGHT-NAMESPACE RIGHT-INTERFACE
 *
 * Makes a TAP interface in each name space (ip-netns(8)) and carries frames between them. Not every
 * kernel has netem, and none of them cuts one direction alone.
 *
 * Theory of operation
 *
 * Each direction is a queue of frames with the time at which each arrives: it leaves when those
 * before it have left at the rate, and arrives the delay later. A frame that would wait for the
 * rate for more than a second is dropped, as by a router whose buffer is full. Which frames are
 * lost is decided by a random generator with a fixed seed.
 *
 * Commands come on standard input, one a line, and are answered with "ok" or "error: ..." on
 * standard output; DIRECTION is "right" (from the left to the right), "left" or "both":
 *
 *	cut DIRECTION		what is on its way is lost, too
 *	mend DIRECTION
 *	rate DIRECTION BYTES	a second; 0: as fast as it goes
 *	bad DIRECTION DELAY_MS LOSS_PERCENT
 *	only ADDRESS		what is not from or to this IPv4 address passes as on a good cable;
 *				0.0.0.0: everything suffers again
 *
 * The first answer is "ready". The cable ends with its standard input, or with either interface.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000ll /* ns */
#define MS 1000000ll
#define FRAME_MAX 65536
#define QUEUE 65536 /* frames; a power of two */
#define AT_ONCE 64  /* frames read before the other side has its turn */

struct frame {
    int64_t arrives; /* ns, monotonic */
    size_t size;
    uint8_t *bytes;
};

struct direction {
    int from, to; /* TAP descriptors */
    bool cut;
    int64_t rate;  /* bytes a second; 0: no limit */
    int64_t delay; /* ns */
    double loss;   /* part of the frames */
    int64_t free;  /* when the last frame has left */
    struct frame *frames;
    size_t head, tail; /* frames ever put in and taken out */
};

static struct in_addr only; /* 0.0.0.0: all */

__attribute__((format(printf, 1, 2), noreturn)) static void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("error: ", stdout);
    vprintf(format, arguments);
    fprintf(stdout, ": %s\n", strerror(errno));
    va_end(arguments);
    exit(1);
}

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * SECOND + t.tv_nsec;
}

/* A TAP interface in another name space, which this process is in afterwards. */
static int open_tap(const char *space, const char *interface)
{
    char path[128];
    snprintf(path, sizeof(path), "/run/netns/%s", space);
    int netns = open(path, O_RDONLY | O_CLOEXEC);
    if (netns < 0 || setns(netns, CLONE_NEWNET) < 0)
        fail("%s", path);
    close(netns);

    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
    int tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (tap < 0 || ioctl(tap, TUNSETIFF, &request) < 0)
        fail("interface %s in %s", interface, space);
    return tap;
}

static struct frame *frame_at(struct direction *direction, size_t at)
{
    return &direction->frames[at % QUEUE];
}

static bool suffers(const uint8_t *bytes, size_t size)
{
    if (only.s_addr == 0)
        return true;
    /* Ethernet, then IPv4 with its two addresses */
    return size >= 34 && bytes[12] == 0x08 && bytes[13] == 0x00 &&
           (memcmp(bytes + 26, &only, 4) == 0 || memcmp(bytes + 30, &only, 4) == 0);
}

/* An interface that is down or has no room loses it, as any would. */
static void arrive(int tap, const uint8_t *bytes, size_t size)
{
    if (write(tap, bytes, size) < 0 && errno == EBADFD)
        exit(0); /* the interface has gone, and with it the cable */
}

static void put(struct direction *direction, const uint8_t *bytes, size_t size)
{
    int64_t begin = now();
    int64_t leaves = begin;
    if (!suffers(bytes, size)) {
        arrive(direction->to, bytes, size);
        return;
    }
    if (direction->cut || drand48() < direction->loss || direction->head - direction->tail == QUEUE)
        return;
    if (direction->rate) {
        leaves = (direction->free > begin ? direction->free : begin) +
                 (int64_t)size * SECOND / direction->rate;
        if (leaves - begin > SECOND)
            return;
        direction->free = leaves;
    }
    struct frame *frame = frame_at(direction, direction->head);
    *frame = (struct frame){leaves + direction->delay, size, malloc(size)};
    if (!frame->bytes)
        fail("a frame of %zu bytes", size);
    memcpy(frame->bytes, bytes, size);
    direction->head++;
}

static void drop(struct direction *direction)
{
    free(frame_at(direction, direction->tail++)->bytes);
}

/* Deliver what has arrived; when the next frame does, or INT64_MAX. */
static int64_t deliver(struct direction *direction)
{
    while (direction->tail != direction->head) {
        const struct frame *frame = frame_at(direction, direction->tail);
        if (frame->arrives > now())
            return frame->arrives;
        arrive(direction->to, frame->bytes, frame->size);
        drop(direction);
    }
    return INT64_MAX;
}

static void take(struct direction *direction)
{
    static uint8_t bytes[FRAME_MAX];
    for (int i = 0; i < AT_ONCE; i++) {
        ssize_t n = read(direction->from, bytes, sizeof(bytes));
        if (n <= 0)
            return;
        put(direction, bytes, (size_t)n);
    }
}

static bool set(struct direction *direction, const char *what, const double numbers[2])
{
    if (strcmp(what, "cut") == 0 || strcmp(what, "mend") == 0) {
        direction->cut = *what == 'c';
        while (direction->cut && direction->tail != direction->head)
            drop(direction);
    } else if (strcmp(what, "rate") == 0) {
        direction->rate = (int64_t)numbers[0];
    } else if (strcmp(what, "bad") == 0) {
        direction->delay = (int64_t)(numbers[0] * (double)MS);
        direction->loss = numbers[1] / 100;
    } else {
        return false;
    }
    return true;
}

static void command(struct direction directions[2], const char *line)
{
    char what[16] = "";
    char where[16] = ""; /* "255.255.255.255" fits */
    double numbers[2] = {0};
    sscanf(line, "%15s %15s %lf %lf", what, where, &numbers[0], &numbers[1]);
    if (strcmp(what, "only") == 0 && inet_pton(AF_INET, where, &only) == 1) {
        puts("ok");
        return;
    }
    bool right = strcmp(where, "left") != 0;
    bool left = strcmp(where, "right") != 0;
    bool known = (left != right || strcmp(where, "both") == 0) &&
                 (!right || set(&directions[0], what, numbers)) &&
                 (!left || set(&directions[1], what, numbers));
    printf(known ? "ok\n" : "error: '%s' is no command\n", line);
}

/* false at the end of standard input */
static bool take_commands(struct direction directions[2])
{
    static char text[256];
    static size_t length;
    ssize_t n = read(STDIN_FILENO, text + length, sizeof(text) - 1 - length);
    if (n <= 0)
        return false;
    length += (size_t)n;
    text[length] = '\0';
    for (char *end; (end = strchr(text, '\n'));) {
        *end++ = '\0';
        command(directions, text);
        length -= (size_t)(end - text);
        memmove(text, end, length + 1);
    }
    return length < sizeof(text) - 1;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fputs("usage: wire LEFT-NAMESPACE LEFT-INTERFACE RIGHT-NAMESPACE RIGHT-INTERFACE\n",
              stderr);
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    int left = open_tap(argv[1], argv[2]);
    int right = open_tap(argv[3], argv[4]);
    struct direction directions[2] = {{.from = left, .to = right}, {.from = right, .to = left}};
    for (int i = 0; i < 2; i++) {
        directions[i].frames = calloc(QUEUE, sizeof(struct frame));
        if (!directions[i].frames)
            fail("a queue");
    }
    srand48(1);
    puts("ready");

    struct pollfd polled[] = {{.fd = left, .events = POLLIN},
                              {.fd = right, .events = POLLIN},
                              {.fd = STDIN_FILENO, .events = POLLIN}};
    for (;;) {
        int64_t next = deliver(&directions[0]);
        int64_t other = deliver(&directions[1]);
        next = other < next ? other : next;
        int64_t wait = next == INT64_MAX ? SECOND : next - now();
        struct timespec timeout = {.tv_nsec = wait < 0 ? 0 : wait % SECOND,
                                   .tv_sec = wait < 0 ? 0 : wait / SECOND};
        if (ppoll(polled, 3, &timeout, NULL) < 0 && errno != EINTR)
            fail("poll");
        if ((polled[0].revents | polled[1].revents) & POLLERR)
            return 0;
        take(&directions[0]);
        take(&directions[1]);
        if (polled[2].revents && !take_commands(directions))
            return 0;
    }
}
