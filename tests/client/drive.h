/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * drive.h - the commands that vncdrive obeys, one at a time or several under way at once
 */
#ifndef DMORE_TESTS_CLIENT_DRIVE_H
#define DMORE_TESTS_CLIENT_DRIVE_H

#include "view.h"

typedef struct Drive Drive;

typedef struct {
    ViewOptions view;
    const char *layout; /* of the keyboard that the person types on */
    gboolean modifiers; /* press Shift and AltGr where the layout needs them */
} DriveOptions;

/* drive_new() - connect
 * @loop: quit when the connection is lost
 */
Drive *drive_new(const DriveOptions *options, GMainLoop *loop, GError **error);
void drive_free(Drive *drive);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Drive, drive_free)

/* drive_command() - obey a line, "ID COMMAND ARGUMENTS"; the reply is printed when it is done */
void drive_command(Drive *drive, const char *line);

/* drive_lost() - whether the server has gone */
gboolean drive_lost(const Drive *drive);

#endif
