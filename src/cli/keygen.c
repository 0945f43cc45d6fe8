/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keygen.c - dmore keygen [FILE]: make the key that all hosts share
 */
#include "cli/cli.h"

#include "pair/psk.h"

gboolean keygen_run(const HostConfig *host, int argc, char **argv, GError **error)
{
    const char *path = host->key;

    if (!cli_parse(
            &argc, &argv, "[FILE]",
            "Makes a new key for the hosts to recognise each other by, in FILE (its name has "
            "to be " PSK_FILE ") or where the host's configuration says. Copy it to every "
            "host over a channel you trust.",
            NULL, 0, 1, error))
        return FALSE;
    if (argc > 1)
        path = argv[1];
    if (!psk_generate(path, error))
        return FALSE;
    cli_print("%s: a new key; copy it to the other hosts, with mode 600\n", path);
    return TRUE;
}
