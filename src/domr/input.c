/* SPDX-License-Identifier: GPL-2.0-or-later */
/* input.c - what the clients of the console do with keys and pointer, brought to the devices */
#include "domr/input.h"

#include <linux/input-event-codes.h>
#include <stdlib.h>

#include "domr/log.h"

#define N_MODIFIERS 8
#define MODIFIER_INDEX(usage) ((usage) - HID_USAGE_LEFT_CONTROL)

/* RFB's bits of a pointer event */
enum rfb_button {
    RFB_LEFT = 1 << 0,
    RFB_MIDDLE = 1 << 1,
    RFB_RIGHT = 1 << 2,
    RFB_WHEEL_UP = 1 << 3,
    RFB_WHEEL_DOWN = 1 << 4,
    RFB_WHEEL_LEFT = 1 << 5,
    RFB_WHEEL_RIGHT = 1 << 6,
};

void input_init(struct input *input, struct keyboard *keyboard, struct pointer *pointer,
                const struct setting_key *keys, size_t n_keys)
{
    *input = (struct input){.keyboard = keyboard, .pointer = pointer};
    keymap_init(&input->keymap, keys, n_keys);
}

struct input_client *input_add_client(struct input *input)
{
    struct input_client *client = calloc(1, sizeof(*client));

    if (!client)
        return NULL;
    client->next = input->clients;
    input->clients = client;
    return client;
}

/* Keys in the guest */

static bool is_down(const struct input *input, uint16_t code)
{
    return key_state_has(&input->keyboard->wanted, hid_usage(code));
}

static bool is_held(const struct input *input, uint16_t code)
{
    for (const struct input_client *client = input->clients; client; client = client->next) {
        if (client->holds[code])
            return true;
    }
    return false;
}

static void set_modifier(struct input *input, int index, bool pressed)
{
    keyboard_key(input->keyboard, (uint8_t)(HID_USAGE_LEFT_CONTROL + index), pressed);
}

/* Undo what adjust() did. */
static void restore(struct input *input)
{
    for (int i = 0; i < N_MODIFIERS; i++) {
        if (input->pressed[i])
            set_modifier(input, i, false);
        if (input->released[i])
            set_modifier(input, i, true);
        input->pressed[i] = input->released[i] = false;
    }
    input->adjusted = 0;
}

static void adjust_one(struct input *input, uint8_t usage, bool wanted)
{
    int index = MODIFIER_INDEX(usage);

    if (key_state_has(&input->keyboard->wanted, usage) == wanted)
        return;
    set_modifier(input, index, wanted);
    (wanted ? input->pressed : input->released)[index] = true;
}

static void adjust(struct input *input, const struct keymap_stroke *stroke)
{
    uint8_t left = hid_usage(KEY_LEFTSHIFT);
    uint8_t right = hid_usage(KEY_RIGHTSHIFT);

    if (!stroke->shift) {
        adjust_one(input, left, false);
        adjust_one(input, right, false);
    } else if (!key_state_has(&input->keyboard->wanted, right)) {
        adjust_one(input, left, true);
    }
    adjust_one(input, hid_usage(KEY_RIGHTALT), stroke->altgr);
    input->adjusted = stroke->code;
}

static void press(struct input *input, struct input_client *client, uint16_t code)
{
    client->holds[code] = true;
    keyboard_key(input->keyboard, hid_usage(code), true);
}

static void release(struct input *input, struct input_client *client, uint16_t code)
{
    if (!client->holds[code])
        return;
    client->holds[code] = false;
    if (is_held(input, code))
        return;
    keyboard_key(input->keyboard, hid_usage(code), false);
    if (input->adjusted == code)
        restore(input);
}

/* Whether the keyboard has this key; said once for each that it has not. */
static bool known(struct input *input, uint32_t code)
{
    if (hid_usage(code) != 0)
        return true;
    if (code < INPUT_CODES && !input->warned_codes[code]) {
        input->warned_codes[code] = true;
        log_info("a client pressed the key with evdev code %u, which a USB keyboard has not", code);
    }
    return false;
}

void input_code(struct input *input, struct input_client *client, uint32_t code, bool pressed)
{
    if (!known(input, code) || client->holds[code] == pressed)
        return;
    if (input->adjusted != code)
        restore(input);
    if (pressed)
        press(input, client, (uint16_t)code);
    else
        release(input, client, (uint16_t)code);
}

/* Keysyms */

static void warn_keysym(struct input *input, uint32_t keysym)
{
    size_t places = sizeof(input->warned_keysyms) / sizeof(input->warned_keysyms[0]);

    if (input->keymap.n_keys == 0) {
        if (!input->warned_keymap)
            log_warning("a client sends keysyms, but the settings hold no keymap; its keys are "
                        "ignored");
        input->warned_keymap = true;
        return;
    }
    for (size_t i = 0; i < input->n_warned_keysyms; i++) {
        if (input->warned_keysyms[i] == keysym)
            return;
    }
    if (input->n_warned_keysyms == places)
        return; /* enough is known */
    input->warned_keysyms[input->n_warned_keysyms++] = keysym;
    log_info("a client sent the keysym 0x%x, which the configured layout has not", keysym);
}

