/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * display.h - listens to a VM's screen (QEMU's D-Bus display, peer to peer)
 *
 * The hypervisor has no back pressure here: what is not taken piles up in its memory. So the
 * listener drains always, and its callbacks must be quick and must not await.
 *
 * Map form: the VM's picture is memory that the listener maps; an update is only a rectangle.
 * Plain form: an update carries its pixels.
 */
#ifndef DMORE_QEMU_DISPLAY_H
#define DMORE_QEMU_DISPLAY_H

#include "qemu/vm.h"

typedef struct Display Display;

typedef struct {
    int x;
    int y;
    int width;
    int height;
} DisplayRect;

/* Pixels are XRGB8888 in the byte order of the machine; the display converts other formats. They
 * are valid during the callback only. */
typedef struct {
    /* A new picture, maybe of a new size; all of it is to be taken. */
    void (*picture)(int width, int height, const guint8 *pixels, gsize stride, gpointer data);
    /* A rectangle of the picture has changed. @pixels is that of the rectangle's first pixel. The
     * rectangle lies inside the picture. */
    void (*update)(DisplayRect rect, const guint8 *pixels, gsize stride, gpointer data);
    /* The guest's hardware cursor: ARGB8888, width * height; 0x0 when there is none. */
    void (*cursor)(int width, int height, int hot_x, int hot_y, const guint32 *pixels,
                   gpointer data);
    void (*cursor_visible)(gboolean visible, gpointer data);
    /* The display is switched off by the guest; a picture comes when it is on again. */
    void (*disabled)(gpointer data);
    /* The connection has ended; no callback follows. @error says why. */
    void (*lost)(const GError *error, gpointer data);
} DisplayEvents;

/* display_attach() - register as the one listener of console 0; awaits
 *
 * The first callbacks may come before it returns.
 *
 * Return: NULL with DMORE_ERROR_FAILED when the VM does not accept the listener.
 */
Display *display_attach(Vm *vm, const DisplayEvents *events, gpointer data,
                        GCancellable *cancellable, GError **error);

/* display_lost() - why it is of no use any more; NULL while it is of use */
const char *display_lost(const Display *display);

/* display_form() - "map", "plain", or "none" before the first picture */
const char *display_form(const Display *display);

/* display_updates() - how many pictures and updates have come since it was attached */
guint64 display_updates(const Display *display);

void display_detach(Display *display);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Display, display_detach)

#endif
