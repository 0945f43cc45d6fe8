/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pair/image.h"

#include "base/error.h"
#include "base/json.h"

#define HINT "build it with 'make image', or name its directory as 'image' in the host's file"

static gboolean add_file(GChecksum *checksum, const char *path, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(GMappedFile) file = g_mapped_file_new(path, FALSE, &failure);

    if (!file) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST, "Domain R's image is missing: %s; " HINT,
                    failure->message);
        return FALSE;
    }
    g_checksum_update(checksum, (const guchar *)g_mapped_file_get_contents(file),
                      (gssize)g_mapped_file_get_length(file));
    return TRUE;
}

static char *read_id(const char *path, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *text = NULL;
    gsize size = 0;

    if (!g_file_get_contents(path, &text, &size, &failure)) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST,
                    "Domain R's image has no identity: %s; " HINT, failure->message);
        return NULL;
    }
    g_autoptr(JsonObject) object = json_parse(text, size, &failure);
    const char *id = object ? json_get_text(object, "id", NULL) : NULL;
    if (!id)
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST, "%s %s; " HINT, path,
                    failure ? failure->message : "names no id");
    return g_strdup(id);
}

Image *image_open(const char *directory, GError **error)
{
    g_autoptr(Image) image = g_new0(Image, 1);
    g_autofree char *description = g_build_filename(directory, "image.json", NULL);
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);

    image->kernel = g_build_filename(directory, "vmlinuz", NULL);
    image->initrd = g_build_filename(directory, "initrd", NULL);
    if (!add_file(checksum, image->kernel, error) || !add_file(checksum, image->initrd, error))
        return NULL;
    image->id = read_id(description, error);
    if (!image->id)
        return NULL;
    if (!g_str_equal(image->id, g_checksum_get_string(checksum))) {
        g_set_error(
            error, DMORE_ERROR, DMORE_ERROR_HOST,
            "the files of Domain R's image in %s are not those that image.json names; " HINT,
            directory);
        return NULL;
    }
    return g_steal_pointer(&image);
}

void image_free(Image *image)
{
    g_free(image->kernel);
    g_free(image->initrd);
    g_free(image->id);
    g_free(image);
}
