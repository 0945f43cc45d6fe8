/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * log.h - what domr has to say, a line each, on standard error
 *
 * In Domain R standard error is the serial console, which the host keeps as a file. An error is
 * logged where it is understood best, with what happened, to what, and what to do; the functions
 * above only hand a negative errno upwards. The last error is what the host is told when domr
 * cannot go on (region_status.message).
 */
#ifndef DMORE_DOMR_LOG_H
#define DMORE_DOMR_LOG_H

void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* log_last_error() - the text of the last log_error(), "" when there was none */
const char *log_last_error(void);

#endif
