/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hid-control.h - how a HID device answers control requests: descriptors, reports, settings */
#ifndef DMORE_DOMR_HID_CONTROL_H
#define DMORE_DOMR_HID_CONTROL_H

#include "domr/hid-device.h"

#define HID_ENDPOINT_IN 0x81
/* One frame. A slower interval delays each key and limits typing to two reports an interval. */
#define HID_INTERVAL 1

/* The IDs of the hypervisor's own HID devices, which operating systems know and have no quirks
 * for. */
#define HID_VENDOR_ID 0x0627
#define HID_PRODUCT_ID 0x0001
#define HID_RELEASE 0x0100

/* struct hid_setup - a control request (USB 2.0, 9.3) with the bytes that came with it */
struct hid_setup {
    uint8_t type;    /* bmRequestType */
    uint8_t request; /* bRequest */
    uint16_t value;  /* wValue */
    const uint8_t *data;
    size_t size;
};

/* struct hid_answer - what a control request gets */
struct hid_answer {
    bool stall; /* the device does not know the request */
    uint8_t size;
    uint8_t bytes[UINT8_MAX];
};

/* hid_control() - carry a request out
 * @answer: filled in
 */
void hid_control(struct hid_device *device, const struct hid_setup *setup,
                 struct hid_answer *answer);

#endif
