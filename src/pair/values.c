/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * values.c - reads the values of a configuration
 */
#include "pair/values.h"

#include <net/if.h>
#include <string.h>

#include "base/error.h"

gboolean value_error(GError **error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_autoptr(GError) created =
        g_error_new_valist(DMORE_ERROR, DMORE_ERROR_USAGE, format, arguments);
    va_end(arguments);
    g_propagate_error(error, g_steal_pointer(&created));
    return FALSE;
}

char *value_size_text(guint64 bytes)
{
    static const char units[] = "KMGT";
    int unit = 0;

    for (bytes /= 1024; unit < 3 && bytes >= 1024 && bytes % 1024 == 0; bytes /= 1024)
        unit++;
    return g_strdup_printf("%" G_GUINT64_FORMAT "%c", bytes, units[unit]);
}

gboolean value_size(const char *value, guint64 min, guint64 max, guint64 *result, GError **error)
{
    static const char units[] = "KMGT";
    gsize digits = strspn(value, "0123456789");
    const char *unit = value[digits] ? strchr(units, g_ascii_toupper(value[digits])) : NULL;
    g_autofree char *least = value_size_text(min);
    g_autofree char *most = value_size_text(max);
    guint64 number = 0;
    guint64 factor = 0;

    if (digits == 0 || !unit || value[digits + 1] != '\0')
        return value_error(
            error, "\"%s\" is no size; write a number and K, M, G or T, as in \"512M\"", value);
    factor = (guint64)1 << (10 * (unit - units + 1));
    number = g_ascii_strtoull(value, NULL, 10);
    if (number > max / factor || number * factor < min)
        return value_error(error, "\"%s\" is out of range; allowed is %s to %s", value, least,
                           most);
    *result = number * factor;
    return TRUE;
}

gboolean value_integer(const char *value, gint64 min, gint64 max, gint64 *result, GError **error)
{
    if (!g_ascii_string_to_signed(value, 10, min, max, result, NULL))
        return value_error(error,
                           "\"%s\" is not allowed; write a whole number from %" G_GINT64_FORMAT
                           " to %" G_GINT64_FORMAT,
                           value, min, max);
    return TRUE;
}

gboolean value_choice(const char *value, const char *const *choices, gsize *result, GError **error)
{
    g_autofree char *allowed = NULL;

    for (gsize i = 0; choices[i]; i++) {
        if (strcmp(choices[i], value) == 0) {
            *result = i;
            return TRUE;
        }
    }
    allowed = g_strjoinv(", ", (char **)choices);
    return value_error(error, "\"%s\" is not allowed; it is one of %s", value, allowed);
}

gboolean value_word(const char *value, const char *others, gsize max_length, const char *what,
                    char **result, GError **error)
{
    for (const char *at = value; *at; at++)
        if (!g_ascii_isalnum(*at) && !strchr(others, *at))
            return value_error(error, "\"%s\" is not %s; it is made of letters, digits and \"%s\"",
                               value, what, others);
    if (*value == '\0' || strlen(value) > max_length)
        return value_error(error, "\"%s\" is not %s; it has 1 to %" G_GSIZE_FORMAT " characters",
                           value, what, max_length);
    g_free(*result);
    *result = g_strdup(value);
    return TRUE;
}

gboolean value_path(const char *value, const char *directory, char **result, GError **error)
{
    if (!g_path_is_absolute(value) && !directory)
        return value_error(error, "\"%s\" is a relative path; here it has to begin with /", value);
    g_autofree char *path = g_canonicalize_filename(value, directory);

    /* The directory is not from the file and could hold anything; it has to fit into a line. */
    if (strchr(path, '\n'))
        return value_error(error, "the path of directory %s has a line break in it", directory);
    /* The next reader of the line would take it for no part of the value. */
    if (g_ascii_isspace(path[strlen(path) - 1]))
        return value_error(error, "\"%s\" ends with a blank; rename it", path);
    g_free(*result);
    *result = g_steal_pointer(&path);
    return TRUE;
}

