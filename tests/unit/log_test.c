/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * log_test.c - what arrives on standard error: the test is run by itself as the program that logs
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <gio/gio.h>

#include "base/log.h"

static const char *self;

/* say_everything() - the program whose log the tests read */
static int say_everything(void)
{
    log_setup("wrong");
    log_setup("web1");
    g_message("started %d", 1);
    g_warning("two\nlines and \033[31mred");
    g_info("an info");
    g_debug("a debug");
    g_log("SomeLibrary", G_LOG_LEVEL_WARNING, "its warning");
    g_log("SomeLibrary", G_LOG_LEVEL_DEBUG, "its detail");
    return 0;
}

/* run() - the lines it wrote
 * @debug: with DMORE_DEBUG set
 */
static char **run(gboolean debug)
{
    g_autoptr(GSubprocessLauncher) launcher =
        g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDERR_PIPE);
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;

    if (debug)
        g_subprocess_launcher_setenv(launcher, "DMORE_DEBUG", "1", TRUE);
    else
        g_subprocess_launcher_unsetenv(launcher, "DMORE_DEBUG");

    g_autoptr(GSubprocess) process =
        g_subprocess_launcher_spawn(launcher, &error, self, "say-everything", NULL);

    assert_non_null(process);
    assert_true(g_subprocess_communicate_utf8(process, NULL, NULL, NULL, &text, &error));
    assert_true(g_subprocess_get_successful(process));
    return g_strsplit(text, "\n", -1);
}

/* assert_line() - time stamp, then @rest */
static void assert_line(const char *line, const char *rest)
{
    assert_true(g_regex_match_simple("^20\\d\\d-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{6}Z ",
                                     line, 0, 0));
    assert_string_equal(strchr(line, ' ') + 1, rest);
}

static void one_line_an_event_without_details(void **state)
{
    g_auto(GStrv) lines = run(FALSE);

    assert_int_equal(g_strv_length(lines), 4);
    assert_line(lines[0], "web1 message: started 1");
    assert_line(lines[1], "web1 warning: two lines and  [31mred");
    assert_line(lines[2], "web1 warning: SomeLibrary: its warning");
    assert_string_equal(lines[3], "");
}

static void details_are_ours_and_only_on_request(void **state)
{
    g_auto(GStrv) lines = run(TRUE);

    assert_int_equal(g_strv_length(lines), 6);
    assert_line(lines[2], "web1 info: an info");
    assert_line(lines[3], "web1 debug: a debug");
    assert_line(lines[4], "web1 warning: SomeLibrary: its warning");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_line_an_event_without_details),
        cmocka_unit_test(details_are_ours_and_only_on_request),
    };

    if (argc > 1 && strcmp(argv[1], "say-everything") == 0)
        return say_everything();
    self = argv[0];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
