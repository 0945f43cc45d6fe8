/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * status.h - the answers to `dmore status` and `dmore console`
 */
#ifndef DMORE_PAIR_PROCESS_STATUS_H
#define DMORE_PAIR_PROCESS_STATUS_H

#include <json-glib/json-glib.h>
#include "pair/pair.h"

/* status_make() - (transfer full): all that is known of the pair here; dmore(1) lists the members
 */
JsonObject *status_make(const Pair *pair);

/* status_console() - (transfer full): how to connect to the console, with the password */
JsonObject *status_console(const Pair *pair);

#endif
