/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * logs_test.c - a pair's logs are cut, and whoever writes one goes on
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "pair/logs.h"
#include "pair/rundir.h"

#define NAME "web"
#define LINE "a line of a log\n"

static char *run;

static int make_run(void **state)
{
    run = g_dir_make_tmp("dmore-logs-XXXXXX", NULL);
    return rundir_create(run, NAME, NULL) ? 0 : -1;
}

static int remove_run(void **state)
{
    gboolean removed = rundir_remove(run, NAME, NULL);

    rmdir(run);
    g_free(run);
    return removed ? 0 : -1;
}

static int open_log(RunFile file)
{
    g_autofree char *path = rundir_path(run, NAME, file);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static char *contents(RunFile file, gsize *size)
{
    g_autofree char *path = rundir_path(run, NAME, file);
    char *text = NULL;

    assert_true(g_file_get_contents(path, &text, size, NULL));
    return text;
}

static void a_long_one_is_cut(void **state)
{
    int fd = open_log(RUN_DOMAIN_R_CONSOLE);
    gsize size = 0;

    for (gsize i = 0; i <= LOG_MAX / strlen(LINE); i++)
        say(fd, LINE);
    say(fd, "the last of them\n");
    logs_cut(run, NAME);
    say(fd, "and one more\n");
    close(fd);

    g_autofree char *text = contents(RUN_DOMAIN_R_CONSOLE, &size);
    assert_true(size <= LOG_KEPT + 64 && size > LOG_KEPT - 64);
    assert_true(g_str_has_prefix(text, "(what was before is cut off)\n" LINE));
    assert_true(g_str_has_suffix(text, LINE "the last of them\nand one more\n"));
}

/* It need not be text, nor does a hole matter. */
static void one_without_lines_is_cut(void **state)
{
    int fd = open_log(RUN_USER_VM_LOG);
    gsize size = 0;

    assert_int_equal(ftruncate(fd, LOG_MAX + 1), 0);
    close(fd);
    logs_cut(run, NAME);
    g_autofree char *text = contents(RUN_USER_VM_LOG, &size);
    assert_true(size <= LOG_KEPT + 64);
}

static void a_short_one_is_left_alone(void **state)
{
    int fd = open_log(RUN_PAIR_LOG);
    gsize size = 0;

    say(fd, LINE);
    close(fd);
    logs_cut(run, NAME);
    g_autofree char *text = contents(RUN_PAIR_LOG, &size);
    assert_string_equal(text, LINE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_one_is_cut),
        cmocka_unit_test(one_without_lines_is_cut),
        cmocka_unit_test(a_short_one_is_left_alone),
    };

    return cmocka_run_group_tests(tests, make_run, remove_run);
}
