/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reporter.h - what the parts of the reporter share
 */
#ifndef DMORE_TESTS_GUEST_REPORTER_H
#define DMORE_TESTS_GUEST_REPORTER_H

#include <stdbool.h>

/* report() - one line to the laboratory, over the guest's second serial port
 * Also for children: a line is one write, so lines of several processes do not mix.
 */
void report(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A command's implementation. @arguments is the rest of its line, "" if there is none. It says
 * nothing when it succeeds: the caller reports "OK"; on failure it returns a sentence. */
typedef const char *(*command_function)(char *arguments);

/* draw.c: the screen through KMS */

/* draw_mode() - "WIDTHxHEIGHT [SEED]": set the mode and show picture SEED; "console": back to text
 */
const char *draw_mode(char *arguments);

/* draw_paint() - "SEED": show another picture in the same mode */
const char *draw_paint(char *arguments);

/* draw_next() - another picture in another mode: 800x600 and 1024x768 by turns */
void draw_next(void);

/* load.c: what keeps a guest busy; each runs in a child of its own */

/* load_dirty() - "MEGABYTES_PER_SECOND MEGABYTES": dirty memory at a rate; "0": stop */
const char *load_dirty(char *arguments);

/* load_disk() - "FIRST COUNT INTERVAL_MS": numbered blocks to /dev/vda, each synced, then "W
 * number" */
const char *load_disk(char *arguments);

/* load_net() - "ADDRESS PORT COUNT INTERVAL_MS": numbered lines to an echo server over one TCP
 * connection, "N number round_trip_us" for each that came back */
const char *load_net(char *arguments);

/* load_run() - a shell command line; each line it prints is reported after "> " */
const char *load_run(char *arguments);

#endif
