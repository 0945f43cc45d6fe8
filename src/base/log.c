/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * log.c - GLib's log, one line an event, on standard error
 *
 * A message may hold what another machine or a guest has said. Control characters in it are
 * replaced, so nobody can forge a line of the log or talk to the operator's terminal.
 */
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <glib.h>

static char *log_name;
static gboolean log_debug;

static const char *level_name(GLogLevelFlags level)
{
    switch (level & G_LOG_LEVEL_MASK) {
    case G_LOG_LEVEL_ERROR:
        return "error";
    case G_LOG_LEVEL_CRITICAL:
        return "critical";
    case G_LOG_LEVEL_WARNING:
        return "warning";
    case G_LOG_LEVEL_MESSAGE:
        return "message";
    case G_LOG_LEVEL_INFO:
        return "info";
    default:
        return "debug";
    }
}

/* write_all() - to standard error; a log that cannot be written is nobody's to hear of */
static void write_all(const char *bytes, gsize size)
{
    while (size > 0) {
        gssize written = write(STDERR_FILENO, bytes, size);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return;
        bytes += written;
        size -= (gsize)written;
    }
}

static GLogWriterOutput write_line(GLogLevelFlags level, const GLogField *fields, gsize n_fields,
                                   gpointer data)
{
    const char *text = "";
    const char *domain = NULL;
    gboolean detail = (level & (G_LOG_LEVEL_INFO | G_LOG_LEVEL_DEBUG)) != 0;

    for (gsize i = 0; i < n_fields; i++) {
        if (g_str_equal(fields[i].key, "MESSAGE"))
            text = fields[i].value;
        else if (g_str_equal(fields[i].key, "GLIB_DOMAIN"))
            domain = fields[i].value;
    }

    /* The details of the libraries are not ours to show: our own messages have no domain. */
    if (detail && (!log_debug || domain != NULL))
        return G_LOG_WRITER_HANDLED;

    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *time = g_date_time_format(now, "%Y-%m-%dT%H:%M:%S");
    g_autoptr(GString) line = g_string_new(NULL);

    g_string_printf(line, "%s.%06dZ %s %s: ", time, g_date_time_get_microsecond(now), log_name,
                    level_name(level));
    if (domain != NULL)
        g_string_append_printf(line, "%s: ", domain);
    for (const char *c = text; *c != '\0'; c++)
        g_string_append_c(line, g_ascii_iscntrl(*c) ? ' ' : *c);
    g_string_append_c(line, '\n');

    write_all(line->str, line->len);
    return G_LOG_WRITER_HANDLED;
}

void log_setup(const char *name)
{
    g_free(log_name);
    log_name = g_strdup(name);
    log_debug = getenv("DMORE_DEBUG") != NULL;

    /* GLib takes one writer for the life of a process and aborts at a second. */
    static gsize installed;

    if (g_once_init_enter(&installed)) {
        g_log_set_writer_func(write_line, NULL, NULL);
        g_once_init_leave(&installed, 1);
    }
}
