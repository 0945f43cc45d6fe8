/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pair/domain-r.h"

#include "base/await.h"
#include "base/error.h"
#include "pair/pair-internal.h"
#include "pair/tap.h"

#define CONSOLE_MS 120000 /* for Domain R to boot; 3 s under TCG on an idle machine */

#define STEADY_US                                                                                  \
    ((gint64)60 * G_USEC_PER_SEC) /* one that has lived so long did not fail to start */
#define PROMPT 3                  /* failures in a row after which waits begin */
#define FIRST_WAIT_S 5
#define LAST_WAIT_S 300

/* Noticing */

/* Paused it stands only beside a user VM that is paused, too. */
static gboolean is_there(const Pair *pair)
{
    VmState state = pair->domain_r ? vm_state(pair->domain_r) : VM_GONE;

    return state == VM_RUNNING || (state == VM_PAUSED && vm_state(pair->user_vm) == VM_PAUSED);
}

static gboolean stream_is_broken(const Pair *pair)
{
    /* Without a user VM at their other ends streams break by themselves. */
    if (vm_state(pair->user_vm) == VM_GONE)
        return FALSE;
    for (int i = 0; i < REGION_STREAMS; i++)
        if (relay_stream_status(pair->relay, i).broken)
            return TRUE;
    return FALSE;
}

/* Why Domain R has to be replaced, free with g_free(); NULL when it need not. */
static char *reason(const Pair *pair)
{
    guint limit = pair->host->watchdog;

    if (!pair->domain_r)
        return g_strdup_printf("the last one did not start: %s", pair->life.failure);
    if (!is_there(pair))
        return g_strdup_printf("it was %s", vm_state_name(vm_state(pair->domain_r)));
    if (limit && pair->life.silent >= limit)
        return g_strdup_printf("it gave no sign of life for %u s", limit);
    if (stream_is_broken(pair))
        return g_strdup("it has damaged a stream");
    return NULL;
}

static gint64 wait_us(guint failures)
{
    if (failures < PROMPT)
        return 0;
    guint doublings = MIN(failures - PROMPT, 16);
    return MIN((gint64)FIRST_WAIT_S << doublings, LAST_WAIT_S) * G_USEC_PER_SEC;
}

/* It is to be replaced: at once, or later when the last ones have not lived long. */
static void begin_to_lack(Pair *pair, char *because)
{
    DomainRLife *life = &pair->life;
    gint64 now_us = g_get_monotonic_time();

    life->failures = life->since_us && now_us - life->since_us < STEADY_US ? life->failures + 1 : 0;
    life->due_us = now_us + wait_us(life->failures);
    life->lacking = TRUE;
    g_free(life->because);
    life->because = because;
    g_warning("Domain R of %s is to be replaced, %s: %s", pair->config->name,
              life->due_us > now_us ? "but it has failed too often and has to wait" : "at once",
              because);
}

static gboolean is_lacking(Pair *pair)
{
    if (pair->state != PAIR_RUNNING || pair->life.busy)
        return FALSE;
    if (!pair->life.lacking) {
        char *because = reason(pair);
        if (because)
            begin_to_lack(pair, because);
    }
    return pair->life.lacking;
}

void domain_r_look(Pair *pair)
{
    DomainRLife *life = &pair->life;

    if (pair->state != PAIR_RUNNING || life->busy || !pair->domain_r ||
        vm_state(pair->domain_r) != VM_RUNNING) {
        life->silent = 0;
        return;
    }
    guint32 heartbeat = atomic_load(&region_status(&pair->region->region)->heartbeat);
    life->silent = heartbeat == life->heartbeat ? life->silent + 1 : 0;
    life->heartbeat = heartbeat;
}

gboolean domain_r_is_due(Pair *pair)
{
    return is_lacking(pair) && g_get_monotonic_time() >= pair->life.due_us;
}

gint64 domain_r_due_ms(const Pair *pair)
{
    gint64 left_us = pair->life.due_us - g_get_monotonic_time();

    return pair->life.lacking && !pair->life.busy && left_us > 0 ? left_us / 1000 : 0;
}

gboolean domain_r_check(Pair *pair, GError **error)
{
    if (!pair->life.busy && !is_lacking(pair))
        return TRUE;
    g_set_error(error, DMORE_ERROR, DMORE_ERROR_BUSY,
                "the Domain R of %s is being replaced, because %s; try again when 'dmore status' "
                "says that it is ready",
                pair->config->name, pair->life.because);
    return FALSE;
}

/* Booting */

/* Domain R has said that its console is there, or that it will never be. */
static gboolean console_decided(gpointer data)
{
    const Pair *pair = data;
    uint32_t state = region_status(&pair->region->region)->state;

    return state == REGION_STATE_READY || state == REGION_STATE_FAILED ||
           vm_state(pair->domain_r) != VM_RUNNING;
}

