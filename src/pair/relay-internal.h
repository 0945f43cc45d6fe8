/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * relay-internal.h - what the files of relay.h share among each other
 */
#ifndef DMORE_PAIR_RELAY_INTERNAL_H
#define DMORE_PAIR_RELAY_INTERNAL_H

#include "pair/moving.h"
#include "pair/relay.h"
#include "region/ring.h"

typedef struct {
    Relay *relay;
    enum region_stream_id id;
    RelayEnds ends;
    struct ring to_vm;
    struct ring to_domain_r;
    Move *moves; /* by direction */
    guint in_source;
    guint out_source;
    gboolean anew;      /* Domain R has not taken the stream up yet */
    guint32 generation; /* which it has to take up */
    gboolean restored;
    gboolean broken;
} Stream;

struct Relay {
    const struct region *region;
    Kick *kick;
    Moving *moving;
    gboolean frozen;
    Stream streams[REGION_STREAMS];
};

extern const char *const relay_stream_names[REGION_STREAMS];

/* relay_take_rings() - of the region as it is now */
void relay_take_rings(Stream *stream);

#endif
