/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vncmeasure.c - a VNC client that takes one measurement and prints it as a JSON object
 *
 * It is not the product's: libvncclient reads, and tests/client keeps the picture. Nothing is
 * measured by what a server says of itself, only by pixels: a key press is answered when the place
 * on the screen where its answer appears has changed. So a server that merges the answers to
 * several presses, or sends updates in which nothing is new, is measured like any other.
 *
 * echo RATE COUNT CELL COLUMNS SEED
 *	type COUNT letters; the guest echoes each in the next cell of its text console
 * watch SECONDS FRAMES RATE ANSWERS SEED
 *	count frames: updates in which the spot FRAMES changed; press a key now and then, which the
 *	guest answers by changing the spot ANSWERS
 *
 * CELL is WIDTHxHEIGHT, FRAMES and ANSWERS WIDTHxHEIGHT+X+Y, in pixels. Presses come at random
 * times with the given mean rate, since with a steady one they would keep step with a server's
 * timers.
 */
#include <json-glib/json-glib.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "view.h"

#define PATIENCE 5000000 /* us that an answer may take */
#define STILL 200000     /* us without a change before a measurement begins */
#define EMPTY_WITHIN 20000000
#define SLICE 2000            /* us between two looks at what the reader has seen */
#define FIRST_WITHIN 20000000 /* us for the first picture to come, over a slow link too */
#define MAX_PRESSES 1000

static gboolean lost;

static void on_changed(gint64 now, gpointer data)
{
    *(gint64 *)data = now;
}

static void on_resized(int width, int height, gpointer data)
{
}

static void on_leds(int state, gpointer data)
{
}

static void on_text(const char *text, gpointer data)
{
}

static void on_lost(const char *why, gpointer data)
{
    lost = TRUE;
}

