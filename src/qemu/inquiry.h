/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * inquiry.h - what a program prints when it is asked something and then ends
 */
#ifndef DMORE_QEMU_INQUIRY_H
#define DMORE_QEMU_INQUIRY_H

#include <gio/gio.h>

/* inquire() - run a program and await its end; it has half a minute
 * @arguments: argv[0], a path, first
 * @input: a descriptor to be its standard input, which is taken over; or -1
 * @cancellable: (nullable): ends the wait, and the program
 *
 * Return: what it has printed, free with g_free(). NULL with DMORE_ERROR_HOST and what it complains
 * of when it fails, _TIMEOUT when it does not end, or _CANCELLED.
 */
char *inquire(const char *const *arguments, int input, GCancellable *cancellable, GError **error);

#endif
