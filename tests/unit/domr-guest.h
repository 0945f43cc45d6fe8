/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * domr-guest.h - the other side of domr's USB devices: a guest behind libusbredirparser
 *
 * It stands where the hypervisor stands: at the other ends of a stream's rings, in a region of its
 * own. What the device sends is kept in struct guest, what the guest does is a function.
 */
#ifndef DMORE_TESTS_DOMR_GUEST_H
#define DMORE_TESTS_DOMR_GUEST_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <usbredirparser.h>

#include "region/ring.h"
#include "scratch.h"

#define GUEST_REPORTS 4096
#define GUEST_ENDPOINT 0x81
#define SETTLED 200000 /* µs after it has begun to listen a guest that is quick takes events */

struct guest {
    struct region region;
    struct ring in;  /* from the device */
    struct ring out; /* to it */
    struct usbredirparser *parser;

    int connected; /* how often the device has been plugged in */
    struct usb_redir_device_connect_header connect;
    struct usb_redir_ep_info_header endpoints;
    int configuration; /* as the device told it last, -1 before */
    int configuration_status;
    int receiving_status; /* answer to the last start or stop, -1 before */

    int answers; /* to control requests */
    struct usb_redir_control_packet_header answer;
    uint8_t answer_bytes[256];

    size_t n_reports;
    size_t report_size;
    uint8_t reports[GUEST_REPORTS][8];
};

static void guest_log(void *data, int level, const char *message)
{
    assert(level > usbredirparser_warning);
}

static int guest_read(void *data, uint8_t *bytes, int size)
{
    struct guest *guest = data;

    return ring_read(&guest->in, bytes, (size_t)size);
}

static int guest_write(void *data, uint8_t *bytes, int size)
{
    struct guest *guest = data;

    return ring_write(&guest->out, bytes, (size_t)size);
}

static void guest_on_hello(void *data, struct usb_redir_hello_header *hello)
{
}

static void guest_on_connect(void *data, struct usb_redir_device_connect_header *connect)
{
    struct guest *guest = data;

    guest->connected++;
    guest->connect = *connect;
}

static void guest_on_disconnect(void *data)
{
    assert(!"the device must stay plugged in");
}

static void guest_on_interfaces(void *data, struct usb_redir_interface_info_header *interfaces)
{
    assert(interfaces->interface_count == 1 && interfaces->interface_class[0] == 3);
}

static void guest_on_endpoints(void *data, struct usb_redir_ep_info_header *endpoints)
{
    struct guest *guest = data;

    guest->endpoints = *endpoints;
}

static void guest_on_configuration(void *data, uint64_t id,
                                   struct usb_redir_configuration_status_header *status)
{
    struct guest *guest = data;

    guest->configuration = status->configuration;
    guest->configuration_status = status->status;
}

static void guest_on_receiving(void *data, uint64_t id,
                               struct usb_redir_interrupt_receiving_status_header *status)
{
    struct guest *guest = data;

    guest->receiving_status = status->status;
}

static void guest_on_control(void *data, uint64_t id,
                             struct usb_redir_control_packet_header *control, uint8_t *bytes,
                             int size)
{
    struct guest *guest = data;

    guest->answers++;
    guest->answer = *control;
    assert(size <= (int)sizeof(guest->answer_bytes));
    if (size > 0)
        memcpy(guest->answer_bytes, bytes, (size_t)size);
    usbredirparser_free_packet_data(guest->parser, bytes);
}

static void guest_on_report(void *data, uint64_t id,
                            struct usb_redir_interrupt_packet_header *packet, uint8_t *bytes,
                            int size)
{
    struct guest *guest = data;

    assert(packet->endpoint == GUEST_ENDPOINT && packet->status == usb_redir_success);
    assert(size <= 8 && guest->n_reports < GUEST_REPORTS);
    guest->report_size = (size_t)size;
    memcpy(guest->reports[guest->n_reports++], bytes, (size_t)size);
    usbredirparser_free_packet_data(guest->parser, bytes);
}

/* guest_run() - read what the device has sent, write what waits */
static inline void guest_run(struct guest *guest)
{
    int status = usbredirparser_do_read(guest->parser);

    assert(status == 0);
    status = usbredirparser_do_write(guest->parser);
    assert(status == 0);
    (void)status;
}

