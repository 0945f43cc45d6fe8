/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * display_test.c - the screen of real QEMU processes, compared with QEMU's own screen dump
 */
#include "vms.h"

#include <signal.h>
#include <string.h>

#include "base/error.h"
#include "qemu/display.h"

#define SECONDS 1000 /* ms */

/* A copy of a screen, kept up to date as dmore-pair keeps the region. */
struct screen {
    int width;
    int height;
    guint32 *pixels;
    int pictures;
    int updates;
    int outside; /* updates that were not inside of the picture */
    int lost;
};

static void copy(struct screen *screen, DisplayRect rect, const guint8 *pixels, gsize stride)
{
    for (int y = 0; y < rect.height; y++)
        memcpy(screen->pixels + (gsize)(rect.y + y) * (gsize)screen->width + rect.x,
               pixels + (gsize)y * stride, (gsize)rect.width * sizeof(guint32));
}

static void on_picture(int width, int height, const guint8 *pixels, gsize stride, gpointer data)
{
    struct screen *screen = data;

    screen->pictures++;
    screen->width = width;
    screen->height = height;
    screen->pixels = g_realloc_n(screen->pixels, (gsize)width * (gsize)height, sizeof(guint32));
    copy(screen, (DisplayRect){0, 0, width, height}, pixels, stride);
}

static void on_update(DisplayRect rect, const guint8 *pixels, gsize stride, gpointer data)
{
    struct screen *screen = data;

    screen->updates++;
    if (rect.x < 0 || rect.y < 0 || rect.x + rect.width > screen->width ||
        rect.y + rect.height > screen->height)
        screen->outside++;
    else
        copy(screen, rect, pixels, stride);
}

static void on_cursor(int width, int height, int hot_x, int hot_y, const guint32 *pixels,
                      gpointer data)
{
}

static void on_visible(gboolean visible, gpointer data)
{
}

static void on_disabled(gpointer data)
{
}

static void on_lost(const GError *error, gpointer data)
{
    struct screen *screen = data;

    assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_FAILED));
    screen->lost++;
}

static const DisplayEvents events = {on_picture, on_update,   on_cursor,
                                     on_visible, on_disabled, on_lost};

/* dump() - the VM's screen as QEMU itself sees it, as a PPM; free with g_free() */
static char *dump(struct vms *vms, const char *name, gsize *size)
{
    g_autofree char *path = vms_path(vms, name, "ppm");
    char *text = NULL;

    vms_operate(vms, name, "screendump", g_variant_new_parsed("{'filename': <%s>}", path));
    assert_true(g_file_get_contents(path, &text, size, NULL));
    return text;
}

/* is_dump() - whether @screen is what the PPM shows */
static gboolean is_dump(const struct screen *screen, const char *ppm, gsize size)
{
    g_autofree char *header = g_strdup_printf("P6\n%d %d\n255\n", screen->width, screen->height);
    gsize count = (gsize)screen->width * (gsize)screen->height;
    const guint8 *bytes = (const guint8 *)ppm + strlen(header);

    if (!g_str_has_prefix(ppm, header) || size != strlen(header) + 3 * count)
        return FALSE;
    for (gsize i = 0; i < count; i++) {
        guint32 pixel =
            (guint32)bytes[3 * i] << 16 | (guint32)bytes[3 * i + 1] << 8 | bytes[3 * i + 2];

        if ((screen->pixels[i] & 0xffffff) != pixel)
            return FALSE;
    }
    return TRUE;
}

/* has_text() - whether anything is drawn */
static gboolean has_text(gpointer data)
{
    const struct screen *screen = data;

    for (int i = 0; i < screen->width * screen->height; i++) {
        if ((screen->pixels[i] & 0xffffff) != 0)
            return TRUE;
    }
    return FALSE;
}

struct comparison {
    const struct screen *screen;
    const char *ppm;
    gsize size;
};

static gboolean is_same(gpointer data)
{
    const struct comparison *comparison = data;

    return is_dump(comparison->screen, comparison->ppm, comparison->size);
}

/* assert_screen() - a dump makes QEMU bring its screen up to date; then the copy has to follow */
static void assert_screen(struct vms *vms, const char *name, struct screen *screen)
{
    gsize size;
    g_autofree char *ppm = dump(vms, name, &size);
    struct comparison comparison = {screen, ppm, size};

    vms_check(await(is_same, &comparison, 10 * SECONDS, NULL, "the same screen", &error));
    assert_int_equal(screen->outside, 0);
}

