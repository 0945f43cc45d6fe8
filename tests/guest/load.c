/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * load.c - the reporter's loads: what a busy guest does while it is migrated
 *
 * Each load is a child of the reporter, so that reports go on meanwhile. It reports its progress
 * and, when it ends by itself, "OK" with its name and "done".
 */
#include "reporter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define DISK "/dev/vda"
#define BLOCK 4096
#define PAGE 4096
#define LINE 10     /* bytes sent and echoed at a time */
#define SLICE_MS 10 /* memory is dirtied in slices of this length */

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Pace: until @interval_ms after *@next, and set *@next to then. A pace, not a wait for something.
 */
static void pace(int64_t *next, long interval_ms)
{
    *next += (int64_t)interval_ms * 1000;
    int64_t left = *next - now_us();
    if (left > 0)
        usleep((useconds_t)left);
    else
        *next = now_us();
}

/* Go on in a child; the parent gets its pid, or -1. */
static pid_t child(void)
{
    pid_t pid = fork();
    if (pid == 0)
        signal(SIGCHLD, SIG_DFL);
    return pid;
}

__attribute__((noreturn)) static void dirty_for_ever(size_t per_second, size_t size)
{
    uint8_t *memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED) {
        report("ERR dirty: %s", strerror(errno));
        _exit(1);
    }
    size_t at = 0;
    uint64_t generation = 0;
    for (int64_t next = now_us();; pace(&next, SLICE_MS)) {
        for (size_t n = 0; n < per_second * SLICE_MS / 1000; n += PAGE) {
            *(volatile uint64_t *)(memory + at) = ++generation;
            at = at + PAGE < size ? at + PAGE : 0;
        }
    }
}

const char *load_dirty(char *arguments)
{
    static pid_t running;
    char *end;
    size_t rate = strtoul(arguments, &end, 10) << 20;
    size_t size = strtoul(end, NULL, 10) << 20;
    if (running > 0)
        kill(running, SIGKILL);
    running = 0;
    if (rate == 0)
        return NULL;
    if (size == 0)
        return "needs MB a second and MB";
    running = child();
    if (running == 0)
        dirty_for_ever(rate, size);
    return running < 0 ? "no child process" : NULL;
}

/* A block that tells its number in every line. */
static void make_block(char *block, unsigned long number)
{
    for (int i = 0; i < BLOCK / 16; i++) {
        char text[17];
        snprintf(text, sizeof(text), "block %09lu\n", number % 1000000000);
        memcpy(block + (ptrdiff_t)i * 16, text, 16);
    }
}

static const char *write_blocks(unsigned long first, unsigned long count, long interval_ms)
{
    static char block[BLOCK] __attribute__((aligned(BLOCK)));
    int fd = open(DISK, O_RDWR | O_DIRECT | O_CLOEXEC);
    if (fd < 0)
        return strerror(errno);
    int64_t next = now_us();
    for (unsigned long n = first; n < first + count; n++) {
        make_block(block, n);
        if (pwrite(fd, block, BLOCK, (off_t)n * BLOCK) != BLOCK || fsync(fd) < 0) {
            close(fd);
            return strerror(errno);
        }
        report("W %lu", n);
        pace(&next, interval_ms);
    }
    close(fd);
    return NULL;
}

const char *load_disk(char *arguments)
{
    char *end;
    unsigned long first = strtoul(arguments, &end, 10);
    unsigned long count = strtoul(end, &end, 10);
    long interval_ms = strtol(end, NULL, 10);
    if (count == 0)
        return "needs FIRST COUNT INTERVAL_MS";
    pid_t pid = child();
    if (pid != 0)
        return pid < 0 ? "no child process" : NULL;
    const char *why = write_blocks(first, count, interval_ms);
    report(why ? "ERR disk: %s" : "OK disk done", why);
    _exit(0);
}

static const char *exchange(int fd, unsigned long count, long interval_ms)
{
    int64_t next = now_us();
    for (unsigned long n = 0; n < count; n++) {
        char sent[LINE + 1];
        char got[LINE];
        int64_t begin = now_us();
        snprintf(sent, sizeof(sent), "%09lu\n", n % 1000000000);
        if (send(fd, sent, LINE, MSG_NOSIGNAL) != LINE)
            return strerror(errno);
        ssize_t have = recv(fd, got, LINE, MSG_WAITALL);
        if (have < 0)
            return strerror(errno);
        if (have != LINE)
            return "the other side has closed";
        if (memcmp(sent, got, LINE) != 0)
            return "what came back is not what was sent";
        report("N %lu %lld", n, (long long)(now_us() - begin));
        pace(&next, interval_ms);
    }
    return NULL;
}

const char *load_net(char *arguments)
{
    char address[64];
    unsigned int port;
    unsigned long count;
    long interval_ms;
    /* NOLINTNEXTLINE(bugprone-unchecked-string-to-number-conversion,cert-err34-c) */
    if (sscanf(arguments, "%63s %u %lu %ld", address, &port, &count, &interval_ms) != 4)
        return "needs ADDRESS PORT COUNT INTERVAL_MS";
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, address, &peer.sin_addr) != 1)
        return "the address is no IPv4 address";
    pid_t pid = child();
    if (pid != 0)
        return pid < 0 ? "no child process" : NULL;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;
    const char *why = NULL;
    if (fd < 0 || connect(fd, (struct sockaddr *)&peer, sizeof(peer)) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0)
        why = strerror(errno);
    else
        why = exchange(fd, count, interval_ms);
    report(why ? "ERR net: %s" : "OK net done", why);
    _exit(0);
}

const char *load_run(char *arguments)
{
    pid_t pid = child();
    if (pid != 0)
        return pid < 0 ? "no child process" : NULL;
    /* The commands come from the laboratory, which owns this guest.
     * NOLINTNEXTLINE(*-command-processor,cert-env33-c) */
    FILE *output = popen(arguments, "re");
    char line[512];
    while (output && fgets(line, sizeof(line), output)) {
        line[strcspn(line, "\n")] = '\0';
        report("> %s", line);
    }
    int status = output ? pclose(output) : -1;
    if (status == 0)
        report("OK run done");
    else
        report("ERR run: status %d", status);
    _exit(0);
}
