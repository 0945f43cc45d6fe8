/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config.c - reads the file that describes a pair
 *
 * The table at the end of the setters is the list of all keys. A setter takes one value by itself;
 * what depends on several keys is checked, and what is absent gets its default, in complete(),
 * which knows each key's line.
 */
#include "pair/config.h"

#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "pair/credentials.h"
#include "pair/ini.h"
#include "pair/keymap.h"
#include "pair/values.h"

#define MB ((guint64)1 << 20)
#define GB ((guint64)1 << 30)

/* Debian's cloud kernel panics with less (doc/design.md, Domain R). */
#define DOMAIN_R_MIN_MEMORY (80 * MB)
#define DOMAIN_R_DEFAULT_MEMORY (96 * MB)

#define USER_VM_MAX_CPUS 255 /* QEMU's q35 needs a virtual IOMMU for more */
#define DEFAULT_PORT 5900
#define PASSWORD_MAX 255 /* bytes: RSA-AES sends the length in one byte */
#define UUID_BYTES 16

enum {
    NAME,
    UUID,
    MEMORY,
    CPUS,
    MACHINE,
    CPU,
    DISPLAY,
    DISK,
    CDROM,
    KERNEL,
    INITRD,
    APPEND,
    BOOT,
    BRIDGE,
    MAC,
    NIC,
    EXTRA,
    R_MEMORY,
    R_ADDRESS,
    R_GATEWAY,
    R_ADDRESS6,
    R_GATEWAY6,
    R_BRIDGE,
    R_MAC,
    PORT,
    LAYOUT,
    AUTH,
    PASSWORD,
    PASSWORD_FILE,
    N_KEYS,
};

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

static void disk_clear(DiskSpec *disk)
{
    g_free(disk->path);
    g_free(disk->format);
    g_free(disk->interface);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DiskSpec, disk_clear)

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
    g_autoptr(GError) cause = NULL;
    g_auto(GStrv) arguments = NULL;
    g_autoptr(GStrvBuilder) all = g_strv_builder_new();

    if (!g_shell_parse_argv(value, NULL, &arguments, &cause))
        return value_error(error, "%s; write QEMU's arguments as in a shell", cause->message);
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
    if (*text == '\0' || !g_utf8_validate(text, -1, NULL))
        return value_error(error, "%s has no password in its first line", path);
    g_strstrip(text);

    PairConfig *config = context->target;

    g_clear_pointer(&config->console.password, g_free);
    return set_password(context, text, error);
}

static const IniKey keys[N_KEYS] = {
    [NAME] = {"pair", "name", set_name, FALSE},
    [UUID] = {"pair", "uuid", set_uuid, FALSE},
    [MEMORY] = {"user-vm", "memory", set_memory, FALSE},
    [CPUS] = {"user-vm", "cpus", set_cpus, FALSE},
    [MACHINE] = {"user-vm", "machine", set_machine, FALSE},
    [CPU] = {"user-vm", "cpu", set_cpu, FALSE},
    [DISPLAY] = {"user-vm", "display", set_display, FALSE},
    [DISK] = {"user-vm", "disk", set_disk, TRUE},
    [CDROM] = {"user-vm", "cdrom", set_cdrom, FALSE},
    [KERNEL] = {"user-vm", "kernel", set_kernel, FALSE},
    [INITRD] = {"user-vm", "initrd", set_initrd, FALSE},
    [APPEND] = {"user-vm", "append", set_append, FALSE},
    [BOOT] = {"user-vm", "boot", set_boot, FALSE},
    [BRIDGE] = {"user-vm", "bridge", set_bridge, FALSE},
    [MAC] = {"user-vm", "mac", set_mac, FALSE},
    [NIC] = {"user-vm", "nic", set_nic, FALSE},
    [EXTRA] = {"user-vm", "extra", set_extra, TRUE},
    [R_MEMORY] = {"domain-r", "memory", set_r_memory, FALSE},
    [R_ADDRESS] = {"domain-r", "address", set_r_address, FALSE},
    [R_GATEWAY] = {"domain-r", "gateway", set_r_gateway, FALSE},
    [R_ADDRESS6] = {"domain-r", "address6", set_r_address6, FALSE},
    [R_GATEWAY6] = {"domain-r", "gateway6", set_r_gateway6, FALSE},
    [R_BRIDGE] = {"domain-r", "bridge", set_r_bridge, FALSE},
    [R_MAC] = {"domain-r", "mac", set_r_mac, FALSE},
    [PORT] = {"console", "port", set_port, FALSE},
    [LAYOUT] = {"console", "layout", set_layout, FALSE},
    [AUTH] = {"console", "auth", set_auth, FALSE},
    [PASSWORD] = {"console", "password", set_password, FALSE},
    [PASSWORD_FILE] = {"console", "password-file", set_password_file, FALSE},
};

