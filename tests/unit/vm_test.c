/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vm_test.c - real QEMU processes: started, paused, migrated, held, cancelled, rolled back, adopted
 */
#include "vms.h"

#include <netinet/in.h>
#include <signal.h>
#include <string.h>

#include "base/error.h"
#include "qemu/vm-internal.h"

#define SECONDS 1000 /* ms */

static Vm *launch_incoming(struct vms *vms, const char *name)
{
    UserVmSpec spec = {.vm = {.incoming = TRUE}};
    Vm *vm = vms_launch(vms, name, spec);

    assert_int_equal(vm_state(vm), VM_INCOMING);
    return vm;
}

static Vm *launch_running(struct vms *vms, const char *name)
{
    Vm *vm = vms_launch(vms, name, (UserVmSpec){0});

    vms_check(vm_resume(vm, &error));
    return vm;
}

/* begin_migration() - from @source to @destination, with the key in @key_dir or none */
static void begin_migration(Vm *source, Vm *destination, const char *key_dir)
{
    const VmMigrationOptions options = {.bandwidth = 1u << 30, .key_dir = key_dir};
    g_autofree char *address = NULL;

    vms_check(address = vm_migration_listen(destination, "127.0.0.1", FALSE, key_dir, &error));
    vms_check(vm_migration_start(source, address, &options, NULL, &error));
}

/* switch_over() - from the pause to the loaded state */
static void switch_over(Vm *source, Vm *destination)
{
    vms_check(vm_pause(source, &error));
    vms_check(vm_migration_await(source, VM_MIGRATION_SWITCHOVER, 10 * SECONDS, NULL, &error));
    assert_int_equal(vm_state(destination), VM_INCOMING);
    vms_check(vm_migration_continue(source, &error));
    vms_check(vm_migration_await(source, VM_MIGRATION_COMPLETED, 10 * SECONDS, NULL, &error));
    vms_check(vm_migration_await_loaded(destination, 10 * SECONDS, NULL, &error));
    assert_int_equal(vm_state(source), VM_MIGRATED);
    assert_int_equal(vm_state(destination), VM_PAUSED);
}

static void test_bad_arguments(void **state)
{
    struct vms *vms = *state;
    const char *const arguments[] = {vms->probe.binary, "-display", "none", "-device", "foo", NULL};
    g_autofree char *monitor = vms_path(vms, "bad", "monitor");
    g_autofree char *log = vms_path(vms, "bad", "log");
    g_autoptr(GError) error = NULL;

    assert_null(
        vm_launch("VM bad", arguments, NULL, 0, monitor, log, &vms->events, vms, NULL, &error));
    assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_HOST));
    assert_non_null(strstr(error->message, "VM bad"));
    assert_non_null(strstr(error->message, "'foo' is not a valid device model name"));
    assert_string_equal(vms->heard->str, "");
}

static void test_no_program(void **state)
{
    struct vms *vms = *state;
    const char *const arguments[] = {"/nonexistent/qemu", NULL};
    g_autofree char *monitor = vms_path(vms, "bad", "monitor");
    g_autofree char *log = vms_path(vms, "bad", "log");
    g_autoptr(GError) error = NULL;

    assert_null(
        vm_launch("VM bad", arguments, NULL, 0, monitor, log, &vms->events, vms, NULL, &error));
    assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_HOST));
}

/* QEMU accepts what cmdline.c writes, with paths that have to be escaped. */
static void test_every_device(void **state)
{
    struct vms *vms = *state;
    g_autofree char *path = vms_path(vms, "disk,a", "img");
    g_autofree char *other = vms_path(vms, "disk,b", "img");
    g_autofree char *zeros = g_malloc0(1u << 20);
    const DiskSpec disks[] = {
        {path, (char *)"raw", (char *)"ide", FALSE},
        {other, (char *)"raw", (char *)"virtio", TRUE},
        {other, (char *)"raw", (char *)"scsi", TRUE},
    };
    static const char *const machines[] = {"q35", "pc"};
    UserVmSpec spec = {.display = "virtio-vga", .disks = disks, .n_disks = 3, .cdrom = other};

    assert_true(g_file_set_contents(path, zeros, 1u << 20, NULL));
    assert_true(g_file_set_contents(other, zeros, 1u << 20, NULL));
    spec.boot = "dc";
    for (gsize i = 0; i < G_N_ELEMENTS(machines); i++) {
        spec.vm.machine = machines[i];
        Vm *vm = vms_launch(vms, "devices", spec);

        vms_check(vm_resume(vm, &error));
        vms_end(vm);
    }
}