static gboolean boot(Pair *pair, GCancellable *cancellable, GError **error)
{
    if (!vm_resume(pair->domain_r, error) ||
        !await(console_decided, pair, CONSOLE_MS, cancellable, "the console of Domain R", error))
        return FALSE;
    if (region_status(&pair->region->region)->state == REGION_STATE_READY)
        return TRUE;

    g_autofree char *message = pair_domain_r_message(pair);
    g_autofree char *console = pair_path(pair, RUN_DOMAIN_R_CONSOLE);
    g_set_error(error, DMORE_ERROR, DMORE_ERROR_FAILED,
                "Domain R's console did not come up: %s (its own log was %s)",
                *message ? message : "its VM has ended", console);
    return FALSE;
}

gboolean domain_r_boot(Pair *pair, GCancellable *cancellable, GError **error)
{
    gboolean booted = boot(pair, cancellable, error);

    pair->life.since_us = g_get_monotonic_time();
    return booted;
}

/* Replacing */

static void end_domain_r(Pair *pair)
{
    relay_set_kick(pair->relay, NULL);
    screen_feed_set_kick(pair->feed, NULL);
    g_clear_pointer(&pair->kick, kick_free);
    if (pair->domain_r)
        vm_destroy(pair->domain_r);
    g_clear_pointer(&pair->domain_r, vm_free);
}

/* Nothing that the old one has written is used any more, nor what was meant for it. */
static gboolean renew_region(Pair *pair, GError **error)
{
    relay_freeze(pair->relay);
    g_clear_pointer(&pair->display, display_detach);
    screen_feed_free(pair->feed);
    pair->feed = screen_feed_new(&pair->region->region);
    if (!region_file_reset(pair->region, pair->settings, error))
        return FALSE;
    screen_feed_open(pair->feed);
    pair_tell_user_vm(pair, vm_state(pair->user_vm));
    return TRUE;
}

static gboolean replug_streams(Pair *pair, GError **error)
{
    gboolean gone = vm_state(pair->user_vm) == VM_GONE;

    for (int i = 0; i < REGION_STREAMS && !gone; i++)
        if (!vm_unplug_stream(pair->user_vm, i, error))
            return FALSE;
    relay_reset(pair->relay);
    for (int i = 0; i < REGION_STREAMS && !gone; i++)
        if (!vm_plug_stream(pair->user_vm, i, relay_ends(pair->relay, i).vm, error))
            return FALSE;
    return TRUE;
}

/* The display tells its whole picture to whoever attaches. */
static gboolean attach_display(Pair *pair, GCancellable *cancellable, GError **error)
{
    if (vm_state(pair->user_vm) == VM_GONE)
        return TRUE;
    pair->display =
        display_attach(pair->user_vm, &screen_feed_events, pair->feed, cancellable, error);
    return pair->display != NULL;
}

/* The interface is gone if another dmore-pair has died along with Domain R. */
static gboolean open_tap(Pair *pair, GError **error)
{
    const PairDomainR *config = &pair->config->domain_r;

    if (pair->domain_r_tap < 0 && config->bridge)
        pair->domain_r_tap =
            tap_open(config->bridge, "dmr", config->mac, &pair->domain_r_interface, error);
    return pair->domain_r_tap >= 0 || !config->bridge;
}

static gboolean replace(Pair *pair, GCancellable *cancellable, GError **error)
{
    end_domain_r(pair);
    if (!pair_look_at_image(pair, cancellable, error) || !renew_region(pair, error) ||
        !replug_streams(pair, error) || !attach_display(pair, cancellable, error) ||
        !open_tap(pair, error) || !pair_launch_domain_r(pair, cancellable, error))
        return FALSE;
    relay_thaw(pair->relay);
    return domain_r_boot(pair, cancellable, error);
}

gboolean domain_r_replace(Pair *pair, GCancellable *cancellable, GError **error)
{
    DomainRLife *life = &pair->life;
    g_autoptr(GError) failure = NULL;

    g_message("Domain R of %s is replaced", pair->config->name);
    life->busy = TRUE;
    gint64 begun_us = g_get_monotonic_time();
    gboolean done = replace(pair, cancellable, &failure);
    life->since_us = g_get_monotonic_time();
    g_free(life->failure);
    life->failure = done ? NULL : g_strdup(failure->message);
    if (!done)
        end_domain_r(pair);
    life->busy = life->lacking = FALSE;
    life->silent = 0;
    if (!done) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    life->replaced++;
    g_message("Domain R of %s was replaced in %.1f s", pair->config->name,
              (double)(life->since_us - begun_us) / 1e6);
    return TRUE;
}
