/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * draw.c - the reporter's pictures: mode setting and a frame buffer, as a display server does it
 *
 * Plain KMS system calls and one dumb buffer. The picture is made from a seed: the same seed and
 * size give the same pixels, so that the laboratory can tell pictures apart. Closing the device
 * gives the screen back to the kernel's text console.
 */
#include "reporter.h"

#include <drm_mode.h>
#include <drm.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_MODES 128
#define MAX_CONNECTORS 8

static struct {
    int fd; /* 0: the text console has the screen */
    uint32_t *pixels;
    size_t size;
    uint32_t width, height, pitch;
    uint32_t framebuffer;
} screen;

static void screen_close(void)
{
    if (screen.pixels)
        munmap(screen.pixels, screen.size);
    if (screen.fd > 0)
        close(screen.fd);
    memset(&screen, 0, sizeof(screen));
}

/* A mode that the screen does not offer, as a user can make one; 60 pictures a second. A virtual
 * screen does not care for the times. */
static void make_mode(uint32_t width, uint32_t height, struct drm_mode_modeinfo *mode)
{
    *mode = (struct drm_mode_modeinfo){
        .hdisplay = (uint16_t)width,
        .hsync_start = (uint16_t)(width + 16),
        .hsync_end = (uint16_t)(width + 32),
        .htotal = (uint16_t)(width + 64),
        .vdisplay = (uint16_t)height,
        .vsync_start = (uint16_t)(height + 2),
        .vsync_end = (uint16_t)(height + 4),
        .vtotal = (uint16_t)(height + 8),
        .vrefresh = 60,
        .type = DRM_MODE_TYPE_USERDEF,
    };
    mode->clock = (uint32_t)mode->htotal * mode->vtotal * 60 / 1000; /* kHz */
}

/* Find or make the mode of that size on the first connected connector. */
static const char *find_mode(int fd, uint32_t width, uint32_t height, struct drm_mode_crtc *crtc,
                             uint32_t *connector)
{
    uint32_t crtcs[8] = {0};
    uint32_t connectors[MAX_CONNECTORS] = {0};
    static struct drm_mode_modeinfo modes[MAX_MODES];
    struct drm_mode_card_res resources = {0};
    if (ioctl(fd, DRM_IOCTL_MODE_GETRESOURCES, &resources) < 0)
        return "the device cannot set modes";
    if (resources.count_crtcs > 8 || resources.count_connectors > MAX_CONNECTORS)
        return "the device has more outputs than this program knows";
    resources.count_fbs = 0;
    resources.count_encoders = 0;
    resources.crtc_id_ptr = (uintptr_t)crtcs;
    resources.connector_id_ptr = (uintptr_t)connectors;
    if (ioctl(fd, DRM_IOCTL_MODE_GETRESOURCES, &resources) < 0)
        return "the device does not tell its outputs";

    for (uint32_t i = 0; i < resources.count_connectors; i++) {
        /* Asking with room for no modes at all makes the kernel look for them. */
        struct drm_mode_get_connector c = {.connector_id = connectors[i]};
        if (ioctl(fd, DRM_IOCTL_MODE_GETCONNECTOR, &c) < 0 || c.connection != 1)
            continue;
        c = (struct drm_mode_get_connector){
            .connector_id = connectors[i],
            .modes_ptr = (uintptr_t)modes,
            .count_modes = c.count_modes < MAX_MODES ? c.count_modes : MAX_MODES,
        };
        if (ioctl(fd, DRM_IOCTL_MODE_GETCONNECTOR, &c) < 0)
            continue;
        crtc->crtc_id = crtcs[0];
        crtc->mode_valid = 1;
        *connector = connectors[i];
        make_mode(width, height, &crtc->mode);
        for (uint32_t m = 0; m < c.count_modes && m < MAX_MODES; m++) {
            if (modes[m].hdisplay == width && modes[m].vdisplay == height) {
                crtc->mode = modes[m];
                break;
            }
        }
        return NULL;
    }
    return "no screen is connected";
}

