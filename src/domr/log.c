/* SPDX-License-Identifier: GPL-2.0-or-later */
/* log.c - what domr has to say, a line each, on standard error */
#include "domr/log.h"

#include <stdarg.h>
#include <stdio.h>

#define LINE_SIZE 1024

static char last_error[LINE_SIZE];

static void print_line(const char *level, const char *text)
{
    fprintf(stderr, "domr: %s%s\n", level, text);
}

void log_info(const char *format, ...)
{
    char text[LINE_SIZE];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    print_line("", text);
}

void log_warning(const char *format, ...)
{
    char text[LINE_SIZE];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    print_line("warning: ", text);
}

void log_error(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(last_error, sizeof(last_error), format, arguments);
    va_end(arguments);
    print_line("error: ", last_error);
}

const char *log_last_error(void)
{
    return last_error;
}
