/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pointer.c - the user VM's pointer: a USB tablet with absolute position, buttons and wheels */
#include "domr/pointer.h"

#include <string.h>

#include "domr/log.h"

/* 250 reports a second in the long run, twice what a mouse on a screen of 120 Hz can use. */
#define REPORT_PERIOD 4000 /* µs */
#define REPORT_BURST 16

static const uint8_t report_descriptor[] = {
    0x05, 0x01,       /* Usage Page (Generic Desktop) */
    0x09, 0x02,       /* Usage (Mouse) */
    0xa1, 0x01,       /* Collection (Application) */
    0x09, 0x01,       /*   Usage (Pointer) */
    0xa1, 0x00,       /*   Collection (Physical) */
    0x05, 0x09,       /*     Usage Page (Button) */
    0x19, 0x01,       /*     Usage Minimum (1) */
    0x29, 0x03,       /*     Usage Maximum (3) */
    0x15, 0x00,       /*     Logical Minimum (0) */
    0x25, 0x01,       /*     Logical Maximum (1) */
    0x75, 0x01,       /*     Report Size (1) */
    0x95, 0x03,       /*     Report Count (3) */
    0x81, 0x02,       /*     Input (Data, Variable, Absolute): buttons */
    0x75, 0x05,       /*     Report Size (5) */
    0x95, 0x01,       /*     Report Count (1) */
    0x81, 0x01,       /*     Input (Constant) */
    0x05, 0x01,       /*     Usage Page (Generic Desktop) */
    0x09, 0x30,       /*     Usage (X) */
    0x09, 0x31,       /*     Usage (Y) */
    0x26, 0xff, 0x7f, /*     Logical Maximum (32767) */
    0x35, 0x00,       /*     Physical Minimum (0) */
    0x46, 0xff, 0x7f, /*     Physical Maximum (32767) */
    0x75, 0x10,       /*     Report Size (16) */
    0x95, 0x02,       /*     Report Count (2) */
    0x81, 0x02,       /*     Input (Data, Variable, Absolute): position */
    0x09, 0x38,       /*     Usage (Wheel) */
    0x15, 0x81,       /*     Logical Minimum (-127) */
    0x25, 0x7f,       /*     Logical Maximum (127) */
    0x45, 0x00,       /*     Physical Maximum (0): as logical */
    0x75, 0x08,       /*     Report Size (8) */
    0x95, 0x01,       /*     Report Count (1) */
    0x81, 0x06,       /*     Input (Data, Variable, Relative): wheel */
    0x05, 0x0c,       /*     Usage Page (Consumer) */
    0x0a, 0x38, 0x02, /*     Usage (AC Pan) */
    0x81, 0x06,       /*     Input (Data, Variable, Relative): wheel sideways */
    0xc0,             /*   End Collection */
    0xc0,             /* End Collection */
};

uint16_t pointer_scale(uint32_t pixel, uint32_t size)
{
    if (pixel >= size)
        pixel = size - 1;
    return (uint16_t)(((uint64_t)2 * pixel + 1) * (POINTER_MAX + 1) / ((uint64_t)2 * size));
}

void pointer_report(const struct pointer_state *state, uint8_t report[POINTER_REPORT_SIZE])
{
    report[0] = state->buttons;
    report[1] = (uint8_t)(state->x & 0xff);
    report[2] = (uint8_t)(state->x >> 8);
    report[3] = (uint8_t)(state->y & 0xff);
    report[4] = (uint8_t)(state->y >> 8);
    report[5] = (uint8_t)state->wheel;
    report[6] = (uint8_t)state->pan;
}

/* waiting_at() - the state that is @index places behind the next one to be sent */
static struct pointer_state *waiting_at(struct pointer *pointer, size_t index)
{
    return &pointer->queue[(pointer->head + index) % POINTER_QUEUE];
}

static void on_started(struct hid_device *device)
{
    struct pointer *pointer = device->owner;

    pointer->tell_state = true;
}

static void on_reset(struct hid_device *device)
{
}

static void on_forget(struct hid_device *device)
{
    struct pointer *pointer = device->owner;

    if (pointer->waiting > 0)
        pointer->sent = *waiting_at(pointer, pointer->waiting - 1);
    pointer->sent.wheel = pointer->sent.pan = 0;
    pointer->waiting = 0;
    pointer->full = false;
}

