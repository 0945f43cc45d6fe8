/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cmdline_test.c - the command lines of both VMs; vm_test.c gives them to a real QEMU
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/error.h"
#include "qemu/cmdline.h"
#include "qemu/vm.h"

static Probe probe = {
    .binary = (char *)"/usr/bin/qemu-system-x86_64", .version = (char *)"10.0.2", .major = 10};

static VmSpec vm_spec(void)
{
    return (VmSpec){.name = "user VM a,b",
                    .accelerator = "tcg",
                    .machine = "pc-q35-10.0",
                    .memory = 256u << 20,
                    .cpus = 2,
                    .uuid = "00000000-0000-0000-0000-000000000001",
                    .network_fd = -1,
                    .mac = "52:54:00:00:00:01"};
}

static UserVmSpec user_spec(void)
{
    return (UserVmSpec){
        .vm = vm_spec(), .display = "virtio-vga", .nic = "virtio-net-pci", .stream_fds = {11, 12}};
}

static DomainRSpec domain_r_spec(void)
{
    return (DomainRSpec){.vm = vm_spec(),
                         .kernel = "/image/vmlinuz",
                         .initrd = "/image/initrd",
                         .region = "/run/a,b/region",
                         .region_size = 64u << 20,
                         .kick = "/run/a,b/kick",
                         .console_log = "/run/a,b/console.log"};
}

/* find() - where @option has a value that contains @part; -1: nowhere */
static int find(char **arguments, const char *option, const char *part)
{
    for (int i = 0; arguments[i] != NULL && arguments[i + 1] != NULL; i++) {
        if (strcmp(arguments[i], option) == 0 && strstr(arguments[i + 1], part) != NULL)
            return i;
    }
    return -1;
}

static void assert_has(char **arguments, const char *option, const char *value)
{
    int i = find(arguments, option, value);

    if (i < 0 || strcmp(arguments[i + 1], value) != 0)
        fail_msg("no %s %s", option, value);
}

static void assert_common(char **arguments)
{
    assert_string_equal(arguments[0], probe.binary);
    assert_has(arguments, "-name", "guest=user VM a,,b,debug-threads=on");
    assert_has(arguments, "-cpu", "Westmere");
    assert_has(arguments, "-smp", "2");
    assert_true(g_strv_contains((const char *const *)arguments, "-S"));
    assert_true(g_strv_contains((const char *const *)arguments, "-nodefaults"));
    assert_true(find(arguments, "-sandbox", "spawn=deny") > 0);
    g_autofree char *monitor =
        g_strdup_printf("socket,id=monitor,fd=%d,server=on,wait=off", VM_MONITOR_FD);

    assert_has(arguments, "-chardev", monitor);
    assert_has(arguments, "-mon", "chardev=monitor,mode=control");

    /* 8 kB more than asked for, or TCG loses pages in a live migration. */
    assert_has(arguments, "-object", "memory-backend-ram,id=ram,size=268443648");
    assert_true(find(arguments, "-machine", "memory-backend=ram") > 0);
}

static void test_user_vm(void **state)
{
    UserVmSpec spec = user_spec();
    g_auto(GStrv) arguments = cmdline_user_vm(&probe, &spec);

    assert_common(arguments);
    assert_has(arguments, "-accel", "tcg");
    assert_has(arguments, "-machine", "pc-q35-10.0,memory-backend=ram");
    assert_has(arguments, "-m", "size=262152K");
    assert_has(arguments, "-display", "dbus,p2p=yes");
    assert_has(arguments, "-device", "virtio-vga,id=video");
    assert_has(arguments, "-chardev", "socket,id=keyboard,fd=11");
    assert_has(arguments, "-chardev", "socket,id=pointer,fd=12");
    assert_has(arguments, "-device",
               "usb-redir,id=keyboard-device,chardev=keyboard,bus=usb.0,port=1");
    assert_has(arguments, "-device",
               "usb-redir,id=pointer-device,chardev=pointer,bus=usb.0,port=2");
    /* What was not asked for is not there. */
    assert_int_equal(find(arguments, "-netdev", ""), -1);
    assert_int_equal(find(arguments, "-blockdev", ""), -1);
    assert_int_equal(find(arguments, "-kernel", ""), -1);
    assert_int_equal(find(arguments, "-boot", ""), -1);
    assert_int_equal(find(arguments, "-incoming", ""), -1);
}

