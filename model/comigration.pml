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
mtype = { none, open, committed };      /* records; and commit, abort, retire, loaded */
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
bool lost;    /* the user VM is lost, and `dmore status` says so */
bool domain_r_killed[2];

/* Progress */
hidden mtype phase;       /* the source's, to be printed */
bool stuck;               /* the user VM never converges */
bool too_late[2] = true;  /* to cancel there */
bool over;                /* nothing is left to be done on the source */
mtype cancel = none;

/* The VMs */

inline resume_user_vm(h)
{
    d_step {
        if
        :: user_vm[h] == paused && (image_lock == NOBODY || image_lock == h) ->
            promise(one_copy, user_vm[1 - h] != running);
            promise(newest_copy, !outdated[h]);
            user_vm[h] = running;
            image_lock = h;
            outdated[1 - h] = true
        :: else /* it runs, it is gone, or QEMU cannot open the images and leaves it paused */
        fi
    }
}

inline resume_domain_r(h)
{
    d_step {
        if
        :: domain_r[h] == paused ->
            promise(one_copy, domain_r[1 - h] != running);
            /* A user VM that has ended is shown as ended. */
            promise(together, user_vm[h] == running || user_vm[h] == gone);
            domain_r[h] = running
        :: else
        fi
    }
}

/* QEMU brings a migration to pre-switchover when the VM stops, and not before (comigration.md). */
inline pause_user_vm(h)
{
    d_step {
        if
        :: user_vm[h] == running ->
            promise(together, domain_r[h] != running);
            user_vm[h] = paused;
            user_vm_stream = (user_vm_stream == copying -> switchover : user_vm_stream)
        :: else
        fi
    }
}

inline pause_domain_r(h)
{
    d_step {
        if
        :: domain_r[h] == running ->
            domain_r[h] = paused;
            domain_r_stream = (domain_r_stream == copying -> switchover : domain_r_stream)
        :: else
        fi
    }
}

inline fail_stream(stream)
{
    if
    :: stream == copying || stream == switchover || stream == continued -> stream = failed
    :: else
    fi
}

inline cancel_migrations()
{
    d_step {
        fail_stream(user_vm_stream);
        fail_stream(domain_r_stream)
    }
}

inline clear(queue)
{
    do
    :: nempty(queue) -> queue ? _
    :: empty(queue) -> break
    od
}

inline lose_user_vm(h)
{
    user_vm[h] = gone;
    clear(socket[h]);
    if
    :: image_lock == h -> image_lock = NOBODY
    :: else
    fi;
    fail_stream(user_vm_stream)
}

inline lose_domain_r(h)
{
    domain_r[h] = gone;
    fail_stream(domain_r_stream)
}

/* pair_end() */
inline end_pair(h)
{
    d_step {
        lose_domain_r(h);
        lose_user_vm(h);
        clear(ring[h]);
        moving[h] = false
    }
}

/* QEMU to QEMU. That the source's says "completed" and that the destination's is loaded come in
 * either order. */
#define ARRIVING(stream) (stream == continued || stream == completed)

proctype memory_streams()
{
    do
    :: d_step {
           ARRIVING(user_vm_stream) && user_vm[D] == incoming ->
           user_vm[D] = paused;
           got[D] = got[S];
           outdated[D] = false;
#ifdef BREAK_IMAGES_OPENED_WHEN_LOADED
           image_lock = D
#else
           image_lock = NOBODY
#endif
       }
    :: d_step {
           ARRIVING(domain_r_stream) && domain_r[D] == incoming ->
           domain_r[D] = paused;
           typed[D] = typed[S]
       }
    :: d_step {
           user_vm_stream == continued ->
           user_vm_stream = completed;
           if
           :: image_lock == S -> image_lock = NOBODY
           :: else
           fi
       }
    :: d_step { domain_r_stream == continued -> domain_r_stream = completed }
    od
}

/* The stream of bytes */

