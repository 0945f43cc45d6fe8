/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * user-vm.h - a user VM that has ended is started again, on the same console
 *
 * Theory of operation
 *
 * Domain R goes on when its user VM has ended: the picture stays still, the desktop's name says
 * what has happened, and clients stay connected. Another user VM takes the old one's place then. It
 * is another hypervisor process, with the same streams' sockets, so that Domain R has to take the
 * streams up anew (relay.h, region.h) before its first instruction: a firmware looks for keyboards
 * once.
 */
#ifndef DMORE_PAIR_USER_VM_H
#define DMORE_PAIR_USER_VM_H

#include "pair/pair.h"

/* user_vm_has_ended() - powered off, crashed, or without a process: it can be started again */
gboolean user_vm_has_ended(const Pair *pair);

/* user_vm_start() - start it again; awaits
 * @config: (transfer full): may differ from what the pair is in what concerns the user VM
 *
 * Return: FALSE, nothing changed, when @config is not for this pair or this host; FALSE, the user
 * VM gone, when it does not start.
 */
gboolean user_vm_start(Pair *pair, PairConfig *config, GCancellable *cancellable, GError **error);

#endif
