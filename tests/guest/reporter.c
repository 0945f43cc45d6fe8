/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reporter.c - tells the laboratory, from inside the guest, what really arrived there
 *
 * Theory of operation
 *
 * The reporter is the only program in the test guest. It reads the text console raw and echoes what
 * it reads, as a shell would, so that typing is seen on the screen; and it opens every input
 * device. Whatever comes is written as a line to the second serial port:
 *
 *	READY			the reporter reads; once
 *	T HEX...		bytes read from the text console
 *	K CODE VALUE		evdev key or button: 0 up, 1 down, 2 repeated
 *	R CODE VALUE		evdev relative axis: the wheel
 *	A CODE VALUE		evdev absolute axis: the pointer
 *	L CODE VALUE		evdev LED
 *	D DEVICE		the kernel has dropped events: this program was too slow
 *	H CODE...		keys and buttons that are down, in answer to "held"
 *	+ DEVICE NAME		an input device has come
 *	- DEVICE		an input device has gone
 *	C MONOTONIC REALTIME	every 100 ms: the guest's clocks in ms
 *	J BY			a C line came that many ms too late by the monotonic clock
 *	S BY			the real-time clock was set by that many ms
 *	G TEXT			a warning of the kernel, or what it says about USB
 *	W, N, >			of a load, see reporter.h
 *	OK COMMAND		the command has been done
 *	ERR COMMAND: WHY	it has not
 *
 * The same port takes commands, one a line; see the table of them below. Time stands still for the
 * guest while the VM is stopped, so the laboratory stamps the lines with its own clock.
 */
#include "reporter.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define INPUT_DIR "/dev/input"
#define MAX_DEVICES 32
#define CLOCK_MS 100
#define REPEAT_DELAY_MS 3000
#define REPEAT_PERIOD_MS 100
#define JUMP_MS 2000 /* a busy host lets a guest wait for a second */

enum source {
    SOURCE_CONSOLE,
    SOURCE_PORT,
    SOURCE_KERNEL,
    SOURCE_PLUG,
    SOURCE_CLOCK,
    SOURCE_BUSY,
    SOURCE_CYCLE,
    SOURCE_VIDEO,
    SOURCES
};

static struct pollfd polled[SOURCES + MAX_DEVICES];
static int console_fd;
static int port_fd;
static int busy_fd;
static int cycle_fd;
static int video_fd;
static unsigned int lines_drawn;

void report(const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof(line) - 1, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    if (length > (int)sizeof(line) - 2)
        length = (int)sizeof(line) - 2;
    line[length++] = '\n';
    for (int done = 0; done < length;) {
        ssize_t n = write(port_fd, line + done, (size_t)(length - done));
        if (n < 0 && errno != EINTR)
            return; /* nobody to tell */
        if (n > 0)
            done += (int)n;
    }
}

static void console_write(const char *text, size_t length)
{
    while (length > 0) {
        ssize_t n = write(console_fd, text, length);
        if (n < 0 && errno != EINTR) {
            report("ERR console: %s", strerror(errno));
            return;
        }
        if (n > 0) {
            text += n;
            length -= (size_t)n;
        }
    }
}

/* Echo as a terminal driver would: control characters in the ^X form. */
static void console_echo(const uint8_t *bytes, size_t length)
{
    char out[8];
    for (size_t i = 0; i < length; i++) {
        uint8_t b = bytes[i];
        int n;
        if (b == '\r' || b == '\n')
            n = snprintf(out, sizeof(out), "\r\n");
        else if (b == 0x7f)
            n = snprintf(out, sizeof(out), "\b \b");
        else if (b < 0x20)
            n = snprintf(out, sizeof(out), "^%c", b + '@');
        else
            n = snprintf(out, sizeof(out), "%c", b);
        console_write(out, (size_t)n);
    }
}

