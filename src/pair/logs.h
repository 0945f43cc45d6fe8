/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * logs.h - the logs in a pair's directory stay small
 *
 * The run directory is the host's memory, and what goes into a log is in the hands of others: of
 * Domain R, whose console is one, and of whoever connects to it over and over. So a log that has
 * grown too long is cut to its last part. Whoever writes it has opened it for appending and goes on
 * at the new end; what comes at the very moment of the cut may be lost.
 */
#ifndef DMORE_PAIR_LOGS_H
#define DMORE_PAIR_LOGS_H

#include <glib.h>

#define LOG_MAX (1u << 20)    /* bytes; a longer one is cut */
#define LOG_KEPT (256u << 10) /* to so many, in whole lines if there are any */

/* logs_cut() - all logs of a pair; to be called once a second */
void logs_cut(const char *run, const char *name);

#endif
