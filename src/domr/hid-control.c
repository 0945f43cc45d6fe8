/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hid-control.c - how a HID device answers control requests: descriptors, reports, settings
 *
 * Sources: USB 2.0, chapter 9 (descriptors and standard requests); Device Class Definition for
 * HID 1.11, sections 6 and 7. USB is little-endian, and so is every machine that domr runs on.
 */
#include "domr/hid-control.h"

#include <linux/hid.h>
#include <linux/usb/ch9.h>
#include <string.h>

#define LOW(word) ((word) & 0xff)
#define HIGH(word) ((word) >> 8)
#define REQUEST(type, request) ((type) << 8 | (request))
#define FROM_INTERFACE (USB_DIR_IN | USB_TYPE_CLASS | USB_RECIP_INTERFACE)
#define TO_INTERFACE (USB_DIR_OUT | USB_TYPE_CLASS | USB_RECIP_INTERFACE)

enum string_index {
    STRING_LANGUAGES = 0,
    STRING_MANUFACTURER = 1,
    STRING_PRODUCT = 2,
};

enum report_type { /* HID 1.11, 7.2.1, high byte of wValue */
    REPORT_INPUT = 1,
    REPORT_OUTPUT = 2,
};

/* HID 1.11, 6.2.1 */
struct hid_descriptor {
    uint8_t length;
    uint8_t type;
    uint16_t release;
    uint8_t country;
    uint8_t descriptors;
    uint8_t report_type;
    uint16_t report_length;
} __attribute__((packed));

/* The endpoint's descriptor comes last: the kernel's structure has two bytes more, for audio. */
struct configuration {
    struct usb_config_descriptor head;
    struct usb_interface_descriptor interface;
    struct hid_descriptor hid;
    struct usb_endpoint_descriptor endpoint;
} __attribute__((packed));

#define CONFIGURATION_SIZE (offsetof(struct configuration, endpoint) + USB_DT_ENDPOINT_SIZE)

static const struct usb_device_descriptor device_descriptor = {
    .bLength = USB_DT_DEVICE_SIZE,
    .bDescriptorType = USB_DT_DEVICE,
    .bcdUSB = 0x0200,
    .bDeviceClass = USB_CLASS_PER_INTERFACE,
    .bMaxPacketSize0 = HID_REPORT_MAX,
    .idVendor = HID_VENDOR_ID,
    .idProduct = HID_PRODUCT_ID,
    .bcdDevice = HID_RELEASE,
    .iManufacturer = STRING_MANUFACTURER,
    .iProduct = STRING_PRODUCT,
    .bNumConfigurations = 1,
};

static struct configuration make_configuration(const struct hid_model *model)
{
    return (struct configuration){
        .head =
            {
                .bLength = USB_DT_CONFIG_SIZE,
                .bDescriptorType = USB_DT_CONFIG,
                .wTotalLength = CONFIGURATION_SIZE,
                .bNumInterfaces = 1,
                .bConfigurationValue = 1,
                /* Without remote wake-up: a guest never suspends such a device while it is in use,
                 * and one that is suspended could not be woken up through usbredir. */
                .bmAttributes = USB_CONFIG_ATT_ONE,
                .bMaxPower = 50,
            },
        .interface =
            {
                .bLength = USB_DT_INTERFACE_SIZE,
                .bDescriptorType = USB_DT_INTERFACE,
                .bNumEndpoints = 1,
                .bInterfaceClass = USB_CLASS_HID,
                .bInterfaceSubClass = model->subclass,
                .bInterfaceProtocol = model->protocol,
            },
        .hid =
            {
                .length = sizeof(struct hid_descriptor),
                .type = HID_DT_HID,
                .release = 0x0111,
                .descriptors = 1,
                .report_type = HID_DT_REPORT,
                .report_length = (uint16_t)model->report_descriptor_size,
            },
        .endpoint =
            {
                .bLength = USB_DT_ENDPOINT_SIZE,
                .bDescriptorType = USB_DT_ENDPOINT,
                .bEndpointAddress = HID_ENDPOINT_IN,
                .bmAttributes = USB_ENDPOINT_XFER_INT,
                .wMaxPacketSize = HID_REPORT_MAX,
                .bInterval = HID_INTERVAL,
            },
    };
}

static void answer_bytes(struct hid_answer *answer, const void *bytes, size_t size)
{
    answer->stall = false;
    answer->size = (uint8_t)size;
    memcpy(answer->bytes, bytes, size);
}

