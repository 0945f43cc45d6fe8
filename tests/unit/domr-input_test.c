/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * domr-input_test.c - several clients at one keyboard and one pointer
 *
 * What reaches the guest is read from the devices' queues, as "+" or "-" and the key, in order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <linux/input-event-codes.h>
#include <stdio.h>

#include "domr/input.h"
#include "scratch.h"

/* Some keys of the US layout, and one character with AltGr, sorted by keysym. */
static const struct setting_key layout[] = {
    {'!', KEY_1, SETTING_KEY_SHIFT},
    {'/', KEY_SLASH, 0},
    {'1', KEY_1, 0},
    {'@', KEY_2, SETTING_KEY_ALTGR},
    {'A', KEY_A, SETTING_KEY_SHIFT | SETTING_KEY_CAPS},
    {'a', KEY_A, SETTING_KEY_CAPS},
    {0xff51, KEY_LEFT, 0},       /* Left */
    {0xffe1, KEY_LEFTSHIFT, 0},  /* Shift_L */
    {0xffe2, KEY_RIGHTSHIFT, 0}, /* Shift_R */
};

#define LEFT_ARROW 0xff51
#define SHIFT_L 0xffe1
#define SHIFT_R 0xffe2

struct bench {
    struct region region;
    struct keyboard keyboard;
    struct pointer pointer;
    struct input input;
    struct input_client *one;
    struct input_client *two;
};

static void on_leds(uint8_t leds, void *data)
{
}

static int setup(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));

    bench->region = scratch_region(REGION_MIN_SIZE);
    assert_int_equal(keyboard_open(&bench->keyboard, &bench->region, on_leds, NULL), 0);
    assert_int_equal(pointer_open(&bench->pointer, &bench->region), 0);
    input_init(&bench->input, &bench->keyboard, &bench->pointer, layout,
               sizeof(layout) / sizeof(layout[0]));
    bench->one = input_add_client(&bench->input);
    bench->two = input_add_client(&bench->input);
    *state = bench;
    return 0;
}

static void remove_client(struct bench *bench, struct input_client **client)
{
    input_remove_client(&bench->input, *client);
    *client = NULL;
}

static int teardown(void **state)
{
    struct bench *bench = *state;

    if (bench->one)
        remove_client(bench, &bench->one);
    if (bench->two)
        remove_client(bench, &bench->two);
    keyboard_close(&bench->keyboard);
    pointer_close(&bench->pointer);
    free(bench->region.base);
    free(bench);
    return 0;
}

static const char *name_of(uint8_t usage)
{
    static const struct {
        uint32_t code;
        const char *name;
    } names[] = {{KEY_A, "a"},
                 {KEY_1, "1"},
                 {KEY_2, "2"},
                 {KEY_SLASH, "/"},
                 {KEY_LEFT, "left"},
                 {KEY_LEFTSHIFT, "shift"},
                 {KEY_RIGHTSHIFT, "rshift"},
                 {KEY_RIGHTALT, "altgr"}};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (hid_usage(names[i].code) == usage)
            return names[i].name;
    }
    return "?";
}

/* Take what waits in the keyboard's queue and compare it. */
static void expect_keys(struct bench *bench, const char *expected)
{
    char text[256] = "";
    size_t used = 0;

    while (bench->keyboard.waiting > 0) {
        const struct key_event *event = &bench->keyboard.queue[bench->keyboard.head];

        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%c%s", used ? " " : "",
                                 event->pressed ? '+' : '-', name_of(event->usage));
        bench->keyboard.head = (bench->keyboard.head + 1) % KEYBOARD_QUEUE;
        bench->keyboard.waiting--;
    }
    assert_string_equal(text, expected);
}

static void key(struct bench *bench, struct input_client *client, uint32_t code, bool pressed)
{
    input_code(&bench->input, client, code, pressed);
}

