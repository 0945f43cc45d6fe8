/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pair/pair.h"

#include <string.h>
#include <unistd.h>

#include "base/await.h"
#include "base/error.h"
#include "pair/rundir.h"
#include "pair/settings.h"
#include "pair/tap.h"

#define CONSOLE_MS 120000               /* for Domain R to boot; 3 s under TCG on an idle machine */
#define HYPERVISOR_OVERHEAD (64u << 20) /* bytes that a QEMU takes beside its guest's memory */

const char *pair_state_name(PairState state)
{
    static const char *const names[] = {
        [PAIR_STARTING] = "starting",   [PAIR_RUNNING] = "running",
        [PAIR_INCOMING] = "incoming",   [PAIR_MIGRATING] = "migrating",
        [PAIR_UNDECIDED] = "undecided", [PAIR_STOPPING] = "stopping",
    };

    return names[state];
}

char *pair_path(const Pair *pair, RunFile file)
{
    return rundir_path(pair->host->run_dir, pair->config->name, file);
}

static gboolean look_at_platform(Pair *pair, GError **error)
{
    PairPlatform *platform = &pair->platform;
    const char *machine = pair->config->user_vm.machine;

    pair->probe = probe_qemu(pair->host->qemu, error);
    if (!pair->probe)
        return FALSE;
    pair->image = image_open(pair->host->image, error);
    if (!pair->image)
        return FALSE;
    platform->user_vm_machine = cmdline_machine(pair->probe, machine ? machine : "q35", error);
    if (!platform->user_vm_machine)
        return FALSE;
    platform->domain_r_machine = cmdline_machine(pair->probe, "q35", error);
    if (!platform->domain_r_machine)
        return FALSE;
    platform->accelerator = g_strdup(probe_accelerator(pair->probe));
    platform->qemu_version = g_strdup(pair->probe->version);
    platform->image_id = g_strdup(pair->image->id);
    if (pair->probe->accelerator_note)
        g_message("accelerator %s: %s", platform->accelerator, pair->probe->accelerator_note);
    return TRUE;
}

Pair *pair_new(const HostConfig *host, PairConfig *config, GBytes *settings, GError **error)
{
    g_autoptr(Pair) pair = g_new0(Pair, 1);

    pair->host = host;
    pair->config = config;
    pair->state = PAIR_STARTING;
    pair->region_size = REGION_DEFAULT_SIZE;
    pair->claim = pair->user_vm_tap = pair->domain_r_tap = -1;
    pair->ended = TRUE;
    if (!look_at_platform(pair, error))
        return NULL;
    pair->settings = settings ? g_bytes_ref(settings) : pair_settings_make(config, error);
    if (!pair->settings)
        return NULL;
    return g_steal_pointer(&pair);
}

static gboolean check_file(const char *what, const char *path, GError **error)
{
    if (!path || g_file_test(path, G_FILE_TEST_EXISTS))
        return TRUE;
    g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST,
                "the user VM's %s %s is not on this host; it has to be on storage that every host "
                "sees under the same path",
                what, path);
    return FALSE;
}

static gboolean check_files(const PairUserVm *user_vm, GError **error)
{
    for (gsize i = 0; i < user_vm->n_disks; i++)
        if (!check_file("disk", user_vm->disks[i].path, error))
            return FALSE;
    return check_file("cdrom", user_vm->cdrom, error) &&
           check_file("kernel", user_vm->kernel, error) &&
           check_file("initrd", user_vm->initrd, error);
}

guint64 pair_memory(const Pair *pair)
{
    return pair->config->user_vm.memory + pair->config->domain_r.memory +
           2 * (guint64)HYPERVISOR_OVERHEAD;
}

static gboolean check_memory(const Pair *pair, GError **error)
{
    g_autofree char *text = NULL;

    if (!g_file_get_contents("/proc/meminfo", &text, NULL, error))
        return FALSE;
    const char *available = strstr(text, "MemAvailable:");
    guint64 bytes = available
                        ? g_ascii_strtoull(available + strlen("MemAvailable:"), NULL, 10) * 1024
                        : G_MAXUINT64;
    if (bytes >= pair_memory(pair))
        return TRUE;
    g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST,
                "this host has %" G_GUINT64_FORMAT
                " MB of memory left, the pair needs %" G_GUINT64_FORMAT
                " MB; give it less memory or make room",
                bytes >> 20, pair_memory(pair) >> 20);
    return FALSE;
}

