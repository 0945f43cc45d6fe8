/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/json.h"

gboolean json_too_deep(const char *text, gsize size)
{
    gboolean in_string = FALSE;
    int depth = 0;

    for (gsize i = 0; i < size; i++) {
        if (in_string && text[i] == '\\')
            i++;
        else if (text[i] == '"')
            in_string = !in_string;
        else if (!in_string && (text[i] == '{' || text[i] == '['))
            depth++;
        else if (!in_string && (text[i] == '}' || text[i] == ']'))
            depth--;
        if (depth > JSON_DEPTH_MAX)
            return TRUE;
    }
    return FALSE;
}

static JsonNode *value(JsonObject *object, const char *name, GType type)
{
    JsonNode *node = json_object_get_member(object, name);

    if (!node || !JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != type)
        return NULL;
    return node;
}

const char *json_get_text(JsonObject *object, const char *name, const char *fallback)
{
    JsonNode *node = value(object, name, G_TYPE_STRING);

    return node ? json_node_get_string(node) : fallback;
}

gint64 json_get_integer(JsonObject *object, const char *name, gint64 fallback)
{
    JsonNode *node = value(object, name, G_TYPE_INT64);

    return node ? json_node_get_int(node) : fallback;
}

gboolean json_get_boolean(JsonObject *object, const char *name, gboolean fallback)
{
    JsonNode *node = value(object, name, G_TYPE_BOOLEAN);

    return node ? json_node_get_boolean(node) : fallback;
}

JsonObject *json_get_object(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);

    return node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

JsonArray *json_get_array(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);

    return node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
}