hidden byte moved;
hidden byte uncopied;

inline append(from, to)
{
    do
    :: nempty(from) -> from ? moved; to ! moved
    :: empty(from) -> break
    od
}

/* Append without taking out. */
inline copy(from, to)
{
    uncopied = len(from);
    do
    :: uncopied > 0 -> from ? moved; from ! moved; to ! moved; uncopied--
    :: uncopied == 0 -> break
    od
}

/* Client and Domain R, relay, user VM. The relay puts a byte into the socket and then takes it out of
 * the ring; when its process is killed in between (kill_pair()), its note `moving` tells so. */
#define RELAY_CAN_MOVE(h) (!frozen[h] && user_vm[h] != gone && nempty(ring[h]))

#define INPUT(h)                                                                                   \
    :: d_step {                                                                                    \
           domain_r[h] == running && typed[h] < BYTES && (user_vm_stream != idle || over) ->       \
           typed[h]++;                                                                             \
           moved = typed[h];                                                                       \
           ring[h] ! moved                                                                         \
       }                                                                                           \
    :: d_step {                                                                                    \
           !dead[h] && RELAY_CAN_MOVE(h) ->                                                        \
           ring[h] ? moved;                                                                        \
           socket[h] ! moved                                                                       \
       }                                                                                           \
    :: d_step {                                                                                    \
           user_vm[h] == running && nempty(socket[h]) ->                                           \
           socket[h] ? moved;                                                                      \
           promise(exactly_once, moved == got[h] + 1 || replugged);                                \
           got[h] = moved                                                                          \
       }

proctype input()
{
    do
    INPUT(S)
    INPUT(D)
    od
}

/* relay_freeze() with handover_save(): what QEMU has not read and what is in the ring. All of it also
 * stays where it is, so that going back needs nothing, and needs nobody to remember anything. */
#ifdef BREAK_TAKE_UNREAD
chan taken = [BYTES] of { byte };
#endif

inline freeze()
{
    d_step {
        frozen[S] = true;
#ifdef BREAK_TAKE_UNREAD
        append(socket[S], taken)
#endif
    }
}

inline save_handover()
{
    d_step {
#ifdef BREAK_TAKE_UNREAD
        copy(taken, carried_unread);
#elif !defined(BREAK_UNREAD)
        copy(socket[S], carried_unread);
#endif
        copy(ring[S], carried_ring)
    }
}

#ifdef BREAK_KEEP_UNREAD
chan kept = [BYTES] of { byte };
#endif

inline restore_handover()
{
    d_step {
        frozen[D] = true;
#if defined(BREAK_UNREAD_LAST)
        append(carried_ring, ring[D]);
        append(carried_unread, ring[D])
#elif defined(BREAK_KEEP_UNREAD)
        append(carried_unread, kept);
        append(carried_ring, ring[D])
#else
        append(carried_unread, socket[D]);
        append(carried_ring, ring[D])
#endif
    }
}

inline thaw(h)
{
    d_step {
#ifdef BREAK_TAKE_UNREAD
        if
        :: h == S -> append(taken, socket[S])
        :: else
        fi;
#endif
#ifdef BREAK_KEEP_UNREAD
        if
        :: h == D -> append(kept, socket[D])
        :: else
        fi;
#endif
        frozen[h] = false
    }
}

/* A new dmore-pair looks at the relay's note. */
inline adopt_relay(h)
{
    d_step {
        if
        :: moving[h] ->
            moving[h] = false;
#ifndef BREAK_IGNORE_MOVING
            /* Nobody can tell whether the byte went: begin anew, and say so. */
            clear(ring[h]);
            clear(socket[h]);
            replugged = true
#endif
        :: else
        fi
    }
}

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

/* The source */

