/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dmore-pair/status.h"

#include <string.h>

#include "region/screen.h"

static JsonObject *vm_to_json(const Vm *vm)
{
    JsonObject *object = json_object_new();

    json_object_set_string_member(object, "state", vm_state_name(vm ? vm_state(vm) : VM_GONE));
    json_object_set_int_member(object, "pid", vm ? vm_pid(vm) : 0);
    return object;
}

static JsonObject *domain_r_to_json(const Pair *pair)
{
    JsonObject *object = vm_to_json(pair->domain_r);

    json_object_set_int_member(object, "replacements", pair->life.replaced);
    if (pair->life.because)
        json_object_set_string_member(object, "replaced_because", pair->life.because);
    if (pair->life.lacking)
        json_object_set_int_member(object, "replaced_in_ms", domain_r_due_ms(pair));
    json_object_set_int_member(object, "memory_bytes", (gint64)pair->config->domain_r.memory);
    if (!pair->region)
        return object;
    const struct region_status *status = region_status(&pair->region->region);
    g_autofree char *message = pair_domain_r_message(pair);
    json_object_set_boolean_member(object, "ready",
                                   pair->domain_r && vm_state(pair->domain_r) == VM_RUNNING &&
                                       status->state == REGION_STATE_READY);
    json_object_set_int_member(object, "clients", status->clients);
    /* Domain R's own word, for operators; older images do not say it. */
    gint64 free_kib = status->memory_free;
    if (free_kib)
        json_object_set_int_member(object, "memory_free_bytes", free_kib * 1024);
    json_object_set_boolean_member(object, "write_back", status->write_back == 1);
    json_object_set_string_member(object, "message", message);
    return object;
}

/* What Domain R says it listens on: a list divided by spaces, of which nothing is believed but that
 * it is text.
 */
static void add_addresses(const Pair *pair, JsonArray *addresses)
{
    const PairDomainR *config = &pair->config->domain_r;
    const char *const fixed[] = {config->address, config->address6};

    for (gsize i = 0; i < G_N_ELEMENTS(fixed); i++) {
        if (!fixed[i] || g_str_equal(fixed[i], "dhcp"))
            continue;
        g_auto(GStrv) parts = g_strsplit(fixed[i], "/", 2);
        json_array_add_string_element(addresses, parts[0]);
    }
    if (g_strcmp0(config->address, "dhcp") != 0 || !pair->region)
        return;

    const struct region_status *status = region_status(&pair->region->region);
    g_autofree char *text = pair_domain_r_text(status->address, sizeof(status->address));
    g_auto(GStrv) leased = g_strsplit_set(text, " ,", -1);
    for (char **address = leased; *address; address++)
        if (**address && !(config->address6 && g_str_has_prefix(config->address6, *address)))
            json_array_add_string_element(addresses, *address);
}

static JsonObject *console_to_json(const Pair *pair)
{
    JsonObject *object = json_object_new();
    JsonArray *addresses = json_array_new();

    add_addresses(pair, addresses);
    json_object_set_array_member(object, "address", addresses);
    json_object_set_int_member(object, "port", pair->config->console.port);
    json_object_set_string_member(object, "auth", pair->config->console.open ? "none" : "password");
    return object;
}

static JsonObject *screen_to_json(const Pair *pair)
{
    JsonObject *object = json_object_new();
    uint32_t sequence;
    struct screen_geometry geometry = screen_geometry(&pair->region->region, &sequence);

    json_object_set_int_member(object, "width", geometry.width);
    json_object_set_int_member(object, "height", geometry.height);
    if (pair->display) {
        json_object_set_string_member(object, "form", display_form(pair->display));
        json_object_set_int_member(object, "updates", (gint64)display_updates(pair->display));
    }
    return object;
}

static JsonArray *streams_to_json(const Pair *pair)
{
    JsonArray *array = json_array_new();

    for (int i = 0; i < REGION_STREAMS; i++) {
        RelayStreamStatus status = relay_stream_status(pair->relay, i);
        JsonObject *object = json_object_new();
        json_object_set_string_member(object, "name", status.name);
        json_object_set_int_member(object, "to_vm_bytes", (gint64)status.to_vm_bytes);
        json_object_set_int_member(object, "to_domain_r_bytes", (gint64)status.to_domain_r_bytes);
        json_object_set_boolean_member(object, "broken", status.broken);
        json_array_add_object_element(array, object);
    }
    return array;
}

JsonObject *status_make(const Pair *pair)
{
    JsonObject *object = json_object_new();
    const PairPlatform *platform = &pair->platform;

    json_object_set_string_member(object, "name", pair->config->name);
    json_object_set_string_member(object, "uuid", pair->config->uuid);
    json_object_set_string_member(object, "state", pair_state_name(pair->state));
    json_object_set_string_member(object, "accelerator", platform->accelerator);
    if (platform->accelerator_note)
        json_object_set_string_member(object, "accelerator_note", platform->accelerator_note);
    json_object_set_string_member(object, "qemu_version", platform->qemu_version);
    json_object_set_string_member(object, "image_id", platform->image_id);
    json_object_set_int_member(object, "migrations", pair->migrations);
    json_object_set_int_member(object, "adoptions", pair->adoptions);
    if (pair->last_migration)
        json_object_set_object_member(object, "last_migration",
                                      json_object_ref(pair->last_migration));
    else
        json_object_set_null_member(object, "last_migration");
    json_object_set_object_member(object, "user_vm", vm_to_json(pair->user_vm));
    json_object_set_object_member(object, "domain_r", domain_r_to_json(pair));
    json_object_set_object_member(object, "console", console_to_json(pair));
    if (pair->region)
        json_object_set_object_member(object, "screen", screen_to_json(pair));
    if (pair->relay)
        json_object_set_array_member(object, "streams", streams_to_json(pair));
    return object;
}

JsonObject *status_console(const Pair *pair)
{
    JsonObject *object = console_to_json(pair);

    if (!pair->config->console.open) {
        json_object_set_string_member(object, "user", pair->config->name);
        json_object_set_string_member(object, "password", pair->config->console.password);
    }
    return object;
}
