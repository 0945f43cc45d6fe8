/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * input.h - what the clients of the console do with keys and pointer, brought to the devices
 *
 * Theory of operation
 *
 * Clients share one keyboard and one pointer. A key is down in the guest while at least one client
 * holds it; a client that vanishes lets go of all it held. Key presses that a client repeats while
 * it holds the key are not passed on: the guest repeats keys itself.
 *
 * A client may tell physical keys (evdev codes) or characters (keysyms). What a keysym was turned
 * into is remembered until it is released, because by then the same lookup could give another key.
 *
 * A character may need other modifiers than those that are held: '!' typed by a client that did
 * not tell its Shift, or '/' with Shift held from a layout where it needs one. Then the modifiers
 * are changed before the key goes down and changed back when it goes up, or before anything else
 * is done with the keyboard (struct input, "adjusted").
 */
#ifndef DMORE_DOMR_INPUT_H
#define DMORE_DOMR_INPUT_H

#include "domr/keyboard.h"
#include "domr/keymap.h"
#include "domr/pointer.h"

#define INPUT_CODES 256  /* evdev codes that the keyboard can know are below */
#define INPUT_KEYSYMS 32 /* keysyms that a client may hold at once */

struct input_client {
    bool holds[INPUT_CODES];
    struct {
        uint32_t keysym;
        uint16_t code; /* 0: free place */
    } keysyms[INPUT_KEYSYMS];
    uint8_t buttons; /* as the client told them last: bits of RFB */
    struct input_client *next;
};

struct input {
    struct keyboard *keyboard;
    struct pointer *pointer;
    struct keymap keymap;
    struct input_client *clients;
    uint16_t x; /* where the pointer is, as the guest has been told */
    uint16_t y;

    /* Modifiers changed for the sake of a character's key that is still down */
    uint16_t adjusted; /* that key's code; 0: none */
    bool pressed[8];   /* modifiers that were not held: usage HID_USAGE_LEFT_CONTROL + n */
    bool released[8];  /* modifiers that were held */

    bool warned_keymap;
    bool warned_codes[INPUT_CODES];
    uint32_t warned_keysyms[16];
    size_t n_warned_keysyms;
};

/* input_init() - @keyboard and @pointer stay the caller's */
void input_init(struct input *input, struct keyboard *keyboard, struct pointer *pointer,
                const struct setting_key *keys, size_t n_keys);

/* input_add_client() - a client that holds nothing. Return: NULL when there is no memory. */
struct input_client *input_add_client(struct input *input);

/* input_remove_client() - let go of all it holds */
void input_remove_client(struct input *input, struct input_client *client);

/* input_code() - a client presses or releases a physical key, a Linux evdev code */
void input_code(struct input *input, struct input_client *client, uint32_t code, bool pressed);

/* input_keysym() - a client presses or releases a key by its meaning, an X11 keysym */
void input_keysym(struct input *input, struct input_client *client, uint32_t keysym, bool pressed);

/* input_pointer() - a client moves the pointer or uses its buttons
 * @x, @y: pixels; beyond the screen means its edge
 * @buttons: RFC 6143, 7.5.5: bit 0 left, 1 middle, 2 right, 3 and 4 wheel up and down, and as
 *           usual 5 and 6 wheel left and right
 * @width, @height: of the screen in pixels; nothing is done without a screen
 */
void input_pointer(struct input *input, struct input_client *client, uint32_t x, uint32_t y,
                   uint8_t buttons, uint32_t width, uint32_t height);

#endif
