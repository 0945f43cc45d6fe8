/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * carry.h - what has to be in another region before Domain R can be given that one instead
 *
 * Theory of operation
 *
 * Domain R has private copies of numbers that it has read in its region, and has written things
 * there that it does not write again. When it finds itself with another region it must find both
 * there. The rings are carried by those who relay them (ring_save()); the rest is carried here, as
 * records: geometry and sequence numbers of the screen, status, notice. Settings come with the
 * configuration; pixels go ahead, and the user VM's display tells them and the cursor anew.
 */
#ifndef DMORE_REGION_CARRY_H
#define DMORE_REGION_CARRY_H

#include "region/record.h"
#include "region/region.h"

/* carry_save() - append the records; Domain R must be stopped
 * Return: 0 or -ENOMEM; @writer may hold some of the records then.
 */
int carry_save(const struct region *region, struct record_writer *writer);

/* carry_restore() - install what carry_save() wrote into a formatted region
 * @bytes: the records, @size bytes, from another host and not trusted
 *
 * Return: 0; -EPROTO when they are damaged, incomplete or hold something mandatory that is not
 * known; -E2BIG when the screen does not fit. Nothing is changed on failure.
 */
int carry_restore(const struct region *region, const void *bytes, size_t size);

#endif
