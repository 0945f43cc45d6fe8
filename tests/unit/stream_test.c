/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stream_test.c - keyboard and pointer of a real VM made anew
 */
#include "vms.h"

#include <string.h>

/* usb-redir begins with a hello, once its VM runs: a header of 12 bytes, then its version's text.
 */
static void expect_hello(int fd)
{
    char bytes[1024] = "";

    assert_true(recv(fd, bytes, sizeof(bytes) - 1, 0) > 12);
    assert_non_null(strstr(bytes + 12, "qemu usb-redir guest"));
}

static void replug(Vm *vm, const int ends[2])
{
    for (guint i = 0; i < 2; i++) {
        vms_check(vm_unplug_stream(vm, i, &error));
        vms_check(vm_plug_stream(vm, i, ends[i], &error));
    }
}

static void devices_begin_anew_on_the_same_sockets(void **state)
{
    struct vms *vms = *state;
    Vm *vm = vms_launch(vms, "replug", (UserVmSpec){0});
    int ends[2][2];
    int vm_ends[2];

    for (int i = 0; i < 2; i++) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends[i]), 0);
        vm_ends[i] = ends[i][0];
        g_array_append_val(vms->peers, ends[i][1]);
    }
    replug(vm, vm_ends);
    vms_check(vm_resume(vm, &error));
    for (int i = 0; i < 2; i++)
        expect_hello(ends[i][1]);
    replug(vm, vm_ends);
    for (int i = 0; i < 2; i++) {
        expect_hello(ends[i][1]);
        close(ends[i][0]);
    }
    vms_end(vm);
    assert_string_equal(vms->heard->str, "");
}

/* What an attempt leaves that has come half way is no obstacle for the next. */
static void half_a_device_is_replaced(void **state)
{
    struct vms *vms = *state;
    Vm *vm = vms_launch(vms, "half", (UserVmSpec){0});
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    vms_operate(vms, "half", "device_del", g_variant_new_parsed("{'id': <'pointer-device'>}"));
    vms_operate(vms, "half", "chardev-add",
                g_variant_new_parsed("{'id': <'pointer'>, 'backend': <{'type': <'null'>, 'data':"
                                     " <@a{sv} {}>}>}"));
    vms_check(vm_unplug_stream(vm, 1, &error));
    vms_check(vm_plug_stream(vm, 1, ends[0], &error));
    vms_check(vm_resume(vm, &error));
    close(ends[0]);
    g_array_append_val(vms->peers, ends[1]);
    expect_hello(ends[1]);
    vms_end(vm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(devices_begin_anew_on_the_same_sockets, vms_setup,
                                        vms_teardown),
        cmocka_unit_test_setup_teardown(half_a_device_is_replaced, vms_setup, vms_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
