/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * note_test.c - the notes of co-migrations: written, replaced, found again, damaged
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <glib/gstdio.h>

#include "base/error.h"
#include "comigrate/note.h"
#include "pair/statefile.h"

#define FOLDER "comigrations"
#define UUID "6d5a6b10-0000-4000-8000-000000000001"

static int make_state(void **state)
{
    *state = g_dir_make_tmp("dmore-note-XXXXXX", NULL);
    return *state ? 0 : -1;
}

static int remove_state(void **state)
{
    g_auto(GStrv) names = statefile_list(*state, FOLDER, NULL);
    g_autofree char *folder = g_build_filename(*state, FOLDER, NULL);

    for (char **name = names; *name; name++)
        statefile_remove(*state, FOLDER, *name, FALSE, NULL);
    g_rmdir(folder);
    int result = g_rmdir(*state);
    g_free(*state);
    return result;
}

static Note *make_note(const char *host)
{
    g_autofree char *id = note_id_make();

    return note_new(id, "web1", UUID, host, host ? 7643 : 0);
}

static void assert_written(Note *note, const char *state, NoteWord word)
{
    g_autoptr(GError) error = NULL;

    if (!note_write(note, state, word, TRUE, &error))
        fail_msg("%s", error->message);
    assert_int_equal(note->word, word);
}

static void test_id(void **state)
{
    g_autofree char *one = note_id_make();
    g_autofree char *two = note_id_make();

    assert_true(note_id_check(one));
    assert_true(note_id_check(two));
    assert_string_not_equal(one, two);
    assert_false(note_id_check(NULL));
    assert_false(note_id_check(""));
    assert_false(note_id_check("../../../../../../../etc/passwd0"));
    assert_false(note_id_check("0123456789abcdef0123456789abcdeF"));
    assert_false(note_id_check("0123456789abcdef0123456789abcdef0"));
}

static void test_every_word(void **state)
{
    for (NoteWord word = NOTE_OPEN; word < NOTE_WORDS; word++) {
        g_autoptr(Note) note = make_note(word <= NOTE_RETIRE ? "host-b" : NULL);
        g_autoptr(GError) error = NULL;

        assert_written(note, *state, word);
        g_autoptr(Note) found = note_load(*state, note->id, &error);
        if (!found)
            fail_msg("%s", error->message);
        assert_int_equal(found->word, word);
        assert_string_equal(found->name, "web1");
        assert_string_equal(found->uuid, UUID);
        assert_int_equal(g_strcmp0(found->host, note->host), 0);
        assert_int_equal(found->port, note->port);
        assert_in_range(found->written, g_get_real_time() / G_USEC_PER_SEC - 60,
                        g_get_real_time() / G_USEC_PER_SEC);
    }
}

static void test_replaced_and_removed(void **state)
{
    g_autoptr(Note) note = make_note("host-b");
    g_autoptr(GError) error = NULL;
    struct stat status;

    assert_written(note, *state, NOTE_OPEN);
    assert_written(note, *state, NOTE_COMMIT);
    g_autoptr(GPtrArray) notes = note_list(*state, NULL);
    assert_int_equal(notes->len, 1);
    assert_int_equal(((Note *)g_ptr_array_index(notes, 0))->word, NOTE_COMMIT);

    g_autofree char *path = statefile_path(*state, FOLDER, note->id);
    assert_int_equal(g_stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);

    assert_true(note_remove(note, *state, TRUE, NULL));
    assert_int_equal(note->word, NOTE_NONE);
    assert_true(note_remove(note, *state, TRUE, NULL));
    assert_null(note_load(*state, note->id, &error));
    assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_NOT_FOUND));
}

static void test_nothing_noted(void **state)
{
    g_autoptr(GPtrArray) notes = note_list(*state, NULL);

    assert_non_null(notes);
    assert_int_equal(notes->len, 0);
}

