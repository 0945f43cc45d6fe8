/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * options.h - the options of a command line
 */
#ifndef DMORE_BASE_OPTIONS_H
#define DMORE_BASE_OPTIONS_H

#include <glib.h>

/* options_parse() - take the options off a command line
 * @context: with all that the help is to say but the option --help itself
 *
 * With --help the help is printed, in ASCII whatever the locale, and the program ends.
 *
 * Return: FALSE with an error of G_OPTION_ERROR.
 */
gboolean options_parse(GOptionContext *context, int *argc, char ***argv, GError **error);

#endif
