/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * watch_test.c - a pair without a dmore-pair gets one, whatever the kernel has told of it
 *
 * A shell script stands in dmore-pair's place: it leaves a file behind and ends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "base/await.h"
#include "dmored/watch.h"
#include "pair/rundir.h"

#define QUEUE "/proc/sys/fs/inotify/max_queued_events"

static const char script[] = "#!/bin/sh\n: >\"$0.started\"\n";

struct scene {
    char *directory;
    char *program;
    char *started; /* appears when the program is started */
    HostConfig host;
    Watch *watch;
};

static int setup(void **state)
{
    struct scene *scene = g_new0(struct scene, 1);

    scene->directory = g_dir_make_tmp("dmore-watch-XXXXXX", NULL);
    scene->program = g_build_filename(scene->directory, "pair", NULL);
    scene->started = g_strconcat(scene->program, ".started", NULL);
    assert_true(g_file_set_contents(scene->program, script, -1, NULL));
    assert_int_equal(g_chmod(scene->program, 0700), 0);
    scene->host.path = scene->program;
    scene->host.run_dir = g_build_filename(scene->directory, "run", NULL);
    *state = scene;
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;

    g_clear_pointer(&scene->watch, watch_free);
    rundir_remove(scene->host.run_dir, "web1", NULL);
    g_rmdir(scene->host.run_dir);
    g_remove(scene->started);
    g_remove(scene->program);
    g_rmdir(scene->directory);
    g_free(scene->host.run_dir);
    g_free(scene->started);
    g_free(scene->program);
    g_free(scene->directory);
    g_free(scene);
    return 0;
}

static void begin(struct scene *scene)
{
    scene->watch = watch_new(&scene->host, scene->program, NULL);
    assert_non_null(scene->watch);
}

/* Nobody tells: it is looked at after each event, and now and then. */
static void await_started(const struct scene *scene)
{
    for (int i = 0; i < 500 && !g_file_test(scene->started, G_FILE_TEST_EXISTS); i++)
        await_ms(20, NULL, NULL);
    assert_true(g_file_test(scene->started, G_FILE_TEST_EXISTS));
}

static void test_forsaken(void **state)
{
    struct scene *scene = *state;

    begin(scene);
    int claim = rundir_claim(scene->host.run_dir, "web1", NULL);

    await_started(scene);
    close(claim);
}

/* So much happens in the run directory that the kernel gives up telling. */
static void overflow(const struct scene *scene)
{
    g_autofree char *path = g_build_filename(scene->host.run_dir, "x", NULL);
    g_autofree char *limit = NULL;

    assert_true(g_file_get_contents(QUEUE, &limit, NULL, NULL));
    for (long i = strtol(limit, NULL, 10) / 2 + 1; i > 0; i--) {
        assert_true(g_mkdir(path, 0700) == 0);
        assert_true(g_rmdir(path) == 0);
    }
}

/* That a pair which was known is claimed now is among what is not told. */
static void test_events_are_lost(void **state)
{
    struct scene *scene = *state;

    assert_true(rundir_create(scene->host.run_dir, "web1", NULL));
    begin(scene);
    overflow(scene);
    int claim = rundir_claim(scene->host.run_dir, "web1", NULL);

    await_started(scene);
    close(claim);
}

#define with_scene(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_scene(test_forsaken),
        with_scene(test_events_are_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
