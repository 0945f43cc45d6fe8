/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "comigrate/report.h"

static double ms(gint64 us)
{
    return (double)us / 1000.0;
}

JsonObject *report_to_json(const ComigrationReport *report)
{
    JsonObject *object = json_object_new();
    JsonArray *phases = json_array_new();

    for (Phase phase = 0; phase < PHASE_COUNT; phase++) {
        JsonObject *entry = json_object_new();
        json_object_set_string_member(entry, "name", phase_name(phase));
        json_object_set_double_member(entry, "ms", ms(report->phase_us[phase]));
        json_array_add_object_element(phases, entry);
    }
    json_object_set_string_member(object, "to", report->host);
    json_object_set_double_member(object, "total_ms", ms(report->total_us));
    json_object_set_array_member(object, "phases", phases);
    json_object_set_double_member(object, "domain_r_pause_ms", ms(report->domain_r_pause_us));
    json_object_set_double_member(object, "user_vm_pause_ms", ms(report->user_vm_pause_us));
    json_object_set_int_member(object, "domain_r_bytes", (gint64)report->domain_r_bytes);
    json_object_set_int_member(object, "user_vm_bytes", (gint64)report->user_vm_bytes);
    json_object_set_int_member(object, "handover_bytes", (gint64)report->handover_bytes);
    return object;
}

static JsonObject *migration_to_json(const VmMigrationStatus *status)
{
    JsonObject *object = json_object_new();

    json_object_set_int_member(object, "total", (gint64)status->total);
    json_object_set_int_member(object, "remaining", (gint64)status->remaining);
    json_object_set_int_member(object, "transferred", (gint64)status->transferred);
    json_object_set_int_member(object, "dirty_rate", (gint64)status->dirty_rate);
    json_object_set_int_member(object, "slowed_percent", status->slowed);
    return object;
}

JsonObject *progress_to_json(const ComigrationProgress *progress)
{
    JsonObject *object = json_object_new();

    json_object_set_string_member(object, "phase", phase_name(progress->phase));
    json_object_set_double_member(object, "elapsed_ms", ms(progress->elapsed_us));
    json_object_set_object_member(object, "user_vm", migration_to_json(&progress->user_vm));
    json_object_set_object_member(object, "domain_r", migration_to_json(&progress->domain_r));
    json_object_set_boolean_member(object, "converges", !progress->in_vain);
    return object;
}
