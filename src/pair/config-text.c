/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config-text.c - writes the configuration of a pair as the text that config.c reads
 */
#include "pair/config.h"

#include "pair/values.h"

static void put(GString *text, const char *key, const char *value)
{
    if (value)
        g_string_append_printf(text, "%s = %s\n", key, value);
}

static void put_size(GString *text, const char *key, guint64 bytes)
{
    g_autofree char *size = value_size_text(bytes);

    put(text, key, size);
}

static void put_disk(GString *text, const DiskSpec *disk)
{
    g_string_append_printf(text, "disk = %s,format=%s,interface=%s%s\n", disk->path, disk->format,
                           disk->interface, disk->read_only ? ",readonly" : "");
}

static void put_boot(GString *text, const char *letters)
{
    const char *separator = "";

    if (!letters)
        return;
    g_string_append(text, "boot = ");
    for (; *letters; letters++) {
        g_string_append_printf(text, "%s%s", separator,
                               *letters == 'c'   ? "disk"
                               : *letters == 'd' ? "cdrom"
                                                 : "network");
        separator = ", ";
    }
    g_string_append_c(text, '\n');
}

static void put_extra(GString *text, char *const *extra)
{
    for (; *extra; extra++) {
        g_autofree char *quoted = g_shell_quote(*extra);

        put(text, "extra", quoted);
    }
}

char *pair_config_to_text(const PairConfig *config)
{
    const PairUserVm *vm = &config->user_vm;
    const PairDomainR *r = &config->domain_r;
    const PairConsole *console = &config->console;
    GString *text = g_string_new("[pair]\n");

    put(text, "name", config->name);
    put(text, "uuid", config->uuid);

    g_string_append(text, "\n[user-vm]\n");
    put_size(text, "memory", vm->memory);
    g_string_append_printf(text, "cpus = %d\n", vm->cpus);
    put(text, "machine", vm->machine);
    put(text, "cpu", vm->cpu);
    put(text, "display", vm->display);
    for (gsize i = 0; i < vm->n_disks; i++)
        put_disk(text, &vm->disks[i]);
    put(text, "cdrom", vm->cdrom);
    put(text, "kernel", vm->kernel);
    put(text, "initrd", vm->initrd);
    put(text, "append", vm->append);
    put_boot(text, vm->boot);
    put(text, "bridge", vm->bridge);
    put(text, "mac", vm->mac);
    put(text, "nic", vm->nic);
    put_extra(text, vm->extra);

    g_string_append(text, "\n[domain-r]\n");
    put_size(text, "memory", r->memory);
    put(text, "address", r->address);
    put(text, "gateway", r->gateway);
    put(text, "address6", r->address6);
    put(text, "gateway6", r->gateway6);
    put(text, "bridge", r->bridge);
    put(text, "mac", r->mac);

    g_string_append(text, "\n[console]\n");
    g_string_append_printf(text, "port = %u\n", console->port);
    put(text, "layout", console->layout);
    put(text, "auth", console->open ? "none" : "password");
    put(text, "password", console->password);
    return g_string_free(text, FALSE);
}
