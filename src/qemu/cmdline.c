/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cmdline.c - QEMU command lines for the two VMs of a pair
 *
 * A migration needs the same devices at the same places on both sides. Places are given by the
 * order of the arguments, so nothing here may depend on the host: the one exception, the cache mode
 * of the disks, is not visible to the guest.
 *
 * Specification of the options: the manual page qemu-system-x86_64(1), "-device TYPE,help".
 */
#include "qemu/cmdline.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "qemu/inquiry.h"
#include "qemu/vm.h"

/* Where Domain R finds the region: QEMU puts the first memory device of a machine with less than
 * 2 GB of RAM at 4 GB. */
#define REGION_ADDRESS "0x100000000"

#define KICK_PORT "org.dmore.kick"

/* How much memory TCG takes for translated code, in MB. Without a limit Domain R's boot alone
 * leaves 60 MB of translations behind, nearly all of which never run again. */
#define TRANSLATIONS ",tb-size=16"

/* QEMU looks for dirty pages in steps of 64 where a memory's size allows it. There TCG loses some:
 * of a page that is to be sent already it takes the mark, but lets the guest go on writing into it
 * unmarked, unless another page of that memory is newly dirty; and in a memory that is not the
 * first one it stops the guest from that at the wrong place (QEMU 10.0,
 * cpu_physical_memory_sync_dirty_bitmap()). The guest then runs on with pages that are older than
 * its registers. A size between two steps makes QEMU look at each page by itself, where it does
 * right. QEMU rounds memory up to 8 kB.
 */
#define DIRTY_STEP ((guint64)64 * 4096)
#define BETWEEN_STEPS 8192

/* add() - one option and its value */
static void add(GPtrArray *arguments, const char *option, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

static void add(GPtrArray *arguments, const char *option, const char *format, ...)
{
    va_list values;

    g_ptr_array_add(arguments, g_strdup(option));
    va_start(values, format);
    g_ptr_array_add(arguments, g_strdup_vprintf(format, values));
    va_end(values);
}

/* escape() - a text as a value inside of an option, where a comma ends a value */
static char *escape(const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, ",", -1);

    return g_strjoinv(",,", parts);
}

static void add_socket(GPtrArray *arguments, const char *id, const char *path)
{
    g_autofree char *escaped = escape(path);

    add(arguments, "-chardev", "socket,id=%s,path=%s,server=on,wait=off", id, escaped);
}

static void add_monitors(GPtrArray *arguments, const VmSpec *spec)
{
    add(arguments, "-chardev", "socket,id=monitor,fd=%d,server=on,wait=off", VM_MONITOR_FD);
    add(arguments, "-mon", "chardev=monitor,mode=control");
    if (spec->monitor_extra != NULL) {
        add_socket(arguments, "monitor-extra", spec->monitor_extra);
        add(arguments, "-mon", "chardev=monitor-extra,mode=control");
    }
}

/* Further properties of what both VMs have, each with a comma before it. */
typedef struct {
    const char *machine;
    const char *accelerator;
    const char *memory;
    const char *action; /* what else is done when the guest ends */
} Properties;

static guint64 memory_size(const VmSpec *spec)
{
    gboolean loses_pages = strcmp(spec->accelerator, "tcg") == 0 && spec->memory % DIRTY_STEP == 0;

    return spec->memory + (loses_pages ? BETWEEN_STEPS : 0);
}

/* begin_vm() - what both VMs have alike */
static GPtrArray *begin_vm(const Probe *probe, const VmSpec *spec, const Properties *more)
{
    GPtrArray *arguments = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *name = escape(spec->name);

    g_ptr_array_add(arguments, g_strdup(probe->binary));
    add(arguments, "-name", "guest=%s,debug-threads=on", name);
    add(arguments, "-uuid", "%s", spec->uuid);
    add(arguments, "-msg", "timestamp=on");
    add(arguments, "-sandbox",
        "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
    g_ptr_array_add(arguments, g_strdup("-no-user-config"));
    g_ptr_array_add(arguments, g_strdup("-nodefaults"));

    add(arguments, "-object", "memory-backend-ram,id=ram,size=%" G_GUINT64_FORMAT,
        memory_size(spec));
    add(arguments, "-machine", "%s,memory-backend=ram%s",
        spec->machine != NULL ? spec->machine : "q35", more->machine);
    add(arguments, "-accel", "%s%s", spec->accelerator, more->accelerator);
    add(arguments, "-cpu", "%s", spec->cpu != NULL ? spec->cpu : PROBE_DEFAULT_CPU);
    add(arguments, "-smp", "%d", spec->cpus);
    add(arguments, "-m", "size=%" G_GUINT64_FORMAT "K%s", memory_size(spec) / 1024, more->memory);

    /* A guest that ends stays in its process, so that we can tell how it ended. */
    add(arguments, "-action", "shutdown=pause,panic=pause%s", more->action);
    g_ptr_array_add(arguments, g_strdup("-S"));
    if (spec->incoming)
        add(arguments, "-incoming", "defer");
    add_monitors(arguments, spec);
    return arguments;
}

static void add_network(GPtrArray *arguments, const VmSpec *spec, const char *model)
{
    if (spec->network_fd < 0)
        return;
    add(arguments, "-netdev", "tap,id=network,fd=%d,vhost=off", spec->network_fd);
    add(arguments, "-device", "%s,netdev=network,mac=%s", model, spec->mac);
}

static char **end_vm(GPtrArray *arguments)
{
    g_ptr_array_add(arguments, NULL);
    return (char **)g_ptr_array_free(arguments, FALSE);
}

/* The user VM */

/* supports_direct() - whether a file can be read past the page cache
 *
 * That is the safe way on storage that two hosts share. Where it does not work (tmpfs, some FUSE
 * file systems) QEMU drops what is cached when the VM arrives, which is enough for a file system
 * that keeps its hosts coherent.
 */
static gboolean supports_direct(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);

    if (fd < 0) {
        if (errno == EINVAL)
            g_message("%s is used through the page cache: its file system has no direct I/O", path);
        return FALSE;
    }
    close(fd);
    return TRUE;
}

