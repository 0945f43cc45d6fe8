/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * domr-keymap_test.c - how a keysym is typed on the guest's layout
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <linux/input-event-codes.h>

#include "domr/keymap.h"

/* Some keys of the German layout, sorted by keysym. */
static const struct setting_key de[] = {
    {'.', KEY_DOT, 0},
    {'/', KEY_7, SETTING_KEY_SHIFT},
    {'7', KEY_7, 0},
    {'@', KEY_Q, SETTING_KEY_ALTGR},
    {'Q', KEY_Q, SETTING_KEY_SHIFT | SETTING_KEY_CAPS},
    {'q', KEY_Q, SETTING_KEY_CAPS},
    {0xff0d, KEY_ENTER, 0},               /* Return */
    {0xff50, KEY_HOME, 0},                /* Home */
    {0xff95, KEY_KP7, 0},                 /* KP_Home */
    {0xffae, KEY_KPDOT, SETTING_KEY_NUM}, /* KP_Decimal */
    {0xffb7, KEY_KP7, SETTING_KEY_NUM},   /* KP_7 */
    {0xffe1, KEY_LEFTSHIFT, 0},           /* Shift_L */
};

#define N_DE (sizeof(de) / sizeof(de[0]))

static const struct keymap_conditions plain;

static struct keymap_stroke find(uint32_t keysym, struct keymap_conditions conditions)
{
    struct keymap_stroke stroke;
    struct keymap keymap;

    keymap_init(&keymap, de, N_DE);
    assert_true(keymap_find(&keymap, keysym, &conditions, &stroke));
    return stroke;
}

static void expect(struct keymap_stroke stroke, uint16_t code, bool shift, bool altgr)
{
    assert_int_equal(stroke.code, code);
    assert_true(stroke.adjust);
    assert_int_equal(stroke.shift, shift);
    assert_int_equal(stroke.altgr, altgr);
}

static void character_has_its_modifiers(void **state)
{
    expect(find('/', plain), KEY_7, true, false);
    expect(find('7', plain), KEY_7, false, false);
    expect(find('@', plain), KEY_Q, false, true);
}

static void caps_lock_turns_letters_only(void **state)
{
    struct keymap_conditions caps = {.caps = true};

    expect(find('Q', plain), KEY_Q, true, false);
    expect(find('Q', caps), KEY_Q, false, false);
    expect(find('q', caps), KEY_Q, true, false);
    expect(find('/', caps), KEY_7, true, false);
}

static void function_keys_leave_modifiers_alone(void **state)
{
    assert_false(find(0xff0d, plain).adjust);
    assert_false(find(0xffe1, plain).adjust);
    assert_false(find(0xffb7, (struct keymap_conditions){.num = true}).adjust);
}

static void keypad_follows_num_lock_or_is_left(void **state)
{
    struct keymap_conditions num = {.num = true};

    assert_int_equal(find(0xffb7, num).code, KEY_KP7);
    assert_int_equal(find(0xffb7, plain).code, KEY_7);
    assert_int_equal(find(0xffae, plain).code, KEY_DOT);
    assert_int_equal(find(0xff95, plain).code, KEY_KP7);
    assert_int_equal(find(0xff95, num).code, KEY_HOME);
}

/* Without any AltGr character the right Alt is an Alt, and held is held. */
static void right_alt_stays_where_the_layout_has_no_altgr(void **state)
{
    static const struct setting_key us[] = {{'f', KEY_F, SETTING_KEY_CAPS}};
    struct keymap_conditions held = {.altgr = true};
    struct keymap_stroke stroke;
    struct keymap keymap;

    keymap_init(&keymap, us, 1);
    assert_true(keymap_find(&keymap, 'f', &held, &stroke));
    expect(stroke, KEY_F, false, true);
    expect(find('q', held), KEY_Q, false, false);
}

static void unknown_keysym_is_not_found(void **state)
{
    struct keymap_stroke stroke;
    struct keymap keymap;

    keymap_init(&keymap, de, N_DE);
    assert_false(keymap_find(&keymap, 0x01000430, &plain, &stroke));
    assert_false(keymap_find(&keymap, 0, &plain, &stroke));
    assert_false(keymap_find(&keymap, UINT32_MAX, &plain, &stroke));
    keymap_init(&keymap, NULL, 0);
    assert_false(keymap_find(&keymap, '7', &plain, &stroke));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(character_has_its_modifiers),
        cmocka_unit_test(caps_lock_turns_letters_only),
        cmocka_unit_test(function_keys_leave_modifiers_alone),
        cmocka_unit_test(keypad_follows_num_lock_or_is_left),
        cmocka_unit_test(right_alt_stays_where_the_layout_has_no_altgr),
        cmocka_unit_test(unknown_keysym_is_not_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
