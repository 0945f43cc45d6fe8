/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pair/pair-state.h"

#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "pair/rundir.h"

/* The texts of the platform: where each is, and what it is called in the file. */
static const struct {
    const char *name;
    gsize offset;
} platform_texts[] = {
    {"accelerator", G_STRUCT_OFFSET(PairPlatform, accelerator)},
    {"accelerator_note", G_STRUCT_OFFSET(PairPlatform, accelerator_note)},
    {"qemu_version", G_STRUCT_OFFSET(PairPlatform, qemu_version)},
    {"image_id", G_STRUCT_OFFSET(PairPlatform, image_id)},
    {"user_vm_machine", G_STRUCT_OFFSET(PairPlatform, user_vm_machine)},
    {"domain_r_machine", G_STRUCT_OFFSET(PairPlatform, domain_r_machine)},
};

static char **platform_text(PairPlatform *platform, gsize i)
{
    return (char **)G_STRUCT_MEMBER_P(platform, platform_texts[i].offset);
}

static JsonObject *platform_to_json(PairPlatform platform)
{
    JsonObject *object = json_object_new();

    for (gsize i = 0; i < G_N_ELEMENTS(platform_texts); i++) {
        const char *text = *platform_text(&platform, i);
        if (text)
            json_object_set_string_member(object, platform_texts[i].name, text);
    }
    return object;
}

gboolean pair_state_write(const Pair *pair, GError **error)
{
    g_autofree char *path = pair_path(pair, RUN_STATE);
    g_autoptr(JsonNode) node = json_node_new(JSON_NODE_OBJECT);
    g_autoptr(GError) failure = NULL;
    JsonObject *object = json_object_new();

    json_object_set_int_member(object, "version", PAIR_STATE_VERSION);
    json_object_set_string_member(object, "state", pair_state_name(pair->state));
    json_object_set_int_member(object, "migrations", pair->migrations);
    json_object_set_int_member(object, "adoptions", pair->adoptions);
    json_object_set_object_member(object, "platform", platform_to_json(pair->platform));
    if (pair->last_migration)
        json_object_set_object_member(object, "last_migration",
                                      json_object_ref(pair->last_migration));
    json_node_take_object(node, object);

    g_autofree char *text = json_to_string(node, TRUE);
    if (g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, &failure))
        return TRUE;
    g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST, "cannot note the pair's state: %s",
                failure->message);
    return FALSE;
}

static gboolean state_from_name(const char *name, PairState *state)
{
    for (PairState i = PAIR_STARTING; i <= PAIR_STOPPING; i++) {
        if (!g_str_equal(name, pair_state_name(i)))
            continue;
        *state = i;
        return TRUE;
    }
    return FALSE;
}

static void take_platform(JsonObject *object, PairPlatform *platform)
{
    for (gsize i = 0; i < G_N_ELEMENTS(platform_texts); i++) {
        char **text = platform_text(platform, i);
        g_free(*text);
        *text = g_strdup(json_get_text(object, platform_texts[i].name, NULL));
    }
}

/* Return: (transfer full): what the file holds, NULL with an error when it cannot be read. */
static JsonObject *load(const char *path, PairState *state, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *text = NULL;
    gsize size = 0;

    if (!g_file_get_contents(path, &text, &size, &failure)) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST, "cannot read %s: %s", path,
                    failure->message);
        return NULL;
    }
    g_autoptr(JsonObject) object = json_parse(text, size, NULL);
    if (object && json_get_integer(object, "version", 0) == PAIR_STATE_VERSION &&
        json_get_object(object, "platform") &&
        state_from_name(json_get_text(object, "state", ""), state))
        return g_steal_pointer(&object);
    g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST,
                "%s is not of this version of D-MORE; end the pair's processes and start it again",
                path);
    return NULL;
}

gboolean pair_state_read(Pair *pair, GError **error)
{
    g_autofree char *path = pair_path(pair, RUN_STATE);
    PairState state = PAIR_STARTING;
    g_autoptr(JsonObject) object = load(path, &state, error);

    if (!object)
        return FALSE;
    JsonObject *last_migration = json_get_object(object, "last_migration");
    pair->state = state;
    pair->migrations = json_get_integer(object, "migrations", 0);
    pair->adoptions = json_get_integer(object, "adoptions", 0);
    g_clear_pointer(&pair->last_migration, json_object_unref);
    pair->last_migration = last_migration ? json_object_ref(last_migration) : NULL;
    take_platform(json_get_object(object, "platform"), &pair->platform);
    return TRUE;
}

PairState pair_state_noted(const char *run, const char *name)
{
    g_autofree char *path = rundir_path(run, name, RUN_STATE);
    PairState state = PAIR_STARTING;
    g_autoptr(JsonObject) object = load(path, &state, NULL);

    return state;
}
