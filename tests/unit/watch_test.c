/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * watch_test.c - a pair without a dmore-pair gets one, whatever the kernel has told of it; and one
 * whose dmore-pair hangs
 *
 * A shell script stands in dmore-pair's place: it leaves a file behind and ends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "base/await.h"
#include "dmored/watch.h"
#include "pair/beat.h"
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

/* A pair's dmore-pair, and what it does once it has taken the lock and given a first sign of life,
 * if it is one that gives any. */
static pid_t start_keeper(const struct scene *scene, gboolean beats, void (*life)(void))
{
    int ready[2];
    char byte;

    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        int keeper = rundir_keep(scene->host.run_dir, "web1", NULL);
        if (beats)
            beat_begin(keeper);
        close(ready[0]);
        close(ready[1]);
        life();
        _exit(0);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 0);
    close(ready[0]);
    return pid;
}

static void stop(void)
{
    raise(SIGSTOP);
}

static void serve(void)
{
    await_ms(60000, NULL, NULL);
}

static void sleep_alone(void)
{
    sleep(60);
}

static void assert_killed(struct scene *scene, void (*life)(void))
{
    int status = 0;
    int claim = rundir_claim(scene->host.run_dir, "web1", NULL);
    pid_t keeper = start_keeper(scene, TRUE, life);

    scene->host.watchdog = 1;
    begin(scene);
    await_started(scene);
    assert_int_equal(waitpid(keeper, &status, WNOHANG), keeper);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    close(claim);
}

static void assert_let_be(struct scene *scene, gboolean beats, void (*life)(void))
{
    int claim = rundir_claim(scene->host.run_dir, "web1", NULL);
    pid_t keeper = start_keeper(scene, beats, life);

    begin(scene);
    await_ms(3500, NULL, NULL);
    assert_false(g_file_test(scene->started, G_FILE_TEST_EXISTS));
    assert_int_equal(waitpid(keeper, NULL, WNOHANG), 0);
    kill(keeper, SIGKILL);
    assert_int_equal(waitpid(keeper, NULL, 0), keeper);
    close(claim);
}

static void test_keeper_is_stopped(void **state)
{
    assert_killed(*state, stop);
}

static void test_keeper_does_not_serve(void **state)
{
    assert_killed(*state, sleep_alone);
}

static void test_keeper_serves(void **state)
{
    struct scene *scene = *state;

    scene->host.watchdog = 2;
    assert_let_be(scene, TRUE, serve);
}

/* An older release's. */
static void test_keeper_gives_no_signs(void **state)
{
    struct scene *scene = *state;

    scene->host.watchdog = 1;
    assert_let_be(scene, FALSE, sleep_alone);
}

/* One that is to take over, and hangs before it has. */
static void test_successor_hangs(void **state)
{
    struct scene *scene = *state;
    static const char hanging[] = "#!/bin/sh\n"
                                  "[ -e \"$0.hung\" ] && exec touch \"$0.started\"\n"
                                  ": >\"$0.hung\"\n"
                                  "exec sleep 20\n";
    g_autofree char *hung = g_strconcat(scene->program, ".hung", NULL);

    assert_true(g_file_set_contents(scene->program, hanging, -1, NULL));
    assert_int_equal(g_chmod(scene->program, 0700), 0);
    scene->host.watchdog = 1;
    begin(scene);
    int claim = rundir_claim(scene->host.run_dir, "web1", NULL);

    await_started(scene);
    g_clear_pointer(&scene->watch, watch_free);
    g_remove(hung);
    close(claim);
}

#define with_scene(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_scene(test_forsaken),          with_scene(test_events_are_lost),
        with_scene(test_keeper_is_stopped), with_scene(test_keeper_does_not_serve),
        with_scene(test_keeper_serves),     with_scene(test_keeper_gives_no_signs),
        with_scene(test_successor_hangs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
