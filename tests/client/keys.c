/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keys.c - which keys a person presses to type a text on a keyboard of a given layout
 *
 * The layout is XKB's own, so the client's idea of a keyboard is made independently of the tables
 * that the product under test has.
 */
#include "keys.h"

#include <gio/gio.h>
#include <linux/input-event-codes.h>
#include <xkbcommon/xkbcommon.h>

/* An XKB key code is the evdev code plus this. */
#define XKB_OFFSET 8

struct Keyboard {
    struct xkb_context *context;
    struct xkb_keymap *keymap;
};

Keyboard *keyboard_new(const char *layout, GError **error)
{
    Keyboard *keyboard = g_new0(Keyboard, 1);
    const struct xkb_rule_names names = {.rules = "evdev", .model = "pc105", .layout = layout};
    keyboard->context = xkb_context_new(XKB_CONTEXT_NO_FLAGS);
    if (keyboard->context)
        keyboard->keymap =
            xkb_keymap_new_from_names(keyboard->context, &names, XKB_KEYMAP_COMPILE_NO_FLAGS);
    if (!keyboard->keymap) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "XKB has no layout \"%s\"",
                    layout);
        keyboard_free(keyboard);
        return NULL;
    }
    return keyboard;
}

void keyboard_free(Keyboard *keyboard)
{
    if (!keyboard)
        return;
    xkb_keymap_unref(keyboard->keymap);
    xkb_context_unref(keyboard->context);
    g_free(keyboard);
}

/* The XT number of a key, as qemu's "qnum": scan code set 1, with 0x80 set for those behind an e0.
 */
static guint32 xt_number(guint32 code)
{
    static const struct {
        guint16 code;
        guint16 number;
    } beyond[] = {
        {KEY_RO, 0x73},        {KEY_KATAKANAHIRAGANA, 0x70},
        {KEY_HENKAN, 0x79},    {KEY_MUHENKAN, 0x7b},
        {KEY_KPENTER, 0x9c},   {KEY_RIGHTCTRL, 0x9d},
        {KEY_KPSLASH, 0xb5},   {KEY_SYSRQ, 0x54},
        {KEY_RIGHTALT, 0xb8},  {KEY_HOME, 0xc7},
        {KEY_UP, 0xc8},        {KEY_PAGEUP, 0xc9},
        {KEY_LEFT, 0xcb},      {KEY_RIGHT, 0xcd},
        {KEY_END, 0xcf},       {KEY_DOWN, 0xd0},
        {KEY_PAGEDOWN, 0xd1},  {KEY_INSERT, 0xd2},
        {KEY_DELETE, 0xd3},    {KEY_PAUSE, 0xc6},
        {KEY_YEN, 0x7d},       {KEY_LEFTMETA, 0xdb},
        {KEY_RIGHTMETA, 0xdc}, {KEY_COMPOSE, 0xdd},
    };
    if (code <= KEY_F12)
        return code; /* the main block: Linux took its codes from the XT's */
    for (gsize i = 0; i < G_N_ELEMENTS(beyond); i++) {
        if (beyond[i].code == code)
            return beyond[i].number;
    }
    return 0;
}

/* The key and level (Shift is 1, AltGr 2) that give a keysym. The lowest level wins, and of keys
 * with the same level the one with the lowest code. */
static gboolean find_keysym(const Keyboard *keyboard, xkb_keysym_t keysym, guint32 *code,
                            guint32 *level)
{
    struct xkb_keymap *keymap = keyboard->keymap;
    for (guint32 l = 0; l < 4; l++) {
        for (xkb_keycode_t k = xkb_keymap_min_keycode(keymap); k <= xkb_keymap_max_keycode(keymap);
             k++) {
            const xkb_keysym_t *keysyms;
            if (l >= xkb_keymap_num_levels_for_key(keymap, k, 0) ||
                xkb_keymap_key_get_syms_by_level(keymap, k, 0, l, &keysyms) != 1 ||
                keysyms[0] != keysym)
                continue;
            *code = k - XKB_OFFSET;
            *level = l;
            return TRUE;
        }
    }
    return FALSE;
}

/* The keysym at a key's first level. */
static guint32 keysym_of_code(const Keyboard *keyboard, guint32 code)
{
    const xkb_keysym_t *keysyms;
    int n = xkb_keymap_key_get_syms_by_level(keyboard->keymap, code + XKB_OFFSET, 0, 0, &keysyms);
    return n == 1 ? keysyms[0] : XKB_KEY_NoSymbol;
}

gboolean keyboard_key(const Keyboard *keyboard, const char *name, KeyEvent *key, GError **error)
{
    guint32 code = 0;
    guint32 level = 0;
    *key = (KeyEvent){0};
    if (name[0] == '#') {
        code = (guint32)g_ascii_strtoull(name + 1, NULL, 10);
        key->keysym = keysym_of_code(keyboard, code);
    } else {
        key->keysym = xkb_keysym_from_name(name, XKB_KEYSYM_NO_FLAGS);
        if (key->keysym == XKB_KEY_NoSymbol) {
            g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "no key has the name %s",
                        name);
            return FALSE;
        }
        if (!find_keysym(keyboard, key->keysym, &code, &level))
            return TRUE; /* not on this keyboard: only its keysym can be sent */
    }
    key->number = xt_number(code);
    return TRUE;
}

static void append_key(GArray *events, guint32 keysym, guint32 code, gboolean down)
{
    KeyEvent event = {.keysym = keysym, .number = xt_number(code), .down = down};
    g_array_append_val(events, event);
}

gboolean keyboard_character(const Keyboard *keyboard, gunichar character, gboolean modifiers,
                            GArray *events, GError **error)
{
    guint32 code = 0;
    guint32 level = 0;
    xkb_keysym_t keysym = xkb_utf32_to_keysym(character);
    if (character == '\n')
        keysym = XKB_KEY_Return;
    if (!find_keysym(keyboard, keysym, &code, &level) && modifiers) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                    "the layout has no key for the character U+%04X", character);
        return FALSE;
    }
    gboolean shift = modifiers && (level & 1);
    gboolean altgr = modifiers && (level & 2);
    if (shift)
        append_key(events, XKB_KEY_Shift_L, KEY_LEFTSHIFT, TRUE);
    if (altgr)
        append_key(events, XKB_KEY_ISO_Level3_Shift, KEY_RIGHTALT, TRUE);
    append_key(events, keysym, code, TRUE);
    append_key(events, keysym, code, FALSE);
    if (altgr)
        append_key(events, XKB_KEY_ISO_Level3_Shift, KEY_RIGHTALT, FALSE);
    if (shift)
        append_key(events, XKB_KEY_Shift_L, KEY_LEFTSHIFT, FALSE);
    return TRUE;
}
