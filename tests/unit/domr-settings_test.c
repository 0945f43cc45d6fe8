/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * domr-settings_test.c - what domr makes of the settings that a host wrote
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "domr/settings.h"
#include "region/record.h"

struct bench {
    struct record_writer writer;
    void *base;
    struct region region;
    struct settings settings;
};

static int setup(void **state)
{
    *state = calloc(1, sizeof(struct bench));
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;

    free(bench->writer.bytes);
    free(bench->base);
    free(bench);
    return 0;
}

static int read_them(struct bench *bench)
{
    bench->base = aligned_alloc(4096, REGION_MIN_SIZE);
    memset(bench->base, 0, REGION_MIN_SIZE);
    assert_int_equal(
        region_format(bench->base, REGION_MIN_SIZE, bench->writer.bytes, bench->writer.size), 0);
    assert_int_equal(region_open(&bench->region, bench->base, REGION_MIN_SIZE), 0);
    return settings_read(&bench->settings, &bench->region);
}

static void open_console_has_defaults(void **state)
{
    struct bench *bench = *state;

    record_put_u32(&bench->writer, SETTING_AUTH, SETTING_AUTH_NONE);
    assert_int_equal(read_them(bench), 0);
    assert_int_equal(bench->settings.port, 5900);
    assert_string_equal(bench->settings.desktop_name, "D-MORE");
    assert_null(bench->settings.address4);
    assert_int_equal(bench->settings.n_keys, 0);
}

static void all_settings_are_read(void **state)
{
    struct bench *bench = *state;
    const struct setting_key keys[] = {{'a', 30, 0}, {'b', 48, 0}};

    record_put_text(&bench->writer, SETTING_ADDRESS4, "10.0.0.5/24");
    record_put_text(&bench->writer, SETTING_GATEWAY6, "fd00::1");
    record_put_u32(&bench->writer, SETTING_PORT, 5907);
    record_put_text(&bench->writer, SETTING_PASSWORD, "sesame");
    record_put_text(&bench->writer, SETTING_RSA_KEY, "PEM");
    record_put(&bench->writer, SETTING_KEYMAP, keys, sizeof(keys));
    record_put_u32(&bench->writer, 9999, 1); /* of a newer host, and not mandatory */
    assert_int_equal(read_them(bench), 0);
    assert_string_equal(bench->settings.address4, "10.0.0.5/24");
    assert_string_equal(bench->settings.gateway6, "fd00::1");
    assert_int_equal(bench->settings.port, 5907);
    assert_int_equal(bench->settings.auth, SETTING_AUTH_PASSWORD);
    assert_string_equal(bench->settings.password, "sesame");
    assert_int_equal(bench->settings.n_keys, 2);
    assert_int_equal(bench->settings.keys[1].code, 48);
}

/* Nothing said about authentication means a password, and without one the console stays closed. */
static void forgotten_password_is_no_open_console(void **state)
{
    assert_int_equal(read_them(*state), -EINVAL);
}

static void empty_password_is_none(void **state)
{
    struct bench *bench = *state;

    record_put_text(&bench->writer, SETTING_PASSWORD, "");
    record_put_text(&bench->writer, SETTING_RSA_KEY, "PEM");
    assert_int_equal(read_them(bench), -EINVAL);
}

static void password_needs_a_key_to_hide_it(void **state)
{
    struct bench *bench = *state;

    record_put_text(&bench->writer, SETTING_PASSWORD, "sesame");
    record_put_text(&bench->writer, SETTING_TLS_KEY, "PEM"); /* and no certificate */
    assert_int_equal(read_them(bench), -EINVAL);
}

static void unknown_mandatory_setting_is_refused(void **state)
{
    struct bench *bench = *state;

    record_put_u32(&bench->writer, SETTING_AUTH, SETTING_AUTH_NONE);
    record_put_u32(&bench->writer, 9999 | RECORD_MANDATORY, 1);
    assert_int_equal(read_them(bench), -ENOTSUP);
}

static void values_out_of_range_are_refused(void **state)
{
    static const struct {
        uint32_t type;
        uint32_t value;
    } wrong[] = {{SETTING_PORT, 0}, {SETTING_PORT, 65536}, {SETTING_AUTH, 2}};

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct bench *bench = *state;

        record_put_u32(&bench->writer, SETTING_AUTH, SETTING_AUTH_NONE);
        record_put_u32(&bench->writer, wrong[i].type, wrong[i].value);
        assert_int_equal(read_them(bench), -EINVAL);
        teardown(state);
        setup(state);
    }
}

static void unsorted_keymap_is_refused(void **state)
{
    struct bench *bench = *state;
    const struct setting_key keys[] = {{'b', 48, 0}, {'a', 30, 0}};

    record_put_u32(&bench->writer, SETTING_AUTH, SETTING_AUTH_NONE);
    record_put(&bench->writer, SETTING_KEYMAP, keys, sizeof(keys));
    assert_int_equal(read_them(bench), -EPROTO);
}

static void text_without_an_end_is_refused(void **state)
{
    struct bench *bench = *state;

    record_put_u32(&bench->writer, SETTING_AUTH, SETTING_AUTH_NONE);
    record_put(&bench->writer, SETTING_HOSTNAME, "abc", 3);
    assert_int_equal(read_them(bench), -EPROTO);
}

#define WITH_BENCH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BENCH(open_console_has_defaults),
        WITH_BENCH(all_settings_are_read),
        WITH_BENCH(forgotten_password_is_no_open_console),
        WITH_BENCH(empty_password_is_none),
        WITH_BENCH(password_needs_a_key_to_hide_it),
        WITH_BENCH(unknown_mandatory_setting_is_refused),
        WITH_BENCH(values_out_of_range_are_refused),
        WITH_BENCH(unsorted_keymap_is_refused),
        WITH_BENCH(text_without_an_end_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
