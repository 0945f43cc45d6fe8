/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config_fuzz.c - the file of a pair, from an operator or in another host's offer
 *
 * An input is the text. What is taken is written as the canonical text, which gives the same text
 * again when it is read: so both hosts of a co-migration have the same pair. Keys that make the
 * reader open other files are left out: no input is to read this machine's.
 */
#include <string.h>

#include "fuzz-glib.h"
#include "pair/config.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    fuzz_quiet_glib();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    g_autoptr(GError) error = NULL;

    if (memmem(bytes, size, "password-file", strlen("password-file")) != NULL)
        return 0;

    g_autoptr(PairConfig) config = pair_config_parse((const char *)bytes, size, "input", &error);

    CHECK((config == NULL) == (error != NULL));
    if (config == NULL) {
        CHECK(g_utf8_validate(error->message, -1, NULL));
        return 0;
    }
    g_autofree char *text = pair_config_to_text(config);
    g_autoptr(PairConfig) again = pair_config_parse(text, strlen(text), "canonical", NULL);
    CHECK(again != NULL);
    g_autofree char *text_again = pair_config_to_text(again);
    CHECK(strcmp(text, text_again) == 0);
    CHECK(g_strv_equal((const char *const *)config->user_vm.extra,
                       (const char *const *)again->user_vm.extra));
    return 0;
}
