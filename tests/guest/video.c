/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * video.c - the reporter plays a video, and answers key presses in it, for the benchmarks
 *
 * Every pixel changes with each frame. A few frames are made beforehand and copied, so that the
 * guest has time left even when it is emulated. Two squares at the top are not part of the frames:
 * in the left one the colour changes with each key press, in the right one with each frame; by them
 * a client tells which frames and answers it has got.
 */
#include "reporter.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>

#define FRAMES 4
#define SQUARE 64 /* pixels */

static struct {
    struct drawing screen;
    uint32_t *frames[FRAMES]; /* without lines' padding; NULL: nothing plays */
    uint32_t number;
    uint32_t presses;
} video;

static void stop(void)
{
    for (int i = 0; i < FRAMES; i++) {
        free(video.frames[i]);
        video.frames[i] = NULL;
    }
}

static void square(uint32_t x, uint32_t colour)
{
    for (uint32_t row = 0; row < SQUARE; row++) {
        uint32_t *pixels = video.screen.pixels + (size_t)row * video.screen.stride + x;
        for (uint32_t i = 0; i < SQUARE; i++)
            pixels[i] = colour;
    }
}

/* Slopes that wander, under a grain of noise: what an encoder gets from a camera. */
static void make_frame(uint32_t *pixels, uint32_t number)
{
    uint32_t random = number + 1;
    for (uint32_t y = 0; y < video.screen.height; y++) {
        for (uint32_t x = 0; x < video.screen.width; x++) {
            random = random * 1664525U + 1013904223U;
            uint32_t level = (x + y + number * 64) >> 2;
            uint32_t grain = random >> 30;
            *pixels++ = (((level + grain) & 0xff) << 16) | ((((level >> 1) + grain) & 0xff) << 8) |
                        ((255 - level + grain) & 0xff);
        }
    }
}

const char *video_play(char *arguments, int timer)
{
    long rate = strtol(arguments, NULL, 10);
    struct itimerspec interval = {0};
    stop();
    if (rate > 0) {
        if (!draw_screen(&video.screen))
            return "set a mode first";
        for (uint32_t i = 0; i < FRAMES; i++) {
            video.frames[i] = malloc((size_t)video.screen.width * video.screen.height * 4);
            if (!video.frames[i]) {
                stop();
                return "no memory for the frames";
            }
            make_frame(video.frames[i], i);
        }
        interval.it_interval.tv_nsec = 1000000000 / (rate > 1 ? rate : 2);
        interval.it_value = interval.it_interval;
        video.presses = 0;
        square(0, 0);
    }
    return timerfd_settime(timer, 0, &interval, NULL) < 0 ? "no timer" : NULL;
}

void video_next(void)
{
    if (!video.frames[0])
        return;
    const uint32_t *from = video.frames[++video.number % FRAMES];
    for (uint32_t row = 0; row < video.screen.height; row++) {
        uint32_t left = row < SQUARE ? SQUARE : 0; /* the left square stays */
        memcpy(video.screen.pixels + (size_t)row * video.screen.stride + left, from + left,
               (video.screen.width - left) * sizeof(*from));
        from += video.screen.width;
    }
    square(SQUARE, video.number * 0x9e3779b1U);
    draw_changed(video.screen.width, video.screen.height);
}

void video_pressed(void)
{
    if (!video.frames[0])
        return;
    square(0, ++video.presses % 2 ? 0xffffff : 0);
    draw_changed(SQUARE, SQUARE);
}
