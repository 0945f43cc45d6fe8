/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * source.pml - the source's dmore-pair: source.c, and what settles a co-migration
 */

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
#ifdef BREAK_RETIRE_UNNOTED
        send(D, retire);
#else
        atomic { forget_bytes(); record[S] = retire; send(D, retire) };
#endif
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
        if
        :: record[S] == open -> record[S] = commit
        :: else
        fi;
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