gboolean value_mac(const char *value, char **result, GError **error)
{
    gsize length = strlen(value);
    gboolean form = length == 17;

    for (gsize i = 0; form && i < length; i++)
        form = i % 3 == 2 ? value[i] == ':' : g_ascii_isxdigit(value[i]);
    if (!form)
        return value_error(error, "\"%s\" is no MAC address; write it as 52:54:00:12:34:56", value);
    if (g_ascii_xdigit_value(value[1]) & 1)
        return value_error(error, "%s is the address of a group; a VM needs one of its own", value);
    if (strcmp(value, "00:00:00:00:00:00") == 0)
        return value_error(error, "%s is nobody's address", value);
    g_free(*result);
    *result = g_ascii_strdown(value, -1);
    return TRUE;
}

static gboolean check_address(GInetAddress *address, const char *value, GSocketFamily family,
                              GError **error)
{
    const char *kind = family == G_SOCKET_FAMILY_IPV4 ? "IPv4" : "IPv6";
    const char *example = family == G_SOCKET_FAMILY_IPV4 ? "10.0.0.5" : "fd00::5";

    if (!address || g_inet_address_get_family(address) != family)
        return value_error(error, "\"%s\" is no %s address; write one as in \"%s\"", value, kind,
                           example);
    if (g_inet_address_get_is_any(address) || g_inet_address_get_is_loopback(address) ||
        g_inet_address_get_is_multicast(address))
        return value_error(error, "%s is no address that a machine on a network can have", value);
    return TRUE;
}

gboolean value_address(const char *value, GSocketFamily family, char **result, GError **error)
{
    g_autoptr(GInetAddress) address = g_inet_address_new_from_string(value);

    if (!check_address(address, value, family, error))
        return FALSE;
    g_free(*result);
    *result = g_inet_address_to_string(address);
    return TRUE;
}

/* Whether all bits of @address from @prefix on have the value @bit. */
static gboolean host_bits_are(GInetAddress *address, gsize prefix, int bit)
{
    const guint8 *bytes = g_inet_address_to_bytes(address);
    gsize bits = g_inet_address_get_native_size(address) * 8;

    for (gsize i = prefix; i < bits; i++)
        if (((bytes[i / 8] >> (7 - i % 8)) & 1) != bit)
            return FALSE;
    return TRUE;
}

gboolean value_network_address(const char *value, GSocketFamily family, char **result,
                               GError **error)
{
    gsize bits = family == G_SOCKET_FAMILY_IPV4 ? 32 : 128;
    const char *slash = strchr(value, '/');
    g_autofree char *host = slash ? g_strndup(value, slash - value) : g_strdup(value);
    g_autoptr(GInetAddress) address = g_inet_address_new_from_string(host);
    g_autofree char *text = NULL;
    gint64 prefix = 0;

    if (!check_address(address, host, family, error))
        return FALSE;
    if (!slash || !g_ascii_string_to_signed(slash + 1, 10, 1, (gint64)bits, &prefix, NULL))
        return value_error(error,
                           "\"%s\" lacks the length of the network's prefix, 1 to %" G_GSIZE_FORMAT
                           "; write it as in \"%s/%d\"",
                           value, bits, host, family == G_SOCKET_FAMILY_IPV4 ? 24 : 64);
    /* RFC 3021: in networks of two addresses both are a machine's. */
    if (family == G_SOCKET_FAMILY_IPV4 && prefix < 31 &&
        (host_bits_are(address, prefix, 0) || host_bits_are(address, prefix, 1)))
        return value_error(error, "%s is the address of the whole network; give one machine's",
                           value);
    text = g_inet_address_to_string(address);
    g_free(*result);
    *result = g_strdup_printf("%s/%d", text, (int)prefix);
    return TRUE;
}

gboolean value_same_network(const char *address, const char *network_address)
{
    g_auto(GStrv) parts = g_strsplit(network_address, "/", 2);
    g_autoptr(GInetAddress) a = g_inet_address_new_from_string(address);
    g_autoptr(GInetAddress) b = g_inet_address_new_from_string(parts[0]);
    guint64 prefix = g_ascii_strtoull(parts[1], NULL, 10);
    const guint8 *left = g_inet_address_to_bytes(a);
    const guint8 *right = g_inet_address_to_bytes(b);

    for (guint64 i = 0; i < prefix; i++)
        if (((left[i / 8] ^ right[i / 8]) >> (7 - i % 8)) & 1)
            return FALSE;
    return TRUE;
}

gboolean value_bridge(const char *value, char **result, GError **error)
{
    if (!value_word(value, "-_.:@", IFNAMSIZ - 1, "the name of a bridge", result, error))
        return FALSE;
    return TRUE;
}
