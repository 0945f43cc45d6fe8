/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pair/user-vm.h"

#include <string.h>
#include <unistd.h>

#include "base/await.h"
#include "base/error.h"
#include "pair/pair-internal.h"
#include "pair/tap.h"

#define TAKE_UP_MS 20000 /* for Domain R to begin its devices anew; a busy host may be slow */

gboolean user_vm_has_ended(const Pair *pair)
{
    VmState state = pair->user_vm ? vm_state(pair->user_vm) : VM_GONE;

    return state == VM_OFF || state == VM_CRASHED || state == VM_GONE;
}

static gboolean refuse(const Pair *pair, const char *what, GError **error)
{
    g_set_error(error, DMORE_ERROR, DMORE_ERROR_USAGE,
                "%s differs from that of %s, whose Domain R goes on: only section [user-vm] may "
                "have changed; 'dmore down %s' ends the whole pair",
                what, pair->config->name, pair->config->name);
    return FALSE;
}

/* Domain R and the console are what they were: another user VM is all that there can be. */
static gboolean check_same(const Pair *pair, const PairConfig *new, GError **error)
{
    const PairConfig *old = pair->config;
    const struct {
        const char *what;
        const char *old;
        const char *new;
    } texts[] = {
        {"[pair] name", old->name, new->name},
        {"[pair] uuid", old->uuid, new->uuid},
        {"[domain-r] address", old->domain_r.address, new->domain_r.address},
        {"[domain-r] gateway", old->domain_r.gateway, new->domain_r.gateway},
        {"[domain-r] address6", old->domain_r.address6, new->domain_r.address6},
        {"[domain-r] gateway6", old->domain_r.gateway6, new->domain_r.gateway6},
        {"[domain-r] bridge", old->domain_r.bridge, new->domain_r.bridge},
        {"[domain-r] mac", old->domain_r.mac, new->domain_r.mac},
        {"[console] layout", old->console.layout, new->console.layout},
        {"[console] password", old->console.password, new->console.password},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
        if (g_strcmp0(texts[i].old, texts[i].new) != 0)
            return refuse(pair, texts[i].what, error);
    if (old->domain_r.memory != new->domain_r.memory)
        return refuse(pair, "[domain-r] memory", error);
    if (old->console.port != new->console.port)
        return refuse(pair, "[console] port", error);
    if (old->console.open != new->console.open)
        return refuse(pair, "[console] auth", error);
    return TRUE;
}

/* A password that was made for the pair is in no file. */
static void keep_password(const Pair *pair, PairConfig *config)
{
    if (!config->console.password_made)
        return;
    g_free(config->console.password);
    config->console.password = g_strdup(pair->config->console.password);
}

static gboolean check(Pair *pair, PairConfig *config, GError **error)
{
    if (!user_vm_has_ended(pair)) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_BUSY,
                    "there is a pair called %s on this host already and its user VM is %s; 'dmore "
                    "status %s' shows it",
                    pair->config->name, vm_state_name(vm_state(pair->user_vm)), pair->config->name);
        return FALSE;
    }
    keep_password(pair, config);
    return check_same(pair, config, error) && pair_check_user_vm(&config->user_vm, error) &&
           domain_r_check(pair, error);
}

static void close_tap(Pair *pair)
{
    if (pair->user_vm_tap >= 0)
        close(pair->user_vm_tap);
    pair->user_vm_tap = -1;
    g_clear_pointer(&pair->user_vm_interface, g_free);
}

/* What is left of it: its process stays when a guest powers off. */
static void end_user_vm(Pair *pair)
{
    relay_freeze(pair->relay);
    g_clear_pointer(&pair->display, display_detach);
    if (pair->user_vm)
        vm_kill(pair->user_vm);
    close_tap(pair);
}

static gboolean open_tap(Pair *pair, GError **error)
{
    const PairUserVm *config = &pair->config->user_vm;

    if (config->bridge)
        pair->user_vm_tap =
            tap_open(config->bridge, "dmu", config->mac, &pair->user_vm_interface, error);
    return pair->user_vm_tap >= 0 || !config->bridge;
}

static gboolean set_machine(Pair *pair, GCancellable *cancellable, GError **error)
{
    const char *machine = pair->config->user_vm.machine;
    char *versioned = cmdline_machine(pair->probe, machine ? machine : "q35", cancellable, error);

    if (!versioned)
        return FALSE;
    g_free(pair->platform.user_vm_machine);
    pair->platform.user_vm_machine = versioned;
    return TRUE;
}

static gboolean launch(Pair *pair, GCancellable *cancellable, GError **error)
{
    Vm *old = g_steal_pointer(&pair->user_vm);
    gboolean launched = pair_launch_user_vm(pair, cancellable, error);

    if (!launched)
        pair->user_vm = old;
    else
        vm_free(old);
    return launched;
}

/* Domain R's devices say hello into the rings; that has to be in the sockets when the VM runs. */
static gboolean renew_streams(Pair *pair, GCancellable *cancellable, GError **error)
{
    for (int i = 0; i < REGION_STREAMS; i++)
        relay_begin_anew(pair->relay, i);
    relay_thaw(pair->relay);
    return await(relay_taken_up, pair->relay, TAKE_UP_MS, cancellable,
                 "Domain R's keyboard and pointer", error);
}

static gboolean start(Pair *pair, GCancellable *cancellable, GError **error)
{
    end_user_vm(pair);
    if (!pair_look_at_host(pair, cancellable, error) || !set_machine(pair, cancellable, error) ||
        !open_tap(pair, error) || !launch(pair, cancellable, error))
        return FALSE;
    pair->display =
        display_attach(pair->user_vm, &screen_feed_events, pair->feed, cancellable, error);
    return pair->display && renew_streams(pair, cancellable, error) &&
           vm_resume(pair->user_vm, error);
}

gboolean user_vm_start(Pair *pair, PairConfig *config, GCancellable *cancellable, GError **error)
{
    if (!check(pair, config, error) || !pair_note_config(pair, config, error)) {
        pair_config_free(config);
        return FALSE;
    }
    /* What is asked for next time is to be compared with this, also if this time nothing comes of
     * it. */
    pair_config_free(pair->config);
    pair->config = config;
    if (!start(pair, cancellable, error)) {
        end_user_vm(pair);
        return FALSE;
    }
    pair_set_state(pair, pair->state);
    pair_tell_user_vm(pair, VM_RUNNING);
    return TRUE;
}
