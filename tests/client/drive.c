/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * drive.c - the commands that vncdrive obeys
 *
 * Theory of operation
 *
 * Every command is under way on its own until it is done, so a text can be typed while the pointer
 * moves and the picture is watched. There are two kinds of such tasks. A script is a list of inputs
 * with the time for each: its source in the main loop is ready at the time of the next one; an
 * input that is late goes out at once and does not shift the later ones. A watch waits for the
 * picture: it is looked at when the picture changes, and when its own timer says.
 */
#include "drive.h"

#include <gio/gio.h>
#include <json-glib/json-glib.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define MS ((gint64)1000) /* us */

struct Drive {
    View *view;
    Keyboard *keyboard;
    GMainLoop *loop;
    gboolean modifiers;
    gboolean lost;
    int x, y, buttons; /* where the pointer is */
    gint64 changed_at; /* us, when the picture last changed */
    GPtrArray *watches;
};

/* Output */

static JsonObject *object_new(const char *key, const char *value)
{
    JsonObject *object = json_object_new();
    json_object_set_string_member(object, key, value);
    json_object_set_double_member(object, "t", (double)g_get_monotonic_time() / 1e6);
    return object;
}

static void print(JsonObject *object)
{
    g_autoptr(JsonNode) node = json_node_init_object(json_node_alloc(), object);
    g_autofree char *line = json_to_string(node, FALSE);
    json_object_unref(object);
    printf("%s\n", line);
    fflush(stdout);
}

static void reply_error(const char *id, const char *message)
{
    JsonObject *object = object_new("id", id);
    json_object_set_string_member(object, "error", message);
    print(object);
}

/* Scripts */

typedef struct {
    gint64 due; /* us after the start */
    gboolean is_key;
    KeyEvent key;
    int x, y, buttons;
} Input;

typedef struct {
    GSource source;
    Drive *drive;
    char *id;
    GArray *inputs;
    guint next;
    gint64 start;
    gint64 latest; /* us, the most that an input was late */
} Script;

static gboolean send_input(Drive *drive, const Input *input)
{
    if (input->is_key)
        return view_key(drive->view, &input->key);
    drive->x = input->x;
    drive->y = input->y;
    drive->buttons = input->buttons;
    return view_pointer(drive->view, input->x, input->y, input->buttons);
}

static gboolean script_dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
    Script *script = (Script *)source;
    gint64 now = g_get_monotonic_time();
    for (; script->next < script->inputs->len; script->next++) {
        const Input *input = &g_array_index(script->inputs, Input, script->next);
        if (script->start + input->due > now) {
            g_source_set_ready_time(source, script->start + input->due);
            return G_SOURCE_CONTINUE;
        }
        script->latest = MAX(script->latest, now - script->start - input->due);
        if (!send_input(script->drive, input)) {
            reply_error(script->id, "the connection is broken");
            return G_SOURCE_REMOVE;
        }
    }
    JsonObject *object = object_new("id", script->id);
    json_object_set_int_member(object, "inputs", script->inputs->len);
    json_object_set_double_member(object, "began", (double)script->start / 1e6);
    json_object_set_double_member(object, "latest_ms", (double)script->latest / 1e3);
    print(object);
    return G_SOURCE_REMOVE;
}

static void script_finalize(GSource *source)
{
    Script *script = (Script *)source;
    g_free(script->id);
    g_array_unref(script->inputs);
}

/* Takes over @inputs. */
static void script_start(Drive *drive, const char *id, GArray *inputs)
{
    static GSourceFuncs functions = {.dispatch = script_dispatch, .finalize = script_finalize};
    g_autoptr(GSource) source = g_source_new(&functions, sizeof(Script));
    Script *script = (Script *)source;
    script->drive = drive;
    script->id = g_strdup(id);
    script->inputs = inputs;
    script->start = g_get_monotonic_time();
    g_source_set_ready_time(source, script->start);
    g_source_attach(source, NULL);
}

static void add_key(GArray *inputs, gint64 due, const KeyEvent *key)
{
    Input input = {.due = due, .is_key = TRUE, .key = *key};
    g_array_append_val(inputs, input);
}

static void add_pointer(GArray *inputs, gint64 due, int x, int y, int buttons)
{
    Input input = {.due = due, .x = x, .y = y, .buttons = buttons};
    g_array_append_val(inputs, input);
}

