/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * log.h - log lines: "2026-11-22T13:58:14.123456Z name level: text" on standard error
 *
 * Use g_message() for what an operator wants to read the day after, g_info() for what explains a
 * fault, g_debug() for the rest, g_warning() for what went wrong and was survived. g_info() and
 * g_debug() are shown when DMORE_DEBUG is set in the environment.
 */
#ifndef DMORE_BASE_LOG_H
#define DMORE_BASE_LOG_H

/* log_setup() - call first in main()
 * @name: of the program or of the pair, at the head of each line; copied
 */
void log_setup(const char *name);

#endif
