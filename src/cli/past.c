/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * past.c - pairs that are not here, but of which this host still knows something
 */
#include "cli/past.h"

#include <string.h>

#include "base/error.h"
#include "comigrate/note.h"
#include "pair/presence.h"

/* Which note says most about where the pair is, best first. */
static const NoteWord telling[] = {NOTE_COMMIT,    NOTE_OPEN,   NOTE_ABORT,
                                   NOTE_COMMITTED, NOTE_RETIRE, NOTE_INCOMING};

static Note *find_note(const HostConfig *host, const char *name, NoteWord word)
{
    g_autoptr(GPtrArray) notes = note_list(host->state_dir, NULL);

    for (guint i = 0; notes && i < notes->len; i++) {
        const Note *note = g_ptr_array_index(notes, i);
        if (note->word == word && g_str_equal(note->name, name))
            return g_ptr_array_steal_index(notes, i);
    }
    return NULL;
}

static Note *find_telling_note(const HostConfig *host, const char *name)
{
    Note *note = NULL;

    for (gsize i = 0; !note && i < G_N_ELEMENTS(telling); i++)
        note = find_note(host, name, telling[i]);
    return note;
}

static JsonObject *status_of(const char *name, const char *uuid, const char *state, char *note)
{
    JsonObject *status = json_object_new();

    json_object_set_string_member(status, "name", name);
    json_object_set_string_member(status, "uuid", uuid);
    json_object_set_string_member(status, "state", state);
    json_object_set_string_member(status, "note", note);
    g_free(note);
    return status;
}

/* How its VMs ended, as the second half of a sentence. */
static const char *end_of(const Presence *presence)
{
    return presence && presence->earlier_boot ? "when this host went down"
                                              : "when its VMs ended without \"dmore down\"";
}

static char *tell_presence(const Presence *presence)
{
    g_autoptr(GDateTime) since = g_date_time_new_from_unix_local(presence->since);
    g_autofree char *time = g_date_time_format(since, "%F %T");

    return g_strdup_printf("%s was running here, since %s, %s; \"dmore up\" starts it anew, "
                           "\"dmore down %s\" forgets it",
                           presence->name, time, end_of(presence), presence->name);
}

static char *tell_undecided(const Note *note, const Presence *presence)
{
    return g_strdup_printf("%s was on its way to %s %s, and may run there: %s is asked until it "
                           "answers, by dmored on this host. If it will not answer, and surely "
                           "does not run the pair, \"dmore resolve %s --here\" ends the asking",
                           note->name, note->host, end_of(presence), note->host, note->name);
}

static JsonObject *note_status(const Note *note, const Presence *presence)
{
    switch (note->word) {
    case NOTE_OPEN:
    case NOTE_COMMIT:
        return status_of(note->name, note->uuid, "undecided", tell_undecided(note, presence));
    case NOTE_RETIRE:
        return status_of(note->name, note->uuid, "moved",
                         g_strdup_printf("%s has moved to %s, which has yet to be told that "
                                         "nothing is left here",
                                         note->name, note->host));
    case NOTE_COMMITTED: /* that it was here was noted, too, and is no more */
        return status_of(note->name, note->uuid, "not-running",
                         g_strdup_printf("%s came here from another host once, and has moved on or "
                                         "was taken down since, unless this host went down in the "
                                         "very moment in which it came",
                                         note->name));
    case NOTE_ABORT: /* it ran here then, and nothing tells that it was lost since */
        return status_of(
            note->name, note->uuid, "not-running",
            g_strdup_printf("%s was taken down here; \"dmore up\" starts it anew", note->name));
    default:
        return status_of(note->name, note->uuid, "not-running",
                         g_strdup_printf("%s was coming here from another host and has not come; "
                                         "nothing is lost",
                                         note->name));
    }
}

JsonObject *past_status(const HostConfig *host, const char *name)
{
    g_autoptr(Presence) presence = presence_load(host->state_dir, name, NULL);
    g_autoptr(Note) note = find_telling_note(host, name);
    gboolean open = note && (note->word == NOTE_OPEN || note->word == NOTE_COMMIT);

    if (presence && !open)
        return status_of(name, presence->uuid, presence->earlier_boot ? "lost" : "not-running",
                         tell_presence(presence));
    return note ? note_status(note, presence) : NULL;
}

char *past_remark(const HostConfig *host, const char *name)
{
    g_autoptr(Note) abort = find_note(host, name, NOTE_ABORT);

    if (!abort)
        return NULL;
    return g_strdup_printf("%s has yet to be told that %s has not moved there; it is asked until "
                           "it answers, by dmored on this host",
                           abort->host, name);
}

static void add_name(GPtrArray *names, const char *name)
{
    if (!g_ptr_array_find_with_equal_func(names, name, g_str_equal, NULL))
        g_ptr_array_add(names, g_strdup(name));
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

char **past_names(const HostConfig *host, GError **error)
{
    g_auto(GStrv) present = presence_list(host->state_dir, error);
    g_autoptr(GPtrArray) notes = present ? note_list(host->state_dir, error) : NULL;
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

    if (!notes)
        return NULL;
    for (char **name = present; *name; name++)
        add_name(names, *name);
    for (guint i = 0; i < notes->len; i++)
        add_name(names, ((Note *)g_ptr_array_index(notes, i))->name);
    g_ptr_array_sort(names, compare_names);
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&names), FALSE);
}

gboolean past_forget(const HostConfig *host, const char *name)
{
    g_autoptr(Presence) presence = presence_load(host->state_dir, name, NULL);

    if (presence)
        presence_remove(host->state_dir, name, NULL);
    return presence != NULL;
}

gboolean past_resolve(const HostConfig *host, const char *name, GError **error)
{
    g_autoptr(Note) commit = find_note(host, name, NOTE_COMMIT);
    g_autoptr(Note) open = commit ? NULL : find_note(host, name, NOTE_OPEN);
    Note *note = commit ? commit : open;

    if (note)
        return note_write(note, host->state_dir, NOTE_ABORT, TRUE, error);
    g_set_error(error, DMORE_ERROR, DMORE_ERROR_NOT_FOUND,
                "there is nothing to be decided about %s on this host; \"dmore status\" lists what "
                "there is",
                name);
    return FALSE;
}
