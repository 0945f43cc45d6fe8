/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config-keys.c - the keys that the file of a pair may hold: one setter each, and the table of them
 *
 * A setter takes one value by itself. What depends on several keys is checked in config.c.
 */
#include "pair/config-keys.h"

#include <string.h>
#include <sys/stat.h>

#include "pair/keymap.h"
#include "pair/values.h"

#define MB ((guint64)1 << 20)
#define GB ((guint64)1 << 30)

/* Debian's cloud kernel panics with less (doc/design.md, Domain R). */
#define DOMAIN_R_MIN_MEMORY (80 * MB)

#define USER_VM_MAX_CPUS 255 /* QEMU's q35 needs a virtual IOMMU for more */

static const char *const displays[] = {"virtio-vga", "std", NULL};
static const char *const nics[] = {"virtio-net-pci", "e1000", "e1000e", "rtl8139", NULL};
static const char *const auths[] = {"password", "none", NULL};
static const char *const disk_formats[] = {"raw", "qcow2", NULL};
static const char *const disk_interfaces[] = {"virtio", "ide", "scsi", NULL};

/* What may be booted from, and QEMU's letter for it. */
static const char *const boot_words[] = {"disk", "cdrom", "network", NULL};
static const char boot_letters[] = "cdn";

gboolean pair_name_check(const char *name, GError **error)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    gsize length = strlen(name);

    if (length == 0 || length > PAIR_NAME_MAX || strspn(name, allowed) != length || *name == '-')
        return value_error(error,
                           "\"%s\" cannot be a pair's name; a name has 1 to %d of the characters "
                           "a-z, 0-9 and \"-\", and does not begin with \"-\"",
                           name, PAIR_NAME_MAX);
    return TRUE;
}

static gboolean set_name(const IniContext *context, const char *value, GError **error)
{
    PairConfig *config = context->target;

    if (!pair_name_check(value, error))
        return FALSE;
    config->name = g_strdup(value);
    return TRUE;
}

static gboolean set_uuid(const IniContext *context, const char *value, GError **error)
{
    PairConfig *config = context->target;

    if (!g_uuid_string_is_valid(value))
        return value_error(error,
                           "\"%s\" is no UUID; write one as the command uuidgen prints it, or "
                           "leave the line out",
                           value);
    config->uuid = g_ascii_strdown(value, -1);
    return TRUE;
}

static gboolean set_memory(const IniContext *context, const char *value, GError **error)
{
    PairConfig *config = context->target;

    return value_size(value, 1 * MB, 4096 * GB, &config->user_vm.memory, error);
}

static gboolean set_cpus(const IniContext *context, const char *value, GError **error)
{
    PairConfig *config = context->target;
    gint64 cpus = 0;

    if (!value_integer(value, 1, USER_VM_MAX_CPUS, &cpus, error))
        return FALSE;
    config->user_vm.cpus = (int)cpus;
    return TRUE;
}

static gboolean set_machine(const IniContext *context, const char *value, GError **error)
{
    PairConfig *config = context->target;

    if (strcmp(value, "q35") != 0 && strcmp(value, "pc") != 0 &&
        !g_str_has_prefix(value, "pc-q35-") && !g_str_has_prefix(value, "pc-i440fx-"))
        return value_error(error,
                           "\"%s\" is not allowed; it is q35, pc, or one of their versions, as in "
                           "\"pc-q35-10.0\"",
                           value);
    return value_word(value, "-.", 64, "a machine type", &config->user_vm.machine, error);
}

static gboolean set_cpu(const IniContext *context, const char *value, GError **error)
{
    PairConfig *config = context->target;

    return value_word(value, "-_.,+=", 1024, "a CPU model", &config->user_vm.cpu, error);
}

static gboolean set_display(const IniContext *context, const char *value, GError **error)
{
    PairConfig *config = context->target;
    gsize place = 0;

    if (!value_choice(value, displays, &place, error))
        return FALSE;
    config->user_vm.display = g_strdup(displays[place]);
    return TRUE;
}

void disk_clear(DiskSpec *disk)
{
    g_free(disk->path);
    g_free(disk->format);
    g_free(disk->interface);
}

