/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "comigrate/hold.h"

#include "base/await.h"

#define LOOK_MS 5

static gboolean is_held(Phase phase)
{
    const char *held = g_getenv("DMORE_TEST_HOLD");
    const char *release = g_getenv("DMORE_TEST_RELEASE");
    g_autofree char *text = NULL;

    if (held && g_path_is_absolute(held))
        held = g_file_get_contents(held, &text, NULL, NULL) ? g_strchomp(text) : NULL;
    return held && phase_from_name(held) == phase &&
           !(release && g_file_test(release, G_FILE_TEST_EXISTS));
}

gboolean hold_phase(Phase phase, GCancellable *cancellable, GError **error)
{
    if (is_held(phase))
        g_message("held in phase %s by DMORE_TEST_HOLD", phase_name(phase));
    while (is_held(phase))
        if (!await_ms(LOOK_MS, cancellable, error))
            return FALSE;
    return TRUE;
}