gboolean pair_check_host(const Pair *pair, GError **error)
{
    if (rundir_is_claimed(pair->host->run_dir, pair->config->name)) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_BUSY,
                    "there is a pair named %s on this host already; 'dmore status' shows it",
                    pair->config->name);
        return FALSE;
    }
    return check_files(&pair->config->user_vm, error) && check_memory(pair, error);
}

static void tell_notice(Pair *pair, enum region_user_vm state)
{
    region_notice(&pair->region->region)->user_vm = state;
    if (pair->kick)
        kick_send(pair->kick);
}

static void on_user_vm_changed(Vm *vm, VmState state, const char *detail, gpointer data)
{
    Pair *pair = data;

    g_message("%s is %s: %s", vm_name(vm), vm_state_name(state), detail);
    switch (state) {
    case VM_RUNNING:
        tell_notice(pair, REGION_USER_VM_RUNNING);
        break;
    case VM_PAUSED:
        tell_notice(pair, REGION_USER_VM_PAUSED);
        break;
    case VM_OFF:
        tell_notice(pair, REGION_USER_VM_OFF);
        break;
    case VM_CRASHED:
    case VM_GONE:
        tell_notice(pair, REGION_USER_VM_CRASHED);
        break;
    case VM_INCOMING:
    case VM_MIGRATED:
        break;
    }
    if (pair->changed)
        pair->changed(pair->changed_data);
}

static void on_domain_r_changed(Vm *vm, VmState state, const char *detail, gpointer data)
{
    Pair *pair = data;

    g_message("%s is %s: %s", vm_name(vm), vm_state_name(state), detail);
    if (pair->changed)
        pair->changed(pair->changed_data);
}

static void on_kicked(gpointer data)
{
    Pair *pair = data;

    relay_kicked(pair->relay);
}

static gboolean open_taps(Pair *pair, GError **error)
{
    const PairConfig *config = pair->config;

    if (config->user_vm.bridge) {
        pair->user_vm_tap = tap_open(config->user_vm.bridge, "dmu", config->user_vm.mac,
                                     &pair->user_vm_interface, error);
        if (pair->user_vm_tap < 0)
            return FALSE;
    }
    if (config->domain_r.bridge) {
        pair->domain_r_tap = tap_open(config->domain_r.bridge, "dmr", config->domain_r.mac,
                                      &pair->domain_r_interface, error);
        if (pair->domain_r_tap < 0)
            return FALSE;
    }
    return TRUE;
}

static gboolean launch_user_vm(Pair *pair, GCancellable *cancellable, GError **error)
{
    const PairUserVm *config = &pair->config->user_vm;
    g_autofree char *name = g_strdup_printf("user VM %s", pair->config->name);
    g_autofree char *monitor = pair_path(pair, RUN_USER_VM_QMP);
    g_autofree char *monitor_extra = pair_path(pair, RUN_USER_VM_MONITOR);
    g_autofree char *log = pair_path(pair, RUN_USER_VM_LOG);
    int keyboard = relay_vm_fd(pair->relay, REGION_STREAM_KEYBOARD);
    int pointer = relay_vm_fd(pair->relay, REGION_STREAM_POINTER);
    UserVmSpec spec = {
        .vm = {.name = pair->config->name,
               .accelerator = pair->platform.accelerator,
               .monitor_extra = monitor_extra,
               .machine = pair->platform.user_vm_machine,
               .cpu = config->cpu,
               .memory = config->memory,
               .cpus = config->cpus,
               .uuid = pair->config->uuid,
               .network_fd = pair->user_vm_tap,
               .mac = config->mac,
               .incoming = pair->state == PAIR_INCOMING},
        .display = config->display,
        .disks = config->disks,
        .n_disks = config->n_disks,
        .cdrom = config->cdrom,
        .kernel = config->kernel,
        .initrd = config->initrd,
        .append = config->append,
        .boot = config->boot,
        .nic = config->nic,
        .stream_fds = {[REGION_STREAM_KEYBOARD] = keyboard, [REGION_STREAM_POINTER] = pointer},
        .extra = (const char *const *)config->extra,
    };
    g_auto(GStrv) arguments = cmdline_user_vm(pair->probe, &spec);
    /* The claim goes along: the name is free again only when both VMs have ended. */
    int fds[] = {keyboard, pointer, pair->claim, pair->user_vm_tap};
    gsize n_fds = pair->user_vm_tap < 0 ? 3 : 4;
    static const VmEvents events = {.state_changed = on_user_vm_changed};

    pair->user_vm = vm_launch(name, (const char *const *)arguments, fds, n_fds, monitor, log,
                              &events, pair, cancellable, error);
    return pair->user_vm != NULL;
}