/* type RATE TEXT: RATE characters a second; TEXT with C escapes */
static gboolean command_type(Drive *drive, const char *id, char **words, GError **error)
{
    double rate = g_ascii_strtod(words[0], NULL);
    g_autofree char *text = g_strcompress(words[1]);
    if (rate <= 0 || !g_utf8_validate(text, -1, NULL)) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "needs a rate and UTF-8");
        return FALSE;
    }
    g_autoptr(GArray) inputs = g_array_new(FALSE, FALSE, sizeof(Input));
    g_autoptr(GArray) events = g_array_new(FALSE, FALSE, sizeof(KeyEvent));
    double slot = 1e6 / rate;
    gint64 n = 0;
    for (const char *c = text; *c; c = g_utf8_next_char(c), n++) {
        g_array_set_size(events, 0);
        if (!keyboard_character(drive->keyboard, g_utf8_get_char(c), drive->modifiers, events,
                                error))
            return FALSE;
        /* A key is held for half of its time: presses at its begin, releases in the middle. */
        for (guint i = 0; i < events->len; i++) {
            const KeyEvent *event = &g_array_index(events, KeyEvent, i);
            add_key(inputs, (gint64)(slot * ((double)n + (event->down ? 0 : 0.5))), event);
        }
    }
    script_start(drive, id, g_steal_pointer(&inputs));
    return TRUE;
}

static gboolean keys(Drive *drive, const char *id, const char *name, gboolean down, gboolean up,
                     GError **error)
{
    KeyEvent key;
    if (!keyboard_key(drive->keyboard, name, &key, error))
        return FALSE;
    GArray *inputs = g_array_new(FALSE, FALSE, sizeof(Input));
    if (down) {
        key.down = TRUE;
        add_key(inputs, 0, &key);
    }
    if (up) {
        key.down = FALSE;
        add_key(inputs, 0, &key);
    }
    script_start(drive, id, inputs);
    return TRUE;
}

static gboolean command_press(Drive *drive, const char *id, char **words, GError **error)
{
    return keys(drive, id, words[0], TRUE, FALSE, error);
}

static gboolean command_release(Drive *drive, const char *id, char **words, GError **error)
{
    return keys(drive, id, words[0], FALSE, TRUE, error);
}

static gboolean command_tap(Drive *drive, const char *id, char **words, GError **error)
{
    return keys(drive, id, words[0], TRUE, TRUE, error);
}

static int number(const char *word)
{
    return (int)g_ascii_strtoll(word, NULL, 0);
}

/* move X Y: with the buttons as they are */
static gboolean command_move(Drive *drive, const char *id, char **words, GError **error)
{
    GArray *inputs = g_array_new(FALSE, FALSE, sizeof(Input));
    add_pointer(inputs, 0, number(words[0]), number(words[1]), drive->buttons);
    script_start(drive, id, inputs);
    return TRUE;
}

/* buttons MASK: where the pointer is; 1 left, 2 middle, 4 right */
static gboolean command_buttons(Drive *drive, const char *id, char **words, GError **error)
{
    GArray *inputs = g_array_new(FALSE, FALSE, sizeof(Input));
    add_pointer(inputs, 0, drive->x, drive->y, number(words[0]));
    script_start(drive, id, inputs);
    return TRUE;
}

/* wheel up|down|left|right COUNT: one notch every 20 ms */
static gboolean command_wheel(Drive *drive, const char *id, char **words, GError **error)
{
    static const char *const directions[] = {"up", "down", "left", "right", NULL};
    int which = 0;
    while (directions[which] && strcmp(directions[which], words[0]) != 0)
        which++;
    if (!directions[which]) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "no direction %s", words[0]);
        return FALSE;
    }
    GArray *inputs = g_array_new(FALSE, FALSE, sizeof(Input));
    for (int i = 0; i < number(words[1]); i++) {
        add_pointer(inputs, (gint64)i * 20 * MS, drive->x, drive->y, drive->buttons | (8 << which));
        add_pointer(inputs, (gint64)i * 20 * MS, drive->x, drive->y, drive->buttons);
    }
    script_start(drive, id, inputs);
    return TRUE;
}

