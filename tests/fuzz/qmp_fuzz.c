/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qmp_fuzz.c - what a hypervisor says on its monitor: to the client, and to what makes a VM of it
 *
 * An input is a byte for each command that we give (up to a newline), and lines that the hypervisor
 * says. A line that begins with '=' is the result of the last command, one with '!' its error; any
 * other is said as it is. After the last line, or when an answer is next and nobody asks, the
 * hypervisor is gone. Every command is answered or fails, and the VM's state is one there is.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <glib-unix.h>

#include "base/json.h"
#include "fuzz-glib.h"
#include "qemu/vm-internal.h"

typedef struct {
    Vm vm;
    int fd; /* the hypervisor's end; -1: closed */
    guint source;
    GString *commands; /* what it has been given and has not looked at */
    char **lines;      /* the next one to be said */
    gboolean greeted;
    int closed;
} World;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    fuzz_quiet_glib();
    return 0;
}

/* leave() - the hypervisor ends, as the process would be seen to end */
static void leave(World *world)
{
    if (world->fd < 0)
        return;
    g_clear_handle_id(&world->source, g_source_remove);
    close(world->fd);
    world->fd = -1;
    world->vm.state = VM_GONE;
}

static void say(const World *world, const char *text)
{
    send(world->fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* answer() - say lines until one of them is an answer to the command @id */
static void answer(World *world, gint64 id)
{
    while (*world->lines != NULL) {
        const char *line = *world->lines++;
        g_autofree char *text = NULL;

        if (*line == '=')
            text =
                g_strdup_printf("{\"return\": %s, \"id\": %" G_GINT64_FORMAT "}\n", line + 1, id);
        else if (*line == '!')
            text = g_strdup_printf("{\"error\": %s, \"id\": %" G_GINT64_FORMAT "}\n", line + 1, id);
        else
            text = g_strdup_printf("%s\n", line);
        say(world, text);
        if (*line == '=' || *line == '!')
            return;
    }
    leave(world);
}

static gboolean on_command(gint fd, GIOCondition condition, gpointer data)
{
    World *world = data;
    char bytes[4096];
    ssize_t size;
    char *newline;

    while ((size = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
        g_string_append_len(world->commands, bytes, size);
    if (size == 0) {
        world->source = 0;
        leave(world);
        return G_SOURCE_REMOVE;
    }
    while (world->fd >= 0 && (newline = strchr(world->commands->str, '\n')) != NULL) {
        gsize length = (gsize)(newline - world->commands->str);
        g_autoptr(JsonObject) command = json_parse(world->commands->str, length, NULL);

        CHECK(command != NULL);
        g_string_erase(world->commands, 0, (gssize)length + 1);
        answer(world, json_get_integer(command, "id", -1));
    }
    return world->fd >= 0;
}

/* on_idle() - we wait for what does not come by itself: the next line that is no answer, or the end
 */
static gboolean on_idle(gpointer data)
{
    World *world = data;
    const char *line = world->fd >= 0 ? *world->lines : NULL;

    if (line != NULL && *line != '=' && *line != '!') {
        g_autofree char *text = g_strdup_printf("%s\n", line);

        world->lines++;
        say(world, text);
    } else {
        leave(world);
    }
    return G_SOURCE_CONTINUE;
}

static void on_state_changed(Vm *vm, VmState state, const char *detail, gpointer data)
{
    CHECK(detail != NULL && g_utf8_validate(detail, -1, NULL));
}

static void on_reset(Vm *vm, gpointer data)
{
}

static void on_event(const char *name, JsonObject *arguments, gpointer data)
{
    World *world = data;

    CHECK(name != NULL && arguments != NULL);
    vm_monitor_events.event(name, arguments, &world->vm);
}

static void on_closed(const GError *error, gpointer data)
{
    World *world = data;

    CHECK(error != NULL && g_utf8_validate(error->message, -1, NULL));
    CHECK(world->closed++ == 0);
    world->vm.state = VM_GONE;
}

/* One of the commands that the rooms above give. */
static gboolean command(Vm *vm, char which, GError **error)
{
    static const VmMigrationOptions options = {.bandwidth = 1 << 20, .key_dir = "/key"};
    g_autofree char *address = NULL;
    VmMigrationStatus status;

    switch (which) {
    case 'r':
        return vm_refresh(vm, error);
    case 'p':
        return vm_pause(vm, error);
    case 'c':
        return vm_resume(vm, error);
    case 'q':
        return vm_migration_query(vm, &status, error);
    case 'l':
        address = vm_migration_listen(vm, "127.0.0.1", TRUE, NULL, error);
        return address != NULL;
    case 's':
        return vm_migration_start(vm, "127.0.0.1:1", &options, NULL, error);
    case 'x':
        return vm_migration_cancel(vm, error);
    case 'w':
        return vm_migration_await(vm, VM_MIGRATION_COMPLETED, 0, NULL, error);
    case 'n':
        return vm_migration_continue(vm, error);
    case 'a':
        return vm_announce(vm, error);
    case 'y':
        return qmp_do_oob(vm->qmp, "yank", NULL, error);
    case 'u':
        vm_migration_unblock(vm);
        return TRUE;
    default:
        return vm_migration_await_loaded(vm, 0, NULL, error);
    }
}

static void give_commands(World *world, const char *commands)
{
    guint idle = g_idle_add_full(G_PRIORITY_LOW, on_idle, world, NULL);

    for (; *commands; commands++) {
        g_autoptr(GError) error = NULL;

        CHECK(command(&world->vm, *commands, &error) == (error == NULL));
        CHECK(error == NULL || g_utf8_validate(error->message, -1, NULL));
        CHECK(world->vm.state <= VM_GONE && world->vm.migration <= VM_MIGRATION_FAILED);
    }
    g_source_remove(idle);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const VmEvents vm_events = {on_state_changed, on_reset};
    static const QmpEvents qmp_events = {on_event, on_closed};
    g_autofree char *text = g_strndup((const char *)bytes, size);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    World world = {.vm = {.name = (char *)"fuzzed VM", .events = &vm_events}};
    int fds[2];

    if (lines[0] == NULL || strlen(lines[0]) > 32)
        return 0;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
    world.fd = fds[1];
    world.lines = lines + 1;
    world.commands = g_string_new(NULL);
    world.vm.qmp = qmp_new("fuzzed VM", fds[0], &qmp_events, &world);
    world.source = g_unix_fd_add(world.fd, G_IO_IN | G_IO_HUP, on_command, &world);
    fuzz_settle();
    give_commands(&world, lines[0]);
    leave(&world);
    fuzz_settle();
    CHECK(world.closed == 1 && qmp_closed(world.vm.qmp) != NULL);
    qmp_free(world.vm.qmp);
    g_string_free(world.commands, TRUE);
    g_free(world.vm.detail);
    return 0;
}
