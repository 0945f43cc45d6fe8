/* SPDX-License-Identifier: GPL-2.0-or-later */
/* serve.h - the console with all its parts, in one main loop */
#ifndef DMORE_DOMR_SERVE_H
#define DMORE_DOMR_SERVE_H

#include "domr/settings.h"

struct serve_options {
    const struct region *region;
    const struct settings *settings;
    const char *kick;   /* path, see kick_open() */
    const char *listen; /* address, see listen_open(); NULL: all, with the port of the settings */
    /* Called once a second, and on SIGCHLD; may be NULL. */
    void (*watch_children)(void);
};

/* serve() - serve until SIGTERM or SIGINT; uses the aml main loop that is the default one
 * Return: 0, or a negative errno after an error line when it could not begin.
 */
int serve(const struct serve_options *options);

#endif
