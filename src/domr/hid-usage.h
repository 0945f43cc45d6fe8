/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hid-usage.h - which usage of the HID keyboard page a Linux evdev key code has */
#ifndef DMORE_DOMR_HID_USAGE_H
#define DMORE_DOMR_HID_USAGE_H

#include <stdint.h>

#define HID_USAGES 256 /* usages of the keyboard page fit into a byte here, as in boot reports */

#define HID_USAGE_LEFT_CONTROL 0xe0 /* the first of the eight modifiers */
#define HID_USAGE_RIGHT_META 0xe7   /* the last */

/* hid_usage() - the usage of a key
 * @code: KEY_... of linux/input-event-codes.h
 *
 * Return: the usage, or 0 when the page has none for this key.
 */
uint8_t hid_usage(uint32_t code);

#endif
