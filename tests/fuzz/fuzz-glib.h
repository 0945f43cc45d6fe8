/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz-glib.h - what the harnesses of the host's code share beside fuzz.h
 */
#ifndef DMORE_TESTS_FUZZ_GLIB_H
#define DMORE_TESTS_FUZZ_GLIB_H

#include <glib.h>

#include "fuzz.h"

/* fuzz_quiet_glib() - warnings and less are dropped; what GLib calls critical, a call with
 * arguments that make no sense, ends the program as a failed CHECK() does
 */
void fuzz_quiet_glib(void);

/* fuzz_settle() - let the main loop run until it has nothing more to do
 * Nobody writes meanwhile, so this has to end: that it does is checked.
 */
void fuzz_settle(void);

/* fuzz_path() - where no file is, free with g_free() */
char *fuzz_path(const char *name);

/* fuzz_file() - the path of a file that holds these bytes, valid until the next call; mode 600
 * @name: its last part
 */
const char *fuzz_file(const char *name, const void *bytes, gsize size);

#endif
