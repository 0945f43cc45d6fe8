/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe-kvm.c - whether KVM really runs a guest here
 *
 * Theory of operation
 *
 * /dev/kvm may be there, and even run a few instructions, on a machine where no ordinary kernel
 * comes up with it: in some containers and nested virtual machines. So a guest is tried. It is a
 * firmware of 64 KB whose reset vector leads to a program that does what a kernel does first,
 * switch on paging and 64-bit mode, and then ends QEMU with a status of its own choice through the
 * device isa-debug-exit. The CPU is the default model with "enforce": KVM has to provide all of it.
 */
#include "qemu/probe-kvm.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "qemu/probe.h"

#define KVM_DEVICE "/dev/kvm"
#define TRIAL_TIMEOUT_MS 3000

/* The firmware ends at 4 GB. Its last 16 bytes are the reset vector, where a processor begins in
 * 16-bit mode. */
#define FIRMWARE_SIZE 0x10000u
#define FIRMWARE_ADDRESS 0xffff0000u
#define CODE_OFFSET 0xff00u
#define RESET_OFFSET 0xfff0u

/* Page tables that map the 2 MB below 4 GB, where the firmware is, to themselves. */
#define PML4_OFFSET 0xc000u
#define PDPT_OFFSET 0xd000u
#define PD_OFFSET 0xe000u
#define PAGE_TABLE 0x23u /* present, writable, accessed */
#define PAGE_2MB 0xe3u   /* the same, dirty, a page of 2 MB */

#define TRIAL_DEVICE "isa-debug-exit,iobase=0xf4,iosize=1"
#define VALUE 0x21 /* written to the device; QEMU's exit status is twice that and one */
#define TRIAL_STATUS (2 * VALUE + 1)

static const guint8 code[] = {
    0x2e, 0x66, 0x0f, 0x01, 0x16, 0x50, 0xff,       /* lgdtl %cs:0xff50 */
    0x66, 0xb8, 0x00, 0xc0, 0xff, 0xff,             /* mov $0xffffc000, %eax (PML4) */
    0x0f, 0x22, 0xd8,                               /* mov %eax, %cr3 */
    0x66, 0xb8, 0x20, 0x00, 0x00, 0x00,             /* mov $0x20, %eax (PAE) */
    0x0f, 0x22, 0xe0,                               /* mov %eax, %cr4 */
    0x66, 0xb9, 0x80, 0x00, 0x00, 0xc0,             /* mov $0xc0000080, %ecx (EFER) */
    0x66, 0x31, 0xd2,                               /* xor %edx, %edx */
    0x66, 0xb8, 0x00, 0x01, 0x00, 0x00,             /* mov $0x100, %eax (LME) */
    0x0f, 0x30,                                     /* wrmsr */
    0x66, 0xb8, 0x01, 0x00, 0x00, 0x80,             /* mov $0x80000001, %eax (PG, PE) */
    0x0f, 0x22, 0xc0,                               /* mov %eax, %cr0 */
    0x66, 0xea, 0x3b, 0xff, 0xff, 0xff, 0x08, 0x00, /* ljmpl $8, $0xffffff3b: 64-bit from here */
    0xb0, VALUE,                                    /* mov $VALUE, %al */
    0xe6, 0xf4,                                     /* out %al, $0xf4: TRIAL_DEVICE */
    0xf4,                                           /* hlt */
    /* 0xff40: the descriptors: none, and 64-bit code */
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, /* */
    0x00, 0x00, 0x00, 0x00, 0x00, 0x9b, 0x20, 0x00, /* */
    /* 0xff50: their size and address */
    0x0f, 0x00, 0x40, 0xff, 0xff, 0xff, /* */
};

static const guint8 reset[] = {0xe9, 0x0d, 0xff}; /* jmp 0xff00 */

static void put_entry(guint8 *firmware, guint table, guint index, guint64 value)
{
    guint64 entry = GUINT64_TO_LE(value);

    memcpy(firmware + table + index * sizeof(entry), &entry, sizeof(entry));
}

