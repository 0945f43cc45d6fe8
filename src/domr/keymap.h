/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keymap.h - how a keysym is typed on the layout that the guest is set to
 *
 * For clients that tell which character they mean (keysyms) and not which key was struck.
 */
#ifndef DMORE_DOMR_KEYMAP_H
#define DMORE_DOMR_KEYMAP_H

#include <stdbool.h>
#include <stddef.h>

#include "region/settings.h"

struct keymap {
    const struct setting_key *keys; /* sorted by keysym */
    size_t n_keys;
    bool has_altgr; /* some key of the layout needs AltGr, so right Alt is no plain Alt */
};

/* What is so in the guest: AltGr held, locks on. */
struct keymap_conditions {
    bool altgr;
    bool caps;
    bool num;
};

/* A key to be struck, and what has to hold while it goes down. */
struct keymap_stroke {
    uint16_t code; /* KEY_... */
    bool adjust;   /* whether shift and altgr matter; else they stay as they are */
    bool shift;
    bool altgr;
};

/* keymap_init() - @keys stay the caller's and have to stay */
void keymap_init(struct keymap *keymap, const struct setting_key *keys, size_t n_keys);

/* keymap_find() - how a keysym is typed under the conditions
 * Return: false when the layout has no key for it.
 */
bool keymap_find(const struct keymap *keymap, uint32_t keysym,
                 const struct keymap_conditions *conditions, struct keymap_stroke *stroke);

#endif
