/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * world.pml - what happens to the two hosts, and what must hold when nothing moves any more
 */

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
        awaiting_word = awaiting_word && h != D;
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
     h == S && record[D] != committed && (!awaiting_word || record[S] == abort))

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
        /* These two notes need not be on stable storage. */
        if
        :: record[h] == incoming -> record[h] = none
        :: record[h] == commit -> record[h] = open
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
#define UNDECIDED ((record[S] == commit && !down[S]) || awaiting_word)
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