static const char *make_buffer(int fd, uint32_t width, uint32_t height)
{
    struct drm_mode_create_dumb buffer = {.width = width, .height = height, .bpp = 32};
    if (ioctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &buffer) < 0)
        return "no memory for the picture";
    struct drm_mode_fb_cmd framebuffer = {
        .width = width,
        .height = height,
        .pitch = buffer.pitch,
        .bpp = 32,
        .depth = 24,
        .handle = buffer.handle,
    };
    struct drm_mode_map_dumb map = {.handle = buffer.handle};
    if (ioctl(fd, DRM_IOCTL_MODE_ADDFB, &framebuffer) < 0 ||
        ioctl(fd, DRM_IOCTL_MODE_MAP_DUMB, &map) < 0)
        return "the picture's memory is not accepted";
    void *pixels =
        mmap(NULL, buffer.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)map.offset);
    if (pixels == MAP_FAILED)
        return "the picture's memory cannot be mapped";
    screen.pixels = pixels;
    screen.size = buffer.size;
    screen.width = width;
    screen.height = height;
    screen.pitch = buffer.pitch;
    screen.framebuffer = framebuffer.fb_id;
    return NULL;
}

/* Squares of many colours on a slope: no two rows, columns or seeds alike. */
static void fill(uint32_t seed)
{
    for (uint32_t y = 0; y < screen.height; y++) {
        uint32_t *row = screen.pixels + (size_t)y * (screen.pitch / 4);
        for (uint32_t x = 0; x < screen.width; x++) {
            uint32_t square = (x / 32 * 2654435761U) ^ (y / 32 * 40503U) ^ (seed * 2246822519U);
            uint32_t slope = ((x * 255 / screen.width) << 16) | ((y * 255 / screen.height) << 8);
            row[x] = (slope ^ (square >> 8)) & 0xffffff;
        }
    }
}

static const char *open_screen(uint32_t width, uint32_t height, uint32_t seed)
{
    uint32_t connector = 0;
    struct drm_mode_crtc crtc = {0};
    screen.fd = open("/dev/dri/card0", O_RDWR | O_CLOEXEC);
    if (screen.fd < 0)
        return "there is no /dev/dri/card0: load virtio-gpu or bochs first";
    const char *why = find_mode(screen.fd, width, height, &crtc, &connector);
    if (!why)
        why = make_buffer(screen.fd, width, height);
    if (why)
        return why;
    fill(seed);
    crtc.fb_id = screen.framebuffer;
    crtc.set_connectors_ptr = (uintptr_t)&connector;
    crtc.count_connectors = 1;
    return ioctl(screen.fd, DRM_IOCTL_MODE_SETCRTC, &crtc) < 0 ? "the mode is not accepted" : NULL;
}

const char *draw_mode(char *arguments)
{
    char *end;
    screen_close();
    if (strcmp(arguments, "console") == 0)
        return NULL;
    uint32_t width = (uint32_t)strtoul(arguments, &end, 10);
    if (*end != 'x')
        return "needs WIDTHxHEIGHT or console";
    uint32_t height = (uint32_t)strtoul(end + 1, &end, 10);
    const char *why = open_screen(width, height, (uint32_t)strtoul(end, NULL, 10));
    if (why)
        screen_close();
    return why;
}

bool draw_screen(struct drawing *drawing)
{
    *drawing = (struct drawing){
        .pixels = screen.pixels,
        .width = screen.width,
        .height = screen.height,
        .stride = screen.pitch / 4,
    };
    return screen.pixels;
}

const char *draw_changed(uint32_t width, uint32_t height)
{
    struct drm_clip_rect corner = {.x2 = (unsigned short)width, .y2 = (unsigned short)height};
    struct drm_mode_fb_dirty_cmd dirty = {
        .fb_id = screen.framebuffer,
        .num_clips = 1,
        .clips_ptr = (uintptr_t)&corner,
    };
    /* A device that scans the memory out itself does not need to be told and says so. */
    if (ioctl(screen.fd, DRM_IOCTL_MODE_DIRTYFB, &dirty) < 0 && errno != ENOSYS)
        return "the picture is not taken";
    return NULL;
}

const char *draw_paint(char *arguments)
{
    if (!screen.pixels)
        return "set a mode first";
    fill((uint32_t)strtoul(arguments, NULL, 10));
    return draw_changed(screen.width, screen.height);
}

void draw_next(void)
{
    static uint32_t number;
    number++;
    screen_close();
    const char *why = number % 2 ? open_screen(800, 600, number) : open_screen(1024, 768, number);
    if (why)
        report("ERR cycle: %s", why);
}