/* Until @when; the reader's thread goes on meanwhile. */
static void wait_until(gint64 when)
{
    const struct timespec t = {.tv_sec = when / 1000000, .tv_nsec = when % 1000000 * 1000};
    while (g_main_context_iteration(NULL, FALSE))
        continue;
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

/* Whether a place is all of one colour. */
static gboolean is_empty(View *view, const ViewSpot *spot)
{
    g_autoptr(GBytes) file = view_snapshot(view);
    int width;
    int height;
    view_size(view, &width, &height);
    gsize pixels = (gsize)width * (gsize)height * 3;
    gsize size;
    const guint8 *data = g_bytes_get_data(file, &size);
    if (size < pixels || spot->x + spot->width > width || spot->y + spot->height > height)
        return FALSE;
    data += size - pixels;
    const guint8 *first = data + ((gsize)spot->y * (gsize)width + (gsize)spot->x) * 3;
    for (int y = spot->y; y < spot->y + spot->height; y++) {
        for (int x = spot->x; x < spot->x + spot->width; x++) {
            if (memcmp(data + ((gsize)y * (gsize)width + (gsize)x) * 3, first, 3) != 0)
                return FALSE;
        }
    }
    return TRUE;
}

/* Until a picture has come in which a place is empty, and it rests: a server may show late that the
 * guest has cleared its screen. FALSE when that does not come about. */
static gboolean await_empty(View *view, const ViewSpot *spot, const gint64 *changed)
{
    gint64 limit = g_get_monotonic_time() + EMPTY_WITHIN;
    while (!lost && g_get_monotonic_time() < limit) {
        wait_until(g_get_monotonic_time() + SLICE);
        if (view_has_picture(view) && g_get_monotonic_time() - *changed > STILL &&
            is_empty(view, spot))
            return TRUE;
    }
    return FALSE;
}

/* Times between presses: the mean is 1/rate, each from half to one and a half of it. */
static gint64 next_pause(GRand *random, double rate)
{
    return (gint64)(g_rand_double_range(random, 0.5, 1.5) * 1e6 / rate);
}

static void add_latency(JsonArray *array, gint64 pressed, gint64 answered)
{
    if (answered)
        json_array_add_double_element(array, (double)(answered - pressed) / 1e3);
    else
        json_array_add_null_element(array);
}

/* What was measured, and what the client has received meanwhile. */
static void print(JsonObject *result, View *view)
{
    ViewStatistics statistics;
    view_statistics(view, FALSE, &statistics);
    json_object_set_int_member(result, "updates", (gint64)statistics.updates);
    json_object_set_int_member(result, "changes", (gint64)statistics.changes);
    json_object_set_int_member(result, "bytes", (gint64)statistics.bytes);
    g_autoptr(JsonNode) node = json_node_init_object(json_node_alloc(), result);
    g_autofree char *line = json_to_string(node, FALSE);
    printf("%s\n", line);
}

static gboolean parse_spot(const char *text, ViewSpot *spot)
{
    *spot = (ViewSpot){0};
    char *end;
    spot->width = (int)g_ascii_strtoll(text, &end, 10);
    if (*end == 'x')
        spot->height = (int)g_ascii_strtoll(end + 1, &end, 10);
    if (*end == '+')
        spot->x = (int)g_ascii_strtoll(end + 1, &end, 10);
    if (*end == '+')
        spot->y = (int)g_ascii_strtoll(end + 1, &end, 10);
    return *end == '\0' && spot->width > 0 && spot->height > 0;
}

static gboolean stroke(View *view, const Keyboard *keyboard, char letter, gint64 *pressed)
{
    g_autoptr(GArray) events = g_array_new(FALSE, FALSE, sizeof(KeyEvent));
    if (!keyboard_character(keyboard, (gunichar)letter, TRUE, events, NULL))
        return FALSE;
    *pressed = g_get_monotonic_time();
    for (guint i = 0; i < events->len; i++) {
        if (!view_key(view, &g_array_index(events, KeyEvent, i)))
            return FALSE;
    }
    return TRUE;
}

/* Whether all places have changed. */
static gboolean all_answered(View *view, ViewSpot *spots, guint n)
{
    view_spots(view, spots);
    for (guint i = 0; i < n; i++) {
        if (!spots[i].first)
            return FALSE;
    }
    return TRUE;
}

static gboolean measure_echo(View *view, const Keyboard *keyboard, const gint64 *changed,
                             char **words)
{
    double rate = g_ascii_strtod(words[0], NULL);
    guint count = (guint)g_ascii_strtoull(words[1], NULL, 10);
    guint columns = (guint)g_ascii_strtoull(words[3], NULL, 10);
    g_autoptr(GRand) random = g_rand_new_with_seed((guint32)g_ascii_strtoull(words[4], NULL, 10));
    ViewSpot cell;
    if (rate <= 0 || !count || count > MAX_PRESSES || !columns || !parse_spot(words[2], &cell))
        return FALSE;

    g_autofree ViewSpot *spots = g_new0(ViewSpot, count);
    g_autofree gint64 *pressed = g_new0(gint64, count);
    for (guint i = 0; i < count; i++) {
        spots[i] = cell;
        spots[i].x = (int)(i % columns) * cell.width;
        spots[i].y = (int)(i / columns) * cell.height;
    }
    const ViewSpot all = {
        .width = cell.width * (int)MIN(count, columns),
        .height = cell.height * (int)((count + columns - 1) / columns),
    };
    if (!await_empty(view, &all, changed))
        return FALSE;
    view_watch(view, spots, count);
    gint64 next = g_get_monotonic_time();
    for (guint i = 0; i < count && !lost; i++) {
        next += next_pause(random, rate);
        wait_until(next);
        if (!stroke(view, keyboard, (char)('a' + g_rand_int_range(random, 0, 26)), &pressed[i]))
            return FALSE;
    }
    gint64 limit = g_get_monotonic_time() + PATIENCE;
    while (!all_answered(view, spots, count) && g_get_monotonic_time() < limit && !lost)
        wait_until(g_get_monotonic_time() + SLICE);

    JsonArray *array = json_array_new();
    JsonArray *times = json_array_new();
    for (guint i = 0; i < count; i++) {
        add_latency(array, pressed[i], spots[i].first);
        json_array_add_int_element(times, pressed[i]);
    }
    g_autoptr(JsonObject) result = json_object_new();
    json_object_set_array_member(result, "ms", array);
    json_object_set_array_member(result, "pressed_us", times);
    print(result, view);
    return !lost;
}

/* The latency of one press, which the spot @answers shows by changing. The spot tells that
 * something was answered, not what, so the next press waits for it. */
static gint64 press_and_wait(View *view, const Keyboard *keyboard, ViewSpot *spots, guint answers,
                             gint64 limit)
{
    gint64 pressed;
    view_spots(view, spots);
    guint before = spots[answers].changes;
    if (!stroke(view, keyboard, 'a', &pressed))
        return 0;
    do {
        wait_until(g_get_monotonic_time() + SLICE);
        view_spots(view, spots);
        if (spots[answers].changes > before)
            return spots[answers].last - pressed;
    } while (g_get_monotonic_time() < limit && !lost);
    return 0;
}

static gboolean measure_watch(View *view, const Keyboard *keyboard, const gint64 *changed,
                              char **words)
{
    gint64 duration = (gint64)(g_ascii_strtod(words[0], NULL) * 1e6);
    double rate = g_ascii_strtod(words[2], NULL);
    g_autoptr(GRand) random = g_rand_new_with_seed((guint32)g_ascii_strtoull(words[4], NULL, 10));
    ViewSpot spots[2];
    if (duration <= 0 || !parse_spot(words[1], &spots[0]) || !parse_spot(words[3], &spots[1]))
        return FALSE;
    gint64 limit = g_get_monotonic_time() + FIRST_WITHIN;
    while (!view_has_picture(view) && g_get_monotonic_time() < limit && !lost)
        wait_until(g_get_monotonic_time() + SLICE);
    ViewStatistics statistics;
    view_watch(view, spots, 2);
    view_statistics(view, TRUE, &statistics);
    gint64 begin = g_get_monotonic_time();
    JsonArray *latencies = json_array_new();
    while (rate > 0 && !lost) {
        gint64 next = g_get_monotonic_time() + next_pause(random, rate);
        if (next >= begin + duration)
            break;
        wait_until(next);
        add_latency(latencies, 0,
                    press_and_wait(view, keyboard, spots, 1, begin + duration + PATIENCE));
    }
    wait_until(MAX(begin + duration, g_get_monotonic_time()));
    view_spots(view, spots);
    g_autoptr(JsonObject) result = json_object_new();
    json_object_set_array_member(result, "ms", latencies);
    json_object_set_int_member(result, "frames", spots[0].changes);
    json_object_set_double_member(result, "seconds",
                                  (double)(g_get_monotonic_time() - begin) / 1e6);
    print(result, view);
    return !lost;
}

static const struct {
    const char *name;
    int words;
    gboolean (*function)(View *view, const Keyboard *keyboard, const gint64 *changed, char **words);
} measurements[] = {
    {"echo", 5, measure_echo},
    {"watch", 5, measure_watch},
};

static int measure(View *view, const Keyboard *keyboard, const gint64 *changed, int argc,
                   char **argv)
{
    for (gsize i = 0; i < G_N_ELEMENTS(measurements); i++) {
        if (strcmp(measurements[i].name, argv[2]) != 0 || measurements[i].words != argc - 3)
            continue;
        if (measurements[i].function(view, keyboard, changed, argv + 3))
            return EXIT_SUCCESS;
        g_printerr("vncmeasure: %s: %s\n", argv[2],
                   lost ? "the connection was lost"
                        : "wrong arguments, or a screen that is not cleared");
        return EXIT_FAILURE;
    }
    g_printerr("vncmeasure: no such measurement, or not its number of arguments\n");
    return 2;
}

int main(int argc, char **argv)
{
    g_autofree char *encodings = g_strdup("zrle");
    gboolean lossy = FALSE;
    const GOptionEntry entries[] = {
        {"encodings", 'e', 0, G_OPTION_ARG_STRING, &encodings, "by preference", "NAMES"},
        {"lossy", 0, 0, G_OPTION_ARG_NONE, &lossy, "accept JPEG", NULL},
        G_OPTION_ENTRY_NULL,
    };
    static const ViewEvents events = {
        .changed = on_changed,
        .resized = on_resized,
        .leds = on_leds,
        .named = on_text,
        .cut_text = on_text,
        .lost = on_lost,
    };
    setlocale(LC_ALL, "C.UTF-8");
    g_autoptr(GError) error = NULL;
    g_autoptr(GOptionContext) context = g_option_context_new("HOST:PORT MEASUREMENT ARGUMENTS");
    g_option_context_add_main_entries(context, entries, NULL);
    char *colon = NULL;
    if (!g_option_context_parse(context, &argc, &argv, &error) || argc < 3 ||
        !(colon = strrchr(argv[1], ':'))) {
        g_printerr("vncmeasure: %s\n", error ? error->message : "HOST:PORT MEASUREMENT ARGUMENTS");
        return 2;
    }
    *colon = '\0';
    const ViewOptions options = {
        .host = argv[1],
        .port = (int)g_ascii_strtoll(colon + 1, NULL, 10),
        .encodings = encodings,
        .lossy = lossy,
        .extended = TRUE,
    };
    gint64 changed = g_get_monotonic_time();
    g_autoptr(Keyboard) keyboard = keyboard_new("us", &error);
    g_autoptr(View) view = keyboard ? view_connect(&options, &events, &changed, &error) : NULL;
    if (!view) {
        g_printerr("vncmeasure: %s: %s\n", argv[1], error->message);
        return EXIT_FAILURE;
    }
    return measure(view, keyboard, &changed, argc, argv);
}
