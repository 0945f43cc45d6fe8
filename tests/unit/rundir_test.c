/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rundir_test.c - the run directory: claims, left-overs, names
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "base/error.h"
#include "pair/rundir.h"

static int make_run(void **state)
{
    *state = g_dir_make_tmp("dmore-run-XXXXXX", NULL);
    return *state ? 0 : -1;
}

static int remove_run(void **state)
{
    int result = g_rmdir(*state);

    g_free(*state);
    return result;
}

static void assert_path(const char *run, RunFile file, gboolean exists)
{
    g_autofree char *path = rundir_path(run, "web1", file);

    assert_int_equal(g_file_test(path, G_FILE_TEST_EXISTS), exists);
}

static void put_file(const char *run, RunFile file)
{
    g_autofree char *path = rundir_path(run, "web1", file);

    assert_true(g_file_set_contents(path, "x", 1, NULL));
}

static void test_claim(void **state)
{
    const char *run = *state;
    g_autoptr(GError) error = NULL;
    struct stat status;

    assert_false(rundir_is_claimed(run, "web1"));
    int claim = rundir_claim(run, "web1", &error);

    assert_true(claim >= 0);
    assert_true(rundir_is_claimed(run, "web1"));
    g_autofree char *directory = g_build_filename(run, "web1", NULL);
    assert_int_equal(g_stat(directory, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);

    assert_int_equal(rundir_claim(run, "web1", &error), -1);
    assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_BUSY));
    assert_true(rundir_is_claimed(run, "web1"));

    close(claim);
    assert_false(rundir_is_claimed(run, "web1"));
    assert_true(rundir_remove(run, "web1", NULL));
}

/* A process that has inherited the claim keeps it when the first one is gone. */
static void test_inherited_claim(void **state)
{
    const char *run = *state;
    int claim = rundir_claim(run, "web1", NULL);
    int hold[2];
    char byte;

    assert_int_equal(pipe(hold), 0);
    pid_t child = fork();

    if (child == 0) {
        close(hold[1]);
        _exit(read(hold[0], &byte, 1) == 0 ? 0 : 1);
    }
    close(hold[0]);
    close(claim);
    assert_true(rundir_is_claimed(run, "web1"));
    close(hold[1]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_false(rundir_is_claimed(run, "web1"));
    assert_true(rundir_remove(run, "web1", NULL));
}

/* What a crash has left is swept out by the next pair of the name, but for the log. */
static void test_left_over(void **state)
{
    const char *run = *state;

    assert_true(rundir_create(run, "web1", NULL));
    put_file(run, RUN_CONTROL);
    put_file(run, RUN_REGION);
    put_file(run, RUN_PAIR_LOG);
    int claim = rundir_claim(run, "web1", NULL);

    assert_path(run, RUN_CONTROL, FALSE);
    assert_path(run, RUN_REGION, FALSE);
    assert_path(run, RUN_PAIR_LOG, TRUE);
    assert_true(rundir_remove(run, "web1", NULL));
    close(claim);
}

static void test_half_written(void **state)
{
    const char *run = *state;
    g_autofree char *half = g_build_filename(run, "web1", "state.3XRAZ3", NULL);
    g_autofree char *foreign = g_build_filename(run, "web1", "state.backup1", NULL);

    assert_true(rundir_create(run, "web1", NULL));
    assert_true(g_file_set_contents(half, "{", -1, NULL));
    assert_true(g_file_set_contents(foreign, "", -1, NULL));
    assert_false(rundir_remove(run, "web1", NULL));
    assert_false(g_file_test(half, G_FILE_TEST_EXISTS));
    assert_true(g_file_test(foreign, G_FILE_TEST_EXISTS));

    assert_int_equal(unlink(foreign), 0);
    assert_true(g_file_set_contents(half, "{", -1, NULL));
    assert_true(rundir_remove(run, "web1", NULL));
}

static void test_list(void **state)
{
    g_auto(GStrv) none = rundir_list("/nonexistent/run", NULL);
    g_autofree char *odd = g_build_filename(*state, "Not-A-Pair", NULL);

    assert_int_equal(g_strv_length(none), 0);
    assert_true(rundir_create(*state, "web2", NULL));
    assert_true(rundir_create(*state, "web1", NULL));
    assert_int_equal(g_mkdir(odd, 0700), 0);
    g_auto(GStrv) names = rundir_list(*state, NULL);

    assert_int_equal(g_strv_length(names), 2);
    assert_string_equal(names[0], "web1");
    assert_string_equal(names[1], "web2");
    assert_true(rundir_remove(*state, "web1", NULL));
    assert_true(rundir_remove(*state, "web2", NULL));
    assert_int_equal(g_rmdir(odd), 0);
}

/* A file that is not ours is not removed. */
static void test_foreign_file(void **state)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_build_filename(*state, "web1", "notes", NULL);

    assert_true(rundir_create(*state, "web1", NULL));
    assert_true(g_file_set_contents(path, "x", 1, NULL));
    assert_false(rundir_remove(*state, "web1", &error));
    assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_HOST));
    assert_true(g_file_test(path, G_FILE_TEST_EXISTS));
    g_remove(path);
    assert_true(rundir_remove(*state, "web1", NULL));
}

static void test_wrong_names(void **state)
{
    char long_run[120];
    g_autoptr(GError) error = NULL;

    memset(long_run, 'x', sizeof(long_run));
    memcpy(long_run, "/tmp/", 5);
    long_run[sizeof(long_run) - 1] = '\0';
    assert_false(rundir_create(long_run, "web1", &error));
    assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_USAGE));
    assert_non_null(strstr(error->message, "107"));
    assert_false(g_file_test(long_run, G_FILE_TEST_EXISTS));
    assert_int_equal(rundir_claim(*state, "..", NULL), -1);
    assert_int_equal(rundir_claim(*state, "a/b", NULL), -1);
}

#define with_run(test) cmocka_unit_test_setup_teardown(test, make_run, remove_run)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_run(test_claim),       with_run(test_inherited_claim),
        with_run(test_left_over),   with_run(test_half_written),
        with_run(test_list),        with_run(test_foreign_file),
        with_run(test_wrong_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
