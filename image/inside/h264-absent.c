/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * h264-absent.c - the H.264 encoder that a neatvnc built without it still asks for
 *
 * neatvnc 0.9.1 with -Dh264=disabled leaves out src/enc/h264/encoder.c, but its list of encoders
 * keeps referring to it. An encoder that cannot be created is what neatvnc expects of a machine
 * without hardware for it, so clients are served in another encoding.
 */
#include <stddef.h>
#include <stdint.h>

struct h264_encoder;

struct h264_encoder *h264_encoder_create(uint32_t width, uint32_t height, uint32_t format,
                                         int quality);
void h264_encoder_destroy(struct h264_encoder *encoder);

struct h264_encoder *h264_encoder_create(uint32_t width, uint32_t height, uint32_t format,
                                         int quality)
{
    (void)width;
    (void)height;
    (void)format;
    (void)quality;
    return NULL;
}

void h264_encoder_destroy(struct h264_encoder *encoder)
{
    (void)encoder;
}
