/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * offer.h - the first message of a co-migration: what would come, and whether it can
 *
 * The offer holds the protocol's version, the pair's canonical configuration and the platform it
 * runs on; the settings of Domain R go along as bytes. What two hosts may not be unlike in, and
 * what the pair needs of a host, is looked at here, before anything has been started.
 */
#ifndef DMORE_COMIGRATE_OFFER_H
#define DMORE_COMIGRATE_OFFER_H

#include <json-glib/json-glib.h>
#include "pair/pair.h"

/* Version 2 brought the id, by which the two hosts can settle what a lost link has left open. A
 * host of version 1 cannot; it is refused, and refuses, rather than leave a pair undecided for
 * ever. */
#define OFFER_VERSION 2
#define OFFER_COMPATIBLE 2

/* offer_make() - (transfer full): the members of the message "offer"
 * @id: of the co-migration (note.h)
 */
JsonObject *offer_make(const Pair *pair, const char *id);

/* offer_id() - Return: NULL with DMORE_ERROR_PEER when the offer's version is another or it has
 * none
 */
const char *offer_id(JsonObject *offer, GError **error);

/* offer_take() - the pair that an offer would make of this host; awaits
 * @settings: as they came with the offer
 * @cancellable: (nullable)
 *
 * Return: a pair of which nothing has been started, or NULL with the reason of the refusal: another
 * version of the protocol (DMORE_ERROR_PEER), or whatever this host lacks (DMORE_ERROR_HOST).
 */
Pair *offer_take(const HostConfig *host, JsonObject *offer, GBytes *settings,
                 GCancellable *cancellable, GError **error);

#endif
