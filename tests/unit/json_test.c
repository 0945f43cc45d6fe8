/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * json_test.c - members of an object from somebody who may have left them out or given another type
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/error.h"
#include "base/json.h"

static const char text[] =
    "{\"text\": \"t\", \"integer\": 5000000000, \"real\": 1.5, \"true\": true,"
    " \"null\": null, \"object\": {\"a\": 1}, \"array\": [1, 2]}";

/* Each kind of member, asked for as each type: only the right one is found. */
static void only_the_right_type_is_found(void **state)
{
    static const char *const names[] = {"text", "integer", "real",  "true",
                                        "null", "object",  "array", "absent"};
    g_autoptr(JsonParser) parser = json_parser_new();

    assert_true(json_parser_load_from_data(parser, text, -1, NULL));
    JsonObject *object = json_node_get_object(json_parser_get_root(parser));

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        const char *name = names[i];

        assert_string_equal(json_get_text(object, name, "-"),
                            g_str_equal(name, "text") ? "t" : "-");
        assert_true(json_get_integer(object, name, -7) ==
                    (g_str_equal(name, "integer") ? G_GINT64_CONSTANT(5000000000) : -7));
        assert_int_equal(json_get_boolean(object, name, FALSE), g_str_equal(name, "true"));
        assert_int_equal(json_get_object(object, name) != NULL, g_str_equal(name, "object"));
        assert_int_equal(json_get_array(object, name) != NULL, g_str_equal(name, "array"));
    }
}

/* What json-glib would take, or die of. */
static void only_one_object_is_taken(void **state)
{
    static const char *const refused[] = {
        "",
        "[]",
        "7",
        "{",
        "}",
        "{}}",
        "{}{}",
        "{} {}",
        "{} x",
        "\"\"{}",
        "7{}",
        "{'a':1}",
        "{\"a\":'b'}",
        "{\"a\":0x10}",
        "{\"a\":/*\"*/1}",
        "{\"a\":1 // b\n}",
        "var x = {}",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(refused); i++) {
        g_autoptr(GError) error = NULL;

        assert_null(json_parse(refused[i], strlen(refused[i]), &error));
        assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_PEER));
    }

    g_autoptr(JsonObject) taken = json_parse(text, strlen(text), NULL);

    assert_non_null(taken);
}

/* A comment hides the quote in it from the parser, so the brackets behind it are no text. */
static void brackets_hidden_by_a_comment_are_refused(void **state)
{
    g_autoptr(GString) deep = g_string_new("{\"a\":/*\"*/");

    for (int i = 0; i < 1000000; i++)
        g_string_append_c(deep, '[');
    assert_null(json_parse(deep->str, deep->len, NULL));
}

/* What is said of an object is compared with what becomes of it. */
static void what_can_be_written_can_be_read_again(void **state)
{
    static const char *const numbers[] = {"0",    "-0.0", "1.5",   "1e5",    "1e16", "1e17",
                                          "1e22", "1e-5", "1e-14", "-1e300", "1e400"};
    gsize refused = 0;

    for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++) {
        g_autofree char *in_depth = g_strdup_printf("{\"a\": [{\"b\": %s}]}", numbers[i]);
        g_autoptr(JsonObject) object = json_parse(in_depth, strlen(in_depth), NULL);

        assert_non_null(object);
        g_autoptr(JsonNode) node = json_node_init_object(json_node_alloc(), object);
        g_autofree char *written = json_to_string(node, FALSE);
        g_autoptr(JsonObject) again = json_parse(written, strlen(written), NULL);

        assert_int_equal(json_can_be_written(object), again != NULL);
        refused += !again;
    }
    assert_in_range(refused, 1, G_N_ELEMENTS(numbers) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_right_type_is_found),
        cmocka_unit_test(only_one_object_is_taken),
        cmocka_unit_test(brackets_hidden_by_a_comment_are_refused),
        cmocka_unit_test(what_can_be_written_can_be_read_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
