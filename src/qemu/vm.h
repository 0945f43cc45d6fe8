/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vm.h - a virtual machine as the rooms above see it
 *
 * This is the line between D-MORE and the hypervisor: nothing above it knows QEMU's monitor or its
 * command line. The functions that can fail await (base/await.h) the hypervisor's answer, so they
 * may be called only from a procedure, not from a callback.
 */
#ifndef DMORE_QEMU_VM_H
#define DMORE_QEMU_VM_H

#include <gio/gio.h>

typedef struct Vm Vm;

typedef enum {
    VM_RUNNING,
    VM_PAUSED,   /* stopped by us, or not started yet */
    VM_INCOMING, /* waits for, or is loading, an incoming migration */
    VM_MIGRATED, /* its migration has completed: it must not run here again unless rolled back */
    VM_OFF,      /* the guest has powered off */
    VM_CRASHED,  /* the guest has panicked, or the hypervisor reports an internal error */
    VM_GONE,     /* the process has ended */
} VmState;

typedef enum {
    VM_MIGRATION_NONE,
    VM_MIGRATION_SETUP,
    VM_MIGRATION_ACTIVE,     /* pre-copy, the guest may run */
    VM_MIGRATION_SWITCHOVER, /* the guest is stopped, the stream waits for vm_migration_continue()
                              */
    VM_MIGRATION_DEVICE,     /* the last part is being sent */
    VM_MIGRATION_COMPLETED,
    VM_MIGRATION_CANCELLING, /* asked to cancel, not over yet */
    VM_MIGRATION_CANCELLED,
    VM_MIGRATION_FAILED,
} VmMigrationState;

typedef struct {
    VmMigrationState state;
    guint64 total;       /* bytes of memory */
    guint64 remaining;   /* bytes of memory still to be sent */
    guint64 transferred; /* bytes sent on the wire */
    guint64 pass;        /* how often the dirty pages were looked for */
    guint64 dirty_rate;  /* bytes a second the guest dirties; 0 while not known */
    guint slowed;        /* percent of its time that the guest is kept from running */
    char error[256];     /* why it failed, or empty */
} VmMigrationStatus;

typedef struct {
    /* The VM's state has changed without vm_pause(), vm_resume() or a migration: reset, powered
     * off, panicked, stopped by an I/O error, or the process is gone (@detail says how). */
    void (*state_changed)(Vm *vm, VmState state, const char *detail, gpointer data);
    /* (nullable): The guest was reset. */
    void (*reset)(Vm *vm, gpointer data);
} VmEvents;

/* The process finds its monitor's listening socket under this number (cmdline.h), as a service
 * finds its own with socket activation: vm_launch() can connect before the process has even
 * started, and nobody has to look again and again whether a socket has appeared. */
#define VM_MONITOR_FD 100

/* A descriptor that the process gets; the command line names it by its number there. Numbers begin
 * above VM_MONITOR_FD. */
typedef struct {
    int fd; /* stays the caller's */
    int number;
} VmFd;

/* vm_launch() - start the hypervisor process, wait until its monitor answers
 * @name: for messages: "user VM web1"
 * @arguments: the command line (cmdline.h), argv[0] first
 * @fds: what the process gets besides
 * @monitor: path of the monitor's socket, which is made here; what stood there is replaced
 * @log: path of the file that receives the process's standard output and error
 *
 * @cancellable: (nullable): ends the wait, and the process
 *
 * The process is a session of its own and outlives this program.
 *
 * Return: NULL with DMORE_ERROR_HOST and what the process printed last when it ends early.
 */
Vm *vm_launch(const char *name, const char *const *arguments, const VmFd *fds, gsize n_fds,
              const char *monitor, const char *log, const VmEvents *events, gpointer data,
              GCancellable *cancellable, GError **error);

/* vm_adopt() - take over a process that another instance of this program has launched
 *
 * The process is the one that serves the socket @monitor, so it cannot be mistaken for another.
 * When nobody serves it any more the VM is there, too, in the state VM_GONE.
 *
 * Return: NULL when the process is there and does not answer.
 */
Vm *vm_adopt(const char *name, const char *monitor, const char *log, const VmEvents *events,
             gpointer data, GError **error);

/* vm_adopt_or_end() - the same for one that can be replaced: when it does not answer it is ended,
 * and is there in the state VM_GONE
 */
Vm *vm_adopt_or_end(const char *name, const char *monitor, const char *log, const VmEvents *events,
                    gpointer data, GError **error);

/* vm_fetch_fd() - a duplicate of a descriptor that the process was given with vm_launch()
 * @number: of its VmFd
 *
 * Return: the descriptor, closed on exec; -1 with DMORE_ERROR_HOST when it cannot be had.
 */
int vm_fetch_fd(const Vm *vm, int number, GError **error);

/* vm_free() - let go of it; the process goes on */
void vm_free(Vm *vm);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Vm, vm_free)

/* vm_pid() - 0 when the process has ended: its number may be another's by now */
GPid vm_pid(const Vm *vm);
const char *vm_name(const Vm *vm);

/* vm_state() - as last heard of; does not await */
VmState vm_state(const Vm *vm);
const char *vm_state_name(VmState state);

/* vm_has_ended() - whether it will not run again by a resume: off, crashed or gone */
gboolean vm_has_ended(const Vm *vm);