static gboolean launch_domain_r(Pair *pair, GCancellable *cancellable, GError **error)
{
    const PairDomainR *config = &pair->config->domain_r;
    g_autofree char *name = g_strdup_printf("Domain R of %s", pair->config->name);
    g_autofree char *vm_name_text = g_strdup_printf("%s-r", pair->config->name);
    g_autofree char *monitor = pair_path(pair, RUN_DOMAIN_R_QMP);
    g_autofree char *log = pair_path(pair, RUN_DOMAIN_R_LOG);
    g_autofree char *console_log = pair_path(pair, RUN_DOMAIN_R_CONSOLE);
    g_autofree char *kick = pair_path(pair, RUN_KICK);
    DomainRSpec spec = {
        .vm = {.name = vm_name_text,
               .accelerator = pair->platform.accelerator,
               .machine = pair->platform.domain_r_machine,
               .memory = config->memory,
               .cpus = 1,
               .uuid = pair->config->uuid,
               .network_fd = pair->domain_r_tap,
               .mac = config->mac,
               .incoming = pair->state == PAIR_INCOMING},
        .kernel = pair->image->kernel,
        .initrd = pair->image->initrd,
        .region = pair->region->path,
        .region_size = pair->region->region.size,
        .kick = kick,
        .console_log = console_log,
    };
    g_auto(GStrv) arguments = cmdline_domain_r(pair->probe, &spec);
    int fds[] = {pair->claim, pair->domain_r_tap};
    gsize n_fds = pair->domain_r_tap < 0 ? 1 : 2;
    static const VmEvents events = {.state_changed = on_domain_r_changed};

    pair->domain_r = vm_launch(name, (const char *const *)arguments, fds, n_fds, monitor, log,
                               &events, pair, cancellable, error);
    if (!pair->domain_r)
        return FALSE;
    pair->kick = kick_connect(kick, on_kicked, pair, error);
    if (!pair->kick)
        return FALSE;
    relay_set_kick(pair->relay, pair->kick);
    screen_feed_set_kick(pair->feed, pair->kick);
    return TRUE;
}

static gboolean note_config(const Pair *pair, GError **error)
{
    g_autofree char *path = pair_path(pair, RUN_PAIR_CONF);
    g_autofree char *text = pair_config_to_text(pair->config);

    /* The file holds the console's password. */
    return g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, error);
}

gboolean pair_claim(Pair *pair, gboolean incoming, GError **error)
{
    pair->claim = rundir_claim(pair->host->run_dir, pair->config->name, error);
    if (pair->claim < 0)
        return FALSE;
    pair->ended = FALSE;
    if (incoming)
        pair->state = PAIR_INCOMING;
    return note_config(pair, error);
}

gboolean pair_build(Pair *pair, GCancellable *cancellable, GError **error)
{
    g_autofree char *region = pair_path(pair, RUN_REGION);

    if (!open_taps(pair, error))
        return FALSE;
    pair->region = region_file_create(region, pair->region_size, pair->settings, error);
    if (!pair->region)
        return FALSE;
    pair->relay = relay_new(&pair->region->region, error);
    if (!pair->relay)
        return FALSE;
    pair->feed = screen_feed_new(&pair->region->region);
    if (pair->state != PAIR_INCOMING)
        screen_feed_open(pair->feed);
    if (!launch_user_vm(pair, cancellable, error))
        return FALSE;
    pair->display =
        display_attach(pair->user_vm, &screen_feed_events, pair->feed, cancellable, error);
    return pair->display && launch_domain_r(pair, cancellable, error);
}