static void test_pause_and_resume(void **state)
{
    struct vms *vms = *state;
    Vm *vm = vms_launch(vms, "a", (UserVmSpec){0});

    assert_int_equal(vm_state(vm), VM_PAUSED);
    assert_true(g_str_has_prefix(vm_version(vm), "1"));
    vms_check(vm_resume(vm, &error));
    assert_int_equal(vm_state(vm), VM_RUNNING);
    vms_check(vm_announce(vm, &error));
    vms_check(vm_pause(vm, &error));
    assert_int_equal(vm_state(vm), VM_PAUSED);
    vms_end(vm);
    assert_string_equal(vms->heard->str, ""); /* what we do ourselves is not reported */
}

static void test_unasked_changes(void **state)
{
    struct vms *vms = *state;
    Vm *vm = launch_running(vms, "a");

    vms_operate(vms, "a", "stop", NULL);
    vms_await_heard(vms, "a:paused ");
    assert_int_equal(vm_state(vm), VM_PAUSED);
    vms_operate(vms, "a", "cont", NULL);
    vms_await_heard(vms, "a:running ");
    vms_operate(vms, "a", "system_reset", NULL);
    vms_await_heard(vms, "a:reset ");
    kill(vm_pid(vm), SIGKILL);
    vms_await_heard(vms, "a:gone ");
    assert_int_equal(vm_pid(vm), 0);

    g_autoptr(GError) error = NULL;

    assert_false(vm_pause(vm, &error));
    assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_FAILED));
    vms_end(vm);
}

/* A held migration never stops the guest; a cancelled one can be followed by another. */
static void test_hold_and_cancel(void **state)
{
    struct vms *vms = *state;
    Vm *source = launch_running(vms, "a");
    Vm *destination = launch_incoming(vms, "b");
    VmMigrationStatus status = {0};

    begin_migration(source, destination, NULL);
    while (status.pass < 20) {
        vms_check(await_ms(10, NULL, &error));
        vms_check(vm_migration_query(source, &status, &error));
        assert_int_equal(status.state, VM_MIGRATION_ACTIVE);
    }
    assert_int_equal(vm_state(source), VM_RUNNING);
    assert_true(status.total >= 32u << 20);
    assert_true(status.transferred > 0);
    vms_check(vm_migration_set_bandwidth(source, 0, &error));
    vms_check(vm_migration_cancel(source, &error));
    assert_int_equal(vm_state(source), VM_RUNNING);
    vms_check(vm_migration_cancel(source, &error)); /* nothing is under way: no error */
    vms_end(destination);

    destination = launch_incoming(vms, "b");
    begin_migration(source, destination, NULL);
    vms_check(vm_pause(source, &error));
    vms_check(vm_migration_await(source, VM_MIGRATION_SWITCHOVER, 10 * SECONDS, NULL, &error));
    vms_check(vm_migration_cancel(source, &error));
    assert_int_equal(vm_state(source), VM_PAUSED);
    vms_check(vm_resume(source, &error));
    vms_end(destination);
    vms_end(source);
    assert_string_equal(vms->heard->str, "");
}

/* The destination is lost after the migration has completed: the source goes on. */
static void test_roll_back(void **state)
{
    struct vms *vms = *state;
    Vm *source = launch_running(vms, "a");
    Vm *destination = launch_incoming(vms, "b");
    g_autoptr(GError) failure = NULL;

    begin_migration(source, destination, NULL);
    switch_over(source, destination);
    assert_false(vm_migration_cancel(source, &failure)); /* too late */
    vms_end(destination);
    vms_check(vm_resume(source, &error));
    assert_int_equal(vm_state(source), VM_RUNNING);

    destination = launch_incoming(vms, "b");
    begin_migration(source, destination, NULL);
    switch_over(source, destination);
    vms_check(vm_resume(destination, &error));
    assert_int_equal(vm_state(destination), VM_RUNNING);
    assert_int_equal(vm_state(source), VM_MIGRATED);
    vms_end(source);
    vms_end(destination);
    assert_string_equal(vms->heard->str, "");
}

