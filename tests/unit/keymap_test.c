/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keymap_test.c - how keysyms are typed on the layouts us, jp and de
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <linux/input-event-codes.h>
#include <xkbcommon/xkbcommon-keysyms.h>

#include "base/error.h"
#include "pair/keymap.h"

#define SHIFT SETTING_KEY_SHIFT
#define ALTGR SETTING_KEY_ALTGR
#define CAPS SETTING_KEY_CAPS
#define NUM SETTING_KEY_NUM

static GArray *compile(const char *layout)
{
    g_autoptr(GError) error = NULL;
    GArray *table = keymap_compile(layout, &error);

    if (!table)
        fail_msg("%s", error->message);
    return table;
}

static struct setting_key entry(const GArray *table, guint i)
{
    return g_array_index(table, struct setting_key, i);
}

/* The entry of a keysym; all zero when it is missing. */
static struct setting_key look_up(const GArray *table, uint32_t keysym)
{
    for (guint i = 0; i < table->len; i++)
        if (entry(table, i).keysym == keysym)
            return entry(table, i);
    return (struct setting_key){0};
}

static void assert_keys(const char *layout, const struct setting_key *expected, gsize n)
{
    g_autoptr(GArray) table = compile(layout);

    for (gsize i = 0; i < n; i++) {
        struct setting_key key = look_up(table, expected[i].keysym);

        if (key.keysym == 0)
            fail_msg("%s: keysym %#x is missing", layout, expected[i].keysym);
        if (key.code != expected[i].code || key.modifiers != expected[i].modifiers)
            fail_msg("%s: keysym %#x is key %d with %#x, not %d with %#x", layout, key.keysym,
                     key.code, key.modifiers, expected[i].code, expected[i].modifiers);
    }
}

static void test_us(void **state)
{
    static const struct setting_key keys[] = {
        {XKB_KEY_a, KEY_A, CAPS},
        {XKB_KEY_A, KEY_A, SHIFT | CAPS},
        {XKB_KEY_1, KEY_1, 0},
        {XKB_KEY_exclam, KEY_1, SHIFT},
        {XKB_KEY_at, KEY_2, SHIFT},
        {XKB_KEY_backslash, KEY_BACKSLASH, 0},
        /* not on the key that only European keyboards have */
        {XKB_KEY_less, KEY_COMMA, SHIFT},
        {XKB_KEY_bar, KEY_BACKSLASH, SHIFT},
        {XKB_KEY_space, KEY_SPACE, 0},
        {XKB_KEY_Return, KEY_ENTER, 0},
        {XKB_KEY_Tab, KEY_TAB, 0},
        {XKB_KEY_ISO_Left_Tab, KEY_TAB, SHIFT},
        {XKB_KEY_Escape, KEY_ESC, 0},
        {XKB_KEY_F1, KEY_F1, 0},
        {XKB_KEY_F12, KEY_F12, 0},
        {XKB_KEY_F13, KEY_F13, 0},
        {XKB_KEY_Home, KEY_HOME, 0},
        {XKB_KEY_Print, KEY_SYSRQ, 0},
        {XKB_KEY_KP_7, KEY_KP7, NUM},
        {XKB_KEY_KP_Home, KEY_KP7, 0},
        {XKB_KEY_KP_Decimal, KEY_KPDOT, NUM},
        {XKB_KEY_KP_Add, KEY_KPPLUS, 0},
        {XKB_KEY_KP_Enter, KEY_KPENTER, 0},
        {XKB_KEY_Shift_L, KEY_LEFTSHIFT, 0},
        {XKB_KEY_Shift_R, KEY_RIGHTSHIFT, 0},
        {XKB_KEY_Control_L, KEY_LEFTCTRL, 0},
        {XKB_KEY_Alt_L, KEY_LEFTALT, 0},
        {XKB_KEY_Alt_R, KEY_RIGHTALT, 0},
        {XKB_KEY_Meta_L, KEY_LEFTALT, 0},
        {XKB_KEY_ISO_Level3_Shift, KEY_RIGHTALT, 0},
        {XKB_KEY_Super_L, KEY_LEFTMETA, 0},
        {XKB_KEY_Menu, KEY_COMPOSE, 0},
        {XKB_KEY_Caps_Lock, KEY_CAPSLOCK, 0},
        {XKB_KEY_Num_Lock, KEY_NUMLOCK, 0},
        {XKB_KEY_Scroll_Lock, KEY_SCROLLLOCK, 0},
    };

    assert_keys("us", keys, G_N_ELEMENTS(keys));
}

