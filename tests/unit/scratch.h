/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scratch.h - a formatted region in memory of its own, for a test
 */
#ifndef DMORE_TESTS_SCRATCH_H
#define DMORE_TESTS_SCRATCH_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "region/region.h"

/* scratch_region() - @size bytes, formatted without settings; free(region.base) in the end */
static inline struct region scratch_region(size_t size)
{
    struct region region;
    void *base = aligned_alloc(4096, size);

    assert(base != NULL);
    memset(base, 0, size);
    int formatted = region_format(base, size, NULL, 0);
    int opened = region_open(&region, base, size);

    assert(formatted == 0 && opened == 0);
    (void)formatted;
    (void)opened;
    return region;
}

#endif
