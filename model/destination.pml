/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * destination.pml - the destination's dmore-pair: destination.c, and what settles a co-migration
 */

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
               awaiting_word = true;
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
        atomic {
            awaiting_word = false;
#ifndef BREAK_COMMITTED_UNNOTED
            record[D] = committed
#endif
        };
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
            awaiting_word = false;
            record[D] = none;
            honour_cancel(D);
            answer(error, ended)
        };
        goto serve;

    adopt:
        adopt_relay(D);
        if
        :: record[D] == incoming -> goto fail /* the source has its VMs still */
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