static Display *attach(Vm *vm, struct screen *screen)
{
    Display *display = NULL;

    vms_check(display = display_attach(vm, &events, screen, NULL, &error));
    return display;
}

/* launch_writing() - a VM whose firmware has written something, paused */
static Vm *launch_writing(struct vms *vms, const char *name, const char *model, Display **display,
                          struct screen *screen)
{
    UserVmSpec spec = {.display = model};
    Vm *vm = vms_launch(vms, name, spec);

    *display = attach(vm, screen);
    vms_check(vm_resume(vm, &error));
    vms_check(await(has_text, screen, 30 * SECONDS, NULL, "text on the screen", &error));
    vms_check(vm_pause(vm, &error));
    return vm;
}

static void check_model(struct vms *vms, const char *model)
{
    struct screen screen = {0};
    struct screen again = {0};
    Display *display;
    Vm *vm = launch_writing(vms, "a", model, &display, &screen);

    assert_screen(vms, "a", &screen);
    assert_string_equal(display_form(display), "map");
    assert_true(display_updates(display) >= (guint64)screen.pictures);
    display_detach(display);

    /* Somebody who comes later gets the whole picture. */
    display = attach(vm, &again);
    assert_screen(vms, "a", &again);
    assert_int_equal(again.width, screen.width);

    assert_int_equal(again.lost, 0);
    kill(vm_pid(vm), SIGKILL);
    vms_check(await_flag(&again.lost, 10 * SECONDS, NULL, "the end", &error));
    assert_int_equal(again.lost, 1);
    assert_int_equal(screen.lost, 0);
    display_detach(display);
    vms_end(vm);
    g_free(screen.pixels);
    g_free(again.pixels);
}

static void test_std(void **state)
{
    check_model(*state, "std");
}

static void test_virtio(void **state)
{
    check_model(*state, "virtio-vga");
}

/* On the destination the display is attached before the VM arrives, and then shows the same. */
static void test_migration(void **state)
{
    struct vms *vms = *state;
    struct screen before = {0};
    struct screen after = {0};
    UserVmSpec incoming = {.vm = {.incoming = TRUE}};
    const VmMigrationOptions options = {.bandwidth = 1u << 30};
    g_autofree char *address = NULL;
    Display *left;
    Vm *source = launch_writing(vms, "a", "std", &left, &before);
    Vm *destination = vms_launch(vms, "b", incoming);
    Display *right = attach(destination, &after);

    assert_screen(vms, "a", &before);
    vms_check(address = vm_migration_listen(destination, "127.0.0.1", FALSE, NULL, &error));
    vms_check(vm_migration_start(source, address, &options, NULL, &error));
    vms_check(vm_migration_await(source, VM_MIGRATION_SWITCHOVER, 10 * SECONDS, NULL, &error));
    vms_check(vm_migration_continue(source, &error));
    vms_check(vm_migration_await_loaded(destination, 10 * SECONDS, NULL, &error));
    assert_screen(vms, "b", &after);
    assert_int_equal(after.width, before.width);
    assert_int_equal(after.height, before.height);
    assert_memory_equal(after.pixels, before.pixels,
                        (gsize)after.width * (gsize)after.height * sizeof(guint32));
    display_detach(left);
    display_detach(right);
    vms_end(source);
    vms_end(destination);
    g_free(before.pixels);
    g_free(after.pixels);
}

static void test_no_display(void **state)
{
    struct vms *vms = *state;
    static const char *const extra[] = {"-display", "none", NULL};
    struct screen screen = {0};
    UserVmSpec spec = {.extra = extra};
    Vm *vm = vms_launch(vms, "a", spec);
    g_autoptr(GError) error = NULL;

    assert_null(display_attach(vm, &events, &screen, NULL, &error));
    assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_FAILED));
    assert_int_equal(screen.lost, 0);
    vms_end(vm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_std, vms_setup, vms_teardown),
        cmocka_unit_test_setup_teardown(test_virtio, vms_setup, vms_teardown),
        cmocka_unit_test_setup_teardown(test_migration, vms_setup, vms_teardown),
        cmocka_unit_test_setup_teardown(test_no_display, vms_setup, vms_teardown),
    };

    return cmocka_run_group_tests_name("display", tests, NULL, NULL);
}
