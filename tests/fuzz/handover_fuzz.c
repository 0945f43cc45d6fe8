/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * handover_fuzz.c - a handover from another host
 *
 * An input is the handover. One that is refused changes nothing; one that is taken can be handed
 * on, and what is handed on is the same from then on.
 */
#include <string.h>

#include "base/error.h"
#include "comigrate/handover.h"
#include "fuzz-glib.h"

typedef struct {
    struct region region;
    Relay *relay;
    struct screen_tiles owed;
} Host;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    fuzz_quiet_glib();
    return 0;
}

static void host_init(Host *host, int number)
{
    g_autofree char *moving = fuzz_path("moving");

    host->region = fuzz_region(number);
    host->relay = relay_new(&host->region, moving, NULL);
    memset(&host->owed, 0, sizeof(host->owed));
    CHECK(host->relay != NULL);
}

static GBytes *save(const Host *host)
{
    GBytes *handover = handover_save(&host->region, host->relay, &host->owed, NULL);

    CHECK(handover != NULL);
    return handover;
}

/* hand_on() - from @host to a further one, and from there again */
static void hand_on(const Host *host)
{
    static Host further;
    g_autoptr(GBytes) handover = save(host);

    host_init(&further, 1);
    CHECK(handover_restore(&further.region, further.relay, &further.owed, handover, NULL));
    g_autoptr(GBytes) again = save(&further);
    CHECK(g_bytes_equal(handover, again));
    relay_free(further.relay);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static Host host;
    static GBytes *nothing; /* what a host hands over to which nothing has come */
    g_autoptr(GBytes) handover = g_bytes_new(bytes, size);
    g_autoptr(GError) error = NULL;

    host_init(&host, 0);
    if (nothing == NULL)
        nothing = save(&host);
    if (handover_restore(&host.region, host.relay, &host.owed, handover, &error)) {
        CHECK(error == NULL);
        hand_on(&host);
    } else {
        static const struct screen_tiles none;
        g_autoptr(GBytes) after = save(&host);

        CHECK(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_PEER));
        CHECK(g_utf8_validate(error->message, -1, NULL));
        CHECK(g_bytes_equal(after, nothing));
        CHECK(memcmp(&host.owed, &none, sizeof(none)) == 0);
    }
    relay_free(host.relay);
    return 0;
}