static void sym(struct bench *bench, struct input_client *client, uint32_t keysym, bool pressed)
{
    input_keysym(&bench->input, client, keysym, pressed);
}

static void strike(struct bench *bench, uint32_t keysym)
{
    sym(bench, bench->one, keysym, true);
    sym(bench, bench->one, keysym, false);
}

static void key_is_down_while_anybody_holds_it(void **state)
{
    struct bench *bench = *state;

    key(bench, bench->one, KEY_A, true);
    key(bench, bench->two, KEY_A, true);
    key(bench, bench->one, KEY_A, false);
    expect_keys(bench, "+a");
    key(bench, bench->two, KEY_A, false);
    expect_keys(bench, "-a");
}

static void repeated_press_and_stray_release_are_nothing(void **state)
{
    struct bench *bench = *state;

    key(bench, bench->one, KEY_A, true);
    key(bench, bench->one, KEY_A, true);
    key(bench, bench->two, KEY_A, false);
    expect_keys(bench, "+a");
    key(bench, bench->one, KEY_A, false);
    key(bench, bench->one, KEY_A, false);
    expect_keys(bench, "-a");
}

static void client_that_vanishes_lets_go(void **state)
{
    struct bench *bench = *state;

    key(bench, bench->one, KEY_LEFTSHIFT, true);
    key(bench, bench->one, KEY_A, true);
    key(bench, bench->two, KEY_LEFTSHIFT, true);
    expect_keys(bench, "+shift +a");
    remove_client(bench, &bench->one);
    expect_keys(bench, "-a");
    remove_client(bench, &bench->two);
    expect_keys(bench, "-shift");
}

static void unknown_codes_are_ignored(void **state)
{
    struct bench *bench = *state;

    key(bench, bench->one, 0, true);
    key(bench, bench->one, KEY_BRIGHTNESSUP, true);
    key(bench, bench->one, 255, true);
    key(bench, bench->one, 256, true);
    key(bench, bench->one, UINT32_MAX, true);
    key(bench, bench->one, UINT32_MAX, false);
    expect_keys(bench, "");
}

static void missing_shift_is_added_for_the_stroke(void **state)
{
    struct bench *bench = *state;

    strike(bench, '!');
    expect_keys(bench, "+shift +1 -1 -shift");
    strike(bench, '@');
    expect_keys(bench, "+altgr +2 -2 -altgr");
}

static void held_shift_is_taken_away_for_the_stroke(void **state)
{
    struct bench *bench = *state;

    sym(bench, bench->one, SHIFT_R, true);
    strike(bench, '!');
    expect_keys(bench, "+rshift +1 -1");
    strike(bench, '/');
    expect_keys(bench, "-rshift +/ -/ +rshift");
    sym(bench, bench->one, SHIFT_R, false);
    expect_keys(bench, "-rshift");
}

static void held_shift_stays_for_an_arrow(void **state)
{
    struct bench *bench = *state;

    sym(bench, bench->one, SHIFT_L, true);
    strike(bench, LEFT_ARROW);
    sym(bench, bench->one, SHIFT_L, false);
    expect_keys(bench, "+shift +left -left -shift");
}

/* While '!' is still down, another key goes down: the borrowed Shift is given back first. */
static void adjustment_ends_before_the_next_key(void **state)
{
    struct bench *bench = *state;

    sym(bench, bench->one, '!', true);
    sym(bench, bench->one, '!', true);
    expect_keys(bench, "+shift +1");
    sym(bench, bench->one, 'a', true);
    expect_keys(bench, "-shift +a");
    sym(bench, bench->one, '!', false);
    sym(bench, bench->one, 'a', false);
    expect_keys(bench, "-1 -a");
}

static void adjustment_ends_with_its_client(void **state)
{
    struct bench *bench = *state;

    sym(bench, bench->one, SHIFT_L, true);
    sym(bench, bench->one, '/', true);
    expect_keys(bench, "+shift -shift +/");
    remove_client(bench, &bench->one);
    assert_int_equal(bench->keyboard.wanted.modifiers, 0);
    assert_int_equal(bench->keyboard.wanted.n_keys, 0);
}

