/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config_test.c - the file of a pair: what it may say, what each mistake is answered with
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include <glib/gstdio.h>

#include "base/error.h"
#include "pair/config.h"
#include "pair/values.h"

/* The least a file has to say, line by line; the tests for mistakes put lines behind a section. */
#define PAIR "[pair]\nname = web1\n"
#define USER_VM "[user-vm]\nmemory = 512M\n"
#define DOMAIN_R "[domain-r]\nbridge = br0\naddress = 10.0.0.5/24\n"
#define LEAST PAIR USER_VM DOMAIN_R
#define FOUR_IDE_DISKS                                                                             \
    "disk = /a,interface=ide\ndisk = /b,interface=ide\n"                                           \
    "disk = /d,interface=ide\ndisk = /e,interface=ide\n"

static PairConfig *parse(const char *text, GError **error)
{
    return pair_config_parse(text, strlen(text), "file", error);
}

static void assert_refused(const char *text, const char *beginning)
{
    g_autoptr(GError) error = NULL;
    PairConfig *config = parse(text, &error);

    assert_null(config);
    assert_int_equal(error->code, DMORE_ERROR_USAGE);
    if (!g_str_has_prefix(error->message, beginning))
        fail_msg("\"%s\" does not begin with \"%s\"", error->message, beginning);
}

static void test_defaults(void **state)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(PairConfig) config = parse(LEAST, &error);

    assert_null(error);
    assert_string_equal(config->name, "web1");
    assert_true(g_uuid_string_is_valid(config->uuid));
    assert_int_equal(config->user_vm.memory, 512 << 20);
    assert_int_equal(config->user_vm.cpus, 1);
    assert_string_equal(config->user_vm.display, "virtio-vga");
    assert_null(config->user_vm.bridge);
    assert_null(config->user_vm.mac);
    assert_null(config->user_vm.extra[0]);
    assert_int_equal(config->domain_r.memory, 96 << 20);
    assert_true(g_str_has_prefix(config->domain_r.mac, "52:54:00:"));
    assert_int_equal(config->console.port, 5900);
    assert_string_equal(config->console.layout, "us");
    assert_false(config->console.open);
    assert_int_equal(strlen(config->console.password), 16);
}

/* The same file makes the same machine each time, and another name another machine. */
static void test_identity(void **state)
{
    g_autoptr(PairConfig) first = parse(LEAST, NULL);
    g_autoptr(PairConfig) second = parse(LEAST, NULL);
    g_autoptr(PairConfig) other =
        parse("[pair]\nname = web2\n" USER_VM "bridge = br0\n" DOMAIN_R, NULL);

    assert_string_equal(first->uuid, second->uuid);
    assert_string_equal(first->domain_r.mac, second->domain_r.mac);
    assert_string_not_equal(first->console.password, second->console.password);
    assert_string_not_equal(first->uuid, other->uuid);
    assert_string_not_equal(first->domain_r.mac, other->domain_r.mac);
    assert_string_not_equal(other->domain_r.mac, other->user_vm.mac);
}

static const char full[] = "\xef\xbb\xbf# a comment\n"
                           "; another\r\n"
                           "[pair]\n"
                           "name = web1\n"
                           "uuid = 2F1A7E1C-0F53-4C0E-9A51-2B7A1B6F0B11\n"
                           "\n"
                           "[user-vm]\n"
                           "memory = 2G\n"
                           "cpus = 4\n"
                           "machine = pc-q35-10.0\n"
                           "cpu = Nehalem,+aes\n"
                           "display = std\n"
                           "disk = /srv/a.qcow2\n"
                           "disk = /srv/b c.img, interface=scsi, readonly\n"
                           "disk = /srv/d.qcow2,format=raw,interface=ide\n"
                           "cdrom = /srv/x.iso\n"
                           "kernel = /boot/vmlinuz\n"
                           "initrd = /boot/initrd\n"
                           "append = console=ttyS0 a=\"b # c\"\n"
                           "boot = network cdrom, disk\n"
                           "bridge = br0\n"
                           "mac = 52:54:00:AB:CD:EF\n"
                           "nic = e1000e\n"
                           "extra = -device virtio-rng-pci\n"
                           "extra = -name 'a  b' -smbios \"type=1,serial=x'y\"\n"
                           "[domain-r]\n"
                           "memory = 128M\n"
                           "address = 10.0.0.5/24\n"
                           "gateway = 10.0.0.1\n"
                           "address6 = fd00::5/64\n"
                           "gateway6 = fe80::1\n"
                           "bridge = br1\n"
                           "mac = 52:54:00:00:00:01\n"
                           "[console]\n"
                           "port = 5901\n"
                           "layout = de(nodeadkeys)\n"
                           "auth = password\n"
                           "password = a # \"b\"";

