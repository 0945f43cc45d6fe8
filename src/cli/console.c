/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * console.c - dmore console NAME: how to connect to the console
 */
#include "cli/cli.h"

#include <string.h>

#include "base/json.h"
#include "pair/client.h"

static void print_addresses(JsonObject *console)
{
    JsonArray *addresses = json_get_array(console, "address");
    guint n = addresses ? json_array_get_length(addresses) : 0;
    int port = (int)json_get_integer(console, "port", 0);

    for (guint i = 0; i < n; i++) {
        const char *address = json_array_get_string_element(addresses, i);
        gboolean ipv6 = address && strchr(address, ':') != NULL;

        cli_print("console   %s%s%s port %d\n", ipv6 ? "[" : "", address ? address : "?",
                  ipv6 ? "]" : "", port);
        if (i == 0)
            cli_print("viewer    vncviewer %s%s%s::%d\n", ipv6 ? "[" : "", address ? address : "?",
                      ipv6 ? "]" : "", port);
    }
    if (n == 0)
        cli_print("console   port %d, at an address that Domain R has not got yet\n", port);
}

gboolean console_run(const HostConfig *host, int argc, char **argv, GError **error)
{
    gboolean json = FALSE;
    const GOptionEntry entries[] = {
        {"json", 0, 0, G_OPTION_ARG_NONE, &json, "print JSON", NULL},
        {0},
    };

    if (!cli_parse(&argc, &argv, "NAME", "Prints how to connect to the console of a pair.", entries,
                   1, 1, error))
        return FALSE;

    g_autoptr(JsonObject) console = client_call(host, argv[1], "console", NULL, error);

    if (!console)
        return FALSE;
    if (json) {
        cli_print_json_object(console);
        return TRUE;
    }
    print_addresses(console);
    if (strcmp(json_get_text(console, "auth", ""), "none") == 0) {
        cli_print("password  none is asked for: whoever reaches the address may use the console\n");
        return TRUE;
    }
    cli_print("user      %s (any will do)\n", json_get_text(console, "user", "any"));
    cli_print("password  %s\n", json_get_text(console, "password", ""));
    return TRUE;
}
