/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pair/moving.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

static Moving *fail(const char *what, const char *path, int err, GError **error)
{
    g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST, "cannot %s %s: %s", what, path,
                g_strerror(err));
    return NULL;
}

static Moving *map(int fd, const char *path, GError **error)
{
    void *base = mmap(NULL, sizeof(Moving), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (base == MAP_FAILED)
        return fail("map", path, errno, error);
    if (mlock(base, sizeof(Moving)) == 0)
        return base;

    int err = errno;
    munmap(base, sizeof(Moving));
    return fail("lock into memory", path, err, error);
}

Moving *moving_create(const char *path, GError **error)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);

    if (fd < 0)
        return fail("create", path, errno, error);

    int err = posix_fallocate(fd, 0, sizeof(Moving));
    Moving *moving = err ? fail("make room for", path, err, error) : map(fd, path, error);
    close(fd);
    return moving;
}

Moving *moving_open(const char *path, GError **error)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    struct stat status;
    Moving *moving = NULL;

    if (fd < 0)
        return fail("open", path, errno, error);
    if (fstat(fd, &status) < 0 || status.st_size != sizeof(Moving))
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST,
                    "%s is not of this version of D-MORE; end the pair and start it again", path);
    else
        moving = map(fd, path, error);
    close(fd);
    return moving;
}

void moving_free(Moving *moving)
{
    munmap(moving, sizeof(*moving));
}

static void begin(Move *move, guint32 index, gsize size)
{
    move->index = index;
    move->vector = (struct iovec){.iov_base = move->bytes, .iov_len = size};
    move->header = (struct mmsghdr){
        .msg_hdr = {.msg_iov = &move->vector, .msg_iovlen = 1},
    };
    atomic_store_explicit(&move->under_way, 1, memory_order_release);
}

/* The calls return how many messages there were, one, or that there was an error. */
static int result(const Move *move, int messages)
{
    return messages < 0 ? -errno : (int)move->header.msg_len;
}

int move_send(Move *move, guint32 index, int fd, gsize size)
{
    begin(move, index, size);
    return result(move, sendmmsg(fd, &move->header, 1, MSG_DONTWAIT | MSG_NOSIGNAL));
}

int move_receive(Move *move, guint32 index, int fd, gsize size)
{
    begin(move, index, MIN(size, sizeof(move->bytes)));
    return result(move, recvmmsg(fd, &move->header, 1, MSG_DONTWAIT, NULL));
}

void move_end(Move *move, gsize size)
{
    move->total += size;
    atomic_store_explicit(&move->under_way, 0, memory_order_release);
}

int move_recover(Move *move, enum ring_direction direction, struct ring *ring)
{
    gsize size = MIN(move->header.msg_len, sizeof(move->bytes));
    int ret = 0;

    if (!atomic_load_explicit(&move->under_way, memory_order_acquire))
        return 0;
    if (ring->own == move->index)
        ret = direction == RING_TO_VM ? ring_consume(ring, size)
                                      : ring_write(ring, move->bytes, size);
    move_end(move, size);
    return MIN(ret, 0);
}