static void console_readable(void)
{
    uint8_t bytes[128];
    char hex[2 * sizeof(bytes) + 1];
    ssize_t n = read(console_fd, bytes, sizeof(bytes));
    if (n <= 0)
        return;
    for (ssize_t i = 0; i < n; i++)
        snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    report("T %s", hex);
    console_echo(bytes, (size_t)n);
}

/* The kernel's log: "priority,number,time,flag;text", one record a read. */
static void kernel_readable(int fd)
{
    char record[1024];
    ssize_t n = read(fd, record, sizeof(record) - 1);
    if (n <= 0)
        return;
    record[n] = '\0';
    char *text = strchr(record, ';');
    if (!text)
        return;
    text[strcspn(text, "\n")] = '\0';
    unsigned long priority = strtoul(record, NULL, 10) & 7;
    if (priority <= 4 || strstr(text, "usb"))
        report("G %s", text + 1);
}

/* Set a device up: without raw scan codes the kernel's small buffer holds more keys; and a key is
 * repeated when it is held for long, not when a slow host lets its release wait. */
static void device_prepare(int fd)
{
    unsigned int repeat[2] = {REPEAT_DELAY_MS, REPEAT_PERIOD_MS};
    const uint8_t none[16] = {0};
    struct input_mask mask = {
        .type = EV_MSC, .codes_size = sizeof(none), .codes_ptr = (uintptr_t)none};
    ioctl(fd, EVIOCSMASK, &mask);
    ioctl(fd, EVIOCSREP, repeat); /* fails for pointers, which repeat nothing */
}

/* Devices keep the place of their number: /dev/input/event7 is the seventh. */
static void device_open(int number)
{
    char path[32];
    char title[80] = "";
    struct pollfd *device = &polled[SOURCES + number];
    if (device->fd >= 0)
        return;
    snprintf(path, sizeof(path), INPUT_DIR "/event%d", number);
    device->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (device->fd < 0)
        return; /* it has gone again; inotify tells when it comes back */
    device_prepare(device->fd);
    ioctl(device->fd, EVIOCGNAME(sizeof(title) - 1), title);
    report("+ event%d %s", number, title);
}

static void devices_scan(void)
{
    DIR *dir = opendir(INPUT_DIR);
    if (!dir)
        return; /* no input device has ever come */
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (strncmp(entry->d_name, "event", 5) != 0)
            continue;
        unsigned long number = strtoul(entry->d_name + 5, NULL, 10);
        if (number < MAX_DEVICES)
            device_open((int)number);
        else
            report("ERR devices: %s is beyond %d", entry->d_name, MAX_DEVICES);
    }
    closedir(dir);
}

static void device_readable(int number)
{
    struct input_event events[64];
    ssize_t n = read(polled[SOURCES + number].fd, events, sizeof(events));
    if (n < 0 && errno == ENODEV) {
        report("- event%d", number);
        close(polled[SOURCES + number].fd);
        polled[SOURCES + number].fd = -1;
        return;
    }
    for (ssize_t i = 0; i < n / (ssize_t)sizeof(events[0]); i++) {
        const struct input_event *e = &events[i];
        const char *kind = e->type == EV_KEY   ? "K"
                           : e->type == EV_REL ? "R"
                           : e->type == EV_ABS ? "A"
                           : e->type == EV_LED ? "L"
                                               : NULL;
        if (kind)
            report("%s %d %d", kind, e->code, e->value);
        if (e->type == EV_KEY && e->value == 1)
            video_pressed();
        else if (e->type == EV_SYN && e->code == SYN_DROPPED)
            report("D event%d", number);
    }
}