/* Wait for an answer, or for a reason to go back. */
inline await(answer)
{
    if
    :: to_host[S] ? answer
    :: to_host[S] ? error -> goto fail
    :: LOST && empty(to_host[S]) -> goto fail
    :: cancel == wanted_at_s -> goto fail
    :: d_step { LATE -> spend_fault() } -> goto fail
    :: !complete_sent && (user_vm[S] == gone || domain_r[S] == gone) -> goto fail
    fi
}

/* Look whether there is a reason to go back; wait for one if the user VM does not converge. */
inline look()
{
    if
    :: to_host[S] ? error -> goto fail
    :: LOST -> goto fail
#ifdef BREAK_CANCEL_UNHEARD
    :: cancel == wanted_at_s && !stuck -> goto fail
#else
    :: cancel == wanted_at_s -> goto fail
#endif
    :: user_vm[S] == gone || domain_r[S] == gone -> goto fail
    :: user_vm_stream == failed || domain_r_stream == failed -> goto fail
    :: !stuck
    fi
}

/* A VM was paused: wait until its migration waits for us, or for a reason to go back. */
inline await_switchover(vm, stream)
{
    if
    :: stream == switchover
    :: stream == failed || vm == gone -> goto fail
    :: cancel == wanted_at_s -> goto fail
    fi
}

inline begin(next)
{
    d_step {
        phase = next;
        printf("phase %e\n", phase)
    }
}

/* What was in memories that are gone; for a smaller state space. */
inline forget_bytes()
{
    typed[S] = 0;
    got[S] = 0
}

/* Undo: the order of resuming is the reverse of the order of stopping. */
inline go_back()
{
    cancel_migrations();
    resume_user_vm(S);
    thaw(S);
    resume_domain_r(S)
}