static void test_jp(void **state)
{
    static const struct setting_key keys[] = {
        {XKB_KEY_a, KEY_A, CAPS},
        {XKB_KEY_at, KEY_LEFTBRACE, 0},
        {XKB_KEY_quotedbl, KEY_2, SHIFT},
        {XKB_KEY_colon, KEY_APOSTROPHE, 0},
        {XKB_KEY_asciicircum, KEY_EQUAL, 0},
        {XKB_KEY_bracketleft, KEY_RIGHTBRACE, 0},
        {XKB_KEY_backslash, KEY_RO, 0},
        {XKB_KEY_underscore, KEY_RO, SHIFT},
        {XKB_KEY_bar, KEY_YEN, SHIFT},
        {XKB_KEY_Zenkaku_Hankaku, KEY_GRAVE, 0},
        {XKB_KEY_Henkan_Mode, KEY_HENKAN, 0},
        {XKB_KEY_Muhenkan, KEY_MUHENKAN, 0},
        {XKB_KEY_Hiragana_Katakana, KEY_KATAKANAHIRAGANA, 0},
        {XKB_KEY_Eisu_toggle, KEY_CAPSLOCK, 0},
        {XKB_KEY_Caps_Lock, KEY_CAPSLOCK, SHIFT},
    };

    assert_keys("jp", keys, G_N_ELEMENTS(keys));
}

static void test_de(void **state)
{
    static const struct setting_key keys[] = {
        {XKB_KEY_y, KEY_Z, CAPS},
        {XKB_KEY_Z, KEY_Y, SHIFT | CAPS},
        {XKB_KEY_adiaeresis, KEY_APOSTROPHE, CAPS},
        {XKB_KEY_Adiaeresis, KEY_APOSTROPHE, SHIFT | CAPS},
        {XKB_KEY_ssharp, KEY_MINUS, 0},
        {XKB_KEY_less, KEY_102ND, 0},
        {XKB_KEY_bar, KEY_102ND, ALTGR},
        {XKB_KEY_at, KEY_Q, ALTGR},
        {XKB_KEY_backslash, KEY_MINUS, ALTGR},
        {XKB_KEY_braceleft, KEY_7, ALTGR},
        {XKB_KEY_exclamdown, KEY_1, SHIFT | ALTGR},
        {XKB_KEY_EuroSign, KEY_E, ALTGR},
        {0x1000000 + 0x20ac, KEY_E, ALTGR},
        {XKB_KEY_dead_circumflex, KEY_GRAVE, 0},
        {XKB_KEY_ISO_Level3_Shift, KEY_RIGHTALT, 0},
        {XKB_KEY_Alt_R, KEY_RIGHTALT, 0},
    };
    static const struct setting_key plain[] = {{XKB_KEY_asciicircum, KEY_GRAVE, 0}};

    assert_keys("de", keys, G_N_ELEMENTS(keys));
    assert_keys("de(nodeadkeys)", plain, 1);
}

/* Domain R looks keysyms up by halving the table. */
static void test_sorted(void **state)
{
    const char *const layouts[] = {"us", "jp", "de", "fr", "gb", "ru"};

    for (gsize i = 0; i < G_N_ELEMENTS(layouts); i++) {
        g_autoptr(GArray) table = compile(layouts[i]);

        assert_in_range(table->len, 200, 2000);
        for (guint k = 1; k < table->len; k++)
            assert_true(entry(table, k - 1).keysym < entry(table, k).keysym);
    }
}

static void test_unknown(void **state)
{
    const char *const layouts[] = {"xx",   "",          "us(foo)", "us,de",  "us(",
                                   "us()", "us(intl)x", "../us",   "us intl"};

    for (gsize i = 0; i < G_N_ELEMENTS(layouts); i++) {
        g_autoptr(GError) error = NULL;

        assert_null(keymap_compile(layouts[i], &error));
        assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_USAGE));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_us),     cmocka_unit_test(test_jp),      cmocka_unit_test(test_de),
        cmocka_unit_test(test_sorted), cmocka_unit_test(test_unknown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
