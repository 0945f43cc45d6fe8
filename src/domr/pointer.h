/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pointer.h - the user VM's pointer: a USB tablet with absolute position, three buttons and wheels
 *
 * Positions waiting for the guest are merged: only the last one counts. Changes of buttons and
 * turns of the wheel each get a report of their own. If even so the bounded queue is full, the last
 * waiting report takes the new state in, so that at the end position and buttons are always right.
 *
 * Times are µs of the monotonic clock.
 */
#ifndef DMORE_DOMR_POINTER_H
#define DMORE_DOMR_POINTER_H

#include "domr/hid-device.h"
#include "domr/pacer.h"

#define POINTER_REPORT_SIZE 7
#define POINTER_MAX 32767 /* the largest coordinate in a report */
#define POINTER_QUEUE 1024

/* Bits of a report's first byte (HID button usages 1 to 3) */
enum pointer_button {
    POINTER_LEFT = 1 << 0,
    POINTER_RIGHT = 1 << 1,
    POINTER_MIDDLE = 1 << 2,
};

struct pointer_state {
    uint16_t x; /* 0 to POINTER_MAX */
    uint16_t y;
    uint8_t buttons; /* enum pointer_button */
    int8_t wheel;    /* clicks since the state before; up, away from the user, is positive */
    int8_t pan;      /* the same sideways; right is positive */
};

struct pointer {
    struct hid_device hid;
    struct pacer pacer;
    struct pointer_state sent;
    bool tell_state; /* the guest has begun to listen */
    bool told;       /* the guest has been told a position at all */

    bool full;   /* the queue is or was full and this has been logged */
    size_t head; /* of the queue: the next to be sent */
    size_t waiting;
    struct pointer_state queue[POINTER_QUEUE];
};

/* pointer_scale() - the coordinate of the middle of a pixel
 * @pixel: 0 to @size - 1
 * @size: pixels of the screen in this direction, not 0
 *
 * Both ways in which guests compute back, position * size / 32768 rounded down and
 * position * (size - 1) / 32767 rounded to the nearest, give @pixel again.
 */
uint16_t pointer_scale(uint32_t pixel, uint32_t size);

/* pointer_report() - the bytes of a report */
void pointer_report(const struct pointer_state *state, uint8_t report[POINTER_REPORT_SIZE]);

/* pointer_open() - plug the pointer into its stream. Return: 0 or -ENOMEM. */
int pointer_open(struct pointer *pointer, const struct region *region);
void pointer_close(struct pointer *pointer);

/* pointer_move() - a new position, new buttons, turns of the wheels */
void pointer_move(struct pointer *pointer, const struct pointer_state *state);

/* pointer_run() - move bytes and send what may be sent at the time @now
 * @moved: set to true if the other side has to be kicked, else left alone
 *
 * Return: the time at which it wants to be called again, UINT64_MAX for never.
 */
uint64_t pointer_run(struct pointer *pointer, uint64_t now, bool *moved);

#endif
