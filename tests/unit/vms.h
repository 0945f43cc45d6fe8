/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vms.h - real VMs for a test: no guest but the firmware, which says that it finds no disk
 */
#ifndef DMORE_TESTS_VMS_H
#define DMORE_TESTS_VMS_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "base/await.h"
#include "qemu/cmdline.h"
#include "qemu/qmp.h"
#include "qemu/vm.h"

#define VMS_STREAM_FD 101 /* in the VM: the first stream, the second is behind it */

/* What a test has: a directory, and what its VMs have told. */
struct vms {
    char *dir;
    Probe probe;
    GString *heard; /* states and resets that were reported, with a space behind */
    VmEvents events;
    GArray *peers; /* our ends of the VMs' streams */
    GArray *pids;
};

static void vms_on_state(Vm *vm, VmState state, const char *detail, gpointer data)
{
    struct vms *vms = data;

    g_string_append_printf(vms->heard, "%s:%s ", vm_name(vm), vm_state_name(state));
}

static void vms_on_reset(Vm *vm, gpointer data)
{
    struct vms *vms = data;

    g_string_append_printf(vms->heard, "%s:reset ", vm_name(vm));
}

static inline int vms_setup(void **state)
{
    struct vms *vms = g_new0(struct vms, 1);

    vms->dir = g_dir_make_tmp("dmore-vms-XXXXXX", NULL);
    vms->probe.binary = g_find_program_in_path("qemu-system-x86_64");
    vms->heard = g_string_new(NULL);
    vms->peers = g_array_new(FALSE, FALSE, sizeof(int));
    vms->pids = g_array_new(FALSE, FALSE, sizeof(GPid));
    vms->events = (VmEvents){vms_on_state, vms_on_reset};
    assert_non_null(vms->dir);
    assert_non_null(vms->probe.binary);
    *state = vms;
    return 0;
}

static inline int vms_teardown(void **state)
{
    struct vms *vms = *state;
    g_autoptr(GDir) dir = g_dir_open(vms->dir, 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(vms->dir, name, NULL);

        g_unlink(path);
    }
    g_rmdir(vms->dir);
    for (guint i = 0; i < vms->peers->len; i++)
        close(g_array_index(vms->peers, int, i));
    /* A test that failed has left its VMs. One that is still our child cannot be anybody else. */
    for (guint i = 0; i < vms->pids->len; i++) {
        GPid pid = g_array_index(vms->pids, GPid, i);

        if (waitpid(pid, NULL, WNOHANG) == 0)
            kill(pid, SIGKILL);
    }
    g_array_unref(vms->peers);
    g_array_unref(vms->pids);
    g_string_free(vms->heard, TRUE);
    g_free(vms->probe.binary);
    g_free(vms->dir);
    g_free(vms);
    return 0;
}

/* vms_path() - DIR/NAME.SUFFIX, free with g_free() */
static inline char *vms_path(struct vms *vms, const char *name, const char *suffix)
{
    return g_strdup_printf("%s/%s.%s", vms->dir, name, suffix);
}

/* vms_launch() - launch a user VM from @spec, of which the common part is filled in here */
static inline Vm *vms_launch(struct vms *vms, const char *name, UserVmSpec spec)
{
    g_autofree char *monitor = vms_path(vms, name, "monitor");
    g_autofree char *extra = vms_path(vms, name, "extra");
    g_autofree char *log = vms_path(vms, name, "log");
    g_autoptr(GError) error = NULL;
    int ends[4];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends + 2), 0);
    spec.vm.name = name;
    spec.vm.accelerator = "tcg";
    spec.vm.monitor_extra = extra;
    spec.vm.memory = 32u << 20;
    spec.vm.cpus = 1;
    spec.vm.uuid = "00000000-0000-0000-0000-000000000001";
    spec.vm.network_fd = -1;
    spec.nic = "virtio-net-pci";
    spec.stream_fds[0] = VMS_STREAM_FD;
    spec.stream_fds[1] = VMS_STREAM_FD + 1;
    if (spec.display == NULL)
        spec.display = "std";

    g_auto(GStrv) arguments = cmdline_user_vm(&vms->probe, &spec);
    const VmFd fds[] = {{ends[0], VMS_STREAM_FD}, {ends[2], VMS_STREAM_FD + 1}};
    Vm *vm = vm_launch(name, (const char *const *)arguments, fds, G_N_ELEMENTS(fds), monitor, log,
                       &vms->events, vms, NULL, &error);

    close(ends[0]);
    close(ends[2]);
    g_array_append_val(vms->peers, ends[1]);
    g_array_append_val(vms->peers, ends[3]);
    if (vm == NULL)
        fail_msg("%s", error->message);

    GPid pid = vm_pid(vm);

    g_array_append_val(vms->pids, pid);
    return vm;
}

/* vms_end() - kill and free */
static inline void vms_end(Vm *vm)
{
    vm_kill(vm);
    assert_int_equal(vm_state(vm), VM_GONE);
    vm_free(vm);
}

/* vms_check() - fail the test with the error's message */
#define vms_check(call)                                                                            \
    do {                                                                                           \
        g_autoptr(GError) error = NULL;                                                            \
        if (!(call))                                                                               \
            fail_msg("%s: %s", #call, error != NULL ? error->message : "no error");                \
    } while (0)

static void vms_on_monitor_event(const char *name, JsonObject *arguments, gpointer data)
{
}

static void vms_on_monitor_closed(const GError *error, gpointer data)
{
}

/* vms_operate() - what an operator does at the VM's second monitor, behind our back */
static inline void vms_operate(struct vms *vms, const char *name, const char *command,
                               GVariant *arguments)
{
    static const QmpEvents events = {vms_on_monitor_event, vms_on_monitor_closed};
    g_autofree char *path = vms_path(vms, name, "extra");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    g_autoptr(Qmp) qmp = qmp_new(name, fd, &events, NULL);

    vms_check(qmp_do(qmp, command, arguments, &error));
}

/* vms_await_heard() - until @what has been reported, and nothing else */
static inline gboolean vms_has_heard(gpointer data)
{
    return ((struct vms *)data)->heard->len > 0;
}

static inline void vms_await_heard(struct vms *vms, const char *what)
{
    vms_check(await(vms_has_heard, vms, 10000, NULL, what, &error));
    assert_string_equal(vms->heard->str, what);
    g_string_truncate(vms->heard, 0);
}

#endif
