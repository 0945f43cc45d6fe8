/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pair/pair-internal.h"

#include <string.h>
#include <unistd.h>

#include "base/await.h"
#include "base/error.h"
#include "pair/beat.h"
#include "pair/pair-state.h"
#include "pair/rundir.h"
#include "pair/settings.h"
#include "pair/tap.h"

#define ANSWER_MS 5000                  /* for what is overdue already */
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

void pair_set_state(Pair *pair, PairState state)
{
    g_autoptr(GError) error = NULL;

    pair->state = state;
    if (!pair->ended && !pair_state_write(pair, &error))
        g_warning("%s", error->message);
}

gboolean pair_look_at_host(Pair *pair, GCancellable *cancellable, GError **error)
{
    if (!pair->probe)
        pair->probe = probe_qemu(pair->host->qemu, cancellable, error);
    if (!pair->probe)
        return FALSE;
    if (!pair->image)
        pair->image = image_open(pair->host->image, error);
    return pair->image != NULL;
}

gboolean pair_look_at_image(Pair *pair, GCancellable *cancellable, GError **error)
{
    if (!pair_look_at_host(pair, cancellable, error))
        return FALSE;
    Image *today = image_open(pair->host->image, error);
    if (!today)
        return FALSE;
    image_free(pair->image);
    pair->image = today;
    g_free(pair->platform.image_id);
    pair->platform.image_id = g_strdup(today->id);
    return TRUE;
}

static gboolean look_at_platform(Pair *pair, GCancellable *cancellable, GError **error)
{
    PairPlatform *platform = &pair->platform;
    const char *machine = pair->config->user_vm.machine;

    if (!pair_look_at_host(pair, cancellable, error))
        return FALSE;
    platform->user_vm_machine =
        cmdline_machine(pair->probe, machine ? machine : "q35", cancellable, error);
    if (!platform->user_vm_machine)
        return FALSE;
    platform->domain_r_machine = cmdline_machine(pair->probe, "q35", cancellable, error);
    if (!platform->domain_r_machine)
        return FALSE;
    platform->accelerator = g_strdup(probe_accelerator(pair->probe));
    platform->qemu_version = g_strdup(pair->probe->version);
    platform->image_id = g_strdup(pair->image->id);
    platform->accelerator_note = g_strdup(pair->probe->accelerator_note);
    if (pair->probe->accelerator_note)
        g_message("accelerator %s: %s", platform->accelerator, pair->probe->accelerator_note);
    return TRUE;
}

Pair *pair_alloc(const HostConfig *host, PairConfig *config)
{
    Pair *pair = g_new0(Pair, 1);

    pair->host = host;
    pair->config = config;
    pair->state = PAIR_STARTING;
    pair->region_size = REGION_DEFAULT_SIZE;
    pair->keeper = pair->claim = pair->user_vm_tap = pair->domain_r_tap = -1;
    pair->ended = TRUE;
    return pair;
}

Pair *pair_new(const HostConfig *host, PairConfig *config, GBytes *settings,
               GCancellable *cancellable, GError **error)
{
    g_autoptr(Pair) pair = pair_alloc(host, config);

    if (!look_at_platform(pair, cancellable, error))
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

gboolean pair_check_user_vm(const PairUserVm *user_vm, GError **error)
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
    return pair_check_user_vm(&pair->config->user_vm, error) && check_memory(pair, error);
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

/* Write a file of the pair's; both that there are hold secrets. */
static gboolean note_file(const Pair *pair, RunFile file, const void *bytes, gsize size,
                          GError **error)
{
    g_autofree char *path = pair_path(pair, file);
    g_autoptr(GError) cause = NULL;

    if (g_file_set_contents_full(path, bytes, (gssize)size, G_FILE_SET_CONTENTS_CONSISTENT, 0600,
                                 &cause))
        return TRUE;
    g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST,
                "cannot write what %s is made of: %s; is there room in the run directory?",
                pair->config->name, cause->message);
    return FALSE;
}

gboolean pair_note_config(const Pair *pair, const PairConfig *config, GError **error)
{
    g_autofree char *text = pair_config_to_text(config);

    return note_file(pair, RUN_PAIR_CONF, text, strlen(text), error);
}

static gboolean note_settings(const Pair *pair, GError **error)
{
    gsize size = 0;
    const void *bytes = g_bytes_get_data(pair->settings, &size);

    return note_file(pair, RUN_SETTINGS, bytes, size, error);
}

gboolean pair_claim(Pair *pair, gboolean incoming, GError **error)
{
    pair->keeper = rundir_keep(pair->host->run_dir, pair->config->name, error);
    if (pair->keeper < 0)
        return FALSE;
    pair->beat = beat_begin(pair->keeper);
    pair->claim = rundir_claim(pair->host->run_dir, pair->config->name, error);
    if (pair->claim < 0)
        return FALSE;
    pair->ended = FALSE;
    if (incoming)
        pair->state = PAIR_INCOMING;
    return pair_note_config(pair, pair->config, error) && note_settings(pair, error) &&
           pair_state_write(pair, error);
}

