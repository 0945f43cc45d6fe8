/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * progress.h - shows how a co-migration goes: a bar on a terminal, lines elsewhere
 */
#ifndef DMORE_CLI_PROGRESS_H
#define DMORE_CLI_PROGRESS_H

#include <json-glib/json-glib.h>

typedef struct Progress Progress;

/* progress_new() - show on standard error, which is left alone when @quiet */
Progress *progress_new(gboolean quiet);

/* progress_show() - @report: as dmore-pair sends it, dmore(1) */
void progress_show(Progress *progress, JsonObject *report);

/* progress_end() - take the bar away, so that other text can follow */
void progress_end(Progress *progress);

void progress_free(Progress *progress);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Progress, progress_free)

#endif