proctype source()
{
    bool restarted;
    bool complete_sent;

    do
    :: {
        if
        :: restarted -> goto adopt
        :: !restarted
        fi;

        atomic { begin(offer); send(D, offer) };
        await(accepted);

        atomic { begin(prepare); send(D, prepare) };
        await(prepared);
        record[S] = open;

        atomic {
            begin(pre_copy);
            user_vm_stream = (user_vm[S] == running && user_vm[D] == incoming -> copying : failed);
            domain_r_stream =
                (domain_r[S] == running && domain_r[D] == incoming -> copying : failed);
            if
            :: true
            :: stuck = true
            fi
        };
        look();

        begin(converged);
        look();

#ifdef BREAK_STOP_ORDER
        atomic { begin(stop_u); pause_user_vm(S) };
        await_switchover(user_vm[S], user_vm_stream);
        atomic { begin(stop_r); pause_domain_r(S) };
        await_switchover(domain_r[S], domain_r_stream);
#else
        atomic { begin(stop_r); pause_domain_r(S) };
        await_switchover(domain_r[S], domain_r_stream);

        begin(quiesce); /* for as long as it likes */

        atomic { begin(stop_u); pause_user_vm(S) };
        await_switchover(user_vm[S], user_vm_stream);
#endif
        freeze();

        atomic { begin(handover); save_handover(); send(D, handover) };
        await(installed);

        atomic {
            begin(complete);
            complete_sent = true;
            if
            :: user_vm_stream == switchover -> user_vm_stream = continued
            :: else /* failed */
            fi;
            if
            :: domain_r_stream == switchover -> domain_r_stream = continued
            :: else
            fi
        };
        send(D, complete);
        await(loaded);
#ifdef BREAK_GO_BACK_WITHOUT_VM
        if
        :: user_vm[S] == gone -> goto fail
        :: else
        fi;
#endif
        /* A VM of ours that has ended does not matter any more: the destination has both. */
        if
        :: user_vm_stream == completed || user_vm[S] == gone
        :: user_vm_stream == failed && user_vm[S] != gone -> goto fail
        fi;
        if
        :: domain_r_stream == completed || domain_r[S] == gone
        :: domain_r_stream == failed && domain_r[S] != gone -> goto fail
        fi;

        begin(commit);
        if
        :: cancel == wanted_at_s -> goto fail
        :: d_step {
               cancel != wanted_at_s ->
               too_late[S] = true;
#ifndef BREAK_COMMIT_UNNOTED
               record[S] = commit
#endif
           }
        fi;
        send(D, commit);
        if
        :: to_host[S] ? running
        :: to_host[S] ? error -> goto fail
#ifdef BREAK_COMMIT_RESUME
        :: LOST && empty(to_host[S]) -> goto fail
        :: d_step { LATE -> spend_fault() } -> goto fail
#else
        :: LOST && empty(to_host[S]) -> goto settle
        :: d_step { LATE -> spend_fault() } -> goto settle
#endif
        fi;

        begin(retire);
#ifdef BREAK_UNDO_AFTER_COMMIT
        if
        :: goto fail /* a signal */
        :: true
        fi;
#endif
        end_pair(S);
        atomic { forget_bytes(); record[S] = retire; send(D, retire) };
        if
        :: d_step { to_host[S] ? retired -> record[S] = none; over = true } goto finish
        :: LOST && empty(to_host[S]) -> goto settle
        :: d_step { LATE -> spend_fault() } -> goto settle
        fi;

    fail:
        /* Decide, and note it, before anything is done. */
        atomic {
            if
            :: user_vm[S] == gone && complete_sent ->
                /* Here is nothing to go back to, but perhaps all is there. */
#ifdef BREAK_GO_BACK_WITHOUT_VM
                record[S] = abort;
                lost = true
#else
                record[S] = commit;
                close_cancel(S)
#endif
            :: user_vm[S] == gone && !complete_sent ->
                record[S] = none;
                lost = true
            :: user_vm[S] != gone && complete_sent ->
                too_late[S] = false;
#ifndef BREAK_ABORT_UNNOTED
                record[S] = abort
#endif
            :: user_vm[S] != gone && !complete_sent ->
                record[S] = none
            fi
        };
        if
        :: record[S] == commit -> goto settle
        :: else
        fi;
        send(D, error);
        hang_up();
        go_back();
#ifdef BREAK_ABORT_UNNOTED
        if
        :: complete_sent -> record[S] = abort
        :: else
        fi;
#endif
        goto went_back;

    adopt:
        adopt_relay(S);
        if
        :: d_step { user_vm[S] == gone && record[S] == none -> lost = true } goto finish
        :: d_step { user_vm[S] == gone && record[S] == abort -> lost = true } goto settle
        :: d_step { user_vm[S] == gone && record[S] == open -> record[S] = commit } goto settle
        :: d_step { user_vm[S] != gone && record[S] == open -> record[S] = abort }
        :: user_vm[S] != gone && (record[S] == none || record[S] == abort)
        :: record[S] == commit || record[S] == retire -> goto settle
        fi;
        go_back();

    went_back:
        atomic { honour_cancel(S) };
#ifdef BREAK_ABORT_UNTOLD
        record[S] = none;
#endif
        if
        :: record[S] == abort -> goto settle
        :: else -> goto finish
        fi;

    settle:
        hang_up();
#ifdef BREAK_COMMIT_UNNOTED
        record[S] = commit;
#endif
#ifdef BREAK_NO_SETTLING
        false;
#endif
    again:
        atomic {
            net && !dead[D] && !asking ->
            asking = true;
            ask ! record[S]
        };
    verdict_awaited:
        if
        :: !asking -> goto again
#ifdef BREAK_ASK_IMPATIENTLY
        :: d_step { nempty(ask) -> ask ? _; asking = false } goto again
#endif
        :: d_step { record[S] == abort && user_vm[S] == gone && !lost -> lost = true }
            goto verdict_awaited
        :: d_step { verdict ? running -> asking = false }
            end_pair(S);
            atomic { forget_bytes(); record[S] = retire };
            goto again
        :: d_step { verdict ? retired -> asking = false; record[S] = none; over = true }
            goto finish
        :: d_step { verdict ? ended -> asking = false;
               if
               :: record[S] == abort -> record[S] = none
               :: record[S] == commit && user_vm[S] != gone -> record[S] = abort
               :: record[S] == commit && user_vm[S] == gone -> record[S] = none; lost = true
               fi }
            if
            :: record[S] == none -> goto finish
            :: else -> go_back(); goto went_back
            fi
        fi;

    finish:
        atomic {
            if
            :: !over && user_vm[S] == gone -> lost = true
            :: else
            fi;
            over = true
        };
        false
       } unless {
           d_step { dead[S] -> restarted = true; complete_sent = false };
           d_step { !down[S] -> dead[S] = false }
       }
    od
}

