/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * values.h - reads the values of a configuration: one function for each kind of value
 *
 * All of them return FALSE with DMORE_ERROR_USAGE and a sentence that says what is allowed, and
 * leave
 * @result alone then.
 */
#ifndef DMORE_PAIR_VALUES_H
#define DMORE_PAIR_VALUES_H

#include <gio/gio.h>

/* value_error() - set DMORE_ERROR_USAGE and return FALSE */
gboolean value_error(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* value_size() - "512M": a number with K, M, G or T (powers of 1024) behind it
 * @result: bytes, from @min to @max
 */
gboolean value_size(const char *value, guint64 min, guint64 max, guint64 *result, GError **error);

/* value_size_text() - @bytes in the form that value_size() takes, in the largest unit that fits
 * @bytes: a multiple of 1024
 */
char *value_size_text(guint64 bytes);

/* value_integer() - a decimal number from @min to @max */
gboolean value_integer(const char *value, gint64 min, gint64 max, gint64 *result, GError **error);

/* value_choice() - one of the words in @choices, NULL-terminated
 * @result: its place there
 */
gboolean value_choice(const char *value, const char *const *choices, gsize *result, GError **error);

/* value_word() - text made of letters, digits and the characters in @others
 * @what: for the message: "a CPU model"
 * @result: a copy
 */
gboolean value_word(const char *value, const char *others, gsize max_length, const char *what,
                    char **result, GError **error);

/* value_path() - a path; a relative one begins in @directory, or is refused when that is NULL */
gboolean value_path(const char *value, const char *directory, char **result, GError **error);

/* value_mac() - "52:54:00:12:34:56", in lower case in @result; refuses group addresses */
gboolean value_mac(const char *value, char **result, GError **error);

/* value_address() - a numeric address of @family that one machine can have */
gboolean value_address(const char *value, GSocketFamily family, char **result, GError **error);

/* value_network_address() - the same with the length of its network's prefix: "10.0.0.5/24" */
gboolean value_network_address(const char *value, GSocketFamily family, char **result,
                               GError **error);

/* value_same_network() - whether @address lies in the network of @network_address; both valid */
gboolean value_same_network(const char *address, const char *network_address);

/* value_bridge() - a name that a network interface can have */
gboolean value_bridge(const char *value, char **result, GError **error);

#endif
