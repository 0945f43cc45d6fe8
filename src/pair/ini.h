/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ini.h - reads the INI-style files of D-MORE by a table of the keys they may hold
 *
 * The form: lines of "[section]" and "key = value"; a line that begins with "#" or ";" is a
 * comment. A value is the rest of the line without the blanks around it; there is no quoting, no
 * comment behind a value and no continuation. Whatever is not in the table is an error, and an
 * error names file and line.
 */
#ifndef DMORE_PAIR_INI_H
#define DMORE_PAIR_INI_H

#include <glib.h>

#define INI_MAX_BYTES 65536u

/* What a file is read into, as the setters see it */
typedef struct {
    gpointer target;       /* the structure that is filled in */
    const char *directory; /* (nullable): where relative paths start; NULL: they are refused */
} IniContext;

typedef struct {
    const char *section;
    const char *name;

    /* Take the value; on failure a sentence that says what is allowed. File, line and key are put
     * before it by ini_parse(). */
    gboolean (*set)(const IniContext *context, const char *value, GError **error);

    gboolean repeatable;
} IniKey;

/* ini_parse() - read a whole text
 * @text: @length bytes, UTF-8
 * @origin: where the text is from, for messages: a file name
 * @keys: the keys that are allowed, @n_keys of them, those of a section together
 * @lines: set to the line, from 1, at which each key stands last; when it is absent, to minus the
 *	   line of its section, or to 0 when that is absent, too
 *
 * Return: FALSE with DMORE_ERROR_USAGE, "origin:line: sentence".
 */
gboolean ini_parse(const char *text, gsize length, const char *origin, const IniKey *keys,
                   gsize n_keys, const IniContext *context, int *lines, GError **error);

/* ini_error() - set DMORE_ERROR_USAGE with "origin:line: sentence", or "origin: sentence" when
 * @line is 0; always returns FALSE
 */
gboolean ini_error(GError **error, const char *origin, int line, const char *format, ...)
    G_GNUC_PRINTF(4, 5);

/* ini_load() - the contents of a file that ini_parse() can read
 * Return: NULL with DMORE_ERROR_USAGE when it cannot be read or is larger than INI_MAX_BYTES.
 */
char *ini_load(const char *path, gsize *length, GError **error);

#endif
