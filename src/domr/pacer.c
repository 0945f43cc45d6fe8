/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pacer.c - lets a short burst through at once and holds what comes faster than a rate */
#include "domr/pacer.h"

#include <time.h>

uint64_t pacer_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t pacer_next(const struct pacer *pacer)
{
    uint64_t credit = (pacer->burst - 1) * pacer->period;

    return pacer->full > credit ? pacer->full - credit : 0;
}

bool pacer_take(struct pacer *pacer, uint64_t now)
{
    if (now < pacer_next(pacer))
        return false;
    if (pacer->full < now)
        pacer->full = now;
    pacer->full += pacer->period;
    return true;
}
