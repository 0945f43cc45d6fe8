/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * status.c - dmore status [NAME]: all pairs on this host, or all of one
 *
 * What a pair is comes from its dmore-pair. A directory in the run directory whose process does not
 * answer is shown too, as what it is: "not-running" when nobody has claimed it, "forsaken" when
 * there are VMs and no dmore-pair, "unreachable" when it does not listen yet, or not any more. Of a
 * pair that has not even that, for the host was booted since, the records that survive a reboot
 * tell (past.h).
 */
#include "cli/cli.h"

#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "pair/client.h"
#include "cli/past.h"
#include "cli/table.h"
#include "pair/config.h"
#include "pair/rundir.h"

/* A member of a member: "console", "port". */
static JsonObject *part(JsonObject *status, const char *name)
{
    return json_get_object(status, name);
}

static const char *part_text(JsonObject *status, const char *name, const char *member)
{
    JsonObject *object = part(status, name);

    return object ? json_get_text(object, member, NULL) : NULL;
}

static gint64 part_integer(JsonObject *status, const char *name, const char *member)
{
    JsonObject *object = part(status, name);

    return object ? json_get_integer(object, member, 0) : 0;
}

/* "10.0.0.5:5900", or NULL */
static char *console_text(JsonObject *status)
{
    JsonObject *console = part(status, "console");
    JsonArray *addresses = console ? json_get_array(console, "address") : NULL;
    int port = console ? (int)json_get_integer(console, "port", 0) : 0;
    GString *text = g_string_new(NULL);

    for (guint i = 0; addresses && i < json_array_get_length(addresses); i++) {
        const char *address = json_array_get_string_element(addresses, i);

        g_string_append_printf(text, strchr(address, ':') ? "%s[%s]:%d" : "%s%s:%d",
                               text->len ? " " : "", address, port);
    }
    return g_string_free(text, text->len == 0);
}

static const char *unreachable_state(const HostConfig *host, const char *name)
{
    if (rundir_is_forsaken(host->run_dir, name))
        return "forsaken";
    return rundir_is_claimed(host->run_dir, name) ? "unreachable" : "not-running";
}

/* What is known of a pair: what its process says, what was noted of it, or why there is nothing.
 * Return: NULL when there is no such pair.
 */
static JsonObject *ask(const HostConfig *host, const char *name, GError **error)
{
    g_autoptr(GError) silence = NULL;
    g_autofree char *remark = past_remark(host, name);
    gboolean claimed = rundir_is_claimed(host->run_dir, name);
    JsonObject *status = client_call(host, name, "status", NULL, &silence);
    g_autofree char *directory = g_build_filename(host->run_dir, name, NULL);

    if (!status && !claimed)
        status = past_status(host, name);
    if (!status && !g_file_test(directory, G_FILE_TEST_IS_DIR)) {
        g_propagate_error(error, g_steal_pointer(&silence));
        return NULL;
    }
    if (!status) {
        status = json_object_new();
        json_object_set_string_member(status, "name", name);
        json_object_set_string_member(status, "state", unreachable_state(host, name));
        json_object_set_string_member(status, "note", silence->message);
    }
    if (remark)
        json_object_set_string_member(status, "remark", remark);
    return status;
}

/* All that are here, and all of which there is a record: sorted. */
static char **list_names(const HostConfig *host, GError **error)
{
    g_auto(GStrv) here = rundir_list(host->run_dir, error);
    g_auto(GStrv) past = here ? past_names(host, error) : NULL;
    g_autoptr(GStrvBuilder) names = g_strv_builder_new();

    if (!past)
        return NULL;
    /* Both are sorted. */
    for (char **a = here, **b = past; *a || *b;) {
        int order = !*a ? 1 : !*b ? -1 : strcmp(*a, *b);
        g_strv_builder_add(names, order <= 0 ? *a : *b);
        a += order <= 0;
        b += order >= 0;
    }
    return g_strv_builder_end(names);
}

