/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * table.c - prints rows of text in columns, and quantities as people read them
 */
#include "cli/table.h"

#include <string.h>

#include "cli/cli.h"

struct Table {
    guint columns;
    GPtrArray *cells; /* row by row */
};

Table *table_new(guint columns)
{
    Table *table = g_new(Table, 1);

    table->columns = columns;
    table->cells = g_ptr_array_new_with_free_func(g_free);
    return table;
}

void table_add(Table *table, ...)
{
    va_list cells;

    va_start(cells, table);
    for (guint i = 0; i < table->columns; i++) {
        const char *text = va_arg(cells, const char *);

        g_ptr_array_add(table->cells, g_strdup(text ? text : "-"));
    }
    va_end(cells);
}

static int width_of(const Table *table, guint column)
{
    gsize width = 0;

    for (guint i = column; i < table->cells->len; i += table->columns)
        width = MAX(width, strlen(g_ptr_array_index(table->cells, i)));
    return (int)width;
}

void table_print(const Table *table)
{
    for (guint i = 0; i < table->cells->len; i++) {
        const char *text = g_ptr_array_index(table->cells, i);
        guint column = i % table->columns;

        if (column + 1 < table->columns)
            cli_print("%-*s  ", width_of(table, column), text);
        else
            cli_print("%s\n", text);
    }
}

void table_free(Table *table)
{
    g_ptr_array_unref(table->cells);
    g_free(table);
}

char *text_bytes(guint64 bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    double value = (double)bytes;
    gsize unit = 0;

    for (; value >= 1000 && unit + 1 < G_N_ELEMENTS(units); unit++)
        value /= 1000;
    return g_strdup_printf(unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

char *text_ms(double ms)
{
    return ms < 1000 ? g_strdup_printf("%.1f ms", ms) : g_strdup_printf("%.2f s", ms / 1000);
}
