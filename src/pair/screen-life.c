/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pair/screen-life.h"

#include "pair/pair.h"

#define STEADY_US ((gint64)60 * G_USEC_PER_SEC) /* what has lasted so long has not failed */
#define FIRST_WAIT_S 1
#define LAST_WAIT_S 60

const char *screen_life_trouble(const Pair *pair)
{
    /* Whoever replaces Domain R attaches the display himself. */
    if (pair->state != PAIR_RUNNING || pair->life.busy || !pair->user_vm ||
        vm_state(pair->user_vm) == VM_GONE)
        return NULL;
    if (!pair->display)
        return "QEMU's display is not attached";
    const char *lost = display_lost(pair->display);
    return lost ? lost : screen_feed_lack(pair->feed);
}

static void begin_to_lack(Pair *pair, const char *because)
{
    ScreenLife *life = &pair->screen_life;
    gint64 now_us = g_get_monotonic_time();
    gboolean lasted = !life->since_us || now_us - life->since_us >= STEADY_US;

    life->failures = lasted ? 0 : MIN(life->failures + 1, 16);
    gint64 wait_s = MIN(FIRST_WAIT_S << life->failures, LAST_WAIT_S);
    life->due_us = now_us + wait_s * G_USEC_PER_SEC;
    g_info("the display of %s is attached again in %d s: %s", vm_name(pair->user_vm), (int)wait_s,
           because);
}

gboolean screen_life_is_due(Pair *pair)
{
    ScreenLife *life = &pair->screen_life;
    const char *because = screen_life_trouble(pair);

    if (!because)
        life->due_us = 0;
    else if (!life->due_us)
        begin_to_lack(pair, because);
    return because && g_get_monotonic_time() >= life->due_us;
}

void screen_life_renew(Pair *pair, GCancellable *cancellable)
{
    g_autoptr(GError) error = NULL;

    pair->screen_life.since_us = g_get_monotonic_time();
    pair->screen_life.due_us = 0;
    /* Attaching is work for QEMU, and in vain as long as there is no memory. */
    if (pair->display && !display_lost(pair->display) && !screen_feed_has_room(pair->feed))
        return;
    g_clear_pointer(&pair->display, display_detach);
    pair->display =
        display_attach(pair->user_vm, &screen_feed_events, pair->feed, cancellable, &error);
    pair->screen_life.since_us = g_get_monotonic_time();
    if (pair->display)
        g_message("the display of %s is attached again", vm_name(pair->user_vm));
    else
        g_warning("the display of %s cannot be attached again: %s", vm_name(pair->user_vm),
                  error->message);
}
