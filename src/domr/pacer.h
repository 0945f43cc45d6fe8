/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pacer.h - lets a short burst through at once and holds what comes faster than a rate
 *
 * Why: the hypervisor keeps a bounded number of reports for a guest that has not read them yet and
 * drops the rest without a word. A person's typing must not be delayed; pasted text must.
 *
 * A token bucket, counted in time: every report takes `period` of credit, credit grows with the
 * clock up to `burst` periods.
 */
#ifndef DMORE_DOMR_PACER_H
#define DMORE_DOMR_PACER_H

#include <stdbool.h>
#include <stdint.h>

struct pacer {
    uint64_t period; /* µs between two reports in the long run */
    uint64_t burst;  /* reports that may follow each other at once */
    uint64_t full;   /* the time (µs) at which the credit is, or was, complete */
};

/* pacer_now() - the clock that pacers go by, µs of the monotonic one */
uint64_t pacer_now(void);

/* pacer_take() - whether a report may be sent at the time @now (µs, monotonic); takes the credit */
bool pacer_take(struct pacer *pacer, uint64_t now);

/* pacer_next() - the time (µs) from which on pacer_take() will say yes */
uint64_t pacer_next(const struct pacer *pacer);

#endif
