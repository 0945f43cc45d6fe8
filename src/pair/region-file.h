/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * region-file.h - the host's ownership of a pair's region
 *
 * The region is a file in the pair's run directory, which should be on a tmpfs: Domain R's
 * hypervisor maps it by its path, and another dmore-pair can adopt it by its path. It is removed
 * when the pair has ended on this host.
 */
#ifndef DMORE_PAIR_REGION_FILE_H
#define DMORE_PAIR_REGION_FILE_H

#include <glib.h>
#include "region/region.h"

typedef struct {
    char *path;
    struct region region;
} RegionFile;

/* region_file_create() - make the file, zeroed, @size bytes, with @settings for Domain R in it
 *
 * Return: NULL with DMORE_ERROR_HOST when there is no room, DMORE_ERROR_FAILED otherwise.
 */
RegionFile *region_file_create(const char *path, gsize size, GBytes *settings, GError **error);

/* region_file_open() - map the file that another dmore-pair has made
 *
 * Return: NULL with DMORE_ERROR_FAILED when it cannot be mapped or has the size of no region.
 */
RegionFile *region_file_open(const char *path, GError **error);

/* region_file_reset() - make it as region_file_create() has made it; nobody else has it mapped
 * Return: FALSE with DMORE_ERROR_FAILED, or DMORE_ERROR_HOST when the file system has no room.
 */
gboolean region_file_reset(RegionFile *file, GBytes *settings, GError **error);

/* region_file_free() - unmap; the file stays for whoever maps it by path */
void region_file_free(RegionFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RegionFile, region_file_free)

#endif
