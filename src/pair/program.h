/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * program.h - where D-MORE's own programs are on this host
 */
#ifndef DMORE_PAIR_PROGRAM_H
#define DMORE_PAIR_PROGRAM_H

#include <glib.h>

/* program_directory() - the directory that the running program lies in */
char *program_directory(void);

/* program_pair() - path of dmore-pair: $DMORE_PAIR, else beside the running program in an
 * installation or a build tree, else where it is installed
 *
 * Return: NULL with DMORE_ERROR_HOST when there is none.
 */
char *program_pair(GError **error);

#endif
