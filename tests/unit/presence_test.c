/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * presence_test.c - the record that a pair is on this host
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <glib/gstdio.h>

#include "base/error.h"
#include "pair/presence.h"
#include "pair/statefile.h"

static int make_state(void **state)
{
    *state = g_dir_make_tmp("dmore-presence-XXXXXX", NULL);
    return *state ? 0 : -1;
}

static int remove_state(void **state)
{
    g_autofree char *folder = g_build_filename(*state, "pairs", NULL);

    presence_remove(*state, "web1", NULL);
    g_rmdir(folder);
    int result = g_rmdir(*state);
    g_free(*state);
    return result;
}

static void test_this_boot(void **state)
{
    assert_true(presence_write(*state, "web1", "uuid-1", TRUE, NULL));
    g_autoptr(Presence) presence = presence_load(*state, "web1", NULL);

    assert_non_null(presence);
    assert_string_equal(presence->name, "web1");
    assert_string_equal(presence->uuid, "uuid-1");
    assert_false(presence->earlier_boot);
    assert_in_range(presence->since, g_get_real_time() / G_USEC_PER_SEC - 60,
                    g_get_real_time() / G_USEC_PER_SEC);
    g_auto(GStrv) names = presence_list(*state, NULL);
    assert_int_equal(g_strv_length(names), 1);
    assert_string_equal(names[0], "web1");
}

static void test_earlier_boot(void **state)
{
    g_autoptr(GKeyFile) text = NULL;

    assert_true(presence_write(*state, "web1", "uuid-1", TRUE, NULL));
    text = statefile_load(*state, "pairs", "web1", NULL);
    assert_non_null(text);
    g_key_file_set_string(text, "pair", "boot", "4b1dd0d4-0000-4000-8000-000000000000");
    assert_true(statefile_write(*state, "pairs", "web1", text, FALSE, NULL));
    g_autoptr(Presence) presence = presence_load(*state, "web1", NULL);
    assert_true(presence->earlier_boot);
}

/* A pair that ends takes its own record away, not that of another pair of the name. */
static void test_removed(void **state)
{
    g_autoptr(GError) error = NULL;

    assert_true(presence_write(*state, "web1", "uuid-1", TRUE, NULL));
    presence_remove(*state, "web1", "uuid-2");
    g_autoptr(Presence) presence = presence_load(*state, "web1", NULL);
    assert_non_null(presence);
    presence_remove(*state, "web1", "uuid-1");
    assert_null(presence_load(*state, "web1", &error));
    assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_NOT_FOUND));
    g_auto(GStrv) names = presence_list(*state, NULL);
    assert_int_equal(g_strv_length(names), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_this_boot, make_state, remove_state),
        cmocka_unit_test_setup_teardown(test_earlier_boot, make_state, remove_state),
        cmocka_unit_test_setup_teardown(test_removed, make_state, remove_state),
    };

    return cmocka_run_group_tests_name("presence", tests, NULL, NULL);
}
