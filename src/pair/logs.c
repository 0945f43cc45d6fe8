/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pair/logs.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pair/rundir.h"

static const char cut_here[] = "(what was before is cut off)\n";

/* Without the line that is cut in two. */
static const char *whole_lines(const char *text, gsize size)
{
    const char *end = memchr(text, '\n', size);

    return end ? end + 1 : text;
}

/* It is made short before it is written: there may be no room for more. */
static void cut(int fd, goffset size)
{
    g_autofree char *text = g_malloc(LOG_KEPT);
    ssize_t n = pread(fd, text, LOG_KEPT, size - LOG_KEPT);

    if (n <= 0 || ftruncate(fd, 0) < 0)
        return;
    const char *from = whole_lines(text, (gsize)n);
    gsize kept = (gsize)(text + n - from);
    if (write(fd, cut_here, strlen(cut_here)) < 0 || write(fd, from, kept) < (ssize_t)kept)
        g_warning("a part of a log was lost when it was cut");
}

static void cut_if_long(const char *path)
{
    int fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC);
    struct stat status;

    if (fd < 0)
        return;
    if (fstat(fd, &status) == 0 && status.st_size > LOG_MAX)
        cut(fd, status.st_size);
    close(fd);
}

void logs_cut(const char *run, const char *name)
{
    static const RunFile logs[] = {RUN_USER_VM_LOG, RUN_DOMAIN_R_LOG, RUN_DOMAIN_R_CONSOLE,
                                   RUN_PAIR_LOG};

    for (gsize i = 0; i < G_N_ELEMENTS(logs); i++) {
        g_autofree char *path = rundir_path(run, name, logs[i]);
        cut_if_long(path);
    }
}