/* What a host that went down in the middle of it has half written is no note, and in nobody's way.
 */
static void test_half_written(void **state)
{
    g_autoptr(Note) note = make_note("host-b");

    assert_written(note, *state, NOTE_OPEN);
    g_autofree char *path = statefile_path(*state, FOLDER, note->id);
    g_autofree char *half = g_strconcat(path, ".new", NULL);
    assert_true(g_file_set_contents(half, "[co-mig", -1, NULL));
    g_autoptr(GPtrArray) notes = note_list(*state, NULL);
    assert_int_equal(notes->len, 1);
    assert_written(note, *state, NOTE_ABORT);
    assert_false(g_file_test(half, G_FILE_TEST_EXISTS));
}

static void test_damaged(void **state)
{
    const char *id = "0123456789abcdef0123456789abcdef";
    const char *const texts[] = {
        "",
        "nonsense",
        "[co-migration]\n",
        "[co-migration]\nid="
        "0123456789abcdef0123456789abcdee\nword=incoming\nname=w\nuuid=u\n",
        "[co-migration]\nid="
        "0123456789abcdef0123456789abcdef\nword=maybe\nname=w\nuuid=u\n",
        "[co-migration]\nid="
        "0123456789abcdef0123456789abcdef\nword=none\nname=w\nuuid=u\n",
        "[co-migration]\nid="
        "0123456789abcdef0123456789abcdef\nword=incoming\nname=../w\nuuid=u\n",
        "[co-migration]\nid="
        "0123456789abcdef0123456789abcdef\nword=incoming\nname=w\n",
        "[co-migration]\nid="
        "0123456789abcdef0123456789abcdef\nword=commit\nname=w\nuuid=u\n",
        "[co-migration]\nid="
        "0123456789abcdef0123456789abcdef\nword=commit\nname=w\nuuid=u\nhost=b\n"
        "port=65536\n",
    };
    g_autofree char *path = statefile_path(*state, FOLDER, id);
    g_autofree char *folder = note_directory(*state, NULL);

    assert_non_null(folder);
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        assert_true(g_file_set_contents(path, texts[i], -1, NULL));
        assert_null(note_load(*state, id, &error));
        assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_HOST));
        assert_non_null(strstr(error->message, id));
        /* It keeps nobody from reading the others. */
        g_autoptr(GPtrArray) notes = note_list(*state, NULL);
        assert_int_equal(notes->len, 0);
    }
}

/* A pair that may run on another host is neither started here nor let come. */
static void test_unsettled(void **state)
{
    g_autoptr(Note) note = make_note("host-b");
    g_autoptr(GError) error = NULL;

    assert_written(note, *state, NOTE_ABORT);
    assert_true(note_check_settled(*state, "web1", UUID, &error));
    assert_written(note, *state, NOTE_COMMIT);
    assert_true(note_check_settled(*state, "web2", "another", &error));
    assert_false(note_check_settled(*state, "web1", "another", &error));
    assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_BUSY));
    g_clear_error(&error);
    assert_false(note_check_settled(*state, "web2", UUID, &error));
    assert_non_null(strstr(error->message, "host-b"));
}

static void test_cannot_be_written(void **state)
{
    g_autoptr(Note) note = make_note("host-b");
    g_autoptr(GError) error = NULL;

    assert_written(note, *state, NOTE_OPEN);
    assert_false(note_write(note, "/proc/no-such-state", NOTE_COMMIT, TRUE, &error));
    assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_HOST));
    assert_int_equal(note->word, NOTE_OPEN);
}

