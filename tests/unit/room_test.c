/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * room_test.c - a region on a file system that has not enough memory for all of it
 *
 * Needs root, for a tmpfs of its own in a mount name space of its own; without, it is skipped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "base/error.h"
#include "pair/region-file.h"
#include "pair/screen-copy.h"
#include "pair/screen-feed.h"

#define WIDTH 1024 /* pixels of a screen of 3 MB */
#define HEIGHT 768
#define MB 1048576u

typedef struct {
    char *directory;
    char *path;
    char *ballast; /* what else takes room there */
    gboolean mounted;
} Store;

static Store store;

static int mount_store(void **state)
{
    store.directory = g_dir_make_tmp("dmore-room-XXXXXX", NULL);
    store.path = g_build_filename(store.directory, "region", NULL);
    store.ballast = g_build_filename(store.directory, "ballast", NULL);
    store.mounted = unshare(CLONE_NEWNS) == 0 &&
                    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
                    mount("room", store.directory, "tmpfs", 0, "size=16m") == 0;
    return 0;
}

static int unmount_store(void **state)
{
    if (store.mounted)
        umount2(store.directory, MNT_DETACH);
    g_rmdir(store.directory);
    g_free(store.directory);
    g_free(store.path);
    g_free(store.ballast);
    return 0;
}

/* Leave @mb megabytes of the 16. */
static void leave(gsize mb, gsize taken)
{
    int fd = open(store.ballast, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(posix_fallocate(fd, 0, (off_t)((16 - mb - taken) * MB)), 0);
    close(fd);
}

static RegionFile *region_new(void)
{
    g_autoptr(GBytes) settings = g_bytes_new("settings", 8);
    g_autoptr(GError) error = NULL;
    RegionFile *file = region_file_create(store.path, 64 * (gsize)MB, settings, &error);

    if (!file)
        fail_msg("%s", error->message);
    return file;
}

static void region_end(RegionFile *file)
{
    region_file_free(file);
    g_unlink(store.path);
    g_unlink(store.ballast);
}

static gsize used(void)
{
    GStatBuf status;

    assert_int_equal(g_stat(store.path, &status), 0);
    return (gsize)status.st_blocks * 512;
}

static void show(ScreenFeed *feed, int width, int height)
{
    g_autofree guint8 *pixels = g_malloc(4 * (gsize)width * (gsize)height);

    memset(pixels, 0x5a, 4 * (gsize)width * (gsize)height);
    screen_feed_events.picture(width, height, pixels, 4 * (gsize)width, feed);
}

static struct screen_geometry shown(const RegionFile *file)
{
    uint32_t sequence;

    return screen_geometry(&file->region, &sequence);
}

static void no_region_without_room(void **state)
{
    g_autoptr(GBytes) settings = g_bytes_new("settings", 8);
    g_autoptr(GError) error = NULL;

    if (!store.mounted)
        skip();
    leave(1, 0);
    assert_null(region_file_create(store.path, 64 * (gsize)MB, settings, &error));
    assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_HOST));
    assert_false(g_file_test(store.path, G_FILE_TEST_EXISTS));
    g_unlink(store.ballast);
}

static void pixels_are_holes_until_shown(void **state)
{
    if (!store.mounted)
        skip();
    RegionFile *file = region_new();
    g_autoptr(GBytes) settings = g_bytes_new("settings", 8);
    g_autoptr(GError) error = NULL;

    assert_int_equal(used(), REGION_PIXELS_OFFSET);
    ScreenFeed *feed = screen_feed_new(&file->region);
    screen_feed_open(feed);
    show(feed, WIDTH, HEIGHT);
    assert_int_equal(used(), REGION_PIXELS_OFFSET + 4 * WIDTH * HEIGHT);
    assert_true(region_file_reset(file, settings, &error));
    assert_int_equal(used(), REGION_PIXELS_OFFSET);
    screen_feed_free(feed);
    region_end(file);
}

