/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * program.c - where D-MORE's own programs are on this host
 */
#include "pair/program.h"

#include "base/error.h"

#define PAIR_ENVIRONMENT "DMORE_PAIR"

char *program_directory(void)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);

    return g_path_get_dirname(self ? self : "");
}

char *program_pair(GError **error)
{
    const char *named = g_getenv(PAIR_ENVIRONMENT);
    g_autofree char *directory = program_directory();
    g_autofree char *beside = g_build_filename(directory, "dmore-pair", NULL);
    g_autofree char *built = g_build_filename(directory, "..", "dmore-pair", "dmore-pair", NULL);
    const char *const places[] = {beside, built, DMORE_LIBEXECDIR "/dmore/dmore-pair"};

    if (named)
        return g_strdup(named);
    for (gsize i = 0; i < G_N_ELEMENTS(places); i++)
        if (g_file_test(places[i], G_FILE_TEST_IS_REGULAR) &&
            g_file_test(places[i], G_FILE_TEST_IS_EXECUTABLE))
            return g_canonicalize_filename(places[i], NULL);
    g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST,
                "the program dmore-pair is missing (%s); install D-MORE completely, or name it in "
                "the environment as " PAIR_ENVIRONMENT,
                places[G_N_ELEMENTS(places) - 1]);
    return NULL;
}
