/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keymap.c - how each keysym is typed on a keyboard layout
 *
 * Theory of operation
 *
 * A table of XKB's types and levels would have to be interpreted. Instead a keyboard is simulated:
 * for each way of holding modifiers, these are pressed in an XKB state just as Domain R will press
 * them in the guest, and then each key is asked which keysym it makes. The first way that makes a
 * keysym is kept, so the order of the passes is the order of preference:
 *
 *  - fewer modifiers before more, the lower key code before the higher;
 *  - but a key that every keyboard has, even with Shift, before one that only some have: on the
 *    layout "us" XKB finds "<" unshifted on the key beside the left Shift of European keyboards,
 *    where a guest whose layout is "us" may well have something else.
 */
#include "pair/keymap.h"

#include <linux/input-event-codes.h>
#include <string.h>
#include <xkbcommon/xkbcommon.h>

#include "base/error.h"

#define EVDEV_OFFSET 8           /* XKB's key codes are those of evdev plus this */
#define LAST_KEY 247             /* the last that XKB's evdev rules know */
#define UNICODE_KEYSYM 0x1000000 /* the keysym of a Unicode character is its code plus this */

typedef struct xkb_context XkbContext;
typedef struct xkb_keymap XkbKeymap;
typedef struct xkb_state XkbState;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(XkbContext, xkb_context_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(XkbKeymap, xkb_keymap_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(XkbState, xkb_state_unref)

enum key_class {
    KEY_CLASS_NONE,     /* XKB's rules use the code for a virtual key, no keyboard has it */
    KEY_CLASS_COMMON,   /* on all keyboards */
    KEY_CLASS_NATIONAL, /* on the keyboards of some countries */
    KEY_CLASS_RARE,     /* multimedia keys and the like */
};

static const struct {
    enum key_class class;
    int held; /* enum setting_key_modifier; NUM: with Num Lock on */
} passes[] = {
    {KEY_CLASS_COMMON, 0},
    {KEY_CLASS_COMMON, SETTING_KEY_NUM},
    {KEY_CLASS_COMMON, SETTING_KEY_SHIFT},
    {KEY_CLASS_NATIONAL, 0},
    {KEY_CLASS_NATIONAL, SETTING_KEY_SHIFT},
    {KEY_CLASS_COMMON, SETTING_KEY_ALTGR},
    {KEY_CLASS_COMMON, SETTING_KEY_SHIFT | SETTING_KEY_ALTGR},
    {KEY_CLASS_NATIONAL, SETTING_KEY_ALTGR},
    {KEY_CLASS_NATIONAL, SETTING_KEY_SHIFT | SETTING_KEY_ALTGR},
    {KEY_CLASS_RARE, 0},
    {KEY_CLASS_RARE, SETTING_KEY_SHIFT},
};

/* Keys a client's keyboard may have while the layout gives them another name. Taken only where the
 * layout leaves the keysym open. */
static const struct setting_key substitutes[] = {
    {XKB_KEY_ISO_Level3_Shift, KEY_RIGHTALT, 0},
    {XKB_KEY_Mode_switch, KEY_RIGHTALT, 0},
    {XKB_KEY_Alt_R, KEY_RIGHTALT, 0},
    {XKB_KEY_Meta_L, KEY_LEFTALT, 0},
    {XKB_KEY_Meta_R, KEY_RIGHTALT, 0},
    {XKB_KEY_Super_L, KEY_LEFTMETA, 0},
    {XKB_KEY_Super_R, KEY_RIGHTMETA, 0},
    {XKB_KEY_Sys_Req, KEY_SYSRQ, 0},
    {XKB_KEY_F13, KEY_F13, 0},
    {XKB_KEY_F14, KEY_F14, 0},
    {XKB_KEY_F15, KEY_F15, 0},
    {XKB_KEY_F16, KEY_F16, 0},
    {XKB_KEY_F17, KEY_F17, 0},
    {XKB_KEY_F18, KEY_F18, 0},
    {XKB_KEY_F19, KEY_F19, 0},
    {XKB_KEY_F20, KEY_F20, 0},
    {XKB_KEY_F21, KEY_F21, 0},
    {XKB_KEY_F22, KEY_F22, 0},
    {XKB_KEY_F23, KEY_F23, 0},
    {XKB_KEY_F24, KEY_F24, 0},
};

static enum key_class class_of(int code)
{
    if (code == 84 || (code >= 195 && code <= 199))
        return KEY_CLASS_NONE; /* <LVL3>, <MDSW>, <ALT>, <META>, <SUPR>, <HYPR> */
    if (code <= KEY_KPDOT || code == KEY_F11 || code == KEY_F12 ||
        (code >= KEY_KPENTER && code <= KEY_DELETE) || code == KEY_PAUSE ||
        (code >= KEY_LEFTMETA && code <= KEY_COMPOSE))
        return KEY_CLASS_COMMON;
    if ((code >= KEY_ZENKAKUHANKAKU && code <= KEY_KPJPCOMMA) ||
        (code >= KEY_KPEQUAL && code <= KEY_YEN))
        return KEY_CLASS_NATIONAL;
    return KEY_CLASS_RARE;
}

static gboolean is_keypad(int code)
{
    return code >= KEY_KP7 && code <= KEY_KPDOT && code != KEY_KPMINUS && code != KEY_KPPLUS;
}

static void press(XkbState *state, int code)
{
    xkb_state_update_key(state, code + EVDEV_OFFSET, XKB_KEY_DOWN);
}

static void tap(XkbState *state, int code)
{
    press(state, code);
    xkb_state_update_key(state, code + EVDEV_OFFSET, XKB_KEY_UP);
}

/* Not by its key: on some layouts, "jp" for one, that has another meaning. */
static void lock_caps(XkbKeymap *keymap, XkbState *state)
{
    xkb_mod_index_t caps = xkb_keymap_mod_get_index(keymap, XKB_MOD_NAME_CAPS);

    xkb_state_update_mask(state, xkb_state_serialize_mods(state, XKB_STATE_MODS_DEPRESSED), 0,
                          xkb_state_serialize_mods(state, XKB_STATE_MODS_LOCKED) | 1u << caps, 0, 0,
                          0);
}

/* A keyboard on which @held modifiers are held; CAPS, NUM: with that lock on. */
static XkbState *hold(XkbKeymap *keymap, int held)
{
    XkbState *state = xkb_state_new(keymap);

    if (held & SETTING_KEY_NUM)
        tap(state, KEY_NUMLOCK);
    if (held & SETTING_KEY_ALTGR)
        press(state, KEY_RIGHTALT);
    if (held & SETTING_KEY_SHIFT)
        press(state, KEY_LEFTSHIFT);
    if (held & SETTING_KEY_CAPS)
        lock_caps(keymap, state);
    return state;
}

static xkb_keysym_t keysym_of(XkbState *state, int code)
{
    return xkb_state_key_get_one_sym(state, code + EVDEV_OFFSET);
}

/* Add @key unless its keysym has been found already. */
static void add(GArray *table, GHashTable *known, struct setting_key key)
{
    if (key.keysym != XKB_KEY_NoSymbol && g_hash_table_add(known, GUINT_TO_POINTER(key.keysym)))
        g_array_append_val(table, key);
}

static void add_pass(GArray *table, GHashTable *known, XkbKeymap *keymap, enum key_class class,
                     int held)
{
    g_autoptr(XkbState) plain = hold(keymap, held);
    g_autoptr(XkbState) caps = hold(keymap, held | SETTING_KEY_CAPS);
    g_autoptr(XkbState) shift = hold(keymap, held ^ SETTING_KEY_SHIFT);

    for (int code = 1; code <= LAST_KEY; code++) {
        xkb_keysym_t keysym = keysym_of(plain, code);
        int modifiers = held;

        if (held && keysym >= XKB_KEY_Meta_L && keysym <= XKB_KEY_Hyper_R)
            continue; /* a modifier that needs another one would hold that one, too */
        if (class_of(code) != class || ((held & SETTING_KEY_NUM) && !is_keypad(code)))
            continue;
        if (keysym_of(caps, code) != keysym && keysym_of(caps, code) == keysym_of(shift, code))
            modifiers |= SETTING_KEY_CAPS;
        add(table, known, (struct setting_key){keysym, (uint16_t)code, (uint16_t)modifiers});
    }
}

/* A client may name a character by its Unicode keysym although it has one of its own. */
static void add_unicode(GArray *table, GHashTable *known)
{
    guint length = table->len;

    for (guint i = 0; i < length; i++) {
        struct setting_key key = g_array_index(table, struct setting_key, i);
        guint32 character = xkb_keysym_to_utf32(key.keysym);

        if (character <= 0xff || (key.keysym >= XKB_KEY_KP_Space && key.keysym <= XKB_KEY_KP_Equal))
            continue;
        key.keysym = UNICODE_KEYSYM + character;
        add(table, known, key);
    }
}

static int compare_keysyms(gconstpointer a, gconstpointer b)
{
    const struct setting_key *left = a;
    const struct setting_key *right = b;

    return (left->keysym > right->keysym) - (left->keysym < right->keysym);
}

/* What XKB has to say goes into our one sentence, not to standard error. */
static void keep_quiet(XkbContext *context, enum xkb_log_level level, const char *format,
                       va_list arguments)
{
}

static XkbContext *open_context(GError **error)
{
    g_autoptr(XkbContext) context = xkb_context_new(XKB_CONTEXT_NO_DEFAULT_INCLUDES);

    if (context)
        xkb_context_set_log_fn(context, keep_quiet);
    if (!context || !xkb_context_include_path_append_default(context)) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST,
                    "the keyboard layouts of XKB are missing on this host; install the package "
                    "xkb-data");
        return NULL;
    }
    return g_steal_pointer(&context);
}

