/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vms.pml - the hypervisors: what is done to VMs, and their memory streams
 */

/* The promises are the protocol's, so they are looked at whether or not the lock on the images would
 * have saved the day.
 */
inline resume_user_vm(h)
{
    d_step {
        promise(one_copy, user_vm[h] != paused || user_vm[1 - h] != running);
        if
        :: user_vm[h] == paused && (image_lock == NOBODY || image_lock == h) ->
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
