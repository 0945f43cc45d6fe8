/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pair.h - a user VM and its Domain R on this host
 *
 * A Pair owns everything that the two need here: run directory, region, network interfaces, both
 * hypervisor processes, relay, kick, display and screen feed. pair_end() takes all that away again;
 * pair_free() alone lets the VMs go on without this program.
 */
#ifndef DMORE_PAIR_PAIR_H
#define DMORE_PAIR_PAIR_H

#include <gio/gio.h>
#include <json-glib/json-glib.h>
#include "pair/config.h"
#include "pair/domain-r.h"
#include "pair/hostconfig.h"
#include "pair/image.h"
#include "pair/kick.h"
#include "pair/region-file.h"
#include "pair/relay.h"
#include "pair/rundir.h"
#include "pair/screen-feed.h"
#include "pair/screen-life.h"
#include "qemu/display.h"
#include "qemu/probe.h"
#include "qemu/vm.h"

typedef enum {
    PAIR_STARTING,
    PAIR_RUNNING,
    PAIR_INCOMING,  /* another host is sending it */
    PAIR_MIGRATING, /* this host is sending it */
    PAIR_UNDECIDED, /* which host runs it is open until the two have spoken */
    PAIR_STOPPING,
} PairState;

/* What two hosts must have in common for a pair to move between them; told in the offer. */
typedef struct {
    char *accelerator; /* "kvm", "tcg" */
    char *qemu_version;
    char *image_id;
    char *user_vm_machine; /* versioned machine types */
    char *domain_r_machine;
    char *accelerator_note; /* (nullable): why it is not "kvm" */
} PairPlatform;

struct Pair {
    const HostConfig *host;
    PairConfig *config;
    GBytes *settings;  /* for Domain R; made once, on the host where the pair started */
    gsize region_size; /* bytes */
    Probe *probe;      /* these two are NULL in an adopted pair until pair_look_at_host() */
    Image *image;
    PairPlatform platform;
    PairState state;
    gint64 migrations;          /* how often it has moved since it was started */
    gint64 adoptions;           /* how often its dmore-pair was replaced on this host */
    JsonObject *last_migration; /* the one by which it came here; NULL if it started here */
    gboolean ended; /* nothing of the pair is on this host: not built yet, or removed again */

    int keeper; /* the two locks of the run directory; -1 when there is none, as with the taps */
    guint beat; /* the keeper's sign of life, a source; 0 when there is none */
    int claim;
    int user_vm_tap;
    int domain_r_tap;
    char *user_vm_interface; /* what the taps are called; NULL for a VM without a network */
    char *domain_r_interface;

    Vm *user_vm;
    Vm *domain_r;
    DomainRLife life;
    RegionFile *region;
    Relay *relay;
    Kick *kick;
    ScreenFeed *feed;
    Display *display;
    ScreenLife screen_life;

    /* Called when the pair's state on this host has changed by itself: a VM has ended. */
    void (*changed)(gpointer data);
    gpointer changed_data;
};

const char *pair_state_name(PairState state);

/* pair_new() - look at this host: hypervisor, image, accelerator; awaits
 * @host: outlives the pair
 * @config: (transfer full)
 * @settings: (nullable): from the host where the pair started; NULL: this is that host, make them
 * @cancellable: (nullable)
 *
 * Nothing is started or created. Return: NULL with DMORE_ERROR_HOST, _USAGE, _TIMEOUT when QEMU
 * does not answer, or _CANCELLED.
 */
Pair *pair_new(const HostConfig *host, PairConfig *config, GBytes *settings,
               GCancellable *cancellable, GError **error);

/* pair_look_at_host() - see to it that probe and image are there, for a VM that is to be launched;
 * awaits
 * Return: FALSE with DMORE_ERROR_HOST, _TIMEOUT or _CANCELLED.
 */
gboolean pair_look_at_host(Pair *pair, GCancellable *cancellable, GError **error);

/* pair_set_state() - also noted for the next dmore-pair (pair-state.h) */
void pair_set_state(Pair *pair, PairState state);

