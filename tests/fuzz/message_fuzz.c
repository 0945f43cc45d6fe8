/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * message_fuzz.c - what another host that holds the key says over the link
 *
 * An input is what arrives. It is read as one piece and byte by byte, with the same messages as a
 * result; and a message that is sent on arrives as it was.
 */
#include <string.h>

#include "base/json.h"
#include "comigrate/message.h"
#include "fuzz-glib.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    fuzz_quiet_glib();
    return 0;
}

/* note() - one message as a text that can be compared */
static void note(GString *heard, const LinkMessage *message)
{
    g_autoptr(JsonNode) node = json_node_init_object(json_node_alloc(), message->object);
    g_autofree char *text = json_to_string(node, FALSE);
    gsize size = 0;
    const char *bytes = g_bytes_get_data(message->bytes, &size);

    g_string_append_printf(heard, "%s %zu ", text, size);
    g_string_append_len(heard, bytes, (gssize)size);
}

/* cut_all() - note all messages that are complete; FALSE after one that cannot be */
static gboolean cut_all(GByteArray *input, GString *heard)
{
    while (TRUE) {
        g_autoptr(GError) error = NULL;
        guint before = input->len;
        g_autoptr(LinkMessage) message = link_message_cut(input, &error);

        CHECK(message == NULL || error == NULL);
        if (error != NULL)
            g_string_append(heard, error->message);
        if (message == NULL) {
            CHECK(input->len == before);
            return error == NULL;
        }
        CHECK(input->len < before);
        note(heard, message);
    }
}

static void send_on(const uint8_t *bytes, size_t size)
{
    g_autoptr(GByteArray) input = g_byte_array_new();

    g_byte_array_append(input, bytes, (guint)size);
    g_autoptr(LinkMessage) message = link_message_cut(input, NULL);
    if (message == NULL)
        return;
    g_autoptr(GByteArray) wire = link_message_pack("again", message->object, message->bytes, NULL);
    CHECK(wire != NULL);
    g_autoptr(LinkMessage) arrived = link_message_cut(wire, NULL);
    CHECK(arrived != NULL && wire->len == 0);
    CHECK(strcmp(json_get_text(arrived->object, "message", ""), "again") == 0);
    CHECK(json_object_get_size(arrived->object) == json_object_get_size(message->object));
    CHECK(g_bytes_equal(arrived->bytes, message->bytes));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    g_autoptr(GByteArray) whole = g_byte_array_new();
    g_autoptr(GByteArray) pieces = g_byte_array_new();
    g_autoptr(GString) heard = g_string_new(NULL);
    g_autoptr(GString) heard_again = g_string_new(NULL);
    gboolean lost = FALSE;

    g_byte_array_append(whole, bytes, (guint)size);
    cut_all(whole, heard);
    for (size_t i = 0; i < size && !lost; i++) {
        g_byte_array_append(pieces, bytes + i, 1);
        lost = !cut_all(pieces, heard_again);
    }
    CHECK(g_string_equal(heard, heard_again));
    send_on(bytes, size);
    return 0;
}
