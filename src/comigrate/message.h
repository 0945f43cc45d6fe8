/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * message.h - a message between two hosts, and its form on the wire
 *
 * A message is a JSON object with a member that names it, and optionally bytes with it. On the wire
 * it is, little-endian: u32 length of the JSON text, u32 length of the bytes, the text, the bytes.
 */
#ifndef DMORE_COMIGRATE_MESSAGE_H
#define DMORE_COMIGRATE_MESSAGE_H

#include <json-glib/json-glib.h>

#define LINK_MESSAGE_MEMBER "message" /* has the message's name */
#define LINK_MAX_TEXT (1u << 20)      /* bytes of JSON in a message */
#define LINK_MAX_BYTES (16u << 20)    /* bytes that come with it */

typedef struct {
    JsonObject *object;
    GBytes *bytes; /* never NULL, maybe empty */
} LinkMessage;

void link_message_free(LinkMessage *message);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LinkMessage, link_message_free)

/* link_message_is() - whether it has this name */
gboolean link_message_is(const LinkMessage *message, const char *name);

/* link_message_cut() - take the first message off the front of what has arrived
 * Return: NULL when it is not complete yet; NULL with DMORE_ERROR_PEER and a clause, "it sent ...",
 * when what is there can be none.
 */
LinkMessage *link_message_cut(GByteArray *input, GError **error);

/* link_message_pack() - a message as it goes over the wire
 * @name: becomes a member of @object
 * @bytes: (nullable)
 *
 * Return: NULL with DMORE_ERROR_FAILED when it is too long to be sent.
 */
GByteArray *link_message_pack(const char *name, JsonObject *object, GBytes *bytes, GError **error);

#endif
