/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vm-migration.c - a VM's live migration, held until the VM is paused
 *
 * Theory of operation
 *
 * QEMU ends the pre-copy by itself as soon as little enough is left to be sent. What keeps it from
 * doing so here is the capability switchover-ack, set on the source only: the source then waits for
 * the destination to acknowledge that it is ready, and a destination without the capability never
 * does. There is no race in it: however small the remainder gets, the guest runs on. QEMU drops the
 * condition once the VM is stopped, so vm_pause() is the one thing that brings the migration on,
 * within milliseconds, to pre-switchover (pause-before-switchover), where it waits again. A guest
 * that sleeps (ACPI S3) counts as stopped, too: its migration is not held before pre-switchover.
 *
 * While it is held it looks for dirty pages as fast as it can; a low bandwidth makes it idle.
 *
 * The downtime limit decides how much may be left when a stopped VM comes to pre-switchover; the
 * rest is sent without a bandwidth limit after vm_migration_continue(). QEMU does that with its big
 * lock held: if the destination does not read, and the socket does not take it all, it answers no
 * command and resumes nothing until TCP gives up, which takes a quarter of an hour. Then its
 * `yank`, which needs no lock, ends the connection (vm_migration_unblock()). The limit also decides
 * when QEMU looks for dirty pages again: as soon as less than it is left, in each turn. A limit so
 * high that this is always the case makes QEMU look twenty times a second from the beginning on and
 * the number of passes say nothing, so it is QEMU's own default.
 */
#include "qemu/vm-internal.h"

#include <string.h>

#include <glib-unix.h>

#include "base/await.h"
#include "base/error.h"
#include "base/json.h"

#define DOWNTIME_LIMIT_MS 300
#define BANDWIDTH_MIN 4096 /* bytes a second; QEMU takes less than 10 for no limit at all */

/* For the connection, and again for the destination's first answer, the TLS handshake. */
#define SETUP_TIMEOUT_MS 30000
#define CANCEL_TIMEOUT_MS 30000
#define BLOCKED_MS 1000 /* without an answer, of a QEMU that a migration may block */
#define FREED_MS 10000  /* to answer, when nothing blocks it any more */

/* State */

static const struct {
    const char *status; /* QEMU's MigrationStatus */
    VmMigrationState state;
} statuses[] = {
    {"none", VM_MIGRATION_NONE},
    {"setup", VM_MIGRATION_SETUP},
    {"active", VM_MIGRATION_ACTIVE},
    {"pre-switchover", VM_MIGRATION_SWITCHOVER},
    {"device", VM_MIGRATION_DEVICE},
    {"completed", VM_MIGRATION_COMPLETED},
    {"cancelling", VM_MIGRATION_CANCELLING},
    {"cancelled", VM_MIGRATION_CANCELLED},
    {"failed", VM_MIGRATION_FAILED},
};

VmMigrationState vm_migration_parse(const char *status)
{
    for (gsize i = 0; i < G_N_ELEMENTS(statuses); i++) {
        if (strcmp(statuses[i].status, status) == 0)
            return statuses[i].state;
    }
    /* The others belong to capabilities that are never switched on here. */
    return VM_MIGRATION_NONE;
}

static const char *state_name(VmMigrationState state)
{
    for (gsize i = 0; i < G_N_ELEMENTS(statuses); i++) {
        if (statuses[i].state == state)
            return statuses[i].status;
    }
    return "unknown";
}

static gboolean is_over(VmMigrationState state)
{
    return state == VM_MIGRATION_NONE || state == VM_MIGRATION_COMPLETED ||
           state == VM_MIGRATION_CANCELLED || state == VM_MIGRATION_FAILED;
}

static guint64 get_count(JsonObject *object, const char *name)
{
    return (guint64)MAX(json_get_integer(object, name, 0), 0);
}

static void parse_memory(JsonObject *memory, VmMigrationStatus *status)
{
    status->total = get_count(memory, "total");
    status->remaining = get_count(memory, "remaining");
    status->transferred = get_count(memory, "transferred");
    status->pass = get_count(memory, "dirty-sync-count");
    status->dirty_rate = get_count(memory, "dirty-pages-rate") * get_count(memory, "page-size");
}

