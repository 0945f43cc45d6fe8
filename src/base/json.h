/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * json.h - reads a JSON object that somebody else has written, and its members
 *
 * A member that is absent and one of another type are the same: the fallback is returned.
 */
#ifndef DMORE_BASE_JSON_H
#define DMORE_BASE_JSON_H

#include <json-glib/json-glib.h>

#define JSON_DEPTH_MAX 64 /* objects and arrays inside of each other */

/* json_parse() - the object in a text that somebody else has written
 * @text: @size bytes
 *
 * Nothing but one object of JSON (RFC 8259) and blanks around it is taken; json-glib takes much
 * more.
 *
 * Return: (transfer full): NULL with DMORE_ERROR_PEER and a clause: "is not JSON: ...".
 */
JsonObject *json_parse(const char *text, gsize size, GError **error);

/* json_can_be_written() - whether an object's text, as json-glib writes it, can be read again
 *
 * It cannot with a few numbers, such as 1e17. Asked about what somebody else has sent and what is
 * to be kept or sent on.
 */
gboolean json_can_be_written(JsonObject *object);

/* The text stays the object's. */
const char *json_get_text(JsonObject *object, const char *name, const char *fallback);
gint64 json_get_integer(JsonObject *object, const char *name, gint64 fallback);
gboolean json_get_boolean(JsonObject *object, const char *name, gboolean fallback);

/* Borrowed; NULL when there is none. */
JsonObject *json_get_object(JsonObject *object, const char *name);
JsonArray *json_get_array(JsonObject *object, const char *name);

/* json_item() - the object at a place of an array, borrowed; NULL when there is something else */
JsonObject *json_item(JsonArray *array, guint place);

#endif