/* The lock on a disk's image keeps a VM from running twice, also when an operator has said so. */
static void test_refused_while_it_runs_elsewhere(void **state)
{
    struct vms *vms = *state;
    g_autofree char *path = vms_path(vms, "disk", "img");
    g_autofree char *zeros = g_malloc0(1u << 20);
    g_autoptr(GError) refusal = NULL;
    const DiskSpec disk = {path, (char *)"raw", (char *)"virtio", FALSE};
    UserVmSpec spec = {.disks = &disk, .n_disks = 1};

    assert_true(g_file_set_contents(path, zeros, 1u << 20, NULL));
    Vm *source = vms_launch(vms, "a", spec);
    spec.vm.incoming = TRUE;
    Vm *destination = vms_launch(vms, "b", spec);

    vms_check(vm_resume(source, &error));
    begin_migration(source, destination, NULL);
    switch_over(source, destination);
    vms_check(vm_resume(destination, &error));
    assert_false(vm_resume(source, &refusal));
    /* Nothing of it has run. */
    assert_true(g_error_matches(refusal, DMORE_ERROR, DMORE_ERROR_HOST));
    assert_int_equal(vm_state(source), VM_MIGRATED);

    vms_end(destination);
    vms_check(vm_resume(source, &error));
    vms_end(source);
}

static void test_incoming_does_not_run(void **state)
{
    struct vms *vms = *state;
    Vm *vm = launch_incoming(vms, "b");
    g_autoptr(GError) error = NULL;

    assert_false(vm_resume(vm, &error));
    assert_int_equal(vm_state(vm), VM_INCOMING);
    g_clear_error(&error);
    assert_null(vm_migration_listen(vm, "localhost", FALSE, NULL, &error));
    assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_USAGE));
    vms_end(vm);
}

static void test_nobody_listens(void **state)
{
    struct vms *vms = *state;
    Vm *vm = launch_running(vms, "a");
    const VmMigrationOptions options = {.bandwidth = 1u << 30};
    g_autoptr(GError) error = NULL;

    assert_false(vm_migration_start(vm, "127.0.0.1:1", &options, NULL, &error));
    assert_non_null(strstr(error->message, "Connection refused"));
    assert_int_equal(vm_state(vm), VM_RUNNING);
    vms_end(vm);
}

static void write_key(const char *dir, const char *key)
{
    g_autofree char *path = g_build_filename(dir, "keys.psk", NULL);
    g_autofree char *line = g_strdup_printf("dmore:%s\n", key);

    assert_true(g_file_set_contents(path, line, -1, NULL));
}

/* A listener that takes connections and says nothing. Return: its address. */
static char *listen_mute(int *fd)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);

    *fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(*fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(*fd, 1), 0);
    assert_int_equal(getsockname(*fd, (struct sockaddr *)&address, &size), 0);
    return g_strdup_printf("127.0.0.1:%u", ntohs(address.sin_port));
}

static gboolean on_change_of_mind(gpointer cancellable)
{
    g_cancellable_cancel(cancellable);
    return G_SOURCE_REMOVE;
}

