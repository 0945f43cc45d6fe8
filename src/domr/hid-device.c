/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hid-device.c - a USB HID device with one interrupt endpoint, plugged into the user VM
 *
 * Source: the usbredir protocol description, version 0.7.
 */
#include "domr/hid-device.h"

#include <errno.h>
#include <string.h>

#include <usbredirfilter.h>
#include <usbredirparser.h>

#include "domr/hid-control.h"
#include "domr/log.h"

/* usbredir numbers endpoints 0-15 for OUT and 16-31 for IN. */
#define REDIR_INDEX(endpoint) (((endpoint) & 0x80) >> 3 | ((endpoint) & 0x0f))

/* A hypervisor that goes on after its VM was paused, or it hung, reads at once all that has come
 * meanwhile, and of more than 2000 reports it drops the rest. So no more than 300 wait in the ring;
 * the socket behind it takes about as many. */
#define UNREAD_MAX 8192u /* bytes in the ring */

/* What a guest is given to settle (hid-device.h). At most as long as a person waits for a key that
 * does nothing before pressing it again. */
#define SETTLE_MIN 200000u /* µs */
#define SETTLE_MAX 3000000u

/* What follows are the parser's callbacks. It calls those that belong to the messages a side with
 * a guest may send; each has to be there. */

static void on_log(void *data, int level, const char *message)
{
    struct hid_device *device = data;

    if (level <= usbredirparser_warning)
        log_warning("%s: %s", device->model->product, message);
}

static int on_read(void *data, uint8_t *bytes, int size)
{
    struct hid_device *device = data;
    int taken = ring_read(&device->in, bytes, (size_t)size);

    if (taken < 0)
        device->broken = true;
    else if (taken > 0)
        device->progress = true;
    return taken < 0 ? -1 : taken;
}

static int on_write(void *data, uint8_t *bytes, int size)
{
    struct hid_device *device = data;
    /* What is left it offers again. */
    size_t piece = (size_t)size < RING_AHEAD ? (size_t)size : RING_AHEAD;
    int taken = ring_write(&device->out, bytes, piece);

    if (taken < 0)
        device->broken = true;
    else if (taken > 0)
        device->progress = true;
    return taken < 0 ? -1 : taken;
}

static void send_layout(struct hid_device *device)
{
    struct usb_redir_ep_info_header endpoints = {0};
    struct usb_redir_interface_info_header interfaces = {
        .interface_count = 1,
        .interface_class = {3},
        .interface_subclass = {device->model->subclass},
        .interface_protocol = {device->model->protocol},
    };

    memset(endpoints.type, usb_redir_type_invalid, sizeof(endpoints.type));
    endpoints.type[REDIR_INDEX(0x00)] = usb_redir_type_control;
    endpoints.type[REDIR_INDEX(0x80)] = usb_redir_type_control;
    endpoints.max_packet_size[REDIR_INDEX(0x00)] = HID_REPORT_MAX;
    endpoints.max_packet_size[REDIR_INDEX(0x80)] = HID_REPORT_MAX;
    endpoints.type[REDIR_INDEX(HID_ENDPOINT_IN)] = usb_redir_type_interrupt;
    endpoints.interval[REDIR_INDEX(HID_ENDPOINT_IN)] = HID_INTERVAL;
    endpoints.max_packet_size[REDIR_INDEX(HID_ENDPOINT_IN)] = HID_REPORT_MAX;
    usbredirparser_send_ep_info(device->parser, &endpoints);
    usbredirparser_send_interface_info(device->parser, &interfaces);
}

static void on_hello(void *data, struct usb_redir_hello_header *hello)
{
    struct hid_device *device = data;
    struct usb_redir_device_connect_header connect = {
        .speed = usb_redir_speed_full,
        .vendor_id = HID_VENDOR_ID,
        .product_id = HID_PRODUCT_ID,
        .device_version_bcd = HID_RELEASE,
    };

    send_layout(device);
    usbredirparser_send_device_connect(device->parser, &connect);
}

static void stop_listening(struct hid_device *device)
{
    device->listening = false;
    device->idle = 0;
}

static void on_reset(void *data)
{
    struct hid_device *device = data;

    stop_listening(device);
    device->configuration = 0;
    device->configured_at = 0;
    device->boot_or_report = 1;
    device->model->reset(device);
}

