/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pair-launch.c - a pair's two hypervisors: how they are started, and what they tell
 */
#include "pair/pair-internal.h"

#include "qemu/cmdline.h"

char *pair_user_vm_name(const Pair *pair)
{
    return g_strdup_printf("user VM %s", pair->config->name);
}

char *pair_domain_r_name(const Pair *pair)
{
    return g_strdup_printf("Domain R of %s", pair->config->name);
}

static void tell_notice(Pair *pair, enum region_user_vm state)
{
    if (!pair->region)
        return; /* it is told when there is one */
    region_notice(&pair->region->region)->user_vm = state;
    if (pair->kick)
        kick_send(pair->kick);
}

void pair_tell_user_vm(Pair *pair, VmState state)
{
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
}

static void on_user_vm_changed(Vm *vm, VmState state, const char *detail, gpointer data)
{
    Pair *pair = data;

    g_message("%s is %s: %s", vm_name(vm), vm_state_name(state), detail);
    pair_tell_user_vm(pair, state);
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

const VmEvents pair_user_vm_events = {.state_changed = on_user_vm_changed};
const VmEvents pair_domain_r_events = {.state_changed = on_domain_r_changed};

static void on_kicked(gpointer data)
{
    Pair *pair = data;

    relay_kicked(pair->relay);
}

/* add_fd() - pass @fd to a hypervisor; -1 is passed to nobody */
static void add_fd(GArray *fds, int fd, int number)
{
    VmFd passed = {fd, number};

    if (fd >= 0)
        g_array_append_val(fds, passed);
}

/* Both ends of a stream go along, so that neither its bytes nor its connection end with this
 * process; the device's own descriptor is closed when the device is unplugged. */
static void add_stream(GArray *fds, const Relay *relay, enum region_stream_id stream)
{
    RelayEnds ends = relay_ends(relay, stream);

    add_fd(fds, ends.vm, pair_stream_fd(stream, PAIR_FD_DEVICE));
    add_fd(fds, ends.vm, pair_stream_fd(stream, PAIR_FD_VM_END));
    add_fd(fds, ends.host, pair_stream_fd(stream, PAIR_FD_HOST_END));
}

gboolean pair_launch_user_vm(Pair *pair, GCancellable *cancellable, GError **error)
{
    const PairUserVm *config = &pair->config->user_vm;
    g_autofree char *name = pair_user_vm_name(pair);
    g_autofree char *monitor = pair_path(pair, RUN_USER_VM_QMP);
    g_autofree char *monitor_extra = pair_path(pair, RUN_USER_VM_MONITOR);
    g_autofree char *log = pair_path(pair, RUN_USER_VM_LOG);
    UserVmSpec spec = {
        .vm = {.name = pair->config->name,
               .accelerator = pair->platform.accelerator,
               .monitor_extra = monitor_extra,
               .machine = pair->platform.user_vm_machine,
               .cpu = config->cpu,
               .memory = config->memory,
               .cpus = config->cpus,
               .uuid = pair->config->uuid,
               .network_fd = pair->user_vm_tap < 0 ? -1 : PAIR_FD_TAP,
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
        .extra = (const char *const *)config->extra,
    };
    g_autoptr(GArray) fds = g_array_new(FALSE, FALSE, sizeof(VmFd));

    /* The claim goes along: the name is free again only when both VMs have ended. */
    add_fd(fds, pair->claim, PAIR_FD_CLAIM);
    add_fd(fds, pair->user_vm_tap, PAIR_FD_TAP);
    for (int i = 0; i < REGION_STREAMS; i++) {
        spec.stream_fds[i] = pair_stream_fd(i, PAIR_FD_DEVICE);
        add_stream(fds, pair->relay, i);
    }
    g_auto(GStrv) arguments = cmdline_user_vm(pair->probe, &spec);

    pair->user_vm =
        vm_launch(name, (const char *const *)arguments, (const VmFd *)(gpointer)fds->data, fds->len,
                  monitor, log, &pair_user_vm_events, pair, cancellable, error);
    return pair->user_vm != NULL;
}

gboolean pair_attach_kick(Pair *pair, GError **error)
{
    g_autofree char *path = pair_path(pair, RUN_KICK);

    pair->kick = kick_connect(path, on_kicked, pair, error);
    if (!pair->kick)
        return FALSE;
    relay_set_kick(pair->relay, pair->kick);
    screen_feed_set_kick(pair->feed, pair->kick);
    return TRUE;
}

gboolean pair_launch_domain_r(Pair *pair, GCancellable *cancellable, GError **error)
{
    const PairDomainR *config = &pair->config->domain_r;
    g_autofree char *name = pair_domain_r_name(pair);
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
               .network_fd = pair->domain_r_tap < 0 ? -1 : PAIR_FD_TAP,
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
    g_autoptr(GArray) fds = g_array_new(FALSE, FALSE, sizeof(VmFd));

    add_fd(fds, pair->claim, PAIR_FD_CLAIM);
    add_fd(fds, pair->domain_r_tap, PAIR_FD_TAP);
    pair->domain_r =
        vm_launch(name, (const char *const *)arguments, (const VmFd *)(gpointer)fds->data, fds->len,
                  monitor, log, &pair_domain_r_events, pair, cancellable, error);
    return pair->domain_r && pair_attach_kick(pair, error);
}