static void add_image(GPtrArray *arguments, const char *node, const char *path, const char *format,
                      gboolean read_only)
{
    g_autofree char *escaped = escape(path);
    const char *direct = supports_direct(path) ? "on" : "off";
    const char *only = read_only ? "on" : "off";

    add(arguments, "-blockdev",
        "driver=file,node-name=%s-file,filename=%s,read-only=%s,cache.direct=%s", node, escaped,
        only, direct);
    add(arguments, "-blockdev", "driver=%s,node-name=%s,file=%s-file,read-only=%s,cache.direct=%s",
        format, node, node, only, direct);
}

/* next_ide() - the place of the next IDE device: q35 has six buses for one each, pc two for two */
static char *next_ide(const VmSpec *spec, guint *count)
{
    gboolean pc = spec->machine != NULL && strstr(spec->machine, "q35") == NULL;
    guint i = (*count)++;

    return pc ? g_strdup_printf("ide.%u,unit=%u", i / 2, i % 2) : g_strdup_printf("ide.%u", i);
}

static void add_disk_device(GPtrArray *arguments, const UserVmSpec *spec, const char *interface,
                            const char *node, guint *ide)
{
    if (strcmp(interface, "ide") == 0) {
        g_autofree char *place = next_ide(&spec->vm, ide);

        add(arguments, "-device", "ide-hd,bus=%s,drive=%s,id=%s-device", place, node, node);
    } else if (strcmp(interface, "scsi") == 0) {
        add(arguments, "-device", "scsi-hd,bus=scsi.0,drive=%s,id=%s-device", node, node);
    } else {
        add(arguments, "-device", "virtio-blk-pci,drive=%s,id=%s-device", node, node);
    }
}

static void add_disks(GPtrArray *arguments, const UserVmSpec *spec)
{
    gboolean scsi = FALSE;
    guint ide = 0;

    for (gsize i = 0; i < spec->n_disks; i++)
        scsi = scsi || strcmp(spec->disks[i].interface, "scsi") == 0;
    if (scsi)
        add(arguments, "-device", "virtio-scsi-pci,id=scsi");

    for (gsize i = 0; i < spec->n_disks; i++) {
        const DiskSpec *disk = &spec->disks[i];
        g_autofree char *node = g_strdup_printf("disk%" G_GSIZE_FORMAT, i);

        add_image(arguments, node, disk->path, disk->format, disk->read_only);
        add_disk_device(arguments, spec, disk->interface, node, &ide);
    }
    if (spec->cdrom != NULL) {
        g_autofree char *place = next_ide(&spec->vm, &ide);

        add_image(arguments, "cdrom", spec->cdrom, "raw", TRUE);
        add(arguments, "-device", "ide-cd,bus=%s,drive=cdrom,id=cdrom-device", place);
    }
}

const char *const cmdline_streams[2] = {"keyboard", "pointer"};

/* add_streams() - keyboard and pointer: USB devices that live at the other end of a socket */
static void add_streams(GPtrArray *arguments, const UserVmSpec *spec)
{
    add(arguments, "-device", "qemu-xhci,id=usb");
    for (guint i = 0; i < G_N_ELEMENTS(cmdline_streams); i++) {
        const char *name = cmdline_streams[i];

        add(arguments, "-chardev", "socket,id=%s,fd=%d", name, spec->stream_fds[i]);
        add(arguments, "-device", "usb-redir,id=%s-device,chardev=%s,bus=" STREAM_BUS ",port=%u",
            name, name, STREAM_PORT(i));
    }
}

