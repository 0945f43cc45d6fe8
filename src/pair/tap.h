/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tap.h - a VM's end of a network cable, plugged into a bridge
 */
#ifndef DMORE_PAIR_TAP_H
#define DMORE_PAIR_TAP_H

#include <glib.h>

/* tap_open() - make a tap interface, set it up and make it a port of @bridge
 * @bridge: name of an existing bridge
 * @prefix: the interface is called this and a number; a few letters: "dmu", "dmr"
 * @mac: the VM's address, "52:54:00:12:34:56"
 * @name: (out) (optional): what the interface is called
 *
 * The interface lives as long as the descriptor or a duplicate, such as QEMU's, is open.
 *
 * Return: the descriptor, closed on exec; -1 with DMORE_ERROR_HOST: no such bridge, not allowed, no
 * tap interfaces in this kernel.
 */
int tap_open(const char *bridge, const char *prefix, const char *mac, char **name, GError **error);

/* tap_name() - what the interface of a descriptor from tap_open() is called; free with g_free() */
char *tap_name(int fd, GError **error);

#endif
