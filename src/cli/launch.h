/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * launch.h - starts a dmore-pair and waits until it runs its pair
 */
#ifndef DMORE_CLI_LAUNCH_H
#define DMORE_CLI_LAUNCH_H

#include <json-glib/json-glib.h>

#include "pair/hostconfig.h"

/* launch_pair() - start "dmore-pair @verb @argument" and wait until it has told how that went
 * @verb: "up", with the absolute path of a file, or "adopt", with a name
 * @name: of the pair, whose run directory is made if it is not there
 * @died: set when it has died without telling why
 *
 * Return: (transfer full): the pair's status; NULL with the reason, or DMORE_ERROR_CANCELLED after
 * a Ctrl-C, when the process has ended.
 */
JsonObject *launch_pair(const HostConfig *host, const char *verb, const char *argument,
                        const char *name, gboolean *died, GError **error);

#endif