gboolean pair_build(Pair *pair, GCancellable *cancellable, GError **error)
{
    g_autofree char *region = pair_path(pair, RUN_REGION);
    g_autofree char *moving = pair_path(pair, RUN_MOVING);

    if (!open_taps(pair, error))
        return FALSE;
    pair->region = region_file_create(region, pair->region_size, pair->settings, error);
    if (!pair->region)
        return FALSE;
    pair->relay = relay_new(&pair->region->region, moving, error);
    if (!pair->relay)
        return FALSE;
    pair->feed = screen_feed_new(&pair->region->region);
    if (pair->state != PAIR_INCOMING)
        screen_feed_open(pair->feed);
    if (!pair_launch_user_vm(pair, cancellable, error))
        return FALSE;
    pair->display =
        display_attach(pair->user_vm, &screen_feed_events, pair->feed, cancellable, error);
    return pair->display && pair_launch_domain_r(pair, cancellable, error);
}

char *pair_domain_r_text(const char *field, gsize size)
{
    /* Domain R may write anything there at any time: copy within bounds, keep what is text. */
    g_autofree char *copy = g_strndup(field, size);
    char *text = g_utf8_make_valid(copy, -1);

    for (char *at = text; *at; at++)
        if (g_ascii_iscntrl(*at))
            *at = '?';
    return text;
}

char *pair_domain_r_message(const Pair *pair)
{
    const struct region_status *status = region_status(&pair->region->region);

    return pair_domain_r_text(status->message, sizeof(status->message));
}

gboolean pair_start(Pair *pair, GCancellable *cancellable, GError **error)
{
    relay_thaw(pair->relay);
    if (!domain_r_boot(pair, cancellable, error) || !vm_resume(pair->user_vm, error))
        return FALSE;
    pair_set_state(pair, PAIR_RUNNING);
    return TRUE;
}

void pair_show_screen(Pair *pair)
{
    static const struct screen_tiles none;

    if (!screen_feed_is_open(pair->feed))
        screen_feed_open_soon(pair->feed, &none);
    screen_damage(&pair->region->region,
                  (struct screen_rect){.width = SCREEN_MAX_WIDTH, .height = SCREEN_MAX_HEIGHT});
}

void pair_announce(const Pair *pair)
{
    Vm *const vms[] = {pair->domain_r, pair->user_vm};

    for (gsize i = 0; i < G_N_ELEMENTS(vms); i++) {
        g_autoptr(GError) error = NULL;
        if (vm_state(vms[i]) == VM_RUNNING && !vm_announce(vms[i], &error))
            g_warning("switches were not told where %s is now: %s", vm_name(vms[i]),
                      error->message);
    }
}

/* QEMU resumes no VM whose migration is still under way: one that hung when it was to be called off
 * is left like that. */
static void call_off_migration(Vm *vm)
{
    VmMigrationStatus status;
    g_autoptr(GError) error = NULL;

    vm_migration_unblock(vm);
    if (!vm_migration_query(vm, &status, &error) ||
        (status.state != VM_MIGRATION_COMPLETED && !vm_migration_cancel(vm, &error)))
        g_warning("%s", error->message);
}

/* Whether it has run is told by the resume alone. Who has just seen a hypervisor come back to life
 * may be faster than its answers.
 */
static gboolean bring_back(Vm *vm, GError **error)
{
    vm_answers(vm, ANSWER_MS);
    if (vm_state(vm) == VM_PAUSED)
        call_off_migration(vm);
    return vm_resume(vm, error);
}

/* Domain R that stands still in a pair that runs would be replaced. */
static gboolean resume_domain_r(Pair *pair, GError **error)
{
    gboolean resumed = bring_back(pair->domain_r, error);

    pair_set_state(pair, PAIR_RUNNING);
    return resumed;
}

gboolean pair_run_here(Pair *pair, GError **error)
{
    if (vm_state(pair->user_vm) != VM_RUNNING && !bring_back(pair->user_vm, error))
        return FALSE;
    pair_show_screen(pair);
    relay_thaw(pair->relay);
    pair_tell_user_vm(pair, vm_state(pair->user_vm));
    gboolean resumed = resume_domain_r(pair, error);
    pair_announce(pair);
    return resumed;
}

gboolean pair_show_end(Pair *pair, GError **error)
{
    relay_thaw(pair->relay);
    if (pair->kick)
        kick_send(pair->kick);
    return resume_domain_r(pair, error);
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
    g_clear_handle_id(&pair->beat, g_source_remove);
    close_fd(&pair->keeper);
    g_clear_pointer(&pair->user_vm_interface, g_free);
    g_clear_pointer(&pair->domain_r_interface, g_free);
}

void pair_end(Pair *pair)
{
    if (pair->ended)
        return;
    pair_set_state(pair, PAIR_STOPPING);
    if (pair->domain_r)
        vm_destroy(pair->domain_r);
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
    g_clear_pointer(&pair->last_migration, json_object_unref);
    g_free(pair->life.because);
    g_free(pair->life.failure);
    g_free(pair->platform.accelerator);
    g_free(pair->platform.accelerator_note);
    g_free(pair->platform.qemu_version);
    g_free(pair->platform.image_id);
    g_free(pair->platform.user_vm_machine);
    g_free(pair->platform.domain_r_machine);
    g_free(pair);
}
