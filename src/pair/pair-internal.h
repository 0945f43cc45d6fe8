/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pair-internal.h - what the files of pair.h share among each other
 */
#ifndef DMORE_PAIR_PAIR_INTERNAL_H
#define DMORE_PAIR_PAIR_INTERNAL_H

#include "pair/pair.h"

/* The numbers of descriptors in the hypervisors' processes, where another dmore-pair finds them:
 * part of what RUN_STATE's version stands for. Nothing of what they stand for ends before the
 * process does. */
enum {
    PAIR_FD_CLAIM = VM_MONITOR_FD + 1,
    PAIR_FD_TAP,
    PAIR_FD_STREAMS, /* of the user VM, PAIR_FDS_STREAM for each stream: */
};

enum {
    PAIR_FD_DEVICE, /* the device's end of the socket pair, which its character device takes over */
    PAIR_FD_VM_END, /* the same again */
    PAIR_FD_HOST_END, /* the relay's end */
    PAIR_FDS_STREAM,
};

static inline int pair_stream_fd(enum region_stream_id stream, int which)
{
    return PAIR_FD_STREAMS + (int)stream * PAIR_FDS_STREAM + which;
}

/* pair_alloc() - a pair of which nothing is known yet; @config: (transfer full) */
Pair *pair_alloc(const HostConfig *host, PairConfig *config);

/* The VMs' names in messages; free with g_free() */
char *pair_user_vm_name(const Pair *pair);
char *pair_domain_r_name(const Pair *pair);

/* What is told of the VMs; the data is the pair. */
extern const VmEvents pair_user_vm_events;
extern const VmEvents pair_domain_r_events;

gboolean pair_launch_user_vm(Pair *pair, GCancellable *cancellable, GError **error);
gboolean pair_launch_domain_r(Pair *pair, GCancellable *cancellable, GError **error);

/* pair_note_config() - write what is, or is about to be, the pair's configuration into its
 * directory
 *
 * Return: FALSE with DMORE_ERROR_HOST; the file is as it was then.
 */
gboolean pair_note_config(const Pair *pair, const PairConfig *config, GError **error);

/* pair_check_user_vm() - whether this host has the files that the user VM needs */
gboolean pair_check_user_vm(const PairUserVm *user_vm, GError **error);

/* pair_look_at_image() - see to it that today's image is known, for a Domain R that is launched */
gboolean pair_look_at_image(Pair *pair, GCancellable *cancellable, GError **error);

/* pair_attach_kick() - connect to Domain R's kick, for relay and feed */
gboolean pair_attach_kick(Pair *pair, GError **error);

#endif
