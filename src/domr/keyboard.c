/* SPDX-License-Identifier: GPL-2.0-or-later */
/* keyboard.c - the user VM's keyboard: a USB boot keyboard and the queue of keys before it */
#include "domr/keyboard.h"

#include <linux/hid.h>
#include <string.h>

#include "domr/log.h"

#define BOOT_KEYS 6
#define ERROR_ROLL_OVER 0x01

/* 200 strokes a second in the long run, each a press and a release; forty reports at once, which
 * is more than anybody's fingers do. */
#define REPORT_PERIOD 2500 /* µs */
#define REPORT_BURST 40

/* Firmware asks for a repetition of the report (SET_IDLE) and makes its key repeat from it. PC
 * firmware reads one report in each tick of its 18 Hz clock, so faster would only pile up. */
#define MIN_REPEAT_PERIOD 66000 /* µs */

#define IS_MODIFIER(usage) ((usage) >= HID_USAGE_LEFT_CONTROL && (usage) <= HID_USAGE_RIGHT_META)
#define MODIFIER_BIT(usage) (uint8_t)(1u << ((usage) - HID_USAGE_LEFT_CONTROL))

/* The boot keyboard's report as its descriptor: the same bytes in boot and in report protocol. */
static const uint8_t report_descriptor[] = {
    0x05, 0x01,       /* Usage Page (Generic Desktop) */
    0x09, 0x06,       /* Usage (Keyboard) */
    0xa1, 0x01,       /* Collection (Application) */
    0x05, 0x07,       /*   Usage Page (Keyboard) */
    0x19, 0xe0,       /*   Usage Minimum (Left Control) */
    0x29, 0xe7,       /*   Usage Maximum (Right Meta) */
    0x15, 0x00,       /*   Logical Minimum (0) */
    0x25, 0x01,       /*   Logical Maximum (1) */
    0x75, 0x01,       /*   Report Size (1) */
    0x95, 0x08,       /*   Report Count (8) */
    0x81, 0x02,       /*   Input (Data, Variable, Absolute): modifiers */
    0x75, 0x08,       /*   Report Size (8) */
    0x95, 0x01,       /*   Report Count (1) */
    0x81, 0x01,       /*   Input (Constant) */
    0x05, 0x08,       /*   Usage Page (LEDs) */
    0x19, 0x01,       /*   Usage Minimum (Num Lock) */
    0x29, 0x05,       /*   Usage Maximum (Kana) */
    0x75, 0x01,       /*   Report Size (1) */
    0x95, 0x05,       /*   Report Count (5) */
    0x91, 0x02,       /*   Output (Data, Variable, Absolute): LEDs */
    0x75, 0x03,       /*   Report Size (3) */
    0x95, 0x01,       /*   Report Count (1) */
    0x91, 0x01,       /*   Output (Constant) */
    0x05, 0x07,       /*   Usage Page (Keyboard) */
    0x19, 0x00,       /*   Usage Minimum (0) */
    0x2a, 0xff, 0x00, /*   Usage Maximum (255) */
    0x15, 0x00,       /*   Logical Minimum (0) */
    0x26, 0xff, 0x00, /*   Logical Maximum (255) */
    0x75, 0x08,       /*   Report Size (8) */
    0x95, 0x06,       /*   Report Count (6) */
    0x81, 0x00,       /*   Input (Data, Array): keys */
    0xc0,             /* End Collection */
};

bool key_state_has(const struct key_state *state, uint8_t usage)
{
    if (IS_MODIFIER(usage))
        return state->modifiers & MODIFIER_BIT(usage);
    return memchr(state->keys, usage, state->n_keys);
}

void key_state_set(struct key_state *state, uint8_t usage, bool pressed)
{
    uint8_t *place;

    if (key_state_has(state, usage) == pressed)
        return;
    if (IS_MODIFIER(usage)) {
        state->modifiers ^= MODIFIER_BIT(usage);
    } else if (pressed) {
        state->keys[state->n_keys++] = usage;
    } else {
        place = memchr(state->keys, usage, state->n_keys);
        state->n_keys--;
        memmove(place, place + 1, (size_t)(state->keys + state->n_keys - place));
    }
}

void key_state_report(const struct key_state *state, uint8_t report[KEYBOARD_REPORT_SIZE])
{
    uint8_t *keys = report + 2;

    memset(report, 0, KEYBOARD_REPORT_SIZE);
    report[0] = state->modifiers;
    if (state->n_keys > BOOT_KEYS)
        memset(keys, ERROR_ROLL_OVER, BOOT_KEYS);
    else
        memcpy(keys, state->keys, state->n_keys);
}

static size_t keys_down(const struct key_state *state)
{
    return state->n_keys + (size_t)__builtin_popcount(state->modifiers);
}

static void set_leds(struct keyboard *keyboard, uint8_t leds)
{
    if (leds == keyboard->leds)
        return;
    keyboard->leds = leds;
    keyboard->on_leds(leds, keyboard->data);
}

static void on_started(struct hid_device *device)
{
    struct keyboard *keyboard = device->owner;

    keyboard->tell_state = true;
}

