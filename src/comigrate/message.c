/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "comigrate/message.h"

#include <string.h>

#include "base/error.h"
#include "base/json.h"

#define HEADER_SIZE 8

void link_message_free(LinkMessage *message)
{
    json_object_unref(message->object);
    g_bytes_unref(message->bytes);
    g_free(message);
}

gboolean link_message_is(const LinkMessage *message, const char *name)
{
    return g_str_equal(json_get_text(message->object, LINK_MESSAGE_MEMBER, ""), name);
}

LinkMessage *link_message_cut(GByteArray *input, GError **error)
{
    guint32 lengths[2];

    if (input->len < HEADER_SIZE)
        return NULL;
    memcpy(lengths, input->data, sizeof(lengths));
    gsize text_length = GUINT32_FROM_LE(lengths[0]);
    gsize bytes_length = GUINT32_FROM_LE(lengths[1]);
    if (text_length > LINK_MAX_TEXT || bytes_length > LINK_MAX_BYTES) {
        g_set_error_literal(error, DMORE_ERROR, DMORE_ERROR_PEER,
                            "it sent a message that is too long");
        return NULL;
    }
    if (input->len < HEADER_SIZE + text_length + bytes_length)
        return NULL;

    const char *text = (const char *)input->data + HEADER_SIZE;
    g_autoptr(JsonObject) object = json_parse(text, text_length, error);
    if (!object) {
        g_prefix_error(error, "it sent a message that ");
        return NULL;
    }
    if (!json_can_be_written(object)) {
        /* What a message tells of a co-migration goes into the pair's state as it is. */
        g_set_error_literal(error, DMORE_ERROR, DMORE_ERROR_PEER,
                            "it sent a message that has a number out of range");
        return NULL;
    }

    LinkMessage *message = g_new0(LinkMessage, 1);
    message->object = g_steal_pointer(&object);
    message->bytes = g_bytes_new(text + text_length, bytes_length);
    g_byte_array_remove_range(input, 0, (guint)(HEADER_SIZE + text_length + bytes_length));
    return message;
}

GByteArray *link_message_pack(const char *name, JsonObject *object, GBytes *bytes, GError **error)
{
    json_object_set_string_member(object, LINK_MESSAGE_MEMBER, name);
    g_autoptr(JsonNode) node = json_node_init_object(json_node_alloc(), object);
    g_autofree char *text = json_to_string(node, FALSE);

    gsize size = 0;
    const guint8 *data = bytes ? g_bytes_get_data(bytes, &size) : NULL;
    gsize text_length = strlen(text);
    if (text_length > LINK_MAX_TEXT || size > LINK_MAX_BYTES) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_FAILED,
                    "the message '%s' of %zu bytes is too long to be sent", name,
                    text_length + size);
        return NULL;
    }

    guint32 lengths[2] = {GUINT32_TO_LE((guint32)text_length), GUINT32_TO_LE((guint32)size)};
    GByteArray *wire = g_byte_array_new();
    g_byte_array_append(wire, (const guint8 *)lengths, sizeof(lengths));
    g_byte_array_append(wire, (const guint8 *)text, (guint)text_length);
    g_byte_array_append(wire, data, (guint)size);
    return wire;
}
