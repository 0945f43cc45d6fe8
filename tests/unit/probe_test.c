/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe_test.c - what this host's QEMU can do, and what is said of one that cannot
 *
 * A QEMU that is too old or lacks a module is a script here, which answers as such a one would.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <glib/gstdio.h>

#include "base/error.h"
#include "qemu/probe.h"

static void test_real(void **state)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Probe) probe = probe_qemu(NULL, NULL, &error);

    if (probe == NULL) {
        fail_msg("%s", error->message);
        return;
    }
    assert_true(g_path_is_absolute(probe->binary));
    assert_true(probe->major >= 10);
    assert_int_equal(atoi(probe->version), probe->major);
    assert_string_equal(probe_accelerator(probe), probe->kvm ? "kvm" : "tcg");
    if (probe->kvm)
        assert_null(probe->accelerator_note);
    else if (g_file_test("/dev/kvm", G_FILE_TEST_EXISTS))
        assert_non_null(strstr(probe->accelerator_note, "/dev/kvm"));
    else
        assert_null(probe->accelerator_note);
}

/* probe_script() - probe a shell script; the error's message, free with g_free() */
static char *probe_script(const char *commands)
{
    g_autofree char *dir = g_dir_make_tmp("dmore-probe-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "qemu", NULL);
    g_autofree char *text = g_strdup_printf("#!/bin/sh\n%s\n", commands);
    g_autoptr(GError) error = NULL;

    assert_true(g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_NONE, 0700, NULL));
    assert_null(probe_qemu(path, NULL, &error));
    assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_HOST));
    g_unlink(path);
    g_rmdir(dir);
    return g_strdup(error->message);
}

/* A script that greets as version MAJOR.2.1 and has the TYPES, names with a space between them. */
#define QEMU(major, types)                                                                         \
    "echo '{\"QMP\": {\"version\": {\"qemu\":"                                                     \
    " {\"major\": " major ", \"minor\": 2, \"micro\": 1}}}}'\n"                                    \
    "for type in " types "; do list=\"$list{\\\"name\\\": \\\"$type\\\"}, \"; done\n"              \
    "echo \"{\\\"return\\\": [$list{}], \\\"id\\\": \\\"types\\\"}\"\n"

static void test_missing(void **state)
{
    g_autofree char *message =
        probe_script(QEMU("10", "qemu-xhci VGA nvdimm virtio-serial-pci virtserialport "
                                "virtio-rng-pci virtio-net-pci virtio-blk-pci virtio-scsi-pci "
                                "tls-creds-psk virtio-vga"));

    assert_non_null(strstr(message, "has no usb-redir, dbus-display:"));
    assert_non_null(strstr(message, "packages qemu-system-common qemu-system-modules-opengl"));
    assert_null(strstr(message, "qemu-system-x86 "));
}

static void test_none(void **state)
{
    g_autoptr(GError) error = NULL;

    assert_null(probe_qemu("qemu-system-nonexistent", NULL, &error));
    assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_HOST));
    assert_non_null(strstr(error->message, "qemu-system-x86"));
}

static void test_too_old(void **state)
{
    g_autofree char *message = probe_script(QEMU("7", "VGA"));

    assert_non_null(strstr(message, "7.2.1"));
    assert_non_null(strstr(message, "10.0"));
    assert_non_null(strstr(message, "bookworm-backports"));
}

static void test_strange(void **state)
{
    g_autofree char *silent = probe_script("exit 0");
    g_autofree char *failing = probe_script("echo no disk >&2; exit 1");
    g_autofree char *babbling = probe_script("echo '{]'; echo '[]'; echo '{\"QMP\": 1}'");

    assert_non_null(strstr(silent, "does not answer"));
    assert_non_null(strstr(failing, "no disk"));
    assert_non_null(strstr(babbling, "does not answer"));
}

static gboolean on_time(gpointer cancellable)
{
    g_cancellable_cancel(cancellable);
    return G_SOURCE_REMOVE;
}

/* One that hangs is not waited for when the operator has had enough of it, and is not left. */
static void test_hung(void **state)
{
    g_autofree char *dir = g_dir_make_tmp("dmore-probe-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "qemu", NULL);
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    g_autoptr(GError) error = NULL;
    gint64 begun_us = g_get_monotonic_time();

    assert_true(g_file_set_contents_full(path, "#!/bin/sh\nexec sleep 50\n", -1,
                                         G_FILE_SET_CONTENTS_NONE, 0700, NULL));
    g_timeout_add(100, on_time, cancellable);
    assert_null(probe_qemu(path, cancellable, &error));
    assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_CANCELLED));
    assert_non_null(strstr(error->message, path));
    assert_true(g_get_monotonic_time() - begun_us < (gint64)10 * G_USEC_PER_SEC);
    g_unlink(path);
    g_rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_real),    cmocka_unit_test(test_none),
        cmocka_unit_test(test_too_old), cmocka_unit_test(test_missing),
        cmocka_unit_test(test_strange), cmocka_unit_test(test_hung),
    };

    return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}
