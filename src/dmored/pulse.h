/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pulse.h - whether a process that should give a sign of life each second hangs
 *
 * Theory of operation
 *
 * It is looked at once a second. Looks are counted, and not time: when the whole host stands still,
 * nobody looks. A look counts when there was no sign of life since the one before although the
 * process could have given one: it sleeps (a main loop that waits would have been woken), it is
 * stopped, or it has run without coming to it. One that waits for a processor or for a disk, or
 * that somebody debugs, is let be.
 */
#ifndef DMORE_DMORED_PULSE_H
#define DMORE_DMORED_PULSE_H

#include <glib.h>

typedef struct {
    gint64 beat;  /* the last sign of life */
    guint64 ran;  /* for how long it had run when it was looked at last, in the kernel's ticks */
    guint silent; /* looks that have counted since that sign */
    char state;   /* as in proc_pid_stat(5), when it was looked at last */
} Pulse;

/* pulse_look() - once a second
 * @pulse: zero at first
 * @pid: it may have ended, and its number be another's: who acts has to see to it that it has not
 * @beat: its sign of life, another number each time; 0: it has yet to give its first
 *
 * Return: whether more than @limit looks in a row have counted; they are counted anew then.
 */
gboolean pulse_look(Pulse *pulse, GPid pid, gint64 beat, guint limit);

#endif
