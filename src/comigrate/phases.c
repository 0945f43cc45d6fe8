/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "comigrate/phases.h"

#include <glib.h>

static const char *const names[PHASE_COUNT] = {
    [PHASE_OFFER] = "offer",         [PHASE_PREPARE] = "prepare",   [PHASE_PRE_COPY] = "pre-copy",
    [PHASE_CONVERGED] = "converged", [PHASE_STOP_R] = "stop-r",     [PHASE_QUIESCE] = "quiesce",
    [PHASE_STOP_U] = "stop-u",       [PHASE_HANDOVER] = "handover", [PHASE_COMPLETE] = "complete",
    [PHASE_COMMIT] = "commit",       [PHASE_RETIRE] = "retire",
};

const char *phase_name(Phase phase)
{
    return names[phase];
}

Phase phase_from_name(const char *name)
{
    for (Phase phase = 0; phase < PHASE_COUNT; phase++)
        if (g_str_equal(names[phase], name))
            return phase;
    return PHASE_COUNT;
}