static gboolean is_layout_name(const char *layout)
{
    static const char word[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    gsize name = strspn(layout, word);
    gsize variant = 0;

    if (name == 0 || layout[name] == '\0')
        return name > 0;
    variant = strspn(layout + name + 1, word);
    return layout[name] == '(' && variant > 0 && strcmp(layout + name + 1 + variant, ")") == 0;
}

static XkbKeymap *open_keymap(const char *layout, GError **error)
{
    g_autoptr(XkbContext) context = open_context(error);
    g_auto(GStrv) parts = g_strsplit_set(layout, "()", 3);
    XkbKeymap *keymap = NULL;

    if (!context)
        return NULL;
    if (is_layout_name(layout)) {
        /* All are named, so nothing is taken from the environment. */
        struct xkb_rule_names names = {
            .rules = "evdev",
            .model = "pc105",
            .layout = parts[0],
            .variant = parts[1] ? parts[1] : "",
            .options = "",
        };

        keymap = xkb_keymap_new_from_names(context, &names, XKB_KEYMAP_COMPILE_NO_FLAGS);
    }
    if (!keymap)
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_USAGE,
                    "there is no keyboard layout \"%s\"; write a layout of XKB, as in \"us\", "
                    "\"jp\" or \"de(nodeadkeys)\" (/usr/share/X11/xkb/rules/base.lst lists them)",
                    layout);
    return keymap;
}

GArray *keymap_compile(const char *layout, GError **error)
{
    g_autoptr(XkbKeymap) keymap = open_keymap(layout, error);
    g_autoptr(GHashTable) known = g_hash_table_new(NULL, NULL);
    g_autoptr(GArray) table = g_array_new(FALSE, FALSE, sizeof(struct setting_key));

    if (!keymap)
        return NULL;
    for (gsize i = 0; i < G_N_ELEMENTS(passes); i++)
        add_pass(table, known, keymap, passes[i].class, passes[i].held);
    for (gsize i = 0; i < G_N_ELEMENTS(substitutes); i++)
        add(table, known, substitutes[i]);
    add_unicode(table, known);
    g_array_sort(table, compare_keysyms);
    return g_steal_pointer(&table);
}
