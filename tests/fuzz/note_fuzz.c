/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * note_fuzz.c - what a host that was torn down in the middle of a write may find as its note of a
 * co-migration; an input is the file
 *
 * A note that is taken is one there can be, and is the same when it has been written and read
 * again.
 */
#include <string.h>

#include "comigrate/note.h"
#include "fuzz-glib.h"
#include "pair/config.h"

#define ID "0123456789abcdef0123456789abcdef"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    fuzz_quiet_glib();
    return 0;
}

static void check_note(const Note *note)
{
    CHECK(strcmp(note->id, ID) == 0);
    CHECK(note->word > NOTE_NONE && note->word < NOTE_WORDS);
    CHECK(pair_name_check(note->name, NULL) && note->uuid != NULL);
    CHECK(note->word >= NOTE_INCOMING || (note->host != NULL && *note->host && note->port != 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static char *state;
    g_autoptr(GError) error = NULL;

    if (state == NULL)
        state = fuzz_path("state");

    g_autofree char *directory = note_directory(state, NULL);
    CHECK(directory != NULL);
    g_autofree char *path = g_build_filename(directory, ID, NULL);
    CHECK(g_file_set_contents_full(path, (const char *)bytes, (gssize)size,
                                   G_FILE_SET_CONTENTS_NONE, 0600, NULL));
    g_autoptr(Note) note = note_load(state, ID, &error);

    CHECK((note == NULL) == (error != NULL));
    if (note == NULL) {
        CHECK(g_utf8_validate(error->message, -1, NULL));
        return 0;
    }
    check_note(note);
    CHECK(note_write(note, state, note->word, FALSE, NULL));
    g_autoptr(Note) again = note_load(state, ID, NULL);
    CHECK(again != NULL);
    check_note(again);
    CHECK(again->word == note->word && strcmp(again->name, note->name) == 0);
    CHECK(strcmp(again->uuid, note->uuid) == 0 && g_strcmp0(again->host, note->host) == 0);
    CHECK(note->host == NULL || again->port == note->port);
    return 0;
}