static void on_output(struct hid_device *device, const uint8_t *bytes, size_t size)
{
    if (size > 0)
        set_leds(device->owner,
                 bytes[0] & (KEYBOARD_LED_NUM | KEYBOARD_LED_CAPS | KEYBOARD_LED_SCROLL));
}

static void on_reset(struct hid_device *device)
{
    set_leds(device->owner, 0);
}

static void on_forget(struct hid_device *device)
{
    struct keyboard *keyboard = device->owner;

    keyboard->waiting = 0;
    keyboard->dropped = 0;
    keyboard->sent = keyboard->wanted;
}

static const struct hid_model model = {
    .product = "D-MORE Keyboard",
    .subclass = USB_INTERFACE_SUBCLASS_BOOT,
    .protocol = USB_INTERFACE_PROTOCOL_KEYBOARD,
    .report_size = KEYBOARD_REPORT_SIZE,
    .report_descriptor = report_descriptor,
    .report_descriptor_size = sizeof(report_descriptor),
    .started = on_started,
    .output = on_output,
    .reset = on_reset,
    .forget = on_forget,
};

int keyboard_open(struct keyboard *keyboard, const struct region *region,
                  void (*on_leds)(uint8_t leds, void *data), void *data)
{
    memset(keyboard, 0, sizeof(*keyboard));
    keyboard->pacer = (struct pacer){.period = REPORT_PERIOD, .burst = REPORT_BURST};
    keyboard->on_leds = on_leds;
    keyboard->data = data;
    return hid_device_open(&keyboard->hid, &model, keyboard, region, REGION_STREAM_KEYBOARD);
}

void keyboard_close(struct keyboard *keyboard)
{
    hid_device_close(&keyboard->hid);
}

static void put(struct keyboard *keyboard, uint8_t usage, bool pressed)
{
    size_t place = (keyboard->head + keyboard->waiting) % KEYBOARD_QUEUE;

    keyboard->queue[place] = (struct key_event){.usage = usage, .pressed = pressed};
    keyboard->waiting++;
    key_state_set(&keyboard->wanted, usage, pressed);
}

void keyboard_key(struct keyboard *keyboard, uint8_t usage, bool pressed)
{
    size_t room = KEYBOARD_QUEUE - keyboard->waiting;

    if (key_state_has(&keyboard->wanted, usage) == pressed)
        return;
    if (pressed && room < keys_down(&keyboard->wanted) + 2) {
        if (keyboard->dropped++ == 0)
            log_warning("the user VM does not read its keyboard and %d key events wait; more are "
                        "dropped",
                        KEYBOARD_QUEUE);
        return;
    }
    put(keyboard, usage, pressed);
}

static struct key_event take(struct keyboard *keyboard)
{
    struct key_event event = keyboard->queue[keyboard->head];

    keyboard->head = (keyboard->head + 1) % KEYBOARD_QUEUE;
    keyboard->waiting--;
    if (keyboard->dropped > 0 && keyboard->waiting < KEYBOARD_QUEUE / 2) {
        log_warning("%zu keystrokes were dropped while the user VM did not read its keyboard",
                    keyboard->dropped);
        keyboard->dropped = 0;
    }
    return event;
}

static void send_state(struct keyboard *keyboard, uint64_t now)
{
    uint8_t report[KEYBOARD_REPORT_SIZE];

    key_state_report(&keyboard->sent, report);
    hid_device_report(&keyboard->hid, report);
    keyboard->sent_at = now;
}

/* When the report is to be repeated, UINT64_MAX for never. Only held keys are: repeating "nothing
 * is pressed" would fill the queue of a guest that reads slowly. */
static uint64_t repeat_at(const struct keyboard *keyboard)
{
    uint64_t period = (uint64_t)keyboard->hid.idle * 4000;

    if (period == 0 || keys_down(&keyboard->sent) == 0)
        return UINT64_MAX;
    return keyboard->sent_at + (period > MIN_REPEAT_PERIOD ? period : MIN_REPEAT_PERIOD);
}

/* Whether something is to be sent now, and when else. */
static bool send_one(struct keyboard *keyboard, uint64_t now, uint64_t *again)
{
    struct key_event event;

    *again = UINT64_MAX;
    if (!hid_device_listening(&keyboard->hid) || !hid_device_room(&keyboard->hid))
        return false; /* a kick will tell */
    if (keyboard->tell_state) {
        keyboard->tell_state = false;
        send_state(keyboard, now);
        return true;
    }
    if (keyboard->waiting == 0) {
        *again = repeat_at(keyboard);
        if (*again > now)
            return false;
        send_state(keyboard, now);
        return true;
    }
    if (now < keyboard->hid.events_from) {
        *again = keyboard->hid.events_from;
        return false;
    }
    if (!pacer_take(&keyboard->pacer, now)) {
        *again = pacer_next(&keyboard->pacer);
        return false;
    }
    event = take(keyboard);
    key_state_set(&keyboard->sent, event.usage, event.pressed);
    send_state(keyboard, now);
    return true;
}

uint64_t keyboard_run(struct keyboard *keyboard, uint64_t now, bool *moved)
{
    uint64_t again;

    do {
        *moved |= hid_device_run(&keyboard->hid, now);
    } while (send_one(keyboard, now, &again));
    return again;
}