gboolean vm_migration_query(Vm *vm, VmMigrationStatus *status, GError **error)
{
    g_autoptr(JsonNode) result = qmp_ask(vm->qmp, "query-migrate", NULL, JSON_NODE_OBJECT, error);
    VmMigrationStatus now = {0};

    if (result == NULL)
        return FALSE;

    JsonObject *object = json_node_get_object(result);
    JsonObject *memory = json_get_object(object, "ram");

    now.state = vm_migration_parse(json_get_text(object, "status", "none"));
    if (memory != NULL)
        parse_memory(memory, &now);
    now.slowed = (guint)get_count(object, "cpu-throttle-percentage");
    g_strlcpy(now.error, json_get_text(object, "error-desc", ""), sizeof(now.error));
    vm->migration = now.state;
    *status = now;
    return TRUE;
}

/* Settings of both sides */

static gboolean set_capabilities(Vm *vm, gboolean source, gboolean keep_shared, gboolean slow_down,
                                 GError **error)
{
    return qmp_do(vm->qmp, "migrate-set-capabilities",
                  g_variant_new_parsed("{'capabilities': <["
                                       "{'capability': <'events'>, 'state': <true>},"
                                       "{'capability': <'return-path'>, 'state': <true>},"
                                       "{'capability': <'pause-before-switchover'>, 'state': <%b>},"
                                       "{'capability': <'switchover-ack'>, 'state': <%b>},"
                                       "{'capability': <'auto-converge'>, 'state': <%b>},"
                                       "{'capability': <'x-ignore-shared'>, 'state': <%b>}"
                                       "]>}",
                                       source, source, slow_down, keep_shared),
                  error);
}

/* The destination */

/* parse_listening() - the address and port that QEMU says it listens on */
static char *parse_listening(JsonNode *migration)
{
    JsonArray *addresses = json_get_array(json_node_get_object(migration), "socket-address");

    if (addresses == NULL || json_array_get_length(addresses) == 0)
        return NULL;

    JsonObject *address = json_item(addresses, 0);

    if (address == NULL)
        return NULL;

    const char *host = json_get_text(address, "host", NULL);
    const char *port = json_get_text(address, "port", NULL);

    if (host == NULL || port == NULL)
        return NULL;
    return g_strdup_printf(strchr(host, ':') != NULL ? "[%s]:%s" : "%s:%s", host, port);
}

char *vm_migration_listen(Vm *vm, const char *address, gboolean keep_shared, const char *key_dir,
                          GError **error)
{
    g_autoptr(GInetAddress) numeric = g_inet_address_new_from_string(address);

    if (numeric == NULL) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_USAGE,
                    "'%s' is not a numeric IPv4 or IPv6 address", address);
        return NULL;
    }

    gboolean ipv6 = g_inet_address_get_family(numeric) == G_SOCKET_FAMILY_IPV6;
    g_autofree char *uri = g_strdup_printf(ipv6 ? "tcp:[%s]:0" : "tcp:%s:0", address);

    /* A migration that fails is to be told by the monitor, not by the end of the process. */
    if (!set_capabilities(vm, FALSE, keep_shared, FALSE, error) ||
        !vm_set_key(vm, key_dir, TRUE, error) ||
        !qmp_do(vm->qmp, "migrate-incoming",
                g_variant_new_parsed("{'uri': <%s>, 'exit-on-error': <false>}", uri), error))
        return NULL;

    g_autoptr(JsonNode) migration =
        qmp_ask(vm->qmp, "query-migrate", NULL, JSON_NODE_OBJECT, error);
    char *listening = migration != NULL ? parse_listening(migration) : NULL;

    if (migration != NULL && listening == NULL)
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_FAILED,
                    "%s: QEMU does not say where it listens for the migration", vm->name);
    return listening;
}

/* fail_migration() - the error of a migration that is over without having reached @wanted */
static gboolean fail_migration(Vm *vm, const char *wanted, GError **error)
{
    VmMigrationStatus status;

    if (vm->state == VM_GONE) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_FAILED,
                    "%s: QEMU has ended during the migration", vm->name);
        return FALSE;
    }
    if (!vm_migration_query(vm, &status, error))
        return FALSE;
    g_set_error(error, DMORE_ERROR, DMORE_ERROR_FAILED, "%s: the migration is %s instead of %s%s%s",
                vm->name, state_name(status.state), wanted, status.error[0] != '\0' ? ": " : "",
                status.error);
    return FALSE;
}

static gboolean loaded_or_failed(gpointer data)
{
    const Vm *vm = data;

    return vm->state != VM_INCOMING || vm->migration == VM_MIGRATION_FAILED;
}

