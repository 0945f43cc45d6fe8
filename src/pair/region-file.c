/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pair/region-file.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "pair/room.h"

static gboolean fail(GError **error, const char *what, const char *path, int err)
{
    g_set_error(error, DMORE_ERROR, err == ENOSPC ? DMORE_ERROR_HOST : DMORE_ERROR_FAILED,
                "cannot %s the region %s: %s%s", what, path, g_strerror(err),
                err == ENOSPC ? "; make room in the run directory" : "");
    return FALSE;
}

static gboolean map_file(RegionFile *file, int fd, gsize size, GError **error)
{
    void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED)
        return fail(error, "map", file->path, errno);

    file->region.base = base;
    file->region.size = size;
    return TRUE;
}

static gboolean format(RegionFile *file, GBytes *settings, GError **error)
{
    gsize settings_size = 0;
    const void *bytes = g_bytes_get_data(settings, &settings_size);
    int ret = region_format(file->region.base, file->region.size, bytes, settings_size);

    return ret == 0 || fail(error, "format", file->path, -ret);
}

RegionFile *region_file_create(const char *path, gsize size, GBytes *settings, GError **error)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        fail(error, "create", path, errno);
        return NULL;
    }

    g_autoptr(RegionFile) file = g_new0(RegionFile, 1);
    file->path = g_strdup(path);
    /* A file with holes: the memory of pixels that no screen uses is never taken. */
    gboolean mapped = ftruncate(fd, (off_t)size) == 0 ? map_file(file, fd, size, error)
                                                      : fail(error, "size", path, errno);
    close(fd);
    if (!mapped) {
        g_unlink(path);
        return NULL;
    }

    if (!room_for_parts(&file->region, error) || !format(file, settings, error)) {
        g_unlink(path);
        return NULL;
    }
    return g_steal_pointer(&file);
}

gboolean region_file_reset(RegionFile *file, GBytes *settings, GError **error)
{
    if (!room_for_parts(&file->region, error))
        return FALSE;
    int fd = open(file->path, O_RDWR | O_CLOEXEC);
    /* The pixels become one hole, with zeroes in it; the mapping stays. */
    gboolean emptied =
        fd >= 0 && fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, REGION_PIXELS_OFFSET,
                             (off_t)(file->region.size - REGION_PIXELS_OFFSET)) == 0;
    int cause = errno;

    if (fd >= 0)
        close(fd);
    if (!emptied)
        return fail(error, "empty", file->path, cause);
    memset(file->region.base, 0, REGION_PIXELS_OFFSET);
    return format(file, settings, error);
}

RegionFile *region_file_open(const char *path, GError **error)
{
    g_autoptr(RegionFile) file = g_new0(RegionFile, 1);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    struct stat status;

    file->path = g_strdup(path);
    if (fd < 0 || fstat(fd, &status) < 0) {
        fail(error, "open", path, errno);
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    /* The size is the file's, which is ours; what is written there is Domain R's, too. */
    gboolean mapped =
        status.st_size >= (off_t)REGION_MIN_SIZE && status.st_size <= (off_t)REGION_MAX_SIZE
            ? map_file(file, fd, (gsize)status.st_size, error)
            : fail(error, "use", path, EINVAL);
    close(fd);
    return mapped ? g_steal_pointer(&file) : NULL;
}

void region_file_free(RegionFile *file)
{
    if (file->region.base)
        munmap(file->region.base, file->region.size);
    g_free(file->path);
    g_free(file);
}
