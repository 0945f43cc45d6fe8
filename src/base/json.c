/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/json.h"

#include <string.h>

#include "base/error.h"

/* What stands outside of strings in JSON. The parser takes more, such as comments, in which a quote
 * begins no string, and strings in single quotes: whoever counts brackets without it would be led
 * astray. */
static const char allowed[] = " \t\r\n{}[]:,+-.0123456789eEtrufalsn";

/* scan() - whether the parser, which recurses, may see a text; if not, a clause that tells why not
 */
static const char *scan(const char *text, gsize size)
{
    gboolean in_string = FALSE;
    gboolean ended = FALSE; /* what began as the first object has ended */
    int depth = 0;

    for (gsize i = 0; i < size; i++) {
        if (in_string) {
            in_string = text[i] != '"';
            i += text[i] == '\\';
            continue;
        }
        if (ended && !g_ascii_isspace(text[i]))
            return "goes on behind its first object";
        if (depth == 0 && text[i] != '{' && !g_ascii_isspace(text[i]))
            return "is not a JSON object";
        in_string = text[i] == '"';
        if (!in_string && (text[i] == '\0' || !strchr(allowed, text[i])))
            return "is not JSON";
        depth += text[i] == '{' || text[i] == '[';
        depth -= text[i] == '}' || text[i] == ']';
        ended |= depth == 0 && (text[i] == '}' || text[i] == ']');
        if (depth > JSON_DEPTH_MAX)
            return "is nested deeper than allowed";
    }
    return NULL;
}

JsonObject *json_parse(const char *text, gsize size, GError **error)
{
    g_autoptr(JsonParser) parser = json_parser_new_immutable();
    g_autoptr(GError) reason = NULL;
    const char *refusal = scan(text, size);

    if (refusal) {
        g_set_error_literal(error, DMORE_ERROR, DMORE_ERROR_PEER, refusal);
        return NULL;
    }
    if (!json_parser_load_from_data(parser, text, (gssize)size, &reason)) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_PEER, "is not JSON: %s", reason->message);
        return NULL;
    }

    JsonNode *root = json_parser_get_root(parser);

    if (!root || !JSON_NODE_HOLDS_OBJECT(root)) {
        g_set_error_literal(error, DMORE_ERROR, DMORE_ERROR_PEER, "is not a JSON object");
        return NULL;
    }
    return json_node_dup_object(root);
}

/* node_can_be_written() - of a value, with all in it. json-glib's writer puts ".0" behind a real
 * without a point, with an exponent or none: 1e17 becomes "1e+17.0", and 1e400 "inf.0". */
static gboolean node_can_be_written(JsonNode *node)
{
    gboolean can = TRUE;

    if (JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_DOUBLE) {
        char text[G_ASCII_DTOSTR_BUF_SIZE];

        g_ascii_dtostr(text, sizeof(text), json_node_get_double(node));
        can = strchr(text, '.') || !strpbrk(text, "en");
    }
    if (JSON_NODE_HOLDS_ARRAY(node)) {
        JsonArray *array = json_node_get_array(node);

        for (guint i = 0; can && i < json_array_get_length(array); i++)
            can = node_can_be_written(json_array_get_element(array, i));
    }
    if (JSON_NODE_HOLDS_OBJECT(node))
        can = json_can_be_written(json_node_get_object(node));
    return can;
}

gboolean json_can_be_written(JsonObject *object)
{
    JsonObjectIter iter;
    JsonNode *member = NULL;
    gboolean can = TRUE;

    json_object_iter_init(&iter, object);
    while (can && json_object_iter_next(&iter, NULL, &member))
        can = node_can_be_written(member);
    return can;
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

JsonObject *json_item(JsonArray *array, guint place)
{
    JsonNode *node = json_array_get_element(array, place);

    return JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}
