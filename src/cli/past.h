/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * past.h - pairs that are not here, but of which this host still knows something
 *
 * Two records survive a reboot: that a pair was here (pair/presence.h), and what is open of a
 * co-migration (comigrate/note.h). From both together `dmore status` tells the truth about a pair
 * that has no run directory.
 */
#ifndef DMORE_CLI_PAST_H
#define DMORE_CLI_PAST_H

#include <json-glib/json-glib.h>

#include "pair/hostconfig.h"

/* past_names() - the pairs of which there is a record, sorted; a NULL-terminated array */
char **past_names(const HostConfig *host, GError **error);

/* past_status() - what is known of a pair that has no process here
 * Return: (transfer full) (nullable): "name", "uuid", "state" and "note", as in the answer of a
 * dmore-pair; NULL when nothing is known.
 */
JsonObject *past_status(const HostConfig *host, const char *name);

/* past_remark() - (nullable): what another host has yet to be told about a pair that is here; free
 * with g_free()
 */
char *past_remark(const HostConfig *host, const char *name);

/* past_forget() - remove the record that the pair was here
 * Return: whether there was one
 */
gboolean past_forget(const HostConfig *host, const char *name);

/* past_resolve() - the operator's word that a pair whose move is not settled, and whose VMs are not
 * here any more, does not run on the other host and will not
 * Return: FALSE with DMORE_ERROR_NOT_FOUND when there is nothing to be decided.
 */
gboolean past_resolve(const HostConfig *host, const char *name, GError **error);

#endif