/* Take one option behind a disk's path. */
static gboolean set_disk_option(DiskSpec *disk, const char *option, GError **error)
{
    gsize place = 0;

    if (g_str_has_prefix(option, "format=") && !disk->format) {
        if (!value_choice(option + strlen("format="), disk_formats, &place, error))
            return FALSE;
        disk->format = g_strdup(disk_formats[place]);
        return TRUE;
    }
    if (g_str_has_prefix(option, "interface=") && !disk->interface) {
        if (!value_choice(option + strlen("interface="), disk_interfaces, &place, error))
            return FALSE;
        disk->interface = g_strdup(disk_interfaces[place]);
        return TRUE;
    }
    if (strcmp(option, "readonly") == 0 && !disk->read_only) {
        disk->read_only = TRUE;
        return TRUE;
    }
    return value_error(error,
                       "\"%s\" is not allowed here; behind the path stand, once each, "
                       "format=raw|qcow2, interface=virtio|ide|scsi, readonly",
                       option);
}

static gboolean set_disk(const IniContext *context, const char *value, GError **error)
{
    PairConfig *config = context->target;
    PairUserVm *vm = &config->user_vm;
    g_auto(GStrv) parts = g_strsplit(value, ",", -1);
    g_auto(DiskSpec) disk = {0};

    if (!value_path(g_strstrip(parts[0]), context->directory, &disk.path, error))
        return FALSE;
    if (strchr(disk.path, ','))
        return value_error(error, "%s has a comma in its path; rename it", disk.path);
    for (char **option = parts + 1; *option; option++)
        if (!set_disk_option(&disk, g_strstrip(*option), error))
            return FALSE;

    /* Never by looking into the disk: its guest can write there what it likes. */
    if (!disk.format)
        disk.format = g_strdup(g_str_has_suffix(disk.path, ".qcow2") ? "qcow2" : "raw");
    if (!disk.interface)
        disk.interface = g_strdup("virtio");
    if (strcmp(disk.interface, "ide") == 0 && disk.read_only)
        return value_error(error, "an ide disk cannot be readonly; use virtio or scsi, or cdrom");

    for (gsize i = 0; i < vm->n_disks; i++)
        if (strcmp(vm->disks[i].path, disk.path) == 0)
            return value_error(error, "%s is a disk of this VM already", disk.path);
    vm->disks = g_renew(DiskSpec, vm->disks, vm->n_disks + 1);
    vm->disks[vm->n_disks++] = disk;
    disk = (DiskSpec){0};
    return TRUE;
}

static gboolean set_cdrom(const IniContext *context, const char *value, GError **error)
{
    PairConfig *config = context->target;

    return value_path(value, context->directory, &config->user_vm.cdrom, error);
}

static gboolean set_kernel(const IniContext *context, const char *value, GError **error)
{
    PairConfig *config = context->target;

    return value_path(value, context->directory, &config->user_vm.kernel, error);
}

static gboolean set_initrd(const IniContext *context, const char *value, GError **error)
{
    PairConfig *config = context->target;

    return value_path(value, context->directory, &config->user_vm.initrd, error);
}

static gboolean set_append(const IniContext *context, const char *value, GError **error)
{
    PairConfig *config = context->target;

    config->user_vm.append = g_strdup(value);
    return TRUE;
}

static gboolean set_boot(const IniContext *context, const char *value, GError **error)
{
    PairConfig *config = context->target;
    g_auto(GStrv) words = g_strsplit_set(value, ", \t", -1);
    g_autoptr(GString) letters = g_string_new(NULL);

    for (char **word = words; *word; word++) {
        gsize place = 0;

        if (**word == '\0')
            continue;
        if (!value_choice(*word, boot_words, &place, error))
            return FALSE;
        if (strchr(letters->str, boot_letters[place]))
            return value_error(error, "%s stands there twice", *word);
        g_string_append_c(letters, boot_letters[place]);
    }
    if (letters->len == 0)
        return value_error(error, "\"%s\" names nothing to boot from", value);
    config->user_vm.boot = g_strdup(letters->str);
    return TRUE;
}

