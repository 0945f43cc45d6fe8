/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * note.h - what a host notes about a co-migration: STATE/comigrations/ID
 *
 * Theory of operation
 *
 * Whatever is lost of a co-migration - a process, a host, the link - the two hosts can still find
 * out who runs the pair, because two facts are never lost: on the source, whether commit may have
 * been sent; on the destination, whether the user VM may have run there. doc/model.md has the rules
 * and tells when each word is written; the program writes it at exactly these points.
 */
#ifndef DMORE_COMIGRATE_NOTE_H
#define DMORE_COMIGRATE_NOTE_H

#include <glib.h>

#define NOTE_ID_DIGITS 32 /* 128 bits, hexadecimal */

typedef enum {
    NOTE_NONE, /* there is none (any more) */
    /* of a source */
    NOTE_OPEN,   /* commit was not sent; the other host may come to have a copy */
    NOTE_COMMIT, /* commit may have been sent: this host resumes nothing on its own */
    NOTE_ABORT,  /* the pair is here; the other host has to be told */
    NOTE_RETIRE, /* nothing of the pair is here; the other host has to be told */
    /* of a destination */
    NOTE_INCOMING,  /* what is here may be ended at any time */
    NOTE_COMMITTED, /* the user VM may have run here */
    NOTE_WORDS,
} NoteWord;

typedef struct {
    char *id;
    NoteWord word;
    NoteWord staged; /* the word that note_stage() has put beside it; NOTE_NONE: none */
    char *name;      /* of the pair */
    char *uuid;
    char *host; /* (nullable): on the source, the destination as the operator has called it */
    guint16 port;
    gint64 written; /* seconds since the epoch, when it was loaded from the disk */
} Note;

/* note_word_name() - "open", "commit", ... */
const char *note_word_name(NoteWord word);

/* note_id_make() - a new, random id; free with g_free() */
char *note_id_make(void);

/* note_id_check() - whether a text that another host has sent is an id, and so a safe file name */
gboolean note_id_check(const char *id);

/* note_new() - a note that is not written yet
 * @host: (nullable), @port: of the destination, on the source
 */
Note *note_new(const char *id, const char *name, const char *uuid, const char *host, guint16 port);

/* note_stage() - do ahead what takes time in note_write(), which has to be the next one of this
 * note
 * @state: host->state_dir
 *
 * Return: FALSE with DMORE_ERROR_HOST.
 */
gboolean note_stage(Note *note, const char *state, NoteWord word, GError **error);

/* note_write() - replace the note's word on the disk
 * @state: host->state_dir
 * @stable: it survives the end of the host from now on, not only that of this process; else the end
 * of the host may leave the older word, but never half a note
 *
 * Return: FALSE with DMORE_ERROR_HOST; note->word is unchanged then.
 */
gboolean note_write(Note *note, const char *state, NoteWord word, gboolean stable, GError **error);

/* note_decide() - replace the note's word, stable, by one that holds whether it can be noted or
 * not: a second fault would have to come for it to matter, and not to do what was decided is
 * certain harm
 * @state: host->state_dir
 *
 * That it cannot be flushed, or not even written, is told in the log.
 */
void note_decide(Note *note, const char *state, NoteWord word);

/* note_abort() - this host goes on by itself, although the other one may have all of the pair
 * @state: host->state_dir
 *
 * If that cannot be noted, by a full disk for one, no note is left: without one nobody asks to
 * commit one day. The other host is told once then. The word is NOTE_ABORT in any case.
 *
 * Return: FALSE with DMORE_ERROR_HOST when it is not noted.
 */
gboolean note_abort(Note *note, const char *state, GError **error);

/* note_load() - Return: NULL with DMORE_ERROR_NOT_FOUND when there is none, DMORE_ERROR_HOST when
 * it is damaged: then nobody can tell
 */
Note *note_load(const char *state, const char *id, GError **error);

/* note_remove() - from the disk; its word is NOTE_NONE then. That it is gone already is no error.
 */
gboolean note_remove(Note *note, const char *state, gboolean stable, GError **error);

/* note_forget_incoming() - of a pair that has been claimed to come here as @current notes: remove
 * what earlier attempts of it to come have left
 */
void note_forget_incoming(const char *state, const Note *current);

/* note_check_settled() - whether a pair may be started or come here: no co-migration by which it
 * may have left is open, for then it may run on the other host
 *
 * Return: FALSE with DMORE_ERROR_BUSY.
 */
gboolean note_check_settled(const char *state, const char *name, const char *uuid, GError **error);

/* note_directory() - where the notes are; made if need be. Free with g_free(). */
char *note_directory(const char *state, GError **error);

/* note_list() - all notes of this host; one that is damaged is told in the log and left out
 * Return: (element-type Note): NULL with DMORE_ERROR_HOST when the directory cannot be read.
 */
GPtrArray *note_list(const char *state, GError **error);

/* note_list_all() - the same for a decision that one which is left out might change
 * Return: NULL with DMORE_ERROR_HOST also when one cannot be read.
 */
GPtrArray *note_list_all(const char *state, GError **error);

void note_free(Note *note);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Note, note_free)

#endif
