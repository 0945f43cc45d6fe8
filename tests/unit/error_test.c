/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * error_test.c - the words of the error codes, which other programs and releases read
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/error.h"

static void words_are_fixed_and_lead_back(void **state)
{
    static const struct {
        int code;
        const char *name;
    } words[] = {
        {DMORE_ERROR_FAILED, "failed"},       {DMORE_ERROR_USAGE, "usage"},
        {DMORE_ERROR_HOST, "host"},           {DMORE_ERROR_NOT_FOUND, "not-found"},
        {DMORE_ERROR_BUSY, "busy"},           {DMORE_ERROR_PEER, "peer"},
        {DMORE_ERROR_CANCELLED, "cancelled"}, {DMORE_ERROR_TIMEOUT, "timeout"},
        {DMORE_ERROR_UNDECIDED, "undecided"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(words); i++) {
        assert_string_equal(dmore_error_name(words[i].code), words[i].name);
        assert_int_equal(dmore_error_code(words[i].name), words[i].code);
    }
}

static void what_is_not_known_is_failed(void **state)
{
    assert_string_equal(dmore_error_name(0), "failed");
    assert_string_equal(dmore_error_name(-1), "failed");
    assert_string_equal(dmore_error_name(DMORE_ERROR_UNDECIDED + 1), "failed");
    assert_int_equal(dmore_error_code("of a newer release"), DMORE_ERROR_FAILED);
    assert_int_equal(dmore_error_code(NULL), DMORE_ERROR_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_fixed_and_lead_back),
        cmocka_unit_test(what_is_not_known_is_failed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