static gboolean set_bridge(const IniContext *context, const char *value, GError **error)
{
    PairConfig *config = context->target;

    return value_bridge(value, &config->user_vm.bridge, error);
}

static gboolean set_mac(const IniContext *context, const char *value, GError **error)
{
    PairConfig *config = context->target;

    return value_mac(value, &config->user_vm.mac, error);
}

static gboolean set_nic(const IniContext *context, const char *value, GError **error)
{
    PairConfig *config = context->target;
    gsize place = 0;

    if (!value_choice(value, nics, &place, error))
        return FALSE;
    config->user_vm.nic = g_strdup(nics[place]);
    return TRUE;
}

static gboolean set_extra(const IniContext *context, const char *value, GError **error)
{
    PairConfig *config = context->target;
    g_auto(GStrv) arguments = NULL;
    g_autoptr(GStrvBuilder) all = g_strv_builder_new();

    if (!g_shell_parse_argv(value, NULL, &arguments, NULL))
        return value_error(error, "%s is not quoted as in a shell", value);
    g_strv_builder_addv(all, (const char **)config->user_vm.extra);
    g_strv_builder_addv(all, (const char **)arguments);
    g_strfreev(config->user_vm.extra);
    config->user_vm.extra = g_strv_builder_end(all);
    return TRUE;
}

static gboolean set_r_memory(const IniContext *context, const char *value, GError **error)
{
    PairConfig *config = context->target;

    return value_size(value, DOMAIN_R_MIN_MEMORY, 1 * GB, &config->domain_r.memory, error);
}

static gboolean set_r_address(const IniContext *context, const char *value, GError **error)
{
    PairConfig *config = context->target;

    if (strcmp(value, "dhcp") == 0) {
        config->domain_r.address = g_strdup(value);
        return TRUE;
    }
    return value_network_address(value, G_SOCKET_FAMILY_IPV4, &config->domain_r.address, error);
}

static gboolean set_r_gateway(const IniContext *context, const char *value, GError **error)
{
    PairConfig *config = context->target;

    return value_address(value, G_SOCKET_FAMILY_IPV4, &config->domain_r.gateway, error);
}

static gboolean set_r_address6(const IniContext *context, const char *value, GError **error)
{
    PairConfig *config = context->target;

    return value_network_address(value, G_SOCKET_FAMILY_IPV6, &config->domain_r.address6, error);
}

static gboolean set_r_gateway6(const IniContext *context, const char *value, GError **error)
{
    PairConfig *config = context->target;

    return value_address(value, G_SOCKET_FAMILY_IPV6, &config->domain_r.gateway6, error);
}

static gboolean set_r_bridge(const IniContext *context, const char *value, GError **error)
{
    PairConfig *config = context->target;

    return value_bridge(value, &config->domain_r.bridge, error);
}

static gboolean set_r_mac(const IniContext *context, const char *value, GError **error)
{
    PairConfig *config = context->target;

    return value_mac(value, &config->domain_r.mac, error);
}

static gboolean set_port(const IniContext *context, const char *value, GError **error)
{
    PairConfig *config = context->target;
    gint64 port = 0;

    if (!value_integer(value, 1, G_MAXUINT16, &port, error))
        return FALSE;
    config->console.port = (guint16)port;
    return TRUE;
}

static gboolean set_layout(const IniContext *context, const char *value, GError **error)
{
    PairConfig *config = context->target;
    g_autoptr(GArray) keys = keymap_compile(value, error);

    if (!keys)
        return FALSE;
    config->console.layout = g_strdup(value);
    return TRUE;
}

static gboolean set_auth(const IniContext *context, const char *value, GError **error)
{
    PairConfig *config = context->target;
    gsize place = 0;

    if (!value_choice(value, auths, &place, error))
        return FALSE;
    config->console.open = place == 1;
    return TRUE;
}

static gboolean set_password(const IniContext *context, const char *value, GError **error)
{
    PairConfig *config = context->target;

    if (strlen(value) > PASSWORD_MAX)
        return value_error(error, "the password is longer than %d bytes", PASSWORD_MAX);
    config->console.password = g_strdup(value);
    return TRUE;
}

