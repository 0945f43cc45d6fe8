/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * error.h - the one way in which a host program of D-MORE fails
 *
 * A function that can fail takes a GError ** as its last argument and leaves it alone on success.
 * The message is one sentence for an operator: what happened, to what, and what to do. The code is
 * for programs: the programs' exit status and the tests are made from it.
 */
#ifndef DMORE_BASE_ERROR_H
#define DMORE_BASE_ERROR_H

#include <glib.h>

#define DMORE_ERROR (dmore_error_quark())
GQuark dmore_error_quark(void);

typedef enum {
    DMORE_ERROR_FAILED = 1, /* something that should have worked did not */
    DMORE_ERROR_USAGE,      /* wrong arguments, or a wrong line in a file */
    DMORE_ERROR_HOST,       /* this host lacks something: a package, memory, an address, a disk */
    DMORE_ERROR_NOT_FOUND,  /* no such pair, no such host */
    DMORE_ERROR_BUSY,       /* the name is taken, or the pair is doing something else */
    DMORE_ERROR_PEER,       /* the other host refused, or broke the protocol, or is gone */
    DMORE_ERROR_CANCELLED,  /* the operator cancelled */
    DMORE_ERROR_TIMEOUT,
    DMORE_ERROR_UNDECIDED, /* a commit was sent and not answered: which host runs the pair is open
                            */
} DmoreError;

/* dmore_error_of() - the code of any error; DMORE_ERROR_FAILED for one of another domain */
int dmore_error_of(const GError *error);

/* dmore_error_name() - the code as a word for JSON: "failed", "usage", "host", ... */
const char *dmore_error_name(int code);

/* dmore_error_code() - the code of a word; DMORE_ERROR_FAILED for a word that is not known */
int dmore_error_code(const char *name);

#endif
