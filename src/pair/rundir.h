/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rundir.h - the run directory: one directory for each pair of this host, RUN/NAME
 *
 * A pair's directory is claimed by the process that runs the pair. The claim is a lock on a file in
 * it (fcntl(2), open file description locks): it ends when the last duplicate of its descriptor is
 * closed, however the processes end. A directory without a claim is left over from a crash.
 *
 * The claim is shared with the hypervisors. Which dmore-pair runs the pair is a second lock, the
 * keeper's, which ends with that process: a pair that is claimed and has no keeper has lost its
 * dmore-pair and can be adopted.
 */
#ifndef DMORE_PAIR_RUNDIR_H
#define DMORE_PAIR_RUNDIR_H

#include <glib.h>

typedef enum {
    RUN_CONTROL,         /* dmore-pair's control socket */
    RUN_CONTROL_MADE,    /* the same before it listens */
    RUN_USER_VM_QMP,     /* monitor sockets of the hypervisor */
    RUN_USER_VM_MONITOR, /* a second one, for the operator */
    RUN_DOMAIN_R_QMP,
    RUN_KICK,
    RUN_REGION,
    RUN_USER_VM_LOG,
    RUN_DOMAIN_R_LOG,
    RUN_DOMAIN_R_CONSOLE,
    RUN_PAIR_LOG,
    RUN_PAIR_CONF, /* the canonical text of its configuration */
    RUN_SETTINGS,  /* those of Domain R, as they are in its region, where it can write */
    RUN_STATE,     /* what the next dmore-pair has to know (pair-state.h) */
    RUN_MOVING,    /* the bytes that the relay has in its hands (relay.h) */
    RUN_CLAIM,
    RUN_KEEPER,
    RUN_FILES,
} RunFile;

/* rundir_path() - RUN/NAME/file; free with g_free() */
char *rundir_path(const char *run, const char *name, RunFile file);

/* rundir_create() - make RUN/NAME, open to nobody else, if it is not there
 * Return: FALSE with DMORE_ERROR_USAGE when the path of a socket in it would be longer than the
 * kernel allows, DMORE_ERROR_HOST when it cannot be made.
 */
gboolean rundir_create(const char *run, const char *name, GError **error);

/* rundir_claim() - make RUN/NAME if need be, claim it, and empty it of an earlier pair's left-overs
 * except RUN_PAIR_LOG
 *
 * Return: the claim, a descriptor closed on exec, to be kept open while the pair is there (a
 * duplicate may be passed to a process that must end before the name can be used again); -1 with
 * DMORE_ERROR_BUSY when the name is taken, or an error of rundir_create().
 */
int rundir_claim(const char *run, const char *name, GError **error);

/* rundir_is_claimed() - whether somebody holds the claim */
gboolean rundir_is_claimed(const char *run, const char *name);

/* rundir_keep() - be the one process that runs the pair; makes RUN/NAME if need be
 *
 * The lock belongs to this process (fcntl(2), F_SETLK): no child has it.
 *
 * Return: a descriptor, to be kept open; -1 with DMORE_ERROR_BUSY when another process has it, or
 * an error of rundir_create().
 */
int rundir_keep(const char *run, const char *name, GError **error);

/* rundir_keeper() - the process that runs the pair; 0 when there is none
 * Not for that process itself: it would lose its lock.
 */
GPid rundir_keeper(const char *run, const char *name);

/* rundir_is_forsaken() - whether VMs of the pair are there, but no dmore-pair that runs it */
gboolean rundir_is_forsaken(const char *run, const char *name);

/* rundir_list() - the names of all pair directories, claimed or not, sorted
 * Return: a NULL-terminated array, empty when there is no run directory; NULL with DMORE_ERROR_HOST
 * when it cannot be read.
 */
char **rundir_list(const char *run, GError **error);

/* rundir_remove() - remove RUN/NAME and the files in it that this interface knows
 * Return: FALSE with DMORE_ERROR_HOST when something is left.
 */
gboolean rundir_remove(const char *run, const char *name, GError **error);

/* rundir_clean() - the same, if the pair is not here: nobody may begin one of that name meanwhile
 * Return: FALSE with DMORE_ERROR_HOST when something is left, DMORE_ERROR_BUSY when somebody does.
 */
gboolean rundir_clean(const char *run, const char *name, GError **error);

#endif