static void test_everything(void **state)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(PairConfig) config = parse(full, &error);
    const char *const extra[] = {"-device", "virtio-rng-pci",    "-name", "a  b",
                                 "-smbios", "type=1,serial=x'y", NULL};

    if (error)
        fail_msg("%s", error->message);
    assert_string_equal(config->uuid, "2f1a7e1c-0f53-4c0e-9a51-2b7a1b6f0b11");
    assert_int_equal(config->user_vm.n_disks, 3);
    assert_string_equal(config->user_vm.disks[0].format, "qcow2");
    assert_string_equal(config->user_vm.disks[0].interface, "virtio");
    assert_string_equal(config->user_vm.disks[1].path, "/srv/b c.img");
    assert_string_equal(config->user_vm.disks[1].format, "raw");
    assert_string_equal(config->user_vm.disks[1].interface, "scsi");
    assert_true(config->user_vm.disks[1].read_only);
    assert_string_equal(config->user_vm.disks[2].format, "raw");
    assert_string_equal(config->user_vm.append, "console=ttyS0 a=\"b # c\"");
    assert_string_equal(config->user_vm.boot, "ndc");
    assert_string_equal(config->user_vm.mac, "52:54:00:ab:cd:ef");
    assert_true(g_strv_equal((const char *const *)config->user_vm.extra, extra));
    assert_string_equal(config->domain_r.gateway6, "fe80::1");
    assert_int_equal(config->console.port, 5901);
    assert_string_equal(config->console.password, "a # \"b\"");
}

/* What travels to another host says everything, and parsing it changes nothing. */
static void test_canonical_text(void **state)
{
    const char *const texts[] = {
        LEAST,
        full,
        LEAST "address6 = fd00::1/64\n[console]\nauth = none\n",
        PAIR USER_VM "[domain-r]\nbridge = br0\naddress = dhcp\n",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(PairConfig) config = parse(texts[i], NULL);
        g_autofree char *once = pair_config_to_text(config);
        g_autoptr(PairConfig) again = parse(once, NULL);
        g_autofree char *twice = pair_config_to_text(again);

        assert_string_equal(once, twice);
        assert_string_equal(config->uuid, again->uuid);
        assert_int_equal(config->user_vm.memory, again->user_vm.memory);
        assert_int_equal(config->user_vm.n_disks, again->user_vm.n_disks);
        assert_true(g_strv_equal((const char *const *)config->user_vm.extra,
                                 (const char *const *)again->user_vm.extra));
        assert_string_equal(config->domain_r.mac, again->domain_r.mac);
        assert_int_equal(config->console.open, again->console.open);
        assert_true(g_strcmp0(config->console.password, again->console.password) == 0);
    }
}

static void test_wrong_form(void **state)
{
    assert_refused("name = x\n", "file:1: name stands before the first section");
    assert_refused("[pair\n", "file:1: a section is written as [name]");
    assert_refused("[pair] x\n", "file:1: a section is written as [name]");
    assert_refused("[paar]\n", "file:1: there is no section [paar]; the sections are [pair], "
                               "[user-vm], [domain-r], [console]");
    assert_refused(PAIR "[user-vm]\nmemory = 1G\n[pair]\n", "file:5: section [pair] has begun");
    assert_refused(PAIR "name\n", "file:3: expected \"key = value\"");
    assert_refused(PAIR "name = web2\n", "file:3: name is set at line 2 already");
    assert_refused(PAIR "uuid =\n", "file:3: uuid has no value");
    assert_refused(PAIR "color = red\n",
                   "file:3: section [pair] has no key \"color\"; its keys are name, uuid");
    assert_refused("[pair]\nname = \xff\n", "file:2: this is not UTF-8");
    assert_null(pair_config_parse("[pair]\n\0", 8, "file", NULL));
}

