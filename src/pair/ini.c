/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ini.c - reads the INI-style files of D-MORE; ini.h tells the form
 *
 * GKeyFile is not used because it tells no line numbers, takes every key, and lets a later
 * duplicate win in silence.
 */
#include "pair/ini.h"

#include <string.h>

#include "base/error.h"

/* where the parser is */
typedef struct {
    const char *origin;
    int line;
    const char *section; /* of the table, NULL before the first section */
    const IniKey *keys;
    gsize n_keys;
    const IniContext *context;
    int *lines;
} Parser;

gboolean ini_error(GError **error, const char *origin, int line, const char *format, ...)
{
    g_autofree char *sentence = NULL;
    va_list arguments;

    va_start(arguments, format);
    sentence = g_strdup_vprintf(format, arguments);
    va_end(arguments);

    if (line > 0)
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_USAGE, "%s:%d: %s", origin, line, sentence);
    else
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_USAGE, "%s: %s", origin, sentence);
    return FALSE;
}

char *ini_load(const char *path, gsize *length, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autofree char *text = NULL;

    if (!g_file_get_contents(path, &text, length, &cause)) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_USAGE, "cannot read %s: %s", path,
                    cause->message);
        return NULL;
    }
    if (*length > INI_MAX_BYTES) {
        ini_error(error, path, 0, "the file is larger than %u bytes; is it a configuration?",
                  INI_MAX_BYTES);
        return NULL;
    }
    return g_steal_pointer(&text);
}

/* The allowed sections, or the allowed keys of one, as "a, b, c" for a message. */
static char *allowed_words(const Parser *parser, const char *section)
{
    GString *words = g_string_new(NULL);
    const char *last = NULL;

    for (gsize i = 0; i < parser->n_keys; i++) {
        const IniKey *key = &parser->keys[i];

        if (section && strcmp(key->section, section) != 0)
            continue;
        if (!section && last && strcmp(key->section, last) == 0)
            continue;
        g_string_append_printf(words, section ? "%s%s" : "%s[%s]", words->len ? ", " : "",
                               section ? key->name : key->section);
        last = key->section;
    }
    return g_string_free(words, FALSE);
}

static gboolean enter_section(Parser *parser, char *line, GError **error)
{
    g_autofree char *allowed = NULL;
    char *end = strchr(line, ']');

    if (!end || end[1] != '\0')
        return ini_error(error, parser->origin, parser->line,
                         "a section is written as [name], with nothing behind it");
    *end = '\0';

    const char *name = g_strstrip(line + 1);

    parser->section = NULL;
    for (gsize i = 0; i < parser->n_keys && !parser->section; i++)
        if (strcmp(parser->keys[i].section, name) == 0)
            parser->section = parser->keys[i].section;
    if (!parser->section) {
        allowed = allowed_words(parser, NULL);
        return ini_error(error, parser->origin, parser->line,
                         "there is no section [%s]; the sections are %s", name, allowed);
    }

    for (gsize i = 0; i < parser->n_keys; i++) {
        if (strcmp(parser->keys[i].section, parser->section) != 0)
            continue;
        if (parser->lines[i] != 0)
            return ini_error(error, parser->origin, parser->line,
                             "section [%s] has begun before; write its keys together",
                             parser->section);
        parser->lines[i] = -parser->line;
    }
    return TRUE;
}

static gboolean take_value(Parser *parser, gsize i, const char *value, GError **error)
{
    const IniKey *key = &parser->keys[i];

    if (parser->lines[i] > 0 && !key->repeatable)
        return ini_error(error, parser->origin, parser->line,
                         "%s is set at line %d already; it may be set once", key->name,
                         parser->lines[i]);
    if (*value == '\0')
        return ini_error(error, parser->origin, parser->line,
                         "%s has no value; give it one or leave the line out", key->name);
    if (!key->set(parser->context, value, error)) {
        g_prefix_error(error, "%s:%d: %s: ", parser->origin, parser->line, key->name);
        return FALSE;
    }
    parser->lines[i] = parser->line;
    return TRUE;
}

static gboolean take_key(Parser *parser, char *line, GError **error)
{
    g_autofree char *allowed = NULL;
    char *equals = strchr(line, '=');

    if (!equals)
        return ini_error(error, parser->origin, parser->line,
                         "expected \"key = value\", \"[section]\" or a comment that begins with #");
    *equals = '\0';

    const char *name = g_strstrip(line);
    const char *value = g_strstrip(equals + 1);

    if (!parser->section) {
        allowed = allowed_words(parser, NULL);
        return ini_error(error, parser->origin, parser->line,
                         "%s stands before the first section; the sections are %s", name, allowed);
    }
    for (gsize i = 0; i < parser->n_keys; i++)
        if (strcmp(parser->keys[i].section, parser->section) == 0 &&
            strcmp(parser->keys[i].name, name) == 0)
            return take_value(parser, i, value, error);

    allowed = allowed_words(parser, parser->section);
    return ini_error(error, parser->origin, parser->line,
                     "section [%s] has no key \"%s\"; its keys are %s", parser->section, name,
                     allowed);
}

gboolean ini_parse(const char *text, gsize length, const char *origin, const IniKey *keys,
                   gsize n_keys, const IniContext *context, int *lines, GError **error)
{
    g_auto(GStrv) all = NULL;
    g_autofree char *copy = NULL;
    const char *bad = NULL;
    Parser parser = {
        .origin = origin,
        .keys = keys,
        .n_keys = n_keys,
        .context = context,
        .lines = lines,
    };

    memset(lines, 0, n_keys * sizeof(*lines));
    if (!g_utf8_validate_len(text, length, &bad)) {
        int line = 1;

        for (const char *at = text; at < bad; at++)
            line += *at == '\n';
        return ini_error(error, origin, line, "this is not UTF-8 text");
    }
    copy = g_strndup(text, length);
    if (g_str_has_prefix(copy, "\xef\xbb\xbf")) /* the mark some editors begin a file with */
        memset(copy, ' ', 3);
    all = g_strsplit(copy, "\n", -1);
    for (char **next = all; *next; next++) {
        char *line = g_strstrip(*next);

        parser.line++;
        if (*line == '\0' || *line == '#' || *line == ';')
            continue;
        if (*line == '[' ? !enter_section(&parser, line, error) : !take_key(&parser, line, error))
            return FALSE;
    }
    return TRUE;
}