static void answer_string(struct hid_answer *answer, const char *text)
{
    size_t length = strlen(text);

    answer->stall = false;
    answer->size = (uint8_t)(2 + 2 * length);
    answer->bytes[0] = answer->size;
    answer->bytes[1] = USB_DT_STRING;
    for (size_t i = 0; i < length; i++) { /* UTF-16 */
        answer->bytes[2 + 2 * i] = (uint8_t)text[i];
        answer->bytes[3 + 2 * i] = 0;
    }
}

static void get_string(const struct hid_model *model, unsigned index, struct hid_answer *answer)
{
    static const uint8_t languages[] = {4, USB_DT_STRING, LOW(0x0409), HIGH(0x0409)};

    if (index == STRING_LANGUAGES)
        answer_bytes(answer, languages, sizeof(languages));
    else if (index == STRING_MANUFACTURER)
        answer_string(answer, "D-MORE");
    else if (index == STRING_PRODUCT)
        answer_string(answer, model->product);
}

static void get_descriptor(const struct hid_model *model, uint16_t value, struct hid_answer *answer)
{
    struct configuration configuration = make_configuration(model);

    switch (HIGH(value)) {
    case USB_DT_DEVICE:
        answer_bytes(answer, &device_descriptor, sizeof(device_descriptor));
        break;
    case USB_DT_CONFIG:
        answer_bytes(answer, &configuration, CONFIGURATION_SIZE);
        break;
    case HID_DT_HID:
        answer_bytes(answer, &configuration.hid, sizeof(configuration.hid));
        break;
    case HID_DT_REPORT:
        answer_bytes(answer, model->report_descriptor, model->report_descriptor_size);
        break;
    case USB_DT_STRING:
        get_string(model, LOW(value), answer);
        break;
    default:
        break;
    }
}

static void set_report(struct hid_device *device, const struct hid_setup *setup,
                       struct hid_answer *answer)
{
    if (HIGH(setup->value) != REPORT_OUTPUT || !device->model->output)
        return;
    device->model->output(device, setup->data, setup->size);
    answer->stall = false;
}

void hid_control(struct hid_device *device, const struct hid_setup *setup,
                 struct hid_answer *answer)
{
    static const uint8_t zeroes[2] = {0};

    *answer = (struct hid_answer){.stall = true};
    switch (REQUEST(setup->type, setup->request)) {
    case REQUEST(USB_DIR_IN | USB_RECIP_DEVICE, USB_REQ_GET_STATUS):
    case REQUEST(USB_DIR_IN | USB_RECIP_INTERFACE, USB_REQ_GET_STATUS):
    case REQUEST(USB_DIR_IN | USB_RECIP_ENDPOINT, USB_REQ_GET_STATUS):
        answer_bytes(answer, zeroes, sizeof(zeroes));
        break;
    case REQUEST(USB_RECIP_DEVICE, USB_REQ_CLEAR_FEATURE):
    case REQUEST(USB_RECIP_ENDPOINT, USB_REQ_CLEAR_FEATURE):
    case REQUEST(USB_RECIP_DEVICE, USB_REQ_SET_FEATURE):
        answer->stall = false; /* the endpoint never halts */
        break;
    case REQUEST(USB_DIR_IN | USB_RECIP_DEVICE, USB_REQ_GET_DESCRIPTOR):
    case REQUEST(USB_DIR_IN | USB_RECIP_INTERFACE, USB_REQ_GET_DESCRIPTOR):
        get_descriptor(device->model, setup->value, answer);
        break;
    case REQUEST(FROM_INTERFACE, HID_REQ_GET_REPORT):
        if (HIGH(setup->value) == REPORT_INPUT)
            answer_bytes(answer, device->last_report, device->model->report_size);
        break;
    case REQUEST(TO_INTERFACE, HID_REQ_SET_REPORT):
        set_report(device, setup, answer);
        break;
    case REQUEST(FROM_INTERFACE, HID_REQ_GET_IDLE):
        answer_bytes(answer, &device->idle, 1);
        break;
    case REQUEST(TO_INTERFACE, HID_REQ_SET_IDLE):
        device->idle = HIGH(setup->value);
        answer->stall = false;
        break;
    case REQUEST(FROM_INTERFACE, HID_REQ_GET_PROTOCOL):
        answer_bytes(answer, &device->boot_or_report, 1);
        break;
    case REQUEST(TO_INTERFACE, HID_REQ_SET_PROTOCOL):
        device->boot_or_report = setup->value != 0;
        answer->stall = false;
        break;
    default:
        break;
    }
}
