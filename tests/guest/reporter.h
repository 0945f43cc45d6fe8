/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reporter.h - what the parts of the reporter share
 */
#ifndef DMORE_TESTS_GUEST_REPORTER_H
#define DMORE_TESTS_GUEST_REPORTER_H

#include <stdbool.h>
#include <stdint.h>

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

/* What can be drawn into: 32 bits a pixel, @stride pixels from a line to the next. */
struct drawing {
    uint32_t *pixels;
    uint32_t width, height, stride;
};

/* draw_screen() - the picture that is shown; false while the text console has the screen */
bool draw_screen(struct drawing *drawing);

/* draw_changed() - show what was drawn into the upper left corner of that size, in pixels
 * Return: why it cannot be shown, or NULL.
 */
const char *draw_changed(uint32_t width, uint32_t height);

/* video.c */

/* video_play() - "FRAMES_PER_SECOND", in the mode that is set; "0": stop
 * @timer: a timerfd, to be set; when it expires, video_next() is called
 */
const char *video_play(char *arguments, int timer);
void video_next(void);

/* video_pressed() - a key was pressed: answer in the picture, if a video plays */
void video_pressed(void);

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
