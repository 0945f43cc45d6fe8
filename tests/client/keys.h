/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keys.h - which keys a person presses to type a text on a keyboard of a given layout
 */
#ifndef DMORE_TESTS_CLIENT_KEYS_H
#define DMORE_TESTS_CLIENT_KEYS_H

#include <glib.h>

typedef struct {
    guint32 keysym; /* X11 keysym */
    guint32 number; /* XT number of the physical key (RFB's QEMU extended key event), or 0 */
    gboolean down;
} KeyEvent;

typedef struct Keyboard Keyboard;

/* keyboard_new() - a keyboard with an XKB layout: "us", "jp", "de" */
Keyboard *keyboard_new(const char *layout, GError **error);
void keyboard_free(Keyboard *keyboard);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Keyboard, keyboard_free)

/* keyboard_key() - the key that carries @name: a keysym's name ("Shift_L", "Up", "a") or "#CODE",
 * a Linux key code
 */
gboolean keyboard_key(const Keyboard *keyboard, const char *name, KeyEvent *key, GError **error);

/* keyboard_character() - append what happens on the keyboard when one character is typed
 * @modifiers: whether Shift and AltGr are pressed around the key, as a person has to; else only the
 *	character's keysym goes out, as programs that paste do
 * @events: (element-type KeyEvent)
 */
gboolean keyboard_character(const Keyboard *keyboard, gunichar character, gboolean modifiers,
                            GArray *events, GError **error);

#endif
