/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pacer.c - lets a short burst through at once and holds what comes faster than a rate */
#include "domr/pacer.h"

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