static void a_screen_without_room_is_not_shown(void **state)
{
    if (!store.mounted)
        skip();
    RegionFile *file = region_new();
    ScreenFeed *feed = screen_feed_new(&file->region);
    const guint32 dot = 0xffffff;

    screen_feed_open(feed);
    show(feed, 64, 64);
    leave(1, 3);
    show(feed, WIDTH, HEIGHT);
    assert_int_equal(shown(file).width, 0);
    screen_feed_events.update((DisplayRect){9, 9, 1, 1}, (const guint8 *)&dot, 4, feed);
    assert_int_equal(used(), REGION_PIXELS_OFFSET);
    assert_non_null(screen_feed_lack(feed));

    show(feed, 64, 64);
    assert_int_equal(shown(file).width, 64);
    assert_null(screen_feed_lack(feed));
    g_unlink(store.ballast);
    show(feed, WIDTH, HEIGHT);
    assert_int_equal(shown(file).width, WIDTH);
    screen_feed_free(feed);
    region_end(file);
}

/* Domain R calls the screen as wide as makes the lines of an update lie where there is no memory.
 */
static void a_lie_about_the_size_needs_no_room(void **state)
{
    if (!store.mounted)
        skip();
    RegionFile *file = region_new();
    struct screen_shared *screen = (void *)(file->region.base + REGION_SCREEN_OFFSET);
    ScreenFeed *feed = screen_feed_new(&file->region);
    const guint32 dot = 0xffffff;

    screen_feed_open(feed);
    show(feed, WIDTH, HEIGHT);
    leave(0, used() / MB);
    atomic_store(&screen->width, SCREEN_MAX_WIDTH);
    screen_feed_events.update((DisplayRect){9, HEIGHT - 1, 1, 1}, (const guint8 *)&dot, 4, feed);
    assert_int_equal(used(), REGION_PIXELS_OFFSET + 4 * WIDTH * HEIGHT);
    assert_int_equal(((guint32 *)screen_pixels(&file->region))[(HEIGHT - 1) * WIDTH + 9], dot);
    screen_feed_free(feed);
    region_end(file);
}

/* A display that tells an update and no picture, of a size that was found in the region. */
static void a_size_that_was_found_has_no_room_yet(void **state)
{
    if (!store.mounted)
        skip();
    RegionFile *file = region_new();
    ScreenFeed *feed = screen_feed_new(&file->region);
    const guint32 dot = 0xffffff;

    screen_set_geometry(&file->region, WIDTH, HEIGHT);
    screen_feed_open(feed);
    screen_feed_events.update((DisplayRect){9, 9, 1, 1}, (const guint8 *)&dot, 4, feed);
    assert_int_equal(used(), REGION_PIXELS_OFFSET);
    screen_feed_free(feed);
    region_end(file);
}

static void a_picture_without_room_does_not_come(void **state)
{
    if (!store.mounted)
        skip();
    RegionFile *file = region_new();
    struct screen_geometry geometry = {0};
    g_autoptr(GError) error = NULL;
    gsize size = 8 + 4 * WIDTH * HEIGHT;
    guint32 *copy = g_malloc0(size);

    copy[0] = GUINT32_TO_LE(WIDTH);
    copy[1] = GUINT32_TO_LE(HEIGHT);
    g_autoptr(GBytes) bytes = g_bytes_new_take(copy, size);
    leave(1, 2);
    assert_false(screen_copy_install(&file->region, bytes, &geometry, &error));
    assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_HOST));
    g_unlink(store.ballast);
    region_end(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_region_without_room),
        cmocka_unit_test(pixels_are_holes_until_shown),
        cmocka_unit_test(a_screen_without_room_is_not_shown),
        cmocka_unit_test(a_lie_about_the_size_needs_no_room),
        cmocka_unit_test(a_size_that_was_found_has_no_room_yet),
        cmocka_unit_test(a_picture_without_room_does_not_come),
    };

    return cmocka_run_group_tests(tests, mount_store, unmount_store);
}
