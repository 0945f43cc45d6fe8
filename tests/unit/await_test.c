/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * await_test.c - waiting for a condition, a time, a cancellation, while the context is served
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/await.h"
#include "base/error.h"

/* Every test leaves the context as it was: a source left behind would fire into a dead frame. */
static int nothing_left(void **state)
{
    return g_main_context_pending(NULL) ? -1 : 0;
}

static gboolean count_down(gpointer data)
{
    int *left = data;

    return --*left > 0 ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static gboolean is_zero(gpointer data)
{
    return *(int *)data == 0;
}

static gboolean raise_flag(gpointer data)
{
    *(int *)data = 1;
    return G_SOURCE_REMOVE;
}

static gboolean cancel(gpointer data)
{
    g_cancellable_cancel(data);
    return G_SOURCE_REMOVE;
}

static void serves_the_context_until_the_condition_holds(void **state)
{
    g_autoptr(GError) error = NULL;
    int left = 5;

    g_idle_add(count_down, &left);
    assert_true(await(is_zero, &left, 10000, NULL, "the count", &error));
    assert_null(error);
    assert_int_equal(left, 0);
}

static void condition_that_holds_already_needs_no_turn(void **state)
{
    g_autoptr(GCancellable) cancelled = g_cancellable_new();
    int flag = 1;
    int left = 1;
    guint idle = g_idle_add(count_down, &left);

    /* What has happened has happened: neither time nor cancellation turn it into a failure. */
    g_cancellable_cancel(cancelled);
    assert_true(await_flag(&flag, 0, cancelled, "nothing", NULL));
    assert_int_equal(left, 1);
    g_source_remove(idle);
}

static void timeout_is_told_with_what_was_awaited(void **state)
{
    g_autoptr(GError) error = NULL;
    int flag = 0;
    gint64 before = g_get_monotonic_time();

    assert_false(await_flag(&flag, 30, NULL, "the moon to rise", &error));
    assert_true(g_get_monotonic_time() - before >= 29000);
    assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_TIMEOUT));
    assert_non_null(strstr(error->message, "while waiting for the moon to rise"));
}

static void timeout_of_zero_looks_once(void **state)
{
    g_autoptr(GError) error = NULL;
    int flag = 0;

    assert_false(await_flag(&flag, 0, NULL, "at once", &error));
    assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_TIMEOUT));
}

static void negative_timeout_is_for_ever(void **state)
{
    int flag = 0;

    g_timeout_add(50, raise_flag, &flag);
    assert_true(await_flag(&flag, -1, NULL, "the flag", NULL));
}

static void cancelling_ends_the_wait(void **state)
{
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    g_autoptr(GError) error = NULL;
    int flag = 0;

    g_timeout_add(10, cancel, cancellable);
    assert_false(await_flag(&flag, -1, cancellable, "the flag", &error));
    assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_CANCELLED));
    assert_non_null(strstr(error->message, "the flag"));
}

static void cancelled_before_does_not_wait(void **state)
{
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    g_autoptr(GError) error = NULL;
    int flag = 0;

    g_cancellable_cancel(cancellable);
    assert_false(await_flag(&flag, -1, cancellable, "the flag", &error));
    assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_CANCELLED));
    g_clear_error(&error);
    assert_false(await_ms(100000, cancellable, &error));
    assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_CANCELLED));
}

static gpointer cancel_in_thread(gpointer data)
{
    g_cancellable_cancel(data);
    return NULL;
}

static void cancelling_from_another_thread_wakes_it(void **state)
{
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    g_autoptr(GError) error = NULL;
    GThread *thread = g_thread_new("cancel", cancel_in_thread, cancellable);

    assert_false(await_ms(100000, cancellable, &error));
    assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_CANCELLED));
    g_thread_join(thread);
}

static void time_passes_while_the_context_is_served(void **state)
{
    gint64 before = g_get_monotonic_time();
    int flag = 0;

    g_timeout_add(10, raise_flag, &flag);
    assert_true(await_ms(40, NULL, NULL));
    assert_true(g_get_monotonic_time() - before >= 39000);
    assert_int_equal(flag, 1);
}

#define TEST(name) cmocka_unit_test_teardown(name, nothing_left)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(serves_the_context_until_the_condition_holds),
        TEST(condition_that_holds_already_needs_no_turn),
        TEST(timeout_is_told_with_what_was_awaited),
        TEST(timeout_of_zero_looks_once),
        TEST(negative_timeout_is_for_ever),
        TEST(cancelling_ends_the_wait),
        TEST(cancelled_before_does_not_wait),
        TEST(cancelling_from_another_thread_wakes_it),
        TEST(time_passes_while_the_context_is_served),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