/* Whoever waits for a destination that does not answer can change his mind. */
static void test_cancelled_in_setup(void **state)
{
    struct vms *vms = *state;
    Vm *source = launch_running(vms, "a");
    const VmMigrationOptions options = {.bandwidth = 1u << 30, .key_dir = vms->dir};
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    g_autoptr(GError) failure = NULL;
    int fd;
    g_autofree char *mute = listen_mute(&fd);
    gint64 begun_us = g_get_monotonic_time();

    write_key(vms->dir, "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
    g_timeout_add(100, on_change_of_mind, cancellable);
    assert_false(vm_migration_start(source, mute, &options, cancellable, &failure));
    assert_true(g_error_matches(failure, DMORE_ERROR, DMORE_ERROR_CANCELLED));
    assert_in_range(g_get_monotonic_time() - begun_us, 0, 10 * G_USEC_PER_SEC);
    assert_int_equal(vm_state(source), VM_RUNNING);

    Vm *destination = launch_incoming(vms, "b");
    begin_migration(source, destination, vms->dir);
    vms_end(destination);
    vms_end(source);
    close(fd);
}

static void test_key(void **state)
{
    struct vms *vms = *state;
    Vm *source = launch_running(vms, "a");
    Vm *destination = launch_incoming(vms, "b");

    write_key(vms->dir, "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
    begin_migration(source, destination, vms->dir);
    vms_check(vm_migration_cancel(source, &error));
    vms_end(destination);

    destination = launch_incoming(vms, "b");
    begin_migration(source, destination, vms->dir);
    switch_over(source, destination);
    vms_end(source);
    vms_check(vm_resume(destination, &error));

    /* And back: what was the destination is the source now. */
    source = launch_incoming(vms, "a");
    begin_migration(destination, source, vms->dir);
    switch_over(destination, source);
    vms_check(vm_resume(source, &error));
    vms_end(source);
    vms_end(destination);
}

static void test_wrong_key(void **state)
{
    struct vms *vms = *state;
    Vm *source = launch_running(vms, "a");
    Vm *destination = launch_incoming(vms, "b");
    g_autofree char *other_dir = g_dir_make_tmp("dmore-key-XXXXXX", NULL);
    const VmMigrationOptions options = {.bandwidth = 1u << 30, .key_dir = other_dir};
    const VmMigrationOptions none = {.bandwidth = 1u << 30};
    g_autofree char *address = NULL;
    g_autoptr(GError) failure = NULL;

    write_key(vms->dir, "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
    vms_check(address = vm_migration_listen(destination, "::1", FALSE, vms->dir, &error));
    assert_true(g_str_has_prefix(address, "[::1]:"));
    write_key(other_dir, "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
    assert_false(vm_migration_start(source, address, &options, NULL, &failure));
    assert_int_equal(vm_state(source), VM_RUNNING);
    assert_int_equal(vm_state(destination), VM_INCOMING);
    g_clear_error(&failure);

    /* The next one is without a key: nothing of this one is left over. */
    vms_end(destination);
    destination = launch_incoming(vms, "b");
    g_free(address);
    vms_check(address = vm_migration_listen(destination, "127.0.0.1", FALSE, NULL, &error));
    vms_check(vm_migration_start(source, address, &none, NULL, &error));
    switch_over(source, destination);
    vms_end(source);
    vms_end(destination);

    g_autofree char *other_key = g_build_filename(other_dir, "keys.psk", NULL);

    g_unlink(other_key);
    g_rmdir(other_dir);
}

static void test_adopt(void **state)
{
    struct vms *vms = *state;
    Vm *vm = launch_running(vms, "a");
    g_autofree char *monitor = vms_path(vms, "a", "monitor");
    g_autofree char *log = vms_path(vms, "a", "log");
    g_autoptr(GError) failure = NULL;
    GPid pid = vm_pid(vm);
    char bytes[4096];
    int fd = -1;

    vm_free(vm);
    vms_check(vm = vm_adopt("a", monitor, log, &vms->events, vms, &error));
    assert_int_equal(vm_pid(vm), pid);
    assert_int_equal(vm_state(vm), VM_RUNNING);
    assert_string_equal(vms->heard->str, "");
    vms_check((fd = vm_fetch_fd(vm, VMS_STREAM_FD, &error)) >= 0);
    assert_int_equal(send(fd, "fetched", 7, 0), 7);
    close(fd);
    ssize_t n = recv(g_array_index(vms->peers, int, 0), bytes, sizeof(bytes), 0);
    assert_true(n >= 7);
    assert_memory_equal(bytes + n - 7, "fetched", 7); /* behind what QEMU itself has sent */
    kill(pid, SIGKILL);
    vms_await_heard(vms, "a:gone ");
    vms_end(vm);

    /* Of one that has ended there is its end to be adopted. */
    vms_check(vm = vm_adopt("a", monitor, log, &vms->events, vms, &error));
    assert_int_equal(vm_state(vm), VM_GONE);
    assert_int_equal(vm_pid(vm), 0);
    assert_false(vm_resume(vm, &failure));
    vms_end(vm);
    assert_string_equal(vms->heard->str, "");
}

/* hang() - @vm's process answers nothing from now on, and a command is overdue */
static void hang(Vm *vm)
{
    g_autoptr(GError) error = NULL;

    kill(vm_pid(vm), SIGSTOP);
    qmp_set_patience(vm->qmp, 50);
    assert_false(vm_refresh(vm, &error));
    assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_TIMEOUT));
}

/* What was not even sent to one that hangs is neither done nor to be feared. */
static void test_hung(void **state)
{
    struct vms *vms = *state;
    Vm *standing = vms_launch(vms, "a", (UserVmSpec){0});
    Vm *running = launch_running(vms, "b");
    g_autoptr(GError) resumed = NULL;
    g_autoptr(GError) paused = NULL;

    hang(standing);
    assert_false(vm_resume(standing, &resumed));
    assert_true(g_error_matches(resumed, DMORE_ERROR, DMORE_ERROR_HOST));
    assert_int_equal(vm_state(standing), VM_PAUSED);

    hang(running);
    assert_false(vm_pause(running, &paused));
    assert_true(g_error_matches(paused, DMORE_ERROR, DMORE_ERROR_TIMEOUT));
    assert_int_equal(vm_state(running), VM_RUNNING);

    vm_destroy(standing);
    vm_free(standing);
    vm_destroy(running);
    vm_free(running);
}

/* One whose resume was sent and is overdue may run at any time, however often it is asked for. */
static void test_hung_in_resume(void **state)
{
    struct vms *vms = *state;
    Vm *vm = vms_launch(vms, "a", (UserVmSpec){0});

    kill(vm_pid(vm), SIGSTOP);
    qmp_set_patience(vm->qmp, 50);
    for (int i = 0; i < 2; i++) {
        g_autoptr(GError) error = NULL;

        assert_false(vm_resume(vm, &error));
        assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_TIMEOUT));
    }
    vm_destroy(vm);
    vm_free(vm);
}

