/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * relay.h - carries the bytes of the streams between the region and the user VM
 *
 * Theory of operation
 *
 * A stream has two directions and the relay understands neither. Towards the user VM a byte goes
 * from the ring into a socket pair whose other end is a character device of the user VM's QEMU;
 * towards Domain R the other way. The relay consumes from a ring only what the socket has taken and
 * reads from the socket only what the ring has room for, so it holds no byte of its own and needs
 * no limits. A byte is at any time in exactly one place - a ring, a socket, a VM - and all of them
 * outlive the relay. That is what promise 3 of the design rests on.
 *
 * Rings are in a file. The sockets, both ends of each, are open in the user VM's QEMU as well, so
 * that neither the bytes in them nor the connection end with this process. What the relay has in
 * its hands when it is killed, between socket and ring, is in another file (moving.h). So
 * relay_adopt() goes on where a relay of another process was killed, at whatever instruction.
 *
 * For a co-migration the relay is frozen, with both VMs stopped. What is then left between the VMs
 * is: bytes in the socket that QEMU has not read (`unread`), bytes in the socket that we have not
 * read (`overflow`), and the rings. relay_save() writes copies of it all as records and takes
 * nothing out, so going back is only to thaw. relay_restore() puts it elsewhere where it was here:
 * the first two into the sockets, from our and from QEMU's end, the rest into the rings.
 *
 * A stream begins anew when the device at one of its ends is made anew: what was under way between
 * the two is dropped, for it means nothing to the new one. With another user VM Domain R has to
 * take the stream up anew, too (region.h).
 *
 * A ring whose index makes no sense, or a socket that QEMU has closed, breaks that stream alone:
 * the reason is logged and told by relay_stream_status().
 */
#ifndef DMORE_PAIR_RELAY_H
#define DMORE_PAIR_RELAY_H

#include <glib.h>
#include "pair/kick.h"
#include "region/record.h"
#include "region/region.h"

typedef struct Relay Relay;

typedef struct {
    const char *name;    /* "keyboard", "pointer" */
    guint64 to_vm_bytes; /* relayed on this host */
    guint64 to_domain_r_bytes;
    gboolean broken;
} RelayStreamStatus;

/* The two ends of a stream's socket pair. */
typedef struct {
    int host; /* the relay's */
    int vm;   /* the user VM's: handed to it when it starts */
} RelayEnds;

/* relay_new() - a relay, frozen, with a socket pair for each stream
 * @region: outlives the relay
 * @moving: path of the file for what it has in its hands, made here
 */
Relay *relay_new(const struct region *region, const char *moving, GError **error);

/* relay_adopt() - go on for a relay whose process has ended; frozen
 * @moving: path of its file
 * @ends: its sockets, REGION_STREAMS of them; taken over in any case
 */
Relay *relay_adopt(const struct region *region, const char *moving, const RelayEnds *ends,
                   GError **error);

/* relay_ends() - a stream's sockets; they stay the relay's */
RelayEnds relay_ends(const Relay *relay, enum region_stream_id stream);

void relay_set_kick(Relay *relay, Kick *kick);

/* relay_kicked() - Domain R has kicked: look at the rings */
void relay_kicked(Relay *relay);

/* relay_drained() - whether nothing is on its way to the user VM; fits await() */
gboolean relay_drained(gpointer relay);

/* relay_freeze() - move nothing until relay_thaw() */
void relay_freeze(Relay *relay);

/* relay_reset() - Domain R and the region are made anew: all streams begin in the region as it is
 * Nothing uses either end of a stream now.
 */
void relay_reset(Relay *relay);

/* relay_begin_anew() - the user VM's end of a stream is made anew, while Domain R goes on
 * Nothing uses that end now. The stream moves nothing until Domain R has taken it up.
 */
void relay_begin_anew(Relay *relay, enum region_stream_id stream);

/* relay_taken_up() - whether Domain R has taken up all streams that have begun anew; fits await()
 */
gboolean relay_taken_up(gpointer relay);

/* relay_check() - whether all streams are whole, so that they can be saved
 * Return: FALSE with DMORE_ERROR_FAILED and what to do about it.
 */
gboolean relay_check(const Relay *relay, GError **error);

/* relay_save() - append a frozen relay's streams, each as a record of @type; both VMs are stopped
 * Return: FALSE with DMORE_ERROR_FAILED when a ring makes no sense.
 */
gboolean relay_save(const Relay *relay, uint32_t type, struct record_writer *writer,
                    GError **error);

/* relay_check_records() - whether records are those of all streams, one of each, as relay_save()
 * writes them
 * @records: REGION_STREAMS of them
 * Return: FALSE with DMORE_ERROR_PEER when they are not, or the relay has streams installed
 * already.
 */
gboolean relay_check_records(const Relay *relay, const struct record *records, GError **error);

/* relay_restore() - install streams in a relay that has not been thawed yet
 * Return: FALSE with DMORE_ERROR_PEER, nothing changed, when relay_check_records() says no;
 * DMORE_ERROR_HOST when a socket does not take its bytes. The pair must not run then.
 */
gboolean relay_restore(Relay *relay, const struct record *records, GError **error);

/* relay_thaw() - go on */
void relay_thaw(Relay *relay);

RelayStreamStatus relay_stream_status(const Relay *relay, enum region_stream_id stream);

void relay_free(Relay *relay);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Relay, relay_free)

#endif
