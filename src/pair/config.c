/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config.c - reads the file that describes a pair
 *
 * The keys are taken one by one by the table in config-keys.c. Here it is checked that they fit
 * together, and what is absent gets its default.
 */
#include "pair/config.h"

#include <string.h>

#include "pair/config-keys.h"
#include "pair/credentials.h"
#include "pair/values.h"

#define DOMAIN_R_DEFAULT_MEMORY ((guint64)96 << 20)
#define DEFAULT_PORT 5900
#define UUID_BYTES 16
#define IDE_DRIVES_Q35 6
#define IDE_DRIVES_PC 4

/* The controller of a machine has room for so many; the CD drive is one, too. */
static gboolean too_many_ide(const PairUserVm *vm)
{
    gboolean pc = vm->machine && !strstr(vm->machine, "q35");
    int drives = vm->cdrom != NULL;

    for (gsize i = 0; i < vm->n_disks; i++)
        drives += g_str_equal(vm->disks[i].interface, "ide");
    return drives > (pc ? IDE_DRIVES_PC : IDE_DRIVES_Q35);
}

/* What is there and what is not there have to fit together. */
static gboolean check(const PairConfig *config, const char *origin, const int *lines,
                      GError **error)
{
    static const struct {
        int key;
        const char *why;
    } required[] = {
        {PAIR_KEY_NAME, "it is how all commands call the pair"},
        {PAIR_KEY_MEMORY, "say how much the user VM has, as in \"memory = 2G\""},
        {PAIR_KEY_R_BRIDGE, "it is where the console is reached"},
    };
    static const struct {
        int key;
        int needs;
        const char *why;
    } pairs[] = {
        {PAIR_KEY_INITRD, PAIR_KEY_KERNEL, "an initrd is loaded together with a kernel"},
        {PAIR_KEY_APPEND, PAIR_KEY_KERNEL, "it is the command line of a kernel"},
        {PAIR_KEY_MAC, PAIR_KEY_BRIDGE, "without a bridge the user VM has no network card"},
        {PAIR_KEY_NIC, PAIR_KEY_BRIDGE, "without a bridge the user VM has no network card"},
        {PAIR_KEY_R_GATEWAY, PAIR_KEY_R_ADDRESS, "a gateway belongs to an address"},
        {PAIR_KEY_R_GATEWAY6, PAIR_KEY_R_ADDRESS6, "a gateway belongs to an address"},
    };
    const PairDomainR *r = &config->domain_r;

    for (gsize i = 0; i < G_N_ELEMENTS(required); i++)
        if (lines[required[i].key] <= 0)
            return ini_error(error, origin, -lines[required[i].key],
                             "section [%s] lacks the key \"%s\": %s",
                             pair_config_keys[required[i].key].section,
                             pair_config_keys[required[i].key].name, required[i].why);
    for (gsize i = 0; i < G_N_ELEMENTS(pairs); i++)
        if (lines[pairs[i].key] > 0 && lines[pairs[i].needs] <= 0)
            return ini_error(error, origin, lines[pairs[i].key],
                             "%s is allowed only together with %s: %s",
                             pair_config_keys[pairs[i].key].name,
                             pair_config_keys[pairs[i].needs].name, pairs[i].why);

    if (!r->address && !r->address6)
        return ini_error(
            error, origin, -lines[PAIR_KEY_R_ADDRESS],
            "section [domain-r] lacks an address: set \"address\" (such as 10.0.0.5/24,"
            " or dhcp) or \"address6\", or both");
    if (r->gateway && strcmp(r->address, "dhcp") == 0)
        return ini_error(error, origin, lines[PAIR_KEY_R_GATEWAY],
                         "with address = dhcp the gateway comes from DHCP; leave this line out");
    if (r->gateway && !value_same_network(r->gateway, r->address))
        return ini_error(error, origin, lines[PAIR_KEY_R_GATEWAY],
                         "the gateway %s is not in the network of %s", r->gateway, r->address);
    if (r->gateway6 && !g_str_has_prefix(r->gateway6, "fe80:") &&
        !value_same_network(r->gateway6, r->address6))
        return ini_error(error, origin, lines[PAIR_KEY_R_GATEWAY6],
                         "the gateway %s is not in the network of %s", r->gateway6, r->address6);
    if (too_many_ide(&config->user_vm))
        return ini_error(error, origin, MAX(lines[PAIR_KEY_DISK], lines[PAIR_KEY_CDROM]),
                         "too many ide drives, counting the cdrom: a q35 machine has room for %d, "
                         "a pc for %d; use virtio or scsi",
                         IDE_DRIVES_Q35, IDE_DRIVES_PC);
    if (r->mac && config->user_vm.mac && strcmp(r->mac, config->user_vm.mac) == 0)
        return ini_error(error, origin, lines[PAIR_KEY_R_MAC],
                         "Domain R and the user VM need different MAC addresses");
    if (lines[PAIR_KEY_PASSWORD] > 0 && lines[PAIR_KEY_PASSWORD_FILE] > 0)
        return ini_error(error, origin,
                         MAX(lines[PAIR_KEY_PASSWORD], lines[PAIR_KEY_PASSWORD_FILE]),
                         "set password or password-file, not both");
    if (config->console.open && config->console.password)
        return ini_error(error, origin, lines[PAIR_KEY_AUTH],
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
        vm->display = g_strdup("virtio-vga");
    if (vm->bridge && !vm->nic)
        vm->nic = g_strdup("virtio-net-pci");
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
    if (!config->console.open && !config->console.password) {
        config->console.password = credentials_password(error);
        config->console.password_made = TRUE;
    }
    return config->console.open || config->console.password;
}

static PairConfig *parse(const char *text, gsize length, const char *origin, const char *directory,
                         GError **error)
{
    g_autoptr(PairConfig) config = g_new0(PairConfig, 1);
    IniContext context = {config, directory};
    int lines[PAIR_KEYS];

    config->user_vm.extra = g_new0(char *, 1);
    if (!ini_parse(text, length, origin, pair_config_keys, PAIR_KEYS, &context, lines, error) ||
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