/* path INTERVAL_MS COUNT X0 Y0 X1 Y1: COUNT moves on a straight line, both ends included */
static gboolean command_path(Drive *drive, const char *id, char **words, GError **error)
{
    int v[6];
    for (int i = 0; i < 6; i++)
        v[i] = number(words[i]);
    if (v[0] < 1 || v[1] < 2) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "needs an interval, two moves");
        return FALSE;
    }
    GArray *inputs = g_array_new(FALSE, FALSE, sizeof(Input));
    for (int i = 0; i < v[1]; i++) {
        double part = (double)i / (v[1] - 1);
        add_pointer(inputs, (gint64)i * v[0] * MS, v[2] + (int)lround((v[4] - v[2]) * part),
                    v[3] + (int)lround((v[5] - v[3]) * part), drive->buttons);
    }
    script_start(drive, id, inputs);
    return TRUE;
}

/* Watches */

typedef struct Watch Watch;

struct Watch {
    Drive *drive;
    char *id;
    /* Whether it is done; if so it has printed its reply. Else *next says when to look again, if
     * the picture does not change before. */
    gboolean (*look)(Watch *watch, gboolean changed, gint64 now, gint64 *next);
    gint64 deadline;
    guint timer;
    gint64 quiet;      /* stable: us without a change */
    GBytes *reference; /* equal, differs: the picture as a file */
    gboolean equal;
    KeyEvent key;       /* latency: the key to press */
    int left;           /* latency: samples to take */
    gint64 pressed;     /* latency: when the key went down; 0: waiting for quiet */
    JsonArray *samples; /* latency: ms */
};

static void watch_free(gpointer data)
{
    Watch *watch = data;
    if (watch->timer)
        g_source_remove(watch->timer);
    g_clear_pointer(&watch->reference, g_bytes_unref);
    g_clear_pointer(&watch->samples, json_array_unref);
    g_free(watch->id);
    g_free(watch);
}

static gboolean on_watch_timer(gpointer data);

static void watch_look(Watch *watch, gboolean changed)
{
    gint64 now = g_get_monotonic_time();
    gint64 next = watch->deadline;
    gboolean done = watch->look(watch, changed, now, &next);
    if (!done && now >= watch->deadline) {
        reply_error(watch->id, "timeout");
        done = TRUE;
    }
    if (done) {
        g_ptr_array_remove_fast(watch->drive->watches, watch);
        return;
    }
    if (watch->timer)
        g_source_remove(watch->timer);
    next = MIN(next, watch->deadline);
    watch->timer = g_timeout_add((guint)(MAX(next - now, 0) / MS + 1), on_watch_timer, watch);
}

static gboolean on_watch_timer(gpointer data)
{
    Watch *watch = data;
    watch->timer = 0;
    watch_look(watch, FALSE);
    return G_SOURCE_REMOVE;
}

static Watch *watch_new(Drive *drive, const char *id,
                        gboolean (*look)(Watch *, gboolean, gint64, gint64 *), int timeout_ms)
{
    Watch *watch = g_new0(Watch, 1);
    watch->drive = drive;
    watch->id = g_strdup(id);
    watch->look = look;
    watch->deadline = g_get_monotonic_time() + timeout_ms * MS;
    g_ptr_array_add(drive->watches, watch);
    return watch;
}

static gboolean look_stable(Watch *watch, gboolean changed, gint64 now, gint64 *next)
{
    *next = watch->drive->changed_at + watch->quiet;
    if (now < *next)
        return FALSE;
    print(object_new("id", watch->id));
    return TRUE;
}

static gboolean look_reference(Watch *watch, gboolean changed, gint64 now, gint64 *next)
{
    g_autoptr(GBytes) picture = view_snapshot(watch->drive->view);
    if (g_bytes_equal(picture, watch->reference) != watch->equal)
        return FALSE;
    print(object_new("id", watch->id));
    return TRUE;
}

