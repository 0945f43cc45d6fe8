/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * offer.h - the first message of a co-migration: what would come, and whether it can
 *
 * The offer holds the protocol's version, the pair's canonical configuration and the platform it
 * runs on; the settings of Domain R go along as bytes. Everything by which two hosts can be unlike
 * is compared here, before anything has been started.
 */
#ifndef DMORE_COMIGRATE_OFFER_H
#define DMORE_COMIGRATE_OFFER_H

#include <json-glib/json-glib.h>
#include "pair/pair.h"

#define OFFER_VERSION 1
#define OFFER_COMPATIBLE 1

/* offer_make() - (transfer full): the members of the message "offer" */
JsonObject *offer_make(const Pair *pair);

/* offer_take() - the pair that an offer would make of this host
 * @settings: as they came with the offer
 *
 * Return: a pair of which nothing has been started, or NULL with the reason of the refusal: another
 * version of the protocol (DMORE_ERROR_PEER), or whatever this host lacks (DMORE_ERROR_HOST).
 */
Pair *offer_take(const HostConfig *host, JsonObject *offer, GBytes *settings, GError **error);

#endif