gboolean vm_migration_await_loaded(Vm *vm, int timeout_ms, GCancellable *cancellable,
                                   GError **error)
{
    g_autofree char *what = g_strdup_printf("the state of %s to arrive", vm->name);

    if (!await(loaded_or_failed, vm, timeout_ms, cancellable, what, error))
        return FALSE;
    return vm->state == VM_PAUSED || fail_migration(vm, "completed", error);
}

/* The source */

static gboolean has_left_setup(gpointer data)
{
    const Vm *vm = data;

    return vm->state == VM_GONE ||
           (vm->migration != VM_MIGRATION_NONE && vm->migration != VM_MIGRATION_SETUP);
}

/* await_setup() - until memory is being copied */
static gboolean await_setup(Vm *vm, GSocket *socket, GCancellable *cancellable, GError **error)
{
    g_autofree char *what = g_strdup_printf("the destination of %s to answer", vm->name);
    g_autoptr(GError) reason = NULL;

    if (await(has_left_setup, vm, SETUP_TIMEOUT_MS, cancellable, what, &reason))
        return (vm->state != VM_GONE && !is_over(vm->migration)) ||
               fail_migration(vm, "active", error);

    g_autoptr(GError) further = NULL;

    /* It is with the destination that QEMU waits for, not with us. */
    g_socket_shutdown(socket, TRUE, TRUE, NULL);
    if (!vm_migration_cancel(vm, &further))
        g_warning("%s", further->message);
    g_propagate_error(error, g_steal_pointer(&reason));
    return FALSE;
}

/* migrate_over() - begin to migrate over @socket, which stays the caller's */
static gboolean migrate_over(Vm *vm, GSocket *socket, GError **error)
{
    int fd = g_socket_get_fd(socket);
    g_autoptr(JsonNode) passed =
        qmp_execute(vm->qmp, "getfd", g_variant_new_parsed("{'fdname': <'migration'>}"), fd, error);

    vm->migration = VM_MIGRATION_NONE;
    /* QEMU makes every socket that it is handed block; the mode is that of all who hold it. */
    return passed != NULL && g_unix_set_fd_nonblocking(fd, TRUE, error) &&
           qmp_do(vm->qmp, "migrate", g_variant_new_parsed("{'uri': <'fd:migration'>}"), error);
}

gboolean vm_migration_start(Vm *vm, const char *address, const VmMigrationOptions *options,
                            GCancellable *cancellable, GError **error)
{
    guint64 bandwidth = MAX(options->bandwidth, BANDWIDTH_MIN);
    g_autoptr(GSocketConnection) connection =
        vm_connect(vm, address, SETUP_TIMEOUT_MS, cancellable, error);

    if (connection == NULL ||
        !set_capabilities(vm, TRUE, options->keep_shared, options->slow_down, error) ||
        !vm_set_key(vm, options->key_dir, FALSE, error) ||
        !qmp_do(vm->qmp, "migrate-set-parameters",
                g_variant_new_parsed("{'max-bandwidth': <%t>, 'downtime-limit': <%t>}", bandwidth,
                                     (guint64)DOWNTIME_LIMIT_MS),
                error))
        return FALSE;

    GSocket *socket = g_socket_connection_get_socket(connection);

    return migrate_over(vm, socket, error) && await_setup(vm, socket, cancellable, error);
}

gboolean vm_migration_set_bandwidth(Vm *vm, guint64 bandwidth, GError **error)
{
    return qmp_do(
        vm->qmp, "migrate-set-parameters",
        g_variant_new_parsed("{'max-bandwidth': <%t>}", MAX(bandwidth, (guint64)BANDWIDTH_MIN)),
        error);
}

typedef struct {
    const Vm *vm;
    VmMigrationState wanted;
} Wait;

/* has_reached() - whether the migration is where it is wanted; the states up to COMPLETED follow
 * each other, so a later one will do, too */
static gboolean has_reached(const Wait *wait)
{
    VmMigrationState state = wait->vm->migration;

    if (wait->wanted > VM_MIGRATION_COMPLETED)
        return state == wait->wanted;
    return state >= wait->wanted && state <= VM_MIGRATION_COMPLETED;
}

static gboolean reached_or_over(gpointer data)
{
    const Wait *wait = data;

    return has_reached(wait) || is_over(wait->vm->migration) || wait->vm->state == VM_GONE;
}