static void add_row(Table *table, JsonObject *status)
{
    g_autofree char *console = console_text(status);
    g_autofree char *clients =
        g_strdup_printf("%d", (int)part_integer(status, "domain_r", "clients"));
    g_autofree char *state = g_strjoin(": ", json_get_text(status, "state", "?"),
                                       json_get_text(status, "phase", NULL), NULL);

    table_add(table, json_get_text(status, "name", "?"), state,
              part_text(status, "user_vm", "state"), part_text(status, "domain_r", "state"),
              part(status, "domain_r") ? clients : NULL, console,
              json_get_text(status, "accelerator", NULL));
}

static void print_member(JsonObject *status, const char *member)
{
    if (json_object_has_member(status, member))
        cli_print("%s\n", json_get_text(status, member, ""));
}

static gboolean print_all(const HostConfig *host, gboolean json, GError **error)
{
    g_auto(GStrv) names = list_names(host, error);
    g_autoptr(Table) table = table_new(7);
    g_autoptr(JsonArray) array = json_array_new();

    if (!names)
        return FALSE;
    table_add(table, "NAME", "STATE", "USER VM", "DOMAIN R", "CLIENTS", "CONSOLE", "ACCELERATOR");
    for (char **name = names; *name; name++) {
        JsonObject *status = ask(host, *name, NULL);

        if (!status)
            continue; /* it has gone since the names were read */
        add_row(table, status);
        json_array_add_object_element(array, status);
    }
    if (json)
        cli_print_json(json_node_init_array(json_node_alloc(), array));
    else if (json_array_get_length(array) > 0)
        table_print(table);
    else
        cli_print("no pair runs on this host\n");

    for (guint i = 0; !json && i < json_array_get_length(array); i++) {
        print_member(json_array_get_object_element(array, i), "note");
        print_member(json_array_get_object_element(array, i), "remark");
    }
    return TRUE;
}

static void print_replacements(JsonObject *r)
{
    gint64 replacements = json_get_integer(r, "replacements", 0);
    gint64 wait_ms = json_get_integer(r, "replaced_in_ms", -1);
    const char *because = json_get_text(r, "replaced_because", "");

    if (wait_ms > 0)
        cli_print("             FAILING: %s; tried again in %d s\n", because,
                  (int)(wait_ms / 1000) + 1);
    else if (wait_ms == 0)
        cli_print("             being replaced: %s\n", because);
    if (replacements > 0)
        cli_print("             replaced %d time%s here%s%s\n", (int)replacements,
                  replacements == 1 ? "" : "s", wait_ms < 0 ? "; the last because " : "",
                  wait_ms < 0 ? because : "");
}

static void print_vms(JsonObject *status)
{
    JsonObject *r = part(status, "domain_r");

    cli_print("user VM      %s, process %d\n", part_text(status, "user_vm", "state"),
              (int)part_integer(status, "user_vm", "pid"));
    cli_print("Domain R     %s, process %d, %s, %d client%s, region mapped %s\n",
              part_text(status, "domain_r", "state"), (int)part_integer(status, "domain_r", "pid"),
              json_get_boolean(r, "ready", FALSE) ? "ready" : "not ready",
              (int)json_get_integer(r, "clients", 0),
              json_get_integer(r, "clients", 0) == 1 ? "" : "s",
              json_get_boolean(r, "write_back", FALSE) ? "write-back" : "not write-back");
    if (json_object_has_member(r, "memory_free_bytes"))
        cli_print("             %d of %d MB of its memory are free\n",
                  (int)(json_get_integer(r, "memory_free_bytes", 0) >> 20),
                  (int)(json_get_integer(r, "memory_bytes", 0) >> 20));
    print_replacements(r);
    if (*json_get_text(r, "message", ""))
        cli_print("             it says: %s\n", json_get_text(r, "message", ""));
}

