/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * domr-limit_test.c - so many clients are let in as there is memory for
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "domr/limit.h"

#define MEMORY (26u << 10) /* KiB, about what a Domain R of 96 MB has left */
#define UPDATE (2u << 20)  /* bytes of pixels that are encoded at once, at most */

static void test_follows_the_screen(void **state)
{
    unsigned before = LIMIT_MOST;

    for (uint32_t width = 320; width <= SCREEN_MAX_WIDTH; width += 160) {
        struct screen_geometry size = {.width = width, .height = width * 9 / 16};
        unsigned clients = limit_clients(MEMORY, size);
        uint64_t pixels = (uint64_t)width * size.height * 4;

        assert_in_range(clients, LIMIT_LEAST, before);
        assert_true(clients * (pixels < UPDATE ? pixels : UPDATE) < (uint64_t)MEMORY << 10);
        before = clients;
    }
    assert_in_range(before, LIMIT_LEAST + 1, LIMIT_MOST - 1);
}

static void test_bounds(void **state)
{
    struct screen_geometry none = {0};
    struct screen_geometry usual = {.width = 1024, .height = 768};
    struct screen_geometry large = {.width = SCREEN_MAX_WIDTH, .height = SCREEN_MAX_HEIGHT};

    assert_int_equal(limit_clients(UINT32_MAX, none), LIMIT_MOST);
    assert_int_equal(limit_clients(0, usual), LIMIT_LEAST);
    assert_int_equal(limit_clients(1, large), LIMIT_LEAST);
    assert_in_range(limit_clients(MEMORY, usual), 4, LIMIT_MOST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_follows_the_screen),
        cmocka_unit_test(test_bounds),
    };

    return cmocka_run_group_tests_name("domr-limit", tests, NULL, NULL);
}
