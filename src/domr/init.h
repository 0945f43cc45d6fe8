/* SPDX-License-Identifier: GPL-2.0-or-later */
/* init.h - what domr does as the first process of Domain R, before it can serve */
#ifndef DMORE_DOMR_INIT_H
#define DMORE_DOMR_INIT_H

#include "region/region.h"

#define INIT_KICK_SIZE 64

/* init_mounts() - mount /proc, /sys, /dev, /run and /tmp, and write to the console. What fails is
 * logged; what depends on it fails later. */
void init_mounts(void);

/* init_region() - map the region that the kernel's command line names:
 * dmore.region=ADDRESS,SIZE, both in bytes. Notes in the region how it is mapped.
 *
 * Return: 0 or a negative errno after an error line.
 */
int init_region(struct region *region);

/* init_hardware() - load the kernel modules listed in /modules, and await the network interface and
 * the kick port
 * @kick: set to the port's path, INIT_KICK_SIZE bytes
 *
 * Return: 0 or a negative errno after an error line.
 */
int init_hardware(char *kick);

/* init_power_off() - end Domain R; does not return */
void init_power_off(void) __attribute__((noreturn));

#endif
