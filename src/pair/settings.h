/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * settings.h - makes the settings that Domain R is started with (region/settings.h)
 */
#ifndef DMORE_PAIR_SETTINGS_H
#define DMORE_PAIR_SETTINGS_H

#include "pair/config.h"

/* pair_settings_make() - the settings of a pair, with new keys and certificate for its console
 * Takes a few hundred milliseconds.
 *
 * Return: records, or NULL with DMORE_ERROR_USAGE when the keyboard layout does not exist.
 */
GBytes *pair_settings_make(const PairConfig *config, GError **error);

#endif