static gboolean look_latency(Watch *watch, gboolean changed, gint64 now, gint64 *next)
{
    Drive *drive = watch->drive;
    if (watch->pressed && drive->changed_at > watch->pressed) {
        json_array_add_double_element(watch->samples,
                                      (double)(drive->changed_at - watch->pressed) / 1e3);
        watch->pressed = 0;
        watch->left--;
    }
    if (watch->left == 0) {
        JsonObject *object = object_new("id", watch->id);
        json_object_set_array_member(object, "ms", g_steal_pointer(&watch->samples));
        print(object);
        return TRUE;
    }
    if (watch->pressed)
        return FALSE;
    *next = drive->changed_at + watch->quiet;
    if (now < *next)
        return FALSE;
    *next = watch->deadline;
    watch->pressed = g_get_monotonic_time();
    watch->key.down = TRUE;
    view_key(drive->view, &watch->key);
    watch->key.down = FALSE;
    view_key(drive->view, &watch->key);
    return FALSE;
}

/* stable QUIET_MS TIMEOUT_MS: until the picture has not changed for so long */
static gboolean command_stable(Drive *drive, const char *id, char **words, GError **error)
{
    Watch *watch = watch_new(drive, id, look_stable, number(words[1]));
    watch->quiet = number(words[0]) * MS;
    watch_look(watch, FALSE);
    return TRUE;
}

static gboolean reference(Drive *drive, const char *id, gboolean equal, char **words,
                          GError **error)
{
    char *data;
    gsize size;
    if (!g_file_get_contents(words[0], &data, &size, error))
        return FALSE;
    Watch *watch = watch_new(drive, id, look_reference, number(words[1]));
    watch->reference = g_bytes_new_take(data, size);
    watch->equal = equal;
    watch_look(watch, FALSE);
    return TRUE;
}

/* equal FILE TIMEOUT_MS: until the picture is that of a PPM file */
static gboolean command_equal(Drive *drive, const char *id, char **words, GError **error)
{
    return reference(drive, id, TRUE, words, error);
}

/* differs FILE TIMEOUT_MS: until the picture is not that of a PPM file */
static gboolean command_differs(Drive *drive, const char *id, char **words, GError **error)
{
    return reference(drive, id, FALSE, words, error);
}

/* latency COUNT KEY QUIET_MS TIMEOUT_MS: after QUIET_MS without a change type the key, and measure
 * until the picture changes */
static gboolean command_latency(Drive *drive, const char *id, char **words, GError **error)
{
    KeyEvent key;
    if (!keyboard_key(drive->keyboard, words[1], &key, error))
        return FALSE;
    Watch *watch = watch_new(drive, id, look_latency, number(words[3]));
    watch->left = number(words[0]);
    watch->key = key;
    watch->quiet = number(words[2]) * MS;
    watch->samples = json_array_new();
    watch_look(watch, FALSE);
    return TRUE;
}

/* Commands that are done at once */

/* snapshot FILE: the picture as a binary PPM */
static gboolean command_snapshot(Drive *drive, const char *id, char **words, GError **error)
{
    g_autoptr(GBytes) picture = view_snapshot(drive->view);
    gsize size;
    const char *data = g_bytes_get_data(picture, &size);
    if (!g_file_set_contents(words[0], data, (gssize)size, error))
        return FALSE;
    print(object_new("id", id));
    return TRUE;
}

/* statistics keep|reset */
static gboolean command_statistics(Drive *drive, const char *id, char **words, GError **error)
{
    ViewStatistics statistics;
    view_statistics(drive->view, strcmp(words[0], "reset") == 0, &statistics);
    JsonObject *object = object_new("id", id);
    json_object_set_int_member(object, "updates", (gint64)statistics.updates);
    json_object_set_int_member(object, "changes", (gint64)statistics.changes);
    json_object_set_int_member(object, "bytes", (gint64)statistics.bytes);
    json_object_set_double_member(object, "longest_gap_ms", (double)statistics.longest_gap / 1e3);
    print(object);
    return TRUE;
}

/* cut TEXT: the client's clipboard; TEXT with C escapes */
static gboolean command_cut(Drive *drive, const char *id, char **words, GError **error)
{
    g_autofree char *text = g_strcompress(words[0]);
    view_cut_text(drive->view, text);
    print(object_new("id", id));
    return TRUE;
}

/* refresh: ask for all of the picture again */
static gboolean command_refresh(Drive *drive, const char *id, char **words, GError **error)
{
    view_refresh(drive->view);
    print(object_new("id", id));
    return TRUE;
}

