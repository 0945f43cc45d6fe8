/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * domain-r.h - the life of a pair's Domain R: how it boots, who notices that it has ended, what
 * takes its place
 *
 * Theory of operation
 *
 * Domain R holds nothing that could not be made anew but its clients' connections. So one that has
 * ended is replaced: another one boots in a region that was made anew, from today's image, at the
 * same address. The user VM goes on; its keyboard and pointer are unplugged and plugged in again,
 * because their other ends, which knew where the dialogue was, are gone. For the guest that is what
 * lets go of keys that were held.
 *
 * Ended has a Domain R whose process is gone, whose guest has powered off, panicked or rebooted
 * (its kernel reboots in a panic, and a reboot is an end here), whose heartbeat (region.h) stands
 * still, or which has damaged a stream. A host that is very busy makes hearts beat slowly, so the
 * heartbeat is counted in looks, one a second, and not in time: who does not get to look does not
 * accuse.
 *
 * One that ends again and again is replaced with growing waits. All this is for a pair that runs
 * here (PAIR_RUNNING): what becomes of a pair that is on its way is the co-migration's business.
 */
#ifndef DMORE_PAIR_DOMAIN_R_H
#define DMORE_PAIR_DOMAIN_R_H

#include <gio/gio.h>

typedef struct Pair Pair;

/* What a pair remembers of its Domain R. */
typedef struct {
    guint32 heartbeat;
    guint silent;     /* looks in a row that found that same heartbeat */
    gboolean lacking; /* it has ended, and this was noticed */
    gboolean busy;    /* domain_r_replace() is under way */
    gint64 due_us;    /* when it is to be replaced; monotonic */
    gint64 since_us;  /* since when the last one has been there, or has failed to be */
    guint failures;   /* how many in a row did not last */
    gint64 replaced;  /* how often, on this host */
    char *failure;    /* (nullable): why the last one did not boot */
    char *because;    /* (nullable): why the last one was or is to be replaced: a clause */
} DomainRLife;

/* domain_r_look() - to be called once a second */
void domain_r_look(Pair *pair);

/* domain_r_is_due() - whether domain_r_replace() is to be called now; cheap */
gboolean domain_r_is_due(Pair *pair);

/* domain_r_due_ms() - how long it waits to be replaced, 0 while it is or need not be */
gint64 domain_r_due_ms(const Pair *pair);

/* domain_r_check() - Return: FALSE with DMORE_ERROR_BUSY and a sentence while there is none that
 * could be moved. */
gboolean domain_r_check(Pair *pair, GError **error);

/* domain_r_boot() - resume a Domain R that has just been launched, await its console
 * Return: FALSE with DMORE_ERROR_FAILED and its own words when the console does not come up.
 */
gboolean domain_r_boot(Pair *pair, GCancellable *cancellable, GError **error);

/* domain_r_replace() - end what is left of Domain R and boot another one; awaits
 * Return: FALSE when that fails: it is due again after a while.
 */
gboolean domain_r_replace(Pair *pair, GCancellable *cancellable, GError **error);

#endif
