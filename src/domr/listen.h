/* SPDX-License-Identifier: GPL-2.0-or-later */
/* listen.h - the one socket on which the console waits for clients */
#ifndef DMORE_DOMR_LISTEN_H
#define DMORE_DOMR_LISTEN_H

#include <stdint.h>

/* listen_open() - make and bind a TCP socket; the RFB server listens on it
 * @address: "10.0.0.5", "::1", with a port "127.0.0.1:5900", "[::1]:5900"; NULL: all addresses of
 *           both IP versions
 * @port: the port if @address has none
 *
 * Connections inherit keepalives, by which a client that vanished without a word is noticed within
 * 90 seconds, and the keys that it held are released.
 *
 * Return: the socket, or a negative errno after an error line.
 */
int listen_open(const char *address, uint16_t port);

#endif
