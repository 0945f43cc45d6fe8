/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * settling_test.c - what asks for a note that is open is started, and not again at once when it
 * fails
 *
 * A shell script stands in dmore-pair's place: it writes a line each time it is started, and fails.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <glib/gstdio.h>

#include "base/await.h"
#include "comigrate/note.h"
#include "dmored/settling.h"

static const char script[] = "#!/bin/sh\necho >>\"$0.started\"\nexit 1\n";

struct scene {
    char *directory;
    char *program;
    char *started; /* has a line for each time */
    HostConfig host;
};

static int setup(void **state)
{
    struct scene *scene = g_new0(struct scene, 1);

    scene->directory = g_dir_make_tmp("dmore-settling-XXXXXX", NULL);
    scene->program = g_build_filename(scene->directory, "pair", NULL);
    scene->started = g_strconcat(scene->program, ".started", NULL);
    assert_true(g_file_set_contents(scene->program, script, -1, NULL));
    assert_int_equal(g_chmod(scene->program, 0700), 0);
    scene->host.path = scene->program;
    scene->host.run_dir = g_build_filename(scene->directory, "run", NULL);
    scene->host.state_dir = g_build_filename(scene->directory, "state", NULL);
    *state = scene;
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;
    g_autofree char *notes = g_build_filename(scene->host.state_dir, "comigrations", NULL);

    g_rmdir(notes);
    g_rmdir(scene->host.state_dir);
    g_remove(scene->started);
    g_remove(scene->program);
    g_rmdir(scene->directory);
    g_free(scene->host.run_dir);
    g_free(scene->host.state_dir);
    g_free(scene->started);
    g_free(scene->program);
    g_free(scene->directory);
    g_free(scene);
    return 0;
}

static gsize count_starts(const struct scene *scene)
{
    g_autofree char *lines = NULL;

    return g_file_get_contents(scene->started, &lines, NULL, NULL) ? strlen(lines) : 0;
}

/* Each second would be four or five times by then, and each second the next waits longer. */
static void test_failing_process_waits(void **state)
{
    const struct scene *scene = *state;
    g_autofree char *id = note_id_make();
    g_autoptr(Note) note =
        note_new(id, "web1", "7a2ac0ee-0000-4000-8000-000000000001", "192.0.2.1", 7643);
    assert_true(note_write(note, scene->host.state_dir, NOTE_COMMIT, FALSE, NULL));
    /* It is looked at after it was left alone for a while. */
    await_ms((SETTLING_LEAVE_S + 1) * 1000, NULL, NULL);
    g_autoptr(Settling) settling = settling_new(&scene->host, scene->program, NULL);

    assert_non_null(settling);
    await_ms(5500, NULL, NULL);
    assert_in_range(count_starts(scene), 2, 3);
    assert_true(note_remove(note, scene->host.state_dir, FALSE, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_failing_process_waits, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
