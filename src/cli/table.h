/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * table.h - prints rows of text in columns that are as wide as they need to be
 */
#ifndef DMORE_CLI_TABLE_H
#define DMORE_CLI_TABLE_H

#include <glib.h>

typedef struct Table Table;

/* table_new() - @columns is the number of them */
Table *table_new(guint columns);

/* table_add() - append a row: as many texts as there are columns; NULL is shown as "-" */
void table_add(Table *table, ...);

/* table_print() - on standard output, two blanks between columns */
void table_print(const Table *table);

void table_free(Table *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Table, table_free)

/* Quantities as people read them; free with g_free(). */
char *text_bytes(guint64 bytes); /* "512.0 MB", powers of 1000 as on the wire */
char *text_ms(double ms);        /* "85.3 ms", "12.4 s" */

#endif