/* One whose process has ended in this moment, of which nothing has been heard yet, does not run. */
static void test_resume_of_the_dead(void **state)
{
    struct vms *vms = *state;
    Vm *vm = vms_launch(vms, "a", (UserVmSpec){0});
    siginfo_t info;

    kill(vm_pid(vm), SIGKILL);
    assert_int_equal(waitid(P_PID, (id_t)vm_pid(vm), &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(vm_state(vm), VM_PAUSED);
    for (int i = 0; i < 2; i++) {
        g_autoptr(GError) error = NULL;

        assert_false(vm_resume(vm, &error));
        assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_HOST));
    }
    vms_end(vm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bad_arguments, vms_setup, vms_teardown),
        cmocka_unit_test_setup_teardown(test_no_program, vms_setup, vms_teardown),
        cmocka_unit_test_setup_teardown(test_every_device, vms_setup, vms_teardown),
        cmocka_unit_test_setup_teardown(test_pause_and_resume, vms_setup, vms_teardown),
        cmocka_unit_test_setup_teardown(test_unasked_changes, vms_setup, vms_teardown),
        cmocka_unit_test_setup_teardown(test_hold_and_cancel, vms_setup, vms_teardown),
        cmocka_unit_test_setup_teardown(test_roll_back, vms_setup, vms_teardown),
        cmocka_unit_test_setup_teardown(test_refused_while_it_runs_elsewhere, vms_setup,
                                        vms_teardown),
        cmocka_unit_test_setup_teardown(test_incoming_does_not_run, vms_setup, vms_teardown),
        cmocka_unit_test_setup_teardown(test_nobody_listens, vms_setup, vms_teardown),
        cmocka_unit_test_setup_teardown(test_key, vms_setup, vms_teardown),
        cmocka_unit_test_setup_teardown(test_wrong_key, vms_setup, vms_teardown),
        cmocka_unit_test_setup_teardown(test_cancelled_in_setup, vms_setup, vms_teardown),
        cmocka_unit_test_setup_teardown(test_adopt, vms_setup, vms_teardown),
        cmocka_unit_test_setup_teardown(test_hung, vms_setup, vms_teardown),
        cmocka_unit_test_setup_teardown(test_hung_in_resume, vms_setup, vms_teardown),
        cmocka_unit_test_setup_teardown(test_resume_of_the_dead, vms_setup, vms_teardown),
    };

    return cmocka_run_group_tests_name("vm", tests, NULL, NULL);
}
