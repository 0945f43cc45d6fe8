/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * screen-copy_fuzz.c - the picture that goes ahead, from another host
 *
 * An input is that picture. One that is refused changes nothing; one that is taken is the same when
 * it is sent on.
 */
#include "fuzz-glib.h"
#include "pair/screen-copy.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    fuzz_quiet_glib();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct region region = fuzz_region(0);
    g_autoptr(GBytes) copy = g_bytes_new(bytes, size);
    g_autoptr(GError) error = NULL;
    struct screen_geometry geometry = {1, 1};

    if (!screen_copy_install(&region, copy, &geometry, &error)) {
        CHECK(error != NULL && geometry.width == 0);
        for (gsize i = 0; i < size; i++)
            CHECK(((const uint8_t *)screen_pixels(&region))[i] == 0);
        return 0;
    }
    CHECK(screen_set_geometry(&region, geometry.width, geometry.height) == 0);
    g_autoptr(GBytes) again = screen_copy_make(&region);
    CHECK(geometry.width == 0 || geometry.height == 0 || g_bytes_equal(copy, again));
    return 0;
}