/* The destination */

#define ENDED_AT_D (user_vm[D] == gone || domain_r[D] == gone)
#define UNLOADABLE                                                                                 \
    ((user_vm_stream == failed && user_vm[D] == incoming) ||                                       \
     (domain_r_stream == failed && domain_r[D] == incoming))

/* Wait for the message that opens the next phase, or for a reason to end it. */
inline await_order(message)
{
    if
    :: to_host[D] ? message
    :: to_host[D] ? error -> goto fail
    :: LOST && empty(to_host[D]) -> goto fail
    :: d_step { ask ? _ -> owed = true } -> goto fail
    :: cancel == wanted_at_d -> goto fail
    :: d_step { LATE -> spend_fault() } -> goto fail
    :: !too_late[D] && ENDED_AT_D -> goto fail
    fi
}

/* Answer on the connection over which the question came. */
inline answer(message_on_link, message_to_settle)
{
    d_step {
        if
        :: owed ->
            owed = false;
            verdict ! message_to_settle
        :: else ->
            if
            :: !deaf[S] -> to_host[S] ! message_on_link
            :: deaf[S]
            fi
        fi
    }
}

proctype destination()
{
    bool restarted;
    bool ours; /* the user VM runs here, for good */

    do
    :: {
        if
        :: restarted -> goto adopt
        :: !restarted
        fi;

        await_order(offer);
        send(S, accepted);

        await_order(prepare);
        d_step {
            user_vm[D] = incoming;
            domain_r[D] = incoming;
            frozen[D] = true;
#ifndef BREAK_INCOMING_UNNOTED
            record[D] = incoming;
#endif
            too_late[D] = false
        };
        send(S, prepared);

        await_order(handover);
        restore_handover();
        send(S, installed);

        await_order(complete);
        if
        :: user_vm[D] == paused && domain_r[D] == paused
        :: UNLOADABLE -> goto fail
        :: ENDED_AT_D -> goto fail
        :: LOST && empty(to_host[D]) -> goto fail
        :: to_host[D] ? error -> goto fail
        :: d_step { ask ? _ -> owed = true } -> goto fail
        :: cancel == wanted_at_d -> goto fail
        :: d_step { LATE -> spend_fault() } -> goto fail
        fi;
        if
        :: cancel == wanted_at_d -> goto fail
        :: d_step {
               cancel != wanted_at_d ->
               record[D] = loaded;
#ifndef BREAK_CANCEL_IGNORED
               too_late[D] = true
#endif
           }
        fi;
        send(S, loaded);

    loaded_and_paused:
        if
        :: to_host[D] ? commit -> goto take
        :: d_step { ask ? commit -> owed = true } -> goto take
        :: to_host[D] ? error -> goto fail
        :: d_step { ask ? abort -> owed = true } -> goto fail
        :: ENDED_AT_D -> goto fail
#ifdef BREAK_END_LOADED
        :: LOST && empty(to_host[D]) -> goto fail
#endif
        fi;

    take:
#ifdef BREAK_CANCEL_IGNORED
        atomic { honour_cancel(D) };
#endif
#ifndef BREAK_TAKE_WITHOUT_VM
        if
        :: ENDED_AT_D -> goto fail
        :: else
        fi;
#endif
#ifndef BREAK_COMMITTED_UNNOTED
        record[D] = committed;
#endif
#ifdef BREAK_RESUME_ORDER
        resume_domain_r(D);
        resume_user_vm(D);
        thaw(D);
#else
        if
        :: atomic { user_vm[D] == paused -> resume_user_vm(D) }
#ifndef BREAK_TAKE_WITHOUT_VM
        :: user_vm[D] == gone -> goto fail /* it has never run here: take the note back */
#else
        :: user_vm[D] == gone
#endif
        fi;
        thaw(D);
        resume_domain_r(D);
#endif
#ifdef BREAK_COMMITTED_UNNOTED
        record[D] = committed;
#endif
        ours = true;
        answer(running, running);
        goto serve;

    fail:
        atomic {
            end_pair(D);
            record[D] = none;
            honour_cancel(D);
            answer(error, ended)
        };
        goto serve;

    adopt:
        adopt_relay(D);
        if
        :: record[D] == incoming -> goto fail
        :: record[D] == loaded -> goto loaded_and_paused
        :: record[D] == committed ->
            /* Perhaps it runs already. If it is gone, it may have run. */
            resume_user_vm(D);
            thaw(D);
            resume_domain_r(D);
            ours = true
        :: record[D] == none ->
            ours = user_vm[D] == running;
            thaw(D)
        fi;

    serve:
        do
        :: to_host[D] ? retire ->
            record[D] = none;
            send(S, retired)
        :: d_step {
               ask ? commit ->
               if
               :: record[D] == committed -> verdict ! running
               :: else -> verdict ! ended
               fi
           }
        :: d_step {
               ask ? abort ->
               promise(one_copy, record[D] != committed);
               verdict ! ended
           }
        :: d_step {
               ask ? retire ->
               record[D] = none;
               verdict ! retired
           }
        :: d_step { ours && user_vm[D] == gone && !lost -> lost = true }
#ifdef BREAK_FORGET
        :: d_step { record[D] == committed -> record[D] = none }
#endif
        od
       } unless {
           d_step { dead[D] -> restarted = true; ours = false };
           d_step { !down[D] -> dead[D] = false }
       }
    od
}