/* vm_is_fresh() - whether it was started and has not run yet, when it was last asked */
gboolean vm_is_fresh(const Vm *vm);

/* vm_await_end_of_lost() - when its monitor was lost, its process most likely ends in this moment:
 * await that, so that vm_state() is true
 */
void vm_await_end_of_lost(Vm *vm);

/* vm_refresh() - ask for the state instead; awaits
 * Return: FALSE when the hypervisor does not answer, as when its process has just ended.
 */
gboolean vm_refresh(Vm *vm, GError **error);

/* vm_version() - the hypervisor's version, "10.0.2" */
const char *vm_version(const Vm *vm);

/* vm_answers() - whether the hypervisor owes no answer that is overdue: while it does, nothing more
 * is asked of it; awaits
 * @patience_ms: for which it may still give that answer; 0: ask, and do not wait
 */
gboolean vm_answers(Vm *vm, int patience_ms);

gboolean vm_pause(Vm *vm, GError **error);

/* vm_resume() - Return: FALSE with DMORE_ERROR_HOST when the hypervisor has refused, or had gone
 * before it was asked, or is so silent that it was not even asked, and the VM has surely not run;
 * with another code when it may have run
 */
gboolean vm_resume(Vm *vm, GError **error);

/* vm_announce() - tell switches where the VM's addresses are now */
gboolean vm_announce(Vm *vm, GError **error);

/* vm_kill() - end the process and wait until it is gone; cannot fail */
void vm_kill(Vm *vm);

/* vm_destroy() - the same at once, for a VM that holds nothing to be written out and may hang */
void vm_destroy(Vm *vm);

/* vm_unplug_stream() - pull a stream's USB device out of the user VM; one that is not there is none
 * @stream: enum region_stream_id
 *
 * The guest sees the device go. Nothing uses the VM's end of the stream afterwards.
 */
gboolean vm_unplug_stream(Vm *vm, guint stream, GError **error);

/* vm_plug_stream() - plug another one in, at the same place
 * @fd: the VM's end of the stream; stays the caller's
 */
gboolean vm_plug_stream(Vm *vm, guint stream, int fd, GError **error);

/* vm_add_display_client() - hand one end of a socket pair to the VM's display (display.h) */
gboolean vm_add_display_client(Vm *vm, int fd, GError **error);

/* Migration, on the destination */

/* vm_migration_listen() - accept one incoming migration
 * @address: numeric address of this host to listen on; the port is chosen by the system
 * @keep_shared: as the source has it in its VmMigrationOptions
 * @key_dir: directory with the pre-shared key for TLS (GnuTLS's psk format in keys.psk), or NULL
 *
 * Return: the address to give to vm_migration_start(), free with g_free().
 */
char *vm_migration_listen(Vm *vm, const char *address, gboolean keep_shared, const char *key_dir,
                          GError **error);

/* vm_migration_await_loaded() - until the VM's state is loaded and it is VM_PAUSED */
gboolean vm_migration_await_loaded(Vm *vm, int timeout_ms, GCancellable *cancellable,
                                   GError **error);

/* Migration, on the source */

typedef struct {
    guint64 bandwidth;    /* bytes a second */
    gboolean keep_shared; /* do not copy memory that is shared with the host (the region) */
    gboolean slow_down;   /* slow the guest down, step by step, while it dirties memory too fast */
    const char *key_dir;  /* as in vm_migration_listen() */
} VmMigrationOptions;

/* vm_migration_start() - pre-copy begins, and goes on until the VM is paused
 *
 * The migration is held: it copies, and copies again what the guest dirties, but never stops the
 * guest by itself. Once vm_pause() stops the guest, what is left is sent and the migration comes to
 * VM_MIGRATION_SWITCHOVER, where vm_migration_continue() or vm_migration_cancel() decides.
 *
 * Returns when memory is being copied: the destination has answered, and knows the key. Until then
 * @cancellable ends the wait. Nothing is under way any more after a return of FALSE.
 */
gboolean vm_migration_start(Vm *vm, const char *address, const VmMigrationOptions *options,
                            GCancellable *cancellable, GError **error);

gboolean vm_migration_query(Vm *vm, VmMigrationStatus *status, GError **error);

/* vm_migration_set_bandwidth() - bytes a second, at least 4096 */
gboolean vm_migration_set_bandwidth(Vm *vm, guint64 bandwidth, GError **error);

/* vm_migration_await() - until the migration is in @state
 * Return: FALSE when it fails, is cancelled (unless that is @state), or time or @cancellable ends
 * the wait.
 */
gboolean vm_migration_await(Vm *vm, VmMigrationState state, int timeout_ms,
                            GCancellable *cancellable, GError **error);

gboolean vm_migration_continue(Vm *vm, GError **error);

/* vm_migration_unblock() - of a paused VM whose migration is to be called off: see to it that QEMU
 * answers, if it is the migration that keeps it from doing so; awaits. What it cuts off has failed
 * then, and vm_migration_cancel() finds it over. What it does is logged.
 */
void vm_migration_unblock(Vm *vm);

/* vm_migration_cancel() - stop a migration that has not completed and wait until it is over.
 * The VM is left paused if it was paused. No migration under way is no error.
 */
gboolean vm_migration_cancel(Vm *vm, GError **error);

#endif