/* What is there and what is not there have to fit together. */
static gboolean check(const PairConfig *config, const char *origin, const int *lines,
                      GError **error)
{
    static const struct {
        int key;
        const char *why;
    } required[] = {
        {NAME, "it is how all commands call the pair"},
        {MEMORY, "say how much the user VM has, as in \"memory = 2G\""},
        {R_BRIDGE, "it is where the console is reached"},
    };
    static const struct {
        int key;
        int needs;
        const char *why;
    } pairs[] = {
        {INITRD, KERNEL, "an initrd is loaded together with a kernel"},
        {APPEND, KERNEL, "it is the command line of a kernel"},
        {MAC, BRIDGE, "without a bridge the user VM has no network card"},
        {NIC, BRIDGE, "without a bridge the user VM has no network card"},
        {R_GATEWAY, R_ADDRESS, "a gateway belongs to an address"},
        {R_GATEWAY6, R_ADDRESS6, "a gateway belongs to an address"},
    };
    const PairDomainR *r = &config->domain_r;

    for (gsize i = 0; i < G_N_ELEMENTS(required); i++)
        if (!lines[required[i].key])
            return ini_error(error, origin, 0, "section [%s] lacks the key \"%s\": %s",
                             keys[required[i].key].section, keys[required[i].key].name,
                             required[i].why);
    for (gsize i = 0; i < G_N_ELEMENTS(pairs); i++)
        if (lines[pairs[i].key] && !lines[pairs[i].needs])
            return ini_error(error, origin, lines[pairs[i].key],
                             "%s is allowed only together with %s: %s", keys[pairs[i].key].name,
                             keys[pairs[i].needs].name, pairs[i].why);

    if (!r->address && !r->address6)
        return ini_error(
            error, origin, 0,
            "section [domain-r] lacks an address: set \"address\" (such as 10.0.0.5/24,"
            " or dhcp) or \"address6\", or both");
    if (r->gateway && strcmp(r->address, "dhcp") == 0)
        return ini_error(error, origin, lines[R_GATEWAY],
                         "with address = dhcp the gateway comes from DHCP; leave this line out");
    if (r->gateway && !value_same_network(r->gateway, r->address))
        return ini_error(error, origin, lines[R_GATEWAY],
                         "the gateway %s is not in the network of %s", r->gateway, r->address);
    if (r->gateway6 && !g_str_has_prefix(r->gateway6, "fe80:") &&
        !value_same_network(r->gateway6, r->address6))
        return ini_error(error, origin, lines[R_GATEWAY6],
                         "the gateway %s is not in the network of %s", r->gateway6, r->address6);
    if (r->mac && config->user_vm.mac && strcmp(r->mac, config->user_vm.mac) == 0)
        return ini_error(error, origin, lines[R_MAC],
                         "Domain R and the user VM need different MAC addresses");
    if (lines[PASSWORD] && lines[PASSWORD_FILE])
        return ini_error(error, origin, MAX(lines[PASSWORD], lines[PASSWORD_FILE]),
                         "set password or password-file, not both");
    if (config->console.open && config->console.password)
        return ini_error(error, origin, lines[AUTH],
                         "auth = none contradicts the password; leave one of the two out");
    return TRUE;
}