static bool find_stroke(const struct input *input, uint32_t keysym, struct keymap_stroke *stroke)
{
    struct keymap_conditions conditions = {
        .altgr = is_down(input, KEY_RIGHTALT),
        .caps = input->keyboard->leds & KEYBOARD_LED_CAPS,
        .num = input->keyboard->leds & KEYBOARD_LED_NUM,
    };

    return keymap_find(&input->keymap, keysym, &conditions, stroke) && hid_usage(stroke->code) != 0;
}

/* The place of a keysym that the client holds, NULL if it does not. */
static uint16_t *held_keysym(struct input_client *client, uint32_t keysym)
{
    for (size_t i = 0; i < INPUT_KEYSYMS; i++) {
        if (client->keysyms[i].code != 0 && client->keysyms[i].keysym == keysym)
            return &client->keysyms[i].code;
    }
    return NULL;
}

static void forget_code(struct input_client *client, uint16_t code)
{
    for (size_t i = 0; i < INPUT_KEYSYMS; i++) {
        if (client->keysyms[i].code == code)
            client->keysyms[i].code = 0;
    }
}

static void press_keysym(struct input *input, struct input_client *client, uint32_t keysym)
{
    struct keymap_stroke stroke;
    size_t place = 0;

    if (held_keysym(client, keysym))
        return;
    restore(input);
    if (!find_stroke(input, keysym, &stroke)) {
        warn_keysym(input, keysym);
        return;
    }
    /* Two characters of one key without a release between them, as of a hasty program */
    if (client->holds[stroke.code]) {
        forget_code(client, stroke.code);
        release(input, client, stroke.code);
    }
    while (place < INPUT_KEYSYMS && client->keysyms[place].code != 0)
        place++;
    if (place == INPUT_KEYSYMS)
        return; /* nobody has so many fingers */
    client->keysyms[place].keysym = keysym;
    client->keysyms[place].code = stroke.code;
    if (stroke.adjust)
        adjust(input, &stroke);
    press(input, client, stroke.code);
}

static void release_keysym(struct input *input, struct input_client *client, uint32_t keysym)
{
    uint16_t *place = held_keysym(client, keysym);
    struct keymap_stroke stroke;
    uint16_t code;

    if (place)
        code = *place;
    /* A client that let go of Shift first may call the key by its other character now. */
    else if (find_stroke(input, keysym, &stroke))
        code = stroke.code;
    else
        return;
    if (input->adjusted != code)
        restore(input);
    forget_code(client, code);
    release(input, client, code);
}

void input_keysym(struct input *input, struct input_client *client, uint32_t keysym, bool pressed)
{
    if (pressed)
        press_keysym(input, client, keysym);
    else
        release_keysym(input, client, keysym);
}

/* Pointer */

static uint8_t all_buttons(const struct input *input)
{
    uint8_t rfb = 0;
    uint8_t buttons = 0;

    for (const struct input_client *client = input->clients; client; client = client->next)
        rfb |= client->buttons;
    if (rfb & RFB_LEFT)
        buttons |= POINTER_LEFT;
    if (rfb & RFB_MIDDLE)
        buttons |= POINTER_MIDDLE;
    if (rfb & RFB_RIGHT)
        buttons |= POINTER_RIGHT;
    return buttons;
}

void input_pointer(struct input *input, struct input_client *client, uint32_t x, uint32_t y,
                   uint8_t buttons, uint32_t width, uint32_t height)
{
    uint8_t pressed = buttons & (uint8_t)~client->buttons;
    struct pointer_state state = {0};

    if (width == 0 || height == 0)
        return;
    client->buttons = buttons;
    input->x = pointer_scale(x, width);
    input->y = pointer_scale(y, height);
    state.x = input->x;
    state.y = input->y;
    state.buttons = all_buttons(input);
    /* A wheel's click is told as a press and a release; the press is the click. */
    state.wheel = (int8_t)(!!(pressed & RFB_WHEEL_UP) - !!(pressed & RFB_WHEEL_DOWN));
    state.pan = (int8_t)(!!(pressed & RFB_WHEEL_RIGHT) - !!(pressed & RFB_WHEEL_LEFT));
    pointer_move(input->pointer, &state);
}

void input_remove_client(struct input *input, struct input_client *client)
{
    struct input_client **link = &input->clients;
    uint8_t before = all_buttons(input);

    restore(input);
    for (uint16_t code = 0; code < INPUT_CODES; code++)
        release(input, client, code);
    while (*link != client)
        link = &(*link)->next;
    *link = client->next;
    free(client);

    if (all_buttons(input) != before) {
        struct pointer_state state = {.x = input->x, .y = input->y, .buttons = all_buttons(input)};

        pointer_move(input->pointer, &state);
    }
}
