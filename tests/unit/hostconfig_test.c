/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hostconfig_test.c - the configuration of a host, and the names of other hosts
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <glib/gstdio.h>

#include "base/error.h"
#include "pair/hostconfig.h"

struct file {
    char *directory;
    char *path;
};

static int make_file(void **state)
{
    struct file *file = g_new(struct file, 1);

    file->directory = g_dir_make_tmp("dmore-host-XXXXXX", NULL);
    file->path = g_build_filename(file->directory, "dmore.conf", NULL);
    *state = file;
    return 0;
}

static int remove_file(void **state)
{
    struct file *file = *state;

    g_remove(file->path);
    g_rmdir(file->directory);
    g_free(file->path);
    g_free(file->directory);
    g_free(file);
    return 0;
}

static HostConfig *load(const struct file *file, const char *text, GError **error)
{
    assert_true(g_file_set_contents(file->path, text, -1, NULL));
    return host_config_load(file->path, error);
}

static void test_defaults(void **state)
{
    g_autoptr(HostConfig) config = load(*state, "", NULL);

    assert_null(config->listen_address);
    assert_null(config->migration_address);
    assert_null(config->qemu);
    assert_int_equal(config->listen_port, HOST_DEFAULT_PORT);
    assert_string_equal(config->run_dir, "/run/dmore");
    assert_string_equal(config->state_dir, "/var/lib/dmore");
    assert_true(config->bandwidth >= 1000000000);
    assert_int_equal(config->watchdog, HOST_DEFAULT_WATCHDOG);
    assert_true(g_str_has_suffix(config->key, "/keys.psk"));
    assert_true(g_str_has_prefix(config->key, config->key_dir));
}

static void test_everything(void **state)
{
    const struct file *file = *state;
    g_autofree char *image = g_build_filename(file->directory, "image", NULL);
    g_autoptr(HostConfig) config = load(file,
                                        "[host]\nlisten = [fd00::1]:7000\n"
                                        "migration-address = 10.1.0.1\nbandwidth = 100M\n"
                                        "key = /k/keys.psk\nimage = image\nrun-dir = /tmp/r\n"
                                        "qemu = qemu-system-x86_64\nwatchdog = 0\n",
                                        NULL);

    assert_string_equal(config->listen_address, "fd00::1");
    assert_int_equal(config->listen_port, 7000);
    assert_string_equal(config->migration_address, "10.1.0.1");
    assert_int_equal(config->bandwidth, 100 << 20);
    assert_string_equal(config->key_dir, "/k");
    assert_string_equal(config->image, image);
    assert_string_equal(config->run_dir, "/tmp/r");
    assert_string_equal(config->qemu, "qemu-system-x86_64");
    assert_int_equal(config->watchdog, 0);
}

static void test_listen_names_the_migration_address(void **state)
{
    g_autoptr(HostConfig) config = load(*state, "[host]\nlisten = 10.0.0.1\n", NULL);

    assert_string_equal(config->migration_address, "10.0.0.1");
    assert_int_equal(config->listen_port, HOST_DEFAULT_PORT);
}

static void test_wrong(void **state)
{
    const char *const wrong[] = {
        "[host]\nlisten = 0.0.0.0\n",       "[host]\nlisten = somehost\n",
        "[host]\nlisten = 10.0.0.1:x\n",    "[host]\nlisten = 10.0.0.1:99999\n",
        "[host]\nbandwidth = 1000\n",       "[host]\nbandwidth = 1K\n",
        "[host]\nmigration-address = ::\n", "[host]\nport = 1\n",
        "[host]\nwatchdog = -1\n",          "[host]\nwatchdog = 20s\n",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GError) error = NULL;

        assert_null(load(*state, wrong[i], &error));
        assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_USAGE));
        assert_non_null(strstr(error->message, "dmore.conf:2: "));
    }
}

static void test_named_file_has_to_exist(void **state)
{
    const struct file *file = *state;
    g_autoptr(GError) error = NULL;

    assert_null(host_config_load(file->path, &error));
    assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_USAGE));
}

static void test_host_port(void **state)
{
    static const struct {
        const char *text;
        const char *host;
        int port;
    } rows[] = {
        {"b", "b", HOST_DEFAULT_PORT},
        {"b.example:1", "b.example", 1},
        {"10.0.0.2:7000", "10.0.0.2", 7000},
        {"fd00::2", "fd00::2", HOST_DEFAULT_PORT},
        {"[fd00::2]:7000", "fd00::2", 7000},
        {"", NULL, 0},
        {"b:", NULL, 0},
        {"b:0", NULL, 0},
        {"b:70000", NULL, 0},
        {":7000", NULL, 0},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *host = NULL;
        guint16 port = 0;

        assert_int_equal(host_port_parse(rows[i].text, &host, &port, NULL), rows[i].host != NULL);
        if (rows[i].host)
            assert_string_equal(host, rows[i].host);
        assert_int_equal(port, rows[i].port);
    }
}

#define with_file(test) cmocka_unit_test_setup_teardown(test, make_file, remove_file)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_file(test_defaults),
        with_file(test_everything),
        with_file(test_listen_names_the_migration_address),
        with_file(test_wrong),
        with_file(test_named_file_has_to_exist),
        cmocka_unit_test(test_host_port),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
