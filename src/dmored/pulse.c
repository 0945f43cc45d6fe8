/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dmored/pulse.h"

#include <string.h>

/* The fields of /proc/PID/stat behind the program's name, which may hold anything. */
enum {
    FIELD_STATE,
    FIELD_UTIME = 11,
    FIELD_STIME,
    FIELDS
};

/* Of the main thread alone: others run for GLib, and say nothing of the main loop.
 * Return: FALSE when there is no such process any more.
 */
static gboolean read_process(GPid pid, char *state, guint64 *ran)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/task/%d/stat", (int)pid, (int)pid);
    g_autofree char *text = NULL;
    const char *name_end = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return FALSE;
    name_end = strrchr(text, ')');
    if (!name_end || name_end[1] == '\0')
        return FALSE;
    g_auto(GStrv) fields = g_strsplit(name_end + 2, " ", FIELDS + 1);
    if (g_strv_length(fields) < FIELDS)
        return FALSE;
    *state = fields[FIELD_STATE][0];
    *ran = g_ascii_strtoull(fields[FIELD_UTIME], NULL, 10) +
           g_ascii_strtoull(fields[FIELD_STIME], NULL, 10);
    return TRUE;
}

gboolean pulse_look(Pulse *pulse, GPid pid, gint64 beat, guint limit)
{
    guint64 before = pulse->ran;

    if (!read_process(pid, &pulse->state, &pulse->ran))
        return FALSE;
    if (beat != pulse->beat)
        pulse->silent = 0;
    else if (pulse->state == 'S' || pulse->state == 'T' ||
             (pulse->state == 'R' && pulse->ran > before))
        pulse->silent++;
    pulse->beat = beat;
    if (pulse->silent <= limit)
        return FALSE;
    pulse->silent = 0; /* what is done now has as long to show */
    return TRUE;
}
