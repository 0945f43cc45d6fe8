/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pair-state_fuzz.c - what a dmore-pair that has died has left for the next one; an input is the
 * file
 *
 * One that is refused changes nothing; one that is taken is the same when it has been written and
 * read again.
 */
#include <string.h>

#include <glib/gstdio.h>

#include "fuzz-glib.h"
#include "pair/pair-state.h"

#define NAME "web1"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    fuzz_quiet_glib();
    return 0;
}

static void platform_clear(PairPlatform *platform)
{
    g_free(platform->accelerator);
    g_free(platform->accelerator_note);
    g_free(platform->qemu_version);
    g_free(platform->image_id);
    g_free(platform->user_vm_machine);
    g_free(platform->domain_r_machine);
}

static void clear(Pair *pair)
{
    g_clear_pointer(&pair->last_migration, json_object_unref);
    platform_clear(&pair->platform);
}

static gboolean same(const Pair *one, const Pair *two)
{
    return one->state == two->state && one->migrations == two->migrations &&
           one->adoptions == two->adoptions &&
           (one->last_migration == NULL) == (two->last_migration == NULL) &&
           g_strcmp0(one->platform.accelerator, two->platform.accelerator) == 0 &&
           g_strcmp0(one->platform.image_id, two->platform.image_id) == 0 &&
           g_strcmp0(one->platform.user_vm_machine, two->platform.user_vm_machine) == 0 &&
           g_strcmp0(one->platform.domain_r_machine, two->platform.domain_r_machine) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static HostConfig host;
    static PairConfig config = {.name = (char *)NAME};
    Pair pair = {.host = &host, .config = &config, .state = PAIR_STARTING, .migrations = -1};
    Pair again = pair;
    const Pair untouched = pair;
    g_autoptr(GError) error = NULL;

    if (host.run_dir == NULL) {
        host.run_dir = fuzz_path("run");
        g_autofree char *directory = g_build_filename(host.run_dir, NAME, NULL);
        CHECK(g_mkdir_with_parents(directory, 0700) == 0);
    }
    g_autofree char *path = pair_path(&pair, RUN_STATE);
    CHECK(g_file_set_contents_full(path, (const char *)bytes, (gssize)size,
                                   G_FILE_SET_CONTENTS_NONE, 0600, NULL));
    gboolean taken = pair_state_read(&pair, &error);

    CHECK(taken == (error == NULL));
    CHECK(taken || same(&pair, &untouched));
    if (taken) {
        CHECK(pair_state_noted(host.run_dir, NAME) == pair.state);
        CHECK(pair_state_write(&pair, NULL) && pair_state_read(&again, NULL));
        CHECK(same(&pair, &again));
    }
    clear(&pair);
    clear(&again);
    return 0;
}