/* Faults */

/* What is on its way to a side is lost, or not. */
inline perhaps_lose(queue)
{
    if
    :: clear(queue)
    :: true
    fi
}

inline break_connections()
{
    d_step {
        asking = false;
        owed = false;
        clear(ask);
        clear(verdict)
    }
}

inline kill_pair(h)
{
    hang_up();
    break_connections();
    clear(to_host[h]);
    perhaps_lose(to_host[1 - h]);
    dead[h] = true;
    if
    :: d_step {
           RELAY_CAN_MOVE(h) ->
           ring[h] ? <moved>;
           socket[h] ! moved;
           moving[h] = true
       }
    :: true
    fi;
    d_step {
        frozen[h] = true;
        close_cancel(h);
#ifdef BREAK_TAKE_UNREAD
        if
        :: h == S -> clear(taken)
        :: else
        fi;
#endif
#ifdef BREAK_KEEP_UNREAD
        if
        :: h == D -> clear(kept)
        :: else
        fi;
#endif
    }
}

/* Whether the copy on @h is all there is of the user VM. */
#define ONLY_COPY(h)                                                                               \
    (h == D && record[D] == committed ||                                                           \
     h == S && record[D] != committed && (record[D] != loaded || record[S] == abort))

inline kill_host(h)
{
    d_step {
        excused = excused || ONLY_COPY(h);
        domain_r_killed[h] = true
    };
    kill_pair(h);
    end_pair(h);
    d_step {
        down[h] = true;
        /* The user VM will not have run by then: this note need not be on stable storage. */
        if
        :: record[h] == loaded -> record[h] = none
        :: else
        fi
    };
    if
    :: returns = true
    :: true
    fi
}

