/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pair/region-file.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"

static gboolean fail(GError **error, const char *what, const char *path, int err)
{
    g_set_error(error, DMORE_ERROR, err == ENOSPC ? DMORE_ERROR_HOST : DMORE_ERROR_FAILED,
                "cannot %s the region %s: %s%s", what, path, g_strerror(err),
                err == ENOSPC ? "; make room in the run directory" : "");
    return FALSE;
}

static gboolean map_file(RegionFile *file, int fd, gsize size, GError **error)
{
    /* A file with holes: the memory of pixels that no screen uses is never taken. */
    if (ftruncate(fd, (off_t)size) < 0)
        return fail(error, "size", file->path, errno);

    void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED)
        return fail(error, "map", file->path, errno);

    file->region.base = base;
    file->region.size = size;
    return TRUE;
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
    gboolean mapped = map_file(file, fd, size, error);
    close(fd);
    if (!mapped) {
        g_unlink(path);
        return NULL;
    }

    gsize settings_size = 0;
    const void *bytes = g_bytes_get_data(settings, &settings_size);
    int ret = region_format(file->region.base, size, bytes, settings_size);
    if (ret < 0) {
        fail(error, "format", path, -ret);
        g_unlink(path);
        return NULL;
    }
    return g_steal_pointer(&file);
}

void region_file_free(RegionFile *file)
{
    if (file->region.base)
        munmap(file->region.base, file->region.size);
    g_free(file->path);
    g_free(file);
}
