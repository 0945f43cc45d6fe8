/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * statefile.h - small files that survive a reboot: STATE/FOLDER/NAME, STATE = host->state_dir
 *
 * Each is a key file with one group. A file is replaced by writing another one and renaming it, so
 * that whoever reads it finds the old text or the new one. "Stable" means that it is on the disk
 * when the function returns: the file, and the directory that names it, have been flushed. What is
 * not stable may be an empty file after the end of the host; what was staged first is the old text
 * or the new one even then.
 */
#ifndef DMORE_PAIR_STATEFILE_H
#define DMORE_PAIR_STATEFILE_H

#include <glib.h>

/* statefile_path() - free with g_free() */
char *statefile_path(const char *state, const char *folder, const char *name);

/* statefile_folder() - make the folder if need be; its path, free with g_free() */
char *statefile_folder(const char *state, const char *folder, GError **error);

/* statefile_time() - when the file was written, seconds since the epoch; 0 when there is none */
gint64 statefile_time(const char *state, const char *folder, const char *name);

/* statefile_write() - replace the file, open to nobody else; makes the folder if need be
 * Return: FALSE with DMORE_ERROR_HOST; what was there before is still there.
 */
gboolean statefile_write(const char *state, const char *folder, const char *name, GKeyFile *text,
                         gboolean stable, GError **error);

/* statefile_stage() - have a new text on the disk, beside the one that holds
 * Return: FALSE with DMORE_ERROR_HOST.
 */
gboolean statefile_stage(const char *state, const char *folder, const char *name, GKeyFile *text,
                         GError **error);

/* statefile_take() - replace the file by what was staged; waits for the disk only if @stable
 * Return: FALSE with DMORE_ERROR_HOST; the old text holds then, unless it was the flush that
 * failed.
 */
gboolean statefile_take(const char *state, const char *folder, const char *name, gboolean stable,
                        GError **error);

/* statefile_load() - Return: NULL with DMORE_ERROR_NOT_FOUND when there is none, DMORE_ERROR_HOST
 * when it is damaged or cannot be read
 */
GKeyFile *statefile_load(const char *state, const char *folder, const char *name, GError **error);

/* statefile_remove() - that it is not there is no error */
gboolean statefile_remove(const char *state, const char *folder, const char *name, gboolean stable,
                          GError **error);

/* statefile_list() - the names of all files of a folder, sorted; what is half written is left out
 * Return: a NULL-terminated array, empty when there is no folder; NULL with DMORE_ERROR_HOST.
 */
char **statefile_list(const char *state, const char *folder, GError **error);

#endif