static void make_firmware(guint8 firmware[FIRMWARE_SIZE])
{
    memset(firmware, 0, FIRMWARE_SIZE);
    put_entry(firmware, PML4_OFFSET, 0, (FIRMWARE_ADDRESS + PDPT_OFFSET) | PAGE_TABLE);
    put_entry(firmware, PDPT_OFFSET, 3, (FIRMWARE_ADDRESS + PD_OFFSET) | PAGE_TABLE);
    put_entry(firmware, PD_OFFSET, 511, 0xffe00000u | PAGE_2MB);
    memcpy(firmware + CODE_OFFSET, code, sizeof(code));
    memcpy(firmware + RESET_OFFSET, reset, sizeof(reset));
}

/* await_child() - let a child end within the time of the trial, or end it
 * Return: its wait status.
 */
static int await_child(GPid pid)
{
    int pidfd = pidfd_open(pid, 0);
    struct pollfd ended = {pidfd, POLLIN, 0};
    int status = 0;

    if (pidfd < 0 || poll(&ended, 1, TRIAL_TIMEOUT_MS) <= 0)
        kill(pid, SIGKILL);
    if (pidfd >= 0)
        close(pidfd);
    waitpid(pid, &status, 0);
    return status;
}

/* last_line() - what is to be read from @fd, of which the last line matters */
static char *last_line(int fd)
{
    char text[4096];
    gsize size = 0;
    gssize got;

    while (size < sizeof(text) - 1 && (got = read(fd, text + size, sizeof(text) - 1 - size)) > 0)
        size += (gsize)got;
    text[size] = '\0';
    g_strchomp(text);

    const char *line = strrchr(text, '\n');

    return g_utf8_make_valid(line != NULL ? line + 1 : text, -1);
}

/* try_guest() - run the guest in the file @firmware
 * Return: NULL when it ran, else why not.
 */
static char *try_guest(const char *binary, const char *firmware)
{
    g_autofree char *cpu = g_strconcat(PROBE_DEFAULT_CPU, ",enforce", NULL);
    /* clang-format off */
    const char *arguments[] = {
        binary, "-nodefaults", "-no-user-config", "-display", "none", "-machine", "q35", "-m", "1",
        "-accel", "kvm", "-cpu", cpu, "-bios", firmware, "-device", TRIAL_DEVICE, NULL};
    /* clang-format on */
    g_autoptr(GError) error = NULL;
    GPid pid;
    int errors;

    if (!g_spawn_async_with_pipes(NULL, (char **)arguments, NULL,
                                  G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL, NULL,
                                  NULL, &pid, NULL, NULL, &errors, &error))
        return g_strdup(error->message);

    int status = await_child(pid);
    g_autofree char *line = last_line(errors);

    close(errors);
    if (WIFEXITED(status) && WEXITSTATUS(status) == TRIAL_STATUS)
        return NULL;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        return g_strdup_printf("it did not end within %d s", TRIAL_TIMEOUT_MS / 1000);
    return g_steal_pointer(&line);
}

/* write_firmware() - into a temporary file
 * Return: its path, or NULL with @problem set.
 */
static char *write_firmware(char **problem)
{
    guint8 firmware[FIRMWARE_SIZE];
    g_autoptr(GError) error = NULL;
    g_autofree char *path = NULL;
    int fd = g_file_open_tmp("dmore-kvm-XXXXXX", &path, &error);

    if (fd < 0) {
        *problem = g_strdup(error->message);
        return NULL;
    }
    close(fd);
    make_firmware(firmware);
    if (!g_file_set_contents(path, (const char *)firmware, FIRMWARE_SIZE, &error)) {
        g_unlink(path);
        *problem = g_strdup(error->message);
        return NULL;
    }
    return g_steal_pointer(&path);
}

gboolean probe_kvm(const char *binary, char **note)
{
    g_autofree char *problem = NULL;

    *note = NULL;
    if (!g_file_test(KVM_DEVICE, G_FILE_TEST_EXISTS))
        return FALSE;
    if (g_access(KVM_DEVICE, R_OK | W_OK) < 0) {
        *note = g_strdup_printf(KVM_DEVICE " cannot be opened (%s), software emulation is used",
                                g_strerror(errno));
        return FALSE;
    }

    g_autofree char *firmware = write_firmware(&problem);

    if (firmware != NULL) {
        problem = try_guest(binary, firmware);
        g_unlink(firmware);
    }
    if (problem == NULL)
        return TRUE;
    *note = g_strdup_printf(KVM_DEVICE " is there, but a trial guest did not run with it (%s), "
                                       "software emulation is used",
                            problem);
    return FALSE;
}