static void test_user_vm_options(void **state)
{
    static const char *const extra[] = {"-device", "virtio-balloon-pci", "-snapshot", NULL};
    const DiskSpec disks[] = {
        {(char *)"/none/a,b.img", (char *)"raw", (char *)"virtio", FALSE},
        {(char *)"/none/c.qcow2", (char *)"qcow2", (char *)"ide", FALSE},
        {(char *)"/none/d.img", (char *)"raw", (char *)"scsi", TRUE},
    };
    UserVmSpec spec = user_spec();

    spec.vm.network_fd = 13;
    spec.vm.incoming = TRUE;
    spec.vm.cpu = "Skylake-Server";
    spec.vm.monitor_extra = "/run/a,b/monitor";
    spec.display = "std";
    spec.disks = disks;
    spec.n_disks = G_N_ELEMENTS(disks);
    spec.cdrom = "/none/e.iso";
    spec.kernel = "/boot/vmlinuz,1";
    spec.initrd = "/boot/initrd";
    spec.append = "console=ttyS0,115200 quiet";
    spec.boot = "dc";
    spec.extra = extra;

    g_auto(GStrv) arguments = cmdline_user_vm(&probe, &spec);
    guint length = g_strv_length(arguments);

    assert_has(arguments, "-cpu", "Skylake-Server");
    assert_has(arguments, "-device", "VGA,id=video");
    assert_has(arguments, "-netdev", "tap,id=network,fd=13,vhost=off");
    assert_has(arguments, "-device", "virtio-net-pci,netdev=network,mac=52:54:00:00:00:01");
    assert_has(arguments, "-incoming", "defer");
    assert_has(arguments, "-chardev",
               "socket,id=monitor-extra,path=/run/a,,b/monitor,server=on,wait=off");
    assert_true(find(arguments, "-blockdev", "filename=/none/a,,b.img,read-only=off") > 0);
    assert_true(find(arguments, "-blockdev", "driver=qcow2,node-name=disk1,file=disk1-file") > 0);
    assert_true(find(arguments, "-blockdev", "filename=/none/d.img,read-only=on") > 0);
    assert_true(find(arguments, "-blockdev", "filename=/none/e.iso,read-only=on") > 0);
    assert_has(arguments, "-device", "virtio-blk-pci,drive=disk0,id=disk0-device");
    assert_has(arguments, "-device", "ide-hd,bus=ide.0,drive=disk1,id=disk1-device");
    assert_has(arguments, "-device", "scsi-hd,bus=scsi.0,drive=disk2,id=disk2-device");
    assert_has(arguments, "-device", "ide-cd,bus=ide.1,drive=cdrom,id=cdrom-device");
    /* These are not parsed at commas. */
    assert_has(arguments, "-kernel", "/boot/vmlinuz,1");
    assert_has(arguments, "-append", "console=ttyS0,115200 quiet");
    assert_has(arguments, "-boot", "order=dc");
    assert_string_equal(arguments[length - 3], "-device");
    assert_string_equal(arguments[length - 2], "virtio-balloon-pci");
    assert_string_equal(arguments[length - 1], "-snapshot");
}

static void test_domain_r(void **state)
{
    DomainRSpec spec = domain_r_spec();

    spec.vm.network_fd = 14;
    g_auto(GStrv) arguments = cmdline_domain_r(&probe, &spec);

    assert_common(arguments);
    assert_has(arguments, "-machine",
               "pc-q35-10.0,memory-backend=ram,nvdimm=on,smm=off,usb=off,sata=off,"
               "hpet=off");
    assert_has(arguments, "-accel", "tcg,tb-size=16");
    assert_has(arguments, "-m", "size=262152K,slots=1,maxmem=327688K");
    assert_has(arguments, "-object",
               "memory-backend-file,id=region,mem-path=/run/a,,b/region,size=67108864,share=on");
    assert_has(arguments, "-chardev", "file,id=console,path=/run/a,,b/console.log,append=on");
    assert_has(arguments, "-chardev", "socket,id=kick,path=/run/a,,b/kick,server=on,wait=off");
    assert_has(arguments, "-device",
               "virtserialport,bus=serial.0,chardev=kick,name=org.dmore.kick");
    assert_has(arguments, "-device",
               "virtio-net-pci,romfile=,netdev=network,mac=52:54:00:00:00:01");
    assert_true(find(arguments, "-append", " swiotlb=noforce ") > 0);
    assert_true(find(arguments, "-append", " dmore.region=0x100000000,0x4000000") > 0);
}

/* Source and destination have to get the same devices in the same order. */
static void test_same_devices(void **state)
{
    UserVmSpec spec = user_spec();
    g_auto(GStrv) source = cmdline_user_vm(&probe, &spec);

    spec.vm.incoming = TRUE;
    g_auto(GStrv) destination = cmdline_user_vm(&probe, &spec);
    guint i = (guint)find(destination, "-incoming", "defer");

    for (guint j = 0; source[j] != NULL; j++)
        assert_string_equal(source[j], destination[j < i ? j : j + 2]);
}

static void test_memory(void **state)
{
    UserVmSpec spec = user_spec();

    spec.vm.accelerator = "kvm";
    g_auto(GStrv) with_kvm = cmdline_user_vm(&probe, &spec);
    assert_has(with_kvm, "-object", "memory-backend-ram,id=ram,size=268435456");
    assert_has(with_kvm, "-m", "size=262144K");

    spec.vm.accelerator = "tcg";
    spec.vm.memory = (256u << 20) - 8192;
    g_auto(GStrv) between_steps = cmdline_user_vm(&probe, &spec);
    assert_has(between_steps, "-m", "size=262136K");
}

static void test_machine(void **state)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *q35 = cmdline_machine(&probe, "q35", NULL, &error);
    g_autofree char *pc = cmdline_machine(&probe, "pc", NULL, &error);

    assert_null(error);
    assert_true(g_str_has_prefix(q35, "pc-q35-"));
    assert_true(g_str_has_prefix(pc, "pc-i440fx-"));

    g_autofree char *same = cmdline_machine(&probe, q35, NULL, &error);

    assert_string_equal(same, q35);
    assert_null(cmdline_machine(&probe, "q3", NULL, &error));
    assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_USAGE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_user_vm),  cmocka_unit_test(test_user_vm_options),
        cmocka_unit_test(test_domain_r), cmocka_unit_test(test_same_devices),
        cmocka_unit_test(test_memory),   cmocka_unit_test(test_machine),
    };

    return cmocka_run_group_tests_name("cmdline", tests, NULL, NULL);
}