/* pair_check_host() - whether this host has what the pair needs: a free name, disks, memory
 * Return: FALSE with DMORE_ERROR_HOST, or DMORE_ERROR_BUSY for the name. Changes nothing.
 */
gboolean pair_check_host(const Pair *pair, GError **error);

/* pair_claim() - take the pair's name on this host, and note its configuration there
 * @incoming: it comes from another host
 */
gboolean pair_claim(Pair *pair, gboolean incoming, GError **error);

/* pair_build() - create everything and start both hypervisors, both VMs paused; claimed before
 * @cancellable: (nullable)
 *
 * The VMs of an incoming pair wait for their state from another host, and the feed stays closed.
 * On failure what was created is still there: pair_end() removes it. Awaits.
 */
gboolean pair_build(Pair *pair, GCancellable *cancellable, GError **error);

/* pair_adopt() - take over the VMs of a pair whose dmore-pair has ended; awaits
 * @name: of the pair, which is on this host
 *
 * Everything is opened again and the VMs are left as they are: running ones run, and what reads
 * their streams and screen is there but stands still, until adopt_run() (comigrate/adopt.h) decides
 * what becomes of them. A VM that has ended meanwhile is there as VM_GONE. The pair's state is the
 * one that was noted last.
 *
 * Return: NULL with DMORE_ERROR_NOT_FOUND when there is no such pair, DMORE_ERROR_BUSY when another
 * dmore-pair runs it, or why it cannot be taken over; nothing is changed then.
 */
Pair *pair_adopt(const HostConfig *host, const char *name, GError **error);

/* pair_start() - boot Domain R, and switch the user VM on when its console is there
 *
 * A firmware looks for keyboards once, so keyboard and pointer have to be plugged in before the
 * user VM's first instruction. From that on Domain R runs only while its user VM does (promise 2).
 *
 * Return: FALSE with DMORE_ERROR_FAILED and Domain R's own words when the console does not come up.
 */
gboolean pair_start(Pair *pair, GCancellable *cancellable, GError **error);

/* pair_path() - a file of the pair in the run directory; free with g_free() */
char *pair_path(const Pair *pair, RunFile file);

/* pair_domain_r_text() - what Domain R has written into a field of the region, up to a NUL, made
 * valid UTF-8 on one line; free with g_free()
 */
char *pair_domain_r_text(const char *field, gsize size);

/* pair_domain_r_message() - what Domain R says of itself; free with g_free() */
char *pair_domain_r_message(const Pair *pair);

/* pair_show_screen() - show the user VM's screen from now on, all of it anew
 *
 * For when it is not known any more what clients have not seen: whoever knew it has ended, or the
 * pair came here and was resumed by somebody's word.
 */
void pair_show_screen(Pair *pair);

/* pair_tell_user_vm() - tell Domain R what the user VM's state is */
void pair_tell_user_vm(Pair *pair, VmState state);

/* pair_announce() - tell switches that the addresses of both VMs are here
 *
 * For when another host may have said so of itself: QEMU does when it has loaded a VM, whether that
 * runs there or not. What is sent to a VM goes to the wrong host until then, or until it sends
 * something itself, which a console that nobody types into may not do for long.
 */
void pair_announce(const Pair *pair);

/* pair_run_here() - run a pair whose VMs stand still: it was undecided, and somebody has decided
 * Awaits. Return: FALSE, the pair still undecided, when the user VM cannot run.
 */
gboolean pair_run_here(Pair *pair, GError **error);

/* pair_show_end() - let Domain R of a pair go on whose user VM has ended, so that it shows that
 * Return: FALSE when it does not; the pair is PAIR_RUNNING all the same.
 */
gboolean pair_show_end(Pair *pair, GError **error);

/* pair_memory() - bytes of memory that the two VMs may take */
guint64 pair_memory(const Pair *pair);

/* pair_end() - end Domain R, then the user VM; remove all that the pair had on this host */
void pair_end(Pair *pair);

/* pair_free() - a pair that has not ended goes on without this program */
void pair_free(Pair *pair);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Pair, pair_free)

#endif
