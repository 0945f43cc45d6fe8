/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hid-device.h - a USB HID device with one interrupt endpoint, plugged into the user VM
 *
 * Theory of operation
 *
 * The device talks the usbredir protocol over a stream, as the side that has the device
 * (usb-host); the user VM's hypervisor is the side that has the guest. The hypervisor handles USB
 * addresses and polling itself. What reaches us are configuration changes, control transfers on
 * endpoint 0, and "start" and "stop" for the interrupt endpoint; what we send are answers and
 * reports.
 *
 * A report sent while the endpoint is stopped is thrown away by the hypervisor, and one that waits
 * there is thrown away when the guest resets the device, as it does when an operating system takes
 * over from the firmware. So the owner sends reports only while hid_device_listening(), and tells
 * its present state again each time the guest starts to listen (hid_model.started). That makes the
 * guest's view right whatever was lost in between: a key can never stay down.
 *
 * A guest needs a moment before it takes events (events_from); till then they wait with the owner.
 * Linux throws away what comes in the first 50 ms of its own time after it has begun to listen
 * (usbhid_open()), tells nobody when they are over, and that time passes slowly on a busy host: 400
 * ms have been seen. How slowly shows in the time that the guest has taken from configuring the
 * device to listening, in which it only computes; the same time again is waited.
 *
 * When the host begins the stream anew (region.h) the device is plugged in anew, into whatever is
 * at the other end now.
 *
 * A report is never handed to the parser while bytes wait in it or much waits in the ring
 * (hid_device_room()): if the other side does not take the stream, events wait in the owner's
 * queue, which is bounded, and not in the parser's, which is not, nor in the hypervisor's, which
 * would drop what is too much.
 */
#ifndef DMORE_DOMR_HID_DEVICE_H
#define DMORE_DOMR_HID_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "region/ring.h"

#define HID_REPORT_MAX 8  /* bytes; also the endpoint's packet size */
#define HID_STRING_MAX 30 /* characters */

struct hid_device;

/* struct hid_model - what makes a keyboard a keyboard; constant */
struct hid_model {
    const char *product; /* ASCII, at most HID_STRING_MAX characters; the guest shows it */
    uint8_t subclass;    /* HID 1.11, 4.2: 1 boot interface, 0 none */
    uint8_t protocol;    /* HID 1.11, 4.3: 1 keyboard, 2 mouse, 0 none */
    uint8_t report_size; /* bytes of an input report */
    const uint8_t *report_descriptor;
    size_t report_descriptor_size;

    /* The guest listens from now on; tell it the present state. */
    void (*started)(struct hid_device *device);
    /* The guest has written an output report, of any size. NULL: the device has no output. */
    void (*output)(struct hid_device *device, const uint8_t *bytes, size_t size);
    /* The guest has reset the device. */
    void (*reset)(struct hid_device *device);
    /* The machine has ended: drop what was meant for it and waits. */
    void (*forget)(struct hid_device *device);
};

struct hid_device {
    const struct hid_model *model;
    void *owner; /* for the callbacks */
    const struct region *region;
    enum region_stream_id stream;
    uint32_t generation; /* of the stream (region.h) */
    struct ring in;
    struct ring out;
    struct usbredirparser *parser;
    uint8_t last_report[HID_REPORT_MAX];
    uint64_t next_id;
    uint64_t now;           /* µs, the time of this run */
    uint64_t configured_at; /* µs, 0 if the guest has listened since */
    uint64_t settle;        /* µs that the guest is given after it has begun to listen */
    uint64_t events_from;   /* µs, the time from which on it takes events */
    uint8_t configuration;  /* 0: not configured */
    uint8_t idle;           /* HID 1.11, 7.2.4: in 4 ms; 0: report only changes */
    uint8_t boot_or_report; /* HID 1.11, 7.2.6: 0 boot protocol, 1 report protocol */
    bool listening;
    bool progress; /* bytes were moved in this run */
    bool broken;   /* the stream cannot be used any more */
};

/* hid_device_open() - plug a device into a stream; says hello
 * @device: filled in; stays where it is until hid_device_close()
 * @owner: for the model's callbacks
 *
 * Return: 0 or -ENOMEM.
 */
int hid_device_open(struct hid_device *device, const struct hid_model *model, void *owner,
                    const struct region *region, enum region_stream_id stream);
void hid_device_close(struct hid_device *device);

/* hid_device_run() - read and answer what has come, write what waits
 * @now: µs, of the clock that pacers go by
 *
 * Return: whether bytes were moved, so that the other side has to be kicked.
 */
bool hid_device_run(struct hid_device *device, uint64_t now);

/* hid_device_listening() - whether the guest polls for reports */
bool hid_device_listening(const struct hid_device *device);

/* hid_device_room() - whether nothing waits to be written before a new report, and the other side
 * keeps up with what has been written */
bool hid_device_room(const struct hid_device *device);

/* hid_device_report() - send an input report of model->report_size bytes; call hid_device_run()
 * afterwards */
void hid_device_report(struct hid_device *device, const uint8_t *report);

#endif