static const struct hid_model model = {
    .product = "D-MORE Tablet",
    .report_size = POINTER_REPORT_SIZE,
    .report_descriptor = report_descriptor,
    .report_descriptor_size = sizeof(report_descriptor),
    .started = on_started,
    .reset = on_reset,
    .forget = on_forget,
};

int pointer_open(struct pointer *pointer, const struct region *region)
{
    memset(pointer, 0, sizeof(*pointer));
    pointer->pacer = (struct pacer){.period = REPORT_PERIOD, .burst = REPORT_BURST};
    return hid_device_open(&pointer->hid, &model, pointer, region, REGION_STREAM_POINTER);
}

void pointer_close(struct pointer *pointer)
{
    hid_device_close(&pointer->hid);
}

static bool only_moves(const struct pointer_state *from, const struct pointer_state *to)
{
    return from->buttons == to->buttons && to->wheel == 0 && to->pan == 0;
}

/* Turns of a wheel that have to go into one report; they stop at the end of its range. */
static int8_t add_turns(int8_t one, int8_t other)
{
    int sum = one + other;

    return (int8_t)(sum > INT8_MAX ? INT8_MAX : sum < -INT8_MAX ? -INT8_MAX : sum);
}

/* The queue is full: the last that waits becomes what it and @state are together. */
static void squeeze(struct pointer *pointer, struct pointer_state *last,
                    const struct pointer_state *state)
{
    int8_t wheel = add_turns(last->wheel, state->wheel);
    int8_t pan = add_turns(last->pan, state->pan);

    if (!pointer->full)
        log_warning("the user VM does not read its pointer and %d reports wait; clicks are dropped",
                    POINTER_QUEUE);
    pointer->full = true;
    *last = *state;
    last->wheel = wheel;
    last->pan = pan;
}

void pointer_move(struct pointer *pointer, const struct pointer_state *state)
{
    struct pointer_state *before = &pointer->sent;
    struct pointer_state *last;

    if (pointer->waiting > 0) {
        last = waiting_at(pointer, pointer->waiting - 1);
        if (pointer->waiting > 1)
            before = waiting_at(pointer, pointer->waiting - 2);
        if (only_moves(before, last) && last->buttons == state->buttons) {
            *last = *state;
            return;
        }
        if (pointer->waiting == POINTER_QUEUE) {
            squeeze(pointer, last, state);
            return;
        }
    }
    *waiting_at(pointer, pointer->waiting) = *state;
    pointer->waiting++;
}

static void send_state(struct pointer *pointer)
{
    uint8_t report[POINTER_REPORT_SIZE];

    pointer_report(&pointer->sent, report);
    hid_device_report(&pointer->hid, report);
    pointer->told = true;
    pointer->sent.wheel = pointer->sent.pan = 0; /* these are told once */
}

/* Whether something is to be sent now, and when else. */
static bool send_one(struct pointer *pointer, uint64_t now, uint64_t *again)
{
    *again = UINT64_MAX;
    if (!hid_device_listening(&pointer->hid) || !hid_device_room(&pointer->hid))
        return false; /* a kick will tell */
    if (pointer->tell_state) {
        pointer->tell_state = false;
        if (pointer->told)
            send_state(pointer);
        return true;
    }
    if (pointer->waiting == 0)
        return false;
    if (now < pointer->hid.events_from) {
        *again = pointer->hid.events_from;
        return false;
    }
    if (!pacer_take(&pointer->pacer, now)) {
        *again = pacer_next(&pointer->pacer);
        return false;
    }
    pointer->sent = *waiting_at(pointer, 0);
    pointer->head = (pointer->head + 1) % POINTER_QUEUE;
    pointer->waiting--;
    if (pointer->waiting == 0)
        pointer->full = false;
    send_state(pointer);
    return true;
}

uint64_t pointer_run(struct pointer *pointer, uint64_t now, bool *moved)
{
    uint64_t again;

    do {
        *moved |= hid_device_run(&pointer->hid, now);
    } while (send_one(pointer, now, &again));
    return again;
}
