/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keyboard.h - the user VM's keyboard: a USB boot keyboard and the queue of keys before it
 *
 * Key events wait in a queue and become reports one by one, as fast as the pacer allows while the
 * guest listens. The queue is bounded. What would overflow it is dropped in whole strokes: a press
 * is taken only if there is room for it and for the release of every key that is down, so a
 * release always finds room and no key can stay down.
 *
 * Times are µs of the monotonic clock.
 */
#ifndef DMORE_DOMR_KEYBOARD_H
#define DMORE_DOMR_KEYBOARD_H

#include "domr/hid-device.h"
#include "domr/hid-usage.h"
#include "domr/pacer.h"

#define KEYBOARD_REPORT_SIZE 8
#define KEYBOARD_QUEUE 65536 /* events: half as many strokes */

/* Bits of the LEDs as HID has them, and as region_status.leds has them */
enum keyboard_led {
    KEYBOARD_LED_NUM = 1 << 0,
    KEYBOARD_LED_CAPS = 1 << 1,
    KEYBOARD_LED_SCROLL = 1 << 2,
};

/* struct key_state - which keys are down, in the order in which they were pressed */
struct key_state {
    uint8_t modifiers; /* bit n: usage HID_USAGE_LEFT_CONTROL + n */
    uint8_t n_keys;
    uint8_t keys[HID_USAGES]; /* usages, without the modifiers */
};

/* key_state_set() - a key goes down or up; a second press or release of the same key is nothing */
void key_state_set(struct key_state *state, uint8_t usage, bool pressed);

/* key_state_has() - whether a key is down */
bool key_state_has(const struct key_state *state, uint8_t usage);

/* key_state_report() - the boot keyboard's report (HID 1.11, appendix B.1). With more than six
 * keys down all six places say ErrorRollOver, and the modifiers are still told. */
void key_state_report(const struct key_state *state, uint8_t report[KEYBOARD_REPORT_SIZE]);

struct key_event {
    uint8_t usage;
    uint8_t pressed;
};

struct keyboard {
    struct hid_device hid;
    struct pacer pacer;
    struct key_state wanted; /* after all that waits in the queue */
    struct key_state sent;   /* after the last report */
    uint64_t sent_at;        /* when that was */
    bool tell_state;         /* the guest has begun to listen */
    uint8_t leds;            /* enum keyboard_led, the last that the guest has set */
    void (*on_leds)(uint8_t leds, void *data);
    void *data;

    size_t dropped; /* strokes, since the queue has been full */
    size_t head;    /* of the queue: the next to be sent */
    size_t waiting;
    struct key_event queue[KEYBOARD_QUEUE];
};

/* keyboard_open() - plug the keyboard into its stream
 * @on_leds: called with @data when the guest has changed the LEDs
 *
 * Return: 0 or -ENOMEM.
 */
int keyboard_open(struct keyboard *keyboard, const struct region *region,
                  void (*on_leds)(uint8_t leds, void *data), void *data);
void keyboard_close(struct keyboard *keyboard);

/* keyboard_key() - a key goes down or up
 * @usage: of the HID keyboard page, not 0
 */
void keyboard_key(struct keyboard *keyboard, uint8_t usage, bool pressed);

/* keyboard_run() - move bytes and send what may be sent at the time @now
 * @moved: set to true if the other side has to be kicked, else left alone
 *
 * Return: the time at which it wants to be called again, UINT64_MAX for never.
 */
uint64_t keyboard_run(struct keyboard *keyboard, uint64_t now, bool *moved);

#endif