static gboolean set_password_file(const IniContext *context, const char *value, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autofree char *path = NULL;
    g_autofree char *text = NULL;
    struct stat status;

    if (!value_path(value, context->directory, &path, error))
        return FALSE;
    if (stat(path, &status) == 0 && (status.st_mode & (S_IRWXG | S_IRWXO)))
        return value_error(error, "%s holds a password and is open to others; chmod 600 it", path);
    if (!g_file_get_contents(path, &text, NULL, &cause))
        return value_error(error, "cannot read %s: %s", path, cause->message);

    /* One line; an editor's newline at its end is no part of the password. */
    text[strcspn(text, "\r\n")] = '\0';
    if (*g_strstrip(text) == '\0' || !g_utf8_validate(text, -1, NULL))
        return value_error(error, "%s has no password in its first line", path);

    PairConfig *config = context->target;

    g_clear_pointer(&config->console.password, g_free);
    return set_password(context, text, error);
}

const IniKey pair_config_keys[PAIR_KEYS] = {
    [PAIR_KEY_NAME] = {"pair", "name", set_name, FALSE},
    [PAIR_KEY_UUID] = {"pair", "uuid", set_uuid, FALSE},
    [PAIR_KEY_MEMORY] = {"user-vm", "memory", set_memory, FALSE},
    [PAIR_KEY_CPUS] = {"user-vm", "cpus", set_cpus, FALSE},
    [PAIR_KEY_MACHINE] = {"user-vm", "machine", set_machine, FALSE},
    [PAIR_KEY_CPU] = {"user-vm", "cpu", set_cpu, FALSE},
    [PAIR_KEY_DISPLAY] = {"user-vm", "display", set_display, FALSE},
    [PAIR_KEY_DISK] = {"user-vm", "disk", set_disk, TRUE},
    [PAIR_KEY_CDROM] = {"user-vm", "cdrom", set_cdrom, FALSE},
    [PAIR_KEY_KERNEL] = {"user-vm", "kernel", set_kernel, FALSE},
    [PAIR_KEY_INITRD] = {"user-vm", "initrd", set_initrd, FALSE},
    [PAIR_KEY_APPEND] = {"user-vm", "append", set_append, FALSE},
    [PAIR_KEY_BOOT] = {"user-vm", "boot", set_boot, FALSE},
    [PAIR_KEY_BRIDGE] = {"user-vm", "bridge", set_bridge, FALSE},
    [PAIR_KEY_MAC] = {"user-vm", "mac", set_mac, FALSE},
    [PAIR_KEY_NIC] = {"user-vm", "nic", set_nic, FALSE},
    [PAIR_KEY_EXTRA] = {"user-vm", "extra", set_extra, TRUE},
    [PAIR_KEY_R_MEMORY] = {"domain-r", "memory", set_r_memory, FALSE},
    [PAIR_KEY_R_ADDRESS] = {"domain-r", "address", set_r_address, FALSE},
    [PAIR_KEY_R_GATEWAY] = {"domain-r", "gateway", set_r_gateway, FALSE},
    [PAIR_KEY_R_ADDRESS6] = {"domain-r", "address6", set_r_address6, FALSE},
    [PAIR_KEY_R_GATEWAY6] = {"domain-r", "gateway6", set_r_gateway6, FALSE},
    [PAIR_KEY_R_BRIDGE] = {"domain-r", "bridge", set_r_bridge, FALSE},
    [PAIR_KEY_R_MAC] = {"domain-r", "mac", set_r_mac, FALSE},
    [PAIR_KEY_PORT] = {"console", "port", set_port, FALSE},
    [PAIR_KEY_LAYOUT] = {"console", "layout", set_layout, FALSE},
    [PAIR_KEY_AUTH] = {"console", "auth", set_auth, FALSE},
    [PAIR_KEY_PASSWORD] = {"console", "password", set_password, FALSE},
    [PAIR_KEY_PASSWORD_FILE] = {"console", "password-file", set_password_file, FALSE},
};
