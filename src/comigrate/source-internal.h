/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * source-internal.h - what the two halves of the source share: source.c goes down the table of the
 * phases, source-back.c goes up
 */
#ifndef DMORE_COMIGRATE_SOURCE_INTERNAL_H
#define DMORE_COMIGRATE_SOURCE_INTERNAL_H

#include "comigrate/link.h"
#include "comigrate/source.h"
#include "comigrate/valve.h"
#include "pair/frames.h"
#include "region/screen.h"

#define COMPLETE_MS 10000 /* for the state of their devices */
#define FAREWELL_MS 5000  /* for the destination to remove what it has */

typedef struct {
    Pair *pair;
    const ComigrationOrder *order;
    ComigrationReport *report;
    Link *link;
    Note *note;             /* its word is "none" until the destination is prepared */
    gboolean complete_sent; /* the destination may have loaded both VMs */
    Valve user_vm;
    Valve domain_r;
    Phase phase;
    struct screen_tiles *changed; /* since the picture went ahead */
    char *user_vm_address;        /* where the destination's VMs listen for their state */
    char *domain_r_address;
    gint64 begun_us;
    gint64 told_us;             /* when progress was last told */
    gboolean in_vain;           /* it has been told that pre-copy comes to no end */
    FrameWatch *user_vm_frames; /* from its stop on */
    FrameWatch *domain_r_frames;
    gint64 domain_r_stopped_us;
    gint64 user_vm_stopped_us;
} Source;

typedef struct {
    gboolean (*run)(Source *source, GError **error);
    void (*undo)(Source *source, GString *troubles); /* NULL: nothing to undo */
} SourcePhase;

extern const SourcePhase source_phases[PHASE_COUNT];

/* What has to be undone of each phase; @troubles: what cannot be is added, "; and in undoing it:
 * ..." */
void source_undo_pre_copy(Source *source, GString *troubles);
void source_undo_stop_r(Source *source, GString *troubles);
void source_undo_stop_u(Source *source, GString *troubles);

/* source_fail() - a phase has failed: go back, or leave the pair undecided
 * @failure: why; it becomes what is to be told
 */
void source_fail(Source *source, GError **failure);

#endif
