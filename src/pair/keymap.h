/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keymap.h - how each keysym is typed on a keyboard layout
 *
 * Domain R has no XKB data. It is given this table as the setting SETTING_KEYMAP and uses it for
 * clients that tell keysyms only.
 */
#ifndef DMORE_PAIR_KEYMAP_H
#define DMORE_PAIR_KEYMAP_H

#include <glib.h>

#include "region/settings.h"

/* keymap_compile() - the table of a layout
 * @layout: XKB's name of it, with a variant in brackets: "us", "jp", "de(nodeadkeys)"
 *
 * Takes a few ten milliseconds.
 *
 * Return: an array of struct setting_key, sorted by keysym, each keysym once; NULL with
 * DMORE_ERROR_USAGE when there is no such layout, DMORE_ERROR_HOST when XKB's data are missing.
 */
GArray *keymap_compile(const char *layout, GError **error);

#endif
