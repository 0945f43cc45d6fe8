/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * demo.c - dmore demo: show a console that survives a move
 *
 * The demonstration needs two hosts, a switch, a guest and a client. tests/lab/demo of the source
 * tree makes all of them on one machine; here it is run when dmore runs from a build tree.
 */
#include "cli/cli.h"

#include <errno.h>
#include <unistd.h>

#include "base/error.h"
#include "pair/program.h"

gboolean demo_run(const HostConfig *host, int argc, char **argv, GError **error)
{
    g_autofree char *directory = program_directory();
    g_autofree char *source = g_build_filename(directory, "..", "..", "..", NULL);
    g_autofree char *script = g_build_filename(source, "tests", "lab", "demo", NULL);
    g_autofree char *makefile = g_build_filename(source, "Makefile", NULL);

    if (!cli_parse(&argc, &argv, "",
                   "Makes two hosts, a switch and a VNC client on this machine, moves a pair from "
                   "one host to the other and back while somebody types, and prints what was seen.",
                   NULL, 0, 0, error))
        return FALSE;
    if (!g_file_test(script, G_FILE_TEST_EXISTS) || !g_file_test(makefile, G_FILE_TEST_EXISTS)) {
        cli_print(
            "The demonstration is a part of the source tree, not of an installation: it makes "
            "two\nhosts, a switch and a client on one machine. In the source tree of D-MORE, "
            "as root:\n\n    make demo          # KEEP=1 leaves it up to try by hand\n");
        return TRUE;
    }
    execlp("make", "make", "--no-print-directory", "-C", source, "demo", NULL);
    g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST,
                "cannot run make: %s; install the package make", g_strerror(errno));
    return FALSE;
}
