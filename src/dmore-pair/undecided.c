/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dmore-pair/undecided.h"

#include "base/error.h"
#include "comigrate/settle.h"

struct Undecided {
    Pair *pair;
    Note *note;
    GCancellable *interrupted;
    Settlement settlement;
    gint64 since; /* seconds since the epoch */
};

Undecided *undecided_new(Pair *pair, Note *note)
{
    Undecided *undecided = g_new0(Undecided, 1);

    undecided->pair = pair;
    undecided->note = note;
    undecided->interrupted = g_cancellable_new();
    undecided->since = g_get_real_time() / G_USEC_PER_SEC;
    return undecided;
}

gboolean undecided_settle(Undecided *undecided)
{
    g_cancellable_reset(undecided->interrupted);
    return settle_pair(undecided->pair, undecided->note, &undecided->settlement,
                       undecided->interrupted, NULL);
}

void undecided_interrupt(Undecided *undecided)
{
    g_cancellable_cancel(undecided->interrupted);
}

gboolean undecided_run_here(Undecided *undecided, GError **error)
{
    const char *state_dir = undecided->pair->host->state_dir;
    g_autoptr(GError) failure = NULL;
    g_autoptr(GError) unnoted = NULL;

    if (vm_state(undecided->pair->user_vm) == VM_GONE) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_FAILED,
                    "the user VM's QEMU has ended here, so %s cannot run here; if %s has it, it is "
                    "the only one; 'dmore down %s' ends what is left here",
                    undecided->note->name, undecided->note->host, undecided->note->name);
        return FALSE;
    }
    if (!note_write(undecided->note, state_dir, NOTE_ABORT, TRUE, error))
        return FALSE;
    if (pair_run_here(undecided->pair, &failure))
        return TRUE;
    /* Refused, by a disk image that another host holds for one: then it is as open as before. One
     * that only gives no answer may run at any time, and stays decided. */
    if (undecided->pair->state == PAIR_UNDECIDED &&
        g_error_matches(failure, DMORE_ERROR, DMORE_ERROR_HOST) &&
        !note_write(undecided->note, state_dir, NOTE_COMMIT, FALSE, &unnoted))
        g_critical("%s", unnoted->message);
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

void undecided_to_status(const Undecided *undecided, JsonObject *status)
{
    const Settlement *settlement = &undecided->settlement;
    JsonObject *object = json_object_new();
    g_autoptr(GDateTime) since = g_date_time_new_from_unix_local(undecided->since);
    g_autofree char *time = g_date_time_format(since, "%F %T");
    const char *name = undecided->note->name;
    const char *host = undecided->note->host;
    g_autofree char *words = g_strdup_printf(
        "since %s it is not known whether %s runs on %s, so nothing of it runs here. %s is asked "
        "until it answers (%u times so far%s%s). If it will not answer, and surely does not run "
        "the "
        "pair, \"dmore resolve %s --here\" runs it here; if it is to run there, \"dmore down %s\" "
        "ends what is here",
        time, name, host, host, settlement->attempts, settlement->last ? ": " : "",
        settlement->last ? settlement->last : "", name, name);

    json_object_set_string_member(object, "role", "source");
    json_object_set_string_member(object, "host", host);
    json_object_set_int_member(object, "since", undecided->since);
    json_object_set_int_member(object, "attempts", settlement->attempts);
    if (settlement->last)
        json_object_set_string_member(object, "last_attempt", settlement->last);
    json_object_set_object_member(status, "undecided", object);
    json_object_set_string_member(status, "note", words);
}

void undecided_free(Undecided *undecided)
{
    note_free(undecided->note);
    g_object_unref(undecided->interrupted);
    settlement_clear(&undecided->settlement);
    g_free(undecided);
}