static int64_t clock_ms(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void clock_tick(void)
{
    static int64_t before;
    static int64_t before_offset;
    uint64_t expired;
    if (read(polled[SOURCE_CLOCK].fd, &expired, sizeof(expired)) < 0)
        return;
    int64_t now = clock_ms(CLOCK_MONOTONIC);
    int64_t real = clock_ms(CLOCK_REALTIME);
    int64_t jump = now - before - CLOCK_MS;
    int64_t shift = (real - now) - before_offset;
    if (before && jump > JUMP_MS)
        report("J %lld", (long long)jump);
    if (before && llabs(shift) > JUMP_MS)
        report("S %lld", (long long)shift);
    before = now;
    before_offset = real - now;
    report("C %lld %lld", (long long)now, (long long)real);
}

static void draw_line(void)
{
    char line[96];
    int n = snprintf(line, sizeof(line),
                     "line %06u the quick brown fox jumps over the lazy dog\r\n", lines_drawn++);
    console_write(line, (size_t)n);
}

static int timer_set(int fd, long interval_ms)
{
    struct timespec interval = {.tv_sec = interval_ms / 1000,
                                .tv_nsec = interval_ms % 1000 * 1000000};
    struct itimerspec timer = {.it_interval = interval, .it_value = interval};
    return timerfd_settime(fd, 0, &timer, NULL);
}

/* "INTERVAL_MS": draw a numbered line on the text console every so often; "0": stop */
static const char *command_busy(char *arguments)
{
    long interval_ms = strtol(arguments, NULL, 10);
    if (interval_ms < 0 || timer_set(busy_fd, interval_ms) < 0)
        return "needs an interval in ms, 0 to stop";
    return NULL;
}

/* "INTERVAL_MS": change the mode every so often; "0": stop */
static const char *command_cycle(char *arguments)
{
    long interval_ms = strtol(arguments, NULL, 10);
    if (interval_ms < 0 || timer_set(cycle_fd, interval_ms) < 0)
        return "needs an interval in ms, 0 to stop";
    return NULL;
}

/* "FRAMES_PER_SECOND": play a video; "0": stop */
static const char *command_video(char *arguments)
{
    return video_play(arguments, video_fd);
}

/* "COUNT": draw that many lines at once */
static const char *command_lines(char *arguments)
{
    for (long n = strtol(arguments, NULL, 10); n > 0; n--)
        draw_line();
    return NULL;
}

/* "TEXT": print it on the text console */
static const char *command_print(char *arguments)
{
    console_write(arguments, strlen(arguments));
    console_write("\r\n", 2);
    return NULL;
}

/* clear the text console; the cursor stays hidden, for a blinking one never lets a screen be still
 */
static const char *command_clear(char *arguments)
{
    static const char sequence[] = "\033[2J\033[H\033[?25l";
    console_write(sequence, sizeof(sequence) - 1);
    return NULL;
}

/* "on" or "off": whether the text console is read; the kernel's buffer fills up meanwhile */
static const char *command_reading(char *arguments)
{
    bool on = strcmp(arguments, "on") == 0;
    if (!on && strcmp(arguments, "off") != 0)
        return "needs on or off";
    polled[SOURCE_CONSOLE].fd = on ? console_fd : -1;
    return NULL;
}

/* which keys and buttons are down, as the kernel knows it */
static const char *command_held(char *arguments)
{
    char line[512] = "";
    size_t length = 0;
    for (int n = 0; n < MAX_DEVICES; n++) {
        uint8_t down[KEY_MAX / 8 + 1] = {0};
        if (polled[SOURCES + n].fd < 0)
            continue;
        ioctl(polled[SOURCES + n].fd, EVIOCGKEY(sizeof(down)), down);
        for (int code = 0; code < KEY_MAX && length < sizeof(line) - 8; code++) {
            if (down[code / 8] >> (code % 8) & 1)
                length += (size_t)snprintf(line + length, sizeof(line) - length, " %d", code);
        }
    }
    report("H%s", line);
    return NULL;
}

static const struct {
    const char *name;
    command_function function;
} commands[] = {
    {"busy", command_busy},   {"cycle", command_cycle}, {"lines", command_lines},
    {"print", command_print}, {"clear", command_clear}, {"reading", command_reading},
    {"mode", draw_mode},      {"paint", draw_paint},    {"dirty", load_dirty},
    {"disk", load_disk},      {"net", load_net},        {"run", load_run},
    {"held", command_held},   {"video", command_video},
};

static void command(char *line)
{
    char *arguments = line + strcspn(line, " ");
    if (*arguments)
        *arguments++ = '\0';
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(commands[i].name, line) != 0)
            continue;
        const char *why = commands[i].function(arguments);
        if (why)
            report("ERR %s: %s", line, why);
        else
            report("OK %s", line);
        return;
    }
    report("ERR %s: no such command", line);
}

