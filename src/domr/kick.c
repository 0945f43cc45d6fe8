/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kick.c - the event channel: a byte in either direction says "look at the region" */
#include "domr/kick.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <aml.h>

#include "domr/log.h"

#define FIRST_PAUSE 10000 /* µs */
#define LAST_PAUSE 1000000

struct kick {
    char *path;
    void (*on_kick)(void *data);
    void *data;
    int fd;                      /* -1: not open */
    struct aml_handler *handler; /* NULL while the other side is not there */
    struct aml_timer *timer;
    uint64_t pause; /* before the next try */
};

static int connect_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd;

    if (strlen(path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path));
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int open_path(const char *path)
{
    struct stat status;

    if (stat(path, &status) < 0)
        return -1;
    if (S_ISSOCK(status.st_mode))
        return connect_socket(path);
    return open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
}

/* A port whose other side is not there says so by POLLHUP, at once and always; watching it would
 * be a busy loop. A socket that has hung up is of no use any more. */
static bool hung_up(int fd)
{
    struct pollfd entry = {.fd = fd, .events = POLLIN};

    return poll(&entry, 1, 0) == 1 && entry.revents & (POLLHUP | POLLERR | POLLNVAL);
}

static void lose(struct kick *kick)
{
    struct stat status;

    if (kick->handler) {
        aml_stop(aml_get_default(), kick->handler);
        aml_unref(kick->handler);
        kick->handler = NULL;
    }
    if (kick->fd >= 0 && fstat(kick->fd, &status) == 0 && S_ISSOCK(status.st_mode)) {
        close(kick->fd);
        kick->fd = -1;
    }
    aml_set_duration(kick->timer, kick->pause);
    aml_start(aml_get_default(), kick->timer);
}

static void on_readable(void *handler)
{
    struct kick *kick = aml_get_userdata(handler);
    char bytes[256];
    ssize_t size;

    do {
        size = read(kick->fd, bytes, sizeof(bytes));
    } while (size == (ssize_t)sizeof(bytes) || (size < 0 && errno == EINTR));
    if (hung_up(kick->fd) || size == 0 || (size < 0 && errno != EAGAIN)) {
        kick->pause = FIRST_PAUSE;
        lose(kick);
    }
    kick->on_kick(kick->data);
}

static void watch(struct kick *kick)
{
    if (kick->fd < 0)
        kick->fd = open_path(kick->path);
    if (kick->fd < 0 || hung_up(kick->fd)) {
        lose(kick);
        return;
    }
    kick->handler = aml_handler_new(kick->fd, on_readable, kick, NULL);
    if (!kick->handler || aml_start(aml_get_default(), kick->handler) < 0) {
        lose(kick);
        return;
    }
    kick_send(kick);
    kick->on_kick(kick->data);
}

static void on_timer(void *timer)
{
    struct kick *kick = aml_get_userdata(timer);

    kick->pause = kick->pause < LAST_PAUSE / 2 ? kick->pause * 2 : LAST_PAUSE;
    watch(kick);
}

struct kick *kick_open(const char *path, void (*on_kick)(void *data), void *data)
{
    struct kick *kick = calloc(1, sizeof(*kick));

    if (!kick)
        return NULL;
    *kick = (struct kick){.on_kick = on_kick, .data = data, .fd = -1, .pause = FIRST_PAUSE};
    kick->path = strdup(path);
    kick->timer = aml_timer_new(FIRST_PAUSE, on_timer, kick, NULL);
    if (!kick->path || !kick->timer) {
        kick_close(kick);
        return NULL;
    }
    /* From the main loop, so that nothing is called back before the caller is ready. */
    aml_start(aml_get_default(), kick->timer);
    return kick;
}

void kick_close(struct kick *kick)
{
    if (kick->handler) {
        aml_stop(aml_get_default(), kick->handler);
        aml_unref(kick->handler);
    }
    if (kick->timer) {
        aml_stop(aml_get_default(), kick->timer);
        aml_unref(kick->timer);
    }
    if (kick->fd >= 0)
        close(kick->fd);
    free(kick->path);
    free(kick);
}

void kick_send(struct kick *kick)
{
    static const char byte = 1;

    /* Without a handler the other side is not there; watch() kicks it when it is. A failure means
     * that the channel is full of kicks, of which one is enough, or that the other side goes away
     * just now, which shows as a hang-up. */
    if (kick->handler && write(kick->fd, &byte, 1) < 0 && errno != EAGAIN && errno != EPIPE)
        log_warning("cannot kick through %s: %s", kick->path, strerror(errno));
}
