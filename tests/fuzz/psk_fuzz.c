/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * psk_fuzz.c - the file with the key that hosts share; an input is its contents
 *
 * A key that is taken is all that the file holds: what QEMU and we read there is the same.
 */
#include <string.h>

#include "fuzz-glib.h"
#include "pair/psk.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    fuzz_quiet_glib();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *key = psk_read(fuzz_file(PSK_FILE, bytes, size), &error);

    CHECK((key == NULL) == (error != NULL));
    if (key == NULL)
        return 0;

    g_autofree char *line = g_strdup_printf(PSK_USER ":%s", key);
    gsize length = strlen(line);

    CHECK(size >= length && memcmp(bytes, line, length) == 0);
    for (gsize i = length; i < size; i++)
        CHECK(g_ascii_isspace(bytes[i]));
    return 0;
}
