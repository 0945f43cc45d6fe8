/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * valve.h - holds a VM's pre-copy near its end, until both VMs of the pair are there
 *
 * Theory of operation
 *
 * vm_migration_start() never stops the guest by itself: near its end a migration copies over and
 * over what the guest dirties, as fast as it may. That is wanted for the last moment before the
 * switch-over, when as little as possible should be left, but not while one VM waits for the other:
 * it would keep a processor and the network busy for nothing. So a VM has a valve:
 *
 *	open	the bandwidth it is given; it is shut when little is left for the first time
 *	shut	the migration idles at a trickle while the other VM is not there yet
 *
 * "Little" is what the stop can afford: what goes over the wire in the budget, some milliseconds,
 * at the speed this migration has shown. The budget begins small and grows with the time that the
 * pre-copy takes, so that a busy guest, too, comes to an end: a longer pause against a longer wait.
 *
 * valve_open() opens a valve for the last moment. QEMU obeys a change of bandwidth only at the end
 * of a window of 100 ms, so what was left before says nothing: valve_ready() waits for passes that
 * were made since. They follow each other without a pause then, at the guests' expense, so the stop
 * should come as soon as both are ready. What the passes leave of the bandwidth in a window may be
 * nothing, and then two VMs that have stopped wait for the next one. So the last moment has a
 * bandwidth of its own; QEMU by itself, too, knows no limit once it has stopped a guest.
 */
#ifndef DMORE_COMIGRATE_VALVE_H
#define DMORE_COMIGRATE_VALVE_H

#include "qemu/vm.h"

#define VALVE_BUDGET_MIN_MS 20
#define VALVE_BUDGET_MAX_MS 500
/* The budget is this part of the time that the pre-copy has taken. */
#define VALVE_BUDGET_PART 100
#define VALVE_TRICKLE 65536     /* bytes a second */
#define VALVE_OPEN_PASSES 3     /* by which a valve that was opened surely is open */
#define VALVE_LITTLE (1u << 20) /* bytes; below this nothing is gained by waiting */
/* A pass is in vain when it leaves no less to be sent than the best before it, or hardly less. So
 * many in a row, for so long, and the guest is dirtying memory as fast as it is sent. */
#define VALVE_VAIN_PASSES 3
#define VALVE_VAIN_US (G_GINT64_CONSTANT(5) * G_USEC_PER_SEC)

typedef struct {
    Vm *vm;
    guint64 bandwidth;  /* in pre-copy, bytes a second */
    gboolean slow_down; /* QEMU slows the guest down if it has to */
    gboolean shut;
    guint64 opened_pass;      /* the pass at the last look before it was opened */
    VmMigrationStatus status; /* of the last look */
    gint64 begun_us;          /* monotonic time */
    gint64 looked_us;         /* monotonic time of the last look; 0 before the first */
    guint64 fastest;          /* bytes a second, the most that was seen between two looks */
    guint64 least;            /* bytes that the best pass has left; 0 before the first */
    gint64 least_us;          /* when that was */
    guint vain;               /* passes since then */
} Valve;

/* valve_look() - ask how far the migration is
 * Return: FALSE when it has failed or cannot be asked.
 */
gboolean valve_look(Valve *valve, GError **error);

/* valve_near() - whether, at the last look, only little was left */
gboolean valve_near(const Valve *valve);

/* valve_in_vain() - whether, as it goes now, the migration will never come near its end */
gboolean valve_in_vain(const Valve *valve);

/* valve_begin() - the pre-copy begins now: the budget is counted from here */
void valve_begin(Valve *valve);

/* valve_set() - another bandwidth (bytes a second) from now on, if it is not shut */
gboolean valve_set(Valve *valve, guint64 bandwidth, GError **error);

gboolean valve_shut(Valve *valve, GError **error);

/* valve_open() - for the last moment
 * @bandwidth: bytes a second; what is afforded goes on being judged by that of the pre-copy
 */
gboolean valve_open(Valve *valve, guint64 bandwidth, GError **error);

/* valve_ready() - whether, at the last look, it was open and only little was left */
gboolean valve_ready(const Valve *valve);

#endif
