/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vncdrive.c - a VNC client without a screen, for tests: obeys lines, answers with JSON
 *
 * Reads commands from standard input, "ID COMMAND ARGUMENTS" (drive.c has the list), prints events
 * and replies as JSON objects, one a line; "t" in them is the monotonic clock in seconds. It never
 * connects again by itself: when the server goes it says so and ends with status 3.
 */
#include "drive.h"

#include <gio/gunixinputstream.h>
#include <locale.h>
#include <stdlib.h>
#include <unistd.h>

#define STATUS_LOST 3

typedef struct {
    Drive *drive;
    GMainLoop *loop;
    GDataInputStream *input;
} Program;

static void on_line(GObject *source, GAsyncResult *result, gpointer data)
{
    Program *program = data;
    g_autofree char *line =
        g_data_input_stream_read_line_finish_utf8(G_DATA_INPUT_STREAM(source), result, NULL, NULL);
    if (!line) {
        g_main_loop_quit(program->loop);
        return;
    }
    drive_command(program->drive, line);
    g_data_input_stream_read_line_async(program->input, G_PRIORITY_DEFAULT, NULL, on_line, program);
}

static gboolean parse_server(const char *text, ViewOptions *options, char **host)
{
    const char *colon = strrchr(text, ':');
    if (!colon || colon == text)
        return FALSE;
    *host = text[0] == '[' ? g_strndup(text + 1, (gsize)(colon - text - 2))
                           : g_strndup(text, (gsize)(colon - text));
    options->host = *host;
    options->port = (int)g_ascii_strtoll(colon + 1, NULL, 10);
    return options->port > 0 && options->port < 65536;
}

int main(int argc, char **argv)
{
    g_autofree char *encodings = g_strdup("zrle tight hextile copyrect raw");
    g_autofree char *layout = g_strdup("us");
    g_autofree char *mode = g_strdup("extended");
    g_autofree char *user = NULL;
    g_autofree char *password = NULL;
    g_autofree char *authority = NULL;
    g_autofree char *host = NULL;
    gboolean lossy = FALSE;
    const GOptionEntry entries[] = {
        {"keys", 'k', 0, G_OPTION_ARG_STRING, &mode,
         "extended: physical keys where the server takes them; keysyms; bare: keysyms without "
         "Shift and AltGr",
         "MODE"},
        {"layout", 'l', 0, G_OPTION_ARG_STRING, &layout, "XKB layout of the client's keyboard",
         "NAME"},
        {"encodings", 'e', 0, G_OPTION_ARG_STRING, &encodings, "by preference", "NAMES"},
        {"lossy", 0, 0, G_OPTION_ARG_NONE, &lossy, "accept JPEG", NULL},
        {"user", 'u', 0, G_OPTION_ARG_STRING, &user, "user name to give", "NAME"},
        {"password", 'p', 0, G_OPTION_ARG_STRING, &password, "password to give", "PASSWORD"},
        {"authority", 'a', 0, G_OPTION_ARG_FILENAME, &authority,
         "certificate that the server's is checked by", "FILE"},
        G_OPTION_ENTRY_NULL,
    };
    setlocale(LC_ALL, "C.UTF-8");
    g_autoptr(GError) error = NULL;
    g_autoptr(GOptionContext) context = g_option_context_new("HOST:PORT");
    g_option_context_add_main_entries(context, entries, NULL);
    DriveOptions options = {0};
    if (!g_option_context_parse(context, &argc, &argv, &error) || argc != 2 ||
        !parse_server(argv[1], &options.view, &host)) {
        g_printerr("vncdrive: %s\n",
                   error ? error->message : "usage: vncdrive [OPTION...] HOST:PORT");
        return 2;
    }
    options.view.encodings = encodings;
    options.view.lossy = lossy;
    options.view.user = user;
    options.view.password = password;
    options.view.authority = authority;
    options.view.extended = g_str_equal(mode, "extended");
    options.layout = layout;
    options.modifiers = !g_str_equal(mode, "bare");

    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    g_autoptr(Drive) drive = drive_new(&options, loop, &error);
    if (!drive) {
        g_printerr("vncdrive: %s: %s\n", argv[1], error->message);
        return 1;
    }
    g_autoptr(GInputStream) standard_input = g_unix_input_stream_new(STDIN_FILENO, FALSE);
    g_autoptr(GDataInputStream) input = g_data_input_stream_new(standard_input);
    Program program = {.drive = drive, .loop = loop, .input = input};
    g_data_input_stream_read_line_async(input, G_PRIORITY_DEFAULT, NULL, on_line, &program);
    g_main_loop_run(loop);
    return drive_lost(drive) ? STATUS_LOST : EXIT_SUCCESS;
}
