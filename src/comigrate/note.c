/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "comigrate/note.h"

#include <gnutls/crypto.h>
#include <string.h>

#include "base/error.h"
#include "pair/config.h"
#include "pair/statefile.h"

#define FOLDER "comigrations"
#define GROUP "co-migration"

static const char *const words[NOTE_WORDS] = {
    [NOTE_NONE] = "none",           [NOTE_OPEN] = "open",     [NOTE_COMMIT] = "commit",
    [NOTE_ABORT] = "abort",         [NOTE_RETIRE] = "retire", [NOTE_INCOMING] = "incoming",
    [NOTE_COMMITTED] = "committed",
};

const char *note_word_name(NoteWord word)
{
    return words[word];
}

static NoteWord word_from_name(const char *name)
{
    NoteWord word = NOTE_OPEN;

    while (word < NOTE_WORDS && g_strcmp0(words[word], name) != 0)
        word++;
    return word;
}

static gboolean is_source(NoteWord word)
{
    return word >= NOTE_OPEN && word <= NOTE_RETIRE;
}

char *note_id_make(void)
{
    guint8 bytes[NOTE_ID_DIGITS / 2];
    GString *id = g_string_new(NULL);

    if (gnutls_rnd(GNUTLS_RND_NONCE, bytes, sizeof(bytes)) < 0)
        g_error("no random numbers are to be had");
    for (gsize i = 0; i < sizeof(bytes); i++)
        g_string_append_printf(id, "%02x", bytes[i]);
    return g_string_free(id, FALSE);
}

gboolean note_id_check(const char *id)
{
    return id && strlen(id) == NOTE_ID_DIGITS && strspn(id, "0123456789abcdef") == NOTE_ID_DIGITS;
}

Note *note_new(const char *id, const char *name, const char *uuid, const char *host, guint16 port)
{
    Note *note = g_new0(Note, 1);

    note->id = g_strdup(id);
    note->name = g_strdup(name);
    note->uuid = g_strdup(uuid);
    note->host = g_strdup(host);
    note->port = port;
    return note;
}

gboolean note_stage(Note *note, const char *state, NoteWord word, GError **error)
{
    g_autoptr(GKeyFile) text = g_key_file_new();

    g_key_file_set_string(text, GROUP, "id", note->id);
    g_key_file_set_string(text, GROUP, "word", words[word]);
    g_key_file_set_string(text, GROUP, "name", note->name);
    g_key_file_set_string(text, GROUP, "uuid", note->uuid);
    if (note->host) {
        g_key_file_set_string(text, GROUP, "host", note->host);
        g_key_file_set_integer(text, GROUP, "port", note->port);
    }
    note->staged = NOTE_NONE;
    if (!statefile_stage(state, FOLDER, note->id, text, error))
        return FALSE;
    note->staged = word;
    return TRUE;
}

/* A word that could not be flushed may be there already: whoever reads it next has to find the one
 * that holds.
 */
static void put_back(Note *note, const char *state)
{
    g_autoptr(GError) error = NULL;
    gboolean done = note->word == NOTE_NONE
                        ? statefile_remove(state, FOLDER, note->id, FALSE, &error)
                        : note_stage(note, state, note->word, &error) &&
                              statefile_take(state, FOLDER, note->id, FALSE, &error);

    note->staged = NOTE_NONE;
    if (!done)
        g_critical("co-migration %s: what is noted may be newer than '%s', which holds: %s",
                   note->id, words[note->word], error->message);
}

gboolean note_write(Note *note, const char *state, NoteWord word, gboolean stable, GError **error)
{
    if (note->staged != word && !note_stage(note, state, word, error))
        return FALSE;
    note->staged = NOTE_NONE;
    if (!statefile_take(state, FOLDER, note->id, stable, error)) {
        put_back(note, state);
        return FALSE;
    }
    note->word = word;
    g_message("co-migration %s: noted '%s'", note->id, words[word]);
    return TRUE;
}

void note_decide(Note *note, const char *state, NoteWord word)
{
    g_autoptr(GError) unflushed = NULL;
    g_autoptr(GError) unwritten = NULL;

    if (note_write(note, state, word, TRUE, &unflushed))
        return;
    g_critical("%s", unflushed->message);
    if (!note_write(note, state, word, FALSE, &unwritten))
        note->word = word;
}

gboolean note_abort(Note *note, const char *state, GError **error)
{
    g_autoptr(GError) unremoved = NULL;

    if (note_write(note, state, NOTE_ABORT, TRUE, error))
        return TRUE;
    if (!note_remove(note, state, TRUE, &unremoved))
        g_critical("%s", unremoved->message);
    note->word = NOTE_ABORT;
    return FALSE;
}

