/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * comigration.pml - the co-migration of one pair, and everything that can happen to it
 *
 * Theory of operation
 *
 * Two hosts, S (source) and D (destination). On each: dmore-pair (the proctypes source and
 * destination), the QEMUs of user VM and Domain R, ring and socket of one stream. Between them: the
 * link, over which the two dmore-pairs talk, two memory streams from QEMU to QEMU, and the connection
 * that the source makes afterwards to settle what a fault has left open. The proctype faults does
 * one thing at any moment: it kills a dmore-pair, a QEMU or a host, or cuts the network; or a timer
 * runs out because the other side is slow. The operator may cancel once, at any moment, on either
 * host.
 *
 * What a dmore-pair knows dies with it; its successor goes by the records (files) and by what the
 * QEMUs are. A host that dies takes its VMs along, and all that was not on stable storage.
 * doc/model.md has the protocol in prose and tells where the model simplifies. The phases have the
 * names that they have in src/comigrate/phases.c, with "_" for "-".
 *
 * The properties are the promises below, and each is demanded where it could be broken. The model
 * never goes round in a circle (model/run checks that, too), so every run comes to a stop, and what
 * the judge demands when nothing moves any more is what every run comes to.
 *
 * With -DBREAK_SOMETHING one rule of the protocol is left out, and one promise no longer holds;
 * model/run has the list.
 */

#ifndef FAULTS
#define FAULTS 1 /* how many may happen in one run */
#endif
#ifndef BYTES
#define BYTES 2 /* that the client types */
#endif

#define S 0
#define D 1
#define NOBODY 2

/* A word stands for one thing, be it said (a message), noted (a record) or done (a phase). */
mtype = { offer, prepare, pre_copy, converged, stop_r, quiesce, stop_u, handover, complete, commit,
          retire };                                                  /* phases */
mtype = { accepted, prepared, installed, loaded, running, retired, error }; /* answers */
mtype = { abort, ended };                                            /* to settle */
mtype = { gone, incoming, paused };                                  /* VMs; and running */
mtype = { idle, copying, switchover, continued, completed, failed };  /* memory streams */
mtype = { none, open, committed };      /* records; and commit, abort, retire, incoming */
mtype = { possible, wanted_at_s, wanted_at_d, honoured, refused };   /* a cancel; and none */

/* The promises. Their variables are never true: the broken one is asserted, and told by its name.
 * With -DONLY=name nothing but that one is demanded. */
#ifdef ONLY
#define KEPT 1
#else
#define KEPT 0
#endif
hidden byte one_copy = KEPT;      /* never two running copies of a VM */
hidden byte newest_copy = KEPT;   /* nor does one run that is older than what has run elsewhere */
hidden byte together = KEPT;      /* Domain R runs only while its user VM runs */
hidden byte exactly_once = KEPT;  /* every byte, in order, unless its VM is lost or a replug was reported */
hidden byte settled = KEPT;       /* in the end the pair runs on one host, or is declared undecided */
hidden byte nothing_left = KEPT;  /* and nothing is left of it on the other, once the two have spoken */
hidden byte cancel_ends = KEPT;   /* every cancel is answered, and what was cancelled does not happen */

inline promise(name, holds)
{
    if
    :: (holds)
    :: else -> assert(name)
    fi
}

inline clear(queue)
{
    do
    :: nempty(queue) -> queue ? _
    :: empty(queue) -> break
    od
}

/* The VMs, and what is in their memory */
mtype user_vm[2] = gone;
mtype domain_r[2] = gone;
byte typed[2];                /* in Domain R's: how many bytes the client has typed */
byte got[2];                  /* in the user VM's: how many of them have arrived */
bool outdated[2];             /* another copy has run since this one was made */
byte image_lock = NOBODY;     /* whose user VM holds the disk images */
mtype user_vm_stream = idle;  /* the migrations, as the source's QEMUs tell */
mtype domain_r_stream = idle;

/* The bytes between the VMs */
chan ring[2] = [BYTES] of { byte };
chan socket[2] = [BYTES + 1] of { byte }; /* a byte that is sent twice has room, to be caught */
chan carried_unread = [BYTES] of { byte }; /* with the handover */
chan carried_ring = [BYTES] of { byte };
bool frozen[2];                            /* the relay moves nothing */
bool moving[2];                            /* the relay's note: a byte is being moved just now */
bool replugged;                            /* the guest saw a replug, and it was reported */

/* What each side has noted of this co-migration */
mtype record[2] = none;

/* The link. Its loss is noticed sooner or later, but not before what has arrived was read. */
chan to_host[2] = [2] of { mtype };
bool deaf[2]; /* nothing that is sent arrives there any more */
#define LOST (deaf[S] || deaf[D])

/* The connection by which the source settles */
bool asking;
bool owed; /* the destination has read the question and not answered yet */
chan ask = [1] of { mtype };
chan verdict = [1] of { mtype };

/* Faults */
byte faults_to_come;
bool harmed; /* one has come */
bool dead[2]; /* its dmore-pair */
bool down[2]; /* the host */
bool net = true;
bool returns; /* what is cut or down comes back some day */
bool excused; /* a fault has destroyed the only good copy of the user VM */
bool awaiting_word; /* the destination has said "loaded" and only the source knows how it goes on */
bool lost;    /* the user VM is lost, and `dmore status` says so */
bool domain_r_killed[2];

/* Progress */
hidden mtype phase;       /* the source's, to be printed */
bool stuck;               /* the user VM never converges */
bool too_late[2] = true;  /* to cancel there */
bool over;                /* nothing is left to be done on the source */
mtype cancel = none;

/* A cancel that has not been heeded comes too late from here on. */
inline close_cancel(h)
{
    too_late[h] = true;
    if
    :: cancel == (h == S -> wanted_at_s : wanted_at_d) -> cancel = refused
    :: else
    fi
}

/* What was cancelled has been undone. */
inline honour_cancel(h)
{
    too_late[h] = true;
    if
    :: cancel == (h == S -> wanted_at_s : wanted_at_d) -> cancel = honoured
    :: else
    fi
}

/* The link */

inline send(to, message)
{
    d_step {
        if
        :: !deaf[to] -> to_host[to] ! message
        :: deaf[to]
        fi
    }
}

inline hang_up()
{
    d_step {
        deaf[S] = true;
        deaf[D] = true
    }
}

/* A timer that runs out is a fault like others: its reason is a peer that is slow or hangs. */
#define LATE (faults_to_come > 0)

inline spend_fault()
{
    faults_to_come--;
    harmed = true
}

#include "vms.pml"
#include "bytes.pml"
#include "source.pml"
#include "destination.pml"
#include "world.pml"