static void test_wrong_values(void **state)
{
    assert_refused("[pair]\nname = Web\n", "file:2: name: \"Web\" cannot be a pair's name");
    assert_refused("[pair]\nname = ../x\n", "file:2: name:");
    assert_refused("[pair]\nname = -x\n", "file:2: name:");
    assert_refused("[pair]\nname = abcdefghijklmnopqrstuvwxyz0123456\n", "file:2: name:");
    assert_refused(PAIR "uuid = 1\n", "file:3: uuid: \"1\" is no UUID");
    assert_refused(LEAST "[console]\nport = 0\n", "file:9: port: \"0\" is not allowed; write a "
                                                  "whole number from 1 to 65535");
    assert_refused(LEAST "[console]\nlayout = xx\n",
                   "file:9: layout: there is no keyboard layout \"xx\"");
    assert_refused(LEAST "[console]\nlayout = ../us\n", "file:9: layout: there is no");
    assert_refused(LEAST "[console]\nauth = yes\n",
                   "file:9: auth: \"yes\" is not allowed; it is one of password, none");
    assert_refused(PAIR USER_VM "cpus = two\n", "file:5: cpus:");
    assert_refused(PAIR USER_VM "cpus = 999999999999999999999\n", "file:5: cpus:");
    assert_refused(PAIR USER_VM "machine = microvm\n", "file:5: machine:");
    assert_refused(PAIR USER_VM "display = qxl\n",
                   "file:5: display: \"qxl\" is not allowed; it is one of virtio-vga, std");
    assert_refused(PAIR USER_VM "disk = a.img\n", "file:5: disk: \"a.img\" is a relative path");
    assert_refused(PAIR USER_VM "disk = /a,format=vmdk\n", "file:5: disk: \"vmdk\"");
    assert_refused(PAIR USER_VM "disk = /a,rw\n", "file:5: disk: \"rw\" is not allowed here");
    assert_refused(PAIR USER_VM "disk = /a,interface=ide,readonly\n", "file:5: disk:");
    assert_refused(
        PAIR USER_VM "machine = pc\ncdrom = /c\n" FOUR_IDE_DISKS DOMAIN_R,
        "file:10: too many ide drives, counting the cdrom: a q35 machine has room for 6");
    assert_refused(PAIR USER_VM "disk = /a\ndisk = /b/../a\n", "file:6: disk: /a is a disk");
    assert_refused(PAIR USER_VM "boot = floppy\n", "file:5: boot:");
    assert_refused(PAIR USER_VM "bridge = a-name-that-is-too-long\n", "file:5: bridge:");
    assert_refused(PAIR USER_VM "extra = 'a\n", "file:5: extra:");
    assert_refused(PAIR USER_VM "mac = 01:00:5e:00:00:01\n",
                   "file:5: mac: 01:00:5e:00:00:01 is the address of a group");
    assert_refused(PAIR USER_VM "mac = 52-54-00-00-00-01\n", "file:5: mac:");
    assert_refused(PAIR "[domain-r]\nmemory = 64M\n",
                   "file:4: memory: \"64M\" is out of range; allowed is 80M to 1G");
    assert_refused(PAIR "[domain-r]\naddress = 10.0.0.5\n", "file:4: address:");
    assert_refused(PAIR "[domain-r]\naddress = 10.0.0.0/24\n", "file:4: address:");
    assert_refused(PAIR "[domain-r]\naddress = 10.0.0.5/33\n", "file:4: address:");
    assert_refused(PAIR "[domain-r]\naddress = fd00::1/64\n", "file:4: address:");
    assert_refused(PAIR "[domain-r]\naddress6 = ff02::1/64\n", "file:4: address6:");
}