static void adjustment_of_one_client_is_invisible_to_another(void **state)
{
    struct bench *bench = *state;

    sym(bench, bench->one, '!', true);
    key(bench, bench->two, KEY_LEFTSHIFT, true);
    sym(bench, bench->one, '!', false);
    expect_keys(bench, "+shift +1 -shift +shift -1");
    key(bench, bench->two, KEY_LEFTSHIFT, false);
    expect_keys(bench, "-shift");
}

static void caps_lock_is_taken_into_account(void **state)
{
    struct bench *bench = *state;

    bench->keyboard.leds = KEYBOARD_LED_CAPS;
    strike(bench, 'A');
    expect_keys(bench, "+a -a");
    strike(bench, 'a');
    expect_keys(bench, "+shift +a -a -shift");
}

/* A client that lets go of Shift first calls the key by its other name. */
static void release_finds_the_key_that_was_pressed(void **state)
{
    struct bench *bench = *state;

    sym(bench, bench->one, SHIFT_L, true);
    sym(bench, bench->one, 'A', true);
    sym(bench, bench->one, SHIFT_L, false);
    sym(bench, bench->one, 'a', false);
    expect_keys(bench, "+shift +a -shift -a");
    strike(bench, 'a');
    expect_keys(bench, "+a -a");
}

/* Caps Lock goes on in between: the release is that of the same key all the same. */
static void release_does_not_ask_the_locks(void **state)
{
    struct bench *bench = *state;

    sym(bench, bench->one, 'a', true);
    bench->keyboard.leds = KEYBOARD_LED_CAPS;
    sym(bench, bench->one, 'a', false);
    expect_keys(bench, "+a -a");
}

static void two_characters_of_one_key_are_two_strokes(void **state)
{
    struct bench *bench = *state;

    sym(bench, bench->one, '1', true);
    sym(bench, bench->one, '!', true);
    sym(bench, bench->one, '1', false);
    sym(bench, bench->one, '!', false);
    expect_keys(bench, "+1 -1 +shift +1 -1 -shift");
    assert_int_equal(bench->keyboard.wanted.n_keys, 0);
}

static void unknown_keysyms_are_ignored(void **state)
{
    struct bench *bench = *state;

    for (uint32_t keysym = 0x2000; keysym < 0x2100; keysym++)
        strike(bench, keysym);
    expect_keys(bench, "");
}

/* More keysyms at once than there are places: what is taken is released, nothing stays down. */
static void nothing_sticks_after_too_many_keys(void **state)
{
    struct bench *bench = *state;
    struct setting_key many[100];

    for (uint32_t i = 0; i < 100; i++)
        many[i] = (struct setting_key){0x1000 + i, (uint16_t)(KEY_1 + i), 0};
    input_remove_client(&bench->input, bench->two);
    input_remove_client(&bench->input, bench->one);
    input_init(&bench->input, &bench->keyboard, &bench->pointer, many, 100);
    bench->one = input_add_client(&bench->input);
    bench->two = NULL;
    for (uint32_t i = 0; i < 100; i++)
        sym(bench, bench->one, 0x1000 + i, true);
    assert_int_equal(bench->keyboard.waiting, INPUT_KEYSYMS);
    for (uint32_t i = 0; i < 100; i++)
        sym(bench, bench->one, 0x1000 + i, false);
    assert_int_equal(bench->keyboard.wanted.n_keys + bench->keyboard.wanted.modifiers, 0);
}

/* Pointer */

static struct pointer_state next_state(struct bench *bench)
{
    struct pointer_state state;

    assert_true(bench->pointer.waiting > 0);
    state = bench->pointer.queue[bench->pointer.head];
    bench->pointer.sent = state;
    bench->pointer.head = (bench->pointer.head + 1) % POINTER_QUEUE;
    bench->pointer.waiting--;
    return state;
}