static void send_configuration(struct hid_device *device, uint64_t id, uint8_t status)
{
    struct usb_redir_configuration_status_header answer = {
        .status = status,
        .configuration = device->configuration,
    };

    usbredirparser_send_configuration_status(device->parser, id, &answer);
}

static void on_set_configuration(void *data, uint64_t id,
                                 struct usb_redir_set_configuration_header *set)
{
    struct hid_device *device = data;
    bool valid = set->configuration <= 1;

    if (valid) {
        stop_listening(device);
        device->configuration = set->configuration;
        device->configured_at = device->now;
        send_layout(device);
    }
    send_configuration(device, id, valid ? usb_redir_success : usb_redir_stall);
}

static void on_get_configuration(void *data, uint64_t id)
{
    send_configuration(data, id, usb_redir_success);
}

static void send_alt_setting(struct hid_device *device, uint64_t id, uint8_t interface, bool valid)
{
    struct usb_redir_alt_setting_status_header answer = {
        .status = valid ? usb_redir_success : usb_redir_stall,
        .interface = interface,
        .alt = 0,
    };

    usbredirparser_send_alt_setting_status(device->parser, id, &answer);
}

static void on_set_alt_setting(void *data, uint64_t id,
                               struct usb_redir_set_alt_setting_header *set)
{
    send_alt_setting(data, id, set->interface, set->interface == 0 && set->alt == 0);
}

static void on_get_alt_setting(void *data, uint64_t id,
                               struct usb_redir_get_alt_setting_header *get)
{
    send_alt_setting(data, id, get->interface, get->interface == 0);
}

static uint64_t clamp(uint64_t value, uint64_t least, uint64_t most)
{
    if (value < least)
        return least;
    return value < most ? value : most;
}

static void begin_to_listen(struct hid_device *device)
{
    if (device->configured_at != 0)
        device->settle = clamp(device->now - device->configured_at, SETTLE_MIN, SETTLE_MAX);
    device->configured_at = 0;
    device->events_from = device->now + device->settle;
    device->listening = true;
    device->model->started(device);
}

static void on_start_interrupt(void *data, uint64_t id,
                               struct usb_redir_start_interrupt_receiving_header *start)
{
    struct hid_device *device = data;
    bool valid = start->endpoint == HID_ENDPOINT_IN;
    struct usb_redir_interrupt_receiving_status_header answer = {
        .status = valid ? usb_redir_success : usb_redir_inval,
        .endpoint = start->endpoint,
    };

    usbredirparser_send_interrupt_receiving_status(device->parser, id, &answer);
    if (valid)
        begin_to_listen(device);
}

static void on_stop_interrupt(void *data, uint64_t id,
                              struct usb_redir_stop_interrupt_receiving_header *stop)
{
    struct hid_device *device = data;
    struct usb_redir_interrupt_receiving_status_header answer = {
        .status = usb_redir_success,
        .endpoint = stop->endpoint,
    };

    usbredirparser_send_interrupt_receiving_status(device->parser, id, &answer);
    if (stop->endpoint == HID_ENDPOINT_IN)
        device->listening = false;
}

static void on_control(void *data, uint64_t id, struct usb_redir_control_packet_header *request,
                       uint8_t *bytes, int size)
{
    struct hid_device *device = data;
    struct usb_redir_control_packet_header header = *request;
    struct hid_setup setup = {
        .type = request->requesttype,
        .request = request->request,
        .value = request->value,
        .data = bytes,
        .size = (size_t)size,
    };
    struct hid_answer answer;

    hid_control(device, &setup, &answer);
    usbredirparser_free_packet_data(device->parser, bytes);

    header.status = answer.stall ? usb_redir_stall : usb_redir_success;
    if (request->endpoint & 0x80) {
        if (header.length > answer.size)
            header.length = answer.size;
        usbredirparser_send_control_packet(device->parser, id, &header, answer.bytes,
                                           header.length);
    } else {
        usbredirparser_send_control_packet(device->parser, id, &header, NULL, 0);
    }
}

/* There is nothing to cancel: control requests are answered at once. */
static void on_cancel(void *data, uint64_t id)
{
}

static void on_filter_reject(void *data)
{
    struct hid_device *device = data;

    log_error("the user VM refuses the device \"%s\"; remove the filter of its usb-redir device",
              device->model->product);
}

static void on_filter(void *data, struct usbredirfilter_rule *rules, int count)
{
    usbredirfilter_free(rules);
}