static void test_wrong_together(void **state)
{
    assert_refused("", "file: section [pair] lacks the key \"name\"");
    assert_refused(PAIR "[user-vm]\ncpus = 1\n", "file:3: section [user-vm] lacks the key "
                                                 "\"memory\"");
    assert_refused(PAIR USER_VM "[domain-r]\nbridge = br0\n",
                   "file:5: section [domain-r] lacks an address");
    assert_refused(PAIR USER_VM "append = x\n" DOMAIN_R,
                   "file:5: append is allowed only together with kernel");
    assert_refused(PAIR USER_VM "nic = e1000\n" DOMAIN_R,
                   "file:5: nic is allowed only together with bridge");
    assert_refused(LEAST "gateway = 10.0.1.1\n", "file:8: the gateway 10.0.1.1 is not in the "
                                                 "network of 10.0.0.5/24");
    assert_refused(LEAST "gateway6 = fd00::1\n",
                   "file:8: gateway6 is allowed only together with address6");
    assert_refused(LEAST "address6 = fd00::1/64\ngateway6 = fd01::1\n", "file:9: the gateway");
    assert_refused(PAIR USER_VM "[domain-r]\nbridge = b\naddress = dhcp\ngateway = 10.0.0.1\n",
                   "file:8: with address = dhcp");
    assert_refused(PAIR USER_VM "bridge = b\nmac = 52:54:00:00:00:01\n" DOMAIN_R
                                "mac = 52:54:00:00:00:01\n",
                   "file:10: Domain R and the user VM need different MAC addresses");
    assert_refused(PAIR USER_VM "boot = ,\n", "file:5: boot: ");
    assert_refused(PAIR USER_VM "cdrom = /a /\n", "file:5: cdrom: ");
    assert_refused(LEAST "[console]\nauth = none\npassword = x\n",
                   "file:9: auth = none contradicts the password");
}

/* A file on disk: relative paths begin beside it, and a password may lie in a file of its own. */
static void test_load(void **state)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *directory = g_dir_make_tmp("dmore-config-XXXXXX", NULL);
    g_autofree char *file = g_build_filename(directory, "web1.conf", NULL);
    g_autofree char *secret = g_build_filename(directory, "secret", NULL);
    g_autofree char *disk = g_build_filename(directory, "a.img", NULL);

    assert_true(g_file_set_contents(
        file, PAIR USER_VM "disk = a.img\n" DOMAIN_R "[console]\npassword-file = secret\n", -1,
        NULL));
    assert_true(g_file_set_contents(secret, "open sesame\n", -1, NULL));

    assert_int_equal(g_chmod(secret, 0644), 0);
    assert_null(pair_config_load(file, &error));
    assert_non_null(strstr(error->message, "web1.conf:10: password-file: "));
    assert_non_null(strstr(error->message, "chmod 600"));
    g_clear_error(&error);

    assert_int_equal(g_chmod(secret, 0600), 0);
    g_autoptr(PairConfig) config = pair_config_load(file, &error);

    assert_null(error);
    assert_string_equal(config->console.password, "open sesame");
    assert_string_equal(config->user_vm.disks[0].path, disk);

    assert_true(g_file_set_contents(secret, "  \n", -1, NULL));
    assert_int_equal(g_chmod(secret, 0600), 0);
    assert_null(pair_config_load(file, &error));
    assert_non_null(strstr(error->message, "has no password"));
    g_clear_error(&error);

    g_remove(file);
    g_remove(secret);
    g_rmdir(directory);
    assert_null(pair_config_load(file, &error));
    assert_true(g_str_has_prefix(error->message, "cannot read "));
}

static void test_sizes(void **state)
{
    guint64 size = 7;

    assert_true(value_size("1536K", 1 << 20, 1 << 30, &size, NULL));
    assert_int_equal(size, 1536 << 10);
    assert_true(value_size("1g", 1 << 20, 1 << 30, &size, NULL));
    assert_int_equal(size, 1 << 30);

    const char *const wrong[] = {
        "512",         "", "M", "1.5G", "-1M", "1GB", "2G", "1K", "99999999999999999999999G",
        "17179869185G"};

    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++)
        assert_false(value_size(wrong[i], 1 << 20, 1 << 30, &size, NULL));
    assert_int_equal(size, 1 << 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),       cmocka_unit_test(test_identity),
        cmocka_unit_test(test_everything),     cmocka_unit_test(test_canonical_text),
        cmocka_unit_test(test_wrong_form),     cmocka_unit_test(test_wrong_values),
        cmocka_unit_test(test_wrong_together), cmocka_unit_test(test_load),
        cmocka_unit_test(test_sizes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
