/* SPDX-License-Identifier: GPL-2.0-or-later */
/* limit.c - how many clients the console has memory for */
#include "domr/limit.h"

#define RESERVE 8192 /* KiB for all that is not a client's */
#define SESSION 512  /* KiB for a client's connection: TLS, compression, small messages */
#define UPDATE 2048  /* KiB of pixels; image/inside/neatvnc.patch, MAX_UPDATE_PIXELS */

unsigned limit_clients(uint32_t memory, struct screen_geometry size)
{
    uint64_t pixels = (uint64_t)size.width * size.height * sizeof(uint32_t) / 1024;
    uint64_t update = pixels < UPDATE ? pixels : UPDATE;
    uint64_t clients = memory > RESERVE ? (memory - RESERVE) / (update + SESSION) : 0;

    if (clients < LIMIT_LEAST)
        return LIMIT_LEAST;
    return clients < LIMIT_MOST ? (unsigned)clients : LIMIT_MOST;
}