static void on_disconnect_ack(void *data)
{
}

/* Transfers to endpoints that the device does not have */

static void on_interrupt(void *data, uint64_t id, struct usb_redir_interrupt_packet_header *packet,
                         uint8_t *bytes, int size)
{
    struct hid_device *device = data;
    struct usb_redir_interrupt_packet_header answer = *packet;

    usbredirparser_free_packet_data(device->parser, bytes);
    answer.status = usb_redir_inval;
    usbredirparser_send_interrupt_packet(device->parser, id, &answer, NULL, 0);
}

static void on_bulk(void *data, uint64_t id, struct usb_redir_bulk_packet_header *packet,
                    uint8_t *bytes, int size)
{
    struct hid_device *device = data;
    struct usb_redir_bulk_packet_header answer = *packet;

    usbredirparser_free_packet_data(device->parser, bytes);
    answer.status = usb_redir_inval;
    if (answer.endpoint & 0x80)
        answer.length = answer.length_high = 0;
    usbredirparser_send_bulk_packet(device->parser, id, &answer, NULL, 0);
}

static void on_iso(void *data, uint64_t id, struct usb_redir_iso_packet_header *packet,
                   uint8_t *bytes, int size)
{
    struct hid_device *device = data;

    usbredirparser_free_packet_data(device->parser, bytes);
}

static void send_iso_status(struct hid_device *device, uint64_t id, uint8_t endpoint)
{
    struct usb_redir_iso_stream_status_header answer = {
        .status = usb_redir_inval,
        .endpoint = endpoint,
    };

    usbredirparser_send_iso_stream_status(device->parser, id, &answer);
}

static void on_start_iso(void *data, uint64_t id, struct usb_redir_start_iso_stream_header *start)
{
    send_iso_status(data, id, start->endpoint);
}

static void on_stop_iso(void *data, uint64_t id, struct usb_redir_stop_iso_stream_header *stop)
{
    send_iso_status(data, id, stop->endpoint);
}

/* The parser lets these two through only to a side that has the capability, which we have not;
 * still it wants to know where to. */
static void on_start_bulk(void *data, uint64_t id,
                          struct usb_redir_start_bulk_receiving_header *start)
{
}

static void on_stop_bulk(void *data, uint64_t id, struct usb_redir_stop_bulk_receiving_header *stop)
{
}

static void on_alloc_streams(void *data, uint64_t id,
                             struct usb_redir_alloc_bulk_streams_header *alloc)
{
}

static void on_free_streams(void *data, uint64_t id,
                            struct usb_redir_free_bulk_streams_header *streams)
{
}

/* plug_in() - a device as it comes from the factory; says hello */
static int plug_in(struct hid_device *device)
{
    struct usbredirparser *parser = usbredirparser_create();
    uint32_t capabilities[USB_REDIR_CAPS_SIZE] = {0};

    if (!parser)
        return -ENOMEM;
    device->parser = parser;
    device->next_id = 1;
    device->configuration = 0;
    device->configured_at = 0;
    device->settle = SETTLE_MIN;
    device->boot_or_report = 1;
    stop_listening(device);

    parser->priv = device;
    parser->log_func = on_log;
    parser->read_func = on_read;
    parser->write_func = on_write;
    parser->hello_func = on_hello;
    parser->reset_func = on_reset;
    parser->set_configuration_func = on_set_configuration;
    parser->get_configuration_func = on_get_configuration;
    parser->set_alt_setting_func = on_set_alt_setting;
    parser->get_alt_setting_func = on_get_alt_setting;
    parser->start_interrupt_receiving_func = on_start_interrupt;
    parser->stop_interrupt_receiving_func = on_stop_interrupt;
    parser->control_packet_func = on_control;
    parser->cancel_data_packet_func = on_cancel;
    parser->filter_reject_func = on_filter_reject;
    parser->filter_filter_func = on_filter;
    parser->device_disconnect_ack_func = on_disconnect_ack;
    parser->interrupt_packet_func = on_interrupt;
    parser->bulk_packet_func = on_bulk;
    parser->iso_packet_func = on_iso;
    parser->start_iso_stream_func = on_start_iso;
    parser->stop_iso_stream_func = on_stop_iso;
    parser->start_bulk_receiving_func = on_start_bulk;
    parser->stop_bulk_receiving_func = on_stop_bulk;
    parser->alloc_bulk_streams_func = on_alloc_streams;
    parser->free_bulk_streams_func = on_free_streams;

    usbredirparser_caps_set_cap(capabilities, usb_redir_cap_connect_device_version);
    usbredirparser_caps_set_cap(capabilities, usb_redir_cap_ep_info_max_packet_size);
    usbredirparser_caps_set_cap(capabilities, usb_redir_cap_64bits_ids);
    usbredirparser_caps_set_cap(capabilities, usb_redir_cap_32bits_bulk_length);
    usbredirparser_caps_set_cap(capabilities, usb_redir_cap_device_disconnect_ack);
    usbredirparser_init(parser, "D-MORE domr " DMORE_VERSION, capabilities, USB_REDIR_CAPS_SIZE,
                        usbredirparser_fl_usb_host);
    return 0;
}

