/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * psk.h - the file with the key that all hosts of a site share
 *
 * One line in GnuTLS's format for pre-shared keys, "dmore:" and the key in hexadecimal digits.
 * QEMU takes such a file only by the directory it lies in and under the name keys.psk.
 */
#ifndef DMORE_PAIR_PSK_H
#define DMORE_PAIR_PSK_H

#include <glib.h>

#define PSK_USER "dmore"
#define PSK_FILE "keys.psk"

/* psk_read() - the key in hexadecimal digits
 * @path: of the file; its last part has to be PSK_FILE
 *
 * Return: NULL with DMORE_ERROR_HOST when there is no such file, it is open to others, or it holds
 * no key.
 */
char *psk_read(const char *path, GError **error);

/* psk_generate() - make a new key in a new file, open to nobody else; makes its directory as well
 * Return: FALSE with DMORE_ERROR_BUSY when the file exists already, which is then left alone.
 */
gboolean psk_generate(const char *path, GError **error);

#endif
