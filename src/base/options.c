/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * options.c - the options of a command line
 *
 * GLib's own help has a character that is no ASCII in its first line, and comes out as a question
 * mark where the locale has no other characters.
 */
#include "base/options.h"

#include <stdio.h>
#include <stdlib.h>

static void print_help(GOptionContext *context)
{
    g_autofree char *help = g_option_context_get_help(context, TRUE, NULL);
    g_autoptr(GString) text = g_string_new(help);

    g_string_replace(text, "\u2026", "...", 0);
    fputs(text->str, stdout);
}

gboolean options_parse(GOptionContext *context, int *argc, char ***argv, GError **error)
{
    gboolean help = FALSE;
    const GOptionEntry entries[] = {
        {"help", 'h', 0, G_OPTION_ARG_NONE, &help, "print this help", NULL},
        {0},
    };

    g_option_context_set_help_enabled(context, FALSE);
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, argc, argv, error))
        return FALSE;
    if (help) {
        print_help(context);
        exit(0);
    }
    return TRUE;
}
