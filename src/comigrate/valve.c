/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "comigrate/valve.h"

#include "base/error.h"

/* Judge the pass that has just ended. Those behind a shut valve are meant to bring nothing. */
static void judge_pass(Valve *valve, gint64 now)
{
    guint64 left = valve->status.remaining;

    if (valve->shut || valve->status.pass < 2)
        return;
    if (valve->least == 0 || left < valve->least - valve->least / 10) {
        valve->least = MAX(left, 1);
        valve->least_us = now;
        valve->vain = 0;
    } else {
        valve->vain++;
    }
}

gboolean valve_in_vain(const Valve *valve)
{
    return valve->vain >= VALVE_VAIN_PASSES && valve->looked_us - valve->least_us >= VALVE_VAIN_US;
}

gboolean valve_look(Valve *valve, GError **error)
{
    guint64 before = valve->status.transferred;
    guint64 pass = valve->status.pass;
    gint64 now;

    if (!vm_migration_query(valve->vm, &valve->status, error))
        return FALSE;
    now = g_get_monotonic_time();
    if (valve->status.state == VM_MIGRATION_FAILED ||
        valve->status.state == VM_MIGRATION_CANCELLED) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_PEER, "the migration of %s has failed: %s",
                    vm_name(valve->vm),
                    *valve->status.error ? valve->status.error : "no reason was given");
        return FALSE;
    }
    if (valve->looked_us && now > valve->looked_us && valve->status.transferred > before) {
        guint64 speed = (valve->status.transferred - before) * G_USEC_PER_SEC /
                        (guint64)(now - valve->looked_us);
        valve->fastest = MAX(valve->fastest, speed);
    }
    valve->looked_us = now;
    if (valve->status.pass != pass)
        judge_pass(valve, now);
    return TRUE;
}

void valve_begin(Valve *valve)
{
    valve->begun_us = g_get_monotonic_time();
}

gboolean valve_near(const Valve *valve)
{
    gint64 part_ms = (valve->looked_us - valve->begun_us) / 1000 / VALVE_BUDGET_PART;
    guint64 budget_ms = (guint64)CLAMP(part_ms, VALVE_BUDGET_MIN_MS, VALVE_BUDGET_MAX_MS);
    guint64 speed = MIN(valve->fastest, valve->bandwidth);
    guint64 affordable = MAX(speed / 1000 * budget_ms,
                             MIN((guint64)VALVE_LITTLE, speed / 1000 * VALVE_BUDGET_MAX_MS));

    /* Before the second pass "remaining" only says what the first has not reached yet. */
    return valve->status.pass > 1 && valve->status.remaining <= affordable;
}

gboolean valve_set(Valve *valve, guint64 bandwidth, GError **error)
{
    valve->bandwidth = bandwidth;
    return valve->shut || vm_migration_set_bandwidth(valve->vm, bandwidth, error);
}

gboolean valve_shut(Valve *valve, GError **error)
{
    /* Behind a shut valve QEMU would believe the guest too fast, and slow it down to nothing. */
    guint64 low = valve->slow_down ? valve->bandwidth : VALVE_TRICKLE;

    if (!vm_migration_set_bandwidth(valve->vm, low, error))
        return FALSE;
    valve->shut = TRUE;
    return TRUE;
}

gboolean valve_open(Valve *valve, guint64 bandwidth, GError **error)
{
    if (!vm_migration_set_bandwidth(valve->vm, bandwidth, error))
        return FALSE;
    valve->shut = FALSE;
    valve->opened_pass = valve->status.pass;
    return TRUE;
}

gboolean valve_ready(const Valve *valve)
{
    return valve->status.pass >= valve->opened_pass + VALVE_OPEN_PASSES && valve_near(valve);
}
