/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * phases.h - the phases of a co-migration, in their order
 *
 * The same names stand in the log, in `dmore status`, in the result of a migration, in the model
 * and in doc/comigration.md. The order of the enumeration is the order in time.
 */
#ifndef DMORE_COMIGRATE_PHASES_H
#define DMORE_COMIGRATE_PHASES_H

typedef enum {
    PHASE_OFFER,     /* the destination learns what would come, and accepts or refuses */
    PHASE_PREPARE,   /* the destination starts both VMs, waiting for their state */
    PHASE_PRE_COPY,  /* memory is copied while both VMs run on the source */
    PHASE_CONVERGED, /* both are held, little is left to be copied of either */
    PHASE_STOP_R,    /* Domain R stops on the source */
    PHASE_QUIESCE,   /* the relay empties the rings into the user VM */
    PHASE_STOP_U,    /* the user VM stops on the source */
    PHASE_HANDOVER,  /* what is left of streams and screen goes to the destination */
    PHASE_COMPLETE,  /* the rest of both VMs' state goes to the destination */
    PHASE_COMMIT,    /* both VMs resume on the destination; from here there is no way back */
    PHASE_RETIRE,    /* the source removes what is left of the pair */
    PHASE_COUNT,
} Phase;

/* phase_name() - "offer", "prepare", "pre-copy", ... */
const char *phase_name(Phase phase);

/* phase_from_name() - PHASE_COUNT for a name that is none */
Phase phase_from_name(const char *name);

#endif
