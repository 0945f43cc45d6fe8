/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * main.c - dmore: the table of subcommands, and what happens around each of them
 *
 * The exit status is 0, or the code of the error (base/error.h); doc/dmore.1 lists them.
 */
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "cli/cli.h"

static const struct {
    const char *name;
    Subcommand run;
    const char *arguments;
    const char *description;
} subcommands[] = {
    {"up", up_run, "FILE", "start the pair that FILE describes"},
    {"status", status_run, "[NAME]", "show all pairs on this host, or all of one"},
    {"migrate", migrate_run, "NAME HOST[:PORT]", "move a pair to another host, live"},
    {"cancel", cancel_run, "NAME", "cancel a move that has not been committed"},
    {"console", console_run, "NAME", "print how to connect to the console"},
    {"screenshot", screenshot_run, "NAME FILE.png", "take a picture of the console"},
    {"down", down_run, "NAME", "end a pair"},
    {"resolve", resolve_run, "NAME --here", "run an undecided pair on this host"},
    {"keygen", keygen_run, "[FILE]", "make the key that all hosts share"},
    {"demo", demo_run, "", "show a console that survives a move"},
};

static void print_help(FILE *to)
{
    fputs("Usage: dmore [--config FILE] SUBCOMMAND [ARGUMENTS]\n"
          "\n"
          "Virtual machines whose console survives live migration.\n"
          "\n"
          "Subcommands:\n",
          to);
    for (gsize i = 0; i < G_N_ELEMENTS(subcommands); i++) {
        g_autofree char *call =
            g_strconcat(subcommands[i].name, " ", subcommands[i].arguments, NULL);

        fprintf(to, "  %-26s %s\n", call, subcommands[i].description);
    }
    fputs("  version                    print the version\n"
          "  help                       print this\n"
          "\n"
          "\"dmore SUBCOMMAND --help\" tells more, the manual dmore(1) all.\n",
          to);
}

static int report(const GError *error)
{
    g_autofree char *message = g_strdup(error->message);

    fflush(stdout);
    fprintf(stderr, "dmore: %s\n", cli_safe(message));
    return dmore_error_of(error);
}

/* What is buffered may only now find a disk full, and who reads it is to know that it is not all.
 */
static int finish(void)
{
    g_autoptr(GError) error = NULL;

    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    error = g_error_new_literal(DMORE_ERROR, DMORE_ERROR_FAILED,
                                "what was asked for is done, but it could not be written to "
                                "standard output");
    return report(error);
}

static int run(Subcommand subcommand, const char *config, int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(HostConfig) host = host_config_load(config, &error);

    return host && subcommand(host, argc, argv, &error) ? finish() : report(error);
}

/* Take "--config FILE" and "--config=FILE" from before the subcommand.
 * Return: the number of arguments taken, or -1.
 */
static int take_config(int argc, char **argv, const char **config)
{
    if (argc > 1 && g_str_has_prefix(argv[1], "--config=")) {
        *config = argv[1] + strlen("--config=");
        return 1;
    }
    if (argc > 1 && strcmp(argv[1], "--config") == 0) {
        *config = argv[2];
        return argc > 2 ? 2 : -1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    const char *config = NULL;
    int taken = take_config(argc, argv, &config);

    setlocale(LC_ALL, "");
    log_setup("dmore");
    if (taken < 0 || argc - taken < 2) {
        print_help(stderr);
        return DMORE_ERROR_USAGE;
    }
    argc -= taken + 1;
    argv += taken + 1;

    if (strcmp(argv[0], "help") == 0 || strcmp(argv[0], "--help") == 0 ||
        strcmp(argv[0], "-h") == 0) {
        print_help(stdout);
        return finish();
    }
    if (strcmp(argv[0], "version") == 0 || strcmp(argv[0], "--version") == 0) {
        puts("dmore " DMORE_VERSION);
        return finish();
    }
    for (gsize i = 0; i < G_N_ELEMENTS(subcommands); i++)
        if (strcmp(argv[0], subcommands[i].name) == 0)
            return run(subcommands[i].run, config, argc, argv);

    g_autoptr(GError) error =
        g_error_new(DMORE_ERROR, DMORE_ERROR_USAGE,
                    "there is no subcommand \"%s\"; \"dmore help\" lists them", argv[0]);
    return report(error);
}