/* Domain R has said that its console is there, or that it will never be. */
static gboolean console_decided(gpointer data)
{
    const Pair *pair = data;
    uint32_t state = region_status(&pair->region->region)->state;

    return state == REGION_STATE_READY || state == REGION_STATE_FAILED ||
           vm_state(pair->domain_r) == VM_GONE;
}

char *pair_domain_r_message(const Pair *pair)
{
    const struct region_status *status = region_status(&pair->region->region);

    /* Domain R may write anything there at any time: copy within bounds, keep what is text. */
    g_autofree char *copy = g_strndup(status->message, sizeof(status->message));
    return g_utf8_make_valid(copy, -1);
}

gboolean pair_start(Pair *pair, GCancellable *cancellable, GError **error)
{
    relay_thaw(pair->relay);
    if (!vm_resume(pair->domain_r, error))
        return FALSE;
    if (!await(console_decided, pair, CONSOLE_MS, cancellable, "the console of Domain R", error))
        return FALSE;
    if (region_status(&pair->region->region)->state != REGION_STATE_READY) {
        g_autofree char *message = pair_domain_r_message(pair);
        g_autofree char *console = pair_path(pair, RUN_DOMAIN_R_CONSOLE);
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_FAILED,
                    "Domain R's console did not come up: %s (its own log was %s)",
                    *message ? message : "its VM has ended", console);
        return FALSE;
    }
    if (!vm_resume(pair->user_vm, error))
        return FALSE;
    pair->state = PAIR_RUNNING;
    return TRUE;
}

gboolean pair_run_here(Pair *pair, GError **error)
{
    if (!vm_resume(pair->user_vm, error))
        return FALSE;
    pair->state = PAIR_RUNNING;
    if (!screen_feed_is_open(pair->feed))
        screen_feed_open(pair->feed);
    relay_thaw(pair->relay);
    kick_send(pair->kick);
    return vm_resume(pair->domain_r, error);
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Let go of everything in this process; a VM that runs goes on. */
static void release(Pair *pair)
{
    g_clear_pointer(&pair->display, display_detach);
    g_clear_pointer(&pair->kick, kick_free);
    g_clear_pointer(&pair->domain_r, vm_free);
    g_clear_pointer(&pair->user_vm, vm_free);
    g_clear_pointer(&pair->relay, relay_free);
    g_clear_pointer(&pair->feed, screen_feed_free);
    g_clear_pointer(&pair->region, region_file_free);
    close_fd(&pair->user_vm_tap);
    close_fd(&pair->domain_r_tap);
    close_fd(&pair->claim);
    g_clear_pointer(&pair->user_vm_interface, g_free);
    g_clear_pointer(&pair->domain_r_interface, g_free);
}

void pair_end(Pair *pair)
{
    if (pair->ended)
        return;
    pair->state = PAIR_STOPPING;
    if (pair->domain_r)
        vm_kill(pair->domain_r);
    if (pair->user_vm)
        vm_kill(pair->user_vm);

    g_autoptr(GError) error = NULL;
    if (!rundir_remove(pair->host->run_dir, pair->config->name, &error))
        g_warning("%s", error->message);
    release(pair);
    pair->ended = TRUE;
}

void pair_free(Pair *pair)
{
    release(pair);
    g_clear_pointer(&pair->config, pair_config_free);
    g_clear_pointer(&pair->settings, g_bytes_unref);
    g_clear_pointer(&pair->probe, probe_free);
    g_clear_pointer(&pair->image, image_free);
    g_free(pair->platform.accelerator);
    g_free(pair->platform.qemu_version);
    g_free(pair->platform.image_id);
    g_free(pair->platform.user_vm_machine);
    g_free(pair->platform.domain_r_machine);
    g_free(pair);
}
