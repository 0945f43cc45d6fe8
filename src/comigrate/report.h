/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report.h - what a co-migration tells while it runs and when it is over
 */
#ifndef DMORE_COMIGRATE_REPORT_H
#define DMORE_COMIGRATE_REPORT_H

#include <json-glib/json-glib.h>
#include "comigrate/phases.h"
#include "qemu/vm.h"

typedef struct {
    Phase phase;
    gint64 elapsed_us; /* since the co-migration began */
    VmMigrationStatus user_vm;
    VmMigrationStatus domain_r;
    gboolean in_vain; /* the guest dirties memory as fast as it is sent: pre-copy comes to no end */
} ComigrationProgress;

typedef struct {
    char *host; /* to where */
    gint64 phase_us[PHASE_COUNT];
    gint64 total_us;
    gint64 domain_r_pause_us; /* switch-over: from its stop here to its resume there */
    gint64 user_vm_pause_us;
    guint64 domain_r_bytes;
    guint64 user_vm_bytes;
    guint64 handover_bytes;
} ComigrationReport;

/* report_to_json() - (transfer full): the members are described in dmore(1), "migrate --json" */
JsonObject *report_to_json(const ComigrationReport *report);

/* progress_to_json() - (transfer full) */
JsonObject *progress_to_json(const ComigrationProgress *progress);

#endif