int hid_device_open(struct hid_device *device, const struct hid_model *model, void *owner,
                    const struct region *region, enum region_stream_id stream)
{
    *device = (struct hid_device){
        .model = model,
        .owner = owner,
        .region = region,
        .stream = stream,
        .generation = atomic_load(&region_notice(region)->generations[stream]),
        .in = ring_consumer(region, stream, RING_TO_DOMAIN_R),
        .out = ring_producer(region, stream, RING_TO_VM),
    };
    return plug_in(device);
}

/* The host has begun the stream anew: so does the device, and says where. */
static void begin_anew(struct hid_device *device, uint32_t generation)
{
    struct region_status *status = region_status(device->region);
    uint32_t user_vm = atomic_load(&region_notice(device->region)->user_vm);
    int old = ring_fill(&device->in);

    if (old < 0 || ring_consume(&device->in, (size_t)old) < 0) {
        device->broken = true;
        return;
    }
    usbredirparser_destroy(device->parser);
    device->parser = NULL;
    if (plug_in(device) < 0) {
        log_error("no memory to plug \"%s\" in again", device->model->product);
        device->broken = true;
        return;
    }
    device->model->reset(device);
    if (user_vm == REGION_USER_VM_OFF || user_vm == REGION_USER_VM_CRASHED)
        device->model->forget(device);
    device->generation = generation;
    atomic_store(&status->streams[device->stream].begin, device->out.own);
    atomic_store(&status->streams[device->stream].generation, generation);
    device->progress = true;
}

void hid_device_close(struct hid_device *device)
{
    usbredirparser_destroy(device->parser);
    device->parser = NULL;
}

static bool write_waiting(struct hid_device *device)
{
    if (usbredirparser_has_data_to_write(device->parser))
        usbredirparser_do_write(device->parser);
    return !usbredirparser_has_data_to_write(device->parser);
}

bool hid_device_run(struct hid_device *device, uint64_t now)
{
    uint32_t generation = atomic_load(&region_notice(device->region)->generations[device->stream]);

    if (device->broken)
        return false;
    device->now = now;
    device->progress = false;
    if (generation != device->generation)
        begin_anew(device, generation);
    /* Who does not take the answers is not read, so that they do not pile up. A parse error has
     * been logged by the parser, which goes on with the next packet. */
    if (!device->broken && write_waiting(device)) {
        while (usbredirparser_do_read(device->parser) == usbredirparser_read_parse_error)
            ;
        write_waiting(device);
    }
    if (device->broken)
        log_error("the stream of \"%s\" has impossible indices; the device is dead until Domain R "
                  "is started anew",
                  device->model->product);
    return device->progress;
}

bool hid_device_listening(const struct hid_device *device)
{
    return device->listening && !device->broken;
}

bool hid_device_room(const struct hid_device *device)
{
    int space = ring_space(&device->out);

    /* Into a ring with impossible indices the next report is written, which says so. */
    return !usbredirparser_has_data_to_write(device->parser) &&
           (space < 0 || RING_CAPACITY - (unsigned)space < UNREAD_MAX);
}

void hid_device_report(struct hid_device *device, const uint8_t *report)
{
    struct usb_redir_interrupt_packet_header header = {
        .endpoint = HID_ENDPOINT_IN,
        .status = usb_redir_success,
        .length = device->model->report_size,
    };

    memcpy(device->last_report, report, device->model->report_size);
    usbredirparser_send_interrupt_packet(device->parser, device->next_id++, &header,
                                         device->last_report, header.length);
}