/* await_migrated() - QEMU says that the migration has completed a moment before the VM is in the
 * state that a rollback could start from, and does not say when it is */
static gboolean await_migrated(Vm *vm, GCancellable *cancellable, GError **error)
{
    while (vm->state != VM_MIGRATED) {
        if (!vm_refresh(vm, error))
            return FALSE;
        if (vm->state != VM_MIGRATED && !await_ms(1, cancellable, error))
            return FALSE;
    }
    return TRUE;
}

gboolean vm_migration_await(Vm *vm, VmMigrationState state, int timeout_ms,
                            GCancellable *cancellable, GError **error)
{
    g_autofree char *what =
        g_strdup_printf("the migration of %s to be %s", vm->name, state_name(state));
    Wait wait = {vm, state};

    if (!await(reached_or_over, &wait, timeout_ms, cancellable, what, error))
        return FALSE;
    if (vm->state == VM_GONE || !has_reached(&wait))
        return fail_migration(vm, state_name(state), error);
    return state != VM_MIGRATION_COMPLETED || await_migrated(vm, cancellable, error);
}

gboolean vm_migration_continue(Vm *vm, GError **error)
{
    return qmp_do(vm->qmp, "migrate-continue",
                  g_variant_new_parsed("{'state': <'pre-switchover'>}"), error);
}

static gboolean over_or_gone(gpointer data)
{
    const Vm *vm = data;

    return is_over(vm->migration) || vm->state == VM_GONE;
}

/* yank() - end the migration's connection, so that the migration fails */
static gboolean yank(Vm *vm, GError **error)
{
    return qmp_do_oob(vm->qmp, "yank",
                      g_variant_new_parsed("{'instances': <[{'type': <'migration'>}]>}"), error);
}

void vm_migration_unblock(Vm *vm)
{
    gboolean was_overdue = qmp_overdue(vm->qmp) != NULL;
    g_autoptr(GError) silent = NULL;
    g_autoptr(GError) unyanked = NULL;

    if (qmp_answers(vm->qmp, "query-migrate", BLOCKED_MS, &silent) ||
        !g_error_matches(silent, DMORE_ERROR, DMORE_ERROR_TIMEOUT))
        return;
    if (yank(vm, &unyanked))
        g_message("%s: QEMU does not answer, so its migration was cut off", vm->name);
    else
        g_message("%s: QEMU does not answer, and its migration could not be cut off: %s", vm->name,
                  unyanked->message);
    /* What has been waited for in vain once is not again, unless there is a reason to. */
    if (!was_overdue)
        vm_answers(vm, QMP_PATIENCE_MS);
    else if (unyanked == NULL)
        vm_answers(vm, FREED_MS);
}

/* await_settled() - QEMU says that the migration has failed a moment before it lets the VM resume,
 * and does not say when it does */
static gboolean await_settled(Vm *vm, GError **error)
{
    gint64 end_us = g_get_monotonic_time() + (gint64)CANCEL_TIMEOUT_MS * 1000;

    while (vm_refresh(vm, error)) {
        if (!vm->migrating)
            return TRUE;
        if (g_get_monotonic_time() > end_us) {
            g_set_error(error, DMORE_ERROR, DMORE_ERROR_TIMEOUT,
                        "%s: its migration is over, and QEMU does not let it resume", vm->name);
            return FALSE;
        }
        if (!await_ms(1, NULL, error))
            return FALSE;
    }
    return FALSE;
}

gboolean vm_migration_cancel(Vm *vm, GError **error)
{
    g_autofree char *what = g_strdup_printf("the cancelled migration of %s to end", vm->name);
    VmMigrationStatus status;

    if (!vm_migration_query(vm, &status, error))
        return FALSE;
    if (!is_over(status.state)) {
        if (!qmp_do(vm->qmp, "migrate_cancel", NULL, error) ||
            !await(over_or_gone, vm, CANCEL_TIMEOUT_MS, NULL, what, error))
            return FALSE;
        if (vm->migration == VM_MIGRATION_COMPLETED || vm->state == VM_GONE)
            return fail_migration(vm, "cancelled", error);
    }
    /* An older migration may have completed, and been rolled back. */
    if (!await_settled(vm, error))
        return FALSE;
    return vm->state != VM_MIGRATED || fail_migration(vm, "cancelled", error);
}