inline cut()
{
    if
    :: deaf[S] = true; perhaps_lose(to_host[S])
    :: deaf[D] = true; perhaps_lose(to_host[D])
    :: hang_up(); perhaps_lose(to_host[S]); perhaps_lose(to_host[D])
    fi;
    if
    :: cancel_migrations()
    :: true /* what they carry was through */
    fi;
    break_connections();
    net = false;
    if
    :: returns = true
    :: true
    fi
}

/* What happens to the pair after that is no matter of the co-migration. */
#define SETTLED_AT_D (record[D] == none && user_vm[D] == running)

inline fault()
{
    if
    :: !dead[S] -> kill_pair(S)
    :: !dead[D] -> kill_pair(D)
    :: user_vm[S] != gone ->
        excused = excused || ONLY_COPY(S);
        lose_user_vm(S)
    :: user_vm[D] != gone && !SETTLED_AT_D ->
        excused = excused || user_vm[D] == running;
        lose_user_vm(D)
    :: domain_r[S] != gone -> domain_r_killed[S] = true; lose_domain_r(S)
    :: domain_r[D] != gone -> domain_r_killed[D] = true; lose_domain_r(D)
    :: !down[S] -> kill_host(S)
    :: !down[D] && !SETTLED_AT_D -> kill_host(D)
    :: net -> cut()
    fi
}

/* What must hold when nothing moves any more */

/* Domain R is replaced by a new one when it has been killed; that is not modelled. */
#define RUNS(h) (user_vm[h] == running && (domain_r[h] == running || domain_r_killed[h]))
/* For a user VM that never converges, until somebody cancels. */
#define WAITING (stuck && !harmed && cancel == none)
#define REACHABLE (net && !down[S] && !down[D])
#define UNDECIDED ((record[S] == commit && !down[S]) || (record[D] == loaded && !down[D]))
#define NOT_HERE(h) (user_vm[h] == gone && domain_r[h] == gone && record[h] == none)

inline judge()
{
    d_step {
        promise(cancel_ends, cancel != wanted_at_s && cancel != wanted_at_d);
        promise(cancel_ends, cancel != honoured || !RUNS(D));
        if
        :: FAULTS <= 1 ->
            promise(settled, RUNS(S) || RUNS(D) || (UNDECIDED && !REACHABLE) ||
                             (excused && (lost || down[S] || down[D])));
            /* Without a reason it moves, and that it is lost is not said without a reason. */
            promise(settled, harmed || cancel == honoured || RUNS(D) || WAITING);
            promise(settled, !lost || excused);
            promise(nothing_left, !REACHABLE || !RUNS(D) || NOT_HERE(S));
            promise(nothing_left, !REACHABLE || !RUNS(S) || !over || NOT_HERE(D));
            promise(nothing_left, !REACHABLE || WAITING || (over && record[S] == none));
            promise(exactly_once, !RUNS(S) || replugged || domain_r_killed[S] || got[S] == BYTES);
            promise(exactly_once, !RUNS(D) || replugged || domain_r_killed[D] || got[D] == BYTES)
        :: else
        fi
    }
}

init
{
    atomic {
#ifdef ONLY
        ONLY = 0;
#endif
        user_vm[S] = running;
        domain_r[S] = running;
        image_lock = S;
        too_late[S] = false;
        run memory_streams();
        run input();
        run source();
        run destination();
        if
        :: faults_to_come = FAULTS
        :: true
        fi;
        if
        :: cancel = possible
        :: true
        fi
    };

    do
    :: d_step { cancel == possible && !too_late[S] -> cancel = wanted_at_s }
    :: d_step { cancel == possible && !too_late[D] -> cancel = wanted_at_d }
    :: atomic {
           faults_to_come > 0 && !over ->
           spend_fault();
           fault()
       }
    :: d_step { returns && down[S] -> down[S] = false }
    :: d_step { returns && down[D] -> down[D] = false }
    :: d_step { returns && !net -> net = true }
    :: timeout ->
        judge();
        break
    od
}
