/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * screenshot.c - dmore screenshot NAME FILE.png: a picture of the console
 *
 * dmore-pair, which has the screen, writes the file.
 */
#include "cli/cli.h"

#include "base/json.h"
#include "pair/client.h"

gboolean screenshot_run(const HostConfig *host, int argc, char **argv, GError **error)
{
    if (!cli_parse(&argc, &argv, "NAME FILE.png",
                   "Writes a picture of the user VM's screen as a PNG file.", NULL, 2, 2, error))
        return FALSE;

    JsonObject *arguments = json_object_new();
    g_autofree char *path = g_canonicalize_filename(argv[2], NULL);

    json_object_set_string_member(arguments, "path", path);

    g_autoptr(JsonObject) result = client_call(host, argv[1], "screenshot", arguments, error);

    if (!result)
        return FALSE;
    cli_print("%s: %d x %d pixels\n", argv[2], (int)json_get_integer(result, "width", 0),
              (int)json_get_integer(result, "height", 0));
    return TRUE;
}
