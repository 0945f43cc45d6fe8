/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "comigrate/offer.h"

#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "comigrate/note.h"

JsonObject *offer_make(const Pair *pair, const char *id)
{
    JsonObject *offer = json_object_new();
    const PairPlatform *platform = &pair->platform;
    g_autofree char *config = pair_config_to_text(pair->config);

    json_object_set_int_member(offer, "version", OFFER_VERSION);
    json_object_set_int_member(offer, "compatible", OFFER_COMPATIBLE);
    json_object_set_string_member(offer, "id", id);
    json_object_set_string_member(offer, "config", config);
    json_object_set_string_member(offer, "accelerator", platform->accelerator);
    json_object_set_string_member(offer, "qemu_version", platform->qemu_version);
    json_object_set_string_member(offer, "image_id", platform->image_id);
    json_object_set_string_member(offer, "user_vm_machine", platform->user_vm_machine);
    json_object_set_string_member(offer, "domain_r_machine", platform->domain_r_machine);
    json_object_set_int_member(offer, "migrations", pair->migrations);
    json_object_set_int_member(offer, "region_size", (gint64)pair->region->region.size);
    return offer;
}

static gboolean check_version(JsonObject *offer, GError **error)
{
    gint64 compatible = json_get_integer(offer, "compatible", -1);
    gint64 version = json_get_integer(offer, "version", -1);

    if (version >= 0 && version < OFFER_COMPATIBLE) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_PEER,
                    "the other host speaks only version %" G_GINT64_FORMAT " of the protocol, this "
                    "one %d; upgrade D-MORE there",
                    version, OFFER_VERSION);
        return FALSE;
    }
    if (compatible < 0 || compatible > OFFER_VERSION) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_PEER,
                    "the other host speaks version %" G_GINT64_FORMAT " of the protocol, this one "
                    "only version %d; upgrade D-MORE on this host",
                    version, OFFER_VERSION);
        return FALSE;
    }
    return TRUE;
}

const char *offer_id(JsonObject *offer, GError **error)
{
    const char *id = json_get_text(offer, "id", NULL);

    if (!check_version(offer, error))
        return NULL;
    if (note_id_check(id))
        return id;
    g_set_error_literal(error, DMORE_ERROR, DMORE_ERROR_PEER,
                        "the offered co-migration has no id, or a wrong one");
    return NULL;
}

/* A machine type exists from one QEMU on for ever, so the host with the older QEMU is refused. */
static gboolean check_machine(const Probe *probe, const char *machine, GCancellable *cancellable,
                              GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *known =
        machine ? cmdline_machine(probe, machine, cancellable, &failure) : NULL;

    if (failure && !g_error_matches(failure, DMORE_ERROR, DMORE_ERROR_USAGE)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (!known) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST,
                    "this host's QEMU %s does not know the machine type %s; upgrade it",
                    probe->version, machine ? machine : "(none)");
        return FALSE;
    }
    return TRUE;
}

static gboolean check_same(const char *what, const char *there, const char *here,
                           const char *remedy, GError **error)
{
    if (there && g_str_equal(there, here))
        return TRUE;
    g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST,
                "the two hosts have a different %s (%s there, %s here); %s", what,
                there ? there : "none", here, remedy);
    return FALSE;
}

static gboolean check_platform(const Pair *pair, JsonObject *offer, GCancellable *cancellable,
                               GError **error)
{
    return check_same("image of Domain R", json_get_text(offer, "image_id", NULL),
                      pair->platform.image_id, "install the same image on both", error) &&
           check_same("accelerator", json_get_text(offer, "accelerator", NULL),
                      pair->platform.accelerator, "a VM cannot move between them", error) &&
           check_machine(pair->probe, json_get_text(offer, "user_vm_machine", NULL), cancellable,
                         error) &&
           check_machine(pair->probe, json_get_text(offer, "domain_r_machine", NULL), cancellable,
                         error);
}

static void replace(char **text, const char *with)
{
    g_free(*text);
    *text = g_strdup(with);
}

Pair *offer_take(const HostConfig *host, JsonObject *offer, GBytes *settings,
                 GCancellable *cancellable, GError **error)
{
    if (!offer_id(offer, error))
        return NULL;

    const char *text = json_get_text(offer, "config", "");
    PairConfig *config = pair_config_parse(text, strlen(text), "the offered pair", error);
    if (!config)
        return NULL;
    g_autoptr(Pair) pair = pair_new(host, config, settings, cancellable, error);
    if (!pair || !check_platform(pair, offer, cancellable, error) || !pair_check_host(pair, error))
        return NULL;

    /* The machines are those that the VMs run on there, whatever this host's newest would be. */
    replace(&pair->platform.user_vm_machine, json_get_text(offer, "user_vm_machine", NULL));
    replace(&pair->platform.domain_r_machine, json_get_text(offer, "domain_r_machine", NULL));
    gint64 region_size = json_get_integer(offer, "region_size", 0);
    if (region_size < REGION_MIN_SIZE || region_size > REGION_MAX_SIZE) {
        g_set_error_literal(error, DMORE_ERROR, DMORE_ERROR_PEER,
                            "the offered pair has a region of an impossible size");
        return NULL;
    }
    pair->region_size = (gsize)region_size;
    pair->migrations = json_get_integer(offer, "migrations", 0);
    return g_steal_pointer(&pair);
}