static void point(struct bench *bench, struct input_client *client, uint32_t x, uint8_t buttons)
{
    input_pointer(&bench->input, client, x, 5, buttons, 800, 600);
}

static void buttons_of_all_clients_are_one_pointer(void **state)
{
    struct bench *bench = *state;

    point(bench, bench->one, 1, 1);
    assert_int_equal(next_state(bench).buttons, POINTER_LEFT);
    point(bench, bench->two, 2, 4);
    assert_int_equal(next_state(bench).buttons, POINTER_LEFT | POINTER_RIGHT);
    point(bench, bench->one, 1, 2);
    assert_int_equal(next_state(bench).buttons, POINTER_MIDDLE | POINTER_RIGHT);
    remove_client(bench, &bench->two);
    assert_int_equal(next_state(bench).buttons, POINTER_MIDDLE);
    remove_client(bench, &bench->one);
    struct pointer_state state_then = next_state(bench);
    assert_int_equal(state_then.buttons, 0);
    assert_int_equal(state_then.x, pointer_scale(1, 800)); /* where it was */
    assert_int_equal(bench->pointer.waiting, 0);
}

static void wheel_turns_once_a_press(void **state)
{
    struct bench *bench = *state;
    static const struct {
        uint8_t bit;
        int8_t wheel;
        int8_t pan;
    } wheels[] = {{8, 1, 0}, {16, -1, 0}, {32, 0, -1}, {64, 0, 1}};

    for (size_t i = 0; i < 4; i++) {
        point(bench, bench->one, 1, wheels[i].bit);
        point(bench, bench->one, 1, 0);
        struct pointer_state turned = next_state(bench);
        struct pointer_state after = next_state(bench);
        assert_int_equal(turned.wheel, wheels[i].wheel);
        assert_int_equal(turned.pan, wheels[i].pan);
        assert_int_equal(turned.buttons, 0);
        assert_int_equal(after.wheel | after.pan, 0);
    }
}

static void pointer_beyond_the_screen_is_at_its_edge(void **state)
{
    struct bench *bench = *state;

    point(bench, bench->one, 65535, 0);
    assert_int_equal(next_state(bench).x, pointer_scale(799, 800));
}

static void pointer_without_a_screen_is_nothing(void **state)
{
    struct bench *bench = *state;

    input_pointer(&bench->input, bench->one, 1, 1, 1, 0, 0);
    assert_int_equal(bench->pointer.waiting, 0);
}

#define WITH_BENCH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BENCH(key_is_down_while_anybody_holds_it),
        WITH_BENCH(repeated_press_and_stray_release_are_nothing),
        WITH_BENCH(client_that_vanishes_lets_go),
        WITH_BENCH(unknown_codes_are_ignored),
        WITH_BENCH(missing_shift_is_added_for_the_stroke),
        WITH_BENCH(held_shift_is_taken_away_for_the_stroke),
        WITH_BENCH(held_shift_stays_for_an_arrow),
        WITH_BENCH(adjustment_ends_before_the_next_key),
        WITH_BENCH(adjustment_ends_with_its_client),
        WITH_BENCH(adjustment_of_one_client_is_invisible_to_another),
        WITH_BENCH(caps_lock_is_taken_into_account),
        WITH_BENCH(release_finds_the_key_that_was_pressed),
        WITH_BENCH(release_does_not_ask_the_locks),
        WITH_BENCH(two_characters_of_one_key_are_two_strokes),
        WITH_BENCH(unknown_keysyms_are_ignored),
        WITH_BENCH(nothing_sticks_after_too_many_keys),
        WITH_BENCH(buttons_of_all_clients_are_one_pointer),
        WITH_BENCH(wheel_turns_once_a_press),
        WITH_BENCH(pointer_beyond_the_screen_is_at_its_edge),
        WITH_BENCH(pointer_without_a_screen_is_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
