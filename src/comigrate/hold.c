/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "comigrate/hold.h"

#include "base/await.h"

#define LOOK_MS 5

static const char *const points[HOLD_POINTS] = {
    [HOLD_COMPLETE_SENT] = "complete-sent",
    [HOLD_LOADED] = "loaded",
    [HOLD_COMMIT_SENT] = "commit-sent",
    [HOLD_COMMITTED] = "committed",
    [HOLD_RESUMED] = "resumed",
    [HOLD_RETIRE_NOTED] = "retire-noted",
};

static gboolean is_held(const char *point)
{
    const char *held = g_getenv("DMORE_TEST_HOLD");
    const char *release = g_getenv("DMORE_TEST_RELEASE");
    g_autofree char *text = NULL;

    if (held && g_path_is_absolute(held))
        held = g_file_get_contents(held, &text, NULL, NULL) ? g_strchomp(text) : NULL;
    return held && g_str_equal(held, point) &&
           !(release && g_file_test(release, G_FILE_TEST_EXISTS));
}

static gboolean hold_at(const char *point, GCancellable *cancellable, GError **error)
{
    if (!is_held(point))
        return TRUE;
    g_message("held at %s by DMORE_TEST_HOLD", point);
    while (is_held(point))
        if (!await_ms(LOOK_MS, cancellable, error))
            return FALSE;
    g_message("goes on from %s", point);
    return TRUE;
}

gboolean hold_phase(Phase phase, GCancellable *cancellable, GError **error)
{
    return hold_at(phase_name(phase), cancellable, error);
}

void hold_point(HoldPoint point)
{
    hold_at(points[point], NULL, NULL);
}
