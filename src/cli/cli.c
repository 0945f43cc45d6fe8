/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli.c - what the subcommands share: options and output
 */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/options.h"

gboolean cli_parse(int *argc, char ***argv, const char *usage, const char *summary,
                   const GOptionEntry *entries, int min, int max, GError **error)
{
    g_autoptr(GOptionContext) context = g_option_context_new(usage);
    g_autoptr(GError) cause = NULL;
    const char *name = (*argv)[0];
    g_autofree char *program = g_strdup_printf("dmore %s", name);

    g_option_context_set_summary(context, summary);
    if (entries)
        g_option_context_add_main_entries(context, entries, NULL);
    /* GLib takes the program's name for the help from the first argument. */
    (*argv)[0] = program;
    g_set_prgname(program);

    gboolean parsed = options_parse(context, argc, argv, &cause);

    (*argv)[0] = (char *)name;
    if (!parsed) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_USAGE,
                    "%s; \"dmore %s --help\" lists the options", cause->message, name);
        return FALSE;
    }
    if (*argc - 1 < min || *argc - 1 > max) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_USAGE, "%s arguments; say \"dmore %s%s%s\"",
                    *argc - 1 < min ? "too few" : "too many", name, *usage ? " " : "", usage);
        return FALSE;
    }
    return TRUE;
}

char *cli_safe(char *text)
{
    for (char *at = text; *at; at++)
        if (g_ascii_iscntrl(*at) && *at != '\n')
            *at = '?';
    return text;
}

void cli_print(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    fputs(cli_safe(text), stdout);
}

void cli_print_json(JsonNode *node)
{
    g_autofree char *text = json_to_string(node, TRUE);

    json_node_free(node);
    puts(text);
}

void cli_print_json_object(JsonObject *object)
{
    cli_print_json(json_node_init_object(json_node_alloc(), object));
}
