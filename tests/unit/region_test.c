/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * region_test.c - formatting a region and opening it, or refusing what is none
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "region/region.h"
#include "scratch.h"

static int setup(void **state)
{
    *state = scratch_region(REGION_MIN_SIZE).base;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

/* The header is read by another program, perhaps of another release: its bytes are fixed. */
static void header_is_as_specified(void **state)
{
    uint8_t *base = *state;
    uint32_t word;
    uint64_t size;

    assert_memory_equal(base, "DMORERGN", 8);
    memcpy(&word, base + 8, 4);
    assert_int_equal(word, 1);
    memcpy(&word, base + 12, 4);
    assert_int_equal(word, 1);
    memcpy(&size, base + 16, 8);
    assert_int_equal(size, REGION_MIN_SIZE);
    memcpy(&word, base + 24, 4);
    assert_int_equal(word, 0);
    memcpy(&word, base + 28, 4);
    assert_int_equal(word, 0);
}

static void open_finds_what_format_wrote(void **state)
{
    void *base = *state;
    struct region region;
    size_t size = 0;

    assert_int_equal(region_format(base, REGION_MIN_SIZE, "settings", 8), 0);
    assert_int_equal(region_open(&region, base, REGION_MIN_SIZE), 0);
    assert_ptr_equal(region.base, base);
    assert_int_equal(region.size, REGION_MIN_SIZE);
    assert_memory_equal(region_settings(&region, &size), "settings", 8);
    assert_int_equal(size, 8);
    assert_ptr_equal(region_status(&region), (uint8_t *)base + 0x1000);
    assert_ptr_equal(region_notice(&region), (uint8_t *)base + 0x2000);
}

static void sizes_out_of_bounds_are_not_formatted(void **state)
{
    uint8_t *base = *state;
    static uint8_t before[4096];
    static const size_t sizes[] = {0,
                                   REGION_MIN_SIZE - 4096,
                                   REGION_MIN_SIZE + 1,
                                   REGION_MIN_SIZE + 512,
                                   (size_t)REGION_MAX_SIZE + 4096,
                                   SIZE_MAX};

    memcpy(before, base, sizeof(before));
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        assert_int_equal(region_format(base, sizes[i], "x", 1), -EINVAL);
    assert_memory_equal(base, before, sizeof(before));
    assert_int_equal(base[REGION_SETTINGS_OFFSET], 0);
}

static void settings_that_do_not_fit_are_refused(void **state)
{
    uint8_t *base = *state;
    uint8_t *settings = malloc(REGION_SETTINGS_CAPACITY + 1);

    memset(settings, 0x55, REGION_SETTINGS_CAPACITY + 1);
    assert_int_equal(
        region_format(base, REGION_MIN_SIZE, settings, (size_t)REGION_SETTINGS_CAPACITY + 1),
        -ENOSPC);
    assert_int_equal(region_format(base, REGION_MIN_SIZE, settings, SIZE_MAX), -ENOSPC);
    assert_int_equal(base[REGION_SETTINGS_OFFSET], 0);

    assert_int_equal(region_format(base, REGION_MIN_SIZE, settings, REGION_SETTINGS_CAPACITY), 0);
    assert_int_equal(base[REGION_SETTINGS_OFFSET + REGION_SETTINGS_CAPACITY - 1], 0x55);
    assert_int_equal(base[REGION_STREAM_OFFSET], 0);
    free(settings);
}

/* expect_open() - open returns @expected for this header; the result is untouched by a failure */
static void expect_open(void *base, struct region_header header, size_t mapped, int expected)
{
    struct region region = {NULL, 77};

    memcpy(base, &header, sizeof(header));
    assert_int_equal(region_open(&region, base, mapped), expected);
    assert_int_equal(region.size, expected == 0 ? header.size : 77);
    assert_int_equal(region.base != NULL, expected == 0);
}

static void what_is_no_region_is_refused(void **state)
{
    uint8_t *base = *state;
    struct region region;
    struct region_header good;

    memcpy(&good, base, sizeof(good));
    for (int byte = 0; byte < 8; byte++) {
        struct region_header header = good;

        header.magic[byte] ^= 0x20;
        expect_open(base, header, REGION_MIN_SIZE, -EPROTO);
    }
    memset(base, 0, 4096);
    assert_int_equal(region_open(&region, base, REGION_MIN_SIZE), -EPROTO);
    assert_int_equal(region_open(&region, base, sizeof(good) - 1), -EINVAL);
}

static void versions_decide_who_can_read(void **state)
{
    uint8_t *base = *state;
    struct {
        uint32_t version;
        uint32_t compatible;
        int expected;
    } cases[] = {
        {REGION_VERSION, REGION_COMPATIBLE, 0},
        {REGION_VERSION + 1, REGION_COMPATIBLE, 0}, /* newer, but says that we can read it */
        {REGION_VERSION + 1, REGION_VERSION + 1, -ENOTSUP},
        {UINT32_MAX, UINT32_MAX, -ENOTSUP},
        {0, 0, -ENOTSUP},
    };
    struct region_header header;

    memcpy(&header, base, sizeof(header));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        header.version = cases[i].version;
        header.compatible = cases[i].compatible;
        expect_open(base, header, REGION_MIN_SIZE, cases[i].expected);
    }
}

static void sizes_that_contradict_are_refused(void **state)
{
    uint8_t *base = *state;
    struct region_header good;
    struct region_header header;
    static const uint64_t sizes[] = {0,
                                     4096,
                                     REGION_MIN_SIZE - 4096,
                                     REGION_MIN_SIZE + 4096,
                                     UINT64_MAX,
                                     (UINT64_C(1) << 32) + REGION_MIN_SIZE};

    memcpy(&good, base, sizeof(good));
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        header = good;
        header.size = sizes[i];
        expect_open(base, header, REGION_MIN_SIZE, -EINVAL);
    }
    header = good;
    header.size = REGION_MIN_SIZE + 1; /* no whole number of pages */
    expect_open(base, header, REGION_MIN_SIZE + 4096, -EINVAL);

    header = good;
    header.settings_size = REGION_SETTINGS_CAPACITY + 1;
    expect_open(base, header, REGION_MIN_SIZE, -EINVAL);

    /* A mapping may be larger than the region in it, not smaller. */
    expect_open(base, good, REGION_MIN_SIZE + 4096, 0);
    expect_open(base, good, REGION_MIN_SIZE - 4096, -EINVAL);
}

static void settings_size_is_bounded_each_time(void **state)
{
    struct region_header *header = *state;
    struct region region;
    size_t size;

    assert_int_equal(region_open(&region, header, REGION_MIN_SIZE), 0);
    header->settings_size = UINT32_MAX; /* written by the other side, after the opening */
    (void)region_settings(&region, &size);
    assert_int_equal(size, REGION_SETTINGS_CAPACITY);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(header_is_as_specified),
        TEST(open_finds_what_format_wrote),
        TEST(sizes_out_of_bounds_are_not_formatted),
        TEST(settings_that_do_not_fit_are_refused),
        TEST(what_is_no_region_is_refused),
        TEST(versions_decide_who_can_read),
        TEST(sizes_that_contradict_are_refused),
        TEST(settings_size_is_bounded_each_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