static const struct {
    const char *name;
    int words; /* how many; the last one is the rest of the line */
    gboolean (*function)(Drive *drive, const char *id, char **words, GError **error);
} commands[] = {
    {"type", 2, command_type},         {"press", 1, command_press},
    {"release", 1, command_release},   {"tap", 1, command_tap},
    {"move", 2, command_move},         {"buttons", 1, command_buttons},
    {"wheel", 2, command_wheel},       {"path", 6, command_path},
    {"stable", 2, command_stable},     {"equal", 2, command_equal},
    {"differs", 2, command_differs},   {"latency", 4, command_latency},
    {"snapshot", 1, command_snapshot}, {"statistics", 1, command_statistics},
    {"cut", 1, command_cut},           {"refresh", 0, command_refresh},
};

void drive_command(Drive *drive, const char *line)
{
    g_auto(GStrv) head = g_strsplit(line, " ", 3);
    if (!head[0] || !head[1]) {
        reply_error(head[0] ? head[0] : "", "a command is ID COMMAND ARGUMENTS");
        return;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (strcmp(commands[i].name, head[1]) != 0)
            continue;
        g_autoptr(GError) error = NULL;
        g_auto(GStrv) words = g_strsplit(head[2] ? head[2] : "", " ", MAX(commands[i].words, 1));
        if ((int)g_strv_length(words) < commands[i].words)
            reply_error(head[0], "too few arguments");
        else if (!commands[i].function(drive, head[0], words, &error))
            reply_error(head[0], error->message);
        return;
    }
    reply_error(head[0], "no such command");
}

/* What the server does */

static void on_changed(gint64 now, gpointer data)
{
    Drive *drive = data;
    drive->changed_at = now;
    /* A watch that is done takes itself off the list. */
    for (guint i = drive->watches->len; i > 0; i--)
        watch_look(g_ptr_array_index(drive->watches, i - 1), TRUE);
}

static void on_resized(int width, int height, gpointer data)
{
    JsonObject *object = object_new("event", "resized");
    json_object_set_int_member(object, "width", width);
    json_object_set_int_member(object, "height", height);
    print(object);
}

static void on_leds(int state, gpointer data)
{
    JsonObject *object = object_new("event", "leds");
    json_object_set_int_member(object, "state", state);
    print(object);
}

static void on_named(const char *name, gpointer data)
{
    JsonObject *object = object_new("event", "named");
    json_object_set_string_member(object, "name", name);
    print(object);
}

static void on_cut_text(const char *text, gpointer data)
{
    JsonObject *object = object_new("event", "cut");
    json_object_set_string_member(object, "text", text);
    print(object);
}

static void on_lost(const char *why, gpointer data)
{
    Drive *drive = data;
    JsonObject *object = object_new("event", "disconnected");
    json_object_set_string_member(object, "reason", why);
    print(object);
    drive->lost = TRUE;
    g_main_loop_quit(drive->loop);
}

Drive *drive_new(const DriveOptions *options, GMainLoop *loop, GError **error)
{
    static const ViewEvents events = {
        .changed = on_changed,
        .resized = on_resized,
        .leds = on_leds,
        .named = on_named,
        .cut_text = on_cut_text,
        .lost = on_lost,
    };
    Drive *drive = g_new0(Drive, 1);
    drive->loop = loop;
    drive->modifiers = options->modifiers;
    drive->watches = g_ptr_array_new_with_free_func(watch_free);
    drive->keyboard = keyboard_new(options->layout, error);
    if (drive->keyboard)
        drive->view = view_connect(&options->view, &events, drive, error);
    if (!drive->view) {
        drive_free(drive);
        return NULL;
    }
    drive->changed_at = g_get_monotonic_time();

    int width;
    int height;
    view_size(drive->view, &width, &height);
    JsonObject *object = object_new("event", "connected");
    json_object_set_string_member(object, "name", view_name(drive->view));
    json_object_set_int_member(object, "width", width);
    json_object_set_int_member(object, "height", height);
    json_object_set_int_member(object, "port", view_local_port(drive->view));
    print(object);
    return drive;
}

void drive_free(Drive *drive)
{
    if (!drive)
        return;
    g_clear_pointer(&drive->watches, g_ptr_array_unref);
    g_clear_pointer(&drive->view, view_close);
    g_clear_pointer(&drive->keyboard, keyboard_free);
    g_free(drive);
}

gboolean drive_lost(const Drive *drive)
{
    return drive->lost;
}
