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
 * more. A number with a point or an exponent is smaller than 2^53, so that what is taken can be
 * written again.
 *
 * Return: (transfer full): NULL with DMORE_ERROR_PEER and a clause: "is not JSON: ...".
 */
JsonObject *json_parse(const char *text, gsize size, GError **error);

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
