/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * usbredir_fuzz.c - what the user VM's hypervisor says to the keyboard and the pointer
 *
 * An input is a byte that chooses the device and how slowly its answers are read, and a stream of
 * the usbredir protocol. Somebody types meanwhile. Whatever the hypervisor says:
 *  - all that the device sends is of the protocol: another parser understands it;
 *  - reports come only while the guest listens;
 *  - the device reads no more while its answers are not taken.
 */
#include <stdlib.h>
#include <string.h>

#include <linux/input-event-codes.h>
#include <usbredirparser.h>

#include "domr/input.h"
#include "fuzz.h"
#include "region/ring.h"

#define PIECE 48                     /* bytes of the stream at a time */
#define HELLO_FIXED (12 + 64)        /* bytes before the capabilities in the first packet */
#define ANSWERS_MAX (3 * PIECE / 12) /* to the requests in a piece: 12 bytes get three at most */

enum {
    POINTER_FLAG = 1,
    SLOW_FLAG = 2,
    DEAF_FLAG = 4
};

static struct keyboard keyboard;
static struct pointer pointer;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    fuzz_quiet();
    return 0;
}

/* The other side: hears what the device says. */
struct guest {
    struct ring in;
    struct ring out;
    struct usbredirparser *parser;
    struct hid_device *device;
};

static void on_log(void *data, int level, const char *message)
{
    if (level <= usbredirparser_error)
        fuzz_failed(__FILE__, __LINE__, message);
}

static int on_read(void *data, uint8_t *bytes, int size)
{
    struct guest *guest = data;
    int got = ring_read(&guest->in, bytes, (size_t)size);

    CHECK(got >= 0);
    return got;
}

/* The harness has said hello in its name; it says nothing by itself. */
static int on_write(void *data, uint8_t *bytes, int size)
{
    return size;
}

static void on_hello(void *data, struct usb_redir_hello_header *hello)
{
}

static void on_connect(void *data, struct usb_redir_device_connect_header *connect)
{
}

static void on_disconnect(void *data)
{
    CHECK(!"the device stays plugged in");
}

static void on_interfaces(void *data, struct usb_redir_interface_info_header *interfaces)
{
    CHECK(interfaces->interface_count == 1);
}

static void on_endpoints(void *data, struct usb_redir_ep_info_header *endpoints)
{
}

static void on_configuration(void *data, uint64_t id,
                             struct usb_redir_configuration_status_header *status)
{
    CHECK(status->configuration <= 1);
}

static void on_alt_setting(void *data, uint64_t id,
                           struct usb_redir_alt_setting_status_header *status)
{
    CHECK(status->alt == 0);
}

static void on_iso_status(void *data, uint64_t id,
                          struct usb_redir_iso_stream_status_header *status)
{
    CHECK(status->status == usb_redir_inval);
}

static void on_receiving(void *data, uint64_t id,
                         struct usb_redir_interrupt_receiving_status_header *status)
{
    CHECK((status->status == usb_redir_success) == (status->endpoint == 0x81) ||
          status->status == usb_redir_success);
}

static void on_control(void *data, uint64_t id, struct usb_redir_control_packet_header *control,
                       uint8_t *bytes, int size)
{
    struct guest *guest = data;

    CHECK(size <= UINT8_MAX);
    usbredirparser_free_packet_data(guest->parser, bytes);
}

static void on_bulk(void *data, uint64_t id, struct usb_redir_bulk_packet_header *packet,
                    uint8_t *bytes, int size)
{
    CHECK(packet->status == usb_redir_inval && size == 0);
}

static void on_iso(void *data, uint64_t id, struct usb_redir_iso_packet_header *packet,
                   uint8_t *bytes, int size)
{
    CHECK(!"the device has no such endpoint");
}

static void on_interrupt(void *data, uint64_t id, struct usb_redir_interrupt_packet_header *packet,
                         uint8_t *bytes, int size)
{
    struct guest *guest = data;

    CHECK(size <= HID_REPORT_MAX);
    CHECK((size > 0) == (packet->status == usb_redir_success));
    usbredirparser_free_packet_data(guest->parser, bytes);
}

/* guest_open() - with the capabilities that the stream says it has, if it says so at its beginning
 * Return: whether it does; what the device sends can be understood only then.
 */
static bool guest_open(struct guest *guest, const struct region *region,
                       enum region_stream_id stream, const struct fuzz_input *said)
{
    uint32_t capabilities[USB_REDIR_CAPS_SIZE] = {0};
    struct usb_redir_header head = {0};
    struct usbredirparser *parser;

