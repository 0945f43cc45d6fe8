/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bytes.pml - the stream of bytes from the client to the user VM, and its handover
 */

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