/* What is staged holds from the write on, and another word that is written instead holds too. */
static void test_staged(void **state)
{
    g_autoptr(Note) note = make_note("host-b");

    assert_written(note, *state, NOTE_OPEN);
    assert_true(note_stage(note, *state, NOTE_COMMIT, NULL));
    assert_int_equal(note->word, NOTE_OPEN);
    g_autoptr(Note) before = note_load(*state, note->id, NULL);
    assert_int_equal(before->word, NOTE_OPEN);
    assert_written(note, *state, NOTE_COMMIT);
    g_autoptr(Note) after = note_load(*state, note->id, NULL);
    assert_int_equal(after->word, NOTE_COMMIT);

    assert_true(note_stage(note, *state, NOTE_RETIRE, NULL));
    assert_written(note, *state, NOTE_ABORT);
    g_autoptr(Note) other = note_load(*state, note->id, NULL);
    assert_int_equal(other->word, NOTE_ABORT);
    assert_written(note, *state, NOTE_RETIRE);
    g_autoptr(Note) last = note_load(*state, note->id, NULL);
    assert_int_equal(last->word, NOTE_RETIRE);

    /* What was staged and never written goes with the note: remove_state() finds nothing. */
    assert_true(note_stage(note, *state, NOTE_COMMIT, NULL));
    assert_true(note_remove(note, *state, FALSE, NULL));
}

/* When a pair is here for one co-migration, nothing of an earlier one is. */
static void test_earlier_ones_are_forgotten(void **state)
{
    g_autoptr(Note) earlier = make_note(NULL);
    g_autoptr(Note) ran = make_note(NULL);
    g_autoptr(Note) current = make_note(NULL);
    g_autofree char *id = note_id_make();
    g_autoptr(Note) other = note_new(id, "web2", "6d5a6b10-0000-4000-8000-000000000002", NULL, 0);

    assert_written(earlier, *state, NOTE_INCOMING);
    assert_written(ran, *state, NOTE_COMMITTED);
    assert_written(other, *state, NOTE_INCOMING);
    assert_written(current, *state, NOTE_INCOMING);
    note_forget_incoming(*state, current);

    Note *const kept[] = {ran, other, current};
    for (gsize i = 0; i < G_N_ELEMENTS(kept); i++) {
        g_autoptr(Note) note = note_load(*state, kept[i]->id, NULL);
        assert_non_null(note);
    }
    assert_null(note_load(*state, earlier->id, NULL));
}

/* A word that cannot be flushed is not left where the next one to read would believe it. */
static void test_unflushed(void **state)
{
    g_autoptr(Note) note = make_note("host-b");
    g_autoptr(GError) error = NULL;
    g_autoptr(GError) missing = NULL;
    struct rlimit before;

    assert_true(note_stage(note, *state, NOTE_OPEN, &error));
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit none = {.rlim_cur = 0, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    gboolean written = note_write(note, *state, NOTE_OPEN, TRUE, &error);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);

    assert_false(written);
    assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_HOST));
    assert_int_equal(note->word, NOTE_NONE);
    assert_null(note_load(*state, note->id, &missing));
    assert_true(g_error_matches(missing, DMORE_ERROR, DMORE_ERROR_NOT_FOUND));
    assert_written(note, *state, NOTE_OPEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_id),
        cmocka_unit_test_setup_teardown(test_every_word, make_state, remove_state),
        cmocka_unit_test_setup_teardown(test_replaced_and_removed, make_state, remove_state),
        cmocka_unit_test_setup_teardown(test_nothing_noted, make_state, remove_state),
        cmocka_unit_test_setup_teardown(test_half_written, make_state, remove_state),
        cmocka_unit_test_setup_teardown(test_damaged, make_state, remove_state),
        cmocka_unit_test_setup_teardown(test_staged, make_state, remove_state),
        cmocka_unit_test_setup_teardown(test_earlier_ones_are_forgotten, make_state, remove_state),
        cmocka_unit_test_setup_teardown(test_unsettled, make_state, remove_state),
        cmocka_unit_test_setup_teardown(test_cannot_be_written, make_state, remove_state),
        cmocka_unit_test_setup_teardown(test_unflushed, make_state, remove_state),
    };

    return cmocka_run_group_tests_name("note", tests, NULL, NULL);
}