static inline void guest_start(struct guest *guest)
{
    uint32_t capabilities[USB_REDIR_CAPS_SIZE] = {0};
    struct usbredirparser *parser = usbredirparser_create();

    guest->configuration = guest->receiving_status = -1;
    guest->parser = parser;
    parser->priv = guest;
    parser->log_func = guest_log;
    parser->read_func = guest_read;
    parser->write_func = guest_write;
    parser->hello_func = guest_on_hello;
    parser->device_connect_func = guest_on_connect;
    parser->device_disconnect_func = guest_on_disconnect;
    parser->interface_info_func = guest_on_interfaces;
    parser->ep_info_func = guest_on_endpoints;
    parser->configuration_status_func = guest_on_configuration;
    parser->interrupt_receiving_status_func = guest_on_receiving;
    parser->control_packet_func = guest_on_control;
    parser->interrupt_packet_func = guest_on_report;
    usbredirparser_caps_set_cap(capabilities, usb_redir_cap_connect_device_version);
    usbredirparser_caps_set_cap(capabilities, usb_redir_cap_ep_info_max_packet_size);
    usbredirparser_caps_set_cap(capabilities, usb_redir_cap_64bits_ids);
    usbredirparser_init(parser, "guest", capabilities, USB_REDIR_CAPS_SIZE, 0);
    guest_run(guest);
}

/* guest_open() - take the other side of a stream; says hello */
static inline void guest_open(struct guest *guest, enum region_stream_id stream)
{
    memset(guest, 0, sizeof(*guest));
    guest->region = scratch_region(REGION_MIN_SIZE);
    guest->in = ring_consumer(&guest->region, stream, RING_TO_VM);
    guest->out = ring_producer(&guest->region, stream, RING_TO_DOMAIN_R);
    guest_start(guest);
}

/* guest_replace() - another guest takes a stream that the device has begun anew */
static inline void guest_replace(struct guest *guest, enum region_stream_id stream)
{
    uint32_t begin = atomic_load(&region_status(&guest->region)->streams[stream].begin);
    int status = ring_consume(&guest->in, begin - guest->in.own);

    assert(status == 0);
    (void)status;
    usbredirparser_destroy(guest->parser);
    guest->n_reports = 0;
    guest_start(guest);
}

static inline void guest_close(struct guest *guest)
{
    usbredirparser_destroy(guest->parser);
    free(guest->region.base);
}

static inline void guest_reset(struct guest *guest)
{
    usbredirparser_send_reset(guest->parser);
    guest_run(guest);
}

static inline void guest_configure(struct guest *guest, uint8_t configuration)
{
    struct usb_redir_set_configuration_header set = {.configuration = configuration};

    usbredirparser_send_set_configuration(guest->parser, 1, &set);
    guest_run(guest);
}

static inline void guest_listen(struct guest *guest)
{
    struct usb_redir_start_interrupt_receiving_header start = {.endpoint = GUEST_ENDPOINT};

    usbredirparser_send_start_interrupt_receiving(guest->parser, 2, &start);
    guest_run(guest);
}

static inline void guest_stop_listening(struct guest *guest)
{
    struct usb_redir_stop_interrupt_receiving_header stop = {.endpoint = GUEST_ENDPOINT};

    usbredirparser_send_stop_interrupt_receiving(guest->parser, 3, &stop);
    guest_run(guest);
}

/* guest_ask() - a control request for up to @length bytes */
static inline void guest_ask(struct guest *guest, uint8_t type, uint8_t request, uint16_t value,
                             uint16_t length)
{
    struct usb_redir_control_packet_header control = {
        .endpoint = 0x80,
        .requesttype = type,
        .request = request,
        .value = value,
        .length = length,
    };

    usbredirparser_send_control_packet(guest->parser, 4, &control, NULL, 0);
    guest_run(guest);
}

/* guest_tell() - a control request that carries @size bytes */
static inline void guest_tell(struct guest *guest, uint8_t type, uint8_t request, uint16_t value,
                              uint8_t *bytes, uint16_t size)
{
    struct usb_redir_control_packet_header control = {
        .endpoint = 0x00,
        .requesttype = type,
        .request = request,
        .value = value,
        .length = size,
    };

    usbredirparser_send_control_packet(guest->parser, 5, &control, bytes, size);
    guest_run(guest);
}

#endif