static Note *damaged(const char *state, const char *id, const char *what, GError **error)
{
    g_autofree char *path = statefile_path(state, FOLDER, id);

    g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST, "the note %s is damaged: %s", path, what);
    return NULL;
}

Note *note_load(const char *state, const char *id, GError **error)
{
    g_autoptr(GKeyFile) text = statefile_load(state, FOLDER, id, error);

    if (!text)
        return NULL;
    g_autofree char *inner_id = g_key_file_get_string(text, GROUP, "id", NULL);
    g_autofree char *word = g_key_file_get_string(text, GROUP, "word", NULL);
    g_autofree char *name = g_key_file_get_string(text, GROUP, "name", NULL);
    g_autofree char *uuid = g_key_file_get_string(text, GROUP, "uuid", NULL);
    g_autofree char *host = g_key_file_get_string(text, GROUP, "host", NULL);
    int port = g_key_file_get_integer(text, GROUP, "port", NULL);
    NoteWord known = word_from_name(word);

    if (g_strcmp0(id, inner_id) != 0 || !note_id_check(id))
        return damaged(state, id, "it has another id than its file", error);
    if (known == NOTE_WORDS)
        return damaged(state, id, "its word is none of those that there are", error);
    if (!name || !pair_name_check(name, NULL) || !uuid)
        return damaged(state, id, "it does not say which pair it is about", error);
    if (is_source(known) && (!host || !*host || port < 1 || port > G_MAXUINT16))
        return damaged(state, id, "it does not say which host the pair was to go to", error);

    Note *note = note_new(id, name, uuid, host, (guint16)port);
    note->word = known;
    note->written = statefile_time(state, FOLDER, id);
    return note;
}

gboolean note_remove(Note *note, const char *state, gboolean stable, GError **error)
{
    if (!statefile_remove(state, FOLDER, note->id, stable, error))
        return FALSE;
    note->word = NOTE_NONE;
    g_message("co-migration %s: its note is removed", note->id);
    return TRUE;
}

void note_forget_incoming(const char *state, const Note *current)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) notes = note_list(state, &error);

    for (guint i = 0; notes && i < notes->len; i++) {
        Note *note = g_ptr_array_index(notes, i);
        if (note->word == NOTE_INCOMING && g_str_equal(note->uuid, current->uuid) &&
            !g_str_equal(note->id, current->id) && !note_remove(note, state, FALSE, &error))
            break;
    }
    if (error)
        g_warning("%s", error->message);
}

/* The notes that can be read. @unreadable: why one cannot be */
static GPtrArray *list(const char *state, GError **unreadable, GError **error)
{
    g_auto(GStrv) ids = statefile_list(state, FOLDER, error);
    GPtrArray *notes = NULL;

    if (!ids)
        return NULL;
    notes = g_ptr_array_new_with_free_func((GDestroyNotify)note_free);
    for (char **id = ids; *id; id++) {
        g_autoptr(GError) failure = NULL;
        Note *note = note_load(state, *id, &failure);
        if (note)
            g_ptr_array_add(notes, note);
        else if (!g_error_matches(failure, DMORE_ERROR, DMORE_ERROR_NOT_FOUND) && !*unreadable)
            *unreadable = g_steal_pointer(&failure);
    }
    return notes;
}

gboolean note_check_settled(const char *state, const char *name, const char *uuid, GError **error)
{
    g_autoptr(GPtrArray) notes = note_list_all(state, error);

    for (guint i = 0; notes && i < notes->len; i++) {
        const Note *note = g_ptr_array_index(notes, i);
        if ((note->word != NOTE_COMMIT && note->word != NOTE_OPEN) ||
            (!g_str_equal(note->uuid, uuid) && !g_str_equal(note->name, name)))
            continue;
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_BUSY,
                    "%s may run on %s: its move there is not settled yet, and %s is asked until it "
                    "answers; 'dmore status' on the host that it has left tells more",
                    note->name, note->host, note->host);
        return FALSE;
    }
    return notes != NULL;
}

char *note_directory(const char *state, GError **error)
{
    return statefile_folder(state, FOLDER, error);
}

GPtrArray *note_list_all(const char *state, GError **error)
{
    g_autoptr(GError) unreadable = NULL;
    g_autoptr(GPtrArray) notes = list(state, &unreadable, error);

    if (!unreadable)
        return g_steal_pointer(&notes);
    g_propagate_error(error, g_steal_pointer(&unreadable));
    return NULL;
}

GPtrArray *note_list(const char *state, GError **error)
{
    g_autoptr(GError) unreadable = NULL;
    GPtrArray *notes = list(state, &unreadable, error);

    if (unreadable)
        g_warning("%s", unreadable->message);
    return notes;
}

void note_free(Note *note)
{
    g_free(note->id);
    g_free(note->name);
    g_free(note->uuid);
    g_free(note->host);
    g_free(note);
}