char **cmdline_user_vm(const Probe *probe, const UserVmSpec *spec)
{
    static const Properties nothing = {"", "", "", ""};
    GPtrArray *arguments = begin_vm(probe, &spec->vm, &nothing);

    add(arguments, "-display", "dbus,p2p=yes");
    add(arguments, "-device", "%s,id=video",
        strcmp(spec->display, "std") == 0 ? "VGA" : "virtio-vga");
    add_streams(arguments, spec);
    add_disks(arguments, spec);
    add_network(arguments, &spec->vm, spec->nic);
    if (spec->kernel != NULL)
        add(arguments, "-kernel", "%s", spec->kernel);
    if (spec->initrd != NULL)
        add(arguments, "-initrd", "%s", spec->initrd);
    if (spec->append != NULL)
        add(arguments, "-append", "%s", spec->append);
    if (spec->boot != NULL)
        add(arguments, "-boot", "order=%s", spec->boot);
    for (gsize i = 0; spec->extra != NULL && spec->extra[i] != NULL; i++)
        g_ptr_array_add(arguments, g_strdup(spec->extra[i]));
    return end_vm(arguments);
}

/* Domain R */

char **cmdline_domain_r(const Probe *probe, const DomainRSpec *spec)
{
    g_autofree char *memory_options =
        g_strdup_printf(",slots=1,maxmem=%" G_GUINT64_FORMAT "K",
                        (memory_size(&spec->vm) + spec->region_size) / 1024);
    g_autofree char *region = escape(spec->region);
    g_autofree char *console = escape(spec->console_log);
    const Properties more = {
        /* An HPET goes on ticking after the guest has turned to another clock: 250 times a second
         * QEMU wakes for nothing. */
        .machine = ",nvdimm=on,smm=off,usb=off,sata=off,hpet=off",
        .accelerator = strcmp(spec->vm.accelerator, "tcg") == 0 ? TRANSLATIONS : "",
        .memory = memory_options,
        /* Its kernel reboots when it panics; a second life in the same region would make no sense.
         */
        .action = ",reboot=shutdown",
    };
    GPtrArray *arguments = begin_vm(probe, &spec->vm, &more);

    add(arguments, "-display", "none");
    add(arguments, "-object",
        "memory-backend-file,id=region,mem-path=%s,size=%" G_GUINT64_FORMAT ",share=on", region,
        spec->region_size);
    add(arguments, "-device", "nvdimm,id=region-device,memdev=region");
    add(arguments, "-chardev", "file,id=console,path=%s,append=on", console);
    add(arguments, "-serial", "chardev:console");
    add(arguments, "-device", "virtio-serial-pci,id=serial");
    add_socket(arguments, "kick", spec->kick);
    add(arguments, "-device", "virtserialport,bus=serial.0,chardev=kick,name=" KICK_PORT);
    /* Keys are made soon after the start; the CPU model has no instruction for random numbers. */
    add(arguments, "-device", "virtio-rng-pci");
    add_network(arguments, &spec->vm, "virtio-net-pci,romfile=");
    add(arguments, "-kernel", "%s", spec->kernel);
    add(arguments, "-initrd", "%s", spec->initrd);
    add(arguments, "-append",
        "console=ttyS0 quiet panic=-1 swiotlb=noforce dmore.region=" REGION_ADDRESS
        ",0x%" G_GINT64_MODIFIER "x",
        spec->region_size);
    return end_vm(arguments);
}

/* Machine types */

/* alias_target() - "pc-q35-10.0" from "... (alias of pc-q35-10.0)"; NULL when @line has none */
static char *alias_target(const char *line)
{
    static const char mark[] = "(alias of ";
    const char *start = strstr(line, mark);

    if (start == NULL)
        return NULL;
    start += strlen(mark);
    return g_strndup(start, strcspn(start, ")"));
}

/* find_machine() - look up @machine in the output of "-machine help", a line a type: the name,
 * white space, the description
 */
static char *find_machine(const char *list, const char *machine)
{
    g_auto(GStrv) lines = g_strsplit(list, "\n", -1);
    gsize length = strlen(machine);

    for (char **line = lines; *line != NULL; line++) {
        if (strncmp(*line, machine, length) == 0 && g_ascii_isspace((*line)[length])) {
            char *target = alias_target(*line);

            return target != NULL ? target : g_strdup(machine);
        }
    }
    return NULL;
}

char *cmdline_machine(const Probe *probe, const char *machine, GCancellable *cancellable,
                      GError **error)
{
    const char *arguments[] = {probe->binary, "-machine", "help", NULL};
    g_autofree char *list = inquire(arguments, -1, cancellable, error);

    if (list == NULL)
        return NULL;

    char *found = find_machine(list, machine);

    if (found == NULL)
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_USAGE,
                    "QEMU %s has no machine type '%s' (%s -machine help lists them)",
                    probe->version, machine, probe->binary);
    return found;
}