    *guest = (struct guest){
        .in = ring_consumer(region, stream, RING_TO_VM),
        .out = ring_producer(region, stream, RING_TO_DOMAIN_R),
    };
    if (said->left < HELLO_FIXED)
        return false;
    memcpy(&head, said->next, 12);
    if (head.type != usb_redir_hello || head.length < HELLO_FIXED - 12 ||
        head.length > HELLO_FIXED - 12 + sizeof(capabilities) || head.length % 4 != 0 ||
        said->left < 12 + head.length)
        return false;
    memcpy(capabilities, said->next + HELLO_FIXED, 12 + head.length - HELLO_FIXED);
    /* Without the one, the other means nothing, and no parser can be made that has it. */
    if (!(capabilities[0] & 1u << usb_redir_cap_ep_info_max_packet_size))
        capabilities[0] &= ~(1u << usb_redir_cap_bulk_streams);

    guest->parser = parser = usbredirparser_create();
    CHECK(parser != NULL);
    parser->priv = guest;
    parser->log_func = on_log;
    parser->read_func = on_read;
    parser->write_func = on_write;
    parser->hello_func = on_hello;
    parser->device_connect_func = on_connect;
    parser->device_disconnect_func = on_disconnect;
    parser->interface_info_func = on_interfaces;
    parser->ep_info_func = on_endpoints;
    parser->configuration_status_func = on_configuration;
    parser->alt_setting_status_func = on_alt_setting;
    parser->iso_stream_status_func = on_iso_status;
    parser->interrupt_receiving_status_func = on_receiving;
    parser->control_packet_func = on_control;
    parser->bulk_packet_func = on_bulk;
    parser->iso_packet_func = on_iso;
    parser->interrupt_packet_func = on_interrupt;
    usbredirparser_init(parser, "guest", capabilities, USB_REDIR_CAPS_SIZE, 0);
    return true;
}

static void guest_hear(struct guest *guest)
{
    static uint8_t dropped[RING_CAPACITY];

    if (guest->parser == NULL)
        CHECK(ring_read(&guest->in, dropped, sizeof(dropped)) >= 0);
    else
        CHECK(usbredirparser_do_read(guest->parser) == 0);
}

static void on_leds(uint8_t leds, void *data)
{
    CHECK(leds <= 7);
}

/* run() - let the device do what it can; reports are sent only if the guest listens in the end */
static void run(struct guest *guest, uint64_t now)
{
    bool moved = false;
    uint64_t sent = guest->device->next_id;

    CHECK(keyboard_run(&keyboard, now, &moved) > now);
    CHECK(pointer_run(&pointer, now, &moved) > now);
    CHECK(guest->device->next_id == sent || guest->device->listening);
    if (ring_fill(&guest->device->in) > 0)
        CHECK(usbredirparser_has_data_to_write(guest->device->parser));
    CHECK(usbredirparser_has_data_to_write(guest->device->parser) <= ANSWERS_MAX);
    CHECK(!keyboard.hid.broken && !pointer.hid.broken);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct fuzz_input input = {bytes, size};
    uint8_t flags = fuzz_u8(&input);
    enum region_stream_id stream =
        flags & POINTER_FLAG ? REGION_STREAM_POINTER : REGION_STREAM_KEYBOARD;
    struct region region = fuzz_region(0);
    struct guest guest;
    struct input typing;

    guest_open(&guest, &region, stream, &input);
    CHECK(keyboard_open(&keyboard, &region, on_leds, NULL) == 0);
    CHECK(pointer_open(&pointer, &region) == 0);
    guest.device = flags & POINTER_FLAG ? &pointer.hid : &keyboard.hid;
    input_init(&typing, &keyboard, &pointer, NULL, 0);

    struct input_client *client = input_add_client(&typing);
    uint64_t now = 1000000;

    CHECK(client != NULL);
    for (unsigned turn = 0; input.left > 0; turn++) {
        size_t piece = 0;
        const uint8_t *said = fuzz_take(&input, PIECE, &piece);

        /* A deaf one is not read any more in the end. */
        if (ring_write(&guest.out, said, piece) < (int)piece)
            break;
        input_code(&typing, client, KEY_A + turn % 3, turn % 2);
        input_pointer(&typing, client, turn, turn, (uint8_t)turn, 100, 100);
        now += 10000;
        run(&guest, now);
        if (!(flags & DEAF_FLAG) && !(flags & SLOW_FLAG && turn % 4))
            guest_hear(&guest);
    }
    input_remove_client(&typing, client);
    if (guest.parser != NULL)
        usbredirparser_destroy(guest.parser);
    pointer_close(&pointer);
    keyboard_close(&keyboard);
    return 0;
}