static void port_readable(void)
{
    static char line[512];
    static size_t length;
    char bytes[256];
    ssize_t n = read(port_fd, bytes, sizeof(bytes));
    for (ssize_t i = 0; i < n; i++) {
        if (bytes[i] == '\n') {
            line[length] = '\0';
            length = 0;
            command(line);
        } else if (length < sizeof(line) - 1) {
            line[length++] = bytes[i];
        }
    }
}

static int open_raw(const char *path)
{
    int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct termios settings;
    if (fd < 0 || tcgetattr(fd, &settings) < 0) {
        fprintf(stderr, "reporter: %s: %s\n", path, strerror(errno));
        exit(1);
    }
    cfmakeraw(&settings);
    cfsetspeed(&settings, B115200);
    tcsetattr(fd, TCSANOW, &settings);
    return fd;
}

static void serve(void)
{
    if (poll(polled, SOURCES + MAX_DEVICES, -1) < 0)
        return;
    if (polled[SOURCE_CONSOLE].revents)
        console_readable();
    if (polled[SOURCE_PORT].revents)
        port_readable();
    if (polled[SOURCE_KERNEL].revents)
        kernel_readable(polled[SOURCE_KERNEL].fd);
    if (polled[SOURCE_PLUG].revents) {
        char events[4096];
        if (read(polled[SOURCE_PLUG].fd, events, sizeof(events)) > 0)
            devices_scan();
    }
    if (polled[SOURCE_CLOCK].revents)
        clock_tick();
    if (polled[SOURCE_BUSY].revents) {
        uint64_t expired;
        if (read(busy_fd, &expired, sizeof(expired)) > 0)
            draw_line();
    }
    if (polled[SOURCE_CYCLE].revents) {
        uint64_t expired;
        if (read(cycle_fd, &expired, sizeof(expired)) > 0)
            draw_next();
    }
    if (polled[SOURCE_VIDEO].revents) {
        uint64_t expired;
        if (read(video_fd, &expired, sizeof(expired)) > 0)
            video_next();
    }
    for (int i = 0; i < MAX_DEVICES; i++) {
        if (polled[SOURCES + i].fd >= 0 && polled[SOURCES + i].revents)
            device_readable(i);
    }
}

int main(void)
{
    console_fd = open_raw("/dev/tty1");
    port_fd = open_raw("/dev/ttyS1");
    busy_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    cycle_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    video_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    int clock_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    int plug_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    inotify_add_watch(plug_fd, INPUT_DIR, IN_CREATE | IN_ATTRIB);
    signal(SIGCHLD, SIG_IGN); /* children report by themselves */

    const int fds[SOURCES] = {
        [SOURCE_CONSOLE] = console_fd,
        [SOURCE_PORT] = port_fd,
        [SOURCE_KERNEL] = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC),
        [SOURCE_PLUG] = plug_fd,
        [SOURCE_CLOCK] = clock_fd,
        [SOURCE_BUSY] = busy_fd,
        [SOURCE_CYCLE] = cycle_fd,
        [SOURCE_VIDEO] = video_fd,
    };
    for (int i = 0; i < SOURCES + MAX_DEVICES; i++)
        polled[i] = (struct pollfd){.fd = i < SOURCES ? fds[i] : -1, .events = POLLIN};

    command_clear(NULL);
    console_write("D-MORE test guest\r\n", 19);
    report("READY");
    devices_scan();
    timer_set(clock_fd, CLOCK_MS);
    for (;;)
        serve();
}
