/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * image_fuzz.c - image.json, the identity of Domain R's image; an input is its text
 *
 * The image is taken with its right identity only.
 */
#include <string.h>

#include "fuzz-glib.h"
#include "pair/image.h"

/* SHA-256 of "kernelinitrd" */
#define ID "3822c8916ff94fb5cd0710581582600efdb585747470c3ef45ead0e6ed5b3982"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    fuzz_quiet_glib();
    fuzz_file("vmlinuz", "kernel", strlen("kernel"));
    fuzz_file("initrd", "initrd", strlen("initrd"));
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    g_autofree char *directory = g_path_get_dirname(fuzz_file("image.json", bytes, size));
    g_autoptr(GError) error = NULL;
    g_autoptr(Image) image = image_open(directory, &error);

    CHECK((image == NULL) == (error != NULL));
    CHECK(image == NULL || strcmp(image->id, ID) == 0);
    CHECK(error == NULL || g_utf8_validate(error->message, -1, NULL));
    return 0;
}