static void print_streams(JsonObject *status)
{
    JsonArray *streams = json_get_array(status, "streams");

    for (guint i = 0; streams && i < json_array_get_length(streams); i++) {
        JsonObject *stream = json_array_get_object_element(streams, i);

        cli_print("%-11s  %" G_GINT64_FORMAT " bytes to the VM, %" G_GINT64_FORMAT " back%s\n",
                  json_get_text(stream, "name", "?"), json_get_integer(stream, "to_vm_bytes", 0),
                  json_get_integer(stream, "to_domain_r_bytes", 0),
                  json_get_boolean(stream, "broken", FALSE) ? "; BROKEN" : "");
    }
}

static void print_last_migration(JsonObject *migration)
{
    if (!migration)
        return;

    g_autofree char *total =
        text_ms(json_object_get_double_member_with_default(migration, "total_ms", 0));
    g_autofree char *domain_r =
        text_ms(json_object_get_double_member_with_default(migration, "domain_r_pause_ms", 0));
    g_autofree char *user_vm =
        text_ms(json_object_get_double_member_with_default(migration, "user_vm_pause_ms", 0));

    cli_print("last move    to %s in %s; Domain R paused for %s, the user VM for %s\n",
              json_get_text(migration, "to", "?"), total, domain_r, user_vm);
}

static void print_one(JsonObject *status)
{
    const char *phase = json_get_text(status, "phase", NULL);
    const char *note = json_get_text(status, "accelerator_note", NULL);
    g_autofree char *console = console_text(status);

    cli_print("name         %s\nuuid         %s\n", json_get_text(status, "name", "?"),
              json_get_text(status, "uuid", "?"));
    cli_print("state        %s%s%s\n", json_get_text(status, "state", "?"), phase ? ": " : "",
              phase ? phase : "");
    print_member(status, "note");
    print_member(status, "remark");
    if (!part(status, "user_vm") || !part(status, "domain_r"))
        return;
    print_vms(status);
    cli_print("console      %s, auth %s\n", console ? console : "no address yet",
              part_text(status, "console", "auth"));
    if (part(status, "screen"))
        cli_print("screen       %d x %d, form %s, %" G_GINT64_FORMAT " updates\n",
                  (int)part_integer(status, "screen", "width"),
                  (int)part_integer(status, "screen", "height"),
                  part_text(status, "screen", "form"), part_integer(status, "screen", "updates"));
    print_streams(status);
    cli_print("QEMU         %s, %s%s%s\n", json_get_text(status, "qemu_version", "?"),
              json_get_text(status, "accelerator", "?"), note ? ": " : "", note ? note : "");
    cli_print("image        %s\n", json_get_text(status, "image_id", "?"));
    cli_print("moves        %d\n", (int)json_get_integer(status, "migrations", 0));
    print_last_migration(json_get_object(status, "last_migration"));
}

gboolean status_run(const HostConfig *host, int argc, char **argv, GError **error)
{
    gboolean json = FALSE;
    gboolean names_only = FALSE;
    const GOptionEntry entries[] = {
        {"json", 0, 0, G_OPTION_ARG_NONE, &json, "print JSON", NULL},
        {"names", 0, 0, G_OPTION_ARG_NONE, &names_only, "print the names of all pairs only", NULL},
        {0},
    };

    if (!cli_parse(&argc, &argv, "[NAME]", "Shows all pairs on this host, or all of one.", entries,
                   0, 1, error))
        return FALSE;
    if (names_only && (json || argc > 1)) {
        g_set_error_literal(error, DMORE_ERROR, DMORE_ERROR_USAGE,
                            "--names lists all pairs, as text; it goes with nothing else");
        return FALSE;
    }
    if (names_only) {
        g_auto(GStrv) names = list_names(host, error);

        for (char **name = names; name && *name; name++)
            cli_print("%s\n", *name);
        return names != NULL;
    }
    if (argc == 1)
        return print_all(host, json, error);

    g_autoptr(JsonObject) status =
        pair_name_check(argv[1], error) ? ask(host, argv[1], error) : NULL;

    if (!status)
        return FALSE;
    if (json)
        cli_print_json_object(status);
    else
        print_one(status);
    return TRUE;
}
