/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * error.c - the error codes and their words
 */
#include "base/error.h"

G_DEFINE_QUARK(dmore - error - quark, dmore_error)

static const char *const names[] = {
    [DMORE_ERROR_FAILED] = "failed",       [DMORE_ERROR_USAGE] = "usage",
    [DMORE_ERROR_HOST] = "host",           [DMORE_ERROR_NOT_FOUND] = "not-found",
    [DMORE_ERROR_BUSY] = "busy",           [DMORE_ERROR_PEER] = "peer",
    [DMORE_ERROR_CANCELLED] = "cancelled", [DMORE_ERROR_TIMEOUT] = "timeout",
    [DMORE_ERROR_UNDECIDED] = "undecided",
};

int dmore_error_of(const GError *error)
{
    return error->domain == DMORE_ERROR ? error->code : DMORE_ERROR_FAILED;
}

const char *dmore_error_name(int code)
{
    if (code < DMORE_ERROR_FAILED || code >= (int)G_N_ELEMENTS(names))
        code = DMORE_ERROR_FAILED;
    return names[code];
}

int dmore_error_code(const char *name)
{
    for (int code = DMORE_ERROR_FAILED; code < (int)G_N_ELEMENTS(names); code++) {
        if (g_strcmp0(names[code], name) == 0)
            return code;
    }
    return DMORE_ERROR_FAILED;
}
