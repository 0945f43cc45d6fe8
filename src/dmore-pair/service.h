/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * service.h - the process that runs one pair: its requests and its long procedures
 *
 * Theory of operation
 *
 * What can be answered at once is answered in the callback of the control socket. What takes long -
 * a co-migration, the end of the pair - is a procedure: it is queued, and service_run(), at the
 * bottom of main(), takes it from there and runs it as plain code that awaits. So there is never
 * more than one procedure, and a request for a second one is refused as busy.
 */
#ifndef DMORE_PAIR_PROCESS_SERVICE_H
#define DMORE_PAIR_PROCESS_SERVICE_H

#include <json-glib/json-glib.h>
#include "dmore-pair/arrival.h"
#include "dmore-pair/control.h"
#include "pair/pair.h"

typedef struct Service Service;

/* service_new() - SIGTERM and SIGINT are requests to end the pair from here on
 * @host: outlives the result
 */
Service *service_new(const HostConfig *host);

/* service_cancellable() - cancelled when what runs now is to end: by `dmore cancel`, a signal, or
 * because a VM of the pair has ended */
GCancellable *service_cancellable(Service *service);

/* service_arrival() - how the pair comes here; it is the service's */
Arrival *service_arrival(Service *service);

/* service_set_undecided() - the pair's co-migration to another host is to be settled
 * @note: (transfer full): its word is "commit"
 */
void service_set_undecided(Service *service, Note *note);

/* service_show() - answer for @pair on its control socket; the pair stays the caller's */
gboolean service_show(Service *service, Pair *pair, GError **error);

/* service_hide() - answer no more; who has an open request sees its connection end */
void service_hide(Service *service);

/* service_run() - run the pair that is shown until it has left this host, or until a signal ends
 * this program while nobody knows where the pair runs: then the VMs, paused, are left alone. An
 * undecided pair is settled meanwhile.
 */
void service_run(Service *service);

/* service_end() - end a pair that could not be started, and answer whoever has asked for that */
void service_end(Service *service, Pair *pair);

void service_free(Service *service);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Service, service_free)

#endif
