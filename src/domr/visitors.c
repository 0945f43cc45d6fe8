/* SPDX-License-Identifier: GPL-2.0-or-later */
/* visitors.c - who is connected to the console */
#include "domr/visitors.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "domr/limit.h"
#include "domr/log.h"
#include "domr/pacer.h"

struct visitor {
    struct input_client *keys;
    uint64_t since; /* µs, when it was first seen */
    bool is_in;
};

static struct visitor *visitor_of(const struct nvnc_client *client)
{
    return nvnc_get_userdata(client);
}

static unsigned limit(const struct visitors *visitors)
{
    return limit_clients(visitors->memory ? visitors->memory : UINT32_MAX, visitors->size);
}

const char *visitors_admit(const struct visitors *visitors)
{
    if (visitors->count < limit(visitors))
        return NULL;
    log_warning("a client was refused: %u are connected, and there is no memory for one more",
                visitors->count);
    return "The console has no memory for one more client. Disconnect another one first.";
}

/* One that has never been let in has nothing else to clean up. */
static void on_stranger_gone(struct nvnc_client *client)
{
    free(visitor_of(client));
    nvnc_set_userdata(client, NULL, NULL);
}

/* see() - note that a client is there. Return: NULL when there is no memory. */
static struct visitor *see(struct nvnc_client *client)
{
    struct visitor *visitor = visitor_of(client);

    if (visitor)
        return visitor;
    visitor = calloc(1, sizeof(*visitor));
    if (!visitor)
        return NULL;
    visitor->since = pacer_now();
    nvnc_set_userdata(client, visitor, NULL);
    nvnc_set_client_cleanup_fn(client, on_stranger_gone);
    return visitor;
}

int visitors_enter(struct visitors *visitors, struct nvnc_client *client, struct input_client *keys,
                   nvnc_client_fn gone)
{
    struct visitor *visitor = see(client);

    if (!visitor)
        return -ENOMEM;
    visitor->keys = keys;
    visitor->is_in = true;
    visitors->count++;
    nvnc_set_client_cleanup_fn(client, gone);
    return 0;
}

void visitors_leave(struct visitors *visitors, struct nvnc_client *client)
{
    visitors->count--;
    on_stranger_gone(client);
}

struct input_client *visitor_keys(const struct nvnc_client *client)
{
    const struct visitor *visitor = visitor_of(client);

    return visitor ? visitor->keys : NULL;
}

/* Closing takes effect when the main loop is idle, so the list stays as it is meanwhile. */
void visitors_watch(struct visitors *visitors, struct nvnc *server)
{
    uint64_t now = pacer_now();
    unsigned most = limit(visitors);
    unsigned excess = visitors->count > most ? visitors->count - most : 0;

    /* The last to come are the first in the list. */
    for (struct nvnc_client *client = nvnc_client_first(server); client;
         client = nvnc_client_next(client)) {
        const struct visitor *visitor = see(client);

        if (visitor && !visitor->is_in && visitor->since + VISITOR_PATIENCE < now) {
            log_info("a client that did not say who it is was disconnected");
            nvnc_client_close(client);
        } else if (visitor && visitor->is_in && excess > 0) {
            log_warning("a client was disconnected: there is no memory for %u", visitors->count);
            nvnc_client_close(client);
            excess--;
        }
    }
}
