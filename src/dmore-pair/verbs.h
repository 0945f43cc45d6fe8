/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verbs.h - the ways in which a dmore-pair comes to a pair, which it then runs
 */
#ifndef DMORE_PAIR_PROCESS_VERBS_H
#define DMORE_PAIR_PROCESS_VERBS_H

#include "dmore-pair/service.h"
#include "pair/hostconfig.h"

typedef struct {
    const HostConfig *host;
    Service *service;
    int ready_fd;     /* to whoever started this process, or -1 */
    int fd;           /* the connection that a pair comes over, or -1 */
    const char *peer; /* the host that a pair comes from */
    int log_fd;       /* dmored's log, while a pair is coming whose log may go with it; else -1 */
} Program;

typedef struct {
    const char *name;
    int arguments;
    /* Return: the exit status. */
    int (*run)(Program *program, const char *argument);
} Verb;

/* verb_find() - NULL when there is none of that name with so many arguments */
const Verb *verb_find(const char *name, int arguments);

/* verb_failed() - log and tell why it has failed; the exit status */
int verb_failed(Program *program, const GError *error);

#endif
