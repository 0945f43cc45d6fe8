/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * console.h - the RFB server: the user VM's screen out, keys and pointer in
 *
 * All clients share one console. What RFB is on the wire is neatvnc's business.
 */
#ifndef DMORE_DOMR_CONSOLE_H
#define DMORE_DOMR_CONSOLE_H

#include "domr/input.h"
#include "domr/settings.h"

struct console;

struct console_events {
    /* A client has pressed or moved something: run the devices. */
    void (*input)(void *data);
    /* The number of clients has changed. */
    void (*clients)(unsigned count, void *data);
};

/* console_open() - serve on a socket, in the aml main loop that is the default one
 * @fd: a bound stream socket; the console's from now on, also on failure
 * @input: stays the caller's, as does @events, which are called with @data
 *
 * Return: NULL after an error line.
 */
struct console *console_open(int fd, const struct region *region, const struct settings *settings,
                             struct input *input, const struct console_events *events, void *data);
void console_close(struct console *console);

/* console_look() - take what the host has changed: screen, cursor, notice */
void console_look(struct console *console);

/* console_watch() - once a second: see to it that no client takes what others need */
void console_watch(struct console *console);

/* console_set_leds() - tell all clients, and those to come
 * @leds: enum keyboard_led
 */
void console_set_leds(struct console *console, uint8_t leds);

#endif
