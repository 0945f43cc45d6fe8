/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * settings_fuzz.c - the settings and the keymap that Domain R finds in its region
 *
 * An input is the records. What is accepted is then used: every key of the keymap is typed, and
 * afterwards none is down.
 */
#include <stdlib.h>
#include <string.h>

#include "domr/input.h"
#include "domr/settings.h"
#include "fuzz.h"
#include "region/record.h"

#define KEYS_MAX 300 /* are typed */

static struct keyboard keyboard;
static struct pointer pointer;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    fuzz_quiet();
    return 0;
}

static void check_text(const struct region *region, const char *text)
{
    const char *end = (const char *)region->base + REGION_STREAM_OFFSET;

    CHECK(text == NULL || (text < end && memchr(text, '\0', (size_t)(end - text)) != NULL) ||
          strcmp(text, "D-MORE") == 0);
}

static void check_settings(const struct region *region, const struct settings *settings)
{
    check_text(region, settings->address4);
    check_text(region, settings->gateway4);
    check_text(region, settings->address6);
    check_text(region, settings->gateway6);
    check_text(region, settings->hostname);
    check_text(region, settings->desktop_name);
    check_text(region, settings->password);
    check_text(region, settings->tls_key);
    check_text(region, settings->tls_certificate);
    check_text(region, settings->rsa_key);
    CHECK(settings->port != 0);
    CHECK(settings->auth == SETTING_AUTH_NONE || (settings->password && *settings->password));
    CHECK(settings->n_keys * sizeof(*settings->keys) <= REGION_SETTINGS_CAPACITY);
}

static void on_leds(uint8_t leds, void *data)
{
}

static void type_all(const struct region *region, const struct settings *settings)
{
    struct input typed;
    size_t n = settings->n_keys < KEYS_MAX ? settings->n_keys : KEYS_MAX;

    CHECK(keyboard_open(&keyboard, region, on_leds, NULL) == 0);
    CHECK(pointer_open(&pointer, region) == 0);
    input_init(&typed, &keyboard, &pointer, settings->keys, settings->n_keys);

    struct input_client *client = input_add_client(&typed);
    struct input_client *other = input_add_client(&typed);

    CHECK(client != NULL && other != NULL);
    for (size_t i = 0; i < n; i++) {
        keyboard.leds = (uint8_t)(i & 7);
        input_keysym(&typed, i % 3 ? client : other, settings->keys[i].keysym, true);
        if (i % 5 == 0)
            input_code(&typed, other, settings->keys[i].code, true);
        if (i % 2)
            input_keysym(&typed, client, settings->keys[i / 2].keysym, false);
    }
    input_remove_client(&typed, client);
    input_remove_client(&typed, other);
    CHECK(keyboard.wanted.n_keys == 0 && keyboard.wanted.modifiers == 0);
    pointer_close(&pointer);
    keyboard_close(&keyboard);
}

/* What is read is the same when it is written again. */
static void check_records(const uint8_t *bytes, size_t size)
{
    struct record_reader reader = {bytes, size};
    struct record_writer writer = {0};
    struct record record;

    while (record_next(&reader, &record) > 0) {
        size_t before = writer.size;

        CHECK(record.data >= bytes && record.data + record.length <= bytes + size);
        CHECK(record_put(&writer, record.type, record.data, record.length) == 0);
        CHECK(memcmp(writer.bytes + before, record.data - RECORD_HEADER_SIZE,
                     RECORD_HEADER_SIZE + record.length) == 0);
    }
    CHECK(writer.size == size - reader.left);
    free(writer.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct region region = fuzz_region(0);
    struct settings settings;

    check_records(bytes, size);
    if (region_format(region.base, REGION_MIN_SIZE, bytes, size) < 0) {
        CHECK(size > REGION_SETTINGS_CAPACITY);
        return 0;
    }
    if (settings_read(&settings, &region) == 0) {
        check_settings(&region, &settings);
        type_all(&region, &settings);
    }
    return 0;
}
