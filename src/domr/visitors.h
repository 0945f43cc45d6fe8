/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * visitors.h - who is connected to the console
 *
 * Who has connected has to say within VISITOR_PATIENCE who he is. How many may be let in depends on
 * the memory that there is (limit.h); whoever is one too many is refused and told why. Where the
 * screen grows, the last to come are the first to go.
 */
#ifndef DMORE_DOMR_VISITORS_H
#define DMORE_DOMR_VISITORS_H

#include <neatvnc.h>

#include "domr/input.h"
#include "region/screen.h"

#define VISITOR_PATIENCE 60000000 /* µs */

struct visitors {
    uint32_t memory;             /* KiB that were free before the first came; 0 not known */
    struct screen_geometry size; /* of the screen now */
    unsigned count;              /* of those that were let in */
};

/* visitors_admit() - NULL, or why a client that asks now is not let in */
const char *visitors_admit(const struct visitors *visitors);

/* visitors_enter() - a client was let in
 * @keys: what it holds
 * @gone: called when the client has gone, with visitor_keys() still there
 *
 * Return: 0 or -ENOMEM.
 */
int visitors_enter(struct visitors *visitors, struct nvnc_client *client, struct input_client *keys,
                   nvnc_client_fn gone);

/* visitors_leave() - from @gone: forget it */
void visitors_leave(struct visitors *visitors, struct nvnc_client *client);

/* visitor_keys() - what a client holds; NULL for one that was not let in */
struct input_client *visitor_keys(const struct nvnc_client *client);

/* visitors_watch() - once a second: end the connections of those who say nothing, or for whom there
 * is no memory any more
 */
void visitors_watch(struct visitors *visitors, struct nvnc *server);

#endif
