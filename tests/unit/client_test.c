/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * client_test.c - answers to dmore as dmore-pair gives them, or fails to
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "base/error.h"
#include "base/json.h"
#include "pair/client.h"
#include "cli/cli.h"
#include "cli/table.h"
#include "pair/rundir.h"

static void count(JsonObject *progress, gpointer data)
{
    int *sum = data;

    *sum += (int)json_get_integer(progress, "n", 0);
}

/* What a client makes of @text, after which the other side ends. */
static JsonObject *answer(const char *text, int *sum, gboolean *answered, GError **error)
{
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    g_autoptr(Client) client = client_listen(ends[0], count, sum);

    assert_int_equal(write(ends[1], text, strlen(text)), strlen(text));
    close(ends[1]);
    JsonObject *result = client_wait(client, 10000, error);

    *answered = client_was_answered(client);
    return result;
}

static void test_result(void **state)
{
    int sum = 0;
    gboolean answered = FALSE;
    g_autoptr(JsonObject) result = answer("{\"progress\": {\"n\": 1}}\n{\"progress\": {\"n\": 2}}\n"
                                          "{\"result\": {\"a\": 7}}\n{\"error\": {}}\n",
                                          &sum, &answered, NULL);

    assert_true(answered);
    assert_int_equal(sum, 3);
    assert_int_equal(json_get_integer(result, "a", 0), 7);
}

static void test_error(void **state)
{
    int sum = 0;
    gboolean answered = FALSE;
    g_autoptr(GError) error = NULL;

    assert_null(answer("{\"error\": {\"code\": \"busy\", \"message\": \"no\"}}\n", &sum, &answered,
                       &error));
    assert_true(answered);
    assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_BUSY));
    assert_string_equal(error->message, "no");
}

static void test_no_answer(void **state)
{
    const char *const texts[] = {"", "{\"progress\": {\"n\": 1}}\n", "{\"result\"", "nonsense\n",
                                 "{\"other\": 1}\n"};

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        int sum = 0;
        gboolean answered = TRUE;
        g_autoptr(GError) error = NULL;

        assert_null(answer(texts[i], &sum, &answered, &error));
        assert_false(answered);
        assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_FAILED));
    }
}

/* A dmore-pair that does not answer: how the one who asks for something is told. */
static char *ask_in_vain(const char *run, int timeout_ms, gboolean ends)
{
    const HostConfig host = {.run_dir = (char *)run};
    g_autoptr(GError) error = NULL;
    g_autofree char *path = rundir_path(run, "web1", RUN_CONTROL);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 1), 0);
    g_autoptr(Client) client = client_ask(&host, "web1", "down", NULL, NULL, NULL, &error);
    assert_non_null(client);
    if (ends)
        close(fd);
    assert_null(client_wait(client, timeout_ms, &error));
    assert_int_equal(error->code, ends ? DMORE_ERROR_FAILED : DMORE_ERROR_TIMEOUT);
    if (!ends)
        close(fd);
    unlink(path);
    return g_strdup(error->message);
}

/* What was asked for may be done all the same, so it is said how to find out. */
static void test_asked_in_vain(void **state)
{
    g_autofree char *run = g_dir_make_tmp("dmore-client-XXXXXX", NULL);

    assert_true(rundir_create(run, "web1", NULL));
    g_autofree char *late = ask_in_vain(run, 50, FALSE);
    g_autofree char *dead = ask_in_vain(run, 10000, TRUE);
    assert_non_null(strstr(late, "dmore status web1"));
    assert_non_null(strstr(dead, "dmore status web1"));
    assert_true(rundir_remove(run, "web1", NULL));
    g_rmdir(run);
}

/* Nobody listens: there is no such pair, or only what is left of one, or it does not listen. */
static void test_nobody(void **state)
{
    g_autofree char *run = g_dir_make_tmp("dmore-client-XXXXXX", NULL);
    HostConfig host = {.run_dir = run};
    g_autoptr(GError) error = NULL;

    assert_null(client_call(&host, "web1", "status", NULL, &error));
    assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_NOT_FOUND));
    assert_non_null(strstr(error->message, "no pair called web1"));
    g_clear_error(&error);

    assert_true(rundir_create(run, "web1", NULL));
    assert_null(client_call(&host, "web1", "status", NULL, &error));
    assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_NOT_FOUND));
    assert_non_null(strstr(error->message, "left over"));
    g_clear_error(&error);

    int claim = rundir_claim(run, "web1", NULL);

    assert_null(client_call(&host, "web1", "status", NULL, &error));
    assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_BUSY));
    g_clear_error(&error);

    assert_null(client_call(&host, "../x", "status", NULL, &error));
    assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_USAGE));
    assert_true(rundir_remove(run, "web1", NULL));
    close(claim);
    g_rmdir(run);
}

static void test_quantities(void **state)
{
    g_autofree char *none = text_bytes(0);
    g_autofree char *some = text_bytes(76543210);
    g_autofree char *more = text_bytes(1234567890123);
    g_autofree char *quick = text_ms(85.26);
    g_autofree char *slow = text_ms(12345);
    char evil[] = "a\033[31m\tb\nc";

    assert_string_equal(none, "0 B");
    assert_string_equal(some, "76.5 MB");
    assert_string_equal(more, "1.2 TB");
    assert_string_equal(quick, "85.3 ms");
    assert_string_equal(slow, "12.35 s");
    assert_string_equal(cli_safe(evil), "a?[31m?b\nc");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_result),    cmocka_unit_test(test_error),
        cmocka_unit_test(test_no_answer), cmocka_unit_test(test_asked_in_vain),
        cmocka_unit_test(test_nobody),    cmocka_unit_test(test_quantities),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
