/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * display-listener.h - the D-Bus object that QEMU calls when the screen changes
 */
#ifndef DMORE_QEMU_DISPLAY_LISTENER_H
#define DMORE_QEMU_DISPLAY_LISTENER_H

#include "qemu/display.h"
#include "qemu/display-picture.h"

typedef struct Listener Listener;

/* listener_new() - serve QEMU's calls on @connection, from the main context
 * @picture: is told what they say; must outlive the listener
 * @events, @data: are told of the cursor's visibility
 *
 * Return: NULL with an error of GIO's.
 */
Listener *listener_new(GDBusConnection *connection, Picture *picture, const DisplayEvents *events,
                       gpointer data, GError **error);

/* listener_free() - no call is served any more; the connection is left as it is */
void listener_free(Listener *listener);

#endif
