/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pair/beat.h"

#include <fcntl.h>
#include <unistd.h>

#include "pair/rundir.h"

/* Read as a whole or not at all by those on this host alone. */
typedef struct {
    gint64 process;
    gint64 number;
} Beat;

static gboolean on_second(gpointer data)
{
    Beat beat = {getpid(), g_get_monotonic_time()};

    /* Who cannot write, on a full disk for one, is not judged by it. */
    if (pwrite(GPOINTER_TO_INT(data), &beat, sizeof(beat), 0) < 0)
        g_debug("no sign of life can be given");
    return G_SOURCE_CONTINUE;
}

guint beat_begin(int keeper)
{
    on_second(GINT_TO_POINTER(keeper));
    return g_timeout_add_seconds(1, on_second, GINT_TO_POINTER(keeper));
}

gboolean beat_read(const char *run, const char *name, GPid keeper, gint64 *beat)
{
    g_autofree char *path = rundir_path(run, name, RUN_KEEPER);
    Beat last = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    gboolean known = FALSE;

    if (fd < 0)
        return FALSE;
    known = pread(fd, &last, sizeof(last), 0) == sizeof(last) && last.process == keeper;
    close(fd);
    *beat = last.number;
    return known;
}
