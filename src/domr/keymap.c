/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keymap.c - how a keysym is typed on the layout that the guest is set to
 *
 * Keysyms are those of the X Window System Protocol, appendix A. Only a few ranges of them matter
 * here; they are named below.
 */
#include "domr/keymap.h"

#include <stdlib.h>

/* 0xff00 to 0xffff: keys without a character: Return, arrows, F1, Shift, keypad */
#define KEYSYM_FUNCTION_FIRST 0xff00u
#define KEYSYM_FUNCTION_LAST 0xffffu
/* 0xfe00 to 0xfe4f: Shift and group changing keys of the ISO keyboard; dead keys come after */
#define KEYSYM_ISO_FIRST 0xfe00u
#define KEYSYM_ISO_LAST 0xfe4fu
/* The keypad's second level: numbers */
#define KEYSYM_KP_DECIMAL 0xffaeu
#define KEYSYM_KP_0 0xffb0u
#define KEYSYM_KP_9 0xffb9u

/* The keypad's first level and the keys elsewhere that do the same */
static const struct {
    uint32_t keypad;
    uint32_t plain;
} navigation[] = {
    {0xff95, 0xff50}, /* Home */
    {0xff96, 0xff51}, /* Left */
    {0xff97, 0xff52}, /* Up */
    {0xff98, 0xff53}, /* Right */
    {0xff99, 0xff54}, /* Down */
    {0xff9a, 0xff55}, /* Page Up */
    {0xff9b, 0xff56}, /* Page Down */
    {0xff9c, 0xff57}, /* End */
    {0xff9e, 0xff63}, /* Insert */
    {0xff9f, 0xffff}, /* Delete */
};

void keymap_init(struct keymap *keymap, const struct setting_key *keys, size_t n_keys)
{
    *keymap = (struct keymap){.keys = keys, .n_keys = n_keys};
    for (size_t i = 0; i < n_keys; i++)
        keymap->has_altgr |= keys[i].modifiers & SETTING_KEY_ALTGR;
}

static int compare(const void *key, const void *element)
{
    uint32_t keysym = *(const uint32_t *)key;
    const struct setting_key *entry = element;

    return keysym < entry->keysym ? -1 : keysym > entry->keysym;
}

/* The guest's Num Lock decides what the keypad does, and the client's may stand differently. The
 * keysym that does the same elsewhere on the keyboard leaves the guest's lock alone. */
static uint32_t away_from_keypad(uint32_t keysym, bool num)
{
    if (!num && keysym >= KEYSYM_KP_0 && keysym <= KEYSYM_KP_9)
        return keysym - KEYSYM_KP_0 + '0';
    if (!num && keysym == KEYSYM_KP_DECIMAL)
        return '.';
    for (size_t i = 0; num && i < sizeof(navigation) / sizeof(navigation[0]); i++) {
        if (navigation[i].keypad == keysym)
            return navigation[i].plain;
    }
    return keysym;
}

/* Modifiers matter for characters. A client that holds Shift and presses an arrow means both. */
static bool is_character(uint32_t keysym)
{
    if (keysym >= KEYSYM_FUNCTION_FIRST && keysym <= KEYSYM_FUNCTION_LAST)
        return false;
    return keysym < KEYSYM_ISO_FIRST || keysym > KEYSYM_ISO_LAST;
}

bool keymap_find(const struct keymap *keymap, uint32_t keysym,
                 const struct keymap_conditions *conditions, struct keymap_stroke *stroke)
{
    const struct setting_key *entry;

    keysym = away_from_keypad(keysym, conditions->num);
    if (keymap->n_keys == 0)
        return false;
    entry = bsearch(&keysym, keymap->keys, keymap->n_keys, sizeof(*entry), compare);
    if (!entry)
        return false;

    *stroke = (struct keymap_stroke){.code = entry->code, .adjust = is_character(keysym)};
    stroke->shift = entry->modifiers & SETTING_KEY_SHIFT;
    stroke->altgr = entry->modifiers & SETTING_KEY_ALTGR;
    if (entry->modifiers & SETTING_KEY_CAPS && conditions->caps)
        stroke->shift = !stroke->shift;
    if (!keymap->has_altgr)
        stroke->altgr = conditions->altgr; /* right Alt is an Alt: leave it */
    return true;
}
