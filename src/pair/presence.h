/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * presence.h - a record that a pair is on this host: STATE/pairs/NAME
 *
 * The run directory does not survive a reboot. This does, so that `dmore status` can tell
 * afterwards what was there. It is written when a pair runs here, and removed when it has been
 * taken down or has moved; it holds the boot in which that was.
 */
#ifndef DMORE_PAIR_PRESENCE_H
#define DMORE_PAIR_PRESENCE_H

#include <glib.h>

typedef struct {
    char *name;
    char *uuid;
    gint64 since;          /* seconds since the epoch: when it began to run here */
    gboolean earlier_boot; /* this host has been booted since */
} Presence;

/* presence_write() - the pair runs here from now on
 * @state: host->state_dir
 * @stable: it is on the disk when this returns
 */
gboolean presence_write(const char *state, const char *name, const char *uuid, gboolean stable,
                        GError **error);

/* presence_load() - Return: NULL with DMORE_ERROR_NOT_FOUND or DMORE_ERROR_HOST */
Presence *presence_load(const char *state, const char *name, GError **error);

/* presence_remove() - it runs here no more
 * @uuid: (nullable): only if the record is of this pair; NULL: whichever it is of
 */
void presence_remove(const char *state, const char *name, const char *uuid);

/* presence_list() - the names of which there is a record, sorted
 * Return: a NULL-terminated array; NULL with DMORE_ERROR_HOST.
 */
char **presence_list(const char *state, GError **error);

void presence_free(Presence *presence);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Presence, presence_free)

#endif
