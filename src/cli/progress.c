/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * progress.c - shows how a co-migration goes
 */
#include "cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/table.h"

#define BAR_MAX 30 /* characters of a full bar on a wide terminal */
#define BAR_MIN 4
#define LINE_MS 1000 /* between two lines of the same phase where there is no terminal */

struct Progress {
    gboolean quiet;
    gboolean terminal;
    gboolean drawn; /* a bar stands in the terminal's line */
    char *phase;    /* of the last line, NULL before the first */
    double shown_ms;
    gboolean warned; /* that it does not converge */
};

Progress *progress_new(gboolean quiet)
{
    Progress *progress = g_new0(Progress, 1);

    progress->quiet = quiet;
    progress->terminal = isatty(STDERR_FILENO);
    return progress;
}

/* How much of a VM's memory is on the other side, 0 to 1. What the guest dirties takes it back. */
static double fraction(JsonObject *vm)
{
    double total = vm ? (double)json_get_integer(vm, "total", 0) : 0;
    double remaining = vm ? (double)json_get_integer(vm, "remaining", 0) : 0;

    return total > 0 ? CLAMP(1 - remaining / total, 0, 1) : 0;
}

static char *bar(double part, int width)
{
    int filled = (int)(part * width);
    GString *text = g_string_new("[");

    for (int i = 0; i < width; i++)
        g_string_append_c(text, i < filled ? '#' : '.');
    g_string_append_printf(text, "] %3d%%", (int)(part * 100));
    return g_string_free(text, FALSE);
}

static int terminal_width(void)
{
    struct winsize size;

    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

static void draw(Progress *progress, JsonObject *report, const char *phase, double elapsed_ms)
{
    JsonObject *user_vm = json_get_object(report, "user_vm");
    JsonObject *domain_r = json_get_object(report, "domain_r");
    g_autofree char *rest = text_bytes(user_vm ? json_get_integer(user_vm, "remaining", 0) : 0);
    int width = terminal_width();
    int room = width - (int)strlen("pre-copy  1000.0 s  user VM [] 100%  Domain R [] 100%  "
                                   "1000.0 MB left ");
    int size = CLAMP(room / 2, BAR_MIN, BAR_MAX);
    g_autofree char *left = bar(fraction(user_vm), size);
    g_autofree char *right = bar(fraction(domain_r), size);
    g_autofree char *line = g_strdup_printf("%-9s %6.1f s  user VM %s  Domain R %s  %s left", phase,
                                            elapsed_ms / 1000, left, right, rest);

    /* A line that does not fit would be wrapped and could not be drawn over. */
    fprintf(stderr, "\r%.*s\033[K", width - 1, cli_safe(line));
    fflush(stderr);
    progress->drawn = TRUE;
}

static void print_line(JsonObject *report, const char *phase, double elapsed_ms)
{
    JsonObject *user_vm = json_get_object(report, "user_vm");
    JsonObject *domain_r = json_get_object(report, "domain_r");
    g_autofree char *rate = text_bytes(user_vm ? json_get_integer(user_vm, "dirty_rate", 0) : 0);
    int slowed = user_vm ? (int)json_get_integer(user_vm, "slowed_percent", 0) : 0;
    g_autofree char *line = g_strdup_printf(
        "%7.1f s  %-9s  user VM %3d%%  Domain R %3d%%  guest dirties %s/s", elapsed_ms / 1000,
        phase, (int)(fraction(user_vm) * 100), (int)(fraction(domain_r) * 100), rate);
    g_autofree char *note = slowed ? g_strdup_printf(", slowed down by %d%%", slowed) : NULL;

    fprintf(stderr, "%s%s\n", cli_safe(line), note ? note : "");
}

/* Once: what helps does not change. */
static void warn_of_no_end(Progress *progress, JsonObject *report)
{
    JsonObject *user_vm = json_get_object(report, "user_vm");

    if (progress->warned || json_get_boolean(report, "converges", TRUE))
        return;
    g_autofree char *rate = text_bytes(user_vm ? json_get_integer(user_vm, "dirty_rate", 0) : 0);
    progress_end(progress);
    fprintf(stderr,
            "the guest changes its memory as fast as it is sent (%s/s), so this may never end. "
            "Ctrl-C cancels. What helps: more bandwidth, a time at which the guest does less, or "
            "--auto-converge, which slows it down.\n",
            cli_safe(rate));
    progress->warned = TRUE;
}

void progress_show(Progress *progress, JsonObject *report)
{
    const char *phase = json_get_text(report, "phase", "");
    double elapsed_ms = json_object_get_double_member_with_default(report, "elapsed_ms", 0);

    if (progress->quiet)
        return;
    warn_of_no_end(progress, report);
    if (progress->terminal) {
        draw(progress, report, phase, elapsed_ms);
    } else if (g_strcmp0(phase, progress->phase) != 0 ||
               elapsed_ms - progress->shown_ms >= LINE_MS) {
        print_line(report, phase, elapsed_ms);
        g_free(progress->phase);
        progress->phase = g_strdup(phase);
        progress->shown_ms = elapsed_ms;
    }
}

void progress_end(Progress *progress)
{
    if (progress->drawn)
        fputs("\r\033[K", stderr);
    progress->drawn = FALSE;
}

void progress_free(Progress *progress)
{
    progress_end(progress);
    g_free(progress->phase);
    g_free(progress);
}