/* The first bytes of a digest of @what and @text. */
static void digest(const char *what, const char *text, guint8 *bytes, gsize size)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    guint8 whole[32];
    gsize length = sizeof(whole);

    g_checksum_update(sum, (const guchar *)what, -1);
    g_checksum_update(sum, (const guchar *)text, -1);
    g_checksum_get_digest(sum, whole, &length);
    memcpy(bytes, whole, size);
}

/* A UUID that follows from the pair's name, so that the guest sees the same machine at each start,
 * on whichever host; RFC 9562, version 8. */
static char *make_uuid(const char *name)
{
    guint8 b[UUID_BYTES];

    digest("dmore uuid ", name, b, sizeof(b));
    b[6] = (b[6] & 0x0f) | 0x80;
    b[8] = (b[8] & 0x3f) | 0x80;
    return g_strdup_printf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                           b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11],
                           b[12], b[13], b[14], b[15]);
}

/* A MAC address that follows from the UUID; 52:54:00 is what QEMU's VMs use. */
static char *make_mac(const char *what, const char *uuid, const char *other)
{
    guint8 b[3];
    char *mac = NULL;

    digest(what, uuid, b, sizeof(b));
    mac = g_strdup_printf("52:54:00:%02x:%02x:%02x", b[0], b[1], b[2]);
    if (g_strcmp0(mac, other) == 0)
        mac[16] = mac[16] == '0' ? '1' : '0';
    return mac;
}

static gboolean complete(PairConfig *config, GError **error)
{
    PairUserVm *vm = &config->user_vm;
    PairDomainR *r = &config->domain_r;

    if (!config->uuid)
        config->uuid = make_uuid(config->name);
    if (!vm->cpus)
        vm->cpus = 1;
    if (!vm->display)
        vm->display = g_strdup(displays[0]);
    if (vm->bridge && !vm->nic)
        vm->nic = g_strdup(nics[0]);
    if (vm->bridge && !vm->mac)
        vm->mac = make_mac("user VM ", config->uuid, r->mac);
    if (!r->memory)
        r->memory = DOMAIN_R_DEFAULT_MEMORY;
    if (!r->mac)
        r->mac = make_mac("Domain R ", config->uuid, vm->mac);
    if (!config->console.port)
        config->console.port = DEFAULT_PORT;
    if (!config->console.layout)
        config->console.layout = g_strdup("us");
    if (!config->console.open && !config->console.password)
        config->console.password = credentials_password(error);
    return config->console.open || config->console.password;
}

static PairConfig *parse(const char *text, gsize length, const char *origin, const char *directory,
                         GError **error)
{
    g_autoptr(PairConfig) config = g_new0(PairConfig, 1);
    IniContext context = {config, directory};
    int lines[N_KEYS];

    config->user_vm.extra = g_new0(char *, 1);
    if (!ini_parse(text, length, origin, keys, N_KEYS, &context, lines, error) ||
        !check(config, origin, lines, error) || !complete(config, error))
        return NULL;
    return g_steal_pointer(&config);
}

PairConfig *pair_config_parse(const char *text, gsize length, const char *origin, GError **error)
{
    return parse(text, length, origin, NULL, error);
}

PairConfig *pair_config_load(const char *path, GError **error)
{
    g_autofree char *absolute = g_canonicalize_filename(path, NULL);
    g_autofree char *directory = g_path_get_dirname(absolute);
    gsize length = 0;
    g_autofree char *text = ini_load(path, &length, error);

    return text ? parse(text, length, path, directory, error) : NULL;
}

void pair_config_free(PairConfig *config)
{
    PairUserVm *vm = &config->user_vm;
    PairDomainR *r = &config->domain_r;
    char *texts[] = {
        config->name,
        config->uuid,
        vm->machine,
        vm->cpu,
        vm->display,
        vm->cdrom,
        vm->kernel,
        vm->initrd,
        vm->append,
        vm->boot,
        vm->bridge,
        vm->mac,
        vm->nic,
        r->address,
        r->gateway,
        r->address6,
        r->gateway6,
        r->bridge,
        r->mac,
        config->console.layout,
        config->console.password,
    };

    for (gsize i = 0; i < vm->n_disks; i++)
        disk_clear(&vm->disks[i]);
    g_free(vm->disks);
    g_strfreev(vm->extra);
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    g_free(config);
}
