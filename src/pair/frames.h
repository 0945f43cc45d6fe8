/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * frames.h - the network frames that reach a VM's old place while it is on its way to the new one
 *
 * Theory of operation
 *
 * From the moment a VM stops on the source until the switches have learned that it is elsewhere,
 * frames for it still arrive at its tap interface there, and nobody reads them. TCP would send them
 * again, but only after its retransmission timeout, 200 ms or more after the VM runs again; for
 * somebody who types, that is the larger part of the pause. So a packet socket watches the
 * interface from before the stop, and what it has seen is put into the interface on the destination
 * once the VM runs there. A frame that was read by the VM just before it stopped is delivered twice
 * by this, and one that is lost here is lost, both as on any network.
 */
#ifndef DMORE_PAIR_FRAMES_H
#define DMORE_PAIR_FRAMES_H

#include <glib.h>

#define FRAMES_MAX (4u << 20) /* bytes of frames that a watch keeps; what comes then is lost */

typedef struct FrameWatch FrameWatch;

/* frame_watch_new() - begin to watch what is sent to the VM over a tap interface */
FrameWatch *frame_watch_new(const char *interface, GError **error);

/* frame_watch_take() - the frames seen so far, as records; empty when there were none */
GBytes *frame_watch_take(FrameWatch *watch);

void frame_watch_free(FrameWatch *watch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FrameWatch, frame_watch_free)

/* frames_deliver() - send frames to the VM over its tap interface
 * @frames: from frame_watch_take(), maybe on another host
 *
 * Return: FALSE with DMORE_ERROR_FAILED when some could not be sent, or DMORE_ERROR_PEER when
 * @frames is damaged; the others, or those before the damage, have been delivered then.
 */
gboolean frames_deliver(const char *interface, GBytes *frames, GError **error);

/* frames_send() - the same over a socket that is open, which never blocks
 * @interface: for messages
 */
gboolean frames_send(int fd, const char *interface, GBytes *frames, GError **error);

#endif
