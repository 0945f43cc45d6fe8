/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli.h - the subcommands of dmore, one file each, and what they share
 */
#ifndef DMORE_CLI_CLI_H
#define DMORE_CLI_CLI_H

#include <json-glib/json-glib.h>

#include "pair/hostconfig.h"

/* A subcommand: @argv[0] is its name. It prints its result on standard output; on failure it prints
 * nothing but sets @error, of which main() makes a line on standard error and the exit status. */
typedef gboolean (*Subcommand)(const HostConfig *host, int argc, char **argv, GError **error);

gboolean up_run(const HostConfig *host, int argc, char **argv, GError **error);
gboolean status_run(const HostConfig *host, int argc, char **argv, GError **error);
gboolean migrate_run(const HostConfig *host, int argc, char **argv, GError **error);
gboolean cancel_run(const HostConfig *host, int argc, char **argv, GError **error);
gboolean console_run(const HostConfig *host, int argc, char **argv, GError **error);
gboolean screenshot_run(const HostConfig *host, int argc, char **argv, GError **error);
gboolean down_run(const HostConfig *host, int argc, char **argv, GError **error);
gboolean resolve_run(const HostConfig *host, int argc, char **argv, GError **error);
gboolean keygen_run(const HostConfig *host, int argc, char **argv, GError **error);
gboolean demo_run(const HostConfig *host, int argc, char **argv, GError **error);

/* cli_parse() - take the options off a subcommand's arguments, and count what is left
 * @usage: the arguments, for the help: "NAME HOST[:PORT]"
 * @summary: a sentence or two, for the help
 * @entries: (nullable): the options
 * @min: least number of arguments behind the options
 * @max: most
 *
 * With --help the help is printed and the program ends.
 *
 * Return: FALSE with DMORE_ERROR_USAGE; else @argv[1] is the first of @argc - 1 arguments.
 */
gboolean cli_parse(int *argc, char ***argv, const char *usage, const char *summary,
                   const GOptionEntry *entries, int min, int max, GError **error);

/* cli_print() - printf() to standard output, for text that may hold what another machine or a guest
 * has said: control characters but line breaks are replaced
 */
void cli_print(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* cli_print_json() - an object or array, indented, on standard output; @node is taken over */
void cli_print_json(JsonNode *node);
void cli_print_json_object(JsonObject *object);

/* cli_safe() - in place: control characters become "?" */
char *cli_safe(char *text);

#endif
